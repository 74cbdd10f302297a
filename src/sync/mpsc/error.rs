//! Why a message could not be sent or received. The texts are Tokio's.
//!
//! An error of sending contains the message. Its `Debug` and `Display` do not show it, so the message's type need
//! not implement them.
//!
//! Next: `chan.rs`, where the messages are.

use std::error::Error;

use crate::sync::fmt::text;

/// The channel is closed: the receiver was closed or dropped. Contains the message.
#[derive(PartialEq, Eq, Clone, Copy)]
pub struct SendError<T>(pub T);

/// A message could not be sent at once. Contains the message.
#[derive(PartialEq, Eq, Clone, Copy)]
pub enum TrySendError<T> {
    /// The channel is full.
    Full(T),
    /// The receiver was closed or dropped.
    Closed(T),
}

/// A message could not be sent in time. Contains the message.
#[derive(PartialEq, Eq, Clone, Copy)]
pub enum SendTimeoutError<T> {
    /// The channel was full all that time.
    Timeout(T),
    /// The receiver was closed or dropped.
    Closed(T),
}

/// No message could be received at once.
#[derive(PartialEq, Eq, Clone, Copy, Debug)]
pub enum TryRecvError {
    /// The channel is empty; a message may still come.
    Empty,
    /// The channel is empty, and no message will come: all senders are dropped, or the receiver was closed.
    Disconnected,
}

impl<T> TrySendError<T> {
    /// The message.
    pub fn into_inner(self) -> T {
        let (TrySendError::Full(message) | TrySendError::Closed(message)) = self;
        message
    }
}

impl<T> SendTimeoutError<T> {
    /// The message.
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
