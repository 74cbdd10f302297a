//! Laws of a runtime as a whole: how it is built and entered, which thread drives it, and above all how it ends: it
//! drops every future that it accepted, and wakes the tasks that wait for one.
//!
//! Each law holds on every flavour of runtime, except those of the current-thread runtime's one worker, of the pool's
//! threads, which are the same in both, and of the paused clock.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::{
    AtDrop, Flavour, Wakes, alone, ends, on_every_flavour, panic_of, paused, real, runs_on, sleepy,
    until, with_workers,
};
use futures::StreamExt;
use futures::channel::oneshot;
use openwork::io::{AsyncReadExt, AsyncWriteExt};
use openwork::net::UnixStream;
use openwork::runtime::{Builder, Handle, Runtime, RuntimeFlavor};
use openwork::task::{JoinHandle, spawn_blocking, yield_now};
use openwork::time::{self, sleep};
use openwork::trace::{Event, TaskKind};

const HOUR: Duration = Duration::from_secs(3600);

/// A future that is never ready and calls `at_drop` when it is dropped.
fn until_dropped(at_drop: impl FnMut() + Send) -> impl Future<Output = ()> + Send {
    let guard = AtDrop(at_drop);
    async move {
        pending::<()>().await;
        drop(guard);
    }
}

/// Lets all tasks run until all of them wait.
fn all_wait(runtime: &Runtime) {
    let handle = runtime.handle();
    runtime.block_on(until(|| handle.tasks().iter().all(|task| task.state == "idle")));
}

fn join<T>(task: JoinHandle<T>) -> Result<T, openwork::task::JoinError> {
    futures::executor::block_on(task)
}

// ---- block_on ----

#[test]
fn block_on_returns_the_output_of_a_future_that_need_not_be_send() {
    let local = Rc::new(7);
    let seven = openwork::block_on(async {
        yield_now().await;
        *local
    });
    assert_eq!(seven, 7);
    for flavour in Flavour::ALL {
        assert_eq!(flavour.block_on(async { Rc::clone(&local) }), local);
    }
}

#[test]
fn block_on_drops_what_is_left() {
    on_every_flavour(|flavour| {
        let held = Arc::new(());
        let ours = held.clone();
        let mut task = None;
        flavour.block_on(async {
            task = Some(openwork::spawn(until_dropped(move || drop(ours.clone()))));
            yield_now().await;
        });
        let task = task.unwrap();
        assert_eq!(Arc::strong_count(&held), 1);
        assert!(join(task).unwrap_err().is_cancelled());
    });
}

/// Point 4.
#[test]
fn block_on_within_a_runtime_panics_and_explains() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let line = line!() + 1;
            let panicked = panic_of(|| openwork::block_on(async {})).unwrap();
            assert_eq!((panicked.line, &*panicked.file), (line, file!()));
            assert!(panicked.message.contains("`openwork::block_on`"), "{}", panicked.message);
            assert!(panicked.message.contains(".await"), "{}", panicked.message);

            // Building a runtime here is allowed, and so is ending it if that does not wait.
            let inner = real();
            let panicked = panic_of(|| inner.block_on(async {})).unwrap();
            assert!(panicked.message.contains("`Runtime::block_on`"), "{}", panicked.message);
            let panicked = panic_of(|| inner.handle().block_on(async {})).unwrap();
            assert!(panicked.message.contains("`Handle::block_on`"), "{}", panicked.message);
            inner.shutdown_background();

            let task = openwork::spawn(async { openwork::block_on(async {}) });
            assert!(task.await.unwrap_err().is_panic());
            // On a thread that may block it is fine, with this runtime and with another one.
            spawn_blocking(|| {
                Handle::current().block_on(sleep(Duration::from_micros(1)));
                openwork::block_on(sleep(Duration::from_micros(1)));
                assert!(Handle::try_current().is_ok());
            })
            .await
            .unwrap();
        });
        assert!(Handle::try_current().is_err());
    });
}

#[test]
fn a_panic_of_the_root_leaves_a_runtime_that_works() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let task = runtime.spawn(async {
            sleep(Duration::from_millis(1)).await;
            1
        });
        let panicked = panic_of(|| {
            runtime.block_on(async {
                yield_now().await;
                panic!("the root panics");
            })
        });
        assert_eq!(panicked.unwrap().message, "the root panics");
        assert!(Handle::try_current().is_err());
        assert_eq!(runtime.block_on(task).unwrap(), 1);
    });
}

/// Point 4: each of several threads gets its output, and one of them drives for all.
#[test]
fn several_threads_may_block_on_one_runtime() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let rounds = AtomicUsize::new(0);
        thread::scope(|scope| {
            for thread in 0..6_u64 {
                let (runtime, rounds) = (&runtime, &rounds);
                scope.spawn(move || {
                    for round in 0..100 {
                        let nap = Duration::from_micros((thread * 37 + round * 13) % 200);
                        let sum = runtime.block_on(async {
                            sleep(nap).await;
                            let task = openwork::spawn(async move {
                                sleep(nap).await;
                                yield_now().await;
                                round
                            });
                            let closure = (round % 10 == 0).then(|| spawn_blocking(move || thread));
                            let one = task.await.unwrap();
                            match closure {
                                Some(closure) => one + closure.await.unwrap(),
                                None => one + thread,
                            }
                        });
                        assert_eq!(sum, thread + round);
                        rounds.fetch_add(1, SeqCst);
                    }
                });
            }
        });
        assert_eq!(rounds.load(SeqCst), 600);
    });
}

