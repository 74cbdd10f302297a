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
//! - **Rule 1.** Whoever moved the state to `Running` owns the stage, until `end_poll` answers `Rest` or
//!   `Again`, or until `finish`.
//! - **Rule 2.** A future in the stage never moves: it is polled and dropped where it was built, within
//!   the `Arc`.
//! - **Rule 3.** At `Done` the stage holds the output, which belongs to the joiner; if the joiner was
//!   `Gone`, to the one who finished.
//! - **Rule 4.** The slot belongs to the joiner while the joiner is `Attached`, and to the task while it
//!   is `Waiting`: then only `finish`, or the joiner by `join_returns` or `detach`, gets it.
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

use super::context;
use super::prim::{OnDrop, contain, discard, wake};
use super::state::{Claim, Detach, EndPoll, Finish, Join as Joining, Joiner, Life};
use super::state::{Start, State, Wake};
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
    fn run(self: Arc<Self>) -> Turn;

    /// Asks for its end. A worker drops the future.
    fn abort(self: Arc<Self>);

    /// Ends it here and now, unless it runs. For a runtime whose workers have stopped.
    fn shut_down(&self);
}

/// What [`Runnable::run`] came to.
#[must_use]
pub(crate) enum Turn {
    /// It was woken meanwhile: put it at the back of the queue.
    Again(Arc<dyn Runnable>),
    /// It waits for a wake.
    Rest,
    /// It is done.
    Ended,
}

/// A task as its joiner sees it.
pub(crate) trait Join<T>: Runnable {
    /// Whether the task is done. If not, the waker is kept, and called when it is.
    fn await_end(&self, waker: &Waker) -> bool;

    /// The output of a task that is done.
    fn take_output(&self) -> Result<T, Failure>;

    /// The joiner goes. Its waker is dropped now, and the output too if it is there.
    fn detach(&self);
}

