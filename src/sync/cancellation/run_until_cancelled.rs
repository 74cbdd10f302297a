//! A future with an end from outside: it runs until it is ready, or until a token is cancelled.
//!
//! As a time-out it asks nothing of the future, which is polled, and after it the token; if that was
//! cancelled, the future is dropped where it stands.
//!
//! This is the last file of `sync`. Next: `io`.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::token::{CancellationToken, WaitForCancellationFuture, WaitForCancellationFutureOwned};
use super::tree::Node;
use crate::sync::waiters::Key;

impl CancellationToken {
    /// Runs a future to its end, or until the token is cancelled: then it is none, and the future is
    /// dropped where it stands. If the token is cancelled before the first poll, the future is not polled
    /// at all; if both come at once later, the future's end counts.
    ///
    /// Cancel safe if `future` is.
    pub fn run_until_cancelled<F: Future>(&self, future: F) -> RunUntilCancelledFuture<'_, F> {
        RunUntilCancelledFuture { cancelled: self.cancelled(), began: false, future }
    }

    /// The same, for a future that holds the token.
    pub fn run_until_cancelled_owned<F: Future>(
        self,
        future: F,
    ) -> RunUntilCancelledFutureOwned<F> {
        RunUntilCancelledFutureOwned { cancelled: self.cancelled_owned(), began: false, future }
    }
}

pin_project! {
    /// A future, or the cancellation. From [`CancellationToken::run_until_cancelled`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct RunUntilCancelledFuture<'a, F> {
        cancelled: WaitForCancellationFuture<'a>,
        began: bool,
        #[pin]
        future: F,
    }
}

pin_project! {
    /// A future, or the cancellation; holds the token. From
    /// [`CancellationToken::run_until_cancelled_owned`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct RunUntilCancelledFutureOwned<F> {
        cancelled: WaitForCancellationFutureOwned,
        began: bool,
        #[pin]
        future: F,
    }
}

/// The future first, and then the token, whatever the future has left of the budget.
fn run_until_cancelled<F: Future>(
    cx: &mut Context<'_>,
    began: &mut bool,
    future: Pin<&mut F>,
    node: &Node,
    place: &mut Option<Key>,
) -> Poll<Option<F::Output>> {
    if !mem::replace(began, true) && node.is_cancelled() {
        return Poll::Ready(None);
    }
    match future.poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => node.poll_cancelled(cx, place).map(|()| None),
    }
}

impl<F: Future> Future for RunUntilCancelledFuture<'_, F> {
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let WaitForCancellationFuture { node, place } = this.cancelled;
        run_until_cancelled(cx, this.began, this.future, node, place)
    }
}

impl<F: Future> Future for RunUntilCancelledFutureOwned<F> {
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let WaitForCancellationFutureOwned { token, place } = this.cancelled;
        run_until_cancelled(cx, this.began, this.future, &token.node, place)
    }
}
