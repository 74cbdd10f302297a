//! How does one make one stream of two?
//!
//! One after the other ([`Chain`]), both at once as they come ([`Merge`]), or in pairs ([`Zip`]).
//!
//! Two streams that are merged must both get their turn, also when one of them always has an item. So the
//! one that gave last is asked last. It is no matter of chance, and none of how often somebody asks.
//!
//! All three hold their streams fused: one that has ended is dropped at once, and asked no more.
//!
//! Next: `ends.rs`, where a stream becomes a single value.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use pin_project_lite::pin_project;

use super::part::Fuse;

type SizeHint = (usize, Option<usize>);

/// Of both together.
fn sum(a: SizeHint, b: SizeHint) -> SizeHint {
    let most = a.1.zip(b.1).and_then(|(a, b)| a.checked_add(b));
    (a.0.saturating_add(b.0), most)
}

pin_project! {
    /// One stream, and then the other. From [`chain`](super::StreamExt::chain).
    #[derive(Debug)]
    #[must_use = "streams do nothing unless polled"]
    pub struct Chain<A, B> {
        #[pin]
        pub(super) first: Fuse<A>,
        #[pin]
        pub(super) second: B,
    }
}

impl<A: Stream, B: Stream<Item = A::Item>> Stream for Chain<A, B> {
    type Item = A::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<A::Item>> {
        let this = self.project();
        match ready!(this.first.poll_next(cx)) {
            Some(item) => Poll::Ready(Some(item)),
            None => this.second.poll_next(cx),
        }
    }

    fn size_hint(&self) -> SizeHint {
        sum(self.first.size_hint(), self.second.size_hint())
    }
}

pin_project! {
    /// The items of both streams, as they come. From [`merge`](super::StreamExt::merge).
    #[derive(Debug)]
    #[must_use = "streams do nothing unless polled"]
    pub struct Merge<A, B> {
        #[pin]
        a: Fuse<A>,
        #[pin]
        b: Fuse<B>,
        b_first: bool,
    }
}

impl<A, B> Merge<A, B> {
    pub(super) fn new(a: A, b: B) -> Self {
        Merge { a: Fuse::new(a), b: Fuse::new(b), b_first: false }
    }
}

impl<A: Stream, B: Stream<Item = A::Item>> Stream for Merge<A, B> {
    type Item = A::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<A::Item>> {
        let this = self.project();
        let (item, gave_first) =
            if *this.b_first { first_of(this.b, this.a, cx) } else { first_of(this.a, this.b, cx) };
        if let Poll::Ready(Some(_)) = item {
            // If the first gave, it is the other's turn; if the other gave, the first's again.
            *this.b_first ^= gave_first;
        }
        item
    }

    fn size_hint(&self) -> SizeHint {
        sum(self.a.size_hint(), self.b.size_hint())
    }
}

/// Asks one and then the other; says also whether it was the first that answered.
fn first_of<A: Stream, B: Stream<Item = A::Item>>(
    first: Pin<&mut Fuse<A>>,
    second: Pin<&mut Fuse<B>>,
    cx: &mut Context<'_>,
) -> (Poll<Option<A::Item>>, bool) {
    let one = first.poll_next(cx);
    if let Poll::Ready(Some(_)) = one {
        return (one, true);
    }
    match second.poll_next(cx) {
        // The end of one is the end of both only when the other has ended too.
        Poll::Ready(None) => (one, false),
        other => (other, false),
    }
}

pin_project! {
    /// Pairs of both streams' items. From [`zip`](super::StreamExt::zip).
    #[must_use = "streams do nothing unless polled"]
    pub struct Zip<A: Stream, B: Stream> {
        #[pin]
        a: Fuse<A>,
        #[pin]
        b: Fuse<B>,
        // An item that waits for the other one.
        of_a: Option<A::Item>,
        of_b: Option<B::Item>,
    }
}

impl<A: Stream, B: Stream> Zip<A, B> {
    pub(super) fn new(a: A, b: B) -> Self {
        Zip { a: Fuse::new(a), b: Fuse::new(b), of_a: None, of_b: None }
    }
}

impl<A: Stream, B: Stream> Stream for Zip<A, B> {
    type Item = (A::Item, B::Item);

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        // Both are asked, although the first may be pending: they may both be at work.
        if this.of_a.is_none() && fill(this.of_a, this.a.as_mut(), cx) {
            return Poll::Ready(None);
        }
        if this.of_b.is_none() && fill(this.of_b, this.b.as_mut(), cx) {
            return Poll::Ready(None);
        }
        match (this.of_a.take(), this.of_b.take()) {
            (Some(a), Some(b)) => Poll::Ready(Some((a, b))),
            (a, b) => {
                (*this.of_a, *this.of_b) = (a, b);
                Poll::Pending
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        let a = sum(self.a.size_hint(), held(&self.of_a));
        let b = sum(self.b.size_hint(), held(&self.of_b));
        let most = match (a.1, b.1) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        (a.0.min(b.0), most)
    }
}

/// Asks for an item to hold. Returns whether there is none any more.
fn fill<S: Stream>(
    slot: &mut Option<S::Item>,
    stream: Pin<&mut Fuse<S>>,
    cx: &mut Context<'_>,
) -> bool {
    match stream.poll_next(cx) {
        Poll::Ready(Some(item)) => *slot = Some(item),
        Poll::Ready(None) => return true,
        Poll::Pending => {}
    }
    false
}

fn held<T>(slot: &Option<T>) -> SizeHint {
    let count = usize::from(slot.is_some());
    (count, Some(count))
}

impl<A: Stream + fmt::Debug, B: Stream + fmt::Debug> fmt::Debug for Zip<A, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Zip").field("a", &self.a).field("b", &self.b).finish_non_exhaustive()
    }
}
