//! How tasks exchange values and wait for each other: channels, locks and other primitives.
//!
//! | channel | senders | receivers | what it sends |
//! |---|---|---|---|
//! | [`oneshot`] | one, once | one | a single value, such as the answer to a request |
//! | [`mpsc`] | many | one | a queue of messages, bounded or unbounded |
//! | [`broadcast`] | many | many, each receives every value | a queue that keeps the newest values |
//! | [`watch`] | many | many, each sees the newest value | one value, and that it has changed |
//!
//! | primitive | what it does |
//! |---|---|
//! | [`Semaphore`] | limits how many tasks do something at once: each needs a permit |
//! | [`Mutex`] | lets one task at a time use a value |
//! | [`RwLock`] | lets many tasks read a value, or one change it |
//! | [`OnceCell`] | lets one task make a value, while the others wait for it |
//! | [`Barrier`] | makes each of a number of tasks wait until all have arrived |
//! | [`Notify`] | wakes one or all of the waiting tasks, without a value |
//! | [`CancellationToken`] | tells tasks to stop |
//!
//! Tasks that wait for a permit, a lock or the capacity of a channel are served in order. A future that is dropped
//! while it waits leaves the queue, and what it was already assigned goes to the next waiter.
//!
//! All of this works under any executor, except [`mpsc::Sender::send_timeout`], which needs a timer of this crate's
//! runtime. The `blocking_` methods work on a thread without an executor.

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

/// The future types of this module, for code that has to write their names.
pub mod futures {
    pub use super::acquire::AcquirePermits;
    pub use super::barrier::BarrierWait;
    pub use super::lock::AcquireLock;
    pub use super::mutex::{Lock, LockOwned};
    pub use super::notify::{Notified, NotifiedOn, OwnedNotified};
    pub use super::rwlock::{Read, ReadOwned, Write, WriteOwned};
    pub use super::semaphore::{Acquire, AcquireOwned};
}
