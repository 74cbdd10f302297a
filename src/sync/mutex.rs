//! One task at a time has the value, and a task that waits for it does not block its thread.
//!
//! A mutex of the standard library blocks the thread until it is unlocked. Under a runtime that thread has other tasks
//! to run, and one of them may be the one that should unlock. So here a task awaits the lock, and may keep the guard
//! across further awaits. That costs more: data that is used without an await in between is better in a mutex of the
//! standard library.
//!
//! There is no poisoning: a task that panics unlocks, and the next one finds the value as it was left.
//!
//! Next: `rwlock.rs`.

use std::cell::UnsafeCell;
use std::fmt;
use std::sync::Arc;

use super::acquire::blocking;
use super::error::TryLockError;
use super::lock::{AcquireLock, Exclusive, HasValue, LockGuard, debug_lock};
use super::permits::{HasPermits, Permits};
use super::wait_queue::const_fn;

/// A value that one task at a time may use. Tasks that wait get it in the order of their first polls.
///
/// ```
/// use std::sync::Arc;
/// use openwork::sync::Mutex;
///
/// # openwork::block_on(async {
/// let count = Arc::new(Mutex::new(0));
/// let ours = count.clone();
/// let task = openwork::spawn(async move { *ours.lock().await += 1 });
/// *count.lock().await += 1;
/// task.await.unwrap();
/// assert_eq!(*count.lock().await, 2);
/// # });
/// ```
pub struct Mutex<T: ?Sized> {
    permits: Permits,
    value: UnsafeCell<T>,
}

// SAFETY: by rule 6 one guard at a time reaches the value, so it moves from thread to thread and is not shared. (The
// compiler finds by itself that a mutex is `Send` if the value is.)
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}

impl<T: ?Sized> HasPermits for Mutex<T> {
    const WHAT: &'static str = "a mutex";

    fn permits(&self) -> &Permits {
        &self.permits
    }
}

impl<T: ?Sized> HasValue for Mutex<T> {
    type Value = T;

    fn cell(&self) -> &UnsafeCell<T> {
        &self.value
    }
}

/// Waits for a mutex. From [`Mutex::lock`].
pub type Lock<'a, T> = AcquireLock<&'a Mutex<T>, Exclusive>;

/// Waits for a mutex, and owns it. From [`Mutex::lock_owned`].
pub type LockOwned<T> = AcquireLock<Arc<Mutex<T>>, Exclusive>;

/// The value of a mutex, which is unlocked when this is dropped. From [`Mutex::lock`].
pub type MutexGuard<'a, T> = LockGuard<&'a Mutex<T>, Exclusive>;

/// The value of a mutex, which this owns, and which is unlocked when this is dropped. From [`Mutex::lock_owned`].
pub type OwnedMutexGuard<T> = LockGuard<Arc<Mutex<T>>, Exclusive>;

impl<T> Mutex<T> {
    const_fn! {
        /// An unlocked mutex.
        pub fn new, const_new(value: T) -> Self {
            Mutex { permits: Permits::of_lock(1), value: UnsafeCell::new(value) }
        }
    }

    /// Returns the value.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Waits for the value.
    ///
    /// Cancel safe: the place in the queue is lost, and a lock that was assigned goes to the next waiter.
    pub fn lock(&self) -> Lock<'_, T> {
        Lock::new(self)
    }

    /// Waits for the value, with a guard that owns the mutex instead of borrowing it.
    ///
    /// Cancel safe: the place in the queue is lost, and a lock that was assigned goes to the next waiter.
    pub fn lock_owned(self: Arc<Self>) -> LockOwned<T> {
        LockOwned::new(self)
    }

    /// Locks the mutex if it is unlocked now.
    ///
    /// # Errors
    ///
    /// If it is locked.
    pub fn try_lock(&self) -> Result<MutexGuard<'_, T>, TryLockError> {
        LockGuard::try_new(self)
    }

    /// Locks the mutex if it is unlocked now, with a guard that owns it.
    ///
    /// # Errors
    ///
    /// If it is locked.
    pub fn try_lock_owned(self: Arc<Self>) -> Result<OwnedMutexGuard<T>, TryLockError> {
        LockGuard::try_new(self)
    }

    /// Blocks the thread until the mutex is unlocked, and locks it.
    ///
    /// # Panics
    ///
    /// On a thread that runs a runtime's tasks.
    #[track_caller]
    pub fn blocking_lock(&self) -> MutexGuard<'_, T> {
        blocking("Mutex::blocking_lock", self.lock())
    }

    /// Blocks the thread until the mutex is unlocked, and locks it, with a guard that owns it.
    ///
    /// # Panics
    ///
    /// On a thread that runs a runtime's tasks.
    #[track_caller]
    pub fn blocking_lock_owned(self: Arc<Self>) -> OwnedMutexGuard<T> {
        blocking("Mutex::blocking_lock_owned", self.lock_owned())
    }

    /// The value, without locking: `&mut` proves that the mutex is unlocked.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// The mutex.
    pub fn mutex(this: &Self) -> &'a Mutex<T> {
        this.permits.from
    }
}

impl<T: ?Sized> OwnedMutexGuard<T> {
    /// The mutex.
    pub fn mutex(this: &Self) -> &Arc<Mutex<T>> {
        &this.permits.from
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Self {
        Mutex::new(value)
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Mutex::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug_lock(f, "Mutex", self.try_lock().ok().as_deref())
    }
}
