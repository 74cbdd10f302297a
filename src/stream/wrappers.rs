//! Channels, and the clock, as streams.
//!
//! A receiver has a method for the next value and is no stream itself, as in Tokio: what a stream's methods
//! do is then never confused with what a receiver's do. These hold a receiver, and give it back.
//! This is the last file of `stream`. Next: `io`.
//!
//! ```
//! use openwork::stream::{StreamExt, wrappers::ReceiverStream};
//! use openwork::sync::mpsc;
//!
//! # openwork::block_on(async {
//! let (sender, receiver) = mpsc::channel(2);
//! openwork::spawn(async move { sender.send(17).await });
//! assert_eq!(ReceiverStream::new(receiver).collect::<Vec<_>>().await, [17]);
//! # });
//! ```

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;

use crate::sync::mpsc::{Receiver, UnboundedReceiver};
use crate::sync::waiters::Key;
use crate::sync::{broadcast, watch};
use crate::time::{self, Instant, Interval};

use errors::BroadcastStreamRecvError;

/// The same stream twice, of a channel with a bound and of one without.
macro_rules! receiver_stream {
    ($(#[$about:meta])* $name:ident of $receiver:ident) => {
        $(#[$about])*
        #[derive(Debug)]
        #[must_use = "streams do nothing unless polled"]
        pub struct $name<T> {
            receiver: $receiver<T>,
        }

        impl<T> $name<T> {
            /// The messages of a receiver.
            pub fn new(receiver: $receiver<T>) -> Self {
                Self { receiver }
            }

            /// The receiver, with all messages that were not yet taken.
            pub fn into_inner(self) -> $receiver<T> {
                self.receiver
            }

            /// Lets nobody send any more, except on permits that are out. The messages that were sent are
            /// still to come.
            pub fn close(&mut self) {
                self.receiver.close();
            }
        }

        impl<T> Stream for $name<T> {
            type Item = T;

            fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
                self.receiver.poll_recv(cx)
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                self.receiver.size_hint()
            }
        }

        impl<T> From<$receiver<T>> for $name<T> {
            fn from(receiver: $receiver<T>) -> Self {
                Self::new(receiver)
            }
        }

        impl<T> AsRef<$receiver<T>> for $name<T> {
            fn as_ref(&self) -> &$receiver<T> {
                &self.receiver
            }
        }

        impl<T> AsMut<$receiver<T>> for $name<T> {
            fn as_mut(&mut self) -> &mut $receiver<T> {
                &mut self.receiver
            }
        }
    };
}

receiver_stream! {
    /// The messages of an [`mpsc::Receiver`](Receiver).
    ReceiverStream of Receiver
}

receiver_stream! {
    /// The messages of an [`mpsc::UnboundedReceiver`](UnboundedReceiver).
    UnboundedReceiverStream of UnboundedReceiver
}

/// The values of a [`broadcast::Receiver`], and an error where some were overwritten before they were
/// received.
#[must_use = "streams do nothing unless polled"]
pub struct BroadcastStream<T> {
    receiver: broadcast::Receiver<T>,
    /// Where it stands in line, once it does. Kept here from poll to poll, as a `Recv` would keep it.
    place: Option<Key>,
}

impl<T> BroadcastStream<T> {
    /// The values of a receiver.
    pub fn new(receiver: broadcast::Receiver<T>) -> Self {
        BroadcastStream { receiver, place: None }
    }
}

impl<T: Clone> Stream for BroadcastStream<T> {
    type Item = Result<T, BroadcastStreamRecvError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let BroadcastStream { receiver, place } = &mut *self;
        Poll::Ready(match ready!(receiver.poll_recv(cx, place)) {
            Ok(value) => Some(Ok(value)),
            Err(broadcast::error::RecvError::Closed) => None,
            Err(broadcast::error::RecvError::Lagged(missed)) => {
                Some(Err(BroadcastStreamRecvError::Lagged(missed)))
            }
        })
    }
}

impl<T> Drop for BroadcastStream<T> {
    fn drop(&mut self) {
        self.receiver.leave_line(self.place);
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

/// The values of a [`watch::Receiver`]. Some may be replaced before they are seen; the last one is given in
/// any case.
#[must_use = "streams do nothing unless polled"]
pub struct WatchStream<T> {
    receiver: watch::Receiver<T>,
    /// As in [`BroadcastStream`].
    place: Option<Key>,
}

impl<T> WatchStream<T> {
    /// The present value, and then those that replace it.
    pub fn new(mut receiver: watch::Receiver<T>) -> Self {
        receiver.mark_changed();
        Self::from_changes(receiver)
    }

    /// The values that the receiver has not seen yet.
    pub fn from_changes(receiver: watch::Receiver<T>) -> Self {
        WatchStream { receiver, place: None }
    }
}

impl<T: Clone> Stream for WatchStream<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let WatchStream { receiver, place } = &mut *self;
        let changed = ready!(receiver.poll_changed(cx, place));
        // Cloned under the value's lock: there is no other way to have one's own.
        Poll::Ready(changed.ok().map(|()| receiver.borrow_and_update().clone()))
    }
}

impl<T> Drop for WatchStream<T> {
    fn drop(&mut self) {
        self.receiver.leave_line(self.place);
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

/// The moments for which ticks are planned: at once, and then every `period`. As
/// [`time::interval`](crate::time::interval()).
///
/// # Panics
///
/// If `period` is zero, and outside of a runtime.
#[track_caller]
pub fn interval(period: Duration) -> IntervalStream {
    IntervalStream::new(time::interval(period))
}

/// The ticks of an [`Interval`]. There is no end of them.
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct IntervalStream {
    interval: Interval,
}

impl IntervalStream {
    /// The ticks of an interval.
    pub fn new(interval: Interval) -> Self {
        IntervalStream { interval }
    }

    /// The interval.
    pub fn into_inner(self) -> Interval {
        self.interval
    }
}

impl Stream for IntervalStream {
    type Item = Instant;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Instant>> {
        self.interval.poll_tick(cx).map(Some)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::MAX, None)
    }
}

impl AsRef<Interval> for IntervalStream {
    fn as_ref(&self) -> &Interval {
        &self.interval
    }
}

impl AsMut<Interval> for IntervalStream {
    fn as_mut(&mut self) -> &mut Interval {
        &mut self.interval
    }
}

/// The errors of this module.
pub mod errors {
    use super::fmt;

    /// Values were overwritten before they were received.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum BroadcastStreamRecvError {
        /// So many. The next item is the oldest one that is kept.
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
