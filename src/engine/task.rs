//! How does a future become something that a queue can hold, a timer can wake and a friend can await?
//!
//! An executor's queue holds futures of a thousand different types, each woken from anywhere, and each
//! awaited by someone who wants its output. The usual answer is three allocations that point at each
//! other. Here it is **one**, which several parties own together and see from different sides:
//!
//! ```text
//!                       ┌──────────── Task<F, S> ────────────┐
//!   queue ────────────▶ │ header     id, state, place, polls │ ◀──────────── Waker
//!   Arc<dyn Runnable>   │ scheduler  where to queue it       │      (the same Arc, again)
//!                       │ stage      future ▸ output ▸ empty │
//!   live list ────────▶ │ slot       the joiner's waker      │ ◀──────────── JoinHandle<T>
//!   Arc<dyn Runnable>   └────────────────────────────────────┘        Arc<dyn Join<T>>
//! ```
//!
//! No lock guards the stage and the slot: the state word does, by these **rules**.
//!
//! - **Rule 1.** Whoever moved the state to `Running` owns the stage, until `end_poll` answers `Idle` or
//!   `Reschedule`, or until `complete`.
//! - **Rule 2.** A future in the stage never moves: it is polled and dropped where it was built, within
//!   the `Arc`.
//! - **Rule 3.** At `Complete` the stage holds the output, which belongs to the joiner; if the joiner was
//!   `Dropped`, to the one who finished.
//! - **Rule 4.** The slot belongs to the joiner while the joiner is `Held`, and to the task while it
//!   is `Waiting`: then only `complete`, or the joiner by `unset_join_waker` or `detach`, gets it.
//!
//! A task's panic is caught here and becomes its output. So are the panics of its destructor and of a
//! stranger's waker: they are that task's affair, and never reach the worker.
//!
//! Next: `live.rs`, the list of all tasks that are not done.

use std::any::{Any, type_name};
use std::cell::{Cell, UnsafeCell};
use std::marker::PhantomData;
use std::mem;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};

use futures_task::{ArcWake, waker_ref};

use self::JoinErrorKind::{Cancelled, Panicked};
use super::context;
use super::prim::{OnDrop, contain, discard, wake};
use super::state::{AfterComplete, AfterDetach, AfterEndPoll, AfterJoin, AfterShutdown};
use super::state::{AfterStartPoll, AfterWake, JoinInterest, Lifecycle, State};
use super::trace::{self, Event, Outcome};

/// Where a task goes when it is to be polled. The worker implements it, further down.
pub(crate) trait Schedule: Send + Sync + 'static {
    /// Queues a task that is `Scheduled`. Never fails, and never runs the task.
    fn schedule(&self, task: Arc<dyn Runnable>);

    /// The runtime's number, for the trace.
    fn runtime_id(&self) -> u32;
}

/// A task as a queue sees it.
pub(crate) trait Runnable: Send + Sync {
    fn header(&self) -> &Header;

    /// The type of its future, which names the `async fn` it was made by.
    fn future_type(&self) -> &'static str;

    /// Polls the future once.
    fn run(self: Arc<Self>) -> PollOutcome;

    /// Asks for its end. A worker drops the future.
    fn abort(self: Arc<Self>);

    /// Ends it here and now, unless it runs. For a runtime whose workers have stopped.
    fn shut_down(&self);
}

/// What [`Runnable::run`] came to.
#[must_use]
pub(crate) enum PollOutcome {
    /// It was woken meanwhile: put it at the back of the queue.
    Yielded(Arc<dyn Runnable>),
    /// It waits for a wake.
    Pending,
    /// It is done.
    Complete,
}

/// A task as its joiner sees it.
pub(crate) trait Join<T>: Runnable {
    /// Whether the task is done. If not, the waker is kept, and called when it is.
    fn poll_join(&self, waker: &Waker) -> bool;

    /// The output of a task that is done.
    fn take_output(&self) -> Result<T, JoinErrorKind>;

