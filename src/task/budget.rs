//! A poll's budget, for loops and leaf futures that this crate does not know; and the id of the current task.
//!
//! Each leaf future of this crate counts its operations, and makes its task yield when one poll has completed
//! 128 of them (see `engine/coop.rs`). Two cases need help. A loop that awaits no such future never yields: it
//! awaits [`consume_budget`] in each iteration. And [`unconstrained`] exempts a future for which yielding costs
//! more than it brings; such a future may starve the other tasks of its worker.
//!
//! This is the last file of `task`. Next: `future`.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::engine::context;
use crate::engine::coop;
use crate::runtime::join_error::Id;

/// Counts as one operation of the poll's budget, and yields if the budget is spent.
///
/// ```
/// # openwork::block_on(async {
/// async fn sum(numbers: &[u64]) -> u64 {
///     let mut sum = 0;
///     for number in numbers {
///         sum += number;
///         openwork::task::consume_budget().await;
///     }
///     sum
/// }
/// assert_eq!(sum(&[1; 1000]).await, 1000);
/// # });
/// ```
pub fn consume_budget() -> impl Future<Output = ()> + Unpin {
    poll_fn(|cx| {
        ready!(coop::poll_proceed(cx));
        coop::made_progress();
        Poll::Ready(())
    })
}

/// Polls a future without a budget. A future that is always ready then starves the other tasks of its worker.
///
/// Cancel safe if the future is.
pub fn unconstrained<F>(future: F) -> Unconstrained<F> {
    Unconstrained { future }
}

pin_project! {
    /// Polls a future without a budget. From [`unconstrained`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct Unconstrained<F> {
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Unconstrained<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        coop::with_unconstrained(|| self.project().future.poll(cx))
    }
}

/// Returns the id of the task, or of the blocking closure, that runs on this thread.
///
/// # Panics
///
/// Outside of a task. The future of `block_on` is not a task.
#[track_caller]
pub fn id() -> Id {
    match try_id() {
        Some(id) => id,
        None => panic!("`task::id` was called outside of a task; what `block_on` runs is none"),
    }
}

/// Returns the id of the task, or of the blocking closure, that runs on this thread. `None`: outside of a task.
pub fn try_id() -> Option<Id> {
    context::task_id().and_then(Id::from_number)
}
