//! Between tasks: channels to send values through, locks on what they share, and points where they meet.
//!
//! | | who sends | who receives | what |
//! |---|---|---|---|
//! | [`oneshot`] | one, once | one | a single value, such as the answer to a request |
//! | [`mpsc`] | many | one | a queue of values, bounded or not |
//! | [`broadcast`] | many | many, each everything | a queue of values that keeps the newest |
//! | [`watch`] | many | many, each when it looks | one value, and its changes |
//!
//! | | who goes on |
//! |---|---|
//! | [`Semaphore`] | as many as there are permits |
//! | [`Mutex`] | one at a time, with a value |
//! | [`RwLock`] | many who look at a value, or one who changes it |
//! | [`OnceCell`] | one makes a value, and all who want it wait for that |
//! | [`Barrier`] | all, as soon as all are here |
//! | [`Notify`] | those who wait for something to happen, one of them or all |
//! | [`CancellationToken`] | nobody: all who wait are told to stop |
//!
//! Whatever waits here stands in one kind of line, first come first served, and a future that is dropped
//! while it waits leaves no trace and loses nothing that it was already given. All of this works under
//! any executor, and between threads that have none (the `blocking_` methods).

pub(crate) mod wait_queue;
pub(crate) mod notify;
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
