//! Channels, intervals, listeners, lines and signals as streams.
//!
//! A receiver has a method for the next value and is no stream itself, as in Tokio, so its methods cannot be
//! confused with those of a stream. A wrapper owns the receiver, and gives it back.
//!
//! ```
//! use futures::StreamExt;
//! use openwork::stream::wrappers::ReceiverStream;
//! use openwork::sync::mpsc;
//!
//! # openwork::block_on(async {
//! let (sender, receiver) = mpsc::channel(2);
//! openwork::spawn(async move { sender.send(17).await });
//! assert_eq!(ReceiverStream::new(receiver).collect::<Vec<_>>().await, [17]);
//! # });
//! ```
//!
//! A `next` on any of them is cancel safe: if it is dropped, no item is lost. This is the last file of `stream`.
//! Next: `trace`.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use futures_io::AsyncBufRead;
use pin_project_lite::pin_project;

use crate::io::{Lines, Split};
use crate::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use crate::signal::unix::Signal;
use crate::sync::mpsc::{Receiver, UnboundedReceiver};
use crate::sync::waker_set::Receive;
use crate::sync::{broadcast, watch};
use crate::time::{self, Instant, Interval};

use errors::BroadcastStreamRecvError;

/// A stream around a type that has a poll function for the next item.
macro_rules! wrapper {
    (
        $(#[$about:meta])*
        $name:ident $(<$T:ident $(: $bound:ident)?>)? of $inner:ty;
        type Item = $item:ty;
        poll_next: |$pinned:ident, $cx:ident| $poll:expr;
        size_hint: |$it:ident| $hint:expr;
    ) => {
        pin_project! {
            $(#[$about])*
            #[derive(Debug)]
            #[must_use = "streams do nothing unless polled"]
            pub struct $name $(<$T>)? {
                #[pin]
                inner: $inner,
            }
        }

        impl $(<$T>)? $name $(<$T>)? {
            /// Makes a stream of it.
            pub fn new(inner: $inner) -> Self {
                Self { inner }
            }

            /// Returns what the stream was made of, with the items that were not taken.
            pub fn into_inner(self) -> $inner {
                self.inner
            }
        }

        impl $(<$T $(: $bound)?>)? Stream for $name $(<$T>)? {
            type Item = $item;

            fn poll_next(self: Pin<&mut Self>, $cx: &mut Context<'_>) -> Poll<Option<$item>> {
                let $pinned = self.project().inner;
                $poll
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                let $it = &self.inner;
                $hint
            }
        }

        impl $(<$T>)? From<$inner> for $name $(<$T>)? {
            fn from(inner: $inner) -> Self {
                Self::new(inner)
            }
        }

        impl $(<$T>)? AsRef<$inner> for $name $(<$T>)? {
            fn as_ref(&self) -> &$inner {
                &self.inner
            }
        }

        impl $(<$T>)? AsMut<$inner> for $name $(<$T>)? {
            fn as_mut(&mut self) -> &mut $inner {
                &mut self.inner
            }
        }
    };
}

wrapper! {
    /// The messages of an [`mpsc::Receiver`](Receiver).
    ReceiverStream<T> of Receiver<T>;
    type Item = T;
    poll_next: |receiver, cx| receiver.get_mut().poll_recv(cx);
    size_hint: |receiver| receiver.size_hint();
}

impl<T> ReceiverStream<T> {
    /// Closes the channel: nothing can be sent any more, except with permits that exist. The messages in the channel
    /// are still given.
    pub fn close(&mut self) {
        self.inner.close();
    }
}

wrapper! {
    /// The messages of an [`mpsc::UnboundedReceiver`](UnboundedReceiver).
    UnboundedReceiverStream<T> of UnboundedReceiver<T>;
    type Item = T;
    poll_next: |receiver, cx| receiver.get_mut().poll_recv(cx);
    size_hint: |receiver| receiver.size_hint();
}

impl<T> UnboundedReceiverStream<T> {
    /// Closes the channel: nothing can be sent any more. The messages in the channel are still given.
    pub fn close(&mut self) {
        self.inner.close();
    }
}

wrapper! {
    /// The ticks of an [`Interval`], without end. An item is the moment for which the tick was planned.
    IntervalStream of Interval;
    type Item = Instant;
    poll_next: |interval, cx| interval.get_mut().poll_tick(cx).map(Some);
    size_hint: |_interval| (usize::MAX, None);
}

/// Makes a stream that ticks at once, and then every `period`: [`time::interval`](crate::time::interval()) as a
/// stream.
///
/// # Panics
///
/// If `period` is zero, and outside of a runtime.
#[track_caller]
pub fn interval(period: Duration) -> IntervalStream {
    IntervalStream::new(time::interval(period))
}

wrapper! {
    /// The lines of a reader: see [`AsyncBufReadExt::lines`](crate::io::AsyncBufReadExt::lines).
    LinesStream<R: AsyncBufRead> of Lines<R>;
    type Item = io::Result<String>;
    poll_next: |lines, cx| lines.poll_next_line(cx).map(Result::transpose);
    size_hint: |_lines| (0, None);
}

wrapper! {
    /// The pieces of a reader between delimiters: see
    /// [`AsyncBufReadExt::split`](crate::io::AsyncBufReadExt::split).
    SplitStream<R: AsyncBufRead> of Split<R>;
    type Item = io::Result<Vec<u8>>;
    poll_next: |split, cx| split.poll_next_segment(cx).map(Result::transpose);
    size_hint: |_split| (0, None);
}

wrapper! {
    /// The connections that a [`TcpListener`] accepts, without end.
    TcpListenerStream of TcpListener;
    type Item = io::Result<TcpStream>;
    poll_next: |listener, cx| Poll::Ready(Some(ready!(listener.poll_accept(cx)).map(|(tcp, _)| tcp)));
    size_hint: |_listener| (usize::MAX, None);
}

wrapper! {
    /// The connections that a [`UnixListener`] accepts, without end.
    UnixListenerStream of UnixListener;
    type Item = io::Result<UnixStream>;
    poll_next: |listener, cx| Poll::Ready(Some(ready!(listener.poll_accept(cx)).map(|(unix, _)| unix)));
    size_hint: |_listener| (usize::MAX, None);
}

/// The signals of one kind: see [`signal`](crate::signal::unix::signal). Several that come before the stream is
/// polled count as one. The stream ends with its runtime.
#[must_use = "streams do nothing unless polled"]
pub struct SignalStream {
    /// `Signal::recv`, which gives the signal back: it is in the list of waiters, and stays there from poll to poll.
    recv: Pin<Box<dyn Future<Output = (Option<()>, Signal)> + Send + Sync>>,
}

impl SignalStream {
    /// Makes a stream of the signals.
    pub fn new(signal: Signal) -> Self {
        SignalStream { recv: Box::pin(recv(signal)) }
    }
}

async fn recv(mut signal: Signal) -> (Option<()>, Signal) {
    let received = signal.recv().await;
    (received, signal)
}

impl Stream for SignalStream {
    type Item = ();

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<()>> {
        let (received, signal) = ready!(self.recv.as_mut().poll(cx));
        *self = SignalStream::new(signal);
        Poll::Ready(received)
    }
}

impl fmt::Debug for SignalStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignalStream").finish_non_exhaustive()
    }
}

