//! Channels as streams.
//!
//! A receiver has a method for the next value and is no stream itself, as in Tokio: what a stream's methods
//! do is then never confused with what a receiver's do. These hold a receiver, and give it back.
//! This is the last file of `stream`.
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

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use crate::sync::mpsc::{Receiver, UnboundedReceiver};

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
