//! Why a value could not be sent, or received. The texts are Tokio's.
//!
//! Next: `ring.rs`.

use std::error::Error;
use std::fmt;

/// There is no receiver. From `send`, with the value.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub struct SendError<T>(pub T);

/// Why there is no value.
#[derive(Debug, PartialEq, Eq, Clone)]
pub enum RecvError {
    /// None will come: the senders are dropped, and all values were received.
    Closed,
    /// So many were overwritten before they were received. The next one is the oldest that is kept.
    Lagged(u64),
}

/// Why there is no value now.
#[derive(Debug, PartialEq, Eq, Clone)]
pub enum TryRecvError {
    /// None is here now; one may come.
    Empty,
    /// None will come: the senders are dropped, and all values were received.
    Closed,
    /// So many were overwritten before they were received. The next one is the oldest that is kept.
    Lagged(u64),
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("channel closed")
    }
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecvError::Closed => f.write_str("channel closed"),
            RecvError::Lagged(missed) => write!(f, "channel lagged by {missed}"),
        }
    }
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TryRecvError::Empty => f.write_str("channel empty"),
            TryRecvError::Closed => f.write_str("channel closed"),
            TryRecvError::Lagged(missed) => write!(f, "channel lagged by {missed}"),
        }
    }
}

impl<T: fmt::Debug> Error for SendError<T> {}
impl Error for RecvError {}
impl Error for TryRecvError {}
