//! A task is **one allocation** behind an `Arc`, which the run queue, the waker and the join handle share. A queue
//! holds futures of many types, each is woken from any thread, and another task may await its output: so each holder
//! sees the task through a trait of its own.
//!
//! ```text
//!                       ┌───────────── Task<F, S> ──────────────┐
//!   run queue ────────▶ │ header      id, location, state, polls│ ◀──────────── Waker
//!   Arc<dyn Runnable>   │ scheduler   where to queue the task   │      (the same Arc)
//!                       │ stage       future ▸ output ▸ empty   │
//!   owned tasks ──────▶ │ join_waker  the handle's waker        │ ◀──────────── JoinHandle<T>
//!   Arc<dyn Runnable>   └───────────────────────────────────────┘        Arc<dyn Join<T>>
//! ```
//!
//! No lock guards the stage and the join waker. The state does, by these **rules**.
//!
//! - **Rule 1.** The thread that moved the state to `Running` owns the stage, until `end_poll` answers
//!   `Idle` or `Reschedule`, or until `complete`.
//! - **Rule 2.** A future in the stage never moves: it is polled and dropped where it was built, within
//!   the `Arc`.
//! - **Rule 3.** When the state is `Complete` the stage holds the output until it is taken. It belongs to the join
//!   handle,
//!   or to the thread that completed the task if the join interest was `Dropped`.
//! - **Rule 4.** The join waker belongs to the handle while the join interest is `Held`, and to the task
//!   while it is `Waiting`: then it goes to the thread that calls `complete`, or back to the handle by
//!   `unset_join_waker` or `detach`.
//!
//! A panic of the future becomes the task's output. A panic of a destructor or of the join waker ends here
//! too, and never reaches the worker.
//!
//! Next: `owned.rs`, the list of a runtime's tasks.

use std::any::{Any, type_name};
use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::mem;
use std::num::NonZeroU64;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, Waker};

use futures_task::{ArcWake, waker_ref};

use self::JoinErrorKind::{Cancelled, Panicked};
use super::context::{self, SavedContext};
pub(crate) use super::header::Header;
use super::prim::{OnDrop, catch_and_drop_panic, discard, wake};
use super::state::{AfterComplete, AfterDetach, AfterEndPoll, AfterJoin, AfterShutdown};
use super::state::{AfterStartPoll, AfterWake, JoinInterest, Lifecycle};
use super::trace::{self, Event, Outcome, TaskKind, Tracer, emit};

/// Queues the tasks that are to be polled.
pub(crate) trait Schedule: Send + Sync + 'static {
    /// Queues a task that is `Scheduled`. Never fails, and never runs the task. `scheduler` finds the scheduler that
    /// the task holds. The queue takes over the caller's `Arc`: as soon as the task is in a queue, another thread may
    /// run and free it, and the scheduler in it.
    fn schedule<T: Runnable + 'static>(task: Arc<T>, scheduler: fn(&T) -> &Self);

    /// Reports the runtime's events.
    fn tracer(&self) -> &Tracer;
}

/// A task as a run queue sees it.
pub(crate) trait Runnable: Send + Sync {
    fn header(&self) -> &Header;

    /// The type of the future, which names the `async fn` that made it.
    fn future_type(&self) -> &'static str;

    /// Polls the future once.
    fn run(self: Arc<Self>) -> PollOutcome;

    /// Asks for cancellation: a worker drops the future, unless it completes first.
    fn abort(self: Arc<Self>);

    /// Drops the future now, unless it is being polled. For a task that no worker will take out of a queue.
    fn shut_down(&self);
}

/// The result of [`Runnable::run`].
#[must_use]
pub(crate) enum PollOutcome {
    /// The task was woken during its poll. Push it to the back of the queue.
    Yielded(Arc<dyn Runnable>),
    /// The task waits for a wake.
    Pending,
    /// The task is complete, or was complete already.
    Complete,
}

/// A task as its join handle sees it.
pub(crate) trait Join<T>: Runnable {
    /// Whether the task is complete. If it is not, the waker is stored, and called when the task completes.
    fn poll_join(&self, waker: &Waker) -> bool;

