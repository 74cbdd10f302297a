//! A copy of the engine's task, for loom.
//!
//! The engine's task is its own waker by `ArcWake`, which needs std's `Arc`, and its cells are std's, which
//! loom cannot check. So this is a copy: the same state, the same calls of it in the same order, by the same
//! rules (see `src/engine/task.rs`), around cells of loom's. Loom reports two accesses of a cell if neither
//! is ordered before the other. So each model of a task checks rules 1, 3 and 4 too.
//!
//! Two things are weaker than in the engine, so that only the state orders anything:
//!
//! - The **queue** is a number that is read and written without any ordering. A real queue would hand over
//!   what was written before a push, and so hide an ordering that the state lacks.
//! - The **letters** that the future waits for are `Relaxed`. The thread that aborts sends one too, which
//!   must be seen when the future is dropped because of the abort.
//!
//! Each drop, wake and push is counted, and [`Task::check_counts`] knows the right counts.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize as Count;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;

use loom::cell::UnsafeCell;
use loom::sync::atomic::Ordering::Relaxed;
use loom::sync::atomic::{AtomicBool, AtomicUsize};

use crate::engine::park::Parker;
use crate::engine::state::{
    AfterComplete, AfterDetach, AfterEndPoll, AfterJoin, AfterShutdown, AfterStartPoll, AfterWake,
    JoinInterest, Lifecycle, State,
};

/// The result of a task.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcome {
    Returned,
    Cancelled,
}

/// Counts of what was made and dropped. They are not atomics of loom, so they order nothing in a model.
#[derive(Debug, Default)]
struct Counts {
    futures_dropped: Count,
    outputs_made: Count,
    outputs_dropped: Count,
    wakers_made: Count,
    wakers_dropped: Count,
    join_wakes: Count,
}

/// A value that counts its drop.
struct Counted(Arc<Counts>, fn(&Counts) -> &Count);

impl Drop for Counted {
    fn drop(&mut self) {
        (self.1)(&self.0).fetch_add(1, SeqCst);
    }
}

#[allow(dead_code)] // The counted values are only dropped.
enum Stage {
    Future(Counted),
    Output(Outcome, Counted),
    Empty,
}

/// The waker of the join handle.
struct Waker {
    /// The thread that it wakes. None: it only counts.
    parker: Option<Arc<Parker>>,
    drops: Counted,
}

impl Waker {
    /// `will_wake`. Two wakers without a thread are never the same, as if the handle moved between tasks.
    fn is_of(&self, parker: Option<&Arc<Parker>>) -> bool {
        matches!((&self.parker, parker), (Some(ours), Some(other)) if Arc::ptr_eq(ours, other))
    }

    fn wake(self) {
        self.drops.0.join_wakes.fetch_add(1, SeqCst);
        if let Some(parker) = &self.parker {
            parker.unpark();
        }
    }
}

pub struct Task {
    state: State,
    /// How many queues hold the task.
    queued: AtomicUsize,
    letters: [AtomicBool; 2],
    /// How many letters the future waits for. None: it is never ready.
    needs: Option<usize>,
    /// The letter that an abort or a shutdown sends.
    farewell: AtomicBool,
    /// Rules 1 and 3.
    stage: UnsafeCell<Stage>,
    /// Rule 4.
    join_waker: UnsafeCell<Option<Waker>>,
    counts: Arc<Counts>,
}

// SAFETY: as in the engine. If the rules did not hold, a model would fail.
unsafe impl Sync for Task {}

impl Task {
    /// A new task, in the queue.
    pub fn new(needs: Option<usize>) -> (Arc<Task>, JoinHandle) {
        let counts = Arc::<Counts>::default();
        let future = Counted(counts.clone(), |counts| &counts.futures_dropped);
        let task = Arc::new(Task {
            state: State::new(),
            queued: AtomicUsize::new(1),
            letters: Default::default(),
            needs,
            farewell: AtomicBool::new(false),
            stage: UnsafeCell::new(Stage::Future(future)),
            join_waker: UnsafeCell::new(None),
            counts,
        });
        (task.clone(), JoinHandle { task: Some(task), waits: false, outcome: None })
    }

