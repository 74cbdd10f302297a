//! Why did a task end without an output?
//!
//! For two reasons only: it was cancelled, or it panicked. A panic carries a value of any type, usually
//! the message, and the caller that joins the task may read it, or panic with it again.
//!
//! Next: `join_handle.rs`, by which one learns of it.

use std::any::Any;
use std::fmt;
use std::io;
use std::num::NonZeroU64;
use std::sync::Mutex;

use crate::engine::task::{JoinErrorKind, Payload, Runnable};

/// A task's number, unique in the process.
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

/// A task ended without an output. From awaiting a [`JoinHandle`](super::join_handle::JoinHandle).
pub struct JoinError {
    id: Id,
    reason: Reason,
}

enum Reason {
    Cancelled,
    /// The lock is never taken in earnest: a payload is `Send` but not `Sync`, and an error should be
    /// both.
    Panicked(Mutex<Payload>),
}

impl JoinError {
    pub(super) fn new(id: Id, failure: JoinErrorKind) -> Self {
        let reason = match failure {
            JoinErrorKind::Cancelled => Reason::Cancelled,
            JoinErrorKind::Panicked(payload) => Reason::Panicked(Mutex::new(payload)),
        };
        JoinError { id, reason }
    }

    /// Whether the task was aborted, or its runtime ended before it.
    pub fn is_cancelled(&self) -> bool {
        matches!(self.reason, Reason::Cancelled)
    }

    /// Whether the task panicked.
    pub fn is_panic(&self) -> bool {
        matches!(self.reason, Reason::Panicked(_))
    }

    /// What the panic carries, for [`resume_unwind`](std::panic::resume_unwind).
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

    /// What the panic carries.
    ///
    /// # Errors
    ///
    /// If the task did not panic: this error again.
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send + 'static>, JoinError> {
        match self.reason {
            Reason::Panicked(payload) => {
                Ok(payload.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()))
            }
            Reason::Cancelled => Err(self),
        }
    }

    /// The task that this is about.
    pub fn id(&self) -> Id {
        self.id
    }

    /// Calls `look` with the panic's message, if it is a string.
    fn with_message<R>(payload: &Mutex<Payload>, look: impl FnOnce(Option<&str>) -> R) -> R {
        let payload = payload.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let message = payload.downcast_ref::<&str>().copied();
        look(message.or_else(|| payload.downcast_ref::<String>().map(String::as_str)))
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.id;
        match &self.reason {
            Reason::Cancelled => write!(f, "task {id} was cancelled"),
            Reason::Panicked(payload) => Self::with_message(payload, |message| match message {
                Some(message) => write!(f, "task {id} panicked with message {message:?}"),
                None => write!(f, "task {id} panicked"),
            }),
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.id;
        match &self.reason {
            Reason::Cancelled => write!(f, "JoinError::Cancelled({id:?})"),
            Reason::Panicked(payload) => Self::with_message(payload, |message| match message {
                Some(message) => write!(f, "JoinError::Panic({id:?}, {message:?}, ...)"),
                None => write!(f, "JoinError::Panic({id:?}, ...)"),
            }),
        }
    }
}

impl std::error::Error for JoinError {}

impl From<JoinError> for io::Error {
    fn from(error: JoinError) -> io::Error {
        io::Error::other(error)
    }
}
