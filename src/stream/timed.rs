//! How does a stream keep time?
//!
//! It holds a [`Sleep`] that is begun anew for each item: as a limit on how long one waits for the next
//! ([`Timeout`]), or as the least time between two ([`Throttle`]). While there is nothing to wait for there
//! is no sleep either, and so no timer that would wake the task for nothing.
//!
//! A limit comes after what it limits: an item that is there beats a deadline long past.
//!
//! Next: `ext.rs`, the methods that make all of these streams.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use pin_project_lite::pin_project;

use super::part::Fuse;
use crate::engine::coop;
use crate::runtime::Handle;
use crate::time::error::Elapsed;
use crate::time::{Sleep, poll_limit};

pin_project! {
    /// The items, and an error where one is late. From [`timeout`](super::StreamExt::timeout).
    #[derive(Debug)]
    #[must_use = "streams do nothing unless polled"]
    pub struct Timeout<S> {
        #[pin]
        stream: Fuse<S>,
        // None once the error was given: the same item is late only once.
        #[pin]
        limit: Option<Sleep>,
        duration: Duration,
        handle: Handle,
    }
}

impl<S> Timeout<S> {
    #[track_caller]
    pub(super) fn new(stream: S, duration: Duration) -> Self {
        let handle = Handle::current_for("StreamExt::timeout");
        let limit = Some(Sleep::after(handle.clone(), duration));
        Timeout { stream: Fuse::new(stream), limit, duration, handle }
    }
}

impl<S: Stream> Stream for Timeout<S> {
    type Item = Result<S::Item, Elapsed>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        let had_budget = coop::has_budget();
        if let Poll::Ready(item) = this.stream.poll_next(cx) {
            let limit = item.as_ref().map(|_| Sleep::after(this.handle.clone(), *this.duration));
            this.limit.set(limit);
            return Poll::Ready(item.map(Ok));
        }
        let Some(limit) = this.limit.as_mut().as_pin_mut() else { return Poll::Pending };
        let elapsed = ready!(poll_limit(limit, had_budget, cx));
        this.limit.set(None);
        Poll::Ready(Some(Err(elapsed)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (least, most) = self.stream.size_hint();
        // At most one error before each item, and one before the end.
        (least, most.and_then(|most| most.checked_mul(2)?.checked_add(1)))
    }
}

pin_project! {
    /// The items, with some time from each to the next. From [`throttle`](super::StreamExt::throttle).
    #[derive(Debug)]
    #[must_use = "streams do nothing unless polled"]
    pub struct Throttle<S> {
        #[pin]
        pub(super) stream: S,
        // Some: too early for another item.
        #[pin]
        pub(super) delay: Option<Sleep>,
        pub(super) duration: Duration,
    }
}

impl<S> Throttle<S> {
    /// The stream.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// The stream. What is taken from it here is not waited for.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    /// The stream, without the delay.
    pub fn into_inner(self) -> S {
        self.stream
    }
}

impl<S: Stream> Stream for Throttle<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let mut this = self.project();
        if let Some(delay) = this.delay.as_mut().as_pin_mut() {
            ready!(delay.poll(cx));
            this.delay.set(None);
        }
        // Before the item is taken: outside of a runtime this panics, and the item would be lost.
        let handle = (!this.duration.is_zero()).then(|| Handle::current_for("StreamExt::throttle"));
        let item = ready!(this.stream.poll_next(cx));
        if item.is_some() {
            let delay = handle.map(|handle| Sleep::after(handle, *this.duration));
            this.delay.set(delay);
        }
        Poll::Ready(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.stream.size_hint()
    }
}
