//! The part of a task that does not depend on the type of its future: its identity and its state.
//!
//! A debugger, the trace and the list of a runtime's tasks read it while other threads run the task. So its fields are
//! numbers that never change, or atomics.
//!
//! Next: `task.rs`, the rest.

use std::cell::Cell;
use std::panic::Location;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use super::context;
use super::state::{Lifecycle, State};
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
    /// The worker that runs the task now, plus one; 0 is none.
    pub(crate) running_on: AtomicU32,
    /// The `AbortHandle`s: references to the task that are not wakers.
    pub(crate) abort_handles: AtomicU32,
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
            running_on: AtomicU32::new(0),
            abort_handles: AtomicU32::new(0),
        }
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.state.load().lifecycle == Lifecycle::Complete
    }
}
