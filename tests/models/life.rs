//! A task behaves the same whatever several threads do to it at once.
//!
//! A [`Scene`] is a task that waits for a few letters, two threads that act on it, and a third thread that
//! is its worker or shuts the runtime down. At the end of each scene the same is checked (see
//! [`Scene::play`]): the task is complete if it must be, its join handle was woken, and everything was
//! dropped once. The scenes below are *every pair* of wake, wake, abort, join and detach, each beside a
//! poll, and beside the completion.

use std::sync::Arc;

use loom::thread;

use crate::task::{JoinHandle, Outcome, Task};
use crate::{every_schedule, schedules_interrupted};

use Act::{Abort, Detach, Join, ShutDown, Wake, Work};

/// What a thread does to the task.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Act {
    /// Sends the letter with this number, and wakes.
    Wake(usize),
    Abort,
    /// Polls the handle twice, each time with another waker.
    Join,
    /// Drops the handle.
    Detach,
    /// Polls the task, as a second worker.
    Work,
    /// Shuts the runtime down, while another thread does so too.
    ShutDown,
}

/// What the third thread does.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Worker {
    Works,
    /// It has stopped, and the runtime is dropped.
    ShutsDown,
}

/// A model of a task, before it begins.
#[derive(Debug, Clone, Copy)]
struct Scene {
    worker: Worker,
    acts: [Act; 2],
    /// The letters that the future waits for; see [`Task`].
    needs: Option<usize>,
    /// The task was polled once before, and is idle. Otherwise it is new, and in the queue.
    idle: bool,
    /// The join handle was polled once before, and waits.
    waits: bool,
}

impl Scene {
    /// Runs the threads, and then checks the task.
    fn play(self) {
        let (task, mut handle) = Task::new(self.needs);
        if self.idle {
            task.work();
        }
        if self.waits {
            handle.poll();
        }
        let handle = self.act(&task, handle);
        // The last push may have come after the worker looked into the queue.
        match self.worker {
            Worker::Works => task.work(),
            Worker::ShutsDown => task.drain(),
        }
        self.check(&task, handle);
    }

    /// Runs the threads. Returns the handle, unless it was dropped.
    fn act(self, task: &Arc<Task>, handle: JoinHandle) -> Option<JoinHandle> {
        let mut handle = Some(handle);
        let threads = self.acts.map(|act| {
            let task = task.clone();
            let mut handle = handle.take_if(|_| matches!(act, Join | Detach));
            thread::spawn(move || {
                match act {
                    Wake(letter) => task.wake(letter),
                    Abort => task.abort(),
                    Work => task.work(),
                    ShutDown => task.shut_down(),
                    Join => {
                        let handle = handle.as_mut().expect("one thread has the handle");
                        handle.poll();
                        handle.poll();
                    }
                    Detach => handle = None,
                }
                handle
            })
        });
        match self.worker {
            Worker::Works => task.work(),
            Worker::ShutsDown => task.shut_down(),
        }
        let handles = threads.map(|thread| thread.join().unwrap());
        handle.or(handles.into_iter().flatten().next())
    }

    fn check(self, task: &Task, handle: Option<JoinHandle>) {
        let wakes = self.acts.iter().filter(|act| matches!(act, Wake(_))).count();
        let may_return = self.needs.is_some_and(|needs| needs <= wakes);
        let may_be_cancelled = self.worker == Worker::ShutsDown || self.acts.contains(&Abort);
        let must_end = may_return || may_be_cancelled;
        assert_eq!(task.is_complete(), must_end, "a wake or an abort was lost: {self:?}");
        if let Some(mut handle) = handle {
            assert!(
                !must_end || !handle.waits || handle.is_woken(),
                "the join handle was not woken: {self:?}"
            );
            handle.poll();
            match handle.outcome {
                Some(Outcome::Returned) => assert!(may_return, "{self:?}"),
                Some(Outcome::Cancelled) => assert!(may_be_cancelled, "{self:?}"),
                None => assert!(!must_end, "{self:?}"),
            }
        }
        task.check_counts();
    }
}

/// Plays the scenes that begin differently: with a future that is ready at once, with one that needs all
/// letters that are sent, and, if an abort or a shutdown ends it, with one that is never ready.
fn play(worker: Worker, acts: [Act; 2]) {
    let wakes = acts.iter().filter(|act| matches!(act, Wake(_))).count();
    let mut futures = vec![Some(0)];
    if wakes > 0 {
        futures.push(Some(wakes));
    }
    if wakes == 0 || acts.contains(&Abort) {
        futures.push(None);
    }
    for needs in futures {
        for (idle, waits) in [(false, false), (false, true), (true, false), (true, true)] {
            if idle && needs == Some(0) {
                continue; // A future that is ready at once is never idle.
            }
            let scene = Scene { worker, acts, needs, idle, waits };
            schedules_interrupted(2, move || scene.play());
        }
    }
}

// ---- wakes ----

/// Guards the write in `State::notify` when nothing changes: without it the second waker sees `Scheduled` and
/// returns, and the poll that follows does not see what was written before the second wake.
#[test]
fn two_wakes_and_a_poll() {
    play(Worker::Works, [Wake(0), Wake(1)]);
}

/// Guards `RunningNotified`: a wake during a poll leads to another poll, as the future may have looked before
/// the wake. Guards the handover between two polls too: the second worker sees what the first one wrote.
#[test]
fn a_wake_during_a_poll_is_kept() {
    play(Worker::Works, [Wake(0), Work]);
}