/// Point 4: when the driving thread returns or panics, another one takes over.
#[test]
fn the_seat_of_a_driver_that_leaves_is_taken() {
    ends(|| {
        for panics in [false, true] {
            let runtime = Arc::new(real());
            let mut drivers = HashMap::new();
            for _ in 0..4 {
                let (leave, left) = oneshot::channel::<()>();
                let (here, waiting) = mpsc::channel();
                let ours = runtime.clone();
                let thread = thread::spawn(move || {
                    ours.block_on(async {
                        here.send(()).unwrap();
                        left.await.unwrap();
                    });
                });
                waiting.recv().unwrap();
                drivers.insert(thread.thread().id(), (leave, thread));
            }
            // The thread that runs this task drives. It leaves next, while the others are parked.
            while !drivers.is_empty() {
                let id = runtime.spawn(async { thread::current().id() });
                let (leave, thread) = drivers.remove(&join(id).unwrap()).unwrap();
                if panics {
                    drop(leave)
                } else {
                    leave.send(()).unwrap()
                }
                assert_eq!(thread.join().is_err(), panics);
            }
            runtime.block_on(yield_now());
        }
    });
}

/// Point 4: one of them *always* drives, even if the first in the queue is busy.
#[test]
fn the_seat_does_not_wait_for_a_busy_thread() {
    ends(|| {
        let runtime = Arc::new(real());
        let start = |future: Pin<Box<dyn Future<Output = ()> + Send>>| {
            let (ours, (here, waiting)) = (runtime.clone(), mpsc::channel());
            let thread = thread::spawn(move || {
                let mut future = future;
                ours.block_on(poll_fn(|cx| {
                    let poll = future.as_mut().poll(cx);
                    let _ = here.send(());
                    poll
                }));
            });
            waiting.recv().unwrap();
            thread
        };
        let [(leave, left), (begin, begun), (finish, finished)] =
            [(); 3].map(|()| oneshot::channel());
        let driver = start(Box::pin(async { left.await.unwrap() }));
        // The next thread in the queue is in a long poll when the driving thread leaves.
        let (works, working) = mpsc::channel();
        let (release, wait) = mpsc::channel::<()>();
        let busy = start(Box::pin(async move {
            begun.await.unwrap();
            works.send(()).unwrap();
            wait.recv().unwrap();
        }));
        let idle = start(Box::pin(async { finished.await.unwrap() }));
        begin.send(()).unwrap();
        working.recv().unwrap();
        leave.send(()).unwrap();
        driver.join().unwrap();

        let task = runtime.spawn(async { thread::current().id() });
        assert_eq!(join(task).unwrap(), idle.thread().id());
        release.send(()).unwrap();
        busy.join().unwrap();
        finish.send(()).unwrap();
        idle.join().unwrap();
    });
}

#[test]
fn a_thread_in_the_queue_polls_its_own_future_and_no_task() {
    ends(|| {
        let (runtime, asleep) = sleepy();
        let (leave, left) = oneshot::channel::<()>();
        thread::scope(|scope| {
            let driver = scope.spawn(|| {
                runtime.block_on(left).unwrap();
                thread::current().id()
            });
            asleep.recv().unwrap();
            let (task_ran_on, own) = runtime.block_on(async {
                yield_now().await;
                let task = openwork::spawn(async { thread::current().id() });
                (task.await.unwrap(), thread::current().id())
            });
            leave.send(()).unwrap();
            assert_eq!(task_ran_on, driver.join().unwrap());
            assert_ne!(task_ran_on, own);
        });
    });
}

#[test]
fn the_block_on_of_a_handle_does_not_drive() {
    ends(|| {
        let runtime = real();
        let handle = runtime.handle().clone();
        let (polled, ran) = mpsc::channel();
        let task = runtime.spawn(async move { polled.send(thread::current().id()).unwrap() });
        let foreign = thread::spawn(move || handle.block_on(task));
        assert!(ran.try_recv().is_err());
        // It ends when a thread drives the runtime.
        runtime.block_on(async {
            while !foreign.is_finished() {
                yield_now().await;
            }
        });
        foreign.join().unwrap().unwrap();
        assert_eq!(ran.recv(), Ok(thread::current().id()));
    });
}

// ---- the current runtime ----

#[test]
fn a_thread_outside_of_any_runtime_is_told_so() {
    let error = Handle::try_current().unwrap_err();
    assert_eq!(error.to_string(), "this thread is in no runtime");
    let line = line!() + 1;
    let panicked = panic_of(|| drop(Handle::current())).unwrap();
    assert_eq!((panicked.line, &*panicked.file), (line, file!()));
    assert!(panicked.message.contains("`Handle::current`"), "{}", panicked.message);
}

