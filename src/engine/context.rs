//! Where is this thread? In which runtime, in which task, and how much has that task done already?
//!
//! `sleep(…)` takes no runtime as an argument, yet must find the one whose timers will wake it. So a
//! thread remembers where it is, in a few cells that only it can see. Everything that a free function
//! of this crate knows without being told, it knows from here.
//!
//! ```text
//!   runtime   set by `enter`, by `block_on`, on worker and blocking threads: a stack; its last entry is current
//!   runs      set while this thread itself drives a runtime: here nothing may block
//!   thread    which runtime started this thread, if one did
//!   worker    which runtime's queues belong to this thread, if it is a worker
//!   task      whose poll is going on, with the budget that this poll has left
//!   random    its stream of random numbers: the runtime's while it runs one
//! ```
//!
//! **The budget.** A socket that always has data never answers "pending", so a task that reads it in a
//! loop would never give way. Each poll may therefore complete 128 operations; then the next resource
//! answers "pending" although it is ready, and wakes the task at once, which puts it at the back of the
//! queue. The idea is Tokio's. A leaf future asks at its head ([`poll_budget`]) and pays when it has
//! something to hand out ([`spend`]): who waits pays nothing, or a task that waits for 200 things at
//! once would spend its budget on looking at them and spin.
//!
//! **User code does not change the context for good.** It may leak a guard of `enter`, or drop two in the wrong
//! order; the next task on this thread must not spawn into the wrong runtime because of that. So each poll,
//! each blocking closure and each hook begins with [`save`], and ends in the runtime in which it began.
//!
//! This file knows no runtime and no worker: it stands above them, and holds their numbers only.
//! Next: `trace.rs`, which tells others what this thread does.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::sync::{Arc, MutexGuard};
use std::task::{Context, Poll, ready};

use super::prim::{OnDrop, contain, wake_self};
use super::random::Random;

/// A runtime, whose type is known only further down the house.
pub(crate) type AnyRuntime = Arc<dyn Any + Send + Sync>;

/// Operations that one poll may complete. Tokio's number; its effect is the longest time for which one
/// task can hold a worker, some microseconds.
const BUDGET: u8 = 128;

/// The cells. They need no destructor, so they can be read until the thread's very end: a destructor
/// of some other thread-local may still wake a task.
struct Place {
    runtime_id: Cell<u32>,
    /// The number of the last entry of [`ENTERED`]; 0 if there is none.
    top: Cell<u64>,
    /// How many entries this thread has made.
    entries: Cell<u64>,
    runs: Cell<bool>,
    runtime_thread: Cell<RuntimeThread>,
    worker: Cell<Option<WorkerId>>,
    task: Cell<Option<u64>>,
    /// None: outside of any poll, where nothing is limited.
    budget: Cell<Option<u8>>,
    /// None: nobody has asked for a number yet.
    random: Cell<Option<Random>>,
}

/// A runtime that this thread has entered.
pub(crate) struct Entry {
    /// Unique on this thread, and larger than those below it.
    number: u64,
    id: u32,
    runtime: AnyRuntime,
}

thread_local! {
    static PLACE: Place = const {
        Place {
            runtime_id: Cell::new(0),
            top: Cell::new(0),
            entries: Cell::new(0),
            runs: Cell::new(false),
            runtime_thread: Cell::new(RuntimeThread::No),
            worker: Cell::new(None),
            task: Cell::new(None),
            budget: Cell::new(None),
            random: Cell::new(None),
        }
    };
    /// The last one is the runtime that this thread is in. It is not in the guards, since those can be leaked.
    static ENTERED: RefCell<Vec<Entry>> = const { RefCell::new(Vec::new()) };
}

// ---- the runtime ----

/// Calls `look` with the runtime that this thread is in.
pub(crate) fn with_runtime<R>(look: impl FnOnce(Option<&AnyRuntime>) -> R) -> R {
    let mut look = Some(look);
    let seen = ENTERED.try_with(|entered| {
        let look = look.take().expect("called once");
        look(entered.borrow().last().map(|entry| &entry.runtime))
    });
    // Err: the thread is ending and the cell is gone.
    seen.unwrap_or_else(|_| look.take().expect("not called yet")(None))
}

/// Whether this thread is ending, and the runtime's cell is gone.
pub(crate) fn thread_ends() -> bool {
    ENTERED.try_with(|_| ()).is_err()
}

/// The number of the runtime that this thread is in; 0 is none.
#[inline]
pub(crate) fn runtime_id() -> u32 {
    PLACE.with(|place| place.runtime_id.get())
}

/// Changes the stack of entries. None: the thread is ending, for instance with a runtime in one of its own
/// thread-locals. The stack is gone then, and what happens here must not panic.
fn with_entered<R>(change: impl FnOnce(&mut Vec<Entry>) -> R) -> Option<R> {
    let changed = ENTERED.try_with(|entered| {
        let mut entered = entered.borrow_mut();
        let changed = change(&mut entered);
        let (number, id) = entered.last().map_or((0, 0), |entry| (entry.number, entry.id));
        PLACE.with(|place| {
            place.top.set(number);
            place.runtime_id.set(id);
        });
        changed
    });
    changed.ok()
}

