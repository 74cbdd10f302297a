//! What becomes of each item, taken by itself?
//!
//! It is changed, let through or dropped, numbered, or given to a future and awaited. These streams keep
//! nothing but the item that they are at, and they are lazy: an item is taken only when somebody asks for one.
//!
//! A closure that panics has lost its item, and nothing else; who catches the panic may go on.
//!
//! Next: `part.rs`, streams that are the beginning or the end of another.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use pin_project_lite::pin_project;

use super::next::{adapter, poll_item};

adapter! {
    /// Each item, changed. From [`map`](super::StreamExt::map).
    Map<S, F> { change: F }
}

impl<S: Stream, T, F: FnMut(S::Item) -> T> Stream for Map<S, F> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let this = self.project();
        this.stream.poll_next(cx).map(|item| item.map(this.change))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.stream.size_hint()
    }
}

adapter! {
    /// The items that are wanted. From [`filter`](super::StreamExt::filter).
    Filter<S, F> { wanted: F }
}

impl<S: Stream, F: FnMut(&S::Item) -> bool> Stream for Filter<S, F> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let mut this = self.project();
        loop {
            match ready!(poll_item(this.stream.as_mut(), cx)) {
                Some(item) if !(this.wanted)(&item) => {}
                item => return Poll::Ready(item),
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, self.stream.size_hint().1)
    }
}

adapter! {
    /// What became of the items that are wanted. From [`filter_map`](super::StreamExt::filter_map).
    FilterMap<S, F> { change: F }
}

impl<S: Stream, T, F: FnMut(S::Item) -> Option<T>> Stream for FilterMap<S, F> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut this = self.project();
        while let Some(item) = ready!(poll_item(this.stream.as_mut(), cx)) {
            if let Some(changed) = (this.change)(item) {
                return Poll::Ready(Some(changed));
            }
        }
        Poll::Ready(None)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, self.stream.size_hint().1)
    }
}

pin_project! {
    /// What a future makes of each item, one at a time. From [`then`](super::StreamExt::then).
    #[must_use = "streams do nothing unless polled"]
    pub struct Then<S, Fut, F> {
        #[pin]
        pub(super) stream: S,
        // At work on the item that was taken last.
        #[pin]
        pub(super) future: Option<Fut>,
        pub(super) begin: F,
    }
}

impl<S: Stream, Fut: Future, F: FnMut(S::Item) -> Fut> Stream for Then<S, Fut, F> {
    type Item = Fut::Output;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Fut::Output>> {
        let mut this = self.project();
        loop {
            if let Some(future) = this.future.as_mut().as_pin_mut() {
                let output = ready!(future.poll(cx));
                this.future.set(None);
                return Poll::Ready(Some(output));
            }
            match ready!(this.stream.as_mut().poll_next(cx)) {
                Some(item) => this.future.set(Some((this.begin)(item))),
                None => return Poll::Ready(None),
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let at_work = usize::from(self.future.is_some());
        let (least, most) = self.stream.size_hint();
        (least.saturating_add(at_work), most.and_then(|most| most.checked_add(at_work)))
    }
}

adapter! {
    /// Each item with its number. From [`enumerate`](super::StreamExt::enumerate).
    Enumerate<S> { number: usize }
}

impl<S: Stream> Stream for Enumerate<S> {
    type Item = (usize, S::Item);

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        let Some(item) = ready!(this.stream.poll_next(cx)) else { return Poll::Ready(None) };
        let number = *this.number;
        *this.number += 1;
        Poll::Ready(Some((number, item)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.stream.size_hint()
    }
}

impl<S: fmt::Debug, Fut, F> fmt::Debug for Then<S, Fut, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Then").field("stream", &self.stream).finish_non_exhaustive()
    }
}
