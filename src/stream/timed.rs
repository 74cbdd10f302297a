//! Stream methods that need a clock: a limit for each item, a pause between items, and chunks by size or time.
//!
//! Each holds a [`Sleep`] that begins anew with each item or chunk. While there is nothing to wait for there is no
//! sleep, and so no timer that would wake the task for nothing. The stream is polled before the limit: an item that
//! is ready beats a deadline that has passed.
//!
//! Next: `wrappers.rs`, which makes streams of channels, timers and sockets.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use pin_project_lite::pin_project;

use crate::engine::coop;
use crate::runtime::Handle;
use crate::time::error::Elapsed;
use crate::time::{Sleep, poll_limit};

/// Methods for every [`Stream`] that need a runtime's clock.
///
/// No name collides with `futures::StreamExt`, which has all other methods of streams.
pub trait StreamTimeExt: Stream {
    /// Gives the items, and an error before each item that takes longer than `duration`.
    ///
    /// The limit begins with this call, and then with each item. After an error the stream goes on without a limit
    /// until the late item has come.
    ///
    /// ```
    /// use futures::{StreamExt, TryStreamExt, stream};
    /// use openwork::{stream::StreamTimeExt, time::Duration};
    ///
    /// # openwork::block_on(async {
    /// let stalls = stream::iter([1, 2]).chain(stream::pending());
    /// let mut stalls = Box::pin(stalls.timeout(Duration::from_millis(5)));
    /// assert_eq!(stalls.try_next().await, Ok(Some(1)));
    /// assert_eq!(stalls.try_next().await, Ok(Some(2)));
    /// assert!(stalls.try_next().await.is_err());
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    fn timeout(self, duration: Duration) -> Timeout<Self>
    where
        Self: Sized,
    {
        let timer = Timer::new(duration, "StreamTimeExt::timeout");
        Timeout { limit: Some(timer.start()), stream: Some(self), timer }
    }

    /// Gives the items, each at least `duration` after the item before it.
    ///
    /// # Panics
    ///
    /// If it is polled outside of a runtime, unless `duration` is zero.
    fn throttle(self, duration: Duration) -> Throttle<Self>
    where
        Self: Sized,
    {
        Throttle { stream: self, delay: None, duration }
    }

    /// Gives the items in chunks. A chunk is complete when it has `max_size` items, `duration` after its first
    /// item, or at the end of the stream.
    ///
    /// ```
    /// use futures::{StreamExt, stream};
    /// use openwork::{stream::StreamTimeExt, time::Duration};
    ///
    /// # openwork::block_on(async {
    /// let stalls = stream::iter(1..6).chain(stream::pending());
    /// let mut chunks = Box::pin(stalls.chunks_timeout(3, Duration::from_millis(5)));
    /// assert_eq!(chunks.next().await, Some(vec![1, 2, 3]));
    /// assert_eq!(chunks.next().await, Some(vec![4, 5]));
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If `max_size` is 0, and outside of a runtime.
    #[track_caller]
    fn chunks_timeout(self, max_size: usize, duration: Duration) -> ChunksTimeout<Self>
    where
        Self: Sized,
    {
        assert!(max_size > 0, "`StreamTimeExt::chunks_timeout`: a chunk has at least one item");
        let timer = Timer::new(duration, "StreamTimeExt::chunks_timeout");
        ChunksTimeout { stream: Some(self), limit: None, items: Vec::new(), max_size, timer }
    }
}

impl<S: Stream + ?Sized> StreamTimeExt for S {}

/// Starts sleeps of one length in one runtime.
#[derive(Debug)]
struct Timer {
    duration: Duration,
    handle: Handle,
}

impl Timer {
    #[track_caller]
    fn new(duration: Duration, call: &str) -> Self {
        Timer { duration, handle: Handle::current_for(call) }
    }

    fn start(&self) -> Sleep {
        Sleep::after(self.handle.clone(), self.duration)
    }
}

/// Polls a stream until its end, and then drops it. An item uses up budget even if the stream uses up none.
fn poll_fused<S: Stream>(
    mut stream: Pin<&mut Option<S>>,
    cx: &mut Context<'_>,
) -> Poll<Option<S::Item>> {
    let Some(running) = stream.as_mut().as_pin_mut() else { return Poll::Ready(None) };
    let item = ready!(coop::poll_with_progress(cx, |cx| running.poll_next(cx)));
    if item.is_none() {
        stream.set(None);
    }
    Poll::Ready(item)
}