/// Guards the look for `COMPLETE` in `State::notify`: a late wake does not queue the task.
#[test]
fn a_wake_after_the_completion_does_nothing() {
    every_schedule(|| {
        let (task, handle) = Task::new(Some(0));
        let late = thread::spawn({
            let task = task.clone();
            move || task.wake(0)
        });
        task.work();
        task.wake(1);
        late.join().unwrap();
        assert!(!task.take_from_queue(), "a complete task is not scheduled");
        drop(handle);
        task.check_counts();
    });
}

// ---- aborts ----

/// Guards the look for an abort in `end_poll`: an abort during a poll pushes nothing, so the task would be
/// idle for ever if `end_poll` did not look.
#[test]
fn an_abort_ends_the_task_beside_a_wake() {
    play(Worker::Works, [Wake(0), Abort]);
}

/// Guards that an abort schedules an idle task, and that one worker alone then owns the future.
#[test]
fn an_abort_ends_the_task_beside_two_workers() {
    play(Worker::Works, [Abort, Work]);
}

/// Guards the look for an abort in `start_poll`. Without it no abort is lost (`end_poll` looks too), but a task
/// that was aborted before a poll must not be polled.
#[test]
fn an_aborted_task_is_not_polled() {
    every_schedule(|| {
        let (task, mut handle) = Task::new(Some(0));
        task.abort();
        task.work();
        handle.poll();
        assert_eq!(handle.outcome, Some(Outcome::Cancelled));
    });
}

#[test]
fn two_aborts_end_the_task_once() {
    play(Worker::Works, [Abort, Abort]);
}

/// Guards that the join handle is woken by an abort too.
#[test]
fn a_join_handle_is_woken_by_an_abort() {
    play(Worker::Works, [Abort, Join]);
}

#[test]
fn a_detached_task_can_be_aborted() {
    play(Worker::Works, [Abort, Detach]);
}

// ---- the join handle ----

/// Guards `set_join_waker` and `unset_join_waker` against `complete`. All change one byte: either the handle's
/// change comes first, and `complete` finds the waker, or `complete` does, and the handle takes the output.
#[test]
fn a_join_handle_is_woken_by_the_completion() {
    play(Worker::Works, [Wake(0), Join]);
}

#[test]
fn a_join_handle_is_woken_by_either_worker() {
    play(Worker::Works, [Join, Work]);
}

/// Guards `detach` against `complete`: the second of the two drops the output, and the owner of the join waker
/// drops that.
#[test]
fn a_detached_task_drops_its_output_itself() {
    play(Worker::Works, [Wake(0), Detach]);
}

#[test]
fn a_detached_task_is_run_by_any_worker() {
    play(Worker::Works, [Detach, Work]);
}

/// The whole way of a join: the handle's thread parks until the task completes.
#[test]
fn a_thread_that_joins_parks_until_the_completion() {
    schedules_interrupted(2, || {
        let (task, mut handle) = Task::new(Some(1));
        let joiner = thread::spawn(move || {
            handle.wait();
            assert_eq!(handle.outcome, Some(Outcome::Returned));
        });
        let worker = thread::spawn({
            let task = task.clone();
            move || task.work()
        });
        task.wake(0);
        worker.join().unwrap();
        task.work();
        joiner.join().unwrap();
        task.check_counts();
    });
}

// ---- the shutdown ----

/// Guards that `transition_to_shutdown` takes an idle task, and a scheduled one: no worker reads its queue. A
/// task that is taken out of that queue later is not polled (`start_poll` answers `Skip`).
#[test]
fn a_shutdown_ends_the_task_beside_wakes_and_aborts() {
    for acts in [[Wake(0), Wake(1)], [Wake(0), Abort], [Abort, Abort]] {
        play(Worker::ShutsDown, acts);
    }
}

/// Guards the move to `Running` in `transition_to_shutdown`: one thread alone owns the future then.
#[test]
fn two_shutdowns_end_the_task_once() {
    for act in [Wake(0), Abort] {
        play(Worker::ShutsDown, [ShutDown, act]);
    }
}

#[test]
fn a_join_handle_is_woken_by_a_shutdown() {
    for act in [Wake(0), Abort] {
        play(Worker::ShutsDown, [act, Join]);
    }
}

#[test]
fn a_detached_task_is_shut_down() {
    for act in [Wake(0), Abort] {
        play(Worker::ShutsDown, [act, Detach]);
    }
}

/// Guards the abort that `transition_to_shutdown` leaves with a running task: a task may drop its own runtime,
/// inside its poll.
#[test]
fn a_shutdown_during_a_poll_ends_the_task_after_it() {
    schedules_interrupted(3, || {
        let (task, mut handle) = Task::new(None);
        handle.poll();
        task.take_from_queue();
        let begun = task.start().expect("a new task");
        let [shutdown, waker] = [Task::shut_down, |task: &Task| task.wake(0)].map(|act| {
            let task = task.clone();
            thread::spawn(move || act(&task))
        });
        task.continue_run(begun);
        shutdown.join().unwrap();
        waker.join().unwrap();
        task.drain();
        assert!(handle.is_woken());
        handle.poll();
        assert_eq!(handle.outcome, Some(Outcome::Cancelled));
        drop(handle);
        task.check_counts();
    });
}
