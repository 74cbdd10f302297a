//! Laws of the thread's context: user code may leak a guard of `enter`, or drop two in the wrong order, and
//! this concerns that code alone. Each poll, each blocking closure and each hook ends in the runtimes that
//! were entered when it began.

use std::cell::RefCell;
use std::future::{Future, pending, poll_fn};
use std::mem;
use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll};
use std::time::Duration;

use openwork::runtime::{Builder, EnterGuard, Handle, RngSeed, Runtime};
use openwork::task::{spawn_blocking, yield_now};
use openwork::time::sleep;

use crate::common::Flavour::Workers;
use crate::common::{
    AtDrop, Flavour, alone, calls, ends, on_each_of, on_every_flavour, panic_of, real,
};

const MS: Duration = Duration::from_millis(1);

/// The runtime that this thread is in.
fn here() -> Option<String> {
    Handle::try_current().ok().map(|handle| name_of(&handle))
}

fn name_of(handle: &Handle) -> String {
    format!("{handle:?}")
}

/// What user code may do wrong with guards.
#[derive(Debug, Clone, Copy)]
enum Misuse {
    Leak,
    LeakTwo,
    /// Which panics.
    WrongOrder,
    /// A guard that outlives the poll in which it was made.
    Keep,
}

use Misuse::{Keep, Leak, LeakTwo, WrongOrder};

const MISUSES: [Misuse; 4] = [Leak, LeakTwo, WrongOrder, Keep];

impl Misuse {
    fn commit(self, handle: &Handle) {
        thread_local! {
            static KEPT: RefCell<Vec<EnterGuard<'static>>> = const { RefCell::new(Vec::new()) };
        }
        match self {
            Leak => mem::forget(handle.enter()),
            LeakTwo => {
                let guards = [handle.enter(), handle.enter()];
                mem::forget(guards);
            }
            WrongOrder => {
                let first = handle.enter();
                let second = handle.enter();
                drop(first);
                drop(second);
            }
            Keep => {
                let handle: &'static Handle = Box::leak(Box::new(handle.clone()));
                KEPT.with_borrow_mut(|kept| kept.push(handle.enter()));
            }
        }
    }
}

/// Checks a law for each misuse on each of these flavours. `other` is a runtime that is never driven: a task
/// that is spawned there by mistake never ends.
fn for_each_misuse(
    flavours: &[Flavour],
    law: impl Fn(Flavour, Misuse, &Runtime) + Clone + Send + 'static,
) {
    on_each_of(flavours, move |flavour| {
        for misuse in MISUSES {
            println!("{flavour:?}, {misuse:?}");
            let other = real();
            law(flavour, misuse, &other);
        }
    });
}

// ---- polls and closures ----

#[test]
fn a_poll_ends_in_the_runtime_in_which_it_began() {
    for_each_misuse(&Flavour::ALL, |flavour, misuse, other| {
        let runtime = flavour.build();
        let ours = Some(name_of(runtime.handle()));
        let handle = other.handle().clone();
        runtime.block_on(async {
            // In its last poll.
            let (mut task, foreign) = (None, handle.clone());
            drop(task.replace(openwork::spawn(async move { misuse.commit(&foreign) })));
            let ended = task.unwrap().await;
            assert_eq!(ended.is_err(), matches!(misuse, WrongOrder), "{ended:?}");
            // In one that is pending, for the task itself and for others on its thread.
            let task = openwork::spawn(async move {
                let _ = panic_of(|| misuse.commit(&handle));
                yield_now().await;
                here()
            });
            assert_eq!(task.await.unwrap(), ours);
            let tasks: Vec<_> = (0..8)
                .map(|_| openwork::spawn(async { (here(), openwork::spawn(async { 1 }).await) }))
                .collect();
            for task in tasks {
                let (place, spawned) = task.await.unwrap();
                assert_eq!((place, spawned.unwrap()), (ours.clone(), 1));
            }
            assert_eq!(here(), ours);
        });
        assert_eq!(here(), None);
        drop(runtime);
    });
}

#[test]
fn a_blocking_closure_ends_in_the_runtime_in_which_it_began() {
    for_each_misuse(&Flavour::ALL, |flavour, misuse, other| {
        // One thread for all closures, and one that exits at once.
        for keep_alive in [Duration::from_secs(1000), Duration::ZERO] {
            let mut builder = flavour.builder();
            let runtime =
                builder.max_blocking_threads(1).thread_keep_alive(keep_alive).build().unwrap();
            let (ours, foreign) = (Some(name_of(runtime.handle())), other.handle().clone());
            runtime.block_on(async {
                let ended = spawn_blocking(move || misuse.commit(&foreign)).await;
                assert_eq!(ended.is_err(), matches!(misuse, WrongOrder), "{ended:?}");
                assert_eq!(spawn_blocking(here).await.unwrap(), ours);
            });
            drop(runtime);
        }
    });
}