    // ---- the queue ----

    fn push(&self) {
        let before = self.queued.fetch_add(1, Relaxed);
        assert_eq!(before, 0, "a scheduled task is in one queue");
    }

    pub fn take_from_queue(&self) -> bool {
        self.queued.swap(0, Relaxed) == 1
    }

    // ---- what a worker calls ----

    /// Runs the task as long as it is in the queue.
    pub fn work(&self) {
        while self.take_from_queue() {
            if let Some(begun) = self.start() {
                self.continue_run(begun);
            }
        }
    }

    /// The first part of `run`, up to `Running`.
    pub fn start(&self) -> Option<AfterStartPoll> {
        Some(self.state.start_poll()).filter(|start| *start != AfterStartPoll::Skip)
    }

    /// The rest of `run`.
    pub fn continue_run(&self, begun: AfterStartPoll) {
        let outcome = if begun == AfterStartPoll::Cancel {
            self.cancelled()
        } else if self.poll_future() {
            Outcome::Returned
        } else {
            match self.state.end_poll() {
                AfterEndPoll::Idle => return,
                AfterEndPoll::Reschedule => return self.push(),
                AfterEndPoll::Cancel => self.cancelled(),
            }
        };
        self.complete(outcome);
    }

    fn cancelled(&self) -> Outcome {
        assert!(
            self.farewell.load(Relaxed),
            "the drop does not see what was written before the abort"
        );
        Outcome::Cancelled
    }

    fn poll_future(&self) -> bool {
        self.stage.with_mut(|stage| {
            // SAFETY: rule 1.
            let Stage::Future(_) = (unsafe { &mut *stage }) else {
                unreachable!("a task that is not complete has a future")
            };
            let is_here = |letter: &AtomicBool| letter.load(Relaxed);
            self.needs.is_some_and(|needs| self.letters[..needs].iter().all(is_here))
        })
    }

    fn complete(&self, outcome: Outcome) {
        self.set_stage(Stage::Empty);
        self.counts.outputs_made.fetch_add(1, SeqCst);
        let output = Counted(self.counts.clone(), |counts| &counts.outputs_dropped);
        self.set_stage(Stage::Output(outcome, output));
        match self.state.complete() {
            AfterComplete::LeaveOutput => {}
            AfterComplete::WakeJoiner => {
                // SAFETY: rule 4.
                let waker = self.join_waker.with_mut(|slot| unsafe { (*slot).take() });
                waker.expect("a handle that waits has stored a waker").wake();
            }
            AfterComplete::DropOutput => self.set_stage(Stage::Empty),
        }
    }

    fn set_stage(&self, new: Stage) {
        // SAFETY: rule 1 or 3.
        self.stage.with_mut(|stage| unsafe { *stage = new });
    }

    fn store_join_waker(&self, waker: Option<Waker>) {
        // SAFETY: rule 4.
        let old = self.join_waker.with_mut(|slot| unsafe { mem::replace(&mut *slot, waker) });
        drop(old);
    }

    fn take_output(&self) -> Outcome {
        // SAFETY: rule 3.
        match self.stage.with_mut(|stage| unsafe { mem::replace(&mut *stage, Stage::Empty) }) {
            Stage::Output(outcome, _) => outcome,
            _ => unreachable!("a complete task has its output, until it is taken"),
        }
    }

    // ---- what other threads call ----

    /// Sends a letter, and wakes the task: `wake_by_ref`.
    pub fn wake(&self, letter: usize) {
        self.letters[letter].store(true, Relaxed);
        if self.state.wake() == AfterWake::Schedule {
            self.push();
        }
    }

    pub fn abort(&self) {
        self.farewell.store(true, Relaxed);
        if self.state.abort() == AfterWake::Schedule {
            self.push();
        }
    }

