//! Whoever brings work finds somebody to do it.
//!
//! In most of these models the workers run until all tasks have run, whatever they do meanwhile: search,
//! drive, lie beside the driver. A task that *nobody* comes for is a deadlock. So is one that nobody comes
//! for in time: a [`Gate`] holds up a worker's thread until another task was run by somebody else.
//!
//! At the end the runtime is at rest: nobody is counted who does not sleep or search.

use std::sync::Arc;

use loom::thread;

use crate::engine::idle::{Awake, Idle};
use crate::runtime::{Gate, Shared, UntilStopped, Worker, run};
use crate::{every_schedule, schedules_interrupted};

// ---- pushes ----

/// Guards the fences in `announce` and `call_one`, and that the worker announces first and looks second. The
/// classic loss: the worker looks, and there is nothing; somebody pushes, and nobody sleeps yet; the worker
/// sleeps.
#[test]
fn a_push_is_seen_or_calls() {
    schedules_interrupted(3, || {
        let shared = Shared::new(1, 1, |_, _| {});
        run(&shared, || shared.schedule(0));
    });
}

/// The same, where the second push may see somebody who was called for the first.
#[test]
fn two_pushes_and_a_worker() {
    schedules_interrupted(2, || {
        let shared = Shared::new(1, 2, |_, _| {});
        run(&shared, || {
            shared.schedule(0);
            shared.schedule(1);
        });
    });
}

/// Guards the last look: a push that sees a searcher calls nobody, so who is the last to search must find it.
/// And that one who was not allowed to search looks as well, if nobody else does. And that one who was called
/// hears of it, or is counted among those who search for ever.
#[test]
fn a_push_and_two_workers() {
    schedules_interrupted(2, || {
        let shared = Shared::new(2, 1, |_, _| {});
        run(&shared, || shared.schedule(0));
    });
}

/// Guards the call of a worker that pushes to its own line. It does not come back to it: the second task must
/// be run by the other one, wherever that is on its way to sleep.
#[test]
fn a_worker_that_blocks_is_stolen_from() {
    schedules_interrupted(2, || {
        let gate = Gate::default();
        let shared = Shared::new(2, 2, move |worker, task| match task {
            0 => {
                worker.schedule(1);
                gate.wait();
            }
            _ => gate.open(),
        });
        shared.injector.push(0);
        run(&shared, || {});
    });
}

/// Guards the duty of the last searcher. Both pushes may see somebody who searches, and call nobody. Who finds
/// the first task is held up by it until the second has run, so another must have been called; also if it
/// found it by the last look, when it had stopped to search already.
///
/// One interruption is enough to lose it, and two already take a minute.
#[test]
fn the_last_searcher_that_found_work_calls_the_next() {
    schedules_interrupted(1, || {
        let gate = Gate::default();
        let shared = Shared::new(2, 2, move |_, task| match task {
            0 => gate.wait(),
            _ => gate.open(),
        });
        run(&shared, || {
            shared.schedule(0);
            shared.schedule(1);
        });
    });
}

// ---- who is called ----

/// Guards the second look of `call_one`, under the lock: without it each of two pushes sees that nobody
/// searches, and calls a worker.
#[test]
fn two_pushes_call_one_sleeper() {
    every_schedule(|| {
        let idle = Arc::new(Idle::new(2));
        let _ = idle.announce(0, false, false);
        let _ = idle.announce(1, false, false);
        let other = thread::spawn({
            let idle = idle.clone();
            move || idle.call_one()
        });
        let calls = [idle.call_one(), other.join().unwrap()];
        assert_eq!(calls.iter().flatten().count(), 1);
    });
}