    /// The joiner goes. Its waker is dropped now, and the output too if it is there.
    fn detach(&self);
}

/// Why a task has no output.
#[derive(Debug)]
pub(crate) enum JoinErrorKind {
    Cancelled,
    Panicked(Payload),
}

/// What a panic carries.
pub(crate) type Payload = Box<dyn Any + Send>;

/// What can be said of a task without knowing its future.
#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) id: u64,
    /// Where it was spawned, and by which task (0: by none).
    pub(crate) location: &'static Location<'static>,
    pub(crate) parent: u64,
    pub(crate) state: State,
    /// Written only by the thread that runs the task, read by whoever is curious. Relaxed throughout.
    pub(crate) polls: AtomicU32,
    /// The worker that runs it now, plus one; 0 is none.
    pub(crate) running_on: AtomicU32,
}

/// Ids are unique in the process and never used again. A thread takes them by the block, or each spawn
/// would meet those of all other threads at one counter. The size is arbitrary: it makes the counter's
/// share of a spawn too small to see.
const ID_BLOCK: u64 = 64;
static NEXT_BLOCK: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// What this thread has left of its block: the last id given out.
    static LAST_ID: Cell<u64> = const { Cell::new(0) };
}

fn take_id() -> u64 {
    let mut last = LAST_ID.get();
    // 0 and each multiple of the block's size is the end of a block, the former before the first.
    if last.is_multiple_of(ID_BLOCK) {
        last = NEXT_BLOCK.fetch_add(1, Relaxed) * ID_BLOCK;
    }
    LAST_ID.set(last + 1);
    last + 1
}

