//! How does one take values that come one after another, and when must one stop for a moment?
//!
//! A stream is asked for its next value as a future is asked for its only one: it answers with the value,
//! with "no more", or that it will wake the task. [`Next`] makes a future of one such question. It takes the
//! value and hands it over in the same poll, so that a [`Next`] that is dropped has lost nothing.
//!
//! Some streams never answer "pending": a list, say. Whoever asks on and on within one poll, to skip a
//! million values or to count them, would then hold its thread until the end. So all who loop ask through
//! [`poll_item`], which takes each value out of the poll's budget unless the stream has done so itself.
//! [`Next`] asks through it too, as it stands in the loops that users write.
//!
//! Next: `sources.rs`, where streams come from.

use std::future::Future;
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use pin_project_lite::pin_project;

use crate::engine::coop;

/// The next item, for those who may ask again in the same poll. It is paid for once.
#[inline]
pub(super) fn poll_item<S: Stream + ?Sized>(
    stream: Pin<&mut S>,
    cx: &mut Context<'_>,
) -> Poll<Option<S::Item>> {
    coop::poll_with_progress(cx, |cx| stream.poll_next(cx))
}

pin_project! {
    /// Waits for the next item. From [`next`](super::StreamExt::next).
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct Next<'a, S: ?Sized> {
        stream: &'a mut S,
        // As in Tokio: it could become an `async fn` without anybody noticing.
        #[pin]
        not_unpin: PhantomPinned,
    }
}

impl<'a, S: ?Sized> Next<'a, S> {
    pub(super) fn new(stream: &'a mut S) -> Self {
        Next { stream, not_unpin: PhantomPinned }
    }
}

impl<S: Stream + Unpin + ?Sized> Future for Next<'_, S> {
    type Output = Option<S::Item>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        poll_item(Pin::new(&mut **self.project().stream), cx)
    }
}

pin_project! {
    /// Waits for the next item, and takes the error out of it. From [`try_next`](super::StreamExt::try_next).
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct TryNext<'a, S: ?Sized> {
        #[pin]
        next: Next<'a, S>,
    }
}

impl<'a, S: ?Sized> TryNext<'a, S> {
    pub(super) fn new(stream: &'a mut S) -> Self {
        TryNext { next: Next::new(stream) }
    }
}

impl<T, E, S: Stream<Item = Result<T, E>> + Unpin + ?Sized> Future for TryNext<'_, S> {
    type Output = Result<Option<T>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().next.poll(cx).map(Option::transpose)
    }
}

/// A stream around another one, which it pins. Its `Debug` shows that one, and asks nothing of the closures
/// beside it.
macro_rules! adapter {
    ($(#[$about:meta])* $name:ident<S $(, $closure:ident)?> { $($field:ident: $type:ty),* }) => {
        pin_project_lite::pin_project! {
            $(#[$about])*
            #[must_use = "streams do nothing unless polled"]
            pub struct $name<S $(, $closure)?> {
                #[pin]
                pub(super) stream: S,
                $(pub(super) $field: $type,)*
            }
        }

        impl<S: std::fmt::Debug $(, $closure)?> std::fmt::Debug for $name<S $(, $closure)?> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).field("stream", &self.stream).finish_non_exhaustive()
            }
        }
    };
}
pub(super) use adapter;