/// Why a task has no output.
#[derive(Debug)]
pub(crate) enum Failure {
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
    pub(crate) place: &'static Location<'static>,
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
    pub(crate) fn new(place: &'static Location<'static>) -> Self {
        Header {
            id: take_id(),
            place,
            parent: context::task_id().unwrap_or(0),
            state: State::new(),
            polls: AtomicU32::new(0),
            running_on: AtomicU32::new(0),
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.state.load().life == Life::Done
    }
}

/// What a task holds, at each time of its life.
enum Stage<F: Future> {
    Future(F),
    Output(Result<F::Output, Failure>),
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
    slot: UnsafeCell<Option<Waker>>,
    named: PhantomData<fn() -> N>,
}

// SAFETY: rules 1, 3 and 4 give the stage and the slot to one thread at a time, and hand them over with
// a release and an acquire of the state word. So the future and its output move between threads (`Send`)
// and are never seen by two at once; header and scheduler are `Sync`, a `Waker` is both.
unsafe impl<F, S, N> Sync for Task<F, S, N>
where
    F: Future + Send,
    F::Output: Send,
    S: Sync,
{
}

impl<F, S, N> Task<F, S, N>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
    S: Schedule,
    N: 'static,
{
    /// A new task, `Scheduled`: the caller puts it into a queue.
    pub(crate) fn new(future: F, scheduler: S, place: &'static Location<'static>) -> Arc<Self> {
        let header = Header::new(place);
        trace::emit(scheduler.runtime_id(), Event::Spawned { task: header.id, place });
        Arc::new(Task {
            header,
            scheduler,
            stage: UnsafeCell::new(Stage::Future(future)),
            slot: UnsafeCell::new(None),
            named: PhantomData,
        })
    }

    /// One turn of the task. None: it is done.
    fn poll_once(self: &Arc<Self>) -> Option<EndPoll> {
        let (id, state) = (self.header.id, &self.header.state);
        let start = state.start_poll();
        if start == Start::Skip {
            return None;
        }
        let running = Running::start(&self.header);
        let outcome = if start == Start::Cancel {
            Err(Failure::Cancelled)
        } else {
            self.emit(Event::PollBegins { task: id });
            match self.poll_future() {
                Ok(Poll::Ready(output)) => Ok(output),
                Err(payload) => Err(Failure::Panicked(payload)),
                Ok(Poll::Pending) => {
                    // Before `end_poll`: afterwards some other worker may run the task already.
                    running.end();
                    let end = state.end_poll();
                    if end != EndPoll::Cancel {
                        self.emit(Event::Pending { task: id, again: end == EndPoll::Again });
                        return Some(end);
                    }
                    Err(Failure::Cancelled)
                }
            }
        };
        self.finish(outcome);
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
    fn finish(&self, outcome: Result<F::Output, Failure>) {
        // A value that was returned stays returned, also if the future then panics as it is dropped; a
        // task that was cancelled, and panics in doing so, has panicked.
        let outcome =
            match (catch_unwind(AssertUnwindSafe(|| self.set_stage(Stage::Empty))), outcome) {
                (Err(payload), Err(Failure::Cancelled)) => Err(Failure::Panicked(payload)),
                (Err(payload), outcome) => {
                    contain(|| drop(payload));
                    outcome
                }
                (Ok(()), outcome) => outcome,
            };
        let how = match &outcome {
            Ok(_) => Outcome::Returned,
            Err(Failure::Panicked(_)) => Outcome::Panicked,
            Err(Failure::Cancelled) => Outcome::Cancelled,
        };
        self.emit(Event::Finished { task: self.header.id, outcome: how });
        self.set_stage(Stage::Output(outcome));
        match self.header.state.finish() {
            Finish::LeaveOutput => {}
            Finish::WakeJoiner => {
                // SAFETY: rule 4, the joiner was `Waiting` at `finish`: the slot is ours.
                let waker = unsafe { (*self.slot.get()).take() };
                wake([waker.expect("a joiner that waits has left a waker")]);
            }
            Finish::DropOutput => contain(|| self.set_stage(Stage::Empty)),
        }
    }

    /// Replaces the stage, and drops in place what was there. By rule 1 or 3 it is the caller's.
    fn set_stage(&self, stage: Stage<F>) {
        // SAFETY: rule 1 or 3. Rule 2 too: assignment drops the old value where it is. If that
        // panics, the new value is still written.
        unsafe { *self.stage.get() = stage };
    }

    /// Puts a waker into the slot, or empties it. By rule 4 it is the caller's.
    fn set_slot(&self, waker: Option<Waker>) {
        // SAFETY: rule 4. The old waker is dropped after the new one is in, as its destructor is
        // user code.
        let old = unsafe { mem::replace(&mut *self.slot.get(), waker) };
        discard(old);
    }

    fn emit(&self, event: Event) {
        trace::emit(self.scheduler.runtime_id(), event);
    }
}

impl<F, S, N> Runnable for Task<F, S, N>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
    S: Schedule,
    N: 'static,
{
    fn header(&self) -> &Header {
        &self.header
    }

    fn future_type(&self) -> &'static str {
        type_name::<N>()
    }

    fn run(self: Arc<Self>) -> Turn {
        match self.poll_once() {
            None => Turn::Ended,
            Some(EndPoll::Again) => Turn::Again(self),
            Some(_) => Turn::Rest,
        }
    }

    fn abort(self: Arc<Self>) {
        if self.header.state.abort() == Wake::Schedule {
            self.scheduler.schedule(self.clone());
        }
    }

    fn shut_down(&self) {
        if self.header.state.claim() == Claim::Cancel {
            let running = Running::start(&self.header);
            self.finish(Err(Failure::Cancelled));
            running.end();
        }
    }
}

impl<F, S, N> Join<F::Output> for Task<F, S, N>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
    S: Schedule,
    N: 'static,
{
    fn await_end(&self, waker: &Waker) -> bool {
        let state = &self.header.state;
        let word = state.load();
        if word.life == Life::Done
            || (word.joiner == Joiner::Waiting && state.join_returns() == Joining::Done)
        {
            return true;
        }
        // SAFETY: rule 4. From here to `join_waits` the joiner is `Attached`, and the slot its own.
        let kept = unsafe { (*self.slot.get()).as_ref() };
        if !kept.is_some_and(|kept| kept.will_wake(waker)) {
            self.set_slot(Some(waker.clone()));
        }
        if state.join_waits() == Joining::Done {
            self.set_slot(None);
            return true;
        }
        false
    }

    fn take_output(&self) -> Result<F::Output, Failure> {
        // SAFETY: rule 3; the joiner calls this, once it has seen `Done`.
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
            Detach::Nothing => {}
            Detach::DropWaker => self.set_slot(None),
            Detach::DropOutput => contain(|| self.set_stage(Stage::Empty)),
        }
    }
}

impl<F, S, N> ArcWake for Task<F, S, N>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
    S: Schedule,
    N: 'static,
{
    fn wake_by_ref(task: &Arc<Self>) {
        if task.header.state.wake() == Wake::Schedule {
            task.emit(Event::Woken { task: task.header.id });
            task.scheduler.schedule(task.clone());
        }
    }
}

/// The thread's cells say "in this task", and the task's header says "on this worker".
struct Running<'a> {
    header: &'a Header,
    _in_task: context::PollGuard,
}

impl<'a> Running<'a> {
    fn start(header: &'a Header) -> Self {
        header.polls.store(header.polls.load(Relaxed).wrapping_add(1), Relaxed);
        header.running_on.store(context::worker().map_or(0, |worker| worker.index + 1), Relaxed);
        Running { header, _in_task: context::start_poll(Some(header.id)) }
    }

    fn end(&self) {
        self.header.running_on.store(0, Relaxed);
    }
}