fn fused_size_hint<S: Stream>(stream: &Option<S>) -> (usize, Option<usize>) {
    stream.as_ref().map_or((0, Some(0)), S::size_hint)
}

pin_project! {
    /// A stream with a limit for each item. From [`StreamTimeExt::timeout`].
    ///
    /// Cancel safe: a `next` that is dropped loses no item.
    #[derive(Debug)]
    #[must_use = "streams do nothing unless polled"]
    pub struct Timeout<S> {
        // None: it has ended.
        #[pin]
        stream: Option<S>,
        // None from an error until the late item has come.
        #[pin]
        limit: Option<Sleep>,
        timer: Timer,
    }
}

impl<S: Stream> Stream for Timeout<S> {
    type Item = Result<S::Item, Elapsed>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        let had_budget = coop::has_budget();
        if let Poll::Ready(item) = poll_fused(this.stream, cx) {
            this.limit.set(item.as_ref().map(|_| this.timer.start()));
            return Poll::Ready(item.map(Ok));
        }
        let Some(limit) = this.limit.as_mut().as_pin_mut() else { return Poll::Pending };
        let elapsed = ready!(poll_limit(limit, had_budget, cx));
        this.limit.set(None);
        Poll::Ready(Some(Err(elapsed)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (least, most) = fused_size_hint(&self.stream);
        // At most one error before each item, and one before the end.
        (least, most.and_then(|most| most.checked_mul(2)?.checked_add(1)))
    }
}

pin_project! {
    /// A stream with a pause between its items. From [`StreamTimeExt::throttle`].
    ///
    /// Cancel safe: a `next` that is dropped loses no item.
    #[derive(Debug)]
    #[must_use = "streams do nothing unless polled"]
    pub struct Throttle<S> {
        #[pin]
        stream: S,
        // Some: it is too early for the next item.
        #[pin]
        delay: Option<Sleep>,
        duration: Duration,
    }
}

impl<S> Throttle<S> {
    /// Returns the stream.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// Returns the stream. An item that is taken from it directly is followed by no pause.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    /// Returns the stream, without the pauses.
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
        let timer = (!this.duration.is_zero())
            .then(|| Timer::new(*this.duration, "StreamTimeExt::throttle"));
        let item = ready!(this.stream.poll_next(cx));
        if item.is_some() {
            this.delay.set(timer.map(|timer| timer.start()));
        }
        Poll::Ready(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.stream.size_hint()
    }
}

pin_project! {
    /// A stream of chunks. From [`StreamTimeExt::chunks_timeout`].
    ///
    /// Cancel safe: the items of an incomplete chunk stay in the stream.
    #[derive(Debug)]
    #[must_use = "streams do nothing unless polled"]
    pub struct ChunksTimeout<S: Stream> {
        // None: it has ended.
        #[pin]
        stream: Option<S>,
        // None while there is no item.
        #[pin]
        limit: Option<Sleep>,
        items: Vec<S::Item>,
        max_size: usize,
        timer: Timer,
    }
}

impl<S: Stream> Stream for ChunksTimeout<S> {
    type Item = Vec<S::Item>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Vec<S::Item>>> {
        let mut this = self.project();
        let had_budget = coop::has_budget();
        while this.items.len() < *this.max_size {
            match poll_fused(this.stream.as_mut(), cx) {
                Poll::Ready(Some(item)) => {
                    if this.items.is_empty() {
                        this.limit.set(Some(this.timer.start()));
                    }
                    this.items.push(item);
                }
                Poll::Ready(None) if this.items.is_empty() => return Poll::Ready(None),
                Poll::Ready(None) => break,
                Poll::Pending => {
                    let Some(limit) = this.limit.as_mut().as_pin_mut() else {
                        return Poll::Pending;
                    };
                    ready!(poll_limit(limit, had_budget, cx));
                    break;
                }
            }
        }
        this.limit.set(None);
        Poll::Ready(Some(mem::take(this.items)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (least, most) = fused_size_hint(&self.stream);
        let begun = self.items.len();
        // At least full chunks; at most the chunk that has begun, and one for each item.
        let least = least.saturating_add(begun).div_ceil(self.max_size);
        (least, most.and_then(|most| most.checked_add(begun.min(1))))
    }
}
