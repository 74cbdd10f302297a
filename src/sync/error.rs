//! The errors of the semaphore and of the locks.
//!
//! Next: `permits.rs`.

use std::error::Error;

use super::fmt::text;

/// The semaphore is closed. From [`Semaphore::acquire`](super::Semaphore::acquire) and its variants.
#[derive(Debug)]
pub struct AcquireError(pub(super) ());

/// Permits could not be taken at once. From [`Semaphore::try_acquire`](super::Semaphore::try_acquire) and its variants.
#[derive(Debug, PartialEq, Eq)]
pub enum TryAcquireError {
    /// The semaphore is closed.
    Closed,
    /// There are fewer permits than were wanted.
    NoPermits,
}

/// The lock is held. From [`Mutex::try_lock`](super::Mutex::try_lock), [`RwLock::try_read`](super::RwLock::try_read),
/// [`RwLock::try_write`](super::RwLock::try_write) and their owned variants.
#[derive(Debug)]
pub struct TryLockError(pub(super) ());

text!(Display for AcquireError: _ => "semaphore closed");
text!(Display for TryAcquireError:
    TryAcquireError::Closed => "semaphore closed",
    TryAcquireError::NoPermits => "no permits available");
text!(Display for TryLockError: _ => "operation would block");

impl Error for AcquireError {}
impl Error for TryAcquireError {}
impl Error for TryLockError {}
