//! Giving way, once.
//!
//! Next: `finished.rs`, the first step towards many tasks under one roof.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::engine::prim::wake_self;

/// Lets the other tasks that are ready run first: this one goes to the back of the queue.
pub fn yield_now() -> YieldNow {
    YieldNow { gave_way: false }
}

/// Pending once. From [`yield_now`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct YieldNow {
    gave_way: bool,
}

impl Future for YieldNow {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.gave_way {
            return Poll::Ready(());
        }
        self.gave_way = true;
        // The wake comes during the poll, which is why it leads to the back of the queue.
        wake_self(cx);
        Poll::Pending
    }
}