#[test]
fn a_guard_makes_its_runtime_the_current_one() {
    on_every_flavour(|flavour| {
        let (outer, inner) = (flavour.build(), flavour.build());
        let timers = || [&outer, &inner].map(|runtime| runtime.handle().metrics().num_timers());
        let sleep_here = || {
            let mut nap = Box::pin(sleep(HOUR));
            assert!(Wakes::new().poll(nap.as_mut()).is_pending());
            nap
        };
        let in_outer = outer.enter();
        let first = sleep_here();
        let in_inner = inner.enter();
        let second = sleep_here();
        assert_eq!(timers(), [1, 1]);
        drop(in_inner);
        let third = sleep_here();
        assert_eq!(timers(), [2, 1]);
        drop(in_outer);
        assert!(Handle::try_current().is_err());
        drop((first, second, third));
        assert_eq!(timers(), [0, 0]);
    });
}

/// Point 5.
#[test]
fn guards_are_dropped_in_reverse_order_or_else() {
    let panicked = panic_of(|| {
        let (one, two) = (real(), real());
        let first = one.enter();
        let _second = two.enter();
        drop(first);
    });
    assert!(panicked.unwrap().message.contains("dropped out of order"));
    // The thread is usable.
    let runtime = real();
    let guard = runtime.enter();
    let task = openwork::spawn(async { 1 });
    drop(guard);
    assert_eq!(runtime.block_on(task).unwrap(), 1);
}

#[test]
fn the_flavour_is_known() {
    for flavour in Flavour::ALL {
        let known = flavour.build().handle().runtime_flavor();
        assert_eq!(known == RuntimeFlavor::CurrentThread, flavour == Flavour::CurrentThread);
        assert_eq!(known == RuntimeFlavor::MultiThread, flavour != Flavour::CurrentThread);
    }
}

// ---- the end ----

/// Point 1.
#[test]
fn destructors_at_the_end_run_inside_the_runtime_and_may_use_it() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let dropped = Arc::new(AtomicUsize::new(0));
        let (wake, woken) = oneshot::channel::<()>();
        let woken = runtime.spawn({
            let dropped = dropped.clone();
            async move {
                let _guard = AtDrop(|| _ = dropped.fetch_add(1, SeqCst));
                // It is woken by the destructor of the other one, and never polled again.
                woken.await.unwrap();
                unreachable!("the runtime is ending");
            }
        });
        let abort = woken.abort_handle();
        let (mut wake, count) = (Some(wake), dropped.clone());
        drop(runtime.spawn(until_dropped(move || {
            let handle = Handle::current();
            let _ = wake.take().unwrap().send(());
            abort.abort();
            // What is spawned now is dropped at once.
            let ours = count.clone();
            let spawned = openwork::spawn(until_dropped(move || _ = ours.fetch_add(1, SeqCst)));
            assert!(spawned.is_finished());
            assert!(join(spawned).unwrap_err().is_cancelled());
            drop(sleep(HOUR));
            // No lock is held: another thread may do the same.
            let foreign = thread::spawn(move || {
                assert!(handle.spawn(async {}).is_finished());
                handle.metrics().num_alive_tasks()
            });
            foreign.join().unwrap();
            count.fetch_add(1, SeqCst);
        })));
        all_wait(&runtime);
        drop(runtime);
        assert_eq!(dropped.load(SeqCst), 3);
        assert!(join(woken).unwrap_err().is_cancelled());
        assert!(Handle::try_current().is_err());
    });
}

/// Point 1.
#[test]
fn tasks_that_hold_each_others_handles_are_dropped() {
    on_every_flavour(|flavour| {
        let held = Arc::new(());
        let runtime = flavour.build();
        let (give, take) = oneshot::channel();
        let ours = held.clone();
        let one = runtime.spawn(async move {
            let other: JoinHandle<()> = take.await.unwrap();
            let _ = (other.await, ours);
        });
        let ours = held.clone();
        let other = runtime.spawn(async move { _ = (one.await, ours) });
        give.send(other).unwrap();
        all_wait(&runtime);
        assert_eq!(Arc::strong_count(&held), 3);
        drop(runtime);
        assert_eq!(Arc::strong_count(&held), 1);
    });
}

/// Point 1: a panic in one destructor keeps no other future from being dropped.
#[test]
fn a_destructor_that_panics_does_not_stop_the_end() {
    on_every_flavour(|flavour| {
        let dropped = Arc::new(AtomicUsize::new(0));
        let runtime = flavour.build();
        let tasks: Vec<_> = (0..10)
            .map(|index| {
                let count = dropped.clone();
                runtime.spawn(until_dropped(move || {
                    count.fetch_add(1, SeqCst);
                    assert!(index % 2 == 0, "a destructor panics");
                }))
            })
            .collect();
        all_wait(&runtime);
        drop(runtime);
        assert_eq!(dropped.load(SeqCst), 10);
        for (index, task) in tasks.into_iter().enumerate() {
            assert_eq!(join(task).unwrap_err().is_panic(), index % 2 == 1);
        }
    });
}

