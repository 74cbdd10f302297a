//! The part of a task that does not depend on the type of its future: its identity and its state.
//!
//! A debugger, the trace and the list of a runtime's tasks read it while other threads run the task. So its fields are
//! numbers that never change, or atomics.
//!
//! Next: `task.rs`, the rest.

use std::cell::Cell;
use std::panic::Location;
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::sync::atomic::{AtomicU16, AtomicU32, AtomicU64, fence};

use super::context;
use super::state::{JoinInterest, Lifecycle, State};
use super::trace::{self, TaskKind, Tracer};

/// The part of a task that does not depend on the type of its future.
#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) id: u64,
    pub(crate) runtime_id: u32,
    pub(crate) kind: TaskKind,
    /// Where the task was spawned.
    pub(crate) location: &'static Location<'static>,
    /// By which task; 0 is none. The future of `block_on` counts as a task while there is a subscriber.
    pub(crate) parent: u64,
    /// Its runtime has a subscriber.
    pub(crate) is_traced: bool,
    pub(crate) state: State,
    /// Polls, and the drop of a cancelled future. Written only by the thread that runs the task. Relaxed throughout, as
    /// the trace and the metrics only show it.
    pub(crate) polls: AtomicU32,
    /// The worker that runs the task now, plus one; 0 is none. There are at most 65,535. Without meaning once the task is
    /// complete.
    pub(crate) running_on: AtomicU16,
    /// The `AbortHandle`s: references to the task that are not wakers. It wraps. Then a lost waker is not found, as the
    /// references are more than these.
    pub(crate) abort_handles: AtomicU16,
}

/// Ids are unique in the process and never used again. A thread takes them in blocks: otherwise all spawns
/// would contend for one counter. With blocks of 64 the counter's cost cannot be measured.
const ID_BLOCK: u64 = 64;
static NEXT_BLOCK: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// The last id that this thread took from its block.
    static LAST_ID: Cell<u64> = const { Cell::new(0) };
}

pub(crate) fn take_id() -> u64 {
    let mut last = LAST_ID.get();
    // Block n holds the ids 64 n + 1 to 64 n + 64. 0 is not an id.
    if last.is_multiple_of(ID_BLOCK) {
        last = NEXT_BLOCK.fetch_add(1, Relaxed) * ID_BLOCK;
    }
    LAST_ID.set(last + 1);
    last + 1
}

impl Header {
    pub(crate) fn new(
        tracer: &Tracer,
        kind: TaskKind,
        location: &'static Location<'static>,
    ) -> Self {
        Header {
            id: take_id(),
            runtime_id: tracer.runtime,
            kind,
            is_traced: tracer.is_on,
            location,
            parent: if tracer.is_on { trace::current_task() } else { context::task_id() }
                .unwrap_or(0),
            state: State::new(),
            polls: AtomicU32::new(0),
            running_on: AtomicU16::new(0),
            abort_handles: AtomicU16::new(0),
        }
    }

    /// The task has become idle: whether no waker of it exists. A waker that is forgotten is the commonest mistake in a
    /// future that is written by hand.
    ///
    /// Each of the `references` to a task is a waker, but for that of the worker which calls this, that in the list of
    /// owned tasks, and the handles. These are counted so that a change in between hides a lost waker, and never invents
    /// one: a handle is taken off its count before its reference is dropped. An idle task without a waker stays so.
    #[cold]
    pub(crate) fn is_waker_lost(&self, references: impl FnOnce() -> usize) -> bool {
        // Acquire: matches the Release in `AbortHandle::new`. The reference was counted before the handle.
        let before = self.abort_handles.load(Acquire);
        let references = references();
        fence(Acquire);
        let (state, abort_handles) = (self.state.load(), self.abort_handles.load(Relaxed));
        let join_handles = usize::from(state.join_interest != JoinInterest::Dropped);
        state.lifecycle == Lifecycle::Idle
            && abort_handles == before
            && references == 2 + join_handles + abort_handles as usize
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.state.load().lifecycle == Lifecycle::Complete
    }
}