/// In the poll that is misused: it panics, and the thread unwinds meanwhile, or it is ready.
#[test]
fn the_destructor_of_a_future_runs_in_the_runtime_of_its_task() {
    for_each_misuse(&[Flavour::CurrentThread, Workers(1)], |flavour, misuse, other| {
        for panics in [true, false] {
            let runtime = flavour.build();
            let (say, said) = mpsc::channel();
            let at_drop = AtDrop(move || say.send(here()).unwrap());
            let foreign = other.handle().clone();
            let task = runtime.spawn(poll_fn(move |_| {
                let _ = &at_drop;
                misuse.commit(&foreign);
                if panics {
                    resume_unwind(Box::new("a panic, without the noise"));
                }
                Poll::Ready(())
            }));
            let ended = runtime.block_on(task);
            assert_eq!(ended.is_err(), panics || matches!(misuse, WrongOrder), "{ended:?}");
            assert_eq!(said.recv().unwrap(), Some(name_of(runtime.handle())));
        }
    });
}

/// A task leaves a runtime that has no other owner any more, and whose hook panics when it is dropped.
#[test]
fn a_runtime_that_panics_when_it_is_left_ends_no_task_and_no_worker() {
    on_each_of(&[Flavour::CurrentThread, Workers(1)], |flavour| {
        let runtime = flavour.build();
        let is_freed = Arc::new(AtomicBool::new(false));
        let task = |is_ready| {
            let is_freed = is_freed.clone();
            let mut has_left = false;
            poll_fn(move |cx| {
                if mem::replace(&mut has_left, true) {
                    return Poll::Ready(1);
                }
                let is_freed = is_freed.clone();
                let bomb = AtDrop(move || {
                    is_freed.store(true, SeqCst);
                    resume_unwind(Box::new("a panic, without the noise"));
                });
                let mut builder = Builder::new_current_thread();
                let other = builder.on_thread_park(move || _ = &bomb).build().unwrap();
                drop(builder);
                mem::forget(other.enter());
                other.shutdown_background();
                cx.waker().wake_by_ref();
                if is_ready { Poll::Ready(1) } else { Poll::Pending }
            })
        };
        for is_ready in [true, false] {
            assert_eq!(runtime.block_on(runtime.spawn(task(is_ready))).unwrap(), 1);
            assert!(is_freed.swap(false, SeqCst));
        }
        let ours = Some(name_of(runtime.handle()));
        assert_eq!(runtime.block_on(runtime.spawn(async { here() })).unwrap(), ours);
    });
}

/// The destructors of a future that is aborted, of an output, and of a future at the shutdown.
#[test]
fn the_end_of_a_task_leaves_its_thread_in_the_runtime_in_which_it_was() {
    struct AtDrop(Misuse, Handle);
    impl Drop for AtDrop {
        fn drop(&mut self) {
            self.0.commit(&self.1);
        }
    }
    for_each_misuse(&[Flavour::CurrentThread, Workers(1)], |flavour, misuse, other| {
        let runtime = flavour.build();
        let ours = Some(name_of(runtime.handle()));
        let at_drop = || AtDrop(misuse, other.handle().clone());
        runtime.block_on(async {
            let held = at_drop();
            let task = runtime.spawn(async move { (pending::<()>().await, held).0 });
            yield_now().await;
            task.abort();
            assert!(task.await.is_err());
            assert_eq!(runtime.spawn(async { here() }).await.unwrap(), ours);
            // An output that no joiner takes.
            let held = at_drop();
            drop(runtime.spawn(async move { held }));
            yield_now().await;
            assert_eq!(runtime.spawn(async { here() }).await.unwrap(), ours);
        });
        // And at the shutdown.
        let held = at_drop();
        drop(runtime.spawn(async move { (pending::<()>().await, held).0 }));
        drop(runtime);
        assert_eq!(here(), None);
    });
}

// ---- `block_on` ----

#[test]
fn a_block_on_ends_in_the_runtime_in_which_it_began() {
    for_each_misuse(&Flavour::ALL, |flavour, misuse, other| {
        let runtime = flavour.build();
        let misused = |runs: &dyn Fn()| {
            let panicked = panic_of(runs);
            assert_eq!(panicked.is_some(), matches!(misuse, WrongOrder), "{panicked:?}");
        };
        let outer = real();
        let _entered = outer.enter();
        let before = here();
        misused(&|| runtime.block_on(async { misuse.commit(other.handle()) }));
        assert_eq!(here(), before);
        misused(&|| runtime.handle().block_on(async { misuse.commit(other.handle()) }));
        assert_eq!(here(), before);
        misused(&|| openwork::block_on(async { misuse.commit(other.handle()) }));
        assert_eq!(here(), before);
        drop(runtime);
        assert_eq!(here(), before);
    });
}