/// Point 2.
#[test]
fn what_is_spawned_after_the_end_is_cancelled_at_once() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let handle = runtime.handle().clone();
        let earlier = runtime.spawn(pending::<()>());
        let (running, release) = runs_on(&handle);
        runtime.shutdown_background();

        assert!(join(earlier).unwrap_err().is_cancelled());
        let held = Arc::new(());
        let (ours, also_ours) = (held.clone(), held.clone());
        let task = handle.spawn(async move { drop(ours) });
        let closure = handle.spawn_blocking(move || drop(also_ours));
        assert!(task.is_finished() && closure.is_finished());
        assert_eq!(Arc::strong_count(&held), 1);
        assert!(join(task).unwrap_err().is_cancelled());
        assert!(join(closure).unwrap_err().is_cancelled());
        // A closure that runs already continues.
        assert!(!running.is_finished());
        release.send(()).unwrap();
        assert_eq!(join(running).unwrap(), "it ran to its end");
    });
}

/// Even while a worker is still in a poll, perhaps for ever.
#[test]
fn what_is_spawned_after_the_end_is_cancelled_even_if_a_worker_is_blocked() {
    with_workers(|flavour| {
        let runtime = flavour.build();
        let handle = runtime.handle().clone();
        let (hold, held) = mpsc::channel();
        let (release, wait) = mpsc::channel::<()>();
        let stuck = runtime.spawn(async move {
            hold.send(()).unwrap();
            wait.recv().unwrap();
        });
        held.recv().unwrap();
        runtime.shutdown_background();
        let task = handle.spawn(async {});
        assert!(task.is_finished());
        assert!(join(task).unwrap_err().is_cancelled());
        release.send(()).unwrap();
        join(stuck).unwrap();
    });
}

/// Whichever list its task is in. A destructor that waited for what it has spawned would wait for itself.
#[test]
fn what_a_destructor_spawns_at_the_end_is_cancelled_at_once() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let (tell, told) = mpsc::channel();
        runtime.block_on(async {
            drop(openwork::spawn(async {
                drop(openwork::spawn(until_dropped(move || {
                    tell.send(openwork::spawn(async {}).is_finished()).unwrap();
                })));
            }));
        });
        all_wait(&runtime);
        drop(runtime);
        assert_eq!(told.recv(), Ok(true));
    });
}

/// Point 3.
#[test]
fn an_idle_runtime_ends_at_once_however_long_it_may_take() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        runtime.block_on(runtime.spawn_blocking(|| ())).unwrap();
        drop(runtime.spawn(pending::<()>()));
        runtime.shutdown_timeout(Duration::from_secs(10_000));
        flavour.build().shutdown_timeout(Duration::MAX);
    });
}

/// Point 3.
#[test]
fn a_shutdown_with_a_limit_leaves_a_closure_that_runs_on() {
    on_every_flavour(|flavour| {
        for limit in [Duration::ZERO, Duration::from_millis(5)] {
            let runtime = flavour.build();
            let (running, release) = runs_on(runtime.handle());
            let start = Instant::now();
            runtime.shutdown_timeout(limit);
            assert!(start.elapsed() >= limit);
            assert!(!running.is_finished());
            release.send(()).unwrap();
            assert_eq!(join(running).unwrap(), "it ran to its end");
        }
    });
}

/// Point 3.
#[test]
fn within_another_runtime_a_runtime_ends_without_waiting_or_panics() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let dropped = Arc::new(AtomicUsize::new(0));
            let other = || {
                let (runtime, count) = (real(), dropped.clone());
                drop(runtime.spawn(until_dropped(move || _ = count.fetch_add(1, SeqCst))));
                runtime
            };
            other().shutdown_background();
            other().shutdown_timeout(Duration::ZERO);
            assert_eq!(dropped.load(SeqCst), 2);
            let panicked = panic_of(|| drop(other())).unwrap();
            assert!(panicked.message.contains("Cannot drop a runtime"), "{}", panicked.message);
            let panicked = panic_of(|| other().shutdown_timeout(HOUR)).unwrap();
            assert!(panicked.message.contains("Cannot drop a runtime"), "{}", panicked.message);
            assert_eq!(dropped.load(SeqCst), 4, "its tasks are dropped all the same");
            // Where one may block, one may wait.
            let runtime = other();
            spawn_blocking(move || drop(runtime)).await.unwrap();
            assert_eq!(dropped.load(SeqCst), 5);
            assert!(Handle::try_current().is_ok());
        });
    });
}

/// It would wait until it has itself exited.
#[test]
fn a_closure_that_drops_its_own_runtime_is_told_so() {
    on_every_flavour(|flavour| {
        let runtime = Arc::new(flavour.build());
        let (give, take) = mpsc::channel::<Arc<Runtime>>();
        let closure = runtime.spawn_blocking(move || drop(take.recv().unwrap()));
        let task = runtime.spawn(pending::<()>());
        give.send(runtime).unwrap();
        let text = join(closure).unwrap_err().to_string();
        assert!(text.contains("Cannot drop a runtime"), "{text}");
        assert!(text.contains("`shutdown_background`"), "{text}");
        assert!(join(task).unwrap_err().is_cancelled());
    });
}

#[test]
fn a_runtime_can_be_dropped_on_another_thread() {
    ends(|| {
        let runtime = real();
        let (send, dropped) = mpsc::channel();
        drop(runtime.spawn(until_dropped(move || send.send(thread::current().id()).unwrap())));
        runtime.block_on(yield_now());
        let elsewhere = thread::spawn(move || {
            drop(runtime);
            thread::current().id()
        });
        assert_eq!(elsewhere.join().unwrap(), dropped.recv().unwrap());
    });
}