impl Header {
    pub(crate) fn new(location: &'static Location<'static>) -> Self {
        Header {
            id: take_id(),
            location,
            parent: context::task_id().unwrap_or(0),
            state: State::new(),
            polls: AtomicU32::new(0),
            running_on: AtomicU32::new(0),
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.state.load().lifecycle == Lifecycle::Complete
    }
}

/// What a task holds, at each time of its life.
enum Stage<F: Future> {
    Future(F),
    Output(Result<F::Output, JoinErrorKind>),
    /// The output was taken, or was dropped because nobody wanted it.
    Empty,
}

/// One task. `N` is the type whose name it reports: of a boxed future, that of the future.
pub(crate) struct Task<F: Future, S, N = F> {
    header: Header,
    scheduler: S,
    /// Rules 1, 2 and 3.
    stage: UnsafeCell<Stage<F>>,
    /// Rule 4.
    join_waker: UnsafeCell<Option<Waker>>,
    named: PhantomData<fn() -> N>,
}

// SAFETY: rules 1, 3 and 4 give the stage and the slot to one thread at a time, and hand them over with
// a release and an acquire of the state word. So the future and its output move between threads (`Send`)
// and are never seen by two at once; header and scheduler are `Sync`, a `Waker` is both.
unsafe impl<F: Future<Output: Send> + Send, S: Sync, N> Sync for Task<F, S, N> {}

impl<F, S, N> Task<F, S, N>
where
    F: Future<Output: Send + 'static> + Send + 'static,
    S: Schedule,
    N: 'static,
{
    /// A new task, `Scheduled`: the caller puts it into a queue.
    pub(crate) fn new(future: F, scheduler: S, location: &'static Location<'static>) -> Arc<Self> {
        let header = Header::new(location);
        trace::emit(scheduler.runtime_id(), Event::Spawned { task: header.id, place: location });
        Arc::new(Task {
            header,
            scheduler,
            stage: UnsafeCell::new(Stage::Future(future)),
            join_waker: UnsafeCell::new(None),
            named: PhantomData,
        })
    }

    /// One turn of the task. None: it is done.
    fn poll_once(self: &Arc<Self>) -> Option<AfterEndPoll> {
        let (id, state) = (self.header.id, &self.header.state);
        let start = state.start_poll();
        if start == AfterStartPoll::Skip {
            return None;
        }
        let running = CurrentTaskGuard::start(&self.header);
        let outcome = if start == AfterStartPoll::Cancel {
            Err(Cancelled)
        } else {
            self.emit(Event::PollBegins { task: id });
            match self.poll_future() {
                Ok(Poll::Ready(output)) => Ok(output),
                Err(payload) => Err(Panicked(payload)),
                Ok(Poll::Pending) => {
                    // Before `end_poll`: afterwards some other worker may run the task already.
                    running.end();
                    let end = state.end_poll();
                    if end != AfterEndPoll::Cancel {
                        self.emit(Event::Pending {
                            task: id,
                            again: end == AfterEndPoll::Reschedule,
                        });
                        return Some(end);
                    }
                    Err(Cancelled)
                }
            }
        };
        self.complete(outcome);
        running.end();
        None
    }

    /// Polls the future, with this very `Arc` as its waker. A panic comes back as `Err`.
    fn poll_future(self: &Arc<Self>) -> Result<Poll<F::Output>, Payload> {
        let waker = waker_ref(self);
        let mut cx = Context::from_waker(&waker);
        catch_unwind(AssertUnwindSafe(|| {
            // While the thread unwinds, so that destructors see `thread::panicking()` as those of local
            // variables do. A panic that left one of them would end the process: the task keeps the first.
            let drop_future = OnDrop(|| contain(|| self.set_stage(Stage::Empty)));
            let _context = context::save();
            // SAFETY: rule 1, our caller moved the state to `Running`.
            let Stage::Future(future) = (unsafe { &mut *self.stage.get() }) else {
                unreachable!("a task that is not done has a future")
            };
            // SAFETY: rule 2, the future stays where it is until it is dropped there.
            let poll = unsafe { Pin::new_unchecked(future) }.poll(&mut cx);
            mem::forget(drop_future);
            poll
        }))
    }

    /// Drops the future and puts the outcome in its place. The caller owns the stage by rule 1.
    fn complete(&self, outcome: Result<F::Output, JoinErrorKind>) {
        // A value that was returned stays returned, also if the future then panics as it is dropped; a
        // task that was cancelled, and panics in doing so, has panicked.
        let outcome =
            match (catch_unwind(AssertUnwindSafe(|| self.set_stage(Stage::Empty))), outcome) {
                (Err(payload), Err(Cancelled)) => Err(Panicked(payload)),
                (Err(payload), outcome) => {
                    contain(|| drop(payload));
                    outcome
                }
                (Ok(()), outcome) => outcome,
            };
        let how = match &outcome {
            Ok(_) => Outcome::Returned,
            Err(Panicked(_)) => Outcome::Panicked,
            Err(Cancelled) => Outcome::Cancelled,
        };
        self.emit(Event::Finished { task: self.header.id, outcome: how });
        self.set_stage(Stage::Output(outcome));
        match self.header.state.complete() {
            AfterComplete::LeaveOutput => {}
            AfterComplete::WakeJoiner => {
                // SAFETY: rule 4, the joiner was `Waiting` at `complete`: the slot is ours.
                let waker = unsafe { (*self.join_waker.get()).take() };
                wake([waker.expect("a joiner that waits has left a waker")]);
            }
            AfterComplete::DropOutput => contain(|| self.set_stage(Stage::Empty)),
        }
    }

    /// Replaces the stage, and drops in place what was there. By rule 1 or 3 it is the caller's.
    fn set_stage(&self, stage: Stage<F>) {
        // SAFETY: rule 1 or 3. Rule 2 too: assignment drops the old value where it is. If that
        // panics, the new value is still written.
        unsafe { *self.stage.get() = stage };
    }

    /// Puts a waker into the slot, or empties it. By rule 4 it is the caller's.
    fn store_join_waker(&self, waker: Option<Waker>) {
        // SAFETY: rule 4. The old waker is dropped after the new one is in, as its destructor is
        // user code.
        let old = unsafe { mem::replace(&mut *self.join_waker.get(), waker) };
        discard(old);
    }

    fn emit(&self, event: Event) {
        trace::emit(self.scheduler.runtime_id(), event);
    }
}

impl<F, S, N> Runnable for Task<F, S, N>
where
    F: Future<Output: Send + 'static> + Send + 'static,
    S: Schedule,
    N: 'static,
{
    fn header(&self) -> &Header {
        &self.header
    }

    fn future_type(&self) -> &'static str {
        type_name::<N>()
    }