/// The future of `block_on` stays on its thread, so it may hold a guard across an `.await`. Other tasks run on
/// that thread meanwhile, and not in the runtime that is entered there.
#[test]
fn a_guard_that_the_root_holds_across_an_await_is_the_roots_alone() {
    on_every_flavour(|flavour| {
        let (runtime, one, two) = (flavour.build(), real(), real());
        let [ours, in_one, in_two] =
            [&runtime, &one, &two].map(|runtime| Some(name_of(runtime.handle())));
        let handle = runtime.handle();
        let law = async {
            let first = one.enter();
            let task = handle.spawn(async {
                let first = here();
                yield_now().await;
                (first, here())
            });
            yield_now().await;
            assert_eq!(here(), in_one);
            let second = two.enter();
            assert_eq!(task.await.unwrap(), (ours.clone(), ours.clone()));
            assert_eq!(here(), in_two);
            handle.spawn(yield_now()).await.unwrap();
            drop(second);
            assert_eq!(here(), in_one);
            handle.spawn(yield_now()).await.unwrap();
            drop(first);
            assert_eq!(here(), ours);
            handle.spawn(yield_now()).await.unwrap();
            assert_eq!(here(), ours);
        };
        runtime.block_on(law);
        assert_eq!(here(), None);
    });
}

/// The root that panics with guards held, and the one that is ready and still holds them.
#[test]
fn a_root_that_ends_with_guards_held_leaves_their_runtimes() {
    struct Ready<'a>(Option<EnterGuard<'a>>, &'a Handle);
    impl Future for Ready<'_> {
        type Output = ();
        fn poll(mut self: std::pin::Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            if self.0.is_some() {
                return Poll::Ready(());
            }
            self.0 = Some(self.1.enter());
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    }
    on_every_flavour(|flavour| {
        let (runtime, other) = (flavour.build(), real());
        let panicked = panic_of(|| {
            runtime.block_on(async {
                let _first = other.enter();
                yield_now().await;
                let _second = other.enter();
                yield_now().await;
                panic!("with two guards");
            })
        });
        assert_eq!(panicked.unwrap().message, "with two guards");
        assert_eq!(here(), None);
        runtime.block_on(Ready(None, other.handle()));
        assert_eq!(here(), None);
        let ours = Some(name_of(runtime.handle()));
        assert_eq!(runtime.block_on(runtime.spawn(async { here() })).unwrap(), ours);
    });
}

// ---- scopes ----

#[test]
fn a_guard_that_is_leaked_in_a_scope_ends_with_it() {
    alone("a_guard_that_is_leaked_in_a_scope_ends_with_it", || {
        for_each_misuse(&Flavour::ALL, |flavour, misuse, other| {
            let runtime = flavour.build();
            let ours = Some(name_of(runtime.handle()));
            let other = other.handle();
            // In a task.
            runtime.scope(|s| {
                let ended = s.spawn(async { misuse.commit(other) }).join();
                assert_eq!(ended.is_err(), matches!(misuse, WrongOrder), "{ended:?}");
                assert_eq!(s.spawn(async { here() }).join().unwrap(), ours);
                assert_eq!(here(), ours);
            });
            assert_eq!(here(), None);
            // In the body.
            let panicked = panic_of(|| runtime.scope(|_| misuse.commit(other)));
            assert_eq!(panicked.is_some(), matches!(misuse, WrongOrder), "{panicked:?}");
            assert_eq!(here(), None);
        });
    });
}

// ---- hooks, subscribers, wakers ----

#[test]
fn a_hook_leaves_its_thread_in_the_runtime_in_which_it_was() {
    for_each_misuse(&[Flavour::CurrentThread, Workers(1), Workers(4)], |flavour, misuse, other| {
        let other = other.handle();
        let hook = || {
            let other = other.clone();
            move || _ = panic_of(|| misuse.commit(&other))
        };
        let checks = |runtime: Runtime| {
            let ours = Some(name_of(runtime.handle()));
            runtime.block_on(async {
                for _ in 0..3 {
                    sleep(MS).await;
                    assert_eq!(here(), ours);
                    assert_eq!(openwork::spawn(async { here() }).await.unwrap(), ours);
                    assert_eq!(spawn_blocking(here).await.unwrap(), ours);
                }
            });
            drop(runtime);
            assert_eq!(here(), None);
        };
        checks(flavour.builder().on_thread_start(hook()).build().unwrap());
        checks(flavour.builder().on_thread_stop(hook()).build().unwrap());
        checks(flavour.builder().on_thread_park(hook()).build().unwrap());
        checks(flavour.builder().on_thread_unpark(hook()).build().unwrap());
        let (named, name) = (hook(), || "a thread".to_owned());
        checks(flavour.builder().thread_name_fn(move || (named(), name()).1).build().unwrap());
        let heard = hook();
        checks(flavour.builder().on_event(move |_| heard()).build().unwrap());
    });
}