/// The closure sits in its own runtime's timers, and the end waits for the closure. So the end must wake
/// it, to find that no deadline will come.
#[test]
fn a_closure_that_sleeps_in_its_runtime_ends_with_it() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let handle = runtime.handle().clone();
        let closure = runtime.spawn_blocking(move || handle.block_on(async { sleep(HOUR).await }));
        while runtime.handle().metrics().num_timers() == 0 {
            thread::yield_now();
        }
        drop(runtime);
        assert!(join(closure).unwrap_err().is_panic());
    });
}

/// The runtime's thread-locals are gone when this one is dropped. A panic
/// there would end the process.
#[test]
fn a_runtime_may_live_in_a_thread_local() {
    thread_local! {
        static RUNTIME: RefCell<Option<Runtime>> = const { RefCell::new(None) };
    }
    alone("a_runtime_may_live_in_a_thread_local", || {
        on_every_flavour(|flavour| {
            let held = Arc::new(());
            let ours = held.clone();
            let thread = thread::spawn(move || {
                RUNTIME.set(Some(flavour.build()));
                RUNTIME.with_borrow(|runtime| {
                    let runtime = runtime.as_ref().unwrap();
                    drop(runtime.spawn(until_dropped(move || drop(ours.clone()))));
                    runtime.block_on(yield_now());
                });
            });
            thread.join().unwrap();
            assert_eq!(Arc::strong_count(&held), 1);
        });
    });
}

/// A runtime of this flavour that owns `held` until it is freed.
fn that_holds(held: &Arc<()>, flavour: Flavour) -> Runtime {
    let held = held.clone();
    let hook = move || _ = Arc::strong_count(&held);
    flavour.builder().on_thread_park(hook).build().unwrap()
}

/// They are in a local queue, in a LIFO slot, and in the injector. A task keeps its runtime alive, so a queue
/// that kept its tasks would keep itself.
#[test]
fn a_runtime_that_ends_before_its_tasks_have_run_is_freed() {
    on_every_flavour(|flavour| {
        let held = Arc::new(());
        let runtime = that_holds(&held, flavour);
        let spawn_some = || (0..3).for_each(|_| drop(openwork::spawn(async {})));
        let workers = if let Flavour::Workers(workers) = flavour { workers } else { 0 };
        let (block, blocked) = mpsc::channel();
        let leave = Arc::new(Barrier::new(workers + 1));
        for _ in 0..workers {
            let (block, leave) = (block.clone(), leave.clone());
            drop(runtime.spawn(async move {
                spawn_some();
                block.send(()).unwrap();
                leave.wait();
            }));
        }
        (0..workers).for_each(|_| blocked.recv().unwrap());
        if workers == 0 {
            runtime.block_on(async { spawn_some() });
        }
        (0..3).for_each(|_| drop(runtime.spawn(async {})));
        runtime.shutdown_background();
        leave.wait();
        while Arc::strong_count(&held) > 1 {
            thread::yield_now();
        }
    });
}

/// A waker that outlives its runtime is harmless, at whatever moment it is called; and nothing of the
/// runtime stays behind, not even its descriptors. There are more threads than processors, so that one of them
/// is preempted after it has checked whether the runtime has ended, and continues after that.
#[test]
fn wakes_and_spawns_that_race_with_the_end_leave_nothing_behind() {
    const FOREIGN: usize = 3;
    alone("wakes_and_spawns_that_race_with_the_end_leave_nothing_behind", || {
        on_every_flavour(|flavour| {
            let descriptors = || fs::read_dir("/proc/self/fd").unwrap().count();
            let before = descriptors();
            let held = Arc::new(());
            for _ in 0..if flavour == Flavour::Workers(64) { 10 } else { 60 } {
                let runtime = that_holds(&held, flavour);
                let wakers = Arc::new(Mutex::new(Vec::new()));
                for _ in 0..4 {
                    let (wakers, ours) = (wakers.clone(), held.clone());
                    drop(runtime.spawn(poll_fn(move |cx: &mut Context<'_>| {
                        let _ = &ours;
                        wakers.lock().unwrap().push(cx.waker().clone());
                        Poll::<()>::Pending
                    })));
                }
                all_wait(&runtime);
                let first = std::mem::take(&mut *wakers.lock().unwrap());
                drop(wakers);
                let start = Arc::new(Barrier::new(FOREIGN + 1));
                let stop = Arc::new(AtomicBool::new(false));
                let foreign = [(); FOREIGN].map(|()| {
                    let (start, stop, held) = (start.clone(), stop.clone(), held.clone());
                    let (handle, wakers) = (runtime.handle().clone(), first.clone());
                    thread::spawn(move || {
                        start.wait();
                        let mut tasks = Vec::new();
                        while !stop.load(SeqCst) {
                            wakers.iter().for_each(|waker| waker.wake_by_ref());
                            let ours = held.clone();
                            tasks.push(handle.spawn(async move { drop(ours) }));
                        }
                        tasks
                    })
                });
                drop(first);
                start.wait();
                drop(runtime);
                stop.store(true, SeqCst);
                for task in foreign.into_iter().flat_map(|thread| thread.join().unwrap()) {
                    // A worker may have come to it before the end.
                    assert!(join(task).map_or_else(|error| error.is_cancelled(), |()| true));
                }
                assert_eq!(Arc::strong_count(&held), 1);
            }
            assert_eq!(descriptors(), before);
        });
    });
}