/// Puts a runtime on the stack, and returns the entry's number.
fn push(runtime: AnyRuntime, id: u32) -> u64 {
    let number = PLACE.with(|place| {
        place.entries.set(place.entries.get() + 1);
        place.entries.get()
    });
    with_entered(|entered| entered.push(Entry { number, id, runtime }));
    number
}

/// Enters a runtime until the guard is dropped. For user code; the engine uses [`save`].
pub(crate) fn enter(runtime: AnyRuntime, id: u32) -> EnterGuard {
    EnterGuard { number: push(runtime, id), not_send: PhantomData }
}

/// The thread is in a runtime for as long as this lives.
#[derive(Debug)]
pub(crate) struct EnterGuard {
    number: u64,
    /// It must be dropped on this thread, like a `MutexGuard`: `Sync`, but not `Send`.
    not_send: PhantomData<MutexGuard<'static, ()>>,
}

impl Drop for EnterGuard {
    fn drop(&mut self) {
        let removed = with_entered(|entered| {
            let index = entered.iter().rposition(|entry| entry.number == self.number)?;
            Some((entered.remove(index), index == entered.len()))
        });
        // None: the thread is ending, or the guard has outlived the poll in which it was made. There is
        // nothing to undo.
        let Some((entry, was_last)) = removed.flatten() else { return };
        drop(entry);
        if !was_last && !std::thread::panicking() {
            panic!(
                "`EnterGuard` values dropped out of order: guards returned by `Handle::enter()` \
                 must be dropped in the reverse of the order in which they were made"
            );
        }
    }
}

/// Saves which runtimes are entered, before user code is called.
#[inline]
pub(crate) fn save() -> SavedContext {
    SavedContext { top: PLACE.with(|place| place.top.get()), not_send: PhantomData }
}

/// When this is dropped, the thread leaves the runtimes that it has entered since and not left.
#[derive(Debug)]
pub(crate) struct SavedContext {
    top: u64,
    not_send: PhantomData<*const ()>,
}

impl SavedContext {
    /// Enters a runtime until this is dropped.
    pub(crate) fn and_enter(self, runtime: AnyRuntime, id: u32) -> Self {
        push(runtime, id);
        self
    }

    #[inline]
    fn is_unchanged(&self) -> bool {
        PLACE.with(|place| place.top.get()) == self.top
    }

    /// Takes the last entry off the stack if it was made since. It may be the last owner of the runtime, so
    /// it is dropped after the stack is let go of.
    fn pop(&self) -> Option<Entry> {
        with_entered(|entered| entered.pop_if(|entry| entry.number > self.top)).flatten()
    }

    #[cold]
    fn restore(&self) {
        while let Some(entry) = self.pop() {
            contain(|| drop(entry));
        }
    }
}

impl Drop for SavedContext {
    #[inline]
    fn drop(&mut self) {
        if !self.is_unchanged() {
            self.restore();
        }
    }
}

// ---- whose thread ----

/// Whether a runtime started a thread, by the runtime's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RuntimeThread {
    No,
    Working(u32),
    /// Its work is done. What still runs are the destructors of its thread-locals.
    Exiting(u32),
}

/// Whether a runtime started this thread.
pub(crate) fn runtime_thread() -> RuntimeThread {
    PLACE.with(|place| place.runtime_thread.get())
}

/// A runtime has started this thread, or the thread's work is done.
pub(crate) fn set_runtime_thread(thread: RuntimeThread) {
    PLACE.with(|place| place.runtime_thread.set(thread));
}

// ---- running and blocking ----

/// This thread begins to drive a runtime, and takes its random numbers from it.
#[track_caller]
pub(crate) fn start_running(call: &str, random: impl FnOnce() -> Random) -> RunGuard {
    assert_not_running(call);
    PLACE.with(|place| place.runs.set(true));
    RunGuard { outer_random: set_random(Some(random())), not_send: PhantomData }
}

/// The thread drives a runtime for as long as this lives.
#[derive(Debug)]
pub(crate) struct RunGuard {
    outer_random: Option<Random>,
    not_send: PhantomData<*const ()>,
}

impl Drop for RunGuard {
    fn drop(&mut self) {
        PLACE.with(|place| place.runs.set(false));
        set_random(self.outer_random);
    }
}

/// Whether this thread drives a runtime, so that it must not block.
pub(crate) fn is_running() -> bool {
    PLACE.with(|place| place.runs.get())
}

/// Panics, at the caller's line, if this thread drives a runtime: a second loop on it, or a wait, would
/// stop the first.
#[track_caller]
pub(crate) fn assert_not_running(call: &str) {
    assert!(
        !is_running(),
        "`{call}` was called on a thread that runs a runtime's tasks: it would block this thread, and \
         with it every other task here; `.await` the asynchronous form instead, or call it from \
         `spawn_blocking`"
    );
}

// ---- random numbers ----