/// The values of a [`broadcast::Receiver`], and an error where values were overwritten before they were received.
#[must_use = "streams do nothing unless polled"]
pub struct BroadcastStream<T> {
    receiver: broadcast::Receiver<T>,
}

impl<T> BroadcastStream<T> {
    /// Makes a stream of a receiver.
    pub fn new(receiver: broadcast::Receiver<T>) -> Self {
        BroadcastStream { receiver }
    }
}

impl<T: Clone> Stream for BroadcastStream<T> {
    type Item = Result<T, BroadcastStreamRecvError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(match ready!((&mut self.receiver).poll_receive(cx)) {
            Ok(value) => Some(Ok(value)),
            Err(broadcast::error::RecvError::Closed) => None,
            Err(broadcast::error::RecvError::Lagged(missed)) => {
                Some(Err(BroadcastStreamRecvError::Lagged(missed)))
            }
        })
    }
}

impl<T> From<broadcast::Receiver<T>> for BroadcastStream<T> {
    fn from(receiver: broadcast::Receiver<T>) -> Self {
        Self::new(receiver)
    }
}

impl<T> fmt::Debug for BroadcastStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BroadcastStream").field("receiver", &self.receiver).finish_non_exhaustive()
    }
}

/// The values of a [`watch::Receiver`]. A value may be replaced before it is given; the last one is always given.
#[must_use = "streams do nothing unless polled"]
pub struct WatchStream<T> {
    receiver: watch::Receiver<T>,
}

impl<T> WatchStream<T> {
    /// Makes a stream of the current value and those that replace it.
    pub fn new(mut receiver: watch::Receiver<T>) -> Self {
        receiver.mark_changed();
        Self::from_changes(receiver)
    }

    /// Makes a stream of the values that the receiver has not seen yet.
    pub fn from_changes(receiver: watch::Receiver<T>) -> Self {
        WatchStream { receiver }
    }
}

impl<T: Clone> Stream for WatchStream<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let changed = ready!(self.receiver.as_changed().poll_receive(cx));
        // Cloned under the value's read lock: there is no other way to own a copy.
        Poll::Ready(changed.ok().map(|()| self.receiver.borrow_and_update().clone()))
    }
}

impl<T> From<watch::Receiver<T>> for WatchStream<T> {
    fn from(receiver: watch::Receiver<T>) -> Self {
        Self::new(receiver)
    }
}

impl<T> fmt::Debug for WatchStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchStream").finish_non_exhaustive()
    }
}

/// The errors of this module.
pub mod errors {
    use super::fmt;

    /// An error of a [`BroadcastStream`](super::BroadcastStream).
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum BroadcastStreamRecvError {
        /// This many values were overwritten before they were received. The next item is the oldest value that the
        /// channel still has.
        Lagged(u64),
    }

    impl fmt::Display for BroadcastStreamRecvError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let BroadcastStreamRecvError::Lagged(missed) = self;
            write!(f, "channel lagged by {missed}")
        }
    }

    impl std::error::Error for BroadcastStreamRecvError {}
}
