//! How does one work on several items of a stream at once, but not on all?
//!
//! The items are futures. Up to a limit they are taken from the stream and put into a group, which polls
//! those that were woken ([`Group`]). A place becomes free when somebody takes a result, so a slow consumer
//! holds back the work, and not only its own.
//!
//! ```text
//!    stream ── a future ──▶ [ at work: at most n ] ── BufferUnordered: as they come ─────────▶
//!                                     └──────────── Buffered: [ wait for those before ] ────▶
//! ```
//!
//! In [`Buffered`] a result that waits for one before it keeps its place: otherwise one slow future would let
//! the others pile up behind it without a limit.
//!
//! Next: `timed.rs`, streams that look at the clock.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use pin_project_lite::pin_project;

use super::next::poll_item;
use super::part::Fuse;
use crate::future::group::Group;

pin_project! {
    /// The results of futures, several of which are at work, as they come. From
    /// [`buffer_unordered`](super::StreamExt::buffer_unordered).
    #[must_use = "streams do nothing unless polled"]
    pub struct BufferUnordered<S>
    where
        S: Stream,
    {
        #[pin]
        stream: Fuse<S>,
        at_work: Group<S::Item>,
        limit: usize,
    }
}

impl<S: Stream<Item: Future>> BufferUnordered<S> {
    #[track_caller]
    pub(super) fn new(stream: S, limit: usize) -> Self {
        assert!(limit > 0, "`StreamExt::buffer_unordered`: with none at work there is no result");
        BufferUnordered { stream: Fuse::new(stream), at_work: Group::new(), limit }
    }
}

impl<S: Stream<Item: Future>> Stream for BufferUnordered<S> {
    type Item = <S::Item as Future>::Output;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        while this.at_work.len() < *this.limit {
            let Poll::Ready(Some(future)) = poll_item(this.stream.as_mut(), cx) else { break };
            this.at_work.insert(future);
        }
        match ready!(this.at_work.poll_next(cx)) {
            Some((_, output)) => Poll::Ready(Some(output)),
            None if this.stream.has_ended() => Poll::Ready(None),
            None => Poll::Pending,
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        with(self.at_work.len(), self.stream.size_hint())
    }
}

pin_project! {
    /// The results of futures, several of which are at work, in the stream's order. From
    /// [`buffered`](super::StreamExt::buffered).
    #[must_use = "streams do nothing unless polled"]
    pub struct Buffered<S>
    where
        S: Stream,
        S::Item: Future,
    {
        #[pin]
        stream: Fuse<S>,
        at_work: Group<S::Item>,
        // By the number that the group gave to the future.
        done: BTreeMap<usize, <S::Item as Future>::Output>,
        limit: usize,
    }
}

impl<S: Stream<Item: Future>> Buffered<S> {
    #[track_caller]
    pub(super) fn new(stream: S, limit: usize) -> Self {
        assert!(limit > 0, "`StreamExt::buffered`: with none at work there is no result");
        let (stream, at_work) = (Fuse::new(stream), Group::new());
        Buffered { stream, at_work, done: BTreeMap::new(), limit }
    }
}

impl<S: Stream<Item: Future>> Stream for Buffered<S> {
    type Item = <S::Item as Future>::Output;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        while this.at_work.len() + this.done.len() < *this.limit {
            let Poll::Ready(Some(future)) = poll_item(this.stream.as_mut(), cx) else { break };
            this.at_work.insert(future);
        }
        loop {
            let before = this.at_work.first();
            if let Some(first) = this.done.first_entry()
                && before.is_none_or(|before| before > *first.key())
            {
                return Poll::Ready(Some(first.remove()));
            }
            match ready!(this.at_work.poll_next(cx)) {
                Some((number, output)) => _ = this.done.insert(number, output),
                None if this.stream.has_ended() => return Poll::Ready(None),
                None => return Poll::Pending,
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        with(self.at_work.len() + self.done.len(), self.stream.size_hint())
    }
}

/// So many more than the stream has.
fn with(count: usize, (least, most): (usize, Option<usize>)) -> (usize, Option<usize>) {
    (least.saturating_add(count), most.and_then(|most| most.checked_add(count)))
}

impl<S: Stream + fmt::Debug> fmt::Debug for BufferUnordered<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufferUnordered")
            .field("stream", &self.stream)
            .field("at_work", &self.at_work)
            .field("limit", &self.limit)
            .finish()
    }
}

impl<S: Stream<Item: Future> + fmt::Debug> fmt::Debug for Buffered<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffered")
            .field("stream", &self.stream)
            .field("at_work", &self.at_work)
            .field("done", &self.done.len())
            .field("limit", &self.limit)
            .finish()
    }
}
