//! A task in miniature, for loom.
//!
//! The engine's task is its own waker by `ArcWake`, which asks for std's `Arc`, and its cells are std's,
//! into which loom cannot see. So this is a copy: the same state word, the same calls of it in the same
//! order, by the same rules (see `src/engine/task.rs`), around cells of loom's. Loom reports any two
//! accesses of a cell of which neither is ordered before the other; so each model of a task shows rules 1,
//! 3 and 4 as well, whatever else it is about.
//!
//! Two things are less than in the engine, so that the state word stands alone:
//!
//! - The **queue** is a number that is read and written without any ordering. A real queue would hand over
//!   what was written before a push, and hide that the state word does not.
//! - The **letters**, for which the future waits, are `Relaxed` as well. Who aborts sends one too, and it
//!   must have come when the future is dropped for that.
//!
//! What is dropped, woken and queued is counted, and [`Task::check_counts`] knows what the counts must be.

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

/// What became of a task.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcome {
    Returned,
    Cancelled,
}

/// What was made, and what was dropped. Not atomics of the model: they order nothing in it.
#[derive(Debug, Default)]
struct Counts {
    futures_dropped: Count,
    outputs_made: Count,
    outputs_dropped: Count,
    wakers_made: Count,
    wakers_dropped: Count,
    joiner_woken: Count,
}

/// Something that counts its drop.
struct Counted(Arc<Counts>, fn(&Counts) -> &Count);

impl Drop for Counted {
    fn drop(&mut self) {
        (self.1)(&self.0).fetch_add(1, SeqCst);
    }
}

#[allow(dead_code)] // Nobody looks at what counts its drop.
enum Stage {
    Future(Counted),
    Output(Outcome, Counted),
    Empty,
}

/// The joiner's.
struct Waker {
    /// Whom it wakes. None: nobody, it is counted.
    parker: Option<Arc<Parker>>,
    drops: Counted,
}

impl Waker {
    /// `will_wake`. Of those that wake nobody no two are the same, as if the joiner went from task to task.
    fn is_of(&self, parker: Option<&Arc<Parker>>) -> bool {
        matches!((&self.parker, parker), (Some(ours), Some(other)) if Arc::ptr_eq(ours, other))
    }

    fn wake(self) {
        self.drops.0.joiner_woken.fetch_add(1, SeqCst);
        if let Some(parker) = &self.parker {
            parker.unpark();
        }
    }
}

pub struct Task {
    state: State,
    /// In how many queues it stands.
    queued: AtomicUsize,
    letters: [AtomicBool; 2],
    /// How many letters the future waits for. None: for something that never comes.
    needs: Option<usize>,
    /// The letter of the one who aborts.
    farewell: AtomicBool,
    /// Rules 1 and 3.
    stage: UnsafeCell<Stage>,
    /// Rule 4.
    join_waker: UnsafeCell<Option<Waker>>,
    counts: Arc<Counts>,
}

// SAFETY: as in the engine. If the rules did not hold, loom would say so.
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
        let stood = self.queued.fetch_add(1, Relaxed);
        assert_eq!(stood, 0, "a task that is scheduled stands in one queue");
    }

    pub fn take_from_queue(&self) -> bool {
        self.queued.swap(0, Relaxed) == 1
    }

    // ---- what a worker does ----

    /// Runs the task for as long as it stands in the queue.
    pub fn work(&self) {
        while self.take_from_queue() {
            if let Some(begun) = self.start() {
                self.go_on(begun);
            }
        }
    }

    /// The beginning of `run`, up to where the state is `Running`.
    pub fn start(&self) -> Option<AfterStartPoll> {
        Some(self.state.start_poll()).filter(|start| *start != AfterStartPoll::Skip)
    }

    /// The rest of `run`.
    pub fn go_on(&self, begun: AfterStartPoll) {
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
            "what was written before an abort is seen by the drop"
        );
        Outcome::Cancelled
    }

    fn poll_future(&self) -> bool {
        self.stage.with_mut(|stage| {
            // SAFETY: rule 1.
            let Stage::Future(_) = (unsafe { &mut *stage }) else {
                unreachable!("a task that is not done has a future")
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
                waker.expect("who waits has left a waker").wake();
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
            _ => unreachable!("a task that is done has its output, until it is taken"),
        }
    }

    // ---- what anybody does ----

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

    // ---- what must be true in the end ----

    pub fn is_done(&self) -> bool {
        self.state.load().lifecycle == Lifecycle::Complete
    }

    /// Holds when no thread but this one has anything left to do, and the joiner is gone.
    pub fn check_counts(&self) {
        let count = |count: &Count| count.load(SeqCst);
        let counts = &self.counts;
        let done = usize::from(self.is_done());
        assert_eq!(self.queued.load(Relaxed), 0, "nobody is left to take it out of the queue");
        assert_eq!(
            count(&counts.futures_dropped),
            done,
            "a future is dropped once, when its task is done"
        );
        let outputs = (count(&counts.outputs_made), count(&counts.outputs_dropped));
        assert_eq!(outputs, (done, done), "and so is its output");
        let wakers = (count(&counts.wakers_made), count(&counts.wakers_dropped));
        assert_eq!(wakers.0, wakers.1, "no waker outlives its joiner");
        assert!(count(&counts.joiner_woken) <= done, "the joiner is woken at the end, and once");
    }
}

/// The joiner, with what it knows about itself.
pub struct JoinHandle {
    /// None: it was dropped.
    task: Option<Arc<Task>>,
    /// Its last answer was `Pending`.
    pub waits: bool,
    pub outcome: Option<Outcome>,
}

impl JoinHandle {
    /// Polls it, unless it has answered: as `JoinHandle::poll` does, each time with another waker.
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
        let word = task.state.load();
        if word.lifecycle == Lifecycle::Complete
            || (word.join_interest == JoinInterest::Waiting
                && task.state.unset_join_waker() == AfterJoin::Complete)
        {
            return Some(task.take_output());
        }
        // SAFETY: rule 4.
        let kept = task
            .join_waker
            .with(|slot| unsafe { &*slot }.as_ref().is_some_and(|w| w.is_of(parker)));
        if !kept {
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

    /// Awaits the end of the task, on a thread of its own: `block_on(handle)`.
    pub fn wait(&mut self) {
        let parker = Arc::new(Parker::new());
        self.poll_with(Some(&parker));
        while self.waits {
            parker.park();
            self.poll_with(Some(&parker));
        }
    }

    pub fn is_woken(&self) -> bool {
        self.task.as_ref().is_some_and(|task| task.counts.joiner_woken.load(SeqCst) == 1)
    }
}

/// `detach`.
impl Drop for JoinHandle {
    fn drop(&mut self) {
        // The message of a model that has failed is the first one.
        let Some(task) = self.task.take().filter(|_| !thread::panicking()) else { return };
        match task.state.detach() {
            AfterDetach::Nothing => {}
            AfterDetach::DropWaker => task.store_join_waker(None),
            AfterDetach::DropOutput => task.set_stage(Stage::Empty),
        }
    }
}
