//! Many tasks may look at a value at once, or one may change it.
//!
//! It is a lock of `lock.rs` with many permits: a reader takes one, a writer all. So the queue of the permits decides
//! which task comes first:
//!
//! ```text
//!   reading: A B      in the queue: W C      A and B are dropped: W writes, then C reads
//!                                            W is dropped: C reads beside A and B at once
//! ```
//!
//! A writer that waits lets no more readers in. Otherwise readers that take turns would keep it out for ever. So a task
//! that reads must not wait to read again: a writer may have come in between, which waits for the first guard.
//!
//! There is no poisoning: after a panic the next task finds the value as it was left.
//!
//! Next: `once_cell.rs`.

use std::cell::UnsafeCell;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use super::acquire::blocking;
use super::error::TryLockError;
use super::lock::{AcquireLock, Exclusive, HasValue, LockGuard, Shared, debug_lock};
use super::permits::{HasPermits, Permits};
use super::wait_queue::const_fn;

/// Tokio's limit.
const MAX_READERS: u32 = u32::MAX >> 3;

/// A value that many tasks may look at, or one may change. Readers and writers get it in the order of their first
/// polls: a writer that waits lets no more readers in.
///
/// ```
/// use openwork::sync::RwLock;
///
/// # openwork::block_on(async {
/// let settings = RwLock::new(5);
/// let (one, other) = (settings.read().await, settings.read().await);
/// assert_eq!((*one, *other), (5, 5));
/// drop((one, other));
/// *settings.write().await += 1;
/// assert_eq!(*settings.read().await, 6);
/// # });
/// ```
pub struct RwLock<T: ?Sized> {
    permits: Permits,
    value: UnsafeCell<T>,
}

// SAFETY: by rule 6 there are several guards only if none of them changes the value: it is shared, and it moves from
// thread to thread. (The compiler finds by itself that the lock is `Send` if the value is.)
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}

impl<T: ?Sized> HasPermits for RwLock<T> {
    const WHAT: &'static str = "a read-write lock";

    fn permits(&self) -> &Permits {
        &self.permits
    }
}

impl<T: ?Sized> HasValue for RwLock<T> {
    type Value = T;

    fn cell(&self) -> &UnsafeCell<T> {
        &self.value
    }
}

/// Waits to read. From [`RwLock::read`].
pub type Read<'a, T> = AcquireLock<&'a RwLock<T>, Shared>;

/// Waits to read, and owns the lock. From [`RwLock::read_owned`].
pub type ReadOwned<T> = AcquireLock<Arc<RwLock<T>>, Shared>;

/// Waits to write. From [`RwLock::write`].
pub type Write<'a, T> = AcquireLock<&'a RwLock<T>, Exclusive>;

/// Waits to write, and owns the lock. From [`RwLock::write_owned`].
pub type WriteOwned<T> = AcquireLock<Arc<RwLock<T>>, Exclusive>;

/// The value of a lock, to look at. From [`RwLock::read`].
pub type RwLockReadGuard<'a, T> = LockGuard<&'a RwLock<T>, Shared>;

/// The value of a lock, to look at, which owns the lock. From [`RwLock::read_owned`].
pub type OwnedRwLockReadGuard<T> = LockGuard<Arc<RwLock<T>>, Shared>;

/// The value of a lock, to change. From [`RwLock::write`].
pub type RwLockWriteGuard<'a, T> = LockGuard<&'a RwLock<T>, Exclusive>;

/// The value of a lock, to change, which owns the lock. From [`RwLock::write_owned`].
pub type OwnedRwLockWriteGuard<T> = LockGuard<Arc<RwLock<T>>, Exclusive>;

impl<T> RwLock<T> {
    const_fn! {
        /// An unlocked lock. Up to `u32::MAX >> 3` tasks may read at once.
        pub fn new, const_new(value: T) -> Self {
            RwLock::with_max_readers(value, MAX_READERS)
        }
    }