/// Guards that who wakes up and who calls take the sleeper's place under one lock: a worker that wakes up by
/// itself is called once or not at all, and hears of it. Else one would search for ever that does not.
#[test]
fn who_wakes_up_by_itself_is_called_once() {
    schedules_interrupted(3, || {
        let idle = Arc::new(Idle::new(1));
        let callers = [true, false].map(|by_a_push| {
            let idle = idle.clone();
            thread::spawn(move || match by_a_push {
                true => idle.call_one().is_some(),
                false => idle.call(0),
            })
        });
        let mut heard = 0;
        for _ in 0..2 {
            let _ = idle.announce(0, false, false);
            if idle.retract(0) == Awake::Called {
                heard += 1;
                assert!(idle.end_search(), "it was the only one");
            }
        }
        let called = callers.map(|caller| caller.join().unwrap());
        assert_eq!(called.iter().filter(|called| **called).count(), heard);
        assert!(idle.announce(0, false, false), "nobody searches");
    });
}

/// Guards `wake_worker`, which must ring where the worker sleeps; and that the worker says where before it
/// announces.
#[test]
fn stop_reaches_who_sleeps_at_the_driver_and_beside_it() {
    schedules_interrupted(2, || {
        let shared = Shared::new(2, 0, |_, _| {});
        run(&shared, || shared.stop());
    });
}

// ---- the end ----

/// Guards the two fences that keep a queue from owning a task that owns the queue: push, fence, look whether
/// it is closed; close, fence, empty it.
#[test]
fn a_late_push_does_not_stay_in_the_queue() {
    every_schedule(|| {
        let shared = Shared::new(1, 2, |_, _| {});
        let waker = thread::spawn({
            let shared = shared.clone();
            move || shared.schedule(0)
        });
        shared.stop();
        shared.shut_down();
        waker.join().unwrap();
        shared.check_at_rest();
    });
}

/// Guards that the second fence is that of the one who empties the queues. It may have seen the flag of the one
/// who stopped the runtime, and nothing else of it.
#[test]
fn a_late_push_and_a_worker_that_stops() {
    schedules_interrupted(2, || {
        let shared = Shared::new(1, 2, |_, _| {});
        let waker = thread::spawn({
            let shared = shared.clone();
            move || shared.schedule(0)
        });
        let worker = thread::spawn({
            let shared = shared.clone();
            move || {
                Worker::start(&shared, 0).work(&mut UntilStopped(&shared));
                shared.shut_down();
            }
        });
        shared.stop();
        worker.join().unwrap();
        waker.join().unwrap();
        shared.check_at_rest();
    });
}

// ---- the driver ----

/// Guards `tell_deadline`: a task sets a timer and then blocks its thread, while the other worker is on its way
/// to sleep in the driver.
#[test]
fn a_deadline_is_told_to_who_drives() {
    schedules_interrupted(2, || {
        let gate = Gate::default();
        let shared = Shared::new(2, 2, move |worker, task| match task {
            0 => {
                worker.shared.driver.set_timer(1);
                gate.wait();
            }
            _ => gate.open(),
        });
        shared.injector.push(0);
        run(&shared, || {});
    });
}

/// Who drove runs what was due, and does not come back. The other one lay beside it, and must drive now.
#[test]
fn a_task_that_blocks_does_not_hold_up_timers() {
    schedules_interrupted(2, || {
        let gate = Gate::default();
        let shared = Shared::new(2, 2, move |_, task| match task {
            0 => gate.wait(),
            _ => gate.open(),
        });
        shared.driver.set_timer(0);
        shared.driver.set_timer(1);
        run(&shared, || {});
    });
}

/// Guards that also one who only glanced looks whether somebody has lain down beside the driver because of
/// that. Here the task that blocks comes later in the round after it.
#[test]
fn a_task_that_blocks_after_a_glance_does_not_hold_up_timers() {
    schedules_interrupted(2, || {
        let gate = Gate::default();
        let shared = Shared::new(2, 2, move |worker, task| match task {
            0 => {
                worker.glance();
                gate.wait();
            }
            _ => gate.open(),
        });
        shared.injector.push(0);
        shared.driver.set_timer(1);
        run(&shared, || {});
    });
}
