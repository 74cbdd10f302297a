//! Whose turn is it?
//!
//! The tasks that are ready stand in line, first in, first out; one that gives way goes to the back. One
//! line for everybody would do, but a line to which any thread may push costs two meetings with all
//! others for each task, also when there are no others. And most tasks are woken by their neighbours, on
//! the very thread that will poll them. So there are two lines:
//!
//! ```text
//!   woken or spawned on the worker's thread ──▶ [ the worker's line ] ──▶ the worker
//!                                                                           ▲
//!   woken or spawned on any other thread ─────▶ [     injector      ] ──────┘ first of each round,
//!                                                                             and when its own is empty
//! ```
//!
//! The **worker's line** lies in its thread's own memory, where pushing and popping are plain moves: no
//! atomic, no lock. The **injector** takes from all threads. Neither has a bound: a wake comes from
//! anywhere, from a destructor, from inside another task's poll, and must neither fail nor block.
//!
//! This file does not know when to look where; that is the worker's business. Next: `timer.rs`.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;

use crossbeam_queue::SegQueue;

use super::task::Runnable;

/// A task that is to be polled.
type Ready = Arc<dyn Runnable>;

/// A line longer than this gives memory back when it is empty. Arbitrary; 64 KiB.
const LONG: usize = 4096;

/// The line that all threads may push to.
pub(crate) struct Injector(SegQueue<Ready>);

impl Injector {
    pub(crate) fn new() -> Self {
        Injector(SegQueue::new())
    }

    pub(crate) fn push(&self, task: Ready) {
        self.0.push(task);
    }

    pub(crate) fn pop(&self) -> Option<Ready> {
        self.0.pop()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

thread_local! {
    static LINE: RefCell<VecDeque<Ready>> = const { RefCell::new(VecDeque::new()) };
}

/// The line of the worker that this thread is. Only its own thread can reach it.
pub(crate) struct Line;

impl Line {
    pub(crate) fn push(task: Ready) {
        LINE.with_borrow_mut(|line| line.push_back(task));
    }

    pub(crate) fn pop() -> Option<Ready> {
        LINE.with_borrow_mut(VecDeque::pop_front)
    }

    pub(crate) fn is_empty() -> bool {
        LINE.with_borrow(VecDeque::is_empty)
    }

    /// The thread begins to work, or ends: the tasks in line come with the work, and go with it.
    pub(crate) fn exchange(kept: &mut VecDeque<Ready>) {
        LINE.with_borrow_mut(|line| std::mem::swap(line, kept));
    }

    /// Gives memory back after a burst.
    pub(crate) fn shrink() {
        LINE.with_borrow_mut(|line| {
            if line.is_empty() && line.capacity() > LONG {
                line.shrink_to_fit();
            }
        });
    }
}
