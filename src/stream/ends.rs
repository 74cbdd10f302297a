//! What is left of a stream, when all of its items have come?
//!
//! A number, an answer, a sum: a single value, and so a future. Each of these asks again and again until
//! the end, or until it knows enough; so they take every item out of the budget of the poll, or a stream
//! that is always ready would hold its thread until it ends.
//!
//! All of them have names but [`for_each`]. Its closure may be `async` and change what it has captured, and
//! then the future of each item borrows from the closure. A struct that holds both would borrow from
//! itself, which only the compiler can write: as an `async fn`. The way with names takes closures whose
//! futures borrow nothing, and there a counter has to lie in an `Arc` or a `Cell`.
//!
//! Next: `collect.rs`, for those who want to keep the items.

use std::future::Future;
use std::marker::PhantomPinned;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use pin_project_lite::pin_project;

use super::next::{Next, poll_item};

/// Whether all items are as they should be. From [`all`](super::StreamExt::all).
pub type AllFuture<'a, S, F> = Search<'a, S, F>;

/// Whether some item is as wanted. From [`any`](super::StreamExt::any).
pub type AnyFuture<'a, S, F> = Search<'a, S, F>;

pin_project! {
    /// Looks for an item, and stops when it has found one. `all` looks for one that is not as it should be.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct Search<'a, S: ?Sized, F> {
        stream: &'a mut S,
        test: F,
        // What the closure says of an item that is looked for.
        wanted: bool,
        #[pin]
        not_unpin: PhantomPinned,
    }
}

impl<'a, S: ?Sized, F> Search<'a, S, F> {
    pub(super) fn new(stream: &'a mut S, test: F, wanted: bool) -> Self {
        Search { stream, test, wanted, not_unpin: PhantomPinned }
    }
}

impl<S, F> Future for Search<'_, S, F>
where
    S: Stream + Unpin + ?Sized,
    F: FnMut(S::Item) -> bool,
{
    type Output = bool;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        let this = self.project();
        while let Some(item) = ready!(poll_item(Pin::new(&mut **this.stream), cx)) {
            if (this.test)(item) == *this.wanted {
                return Poll::Ready(*this.wanted);
            }
        }
        Poll::Ready(!*this.wanted)
    }
}

pin_project! {
    /// What the items come to, one by one. From [`fold`](super::StreamExt::fold).
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct FoldFuture<S, B, F> {
        #[pin]
        stream: S,
        // None while the closure has it, and when it was given out.
        value: Option<B>,
        fold: F,
        #[pin]
        not_unpin: PhantomPinned,
    }
}

impl<S, B, F> FoldFuture<S, B, F> {
    pub(super) fn new(stream: S, value: B, fold: F) -> Self {
        FoldFuture { stream, value: Some(value), fold, not_unpin: PhantomPinned }
    }
}

impl<S: Stream, B, F: FnMut(B, S::Item) -> B> Future for FoldFuture<S, B, F> {
    type Output = B;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<B> {
        const GONE: &str = "`fold` was polled after it was ready, or after its closure panicked";
        let mut this = self.project();
        while let Some(item) = ready!(poll_item(this.stream.as_mut(), cx)) {
            let value = this.value.take().expect(GONE);
            *this.value = Some((this.fold)(value, item));
        }
        Poll::Ready(this.value.take().expect(GONE))
    }
}

/// The number of items. From [`count`](super::StreamExt::count).
pub type Count<S> = FoldFuture<S, usize, fn(usize, <S as Stream>::Item) -> usize>;

pub(super) async fn for_each<S: Stream>(stream: S, mut work: impl AsyncFnMut(S::Item)) {
    let mut stream = pin!(stream);
    while let Some(item) = Next::new(&mut stream).await {
        work(item).await;
    }
}
