//! Why a task has no output: it was cancelled, or it panicked.
//!
//! A panic carries a value of any type, mostly the message. The caller that joins the task may read the value, or
//! panic with it again.
//!
//! Next: `join_handle.rs`, whose output this is.

use std::any::Any;
use std::fmt;
use std::io;
use std::num::NonZeroU64;

use crate::engine::prim::Mutex;
use crate::engine::task::{JoinErrorKind, Payload, Runnable};

/// The id of a task, unique in the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(NonZeroU64);

impl Id {
    pub(crate) fn of(task: &(impl Runnable + ?Sized)) -> Id {
        Id::from_number(task.header().id).expect("ids begin at 1")
    }

    pub(crate) fn from_number(number: u64) -> Option<Id> {
        NonZeroU64::new(number).map(Id)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A task was cancelled or panicked. From awaiting a [`JoinHandle`](super::join_handle::JoinHandle).
pub struct JoinError {
    id: Id,
    /// `None`: the task was cancelled. The lock makes the error `Sync`, which a payload need not be; nothing waits
    /// for it.
    panic: Option<Mutex<Payload>>,
}

impl JoinError {
    pub(super) fn new(id: Id, kind: JoinErrorKind) -> Self {
        let panic = match kind {
            JoinErrorKind::Cancelled => None,
            JoinErrorKind::Panicked(payload) => Some(Mutex::new(payload)),
        };
        JoinError { id, panic }
    }

    /// Whether the task was aborted, or its runtime ended before it.
    pub fn is_cancelled(&self) -> bool {
        self.panic.is_none()
    }

    /// Whether the task panicked.
    pub fn is_panic(&self) -> bool {
        self.panic.is_some()
    }

    /// Returns the payload of the panic, for [`resume_unwind`](std::panic::resume_unwind).
    ///
    /// # Panics
    ///
    /// If the task did not panic.
    #[track_caller]
    pub fn into_panic(self) -> Box<dyn Any + Send + 'static> {
        match self.try_into_panic() {
            Ok(payload) => payload,
            Err(error) => panic!("`JoinError::into_panic` on a task that did not panic: {error}"),
        }
    }

    /// Returns the payload of the panic.
    ///
    /// # Errors
    ///
    /// This error, if the task did not panic.
    pub fn try_into_panic(mut self) -> Result<Box<dyn Any + Send + 'static>, JoinError> {
        self.panic.take().map(Mutex::into_inner).ok_or(self)
    }

    /// Returns the id of the task.
    pub fn id(&self) -> Id {
        self.id
    }

    /// The message of the panic, if it is a string.
    fn message(&self) -> Option<String> {
        let payload = self.panic.as_ref()?.lock();
        let literal = payload.downcast_ref::<&str>().map(|text| text.to_string());
        literal.or_else(|| payload.downcast_ref::<String>().cloned())
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.id;
        match self.message() {
            _ if self.is_cancelled() => write!(f, "task {id} was cancelled"),
            Some(message) => write!(f, "task {id} panicked with message {message:?}"),
            None => write!(f, "task {id} panicked"),
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.id;
        match self.message() {
            _ if self.is_cancelled() => write!(f, "JoinError::Cancelled({id:?})"),
            Some(message) => write!(f, "JoinError::Panic({id:?}, {message:?}, ...)"),
            None => write!(f, "JoinError::Panic({id:?}, ...)"),
        }
    }
}

impl std::error::Error for JoinError {}

impl From<JoinError> for io::Error {
    fn from(error: JoinError) -> io::Error {
        io::Error::other(error)
    }
}
