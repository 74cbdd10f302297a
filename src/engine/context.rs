//! What a thread knows about its place in a runtime.
//!
//! `sleep(…)` takes no runtime as an argument, yet must find the runtime whose timers will wake it. So a thread
//! keeps a small record, a [`ThreadContext`], that only it can read:
//!
//! ```text
//!   runtime   the runtime that the thread has entered last: by `enter`, `block_on`, or as a runtime's thread
//!   drives    the thread itself runs a runtime's tasks or a `block_on` future: it must not block
//!   worker    the worker that this thread is, if it is one
//!   task      the task that is being polled
//!   budget    the operations that this poll may still complete (`coop.rs`)
//! ```
//!
//! The record is `Copy`. Each poll, blocking closure and hook begins with [`save`]; the guard that it returns
//! puts the whole record back, whatever happens meanwhile. So user code cannot change the context for good: it
//! may leak a guard of `enter` or drop two in the wrong order, and the next task on this thread still runs in the
//! right runtime.
//!
//! The runtimes that a thread has entered are a stack beside the record, since they need a destructor. This file
//! does not know what a runtime or a worker is: it keeps an opaque `Arc` of the one and the number of the other.
//! Next: `coop.rs`.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::num::NonZeroU64;
use std::sync::{Arc, MutexGuard};

use super::event::Tracer;
use super::prim::{catch_and_drop_panic, thread_local};
use super::random::FastRand;

/// A runtime as a thread's context sees it. Its type is defined further down in the reading order.
pub(crate) trait AnyRuntime: Any + Send + Sync {
    fn tracer(&self) -> &Arc<Tracer>;
}

/// Operations that one poll may complete. Tokio's number; it bounds how long one task can hold a worker, to some
/// microseconds.
pub(crate) const BUDGET: u8 = 128;
/// The budget when nothing is limited.
pub(crate) const UNCONSTRAINED: u8 = u8::MAX;

/// The record; see the table above.
#[derive(Debug, Clone, Copy)]
struct ThreadContext {
    /// The number of the last entry of [`ENTERED`]; 0 if there was none. That entry may be gone: then this is larger than
    /// the number of each entry that is left, and less than that of the next.
    entry: u64,
    drives: bool,
    /// [`UNCONSTRAINED`] outside of any poll.
    budget: u8,
    worker: Option<WorkerId>,
    task: Option<NonZeroU64>,
}

/// A worker of a runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WorkerId {
    pub(crate) runtime: u32,
    pub(crate) index: u32,
}

/// A runtime that this thread has entered.
pub(crate) struct Entry {
    /// Unique on this thread, and larger than the numbers below it on the stack.
    number: u64,
    runtime: Arc<dyn AnyRuntime>,
}

thread_local! {
    /// Without a destructor, so that it can be used until the thread's very end: the destructor of another
    /// thread-local may still wake a task.
    static CONTEXT: Cell<ThreadContext> = const {
        Cell::new(ThreadContext {
            entry: 0,
            drives: false,
            budget: UNCONSTRAINED,
            worker: None,
            task: None,
        })
    };
    static RUNTIME_THREAD: Cell<RuntimeThread> = const { Cell::new(RuntimeThread::No) };
    /// `None`: no number was asked for yet.
    static RNG: Cell<Option<FastRand>> = const { Cell::new(None) };
    /// How many entries this thread has made.
    static ENTRIES: Cell<u64> = const { Cell::new(0) };
    /// The last entry is the current runtime. The entries are not in the guards, since guards can be leaked.
    static ENTERED: RefCell<Vec<Entry>> = const { RefCell::new(Vec::new()) };
}

#[inline]
fn get() -> ThreadContext {
    CONTEXT.with(Cell::get)
}

#[inline]
fn update<R>(change: impl FnOnce(&mut ThreadContext) -> R) -> R {
    CONTEXT.with(|context| {
        let mut record = context.get();
        let changed = change(&mut record);
        context.set(record);
        changed
    })
}

// ---- save and restore ----

/// Saves the context, before user code is called.
#[inline]
pub(crate) fn save() -> SavedContext {
    SavedContext { record: get(), not_send: PhantomData }
}

