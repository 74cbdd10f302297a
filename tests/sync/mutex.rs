//! The laws of the mutex.
//!
//! Numbers in comments are those of the points in the list of behaviour that is easily missed.

use std::cell::Cell;
use std::fmt::Debug;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use crate::common::{
    Flavour, Probe, Tape, assert_not, assert_panics_here, crowd, ends, on_each_of,
    on_every_flavour, paused,
};
use futures::FutureExt;
use openwork::runtime::Builder;
use openwork::sync::futures::{Lock, LockOwned};
use openwork::sync::{Mutex, MutexGuard, OwnedMutexGuard, Semaphore, TryLockError};
use openwork::task::{self, yield_now};
use openwork::time::timeout;
use openwork::trace::{Event, WaitReason};

// ---- one at a time ----

#[test]
fn one_at_a_time_has_the_value() {
    let mutex = Mutex::new(100);
    let mut first = Probe::new(mutex.lock()).assert_ready();
    assert_eq!(*first, 100);
    *first = 99;
    let mut second = Probe::new(mutex.lock());
    second.assert_pending();
    assert!(mutex.try_lock().is_err());
    drop(first);
    assert!(second.is_woken());
    // It is assigned to the waiter: no other task can take it.
    assert!(mutex.try_lock().is_err());
    let second = second.assert_ready();
    assert_eq!(*second, 99);
    drop(second);
    assert_eq!(*mutex.try_lock().unwrap(), 99);
}

#[test]
fn an_owned_guard_keeps_the_mutex() {
    let mutex = Arc::new(Mutex::new(100));
    let mut first = Probe::new(mutex.clone().lock_owned()).assert_ready();
    *first = 99;
    let mut second = Probe::new(mutex.clone().lock_owned());
    second.assert_pending();
    assert!(mutex.clone().try_lock_owned().is_err());
    assert!(Arc::ptr_eq(OwnedMutexGuard::mutex(&first), &mutex));
    drop(first);
    assert!(second.is_woken());
    let second = second.assert_ready();
    assert_eq!((*second, Arc::strong_count(&mutex)), (99, 2));
    drop(second);
    assert_eq!(*mutex.clone().try_lock_owned().unwrap(), 99);
    assert_eq!(Arc::strong_count(&mutex), 1);
}

#[test]
fn a_mutable_reference_needs_no_lock() {
    let mut mutex = Mutex::from(1);
    *mutex.get_mut() += 1;
    assert_eq!(mutex.into_inner(), 2);
    assert_eq!(Mutex::<u8>::default().into_inner(), 0);
}

#[test]
fn a_guard_knows_its_mutex() {
    let mutex = Mutex::new(());
    let guard = mutex.try_lock().unwrap();
    let found: &Mutex<()> = MutexGuard::mutex(&guard);
    drop(guard);
    // The reference outlives the guard.
    assert!(found.try_lock().is_ok());
}

#[test]
fn the_value_may_be_unsized() {
    let mutex: Arc<Mutex<[u8]>> = Arc::new(Mutex::new([1, 2, 3]));
    mutex.try_lock().unwrap()[1] = 5;
    assert_eq!(*mutex.clone().try_lock_owned().unwrap(), [1, 5, 3]);
    let text: &Mutex<dyn Debug + Send> = &Mutex::new("text");
    assert_eq!(format!("{:?}", text.try_lock().unwrap()), r#""text""#);
}

#[test]
fn a_guard_may_be_passed_on_and_dropped_in_another_function() {
    let mutex = Arc::new(Mutex::new(vec![1]));
    let other = mutex.clone();
    let guard = mutex.clone().try_lock_owned().unwrap();
    let borrowed = Mutex::new(1);
    thread::scope(|scope| {
        let on_loan = borrowed.try_lock().unwrap();
        scope.spawn(move || drop(on_loan));
        scope.spawn(move || {
            let mut guard = guard;
            guard.push(2);
            // Another task changes the value while the argument is still in scope.
            fn drops(guard: OwnedMutexGuard<Vec<i32>>, other: &Mutex<Vec<i32>>) {
                drop(guard);
                other.try_lock().unwrap().push(3);
            }
            drops(guard, &other);
        });
    });
    assert_eq!(*mutex.try_lock().unwrap(), [1, 2, 3]);
    assert!(borrowed.try_lock().is_ok());
}

// ---- the queue ----

#[test]
fn the_order_is_that_of_the_first_polls() {
    let mutex = Mutex::new(());
    let guard = mutex.try_lock().unwrap();
    let (mut called_first, mut polled_first) = (Probe::new(mutex.lock()), Probe::new(mutex.lock()));
    polled_first.assert_pending();
    called_first.assert_pending();
    drop(guard);
    assert!(polled_first.is_woken() && !called_first.is_woken());
}

// Point 26.
#[test]
fn an_aborted_task_that_waits_or_holds_the_lock_passes_it_on() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let mutex = Arc::new(Mutex::new(0));
            let guard = mutex.clone().lock_owned().await;
            let waits = |add| {
                let mutex = mutex.clone();
                openwork::spawn(async move { *mutex.lock().await += add })
            };
            let (aborted, waits) = (waits(1), waits(10));
            yield_now().await;
            aborted.abort();
            assert!(aborted.await.unwrap_err().is_cancelled());
            drop(guard);
            waits.await.unwrap();
            let (ours, locked) = (mutex.clone(), Arc::new(Semaphore::new(0)));
            let says = locked.clone();
            let keeps = openwork::spawn(async move {
                let _guard = ours.lock().await;
                says.add_permits(1);
                std::future::pending::<()>().await;
            });
            locked.acquire().await.unwrap().forget();
            assert!(mutex.try_lock().is_err());
            keeps.abort();
            assert!(keeps.await.unwrap_err().is_cancelled());
            assert_eq!(*mutex.lock().await, 10);
        });
    });
}

