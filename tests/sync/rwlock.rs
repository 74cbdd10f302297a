//! The laws of the read-write lock.
//!
//! Numbers in comments are those of the points in the list of behaviour that is easily missed.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};
use std::thread;

use crate::common::{
    AtDrop, Flavour, Probe, Random, Tape, assert_not, assert_panics_here, crowd, ends, on_each_of,
    on_every_flavour,
};
use futures::FutureExt;
use openwork::runtime::Builder;
use openwork::sync::futures::{Read, ReadOwned, Write, WriteOwned};
use openwork::sync::{
    Barrier, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock, RwLockReadGuard, RwLockWriteGuard,
};
use openwork::task::{self, yield_now};
use openwork::trace::{Event, WaitReason};

// ---- readers and writers ----

#[test]
fn many_read_or_one_writes() {
    let lock = RwLock::new(100);
    let one = Probe::new(lock.read()).assert_ready();
    let other = Probe::new(lock.read()).assert_ready();
    assert_eq!((*one, *other, *lock.try_read().unwrap()), (100, 100, 100));
    let mut writes = Probe::new(lock.write());
    writes.assert_pending();
    assert!(lock.try_write().is_err());
    drop(one);
    assert!(!writes.is_woken());
    drop(other);
    assert!(writes.is_woken());
    let mut writes = writes.assert_ready();
    *writes += 1;
    let (mut reads, mut writes_too) = (Probe::new(lock.read()), Probe::new(lock.write()));
    reads.assert_pending();
    writes_too.assert_pending();
    assert!(lock.try_read().is_err() && lock.try_write().is_err());
    drop(writes);
    assert!(reads.is_woken() && !writes_too.is_woken());
    assert_eq!(*reads.assert_ready(), 101);
    assert!(writes_too.is_woken());
    drop(writes_too.assert_ready());
    assert!(lock.try_write().is_ok());
}

#[test]
fn owned_guards_do_the_same_and_own_the_lock() {
    let lock = Arc::new(RwLock::new(100));
    let one = Probe::new(lock.clone().read_owned()).assert_ready();
    let other = lock.clone().try_read_owned().unwrap();
    let mut writes = Probe::new(lock.clone().write_owned());
    writes.assert_pending();
    assert!(lock.clone().try_write_owned().is_err());
    assert!(Arc::ptr_eq(OwnedRwLockReadGuard::rwlock(&one), &lock));
    drop((one, other));
    assert!(writes.is_woken());
    let mut writes = writes.assert_ready();
    *writes += 1;
    assert!(Arc::ptr_eq(OwnedRwLockWriteGuard::rwlock(&writes), &lock));
    assert!(lock.clone().try_read_owned().is_err());
    drop(writes);
    assert_eq!(*lock.clone().try_write_owned().unwrap(), 101);
    assert_eq!(Arc::strong_count(&lock), 1);
}

#[test]
fn a_mutable_reference_needs_no_lock() {
    let mut lock = RwLock::from(1);
    *lock.get_mut() += 1;
    assert_eq!(lock.into_inner(), 2);
    assert_eq!(RwLock::<u8>::default().into_inner(), 0);
}

#[test]
fn the_value_may_be_unsized() {
    let lock: Arc<RwLock<[u8]>> = Arc::new(RwLock::new([1, 2, 3]));
    lock.try_write().unwrap()[1] = 5;
    assert_eq!(*lock.clone().try_read_owned().unwrap(), [1, 5, 3]);
}

#[test]
fn no_more_readers_than_the_maximum() {
    let lock = RwLock::with_max_readers(5, 2);
    let (one, _other) = (lock.try_read().unwrap(), lock.try_read().unwrap());
    let mut third = Probe::new(lock.read());
    third.assert_pending();
    assert!(lock.try_read().is_err());
    drop(one);
    assert!(third.is_woken());
    assert_eq!(*third.assert_ready(), 5);
}

// ---- the queue (25) ----

#[test]
fn a_waiting_writer_blocks_new_readers() {
    let lock = RwLock::new(());
    let reads = lock.try_read().unwrap();
    let mut writes = Probe::new(lock.write());
    writes.assert_pending();
    let mut comes_after = Probe::new(lock.read());
    comes_after.assert_pending();
    assert!(lock.try_read().is_err());
    drop(reads);
    assert!(writes.is_woken() && !comes_after.is_woken());
}