/// Puts the context back when it is dropped. The thread leaves the runtimes that it has entered since and not
/// left.
#[derive(Debug)]
pub(crate) struct SavedContext {
    record: ThreadContext,
    not_send: PhantomData<*const ()>,
}

impl SavedContext {
    /// Enters a runtime until this is dropped.
    pub(crate) fn and_enter(self, runtime: Arc<dyn AnyRuntime>) -> Self {
        push(runtime);
        self
    }

    /// Makes this thread a worker until this is dropped.
    pub(crate) fn and_work(self, worker: WorkerId) -> Self {
        update(|context| context.worker = Some(worker));
        self
    }

    /// Takes the last entry off the stack if it was made since `save`. The caller drops the entry, perhaps the
    /// runtime's last owner, after the stack is released.
    fn pop(&self) -> Option<Entry> {
        with_entered(|entered| entered.pop_if(|entry| entry.number > self.record.entry)).flatten()
    }

    /// The thread leaves the runtimes that it has entered since `save`.
    #[inline]
    pub(crate) fn restore_runtime(&self) {
        if get().entry != self.record.entry {
            self.leave_runtimes();
        }
    }

    #[cold]
    fn leave_runtimes(&self) {
        while let Some(entry) = self.pop() {
            catch_and_drop_panic(|| drop(entry));
        }
    }
}

impl Drop for SavedContext {
    #[inline]
    fn drop(&mut self) {
        self.restore_runtime();
        CONTEXT.with(|context| context.set(self.record));
    }
}

// ---- the runtime ----

/// Calls `read` with the runtime that this thread is in.
pub(crate) fn with_runtime<R>(read: impl FnOnce(Option<&Arc<dyn AnyRuntime>>) -> R) -> R {
    if is_thread_ending() {
        return read(None);
    }
    ENTERED.with(|entered| read(entered.borrow().last().map(|entry| &entry.runtime)))
}

/// Whether this thread is ending, and the stack of its runtimes is gone.
pub(crate) fn is_thread_ending() -> bool {
    ENTERED.try_with(|_| ()).is_err()
}

/// Calls `emit` with the tracer of the runtime that this thread is in.
pub(crate) fn with_tracer(emit: impl FnOnce(Arc<Tracer>)) {
    // Not under the borrow: a subscriber may enter a runtime.
    if let Some(tracer) = with_runtime(|runtime| Some(runtime?.tracer().clone())) {
        emit(tracer);
    }
}

/// Changes the stack of entries. `None`: the thread is ending, for instance with a runtime in one of its own
/// thread-locals. The stack is gone then, and what happens here must not panic.
fn with_entered<R>(change: impl FnOnce(&mut Vec<Entry>) -> R) -> Option<R> {
    let changed = ENTERED.try_with(|entered| {
        let mut entered = entered.borrow_mut();
        let changed = change(&mut entered);
        let last = entered.last().map_or(0, |entry| entry.number);
        update(|context| context.entry = last);
        changed
    });
    changed.ok()
}

/// Puts a runtime on the stack, and returns the entry's number.
fn push(runtime: Arc<dyn AnyRuntime>) -> u64 {
    let number = ENTRIES.with(|entries| {
        entries.set(entries.get() + 1);
        entries.get()
    });
    with_entered(|entered| entered.push(Entry { number, runtime }));
    number
}

/// Enters a runtime until the guard is dropped. For user code; the engine uses [`save`].
pub(crate) fn enter(runtime: Arc<dyn AnyRuntime>) -> EnterGuard {
    EnterGuard { number: push(runtime), not_send: PhantomData }
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
        // `None`: the thread is ending, or the guard has outlived the poll in which it was made. There is
        // nothing to undo. Else the entry is not the runtime's last owner: the guard borrows a handle.
        let Some((_entry, was_last)) = removed.flatten() else { return };
        if !was_last && !std::thread::panicking() {
            panic!(
                "`EnterGuard` values dropped out of order: guards returned by `Handle::enter()` \
                 must be dropped in the reverse of the order in which they were made"
            );
        }
    }
}

/// Whether a runtime started a thread, and the id of that runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RuntimeThread {
    No,
    Working(u32),
    /// Its work is done. What still runs are the destructors of its thread-locals.
    Exiting(u32),
}