    /// The output of a complete task.
    fn take_output(&self) -> Result<T, JoinErrorKind>;

    /// The handle is dropped. Drops its waker, and the output if it is there.
    fn detach(&self);
}

/// Why a task has no output.
#[derive(Debug)]
pub(crate) enum JoinErrorKind {
    Cancelled,
    Panicked(Payload),
}

/// The value that a panic carries.
pub(crate) type Payload = Box<dyn Any + Send>;

/// A new task exists. A place for a breakpoint: each spawn calls this.
#[inline(never)]
fn spawn_task(tracer: &Tracer, header: &Header, name: fn() -> &'static str) {
    if header.is_traced {
        let &Header { id: task, kind, parent, location, .. } = header;
        let parent = (parent != 0).then_some(parent);
        emit!(tracer, Event::Spawned { task, kind, parent, location, name: name() });
    }
}

/// An idle task was woken. A place for a breakpoint: each wake that schedules a task calls this.
#[inline(never)]
fn wake_task(tracer: &Tracer, header: &Header) {
    if header.is_traced {
        emit!(tracer, Event::Woken { task: header.id, by: trace::cause() });
    }
}

/// The output of a task, or why there is none.
type TaskOutput<F> = Result<<F as Future>::Output, JoinErrorKind>;

/// The future, and later its output.
enum Stage<F: Future> {
    Future(F),
    Output(TaskOutput<F>),
    /// The output was taken, or dropped as there is no handle.
    Empty,
}

/// A future that any thread may poll, and whose output any thread may take.
pub(crate) trait TaskFuture: Future<Output: Send + 'static> + Send + 'static {}
impl<F: Future<Output: Send + 'static> + Send + 'static> TaskFuture for F {}

/// One task. `N` is used only for its name: it is the future's type, even if the future is boxed.
pub(crate) struct Task<F: Future, S, N = F> {
    header: Header,
    scheduler: S,
    /// Rules 1, 2 and 3.
    stage: UnsafeCell<Stage<F>>,
    /// Rule 4.
    join_waker: UnsafeCell<Option<Waker>>,
    named: PhantomData<fn() -> N>,
}

// SAFETY: rules 1, 3 and 4 give the stage and the join waker to one thread at a time, and hand them over
// with a release and an acquire of the state. So the future and its output move between threads (`Send`),
// and two threads never see them at once; header and scheduler are `Sync`, and a `Waker` is `Send` and `Sync`.
unsafe impl<F: Future<Output: Send> + Send, S: Sync, N> Sync for Task<F, S, N> {}