/// A random number below `limit`.
pub(crate) fn random_below(limit: u32) -> u32 {
    let mut random = set_random(None).unwrap_or_else(Random::of_the_system);
    let number = random.below(limit);
    set_random(Some(random));
    number
}

/// From here on this thread takes its random numbers from another stream. Returns the one before.
pub(crate) fn set_random(random: Option<Random>) -> Option<Random> {
    PLACE.with(|place| place.random.replace(random))
}

// ---- the worker ----

/// One of a runtime's workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WorkerId {
    pub(crate) runtime: u32,
    pub(crate) index: u32,
}

/// This thread works for a runtime until the guard is dropped.
pub(crate) fn start_working(worker: WorkerId) -> WorkerGuard {
    let outer = PLACE.with(|place| place.worker.replace(Some(worker)));
    WorkerGuard { outer, not_send: PhantomData }
}

/// The thread is a worker for as long as this lives.
#[derive(Debug)]
pub(crate) struct WorkerGuard {
    outer: Option<WorkerId>,
    not_send: PhantomData<*const ()>,
}

impl Drop for WorkerGuard {
    fn drop(&mut self) {
        PLACE.with(|place| place.worker.set(self.outer));
    }
}

/// The worker that this thread is.
#[inline]
pub(crate) fn worker() -> Option<WorkerId> {
    PLACE.with(|place| place.worker.get())
}

// ---- the task and its budget ----

/// One poll begins: of the task with this id, or of the future that `block_on` was given.
#[inline]
pub(crate) fn start_poll(task: Option<u64>) -> PollGuard {
    PLACE.with(|place| PollGuard {
        outer_task: place.task.replace(task),
        outer_budget: place.budget.replace(Some(BUDGET)),
        context: save(),
    })
}

/// One poll of the future that `block_on` was given. That future may hold guards of `enter` across an `.await`,
/// and other tasks run on this thread meanwhile. So the runtimes that it has entered are on the stack during
/// its own polls only; in between they are in `kept`, the last one first.
pub(crate) fn poll_root<R>(kept: &mut Vec<Entry>, poll: impl FnOnce() -> R) -> R {
    let PollGuard { context, .. } = &start_poll(None);
    if !kept.is_empty() {
        with_entered(|entered| entered.extend(kept.drain(..).rev()));
    }
    let polled = poll();
    if !context.is_unchanged() {
        kept.extend(std::iter::from_fn(|| context.pop()));
    }
    polled
}

/// One poll is going on for as long as this lives.
#[derive(Debug)]
pub(crate) struct PollGuard {
    outer_task: Option<u64>,
    outer_budget: Option<u8>,
    context: SavedContext,
}

impl Drop for PollGuard {
    #[inline]
    fn drop(&mut self) {
        PLACE.with(|place| {
            place.task.set(self.outer_task);
            place.budget.set(self.outer_budget);
        });
    }
}

/// The id of the task whose poll is going on.
#[inline]
pub(crate) fn task_id() -> Option<u64> {
    PLACE.with(|place| place.task.get())
}

/// Whether this poll may complete another operation.
#[inline]
pub(crate) fn has_budget() -> bool {
    PLACE.with(|place| place.budget.get()) != Some(0)
}

/// Ready while the poll has budget left; else wakes the task, so that it comes again, and is Pending.
#[inline]
pub(crate) fn poll_budget(cx: &mut Context<'_>) -> Poll<()> {
    if has_budget() {
        return Poll::Ready(());
    }
    wake_self(cx);
    Poll::Pending
}

/// One operation was completed.
#[inline]
pub(crate) fn spend() {
    PLACE.with(|place| place.budget.set(place.budget.get().map(|left| left.saturating_sub(1))));
}

/// Polls something that may complete without end and without paying, such as a stranger's stream: where it
/// has not paid for what it hands out, that is done here. So an operation is paid for once, through however
/// many layers it is handed on.
#[inline]
pub(crate) fn poll_paid<R>(
    cx: &mut Context<'_>,
    poll: impl FnOnce(&mut Context<'_>) -> Poll<R>,
) -> Poll<R> {
    ready!(poll_budget(cx));
    let before = PLACE.with(|place| place.budget.get());
    let output = ready!(poll(cx));
    if PLACE.with(|place| place.budget.get()) == before {
        spend();
    }
    Poll::Ready(output)
}

/// Calls `work` with no limit, for what must get through also when the budget is gone.
pub(crate) fn without_budget<R>(work: impl FnOnce() -> R) -> R {
    with_budget_of(None, work)
}

/// Calls `work` with the budget of one poll. For a future that is polled by a thread which is no worker.
pub(crate) fn with_budget<R>(work: impl FnOnce() -> R) -> R {
    with_budget_of(Some(BUDGET), work)
}

fn with_budget_of<R>(budget: Option<u8>, work: impl FnOnce() -> R) -> R {
    let outer = PLACE.with(|place| place.budget.replace(budget));
    let _restore = OnDrop(|| PLACE.with(|place| place.budget.set(outer)));
    work()
}
