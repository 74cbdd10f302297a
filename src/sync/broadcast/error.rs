//! Why a value could not be sent or received. The texts are Tokio's.
//!
//! Next: `buffer.rs`.

use std::error::Error;
use std::fmt::Debug;

use crate::sync::fmt::text;

/// There is no receiver. Contains the value.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub struct SendError<T>(pub T);

/// No value can be received.
#[derive(Debug, PartialEq, Eq, Clone)]
pub enum RecvError {
    /// No value will come: all senders are dropped, and all values were received.
    Closed,
    /// This number of values was overwritten before they were received. The next one is the oldest that is kept.
    Lagged(u64),
}

/// No value could be received at once.
#[derive(Debug, PartialEq, Eq, Clone)]
pub enum TryRecvError {
    /// There is no value now; one may still come.
    Empty,
    /// No value will come: all senders are dropped, and all values were received.
    Closed,
    /// This number of values was overwritten before they were received. The next one is the oldest that is kept.
    Lagged(u64),
}

text!(<T> Display for SendError<T>: _ => "channel closed");
text!(Display for RecvError:
    RecvError::Closed => "channel closed",
    RecvError::Lagged(missed) => "channel lagged by {missed}");
text!(Display for TryRecvError:
    TryRecvError::Empty => "channel empty",
    TryRecvError::Closed => "channel closed",
    TryRecvError::Lagged(missed) => "channel lagged by {missed}");

impl<T: Debug> Error for SendError<T> {}
impl Error for RecvError {}
impl Error for TryRecvError {}
