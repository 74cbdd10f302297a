//! Why a value could not be sent, or a change not awaited. The texts are Tokio's.
//!
//! Next: `shared.rs`.

use std::error::Error;

use crate::sync::fmt::text;

/// There is no receiver. Contains the value.
#[derive(PartialEq, Eq, Clone, Copy)]
pub struct SendError<T>(pub T);

/// All senders are dropped: the value does not change any more.
#[derive(Debug, Clone)]
pub struct RecvError(pub(super) ());

text!(<T> Debug for SendError<T>: _ => "SendError {{ .. }}");
text!(<T> Display for SendError<T>: _ => "channel closed");
text!(Display for RecvError: _ => "channel closed");

impl<T> Error for SendError<T> {}
impl Error for RecvError {}