#[test]
fn a_wait_that_times_out_leaves_the_queue() {
    paused().block_on(async {
        let mutex = Mutex::new(());
        let guard = mutex.lock().await;
        assert!(timeout(Duration::from_millis(1), mutex.lock()).await.is_err());
        drop(guard);
        assert!(timeout(Duration::from_millis(1), mutex.lock()).await.is_ok());
    });
}

#[test]
fn a_panic_unlocks() {
    openwork::block_on(async {
        let mutex = Arc::new(Mutex::new(1));
        let ours = mutex.clone();
        let task = openwork::spawn(async move {
            *ours.lock().await = 2;
            let _guard = ours.lock().await;
            std::panic::resume_unwind(Box::new("a panic"));
        });
        assert!(task.await.unwrap_err().is_panic());
        assert_eq!(*mutex.lock().await, 2);
    });
}

// Point 12.
#[test]
fn one_poll_locks_128_times_and_then_yields() {
    let mutex = Arc::new(Mutex::new(()));
    openwork::block_on(async {
        (0..64).for_each(|_| {
            drop(Probe::new(mutex.lock()).assert_ready());
            drop(Probe::new(mutex.clone().lock_owned()).assert_ready());
        });
        let (mut first, mut second) = (Probe::new(mutex.lock()), Probe::new(mutex.lock()));
        first.assert_pending();
        second.assert_pending();
        assert!(first.is_woken() && !second.is_woken());
        // The first future has the lock, and has not reported it yet.
        drop(first);
        assert!(second.is_woken());
        drop(second);
    });
    assert!(mutex.try_lock().is_ok());
}

// ---- what is printed and traced ----