// ---- threads for blocking work ----

/// Point 11.
#[test]
fn a_pool_of_no_threads_is_refused_at_the_callers_line() {
    let mut builder = Builder::new_current_thread();
    let line = line!() + 1;
    let panicked = panic_of(|| _ = builder.max_blocking_threads(0)).unwrap();
    assert_eq!((panicked.line, &*panicked.file), (line, file!()));
    assert!(panicked.message.contains("greater than 0"), "{}", panicked.message);
}

#[test]
fn as_many_closures_run_at_once_as_there_may_be_threads() {
    on_every_flavour(|flavour| {
        let runtime = flavour.builder().max_blocking_threads(3).build().unwrap();
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        // Three must meet, or none continues.
        let meet = Arc::new(Barrier::new(3));
        let closures: Vec<_> = (0..30)
            .map(|_| {
                let (now, most, meet) = (now.clone(), most.clone(), meet.clone());
                runtime.spawn_blocking(move || {
                    most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                    meet.wait();
                    now.fetch_sub(1, SeqCst);
                })
            })
            .collect();
        for closure in closures {
            join(closure).unwrap();
        }
        assert_eq!(most.load(SeqCst), 3);
        assert_eq!(runtime.handle().metrics().num_blocking_threads(), 3);
    });
}

#[test]
fn an_idle_thread_is_used_again_and_ends_after_a_while() {
    ends(|| {
        let runtime = real();
        let id = || {
            let closure = runtime.spawn_blocking(|| thread::current().id());
            // Between the end of its closure and its rest a thread is not idle yet: give it a moment.
            let id = join(closure).unwrap();
            thread::sleep(Duration::from_millis(1));
            id
        };
        let ids: HashSet<_> = (0..50).map(|_| id()).collect();
        assert!(ids.len() < 50, "a new thread for each closure");

        let brief = Duration::from_millis(1);
        let runtime = Builder::new_current_thread().thread_keep_alive(brief).build().unwrap();
        runtime.block_on(runtime.spawn_blocking(|| ())).unwrap();
        while runtime.handle().metrics().num_blocking_threads() > 0 {
            thread::yield_now();
        }
    });
}

#[test]
fn an_idle_thread_may_be_kept_for_ever() {
    on_every_flavour(|flavour| {
        let mut builder = flavour.builder();
        let runtime = builder.thread_keep_alive(Duration::MAX).build().unwrap();
        assert_eq!(runtime.block_on(runtime.spawn_blocking(|| 1)).unwrap(), 1);
        drop(runtime);
    });
}

/// A thread that has waited long enough for work still counts, until it is gone. If it takes the last
/// place meanwhile, work that comes in this moment would wait for a thread that never looks again.
#[test]
fn work_that_comes_while_the_last_thread_leaves_is_done() {
    ends(|| {
        let (leaves, leaving) = mpsc::channel();
        let (release, wait) = mpsc::channel::<()>();
        let wait = Mutex::new(wait);
        let runtime = Builder::new_current_thread()
            .max_blocking_threads(1)
            .thread_keep_alive(Duration::from_millis(1))
            .on_thread_stop(move || {
                let _ = leaves.send(());
                let _ = wait.lock().unwrap().recv();
            })
            .build()
            .unwrap();
        join(runtime.spawn_blocking(|| ())).unwrap();
        leaving.recv().unwrap();
        let closure = runtime.spawn_blocking(|| 1);
        drop(release);
        assert_eq!(join(closure).unwrap(), 1);
    });
}

#[test]
fn a_thread_is_named_while_no_lock_is_held() {
    ends(|| {
        let metrics = Arc::new(Mutex::new(None::<openwork::runtime::RuntimeMetrics>));
        let ours = metrics.clone();
        let name = move || {
            let metrics = ours.lock().unwrap().take().unwrap();
            format!("one of {}", metrics.num_blocking_threads())
        };
        let runtime = Builder::new_current_thread().thread_name_fn(name).build().unwrap();
        *metrics.lock().unwrap() = Some(runtime.handle().metrics());
        join(runtime.spawn_blocking(|| ())).unwrap();
    });
}