    pub fn shut_down(&self) {
        self.farewell.store(true, Relaxed);
        if self.state.transition_to_shutdown() == AfterShutdown::Cancel {
            self.complete(Outcome::Cancelled);
        }
    }

    /// Takes the task out of the queue of a runtime that has ended.
    pub fn drain(&self) {
        if self.take_from_queue() {
            assert_eq!(self.start(), None, "a task that a shutdown completed is not polled");
        }
    }

    // ---- what holds at the end ----

    pub fn is_complete(&self) -> bool {
        self.state.load().lifecycle == Lifecycle::Complete
    }

    /// Checks the counts. To be called when the other threads have ended and the handle was dropped.
    pub fn check_counts(&self) {
        let count = |count: &Count| count.load(SeqCst);
        let counts = &self.counts;
        let complete = usize::from(self.is_complete());
        assert_eq!(
            self.queued.load(Relaxed),
            0,
            "no thread is left to take the task out of the queue"
        );
        assert_eq!(
            count(&counts.futures_dropped),
            complete,
            "a future is dropped once, when its task completes"
        );
        let outputs = (count(&counts.outputs_made), count(&counts.outputs_dropped));
        assert_eq!(outputs, (complete, complete), "an output is dropped once");
        let wakers = (count(&counts.wakers_made), count(&counts.wakers_dropped));
        assert_eq!(wakers.0, wakers.1, "no waker outlives its handle");
        assert!(
            count(&counts.join_wakes) <= complete,
            "the handle is woken once, at the completion"
        );
    }
}

/// The join handle.
pub struct JoinHandle {
    /// None: the handle was dropped.
    task: Option<Arc<Task>>,
    /// The last poll was pending.
    pub waits: bool,
    pub outcome: Option<Outcome>,
}

impl JoinHandle {
    /// Polls the handle unless it has answered, as `JoinHandle::poll` does. Each poll has another waker.
    pub fn poll(&mut self) {
        self.poll_with(None);
    }

    fn poll_with(&mut self, parker: Option<&Arc<Parker>>) {
        if let (Some(task), None) = (&self.task, self.outcome) {
            self.outcome = Self::poll_join(task, parker);
            self.waits = self.outcome.is_none();
        }
    }

    fn poll_join(task: &Task, parker: Option<&Arc<Parker>>) -> Option<Outcome> {
        let seen = task.state.load();
        if seen.lifecycle == Lifecycle::Complete
            || (seen.join_interest == JoinInterest::Waiting
                && task.state.unset_join_waker() == AfterJoin::Complete)
        {
            return Some(task.take_output());
        }
        // SAFETY: rule 4.
        let stored = task
            .join_waker
            .with(|slot| unsafe { &*slot }.as_ref().is_some_and(|w| w.is_of(parker)));
        if !stored {
            task.counts.wakers_made.fetch_add(1, SeqCst);
            let drops = Counted(task.counts.clone(), |counts| &counts.wakers_dropped);
            task.store_join_waker(Some(Waker { parker: parker.cloned(), drops }));
        }
        if task.state.set_join_waker() == AfterJoin::Complete {
            task.store_join_waker(None);
            return Some(task.take_output());
        }
        None
    }

    /// Parks this thread until the task is complete, as `block_on(handle)` does.
    pub fn wait(&mut self) {
        let parker = Arc::new(Parker::new());
        self.poll_with(Some(&parker));
        while self.waits {
            parker.park();
            self.poll_with(Some(&parker));
        }
    }

    pub fn is_woken(&self) -> bool {
        self.task.as_ref().is_some_and(|task| task.counts.join_wakes.load(SeqCst) == 1)
    }
}

/// `detach`.
impl Drop for JoinHandle {
    fn drop(&mut self) {
        // A second panic would hide the message of the model that has failed.
        let Some(task) = self.task.take().filter(|_| !thread::panicking()) else { return };
        match task.state.detach() {
            AfterDetach::Nothing => {}
            AfterDetach::DropWaker => task.store_join_waker(None),
            AfterDetach::DropOutput => task.set_stage(Stage::Empty),
        }
    }
}
