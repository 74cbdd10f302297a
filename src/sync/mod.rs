//! Between tasks: channels that send values, locks on shared data, and ways to wait for each other.
//!
//! | channel | senders | receivers | what it sends |
//! |---|---|---|---|
//! | [`oneshot`] | one, once | one | a single value, such as the answer to a request |
//! | [`mpsc`] | many | one | a queue of values, bounded or unbounded |
//! | [`broadcast`] | many | many, each gets every value | a queue that keeps the newest values |
//! | [`watch`] | many | many | one value, and its changes |
//!
//! | primitive | which tasks go on |
//! |---|---|
//! | [`Semaphore`] | as many as there are permits |
//! | [`Mutex`] | one at a time, with a value |
//! | [`RwLock`] | many that look at a value, or one that changes it |
//! | [`OnceCell`] | one makes a value, and the others wait for it |
//! | [`Barrier`] | all, as soon as all have come |
//! | [`Notify`] | one or all of those that wait for a notification |
//! | [`CancellationToken`] | all that wait for the cancellation, to stop |
//!
//! Waiting tasks are served in order. A future that is dropped while it waits leaves the queue, and passes on what it was
//! assigned. All of this works under any executor, and between threads without one (the `blocking_` methods).

mod fmt;
pub(crate) mod wait_queue;
pub(crate) mod notify;
pub(crate) mod waker_set;
mod error;
mod permits;
mod acquire;
mod semaphore;
mod lock;
pub(crate) mod mutex;
mod rwlock;
mod once_cell;
mod barrier;
pub mod oneshot;
pub mod mpsc;
pub mod broadcast;
pub mod watch;
mod cancellation;

pub use acquire::PermitGuard;
pub use barrier::{Barrier, BarrierWaitResult};
pub use cancellation::{
    CancelOnDrop, CancellationToken, DropGuard, DropGuardRef, WaitForCancellation,
    WaitForCancellationFuture, WaitForCancellationFutureOwned,
};
pub use error::{AcquireError, TryAcquireError, TryLockError};
pub use lock::{Exclusive, LockGuard, Shared};
pub use mutex::{Mutex, MutexGuard, OwnedMutexGuard};
pub use notify::Notify;
pub use once_cell::{OnceCell, SetError};
pub use rwlock::{
    OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock, RwLockReadGuard, RwLockWriteGuard,
};
pub use semaphore::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// The futures of this module, for code that names them.
pub mod futures {
    pub use super::acquire::AcquirePermits;
    pub use super::barrier::BarrierWait;
    pub use super::lock::AcquireLock;
    pub use super::mutex::{Lock, LockOwned};
    pub use super::notify::{Notified, NotifiedOn, OwnedNotified};
    pub use super::rwlock::{Read, ReadOwned, Write, WriteOwned};
    pub use super::semaphore::{Acquire, AcquireOwned};
}