#[test]
fn threads_have_names_and_their_beginning_and_end_are_told() {
    ends(|| {
        let (starts, stops) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
        let (told, untold) = (starts.clone(), stops.clone());
        let runtime = Builder::new_current_thread()
            .thread_name("a-name")
            .thread_stack_size(1 << 20)
            .on_thread_start(move || {
                assert!(Handle::try_current().is_ok());
                let id = thread::current().id();
                told.lock().unwrap().push(id);
            })
            .on_thread_stop(move || {
                untold.fetch_add(1, SeqCst);
            })
            .build()
            .unwrap();
        // Not this one, which the runtime did not start.
        runtime.block_on(async {});
        assert!(starts.lock().unwrap().is_empty());
        let look = || (thread::current().name().map(str::to_owned), thread::current().id());
        let (name, id) = runtime.block_on(runtime.spawn_blocking(look)).unwrap();
        assert_eq!(name.as_deref(), Some("a-name"));
        assert_eq!(*starts.lock().unwrap(), [id]);
        assert_eq!(stops.load(SeqCst), 0);
        drop(runtime);
        assert_eq!(stops.load(SeqCst), 1);

        let numbers = AtomicUsize::new(0);
        let name = move || format!("number {}", numbers.fetch_add(1, SeqCst));
        let runtime = Builder::new_current_thread().thread_name_fn(name).build().unwrap();
        let (name, _) = runtime.block_on(runtime.spawn_blocking(look)).unwrap();
        assert_eq!(name.as_deref(), Some("number 0"));
    });
}

#[test]
fn hooks_of_threads_that_panic_end_nothing_else() {
    on_every_flavour(|flavour| {
        let runtime = flavour
            .builder()
            .on_thread_start(|| panic!("at the start"))
            .on_thread_stop(|| panic!("at the end"))
            .build()
            .unwrap();
        assert_eq!(runtime.block_on(runtime.spawn_blocking(|| 1)).unwrap(), 1);
        drop(runtime);
    });
}

// ---- metrics ----

#[test]
fn the_metrics_are_those_of_the_moment() {
    ends(|| {
        let runtime = real();
        let metrics = runtime.handle().metrics();
        let all = || {
            let counts = (metrics.num_alive_tasks(), metrics.global_queue_depth());
            (counts.0, counts.1, metrics.num_timers(), metrics.num_blocking_threads())
        };
        assert_eq!(all(), (0, 0, 0, 0));
        let nap = runtime.spawn(async { sleep(HOUR).await });
        let ends = runtime.spawn(async {});
        assert_eq!(all(), (2, 2, 0, 0), "spawned from outside, and not taken yet");
        runtime.block_on(ends).unwrap();
        assert_eq!(all(), (1, 0, 1, 0));
        let (running, release) = runs_on(runtime.handle());
        assert_eq!(all(), (1, 0, 1, 1), "a closure is no task of the worker's");
        release.send(()).unwrap();
        runtime.block_on(running).unwrap();
        nap.abort();
        assert!(runtime.block_on(nap).unwrap_err().is_cancelled());
        assert_eq!(all(), (0, 0, 0, 1));
        assert_eq!(metrics.io_driver_fd_registered_count(), 0);
    });
}

// ---- large numbers ----

#[test]
fn a_million_tasks_are_spawned_and_joined() {
    on_every_flavour(|flavour| {
        const TASKS: u64 = 1_000_000;
        let runtime = flavour.build();
        let sum = runtime.block_on(async {
            // All at once …
            let tasks: Vec<_> =
                (0..TASKS).map(|number| openwork::spawn(async move { number })).collect();
            let mut sum = 0;
            for task in tasks {
                sum += task.await.unwrap();
            }
            sum
        });
        assert_eq!(sum, TASKS * (TASKS - 1) / 2);
        assert_eq!(runtime.handle().metrics().num_alive_tasks(), 0);
    });
}

#[test]
fn a_foreign_thread_spawns_while_the_runtime_is_busy_and_idle() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let handle = runtime.handle().clone();
        let (done, finish) = oneshot::channel();
        let foreign = thread::spawn(move || {
            let mut sum = 0;
            for batch in 0..200 {
                let tasks: Vec<_> =
                    (0..batch).map(|number| handle.spawn(async move { number })).collect();
                sum += tasks.into_iter().map(|task| join(task).unwrap()).sum::<u64>();
            }
            done.send(sum).unwrap();
        });
        let expected: u64 = (0..200_u64).map(|batch| batch * batch.saturating_sub(1) / 2).sum();
        assert_eq!(runtime.block_on(finish), Ok(expected));
        foreign.join().unwrap();
    });
}

/// A server with many idle connections parks after each request.
#[test]
fn to_fall_asleep_costs_the_same_however_many_tasks_wait() {
    ends(|| {
        // The best of many: nothing but the work itself is in it, whatever else the machine does.
        let best = |tasks: usize| {
            paused().block_on(async {
                for _ in 0..tasks {
                    drop(openwork::spawn(pending::<()>()));
                    // What has ended long ago costs nothing either.
                    drop(openwork::spawn(async {}));
                }
                // With a paused clock this is over when all of them have been polled.
                sleep(Duration::from_nanos(1)).await;
                let mut best = HOUR;
                for _ in 0..100 {
                    let start = Instant::now();
                    // So many that the worker looks whether enough have ended to prune the list of tasks.
                    for _ in 0..64 {
                        drop(openwork::spawn(async {}));
                    }
                    sleep(Duration::from_nanos(1)).await;
                    best = best.min(start.elapsed());
                }
                best
            })
        };
        let (few, many) = (best(100), best(100_000));
        assert!(many < 5 * few, "{few:?} with a hundred tasks, {many:?} with a hundred thousand");
    });
}

// ---- subscribers ----

