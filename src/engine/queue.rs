//! Whose turn is it?
//!
//! The tasks that are ready stand in line. One line for everybody would do for one thread, but each
//! push and pop would meet those of all the others. So there are two kinds of line:
//!
//! ```text
//!   woken or spawned by a task here ──▶ ┌──────────── ring ────────────┐ ──▶ the worker
//!                                       └──────────────────────────────┘
//!                                          │ full: half of it ▲
//!                                          ▼                  │ empty, and every 61st time
//!   woken from a foreign thread ──────▶ ┌─────────── injector ─────────── …
//! ```
//!
//! The **ring** belongs to one worker, holds 256, and never allocates. The **injector** belongs to all,
//! and has no bound: a wake must never fail, and it may come from anywhere. A ring that is full moves
//! half of itself to the injector and not just the one task, so that the next 128 pushes are cheap again.
//!
//! Both lines are first in, first out. A task that gives way goes to the back.
//!
//! This file does not know when to look where; that is the worker's business. Next: `timer.rs`.

use std::sync::Arc;

use crossbeam_queue::{ArrayQueue, SegQueue};

use super::task::Runnable;

/// Tasks that a ring holds. Tokio's number; a larger one gives thieves more to take and costs cache.
const RING: usize = 256;

type Ready = Arc<dyn Runnable>;

/// The line that all share.
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

/// The line of one worker, which alone pushes to it.
pub(crate) struct Ring(ArrayQueue<Ready>);

impl Ring {
    pub(crate) fn new() -> Self {
        Ring(ArrayQueue::new(RING))
    }

    /// Puts a task at the back. If the ring is full, the older half of it goes to the injector.
    pub(crate) fn push(&self, mut task: Ready, injector: &Injector) {
        while let Err(rejected) = self.0.push(task) {
            task = rejected;
            for _ in 0..RING / 2 {
                match self.0.pop() {
                    Some(oldest) => injector.push(oldest),
                    None => break,
                }
            }
        }
    }

    pub(crate) fn pop(&self) -> Option<Ready> {
        self.0.pop()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
