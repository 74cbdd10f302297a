//! A poll's budget, in the hands of who writes loops and leaves by himself.
//!
//! What a task awaits from this crate counts by itself, and makes the task give way when a poll has completed
//! 128 operations (see `engine/context.rs`). Two cases are left. A loop that awaits nothing which counts
//! never gives way: it says [`consume_budget`] once a round. And a future that is so often ready, and so
//! short, that giving way costs more than it brings: [`unconstrained`] lets it go on, at the peril of all
//! others on its worker.
//!
//! And [`id`] tells which task this is; it is here because nothing else asks for it.
//!
//! Next: `tracker.rs`, for tasks of which one wants to know only when all have ended.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::engine::context;
use crate::engine::coop;
use crate::runtime::join_error::Id;

/// Counts as one operation of the poll's budget, and gives way if it was the last.
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
pub fn consume_budget() -> ConsumeBudget {
    ConsumeBudget(())
}

/// Ready while the poll has budget left. From [`consume_budget`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct ConsumeBudget(());

impl Future for ConsumeBudget {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        ready!(coop::poll_proceed(cx));
        coop::made_progress();
        Poll::Ready(())
    }
}

/// Polls a future without a budget. If it is always ready, nothing else on its worker runs.
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

/// The number of the task, or of the blocking closure, that is running on this thread.
///
/// # Panics
///
/// Outside of a task. What `block_on` was given is none.
#[track_caller]
pub fn id() -> Id {
    match try_id() {
        Some(id) => id,
        None => panic!("`task::id` was called outside of a task; what `block_on` runs is none"),
    }
}

/// The number of the task, or of the blocking closure, that is running on this thread; none outside of one.
pub fn try_id() -> Option<Id> {
    context::task_id().and_then(Id::from_number)
}