#[test]
fn it_prints_its_value() {
    let mutex = Arc::new(Mutex::new("data".to_owned()));
    assert_eq!(format!("{mutex:?}"), r#"Mutex { data: "data" }"#);
    let guard = mutex.clone().try_lock_owned().unwrap();
    assert_eq!(format!("{mutex:?}"), "Mutex { data: <locked> }");
    assert_eq!(format!("{guard:?} {guard}"), r#""data" data"#);
    drop(guard);
    let guard = mutex.try_lock().unwrap();
    assert_eq!(format!("{guard:?} {guard}"), r#""data" data"#);
    let error: TryLockError = mutex.try_lock().unwrap_err();
    assert_eq!(format!("{error} / {error:?}"), "operation would block / TryLockError(())");
    let _: &dyn std::error::Error = &error;
}

#[test]
fn the_futures_are_debug_for_any_value() {
    struct Plain;
    let mutex = Arc::new(Mutex::new(Plain));
    assert!(format!("{:?}", mutex.lock()).starts_with("AcquireLock"));
    assert!(format!("{:?}", mutex.clone().lock_owned()).starts_with("AcquireLock"));
}

#[test]
fn a_waiting_task_traces_the_holder() {
    let mut builder = Builder::new_current_thread();
    let tape = Tape::listen(&mut builder);
    builder.build().unwrap().block_on(async {
        let root = tape.take().iter().find_map(|record| record.task).unwrap();
        let mutex = Arc::new(Mutex::new(()));
        let (ours, gate) = (mutex.clone(), Arc::new(Semaphore::new(0)));
        let until = gate.clone();
        let holder = openwork::spawn(async move {
            let _guard = ours.lock().await;
            until.acquire().await.unwrap().forget();
        });
        let id = holder.id().to_string().parse().unwrap();
        yield_now().await;
        let waits = |tape: &Tape, future: &mut Probe<Lock<'_, ()>>| -> Vec<(Event, String)> {
            tape.take();
            future.assert_pending();
            let said = tape.take().into_iter();
            said.map(|record| (record.event, record.to_string())).collect()
        };
        let mut lock = Probe::new(mutex.lock());
        let said = waits(&tape, &mut lock);
        let held = |id| WaitReason::Lock { what: "a mutex", lock: 0, holder: Some(id) };
        assert_eq!(said[0].0, Event::Waits(held(id)));
        assert!(said[0].1.ends_with(&format!("waits for a mutex held by task {id}")), "{said:?}");
        gate.add_permits(1);
        holder.await.unwrap();
        // The root future, whose id is the first of this runtime.
        let _guard = lock.assert_ready();
        let said = waits(&tape, &mut Probe::new(mutex.lock()));
        assert_eq!(said[0].0, Event::Waits(held(root)));
    });
}

/// Polls a future once within a task, which then ends. Returns the task's id and the future, which is pending.
#[expect(clippy::async_yields_async, reason = "it is given back pending")]
async fn polled_in_a_task<F>(mut future: F) -> (u64, F)
where
    F: Future<Output: Send> + Unpin + Send + 'static,
{
    let task = openwork::spawn(async move {
        assert!(poll_fn(|cx| Poll::Ready(future.poll_unpin(cx).is_pending())).await);
        future
    });
    let id = task.id().to_string().parse().unwrap();
    (id, task.await.unwrap())
}

#[test]
fn the_next_holder_is_traced_before_it_is_polled() {
    on_every_flavour(|flavour| {
        let mut builder = flavour.builder();
        let tape = Tape::listen(&mut builder);
        let runtime = builder.build().unwrap();
        let body = runtime.spawn(async move {
            let mutex = Arc::new(Mutex::new(()));
            // What another waiting task traces now.
            let holder = || {
                tape.take();
                Probe::new(mutex.lock()).assert_pending();
                let said = tape.take().into_iter().find_map(|record| match record.event {
                    Event::Waits(WaitReason::Lock { what: "a mutex", holder, .. }) => Some(holder),
                    _ => None,
                });
                said.expect("it waits")
            };
            let guard = mutex.lock().await;
            let ours = holder();
            assert!(ours.is_some());
            let (first, first_lock) = polled_in_a_task(mutex.clone().lock_owned()).await;
            let (second, second_lock) = polled_in_a_task(mutex.clone().lock_owned()).await;
            let (_, third_lock) = polled_in_a_task(mutex.clone().lock_owned()).await;
            let (third, third_lock) = polled_in_a_task(third_lock).await;
            let mut no_tasks = Box::pin(mutex.clone().lock_owned());
            thread::scope(|scope| {
                scope.spawn(|| Probe::new(&mut no_tasks).assert_pending()).join().unwrap();
            });
            assert_eq!(holder(), ours, "nothing was handed over");
            drop(guard);
            assert_eq!(holder(), Some(first));
            // A future that is dropped before its poll passes the lock on.
            drop(first_lock);
            assert_eq!(holder(), Some(second));
            // The holder is the task that polled the future last.
            let guard = second_lock.await;
            assert_eq!(holder(), ours);
            drop(guard);
            // That is this task.
            assert_eq!(holder(), Some(third));
            drop(third_lock);
            assert_eq!(holder(), None, "it was polled outside of any task");
            drop(no_tasks);
            assert!(mutex.try_lock().is_ok());
        });
        runtime.block_on(body).unwrap();
    });
}

#[test]
fn a_lock_that_a_poll_without_budget_took_has_a_holder() {
    let mut builder = Builder::new_current_thread();
    let tape = Tape::listen(&mut builder);
    let runtime = builder.build().unwrap();
    let body = async move {
        let mutex = Mutex::new(());
        while poll_fn(|cx| Poll::Ready(pin!(task::consume_budget()).poll(cx).is_ready())).await {}
        let mut lock = Probe::new(mutex.lock());
        lock.assert_pending();
        assert!(lock.is_woken(), "it has the lock, and comes back to say so");
        tape.take();
        Probe::new(mutex.lock()).assert_pending();
        let events: Vec<_> = tape.take().into_iter().map(|record| record.event).collect();
        let holder = Some(task::id().to_string().parse().unwrap());
        assert_eq!(events, [Event::Waits(WaitReason::Lock { what: "a mutex", lock: 0, holder })]);
        // When the future is dropped there is no holder.
        drop(lock);
        assert!(mutex.try_lock().is_ok());
    };
    runtime.block_on(runtime.spawn(body)).unwrap();
}

// ---- misuse ----

#[test]
fn blocking_panics_on_a_thread_that_runs_tasks() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let mutex = Arc::new(Mutex::new(1));
            assert_panics_here("`Mutex::blocking_lock`", || mutex.blocking_lock());
            assert_panics_here("`Mutex::blocking_lock_owned`", || {
                mutex.clone().blocking_lock_owned()
            });
            let on_its_thread = task::spawn_blocking(move || {
                *mutex.blocking_lock() += 1;
                *mutex.blocking_lock_owned()
            });
            assert_eq!(on_its_thread.await.unwrap(), 2);
        });
    });
}