impl<F: TaskFuture, S: Schedule, N: 'static> Task<F, S, N> {
    /// A new task, `Scheduled`. The caller pushes it to a queue.
    pub(crate) fn new(
        future: F,
        scheduler: S,
        kind: TaskKind,
        location: &'static Location<'static>,
    ) -> Arc<Self> {
        let task = Arc::new(Task {
            header: Header::new(scheduler.tracer(), kind, location),
            scheduler,
            stage: UnsafeCell::new(Stage::Future(future)),
            join_waker: UnsafeCell::new(None),
            named: PhantomData,
        });
        spawn_task(task.scheduler.tracer(), &task.header, type_name::<N>);
        task
    }

    /// Polls the task once, or drops its future. None: the task is complete, or a shutdown had completed it.
    fn poll_once(self: &Arc<Self>) -> Option<AfterEndPoll> {
        let header = &self.header;
        let start = header.state.start_poll();
        if start == AfterStartPoll::Skip {
            return None;
        }
        let current = CurrentTaskGuard::start(header);
        emit!(self, Event::PollBegins { task: header.id });
        let polled = match start {
            AfterStartPoll::Poll => self.poll_future(&current.context),
            AfterStartPoll::Cancel | AfterStartPoll::Skip => Poll::Ready(Err(Cancelled)),
        };
        let outcome = match polled {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => {
                // Before `end_poll`: afterwards another worker may already run the task.
                emit!(self, Event::PollEnds { task: header.id, outcome: Outcome::Pending });
                current.end();
                let end = header.state.end_poll();
                if end != AfterEndPoll::Cancel {
                    let is_idle = end == AfterEndPoll::Idle && header.is_traced;
                    if is_idle && header.is_waker_lost(|| Arc::strong_count(self)) {
                        emit!(self, Event::WakerLost { task: header.id });
                    }
                    return Some(end);
                }
                emit!(self, Event::PollBegins { task: header.id });
                Err(Cancelled)
            }
        };
        self.complete(outcome);
        None
    }

    /// Polls the future, with this very `Arc` as its waker. A panic is returned as an error.
    fn poll_future(self: &Arc<Self>, context: &SavedContext) -> Poll<TaskOutput<F>> {
        let waker = waker_ref(self);
        let mut cx = Context::from_waker(&waker);
        let polled = catch_unwind(AssertUnwindSafe(|| {
            // Drops the future while the thread unwinds, so that its destructors see `thread::panicking()`
            // as those of local variables do. A panic of such a destructor would abort the process, so it
            // is caught; the task keeps the first panic.
            let drop_future = OnDrop(|| {
                context.restore_runtime();
                catch_and_drop_panic(|| self.set_stage(Stage::Empty));
            });
            // SAFETY: rule 1, our caller moved the state to `Running`.
            let Stage::Future(future) = (unsafe { &mut *self.stage.get() }) else {
                unreachable!("a task that is not complete has a future")
            };
            // SAFETY: rule 2, the future stays where it is until it is dropped there.
            let poll = unsafe { Pin::new_unchecked(future) }.poll(&mut cx);
            mem::forget(drop_future);
            context.restore_runtime();
            poll
        }));
        match polled {
            Ok(poll) => poll.map(Ok),
            Err(payload) => Poll::Ready(Err(Panicked(payload))),
        }
    }

    /// Drops the future and stores the outcome. The caller owns the stage by rule 1.
    fn complete(&self, outcome: TaskOutput<F>) {
        // A panic while the future is dropped does not replace its value. A task that panics while it is cancelled has
        // panicked.
        let dropped = catch_unwind(AssertUnwindSafe(|| self.set_stage(Stage::Empty)));
        let outcome = match (dropped, outcome) {
            (Err(payload), Err(Cancelled)) => Err(Panicked(payload)),
            (dropped, outcome) => {
                catch_and_drop_panic(|| drop(dropped));
                outcome
            }
        };
        emit!(self, {
            let outcome = match &outcome {
                Ok(_) => Outcome::Returned,
                Err(Panicked(_)) => Outcome::Panicked,
                Err(Cancelled) => Outcome::Cancelled,
            };
            Event::PollEnds { task: self.header.id, outcome }
        });
        self.set_stage(Stage::Output(outcome));
        match self.header.state.complete() {
            AfterComplete::LeaveOutput => {}
            AfterComplete::WakeJoiner => {
                // SAFETY: rule 4, the join interest was `Waiting` at `complete`: the waker is ours.
                let waker = unsafe { (*self.join_waker.get()).take() };
                wake([waker.expect("a handle that waits has stored a waker")]);
            }
            AfterComplete::DropOutput => catch_and_drop_panic(|| self.set_stage(Stage::Empty)),
        }
    }

    fn is_traced(&self) -> bool {
        self.header.is_traced
    }

    fn tracer(&self) -> &Tracer {
        self.scheduler.tracer()
    }

    /// Wakes the task. Returns whether the caller must push it to a queue.
    #[inline]
    fn must_schedule(&self) -> bool {
        let after = self.header.state.wake();
        match after {
            AfterWake::Schedule => wake_task(self.scheduler.tracer(), &self.header),
            AfterWake::Reschedule => {
                emit!(self, Event::Woken { task: self.header.id, by: trace::cause() });
            }
            AfterWake::Nothing => {}
        }
        after == AfterWake::Schedule
    }

    /// Replaces the stage, and drops the old one in place. The caller owns it by rule 1 or 3.
    fn set_stage(&self, stage: Stage<F>) {
        // SAFETY: rule 1 or 3. Rule 2 too: assignment drops the old value where it is. If that
        // panics, the new value is still written.
        unsafe { *self.stage.get() = stage };
    }

    /// Replaces the join waker. The caller owns it by rule 4.
    fn store_join_waker(&self, waker: Option<Waker>) {
        // SAFETY: rule 4. The old waker is dropped after the new one is in, as its destructor is
        // user code.
        let old = unsafe { mem::replace(&mut *self.join_waker.get(), waker) };
        discard(old);
    }
}