    fn run(self: Arc<Self>) -> PollOutcome {
        match self.poll_once() {
            None => PollOutcome::Complete,
            Some(AfterEndPoll::Reschedule) => PollOutcome::Yielded(self),
            Some(_) => PollOutcome::Pending,
        }
    }

    fn abort(self: Arc<Self>) {
        if self.header.state.abort() == AfterWake::Schedule {
            self.scheduler.schedule(self.clone());
        }
    }

    fn shut_down(&self) {
        if self.header.state.transition_to_shutdown() == AfterShutdown::Cancel {
            let running = CurrentTaskGuard::start(&self.header);
            self.complete(Err(Cancelled));
            running.end();
        }
    }
}

impl<F, S, N> Join<F::Output> for Task<F, S, N>
where
    F: Future<Output: Send + 'static> + Send + 'static,
    S: Schedule,
    N: 'static,
{
    fn poll_join(&self, waker: &Waker) -> bool {
        let state = &self.header.state;
        let word = state.load();
        if word.lifecycle == Lifecycle::Complete
            || (word.join_interest == JoinInterest::Waiting
                && state.unset_join_waker() == AfterJoin::Complete)
        {
            return true;
        }
        // SAFETY: rule 4. From here to `set_join_waker` the joiner is `Held`, and the slot its own.
        let kept = unsafe { (*self.join_waker.get()).as_ref() };
        if !kept.is_some_and(|kept| kept.will_wake(waker)) {
            self.store_join_waker(Some(waker.clone()));
        }
        if state.set_join_waker() == AfterJoin::Complete {
            self.store_join_waker(None);
            return true;
        }
        false
    }

    fn take_output(&self) -> Result<F::Output, JoinErrorKind> {
        // SAFETY: rule 3; the joiner calls this, once it has seen `Complete`.
        match unsafe { mem::replace(&mut *self.stage.get(), Stage::Empty) } {
            Stage::Output(outcome) => outcome,
            Stage::Empty => {
                panic!("a `JoinHandle` was polled after it had given its task's output")
            }
            Stage::Future(_) => unreachable!("a task that is done has no future"),
        }
    }

    fn detach(&self) {
        match self.header.state.detach() {
            AfterDetach::Nothing => {}
            AfterDetach::DropWaker => self.store_join_waker(None),
            AfterDetach::DropOutput => contain(|| self.set_stage(Stage::Empty)),
        }
    }
}

impl<F, S, N> ArcWake for Task<F, S, N>
where
    F: Future<Output: Send + 'static> + Send + 'static,
    S: Schedule,
    N: 'static,
{
    fn wake_by_ref(task: &Arc<Self>) {
        if task.header.state.wake() == AfterWake::Schedule {
            task.emit(Event::Woken { task: task.header.id });
            task.scheduler.schedule(task.clone());
        }
    }
}

/// The thread's cells say "in this task", and the task's header says "on this worker".
struct CurrentTaskGuard<'a> {
    header: &'a Header,
    _in_task: context::PollGuard,
}

impl<'a> CurrentTaskGuard<'a> {
    fn start(header: &'a Header) -> Self {
        header.polls.store(header.polls.load(Relaxed).wrapping_add(1), Relaxed);
        header.running_on.store(context::worker().map_or(0, |worker| worker.index + 1), Relaxed);
        CurrentTaskGuard { header, _in_task: context::start_poll(Some(header.id)) }
    }

    fn end(&self) {
        self.header.running_on.store(0, Relaxed);
    }
}