#[test]
fn a_listener_hears_its_own_runtime_alone_and_not_itself() {
    on_every_flavour(|flavour| {
        let heard = Arc::new(AtomicUsize::new(0));
        let inner_handle: Arc<Mutex<Option<Handle>>> = Arc::default();
        let (count, handle) = (heard.clone(), inner_handle.clone());
        let runtime = flavour
            .builder()
            .on_event(move |record| {
                if let Event::Spawned { kind: TaskKind::Task, .. } = record.event {
                    count.fetch_add(1, SeqCst);
                    // It gets no events that it causes itself.
                    let handle = handle.lock().unwrap().clone();
                    drop(handle.map(|handle| handle.spawn(async {})));
                }
            })
            .build()
            .unwrap();
        *inner_handle.lock().unwrap() = Some(runtime.handle().clone());
        let other = flavour.build();
        other.block_on(async { openwork::spawn(async {}).await.unwrap() });
        assert_eq!(heard.load(SeqCst), 0);
        runtime.block_on(async { openwork::spawn(async {}).await.unwrap() });
        assert_eq!(heard.load(SeqCst), 1);
        inner_handle.lock().unwrap().take();
    });
}

/// It is called at any point of the engine: while a task completes, while wakers are called.
#[test]
fn a_subscriber_that_panics_ends_nothing_else() {
    on_every_flavour(|flavour| {
        let heard = Arc::new(AtomicUsize::new(0));
        let count = heard.clone();
        let runtime = flavour
            .builder()
            .on_event(move |_| {
                count.fetch_add(1, SeqCst);
                std::panic::resume_unwind(Box::new("a subscriber panics"));
            })
            .build()
            .unwrap();
        runtime.block_on(async {
            let nap = openwork::spawn(async { sleep(Duration::from_micros(1)).await });
            nap.await.unwrap();
            assert_eq!(openwork::spawn(async { 1 }).await.unwrap(), 1);
        });
        assert!(heard.load(SeqCst) > 5, "it is called again");
    });
}

/// Each of these questions takes a lock. No event is reported under one.
#[test]
fn a_subscriber_may_ask_the_runtime_at_each_event() {
    on_every_flavour(|flavour| {
        let handle: Arc<Mutex<Option<Handle>>> = Arc::default();
        let ours = handle.clone();
        let runtime = flavour
            .builder()
            .on_event(move |_| {
                let Some(handle) = ours.lock().unwrap().clone() else { return };
                let metrics = handle.metrics();
                metrics.num_timers();
                metrics.num_blocking_threads();
                metrics.io_driver_fd_registered_count();
                handle.tasks();
            })
            .build()
            .unwrap();
        *handle.lock().unwrap() = Some(runtime.handle().clone());
        runtime.block_on(async {
            let mut nap = Box::pin(sleep(HOUR));
            assert!(futures::poll!(&mut nap).is_pending());
            nap.as_mut().reset(time::Instant::now() + HOUR / 2);
            nap.as_mut().reset(time::Instant::now());
            nap.await;
            drop(openwork::spawn(sleep(HOUR)));
            openwork::spawn(yield_now()).await.unwrap();
            spawn_blocking(|| ()).await.unwrap();
            let (near, mut far) = UnixStream::pair().unwrap();
            let read = openwork::spawn(async move { (&near).read(&mut [0; 4]).await.unwrap() });
            far.write_all(b"data").await.unwrap();
            assert_eq!(read.await.unwrap(), 4);
        });
        drop(runtime);
        handle.lock().unwrap().take();
    });
}

/// For instance by sending its events to a task that writes them. The park event comes after the worker has
/// looked for tasks.
#[test]
fn what_a_listener_wakes_is_polled_before_the_runtime_sleeps() {
    on_every_flavour(|flavour| {
        let (send, mut receive) = futures::channel::mpsc::unbounded();
        let runtime = flavour
            .builder()
            .on_event(move |record| {
                if let Event::Park { .. } = record.event {
                    let _ = send.unbounded_send(());
                }
            })
            .build()
            .unwrap();
        runtime.block_on(async {
            receive.next().await.unwrap();
            let task = openwork::spawn(async move { receive.next().await });
            task.await.unwrap().unwrap();
        });
    });
}

/// Two tasks that yield for ever would have the whole of each round, if a round were a number of polls.
#[test]
fn many_tasks_from_outside_do_not_wait_for_the_rounds_of_two_that_yield() {
    ends(|| {
        let runtime = Flavour::CurrentThread.in_order().build().unwrap();
        let yields = Arc::new(AtomicUsize::new(0));
        for _ in 0..2 {
            let yields = yields.clone();
            runtime.spawn(async move {
                loop {
                    yields.fetch_add(1, SeqCst);
                    yield_now().await;
                }
            });
        }
        let done: Vec<_> = (0..1280).map(|_| runtime.spawn(async {})).collect();
        runtime.block_on(async {
            for task in done {
                task.await.unwrap();
            }
        });
        // 1,282 at 128 a round: the two come first, then have one turn in each of ten rounds, and the whole
        // of the last one.
        let yields = yields.load(SeqCst);
        assert!(yields <= 11 * 2 + 61, "{yields} polls of the two before the others were done");
    });
}
