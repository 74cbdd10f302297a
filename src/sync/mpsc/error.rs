//! The errors of sending and receiving. Their texts are Tokio's.
//!
//! An error of sending contains the message. `Debug` and `Display` of the error do not print the message, so its type
//! need not implement them.
//!
//! Next: `chan.rs`, the queue of messages.

use std::error::Error;

use crate::sync::fmt::text;

/// A message could not be sent: the receiver is closed or dropped. Contains the message, or `()` if capacity was to be
/// reserved. From [`Sender::send`](super::Sender::send), [`Sender::reserve`](super::Sender::reserve) and their
/// variants.
#[derive(PartialEq, Eq, Clone, Copy)]
pub struct SendError<T>(pub T);

/// A message could not be sent at once. Contains the message; `()` or the sender if capacity was to be reserved. From
/// [`Sender::try_send`](super::Sender::try_send), [`Sender::try_reserve`](super::Sender::try_reserve) and
/// [`Sender::try_reserve_owned`](super::Sender::try_reserve_owned).
#[derive(PartialEq, Eq, Clone, Copy)]
pub enum TrySendError<T> {
    /// The channel is full.
    Full(T),
    /// The receiver is closed or dropped.
    Closed(T),
}

/// A message could not be sent in time. Contains the message. From
/// [`Sender::send_timeout`](super::Sender::send_timeout).
#[derive(PartialEq, Eq, Clone, Copy)]
pub enum SendTimeoutError<T> {
    /// No capacity was free for this message before the time was up.
    Timeout(T),
    /// The receiver is closed or dropped.
    Closed(T),
}

/// No message could be received at once. From [`Receiver::try_recv`](super::Receiver::try_recv).
#[derive(PartialEq, Eq, Clone, Copy, Debug)]
pub enum TryRecvError {
    /// The channel is empty; a message may still come.
    Empty,
    /// The channel is empty, and no message will come: all senders are dropped, or the receiver is closed and no
    /// [`Permit`](super::Permit) is left that could send one.
    Disconnected,
}

impl<T> TrySendError<T> {
    /// Returns what the error contains: the message, or the sender.
    pub fn into_inner(self) -> T {
        let (TrySendError::Full(message) | TrySendError::Closed(message)) = self;
        message
    }
}

impl<T> SendTimeoutError<T> {
    /// Returns the message.
    pub fn into_inner(self) -> T {
        let (SendTimeoutError::Timeout(message) | SendTimeoutError::Closed(message)) = self;
        message
    }
}

impl<T> From<SendError<T>> for TrySendError<T> {
    fn from(error: SendError<T>) -> TrySendError<T> {
        TrySendError::Closed(error.0)
    }
}

text!(<T> Display for SendError<T>: _ => "channel closed");
text!(<T> Display for TrySendError<T>:
    TrySendError::Full(_) => "no available capacity",
    TrySendError::Closed(_) => "channel closed");
text!(<T> Display for SendTimeoutError<T>:
    SendTimeoutError::Timeout(_) => "timed out waiting on send operation",
    SendTimeoutError::Closed(_) => "channel closed");
text!(Display for TryRecvError:
    TryRecvError::Empty => "receiving on an empty channel",
    TryRecvError::Disconnected => "receiving on a closed channel");

text!(<T> Debug for SendError<T>: _ => "SendError {{ .. }}");
// With quotes, as in Tokio and std.
text!(<T> Debug for TrySendError<T>:
    TrySendError::Full(_) => "\"Full(..)\"",
    TrySendError::Closed(_) => "\"Closed(..)\"");
text!(<T> Debug for SendTimeoutError<T>:
    SendTimeoutError::Timeout(_) => "\"Timeout(..)\"",
    SendTimeoutError::Closed(_) => "\"Closed(..)\"");

impl<T> Error for SendError<T> {}
impl<T> Error for TrySendError<T> {}
impl<T> Error for SendTimeoutError<T> {}
impl Error for TryRecvError {}
