//! Lets other tasks run.
//!
//! Next: `completion_queue.rs`, the first step towards a set of tasks.

use std::future::{Future, poll_fn};
use std::mem;
use std::task::Poll;

use crate::engine::prim::wake_self;

/// Lets the other tasks that are ready run first: puts this task at the back of the queue.
///
/// ```
/// # openwork::block_on(async {
/// let task = openwork::spawn(async { "ran first" });
/// openwork::task::yield_now().await;
/// assert!(task.is_finished());
/// # });
/// ```
pub fn yield_now() -> impl Future<Output = ()> + Unpin {
    let mut has_yielded = false;
    poll_fn(move |cx| {
        if mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        // A wake during the task's own poll puts the task at the back of the queue.
        wake_self(cx);
        Poll::Pending
    })
}