#[test]
fn a_writer_that_is_dropped_lets_the_readers_in() {
    let lock = RwLock::new(());
    let _reads = lock.try_read().unwrap();
    let mut writes = Probe::new(lock.write());
    writes.assert_pending();
    let mut readers: Vec<_> = (0..3).map(|_| Probe::new(lock.read())).collect();
    readers.iter_mut().for_each(Probe::assert_pending);
    drop(writes);
    assert!(readers.iter().all(Probe::is_woken));
    let guards: Vec<_> = readers.iter_mut().map(Probe::assert_ready).collect();
    assert_eq!(guards.len(), 3);
}

#[test]
fn the_order_is_that_of_the_first_polls() {
    openwork::block_on(async {
        let lock = RwLock::new(Vec::new());
        let second = lock.write().map(|mut order| order.push("second"));
        let first = lock.write().map(|mut order| order.push("first"));
        first.await;
        second.await;
        assert_eq!(*lock.read().await, ["first", "second"]);
        let guard = lock.write().await;
        let (mut reads, mut writes) = (Probe::new(lock.read()), Probe::new(lock.write()));
        writes.assert_pending();
        reads.assert_pending();
        drop(guard);
        assert!(writes.is_woken() && !reads.is_woken());
    });
}

#[test]
fn an_aborted_task_that_waits_or_holds_the_lock_lets_others_in() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let lock = Arc::new(RwLock::new(0));
            let reads = lock.clone().read_owned().await;
            let ours = lock.clone();
            let writes = openwork::spawn(async move { *ours.write().await += 1 });
            while lock.try_read().is_ok() {
                yield_now().await;
            }
            let ours = lock.clone();
            let reads_too = openwork::spawn(async move {
                let _guard = ours.read().await;
                std::future::pending::<()>().await;
            });
            writes.abort();
            assert!(writes.await.unwrap_err().is_cancelled());
            drop(lock.read().await);
            drop(reads);
            reads_too.abort();
            assert!(reads_too.await.unwrap_err().is_cancelled());
            assert_eq!(*lock.write().await, 0);
        });
    });
}

// Point 12.
#[test]
fn one_poll_locks_128_times_and_then_yields() {
    let lock = Arc::new(RwLock::new(()));
    openwork::block_on(async {
        for _ in 0..32 {
            drop(Probe::new(lock.read()).assert_ready());
            drop(Probe::new(lock.write()).assert_ready());
            drop(Probe::new(lock.clone().read_owned()).assert_ready());
            drop(Probe::new(lock.clone().write_owned()).assert_ready());
        }
        let mut one_more = Probe::new(lock.read());
        one_more.assert_pending();
        assert!(one_more.is_woken());
        yield_now().await;
        drop(one_more.assert_ready());
    });
    assert!(lock.try_write().is_ok());
}

// ---- downgrade ----

#[test]
fn a_downgraded_writer_lets_readers_in_and_no_writer() {
    let lock = Arc::new(RwLock::new(1));
    let mut guard = lock.try_write().unwrap();
    *guard = 2;
    let (mut reads, mut writes) = (Probe::new(lock.read()), Probe::new(lock.write()));
    reads.assert_pending();
    writes.assert_pending();
    let guard = guard.downgrade();
    assert!(reads.is_woken() && !writes.is_woken());
    assert_eq!((*guard, *reads.assert_ready()), (2, 2));
    drop(guard);
    drop(writes.assert_ready());
    let guard = lock.clone().try_write_owned().unwrap().downgrade();
    assert_eq!((*guard, *lock.try_read().unwrap()), (2, 2));
    assert!(lock.try_write().is_err());
    drop(guard);
    assert!(lock.try_write().is_ok());
}

#[test]
fn a_waker_that_panics_in_a_downgrade_loses_no_permit() {
    struct Panics;
    impl futures::task::ArcWake for Panics {
        fn wake_by_ref(_: &Arc<Self>) {
            panic!("a panic of user code");
        }
    }
    let lock = RwLock::with_max_readers((), 2);
    let guard = lock.try_write().unwrap();
    let mut reads = lock.read();
    let panics = futures::task::waker(Arc::new(Panics));
    assert!(reads.poll_unpin(&mut Context::from_waker(&panics)).is_pending());
    drop(guard.downgrade());
    drop(reads);
    // All permits are released, and none twice.
    let both = (lock.try_read().unwrap(), lock.try_read().unwrap());
    assert!(lock.try_read().is_err());
    drop(both);
    assert!(lock.try_write().is_ok());
}

