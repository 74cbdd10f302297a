//! Whatever is done to a task at once, it comes out right.
//!
//! A [`Scene`] is a task with a few letters to wait for, two threads that do something to it, and a third
//! that is its worker, or shuts the runtime down. When all is quiet the task is held to the same laws in
//! each scene (see [`Scene::play`]): it is done if it must be; its joiner was woken; everything was dropped
//! once. So the scenes below are *every pair* of wake, wake, abort, join and detach, each beside a poll,
//! and beside a finish.

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
    /// Is a second worker.
    Work,
    /// Shuts the runtime down, beside a thread that does so too.
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
    /// The task was polled once before, and rests; else it is new, and in the queue.
    rests: bool,
    /// The joiner was polled once before, and waits.
    waits: bool,
}

impl Scene {
    /// Lets everybody act, and then holds the task to the laws.
    fn play(self) {
        let (task, mut handle) = Task::new(self.needs);
        if self.rests {
            task.work();
        }
        if self.waits {
            handle.poll();
        }
        let handle = self.act(&task, handle);
        // Whoever put it into the queue last may have come after the worker.
        match self.worker {
            Worker::Works => task.work(),
            Worker::ShutsDown => task.drain(),
        }
        self.check(&task, handle);
    }

    /// Runs the threads. Gives back the handle, unless it was dropped.
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
                        let handle = handle.as_mut().expect("one thread has it");
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
        assert_eq!(task.is_done(), must_end, "a wake, or an abort, is not lost: {self:?}");
        if let Some(mut handle) = handle {
            assert!(!must_end || !handle.waits || handle.is_woken(), "nor is the end: {self:?}");
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

/// Plays the scenes that begin differently; with a future that is ready at once, with one that needs all the
/// letters that are sent, and, if there is an abort to end it, with one that is never ready.
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
        for (rests, waits) in [(false, false), (false, true), (true, false), (true, true)] {
            if rests && needs == Some(0) {
                continue; // What is ready at once does not rest.
            }
            let scene = Scene { worker, acts, needs, rests, waits };
            schedules_interrupted(2, move || scene.play());
        }
    }
}

// ---- wakes ----

/// Guards the store in `State::update` where nothing changes: without it the second wake sees `Scheduled`
/// and goes, and the poll to come does not see what was written before it.
#[test]
fn two_wakes_and_a_poll() {
    play(Worker::Works, [Wake(0), Wake(1)]);
}

/// Guards `RunningNotified`: a wake during the poll, which may have looked already, leads to another poll. And
/// guards the state between two polls: the second worker is the owner of what the first one left.
#[test]
fn a_wake_during_a_poll_is_kept() {
    play(Worker::Works, [Wake(0), Work]);
}

/// Guards `Lifecycle::Complete` in `State::wake`: who is late, and there is always one, does not queue the task.
#[test]
fn a_wake_after_the_end_does_nothing() {
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

/// Guards the look for an abort in `end_poll`: an abort during a poll schedules nothing, so if `end_poll`
/// were blind the task would rest for ever.
#[test]
fn an_abort_ends_the_task_beside_a_wake() {
    play(Worker::Works, [Wake(0), Abort]);
}

/// Guards that an abort schedules a task that rests; whichever worker finds it then has it to itself.
#[test]
fn an_abort_ends_the_task_beside_two_workers() {
    play(Worker::Works, [Abort, Work]);
}

/// Guards the look for an abort in `start_poll`. It loses nothing (`end_poll` looks too), but a task that was
/// aborted before a poll must not be polled.
#[test]
fn who_was_aborted_is_not_polled() {
    every_schedule(|| {
        let (task, mut handle) = Task::new(Some(0));
        task.abort();
        task.work();
        handle.poll();
        assert_eq!(handle.outcome, Some(Outcome::Cancelled));
    });
}

#[test]
fn two_aborts_are_as_good_as_one() {
    play(Worker::Works, [Abort, Abort]);
}

/// Guards that an abort, too, comes to the joiner: by the worker, and by `complete`.
#[test]
fn who_joins_is_told_of_an_abort() {
    play(Worker::Works, [Abort, Join]);
}

#[test]
fn a_detached_task_can_be_aborted() {
    play(Worker::Works, [Abort, Detach]);
}

// ---- the joiner ----

/// Guards `set_join_waker` and `unset_join_waker` against `complete`. They are changes of one word: either the
/// joiner's comes first, and `complete` finds the waker; or `complete` does, and the joiner takes the output.
#[test]
fn who_joins_is_woken_by_the_end() {
    play(Worker::Works, [Wake(0), Join]);
}

#[test]
fn who_joins_is_woken_whichever_worker_ends_the_task() {
    play(Worker::Works, [Join, Work]);
}

/// Guards `detach` against `complete`: the output is dropped by the one who comes second, and the waker in
/// the slot by the one to whom the slot belongs.
#[test]
fn a_detached_task_drops_its_output_itself() {
    play(Worker::Works, [Wake(0), Detach]);
}

#[test]
fn a_detached_task_is_run_by_any_worker() {
    play(Worker::Works, [Detach, Work]);
}

/// All of it together, asleep: the joiner's thread parks, and sleeps until the end.
#[test]
fn who_awaits_a_task_sleeps_until_it_ends() {
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

/// Guards that `transition_to_shutdown` takes a task wherever it is, also one that stands in a queue, which nobody reads.
#[test]
fn a_shutdown_ends_the_task_beside_wakes_and_aborts() {
    for acts in [[Wake(0), Wake(1)], [Wake(0), Abort], [Abort, Abort]] {
        play(Worker::ShutsDown, acts);
    }
}

/// Guards the move to `Running` in `transition_to_shutdown`, which makes it the one owner, as a poll would be.
#[test]
fn two_shutdowns_end_the_task_once() {
    for act in [Wake(0), Abort] {
        play(Worker::ShutsDown, [ShutDown, act]);
    }
}

#[test]
fn who_joins_is_told_of_a_shutdown() {
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

/// Guards the abort that `transition_to_shutdown` leaves with a task that runs: the runtime may be dropped by one of its
/// tasks, in the midst of its poll.
#[test]
fn a_shutdown_during_a_poll_ends_the_task_after_it() {
    schedules_interrupted(3, || {
        let (task, mut handle) = Task::new(None);
        handle.poll();
        task.take_from_queue();
        let begun = task.start().expect("it is new");
        let [shutdown, waker] = [Task::shut_down, |task: &Task| task.wake(0)].map(|act| {
            let task = task.clone();
            thread::spawn(move || act(&task))
        });
        task.go_on(begun);
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
