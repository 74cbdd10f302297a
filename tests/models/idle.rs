//! A push finds a worker that polls the task.
//!
//! In these models the engine's own workers run until all tasks have been polled: they search, and park in the driver
//! or on the condition variable. A task that no worker polls is a deadlock, and loom reports it. A task that no worker
//! polls in time is a deadlock too: a [`Gate`] holds up a worker's thread until another thread has opened it.
//!
//! At the end the runtime is at rest: no worker is counted as parked or searching, and no queue owns a task.
//!
//! Each model says which lines it guards: without one of them it fails. It says too how often a thread is interrupted,
//! and how long the model takes in a release build.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use loom::thread;

use crate::engine::driver::Ready;
use crate::engine::idle::Idle;
use crate::engine::park::{ParkedIn, Parker};
use crate::engine::prim::SegQueue;
use crate::engine::threads::WorkerThreads;
use crate::runtime::{Gate, Runtime};
use crate::schedules_interrupted;

const SOON: Duration = Duration::from_millis(1);

// ---- pushes ----

/// Guards the second look at the queues, and the fences in `transition_to_parked` and `notify_any`. Worker: looks,
/// "nothing" … Other thread: pushes, "no worker is parked" … Worker: parks, and no thread wakes it. The second push may
/// also see the worker that was notified for the first.
///
/// Four interruptions, 2 s.
#[test]
fn a_push_is_seen_or_notifies() {
    schedules_interrupted(4, || {
        let runtime = Runtime::new(1, 2);
        runtime.run(|| {
            runtime.push(|_| {});
            runtime.push(|_| {});
        });
    });
}

/// Guards the same for two workers: a push that sees a searching worker notifies none, so the last searcher must find
/// the task.
///
/// Two interruptions, 25 s.
#[test]
fn a_push_and_two_workers() {
    schedules_interrupted(2, || {
        let runtime = Runtime::new(2, 1);
        runtime.run(|| runtime.push(|_| {}));
    });
}

/// Guards the notification by a worker that pushes to its own queue. Its thread is held up by the task that pushes, so
/// the other worker must steal.
///
/// Two interruptions, 3 s.
#[test]
fn a_worker_that_blocks_is_stolen_from() {
    schedules_interrupted(2, || {
        let gate = Arc::new(Gate::default());
        let runtime = Runtime::new(2, 3);
        runtime.push(move |runtime| {
            for _ in 0..2 {
                let gate = gate.clone();
                runtime.push(move |_| gate.open());
            }
            gate.wait();
        });
        runtime.run(|| {});
    });
}

/// Guards the duty of the last searcher, in `stop_searching` and after a last look that found a task. Both pushes may see
/// a searching worker, and notify none. The first task holds up its worker until the second has been polled.
///
/// One interruption, 10 s.
#[test]
fn the_last_searcher_notifies_another_worker() {
    schedules_interrupted(1, || {
        let gate = Arc::new(Gate::default());
        let runtime = Runtime::new(2, 2);
        runtime.run(|| {
            let other = gate.clone();
            runtime.push(move |_| other.wait());
            runtime.push(move |_| gate.open());
        });
    });
}

/// Guards the fence in `stop_searching`, for which the model above needs two interruptions: here the second worker is
/// parked from the start.
///
/// Two interruptions, 3 s.
#[test]
fn the_last_searcher_sees_a_push_that_saw_it_search() {
    schedules_interrupted(2, || {
        let gate = Arc::new(Gate::default());
        let runtime = Runtime::new(2, 2);
        let threads = WorkerThreads::new(runtime.shared().clone());
        // The main thread is the second worker, parked in the driver from the start.
        let driver = runtime.driver.try_lock().expect("no other thread has it");
        let parker = &runtime.remotes[1].parker;
        let _ = runtime.idle.transition_to_parked(parker, ParkedIn::Driver, false);
        let first = thread::spawn({
            let (threads, rngs) = (threads.clone(), runtime.rngs());
            move || threads.run(0, rngs)
        });
        let other = gate.clone();
        runtime.push(move |_| other.wait());
        runtime.push(|_| {});
        runtime.driver.tick(driver, Some(parker), &mut Ready::default(), || {});
        gate.open();
        let was_notified = runtime.idle.transition_from_parked(parker);
        if was_notified && runtime.idle.transition_from_searching() && runtime.has_work() {
            runtime.notify_any();
        }
        threads.run(1, runtime.rngs());
        first.join().unwrap();
        runtime.check_at_rest();
    });
}