impl<F: TaskFuture, S: Schedule, N: 'static> Runnable for Task<F, S, N> {
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
        let after = self.header.state.abort();
        if after != AfterWake::Nothing {
            emit!(self, Event::Aborted { task: self.header.id, by: trace::cause() });
        }
        if after == AfterWake::Schedule {
            S::schedule(self, |task| &task.scheduler);
        }
    }

    fn shut_down(&self) {
        if self.header.state.transition_to_shutdown() == AfterShutdown::Cancel {
            let _current = CurrentTaskGuard::start(&self.header);
            emit!(self.scheduler.tracer(), Event::PollBegins { task: self.header.id });
            self.complete(Err(Cancelled));
        }
    }
}

impl<F: TaskFuture, S: Schedule, N: 'static> Join<F::Output> for Task<F, S, N> {
    fn poll_join(&self, waker: &Waker) -> bool {
        let state = &self.header.state;
        let seen = state.load();
        if seen.lifecycle == Lifecycle::Complete
            || (seen.join_interest == JoinInterest::Waiting
                && state.unset_join_waker() == AfterJoin::Complete)
        {
            return true;
        }
        // SAFETY: rule 4. The join interest was `Held`, or was just made so, until `set_join_waker`.
        let stored = unsafe { (*self.join_waker.get()).as_ref() };
        if !stored.is_some_and(|stored| stored.will_wake(waker)) {
            self.store_join_waker(Some(waker.clone()));
        }
        if state.set_join_waker() == AfterJoin::Complete {
            self.store_join_waker(None);
            return true;
        }
        false
    }

    fn take_output(&self) -> TaskOutput<F> {
        // SAFETY: rule 3; the handle calls this after it has seen `Complete`.
        match unsafe { mem::replace(&mut *self.stage.get(), Stage::Empty) } {
            Stage::Output(outcome) => outcome,
            Stage::Empty => {
                panic!("a `JoinHandle` was polled after it had given its task's output")
            }
            Stage::Future(_) => unreachable!("a complete task has no future"),
        }
    }

    fn detach(&self) {
        match self.header.state.detach() {
            AfterDetach::Nothing => {}
            AfterDetach::DropWaker => self.store_join_waker(None),
            AfterDetach::DropOutput => catch_and_drop_panic(|| self.set_stage(Stage::Empty)),
        }
    }
}

impl<F: TaskFuture, S: Schedule, N: 'static> ArcWake for Task<F, S, N> {
    #[inline]
    fn wake(self: Arc<Self>) {
        if self.must_schedule() {
            S::schedule(self, |task| &task.scheduler);
        }
    }

    #[inline]
    fn wake_by_ref(task: &Arc<Self>) {
        if task.must_schedule() {
            S::schedule(task.clone(), |task| &task.scheduler);
        }
    }
}

/// While this lives, the thread's context names the task as the current one, and the task's header names
/// the worker.
struct CurrentTaskGuard<'a> {
    header: &'a Header,
    context: SavedContext,
}

impl<'a> CurrentTaskGuard<'a> {
    #[inline]
    fn start(header: &'a Header) -> Self {
        header.polls.store(header.polls.load(Relaxed).wrapping_add(1), Relaxed);
        let worker = context::worker().map_or(0, |worker| worker.index as u16 + 1);
        header.running_on.store(worker, Relaxed);
        CurrentTaskGuard { header, context: context::start_poll(NonZeroU64::new(header.id)) }
    }

    fn end(&self) {
        self.header.running_on.store(0, Relaxed);
    }
}