// ---- what is printed and traced ----

#[test]
fn it_prints_its_value() {
    let lock = RwLock::new("data".to_owned());
    let guard = lock.try_read().unwrap();
    assert_eq!(format!("{guard:?} {guard}"), r#""data" data"#);
    assert_eq!(format!("{lock:?}"), r#"RwLock { data: "data" }"#);
    drop(guard);
    let guard = lock.try_write().unwrap();
    assert_eq!(format!("{guard:?} {guard}"), r#""data" data"#);
    assert_eq!(format!("{lock:?}"), "RwLock { data: <locked> }");
    let error = lock.try_read().unwrap_err();
    assert_eq!(error.to_string(), "operation would block");
    assert_eq!(lock.try_write().unwrap_err().to_string(), "operation would block");
}

#[test]
fn the_futures_are_debug_for_any_value() {
    struct Plain;
    let lock = Arc::new(RwLock::new(Plain));
    assert!(format!("{:?}", lock.read()).starts_with("AcquireLock"));
    assert!(format!("{:?}", lock.write()).starts_with("AcquireLock"));
    assert!(format!("{:?}", lock.clone().read_owned()).starts_with("AcquireLock"));
    assert!(format!("{:?}", lock.clone().write_owned()).starts_with("AcquireLock"));
}

#[test]
fn a_waiting_task_traces_the_writer() {
    let mut builder = Builder::new_current_thread();
    let tape = Tape::listen(&mut builder);
    builder.build().unwrap().block_on(async {
        let lock = Arc::new(RwLock::new(()));
        let ours = lock.clone();
        let writes = openwork::spawn(async move { ours.write_owned().await });
        let id = writes.id().to_string().parse().unwrap();
        let guard = writes.await.unwrap();
        let said =
            |holder| Event::Waits(WaitReason::Lock { what: "a read-write lock", lock: 0, holder });
        tape.take();
        Probe::new(lock.read()).assert_pending();
        assert_eq!(tape.take()[0].event, said(Some(id)));
        let _guard = guard.downgrade();
        Probe::new(lock.write()).assert_pending();
        // Readers are not traced: there may be many.
        assert_eq!(tape.take()[0].event, said(None));
    });
}

#[test]
fn the_next_writer_is_traced_before_it_is_polled_and_no_reader() {
    on_every_flavour(|flavour| {
        let mut builder = flavour.builder();
        let tape = Tape::listen(&mut builder);
        let runtime = builder.build().unwrap();
        let body = runtime.spawn(async move {
            let lock = Arc::new(RwLock::new(()));
            let holder = || {
                tape.take();
                Probe::new(lock.write()).assert_pending();
                let said = tape.take().into_iter().find_map(|record| match record.event {
                    Event::Waits(WaitReason::Lock { holder, .. }) => Some(holder),
                    _ => None,
                });
                said.expect("it waits")
            };
            let guard = lock.write().await;
            // In a task that ends, while the future is pending.
            let mut write = Box::pin(lock.clone().write_owned());
            let polled = openwork::spawn(async move {
                assert!(futures::poll!(&mut write).is_pending());
                (task::id(), write)
            });
            let (id, write) = polled.await.unwrap();
            let id = id.to_string().parse().unwrap();
            let mut read = Probe::new(lock.read());
            read.assert_pending();
            drop(guard);
            assert_eq!(holder(), Some(id));
            // It is dropped before its poll, and lets the reader in.
            drop(write);
            assert!(read.is_woken());
            assert_eq!(holder(), None, "of readers there may be many");
            drop(read);
            assert!(lock.try_write().is_ok());
        });
        runtime.block_on(body).unwrap();
    });
}

// ---- misuse ----

#[test]
fn too_few_or_too_many_readers_panic_at_the_callers_line() {
    const MAX: u32 = u32::MAX >> 3;
    assert_panics_here("a RwLock may not be created with 0 readers", || {
        RwLock::with_max_readers(1, 0)
    });
    assert_panics_here("with 0 readers", || RwLock::const_with_max_readers(1, 0));
    let text = format!("a RwLock may not be created with more than {MAX} readers");
    assert_panics_here(&text, || RwLock::with_max_readers(1, MAX + 1));
    assert_panics_here(&text, || RwLock::const_with_max_readers(1, MAX + 1));
    assert!(RwLock::with_max_readers(1, MAX).try_write().is_ok());
}

#[test]
fn blocking_panics_on_a_thread_that_runs_tasks() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let lock = Arc::new(RwLock::new(1));
            assert_panics_here("`RwLock::blocking_read`", || lock.blocking_read());
            assert_panics_here("`RwLock::blocking_write`", || lock.blocking_write());
            let on_its_thread = task::spawn_blocking(move || {
                *lock.blocking_write() += 1;
                *lock.blocking_read()
            });
            assert_eq!(on_its_thread.await.unwrap(), 2);
        });
    });
}