/// A worker that wakes up by itself the first time, and one push that notifies it.
fn a_push_and_a_worker_that_wakes_up_by_itself(notify: fn(&Idle, &Parker) -> bool) {
    let shared = Arc::new((Idle::new(1), Parker::new(), SegQueue::new()));
    let other = thread::spawn({
        let shared = shared.clone();
        move || {
            let (idle, parker, queue) = &*shared;
            queue.push(());
            if notify(idle, parker) {
                parker.notify_condvar();
            }
        }
    });
    let (idle, parker, queue) = &*shared;
    let (mut by_itself, mut is_searching) = (true, false);
    while queue.pop().is_none() {
        let was_last = idle.transition_to_parked(parker, ParkedIn::Condvar, is_searching);
        let has_work = was_last && !queue.is_empty();
        if !mem::take(&mut by_itself) && !has_work {
            parker.wait(None);
        }
        is_searching = idle.transition_from_parked(parker);
    }
    assert!(!is_searching || idle.transition_from_searching(), "there is no other searcher");
    other.join().unwrap();
    assert!(!idle.has_parked());
    assert!(idle.transition_to_parked(parker, ParkedIn::Condvar, false), "a searcher");
}

/// Guards two lines of `Idle::notify`: it counts the worker as searching before it notifies it (else the only searcher
/// is not the last one), and if the worker has woken up by itself, `notify_any` looks again (else a worker that parks
/// meanwhile relies on a search that does not take place).
///
/// Four interruptions, 0.1 s.
#[test]
fn a_worker_that_wakes_up_by_itself_is_notified_too() {
    schedules_interrupted(4, || {
        a_push_and_a_worker_that_wakes_up_by_itself(|idle, parker| {
            idle.notify_any(std::iter::once(parker)).is_some()
        });
    });
}

/// Guards the same in `notify_worker`.
///
/// Four interruptions, 0.1 s.
#[test]
fn the_worker_that_is_meant_is_notified_though_it_wakes_up_by_itself() {
    schedules_interrupted(4, || {
        a_push_and_a_worker_that_wakes_up_by_itself(|idle, parker| {
            idle.notify_worker(parker).is_some()
        });
    });
}

// ---- the monitor ----

/// Guards `wake_monitor` and both of its fences. The only worker leaves the driver for a task that blocks until a second
/// deadline; only the monitor can fire that one. If the monitor parks because it still saw the worker in the driver, no
/// thread wakes it.
///
/// Three interruptions, 1 s.
#[test]
fn a_task_that_blocks_does_not_delay_timers() {
    schedules_interrupted(3, || {
        let gate = Arc::new(Gate::default());
        let runtime = Runtime::new(1, 1);
        let other = gate.clone();
        runtime.task(move |_| other.wait()).sleep(SOON);
        runtime.sleep(2 * SOON, gate.into());
        runtime.run_with_monitor(|| {});
    });
}

/// Guards `wake_monitor` after a park that was only announced: the worker finds a task that was pushed meanwhile, does
/// not wait in the driver, and the task blocks until a deadline. The monitor may have seen the announcement, and parked.
///
/// Two interruptions, 1 s.
#[test]
fn a_task_that_blocks_a_worker_which_did_not_park_does_not_delay_timers() {
    schedules_interrupted(2, || {
        let gate = Arc::new(Gate::default());
        let runtime = Runtime::new(1, 1);
        // After the first look of the monitor, at 10 ms.
        runtime.sleep(Duration::from_millis(15), gate.clone().into());
        runtime.run_with_monitor(|| runtime.push(move |_| gate.wait()));
    });
}

// ---- the driver ----

/// Guards `Timers::prepare_park`, which announces the park and reads the deadline under one lock, and the notification
/// by `poll_timer`. If the driver reads the deadline first, a timer that is set in between notifies no thread.
///
/// Three interruptions, 0.01 s.
#[test]
fn an_earlier_deadline_unparks_the_driver() {
    schedules_interrupted(3, || {
        let runtime = Runtime::new(1, 1);
        runtime.run(|| runtime.task(|_| {}).sleep(SOON));
    });
}

// ---- the end ----

/// Guards that a push looks whether the runtime has ended, and that the shutdown empties the queues. Without either, the
/// queue owns a task that owns the queue.
///
/// Three interruptions, 0.01 s.
#[test]
fn a_late_push_does_not_stay_in_the_queue() {
    schedules_interrupted(3, || {
        let runtime = Runtime::new(1, 2);
        let waker = thread::spawn({
            let runtime = runtime.clone();
            move || runtime.push(|_| {})
        });
        runtime.stop();
        runtime.shut_down();
        waker.join().unwrap();
        runtime.check_at_rest();
    });
}

/// Guards the fence in `shut_down`: the last worker may have seen the flag of the thread that stopped the runtime, and
/// nothing else of that thread. And the fences of `notify_worker` and `transition_to_parked`, by which a parked worker
/// hears of the end.
///
/// Three interruptions, 2 s.
#[test]
fn a_late_push_and_a_worker_that_stops() {
    schedules_interrupted(3, || {
        let runtime = Runtime::new(1, 2);
        runtime.run(|| {
            let waker = thread::spawn({
                let runtime = runtime.clone();
                move || runtime.push(|_| {})
            });
            runtime.stop();
            waker.join().unwrap();
        });
    });
}