/// Whether a runtime started this thread.
pub(crate) fn runtime_thread() -> RuntimeThread {
    RUNTIME_THREAD.with(Cell::get)
}

/// A runtime has started this thread, or the thread's work is done.
pub(crate) fn set_runtime_thread(thread: RuntimeThread) {
    RUNTIME_THREAD.with(|cell| cell.set(thread));
}

// ---- driving and blocking ----

/// This thread begins to run a runtime's tasks or the future of `block_on`, and takes its random numbers from
/// `rng`.
#[track_caller]
pub(crate) fn enter_runtime(call: &str, rng: impl FnOnce() -> FastRand) -> EnterRuntimeGuard {
    assert_may_block(call);
    let context = save();
    update(|context| context.drives = true);
    EnterRuntimeGuard { outer_rng: replace_rng(Some(rng())), _context: context }
}

/// The thread runs a runtime for as long as this lives.
#[derive(Debug)]
pub(crate) struct EnterRuntimeGuard {
    outer_rng: Option<FastRand>,
    _context: SavedContext,
}

impl Drop for EnterRuntimeGuard {
    fn drop(&mut self) {
        replace_rng(self.outer_rng);
    }
}

/// Whether this thread runs a runtime, so that it must not block.
pub(crate) fn drives_runtime() -> bool {
    get().drives
}

/// Panics, at the caller's line, if this thread runs a runtime: a second loop on it, or a wait, would stop the
/// first.
#[track_caller]
pub(crate) fn assert_may_block(call: &str) {
    assert!(
        !drives_runtime(),
        "`{call}` was called on a thread that runs a runtime's tasks: it would block this thread, and \
         with it every other task here; `.await` the asynchronous form instead, or call it from \
         `spawn_blocking`"
    );
}

// ---- random numbers ----

/// A random number below `limit`.
pub(crate) fn random_below(limit: u32) -> u32 {
    let mut rng = replace_rng(None).unwrap_or_else(FastRand::from_entropy);
    let number = rng.below(limit);
    replace_rng(Some(rng));
    number
}

/// This thread takes its random numbers from another generator; with `None`, from a new one at its next use. Returns
/// the one before.
pub(crate) fn replace_rng(rng: Option<FastRand>) -> Option<FastRand> {
    RNG.with(|cell| cell.replace(rng))
}

// ---- the worker, and the poll ----

/// The worker that this thread is.
#[inline]
pub(crate) fn worker() -> Option<WorkerId> {
    get().worker
}

/// The index of the worker that this thread is, if it works for the runtime with this id.
#[inline]
pub(crate) fn worker_of(runtime: u32) -> Option<usize> {
    get().worker.filter(|worker| worker.runtime == runtime).map(|worker| worker.index as usize)
}

/// A poll begins: of the task with this id; with `None`, of the future of `block_on`. It has a new budget.
#[inline]
pub(crate) fn start_poll(task: Option<NonZeroU64>) -> SavedContext {
    let saved = save();
    CONTEXT.with(|context| context.set(ThreadContext { task, budget: BUDGET, ..saved.record }));
    saved
}

/// One poll of the future of `block_on`. That future may hold guards of `enter` across an `.await`, while other
/// tasks run on this thread. So the runtimes that it has entered are on the stack during its own polls only; in
/// between they are in `kept`, the innermost first.
pub(crate) fn poll_root<R>(kept: &mut Vec<Entry>, poll: impl FnOnce() -> R) -> R {
    let saved = start_poll(None);
    if !kept.is_empty() {
        with_entered(|entered| entered.extend(kept.drain(..).rev()));
    }
    let polled = poll();
    if get().entry != saved.record.entry {
        kept.extend(std::iter::from_fn(|| saved.pop()));
    }
    polled
}

/// The id of the task that is being polled.
#[inline]
pub(crate) fn task_id() -> Option<u64> {
    get().task.map(NonZeroU64::get)
}

/// How many operations this poll may still complete.
#[inline]
pub(crate) fn budget() -> u8 {
    get().budget
}

/// Sets how many operations this poll may still complete, and returns the number before.
#[inline]
pub(crate) fn update_budget(change: impl FnOnce(u8) -> u8) -> u8 {
    update(|context| {
        let before = context.budget;
        context.budget = change(before);
        before
    })
}