#[test]
fn a_future_that_was_ready_is_not_polled_again() {
    let lock = Arc::new(RwLock::new(()));
    let mut cx = Context::from_waker(Waker::noop());
    fn check<F: Future + Unpin>(mut future: F, cx: &mut Context<'_>) {
        assert!(future.poll_unpin(cx).is_ready());
        let text = "waits for a read-write lock was polled after it was ready";
        assert_panics_here(text, || <F as Future>::poll(Pin::new(&mut future), cx));
    }
    check(lock.read(), &mut cx);
    check(lock.write(), &mut cx);
    check(lock.clone().read_owned(), &mut cx);
    check(lock.clone().write_owned(), &mut cx);
    assert!(lock.try_write().is_ok());
}

// ---- types (41) ----

static IN_A_STATIC: RwLock<u32> = RwLock::const_new(7);
static FOR_TWO: RwLock<u32> = RwLock::const_with_max_readers(7, 2);

#[test]
fn it_can_be_a_static() {
    assert_eq!(*IN_A_STATIC.blocking_read(), 7);
    let _both = (FOR_TWO.blocking_read(), FOR_TWO.blocking_read());
    assert!(FOR_TWO.try_read().is_err());
}

/// `Send` and `Sync`.
type Shared = u8;
/// `Send` and not `Sync`.
type Moves = Cell<u8>;
type Stays = Rc<u8>;