#[test]
fn a_future_that_was_ready_is_not_polled_again() {
    let mutex = Arc::new(Mutex::new(()));
    let mut cx = Context::from_waker(Waker::noop());
    let mut lock = mutex.lock();
    assert!(lock.poll_unpin(&mut cx).is_ready());
    assert_panics_here("waits for a mutex was polled after it was ready", || {
        Future::poll(Pin::new(&mut lock), &mut cx)
    });
    let mut lock = mutex.clone().lock_owned();
    assert!(lock.poll_unpin(&mut cx).is_ready());
    assert_panics_here("waits for a mutex was polled after it was ready", || {
        Future::poll(Pin::new(&mut lock), &mut cx)
    });
    assert!(mutex.try_lock().is_ok());
}

// ---- types (41) ----

static IN_A_STATIC: Mutex<u32> = Mutex::const_new(7);

#[test]
fn it_can_be_a_static() {
    assert_eq!(*IN_A_STATIC.blocking_lock(), 7);
}

/// `Send` and `Sync`.
type Shared = u8;
/// `Send` and not `Sync`.
type Moves = Cell<u8>;
type Stays = Rc<u8>;

#[test]
fn auto_traits_are_those_of_tokio() {
    fn all<T: Send + Sync + Unpin>() {}
    fn moves<T: Send + Unpin>() {}
    all::<Mutex<Shared>>();
    all::<Mutex<Moves>>();
    all::<MutexGuard<'_, Shared>>();
    all::<OwnedMutexGuard<Shared>>();
    all::<Lock<'_, Moves>>();
    all::<LockOwned<Moves>>();
    moves::<MutexGuard<'_, Moves>>();
    moves::<OwnedMutexGuard<Moves>>();
    assert_not!(MutexGuard<'_, Moves>: Sync);
    assert_not!(OwnedMutexGuard<Moves>: Sync);
    assert_not!(Mutex<Stays>: Send);
    assert_not!(Mutex<Stays>: Sync);
    assert_not!(MutexGuard<'_, Stays>: Send);
    assert_not!(MutexGuard<'_, Stays>: Sync);
    assert_not!(OwnedMutexGuard<Stays>: Send);
    assert_not!(OwnedMutexGuard<Stays>: Sync);
    assert_not!(Lock<'_, Stays>: Send);
    assert_not!(Lock<'_, Stays>: Sync);
    assert_not!(LockOwned<Stays>: Send);
    assert_not!(LockOwned<Stays>: Sync);
}

// ---- other executors, and random tests ----

#[test]
fn it_works_under_any_executor_and_without_one() {
    ends(|| {
        let mutex = Arc::new(Mutex::new(0));
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| (0..1000).for_each(|_| *mutex.blocking_lock() += 1));
                scope.spawn(|| {
                    (0..1000).for_each(|_| *mutex.clone().blocking_lock_owned() += 1);
                });
                scope.spawn(|| {
                    futures::executor::block_on(async {
                        for _ in 0..1000 {
                            *mutex.lock().await += 1;
                        }
                    });
                });
            }
        });
        assert_eq!(*mutex.blocking_lock(), 6000);
    });
}

#[test]
fn tasks_that_give_up_at_random_never_hold_it_together() {
    on_each_of(&[Flavour::CurrentThread, Flavour::Workers(4)], |flavour| {
        // Twice the same number, except while a task holds the lock.
        let mutex = Arc::new(Mutex::new((0, 0)));
        let ours = mutex.clone();
        flavour.block_on(crowd(move |mut random| {
            let mutex = ours.clone();
            async move {
                let mut guard = match random.below(3) {
                    0 => mutex.lock_owned().await,
                    1 => {
                        let guard = mutex.lock().await;
                        assert_eq!(guard.0, guard.1);
                        return;
                    }
                    _ => match mutex.try_lock_owned() {
                        Ok(guard) => guard,
                        Err(_) => return,
                    },
                };
                assert_eq!(guard.0, guard.1);
                guard.0 += 1;
                let _evens = Evens(guard);
                yield_now().await;
            }
        }));
        let value = mutex.try_lock().unwrap();
        assert!(value.0 == value.1 && value.0 > 100, "{value:?}");
    });
}

/// Makes both numbers the same when it is dropped, at the end or before.
struct Evens(OwnedMutexGuard<(u32, u32)>);

impl Drop for Evens {
    fn drop(&mut self) {
        self.0.1 = self.0.0;
    }
}
