//! The budget of a poll, for a task that is always ready.
//!
//! A socket that always has data never answers "pending", so a task that reads it in a loop would hold its
//! worker. Each poll may therefore complete 128 operations. Then the next resource answers "pending" although it is
//! ready, and wakes the task at once, which puts it at the back of the queue. The idea is Tokio's.
//!
//! A leaf future calls [`poll_proceed`] first, and [`made_progress`] when it has something to hand out. A
//! future that waits uses up nothing: otherwise a task that waits for 200 things at once would use up its budget
//! by looking at them, and never rest.
//!
//! The budget is a field of the thread's context. Next: `trace.rs`, the events of a runtime.

use std::task::{Context, Poll, ready};

use super::context::{self, BUDGET, UNCONSTRAINED};
use super::prim::{OnDrop, wake_self};

/// Whether this poll may complete another operation.
#[inline]
pub(crate) fn has_budget() -> bool {
    context::budget() != 0
}

/// Ready while the poll has budget left. Otherwise it wakes the task, so that it is polled again, and is Pending.
#[inline]
pub(crate) fn poll_proceed(cx: &mut Context<'_>) -> Poll<()> {
    if has_budget() {
        return Poll::Ready(());
    }
    wake_self(cx);
    Poll::Pending
}

/// Whether the poll has completed an operation.
pub(crate) fn has_made_progress() -> bool {
    context::budget() != BUDGET
}

/// One operation was completed.
#[inline]
pub(crate) fn made_progress() {
    context::update_budget(|left| match left {
        UNCONSTRAINED => UNCONSTRAINED,
        left => left.saturating_sub(1),
    });
}

/// Polls something that may not know about the budget, such as a user's stream, and uses up one unit if it has used up
/// none. So an operation uses up one unit, through any number of layers.
#[inline]
pub(crate) fn poll_with_progress<R>(
    cx: &mut Context<'_>,
    poll: impl FnOnce(&mut Context<'_>) -> Poll<R>,
) -> Poll<R> {
    ready!(poll_proceed(cx));
    let before = context::budget();
    let output = ready!(poll(cx));
    if context::budget() == before {
        made_progress();
    }
    Poll::Ready(output)
}

/// Calls `work` with no limit, for what must be done even if the budget is used up.
pub(crate) fn with_unconstrained<R>(work: impl FnOnce() -> R) -> R {
    with_budget_of(UNCONSTRAINED, work)
}

/// Calls `work` with the budget of one poll: for a future that is polled by a thread which is not a worker.
pub(crate) fn with_budget<R>(work: impl FnOnce() -> R) -> R {
    with_budget_of(BUDGET, work)
}

fn with_budget_of<R>(budget: u8, work: impl FnOnce() -> R) -> R {
    let outer = context::update_budget(|_| budget);
    let _restore = OnDrop(|| _ = context::update_budget(|_| outer));
    work()
}
