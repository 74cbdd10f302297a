//! How does one have only the beginning of a stream, or all but its beginning?
//!
//! By a count or by a condition. What is cut off at the front is taken and dropped at once; what is cut off
//! at the back is never asked for, except for the one item that says that this is the end: that one is lost.
//!
//! The end of a stream is also a part of it that needs care. Nobody promises what a stream does when it
//! is asked again after its end. A [`Fuse`] does promise: it drops the stream, and says "no more" for ever.
//!
//! Next: `together.rs`, one stream from two.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use pin_project_lite::pin_project;

use super::next::{adapter, poll_item};

adapter! {
    /// The first so many items. From [`take`](super::StreamExt::take).
    Take<S> { left: usize }
}

impl<S: Stream> Stream for Take<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.project();
        if *this.left == 0 {
            return Poll::Ready(None);
        }
        let item = ready!(this.stream.poll_next(cx));
        *this.left = if item.is_some() { *this.left - 1 } else { 0 };
        Poll::Ready(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        if self.left == 0 {
            return (0, Some(0));
        }
        let (least, most) = self.stream.size_hint();
        (least.min(self.left), Some(most.map_or(self.left, |most| most.min(self.left))))
    }
}

adapter! {
    /// The items before the first that is not wanted. From [`take_while`](super::StreamExt::take_while).
    TakeWhile<S, F> { wanted: F, ended: bool }
}

impl<S: Stream, F: FnMut(&S::Item) -> bool> Stream for TakeWhile<S, F> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.project();
        if *this.ended {
            return Poll::Ready(None);
        }
        let item = ready!(this.stream.poll_next(cx)).filter(this.wanted);
        *this.ended = item.is_none();
        Poll::Ready(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, if self.ended { Some(0) } else { self.stream.size_hint().1 })
    }
}

adapter! {
    /// What became of the items, until one became nothing. From [`map_while`](super::StreamExt::map_while).
    MapWhile<S, F> { change: F, ended: bool }
}

impl<S: Stream, T, F: FnMut(S::Item) -> Option<T>> Stream for MapWhile<S, F> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let this = self.project();
        if *this.ended {
            return Poll::Ready(None);
        }
        let item = ready!(this.stream.poll_next(cx)).and_then(this.change);
        *this.ended = item.is_none();
        Poll::Ready(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, if self.ended { Some(0) } else { self.stream.size_hint().1 })
    }
}

adapter! {
    /// All but the first so many items. From [`skip`](super::StreamExt::skip).
    Skip<S> { left: usize }
}

impl<S: Stream> Stream for Skip<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let mut this = self.project();
        while *this.left > 0 {
            if ready!(poll_item(this.stream.as_mut(), cx)).is_none() {
                return Poll::Ready(None);
            }
            *this.left -= 1;
        }
        this.stream.poll_next(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (least, most) = self.stream.size_hint();
        (least.saturating_sub(self.left), most.map(|most| most.saturating_sub(self.left)))
    }
}

adapter! {
    /// The items from the first on that is wanted. From [`skip_while`](super::StreamExt::skip_while).
    SkipWhile<S, F> { unwanted: F, began: bool }
}

impl<S: Stream, F: FnMut(&S::Item) -> bool> Stream for SkipWhile<S, F> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let mut this = self.project();
        while !*this.began {
            match ready!(poll_item(this.stream.as_mut(), cx)) {
                Some(item) if (this.unwanted)(&item) => {}
                item => {
                    *this.began = item.is_some();
                    return Poll::Ready(item);
                }
            }
        }
        this.stream.poll_next(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (least, most) = self.stream.size_hint();
        (if self.began { least } else { 0 }, most)
    }
}

pin_project! {
    /// A stream that may be asked after its end. From [`fuse`](super::StreamExt::fuse).
    #[derive(Debug)]
    #[must_use = "streams do nothing unless polled"]
    pub struct Fuse<S> {
        // None: it has ended, and is dropped.
        #[pin]
        stream: Option<S>,
    }
}

impl<S> Fuse<S> {
    pub(super) fn new(stream: S) -> Self {
        Fuse { stream: Some(stream) }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.stream.is_none()
    }
}

impl<S: Stream> Stream for Fuse<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let mut this = self.project();
        let Some(stream) = this.stream.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        let item = ready!(stream.poll_next(cx));
        if item.is_none() {
            this.stream.set(None);
        }
        Poll::Ready(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.stream.as_ref().map_or((0, Some(0)), Stream::size_hint)
    }
}
