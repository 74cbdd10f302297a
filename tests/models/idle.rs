//! A push finds a worker that polls the task.
//!
//! In these models the engine's workers run until all tasks have been polled: they search, park in the driver and
//! beside it. A task that no worker polls is a deadlock. So is one that no worker polls in time: a [`Gate`] holds up
//! a worker's thread until another worker has polled another task.
//!
//! At the end the runtime is at rest: no worker is counted as parked or searching, and no queue owns a task.

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

#[test]
fn a_push_and_two_workers() {
    schedules_interrupted(2, || {
        let runtime = Runtime::new(2, 1);
        runtime.run(|| runtime.push(|_| {}));
    });
}

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
fn a_push_and_a_worker_that_wakes_up_by_itself(notify: fn(&Idle, &Parker) -> Option<ParkedIn>) {
    let shared = Arc::new((Idle::new(1), Parker::new(), SegQueue::new()));
    let other = thread::spawn({
        let shared = shared.clone();
        move || {
            let (idle, parker, queue) = &*shared;
            queue.push(());
            if notify(idle, parker).is_some() {
                parker.notify_condvar();
            }
        }
    });
    let (idle, parker, queue) = &*shared;
    let (mut by_itself, mut is_searching) = (true, false);
    while queue.pop().is_none() {
        let was_last = idle.transition_to_parked(parker, ParkedIn::Condvar, is_searching);
        if !mem::take(&mut by_itself) && !(was_last && !queue.is_empty()) {
            parker.wait();
        }
        is_searching = idle.transition_from_parked(parker);
    }
    assert!(!is_searching || idle.transition_from_searching(), "there is no other searcher");
    other.join().unwrap();
    assert!(!idle.has_parked());
    assert!(idle.transition_to_parked(parker, ParkedIn::Condvar, false), "a searcher");
}

#[test]
fn a_worker_that_wakes_up_by_itself_is_notified_too() {
    schedules_interrupted(4, || {
        a_push_and_a_worker_that_wakes_up_by_itself(|idle, parker| {
            idle.notify_any(std::iter::once(parker)).map(|(_, place)| place)
        });
    });
}

#[test]
fn the_worker_that_is_meant_is_notified_though_it_wakes_up_by_itself() {
    schedules_interrupted(4, || {
        a_push_and_a_worker_that_wakes_up_by_itself(Idle::notify_worker);
    });
}

// ---- the monitor ----

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

// ---- the driver ----

#[test]
fn an_earlier_deadline_unparks_the_driver() {
    schedules_interrupted(3, || {
        let runtime = Runtime::new(1, 1);
        runtime.run(|| runtime.task(|_| {}).sleep(SOON));
    });
}

// ---- the end ----

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