    const_fn! {
        /// An unlocked lock, with which up to `max_reads` tasks may read at once.
        ///
        /// # Panics
        ///
        /// If `max_reads` is 0, or more than `u32::MAX >> 3`.
        #[track_caller]
        pub fn with_max_readers, const_with_max_readers(value: T, max_reads: u32) -> Self {
            assert!(max_reads != 0, "a RwLock may not be created with 0 readers");
            // A constant text: this runs at compile time, too.
            assert!(
                max_reads <= MAX_READERS,
                "a RwLock may not be created with more than 536870911 readers (u32::MAX >> 3)"
            );
            RwLock {
                permits: Permits::of_lock(max_reads as usize),
                value: UnsafeCell::new(value),
            }
        }
    }

    /// Returns the value.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Waits to look at the value. A task that reads must not wait to read again: a writer that waits comes first.
    ///
    /// Cancel safe: the place in the queue is lost, and a lock that was assigned goes to the next waiter.
    pub fn read(&self) -> Read<'_, T> {
        Read::new(self)
    }

    /// Waits to look at the value, with a guard that owns the lock instead of borrowing it.
    ///
    /// Cancel safe: the place in the queue is lost, and a lock that was assigned goes to the next waiter.
    pub fn read_owned(self: Arc<Self>) -> ReadOwned<T> {
        ReadOwned::new(self)
    }

    /// Waits to change the value. No more readers are let in while this waits.
    ///
    /// Cancel safe: the place in the queue is lost, and the readers behind it are let in.
    pub fn write(&self) -> Write<'_, T> {
        Write::new(self)
    }

    /// Waits to change the value, with a guard that owns the lock instead of borrowing it.
    ///
    /// Cancel safe: the place in the queue is lost, and the readers behind it are let in.
    pub fn write_owned(self: Arc<Self>) -> WriteOwned<T> {
        WriteOwned::new(self)
    }

    /// Locks the value for reading if no task writes it now, or waits to write.
    ///
    /// # Errors
    ///
    /// If a task does, or if there are as many readers as there may be.
    pub fn try_read(&self) -> Result<RwLockReadGuard<'_, T>, TryLockError> {
        LockGuard::try_new(self)
    }

    /// Locks the value for reading, with a guard that owns the lock, if no task writes it now, or waits to write.
    ///
    /// # Errors
    ///
    /// If a task does, or if there are as many readers as there may be.
    pub fn try_read_owned(self: Arc<Self>) -> Result<OwnedRwLockReadGuard<T>, TryLockError> {
        LockGuard::try_new(self)
    }

    /// Locks the value for writing if no task reads or writes it now.
    ///
    /// # Errors
    ///
    /// If a task does.
    pub fn try_write(&self) -> Result<RwLockWriteGuard<'_, T>, TryLockError> {
        LockGuard::try_new(self)
    }

    /// Locks the value for writing, with a guard that owns the lock, if no task reads or writes it now.
    ///
    /// # Errors
    ///
    /// If a task does.
    pub fn try_write_owned(self: Arc<Self>) -> Result<OwnedRwLockWriteGuard<T>, TryLockError> {
        LockGuard::try_new(self)
    }

    /// Blocks the thread until it can look at the value.
    ///
    /// # Panics
    ///
    /// On a thread that runs a runtime's tasks.
    #[track_caller]
    pub fn blocking_read(&self) -> RwLockReadGuard<'_, T> {
        blocking("RwLock::blocking_read", self.read())
    }

    /// Blocks the thread until it can change the value.
    ///
    /// # Panics
    ///
    /// On a thread that runs a runtime's tasks.
    #[track_caller]
    pub fn blocking_write(&self) -> RwLockWriteGuard<'_, T> {
        blocking("RwLock::blocking_write", self.write())
    }

    /// The value, without locking: `&mut` proves that no task holds the lock.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

impl<T: ?Sized, L: Deref<Target = RwLock<T>>> LockGuard<L, Exclusive> {
    /// Lets other tasks read. No task changes the value in between.
    pub fn downgrade(self) -> LockGuard<L, Shared> {
        self.into_shared()
    }
}

impl<T: ?Sized, A> LockGuard<Arc<RwLock<T>>, A> {
    /// The lock.
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        &this.permits.from
    }
}

impl<T> From<T> for RwLock<T> {
    fn from(value: T) -> Self {
        RwLock::new(value)
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> Self {
        RwLock::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug_lock(f, "RwLock", self.try_read().ok().as_deref())
    }
}