/// A timer holds a waker that is user code, and the worker that drives calls it.
#[test]
fn a_waker_leaves_its_thread_in_the_runtime_in_which_it_was() {
    for_each_misuse(&[Flavour::CurrentThread, Workers(1)], |flavour, misuse, other| {
        let (runtime, other) = (flavour.build(), other.handle().clone());
        let ours = Some(name_of(runtime.handle()));
        let task = runtime.spawn(async move {
            let mut nap = pin!(sleep(MS));
            poll_fn(|cx| {
                let (ours, other) = (cx.waker().clone(), other.clone());
                let waker = calls(move || {
                    ours.wake_by_ref();
                    let _ = panic_of(|| misuse.commit(&other));
                });
                nap.as_mut().poll(&mut Context::from_waker(&waker))
            })
            .await;
            here()
        });
        assert_eq!(runtime.block_on(task).unwrap(), ours);
        assert_eq!(runtime.block_on(async { here() }), ours);
    });
}

// ---- threads of the user ----

/// The panic is at the drop that is wrong, and the thread is in the right runtime after each of them.
#[test]
fn a_guard_dropped_too_early_leaves_its_own_runtime_only() {
    let (one, two) = (real(), real());
    let in_two = Some(name_of(two.handle()));
    let first = one.enter();
    let second = two.enter();
    let panicked = panic_of(|| drop(first)).expect("it is out of order");
    assert!(panicked.message.contains("`EnterGuard` values dropped out of order"), "{panicked:?}");
    assert_eq!(here(), in_two);
    drop(second);
    assert_eq!(here(), None);
}

/// A guard that was kept beyond its poll does not take the thread out of the runtime of another poll.
#[test]
fn a_guard_that_has_outlived_its_poll_changes_nothing_when_it_is_dropped() {
    thread_local! {
        static KEPT: RefCell<Option<EnterGuard<'static>>> = const { RefCell::new(None) };
    }
    ends(|| {
        let (runtime, other) = (Workers(1).build(), real());
        let ours = Some(name_of(runtime.handle()));
        let handle: &'static Handle = Box::leak(Box::new(other.handle().clone()));
        let keep = async { KEPT.set(Some(handle.enter())) };
        runtime.block_on(runtime.spawn(keep)).unwrap();
        let third = real();
        let (in_third, handle) = (Some(name_of(third.handle())), third.handle().clone());
        let drops = async move {
            let entered = handle.enter();
            drop(KEPT.take().unwrap());
            let seen = here();
            drop(entered);
            (seen, here())
        };
        assert_eq!(runtime.block_on(runtime.spawn(drops)).unwrap(), (in_third, ours.clone()));
        assert_eq!(runtime.block_on(runtime.spawn(async { here() })).unwrap(), ours);
    });
}

async fn choices() -> Vec<u32> {
    let mut choices = Vec::new();
    for _ in 0..64 {
        choices.push(openwork::select! {
            () = async {} => 1,
            () = async {} => 2,
        });
    }
    choices
}

/// The random numbers of a thread are those of the runtime that it works for.
#[test]
fn to_pause_another_runtimes_clock_changes_no_choices_here() {
    let choices = |pauses: bool| {
        let seed = RngSeed::from_bytes(b"choices");
        let runtime = Builder::new_current_thread().rng_seed(seed).build().unwrap();
        let other = real();
        runtime.block_on(async {
            if pauses {
                let _entered = other.enter();
                openwork::time::pause();
            }
            choices().await
        })
    };
    assert_eq!(choices(true), choices(false));
}

/// A runtime with a seed does not determine what its thread chooses afterwards. (That is equal once in 2^64.)
#[test]
fn a_thread_has_its_own_random_numbers_again_after_a_block_on() {
    let choices_after = || {
        let seed = RngSeed::from_bytes(b"choices");
        Builder::new_current_thread().rng_seed(seed).build().unwrap().block_on(async {});
        futures::executor::block_on(choices())
    };
    assert_ne!(choices_after(), choices_after());
}