#[test]
fn auto_traits_are_those_of_tokio() {
    fn all<T: Send + Sync + Unpin>() {}
    all::<RwLock<Shared>>();
    all::<RwLockReadGuard<'_, Shared>>();
    all::<RwLockWriteGuard<'_, Shared>>();
    all::<OwnedRwLockReadGuard<Shared>>();
    all::<OwnedRwLockWriteGuard<Shared>>();
    all::<Read<'_, Shared>>();
    all::<Write<'_, Shared>>();
    all::<ReadOwned<Shared>>();
    all::<WriteOwned<Shared>>();
    fn moves<T: Send>() {}
    moves::<RwLock<Moves>>();
    assert_not!(RwLock<Moves>: Sync);
    assert_not!(RwLock<Stays>: Send);
    assert_not!(RwLockReadGuard<'_, Moves>: Send);
    assert_not!(RwLockReadGuard<'_, Moves>: Sync);
    // On the other thread it could become a read guard, while tasks read here.
    assert_not!(RwLockWriteGuard<'_, Moves>: Send);
    assert_not!(RwLockWriteGuard<'_, Moves>: Sync);
    assert_not!(OwnedRwLockReadGuard<Moves>: Send);
    assert_not!(OwnedRwLockReadGuard<Moves>: Sync);
    assert_not!(OwnedRwLockWriteGuard<Moves>: Send);
    assert_not!(OwnedRwLockWriteGuard<Moves>: Sync);
    assert_not!(Read<'_, Moves>: Send);
    assert_not!(Write<'_, Moves>: Send);
    assert_not!(ReadOwned<Moves>: Send);
    assert_not!(WriteOwned<Moves>: Sync);
}

// ---- other executors, and random tests ----

#[test]
fn it_works_under_any_executor_and_without_one() {
    ends(|| {
        let lock = Arc::new(RwLock::new((0, 0)));
        thread::scope(|scope| {
            scope.spawn(|| (0..1000).for_each(|_| lock.blocking_write().0 += 1));
            scope.spawn(|| (0..1000).for_each(|_| _ = *lock.blocking_read()));
            scope.spawn(|| {
                futures::executor::block_on(async {
                    for _ in 0..1000 {
                        lock.write().await.1 += 1;
                        let _looks = *lock.clone().read_owned().await;
                    }
                });
            });
        });
        assert_eq!(*lock.blocking_read(), (1000, 1000));
    });
}

#[test]
fn no_write_is_lost() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (lock, barrier) = (Arc::new(RwLock::new(0)), Arc::new(Barrier::new(5)));
            for add in [2, 3, 5, 7] {
                let (lock, barrier) = (lock.clone(), barrier.clone());
                openwork::spawn(async move {
                    for _ in 0..300 {
                        *lock.write().await += add;
                    }
                    barrier.wait().await;
                });
            }
            barrier.wait().await;
            assert_eq!(*lock.read().await, 17 * 300);
        });
    });
}

enum Waits<'a> {
    ToRead(Probe<Read<'a, ()>>),
    ToWrite(Probe<Write<'a, ()>>),
}

enum Has<'a> {
    Read(#[expect(dead_code, reason = "it is there to be dropped")] RwLockReadGuard<'a, ()>),
    Write(RwLockWriteGuard<'a, ()>),
}

impl<'a> Waits<'a> {
    fn poll(&mut self) -> Poll<Has<'a>> {
        match self {
            Waits::ToRead(read) => read.poll().map(Has::Read),
            Waits::ToWrite(write) => write.poll().map(Has::Write),
        }
    }

    fn is_woken(&self) -> bool {
        match self {
            Waits::ToRead(read) => read.is_woken(),
            Waits::ToWrite(write) => write.is_woken(),
        }
    }
}

#[test]
fn whatever_is_dropped_no_task_waits_that_may_enter() {
    for seed in 1..=200 {
        let mut random = Random(seed * 7919);
        let lock = RwLock::with_max_readers((), 3);
        let (mut waiting, mut inside) = (Vec::<Waits<'_>>::new(), Vec::<Has<'_>>::new());
        for _ in 0..300 {
            match random.below(10) {
                0..5 => {
                    let mut new = match random.below(3) {
                        0 => Waits::ToWrite(Probe::new(lock.write())),
                        _ => Waits::ToRead(Probe::new(lock.read())),
                    };
                    match new.poll() {
                        Poll::Ready(guard) => inside.push(guard),
                        Poll::Pending => waiting.push(new),
                    }
                }
                5..7 if !waiting.is_empty() => {
                    waiting.remove(random.below(waiting.len()));
                }
                _ if !inside.is_empty() => match inside.swap_remove(random.below(inside.len())) {
                    Has::Write(guard) if random.below(2) == 0 => {
                        inside.push(Has::Read(guard.downgrade()));
                    }
                    _ => {}
                },
                _ => {}
            }
            while let Some(woken) = waiting.iter().position(Waits::is_woken) {
                let mut first = waiting.remove(woken);
                assert_eq!(woken, 0, "one is woken who was not the first");
                if random.below(4) > 0 {
                    let Poll::Ready(guard) = first.poll() else { panic!("woken for nothing") };
                    inside.push(guard);
                }
            }
            let writers = inside.iter().filter(|has| matches!(has, Has::Write(_))).count();
            let readers = inside.len() - writers;
            assert!(writers == 0 || (writers, readers) == (1, 0));
            assert!(readers <= 3);
            match waiting.first() {
                Some(Waits::ToRead(_)) => assert!(writers == 1 || readers == 3),
                Some(Waits::ToWrite(_)) => assert!(!inside.is_empty()),
                None => {}
            }
        }
        waiting.clear();
        inside.clear();
        assert!(lock.try_write().is_ok());
    }
}

#[test]
fn tasks_that_give_up_at_random_never_write_beside_others() {
    on_each_of(&[Flavour::CurrentThread, Flavour::Workers(4)], |flavour| {
        const WRITER: usize = 1000;
        let lock = Arc::new(RwLock::new(AtomicUsize::new(0)));
        let ours = lock.clone();
        flavour.block_on(crowd(move |mut random| {
            let lock = ours.clone();
            async move {
                if random.below(3) > 0 {
                    let guard = lock.read().await;
                    assert!(guard.fetch_add(1, SeqCst) < WRITER);
                    let _out = AtDrop(|| _ = guard.fetch_sub(1, SeqCst));
                    yield_now().await;
                    return;
                }
                let guard = lock.write_owned().await;
                assert_eq!(guard.fetch_add(WRITER, SeqCst), 0);
                {
                    let _out = AtDrop(|| _ = guard.fetch_sub(WRITER, SeqCst));
                    yield_now().await;
                }
                let guard = guard.downgrade();
                assert!(guard.fetch_add(1, SeqCst) < WRITER);
                let _out = AtDrop(|| _ = guard.fetch_sub(1, SeqCst));
                yield_now().await;
            }
        }));
        assert_eq!(lock.try_write().unwrap().load(SeqCst), 0);
    });
}
