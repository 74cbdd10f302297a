//! One at a time may have the value, and a task that waits for it does not hold up a thread.
//!
//! A mutex of the standard library stops the thread until it is free. Under a runtime that thread has other
//! tasks to run, and one of them may be the very one that should unlock. So here one awaits the lock, and the
//! guard may be kept across further awaits.
//!
//! For that it costs more. Data that is only looked at or changed, without an await in between, is better
//! kept in a mutex of the standard library.
//!
//! ```
//! use std::sync::Arc;
//! use openwork::sync::Mutex;
//!
//! # openwork::block_on(async {
//! let count = Arc::new(Mutex::new(0));
//! let ours = count.clone();
//! let task = openwork::spawn(async move { *ours.lock().await += 1 });
//! *count.lock().await += 1;
//! task.await.unwrap();
//! assert_eq!(*count.lock().await, 2);
//! # });
//! ```
//!
//! There is no poisoning: a task that panics unlocks, and the next one gets the value as it was left.
//!
//! Next: `rwlock`.

use std::cell::UnsafeCell;
use std::fmt;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::error::TryLockError;
use super::lock::{Exclusive, Guarded, HasRaw, RawLock, points};
use super::permits::{Acquire, Gate, Permits};
use crate::engine::block_on::block_on;
use crate::engine::context;
use crate::engine::trace::Waiting;

/// A value that one task at a time may have. Who waits for it is served in the order of the first poll.
pub struct Mutex<T: ?Sized> {
    raw: RawLock,
    value: UnsafeCell<T>,
}

// SAFETY: by rule 6 a single guard at a time reaches the value, so it moves from thread to thread rather than
// being shared. (That a mutex is `Send` if the value is, the compiler finds by itself.)
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}

impl<T: ?Sized> HasRaw for Mutex<T> {
    fn raw(&self) -> &RawLock {
        &self.raw
    }
}

impl<T: ?Sized> Gate for Mutex<T> {
    fn permits(&self) -> &Permits {
        &self.raw.permits
    }

    fn waiting(&self) -> Waiting {
        self.raw.waiting("a mutex")
    }

    fn is_exclusive(&self, permits: usize) -> bool {
        self.raw.is_exclusive(permits)
    }
}

impl<T: ?Sized> Guarded for Mutex<T> {
    type Value = T;

    fn cell(&self) -> &UnsafeCell<T> {
        &self.value
    }
}

impl<T> Mutex<T> {
    /// A mutex with this value, unlocked.
    pub fn new(value: T) -> Self {
        Mutex { raw: RawLock::new(1), value: UnsafeCell::new(value) }
    }

    /// As [`new`](Mutex::new), for a `static`.
    #[cfg(not(loom))]
    pub const fn const_new(value: T) -> Self {
        Mutex { raw: RawLock::new(1), value: UnsafeCell::new(value) }
    }

    /// The value.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Waits for the value.
    ///
    /// Cancel safe; the place in line is lost, and what was given to it passed on.
    pub fn lock(&self) -> Lock<'_, T> {
        Lock { acquire: Exclusive::acquire(self) }
    }

    /// As [`lock`](Mutex::lock), with a guard that holds the mutex instead of borrowing it.
    pub fn lock_owned(self: Arc<Self>) -> LockOwned<T> {
        LockOwned { acquire: Exclusive::acquire(self) }
    }

    /// Takes the value, if nobody has it now.
    ///
    /// # Errors
    ///
    /// If somebody has it.
    pub fn try_lock(&self) -> Result<MutexGuard<'_, T>, TryLockError> {
        Exclusive::try_new(self).map(|inner| MutexGuard { inner })
    }

    /// As [`try_lock`](Mutex::try_lock), with a guard that holds the mutex.
    ///
    /// # Errors
    ///
    /// If somebody has it.
    pub fn try_lock_owned(self: Arc<Self>) -> Result<OwnedMutexGuard<T>, TryLockError> {
        Exclusive::try_new(self).map(|inner| OwnedMutexGuard { inner })
    }

    /// Waits for the value on a thread of its own.
    ///
    /// # Panics
    ///
    /// On a thread that runs a runtime's tasks.
    #[track_caller]
    pub fn blocking_lock(&self) -> MutexGuard<'_, T> {
        context::assert_may_block("Mutex::blocking_lock");
        block_on(self.lock())
    }

    /// As [`blocking_lock`](Mutex::blocking_lock), with a guard that holds the mutex.
    ///
    /// # Panics
    ///
    /// On a thread that runs a runtime's tasks.
    #[track_caller]
    pub fn blocking_lock_owned(self: Arc<Self>) -> OwnedMutexGuard<T> {
        context::assert_may_block("Mutex::blocking_lock_owned");
        block_on(self.lock_owned())
    }

    /// The value, without locking: who borrows the mutex mutably has it to himself.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
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
        let mut fields = f.debug_struct("Mutex");
        match self.try_lock() {
            Ok(value) => fields.field("data", &&*value),
            Err(_) => fields.field("data", &format_args!("<locked>")),
        };
        fields.finish()
    }
}

/// Waits for a mutex. From [`Mutex::lock`].
///
/// # Panics
///
/// If it is polled after it was ready.
#[must_use = "futures do nothing unless awaited"]
pub struct Lock<'a, T: ?Sized> {
    acquire: Acquire<&'a Mutex<T>>,
}

impl<'a, T: ?Sized> Future for Lock<'a, T> {
    type Output = MutexGuard<'a, T>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let inner = ready!(Exclusive::poll(&mut self.acquire, cx, "Mutex::lock"));
        Poll::Ready(MutexGuard { inner })
    }
}

/// Waits for a mutex. From [`Mutex::lock_owned`].
///
/// # Panics
///
/// If it is polled after it was ready.
#[must_use = "futures do nothing unless awaited"]
pub struct LockOwned<T: ?Sized> {
    acquire: Acquire<Arc<Mutex<T>>>,
}

impl<T: ?Sized> Future for LockOwned<T> {
    type Output = OwnedMutexGuard<T>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let inner = ready!(Exclusive::poll(&mut self.acquire, cx, "Mutex::lock_owned"));
        Poll::Ready(OwnedMutexGuard { inner })
    }
}

impl<T: ?Sized> fmt::Debug for Lock<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lock").field("acquire", &self.acquire).finish()
    }
}

impl<T: ?Sized> fmt::Debug for LockOwned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockOwned").field("acquire", &self.acquire).finish()
    }
}

/// The value of a mutex, which is unlocked when this is dropped. From [`Mutex::lock`].
#[must_use = "a guard that is not kept unlocks at once"]
pub struct MutexGuard<'a, T: ?Sized> {
    inner: Exclusive<&'a Mutex<T>, T>,
}

/// The value of a mutex, which it holds, and which is unlocked when this is dropped. From
/// [`Mutex::lock_owned`].
#[must_use = "a guard that is not kept unlocks at once"]
pub struct OwnedMutexGuard<T: ?Sized> {
    inner: Exclusive<Arc<Mutex<T>>, T>,
}

/// A part of the value of a mutex. From [`MutexGuard::map`].
#[must_use = "a guard that is not kept unlocks at once"]
pub struct MappedMutexGuard<'a, T: ?Sized> {
    inner: Exclusive<&'a RawLock, T>,
}

/// A part `U` of the value `T` of a mutex, which it holds. From [`OwnedMutexGuard::map`].
#[must_use = "a guard that is not kept unlocks at once"]
pub struct OwnedMappedMutexGuard<T: ?Sized, U: ?Sized = T> {
    inner: Exclusive<Arc<Mutex<T>>, U>,
}

points!(['a, T: ?Sized] MutexGuard<'a, T> => mut T);
points!([T: ?Sized] OwnedMutexGuard<T> => mut T);
points!(['a, T: ?Sized] MappedMutexGuard<'a, T> => mut T);
points!([T: ?Sized, U: ?Sized] OwnedMappedMutexGuard<T, U> => mut U);

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// A guard of a part of the value.
    pub fn map<U: ?Sized>(this: Self, f: impl FnOnce(&mut T) -> &mut U) -> MappedMutexGuard<'a, U> {
        MappedMutexGuard { inner: this.inner.map(f).into_raw() }
    }

    /// A guard of a part of the value, if `f` finds one; else the guard that there was.
    pub fn try_map<U: ?Sized>(
        this: Self,
        f: impl FnOnce(&mut T) -> Option<&mut U>,
    ) -> Result<MappedMutexGuard<'a, U>, Self> {
        match this.inner.try_map(f) {
            Ok(inner) => Ok(MappedMutexGuard { inner: inner.into_raw() }),
            Err(inner) => Err(MutexGuard { inner }),
        }
    }

    /// The mutex.
    pub fn mutex(this: &Self) -> &'a Mutex<T> {
        this.inner.lock()
    }
}

impl<T: ?Sized> OwnedMutexGuard<T> {
    /// A guard of a part of the value.
    pub fn map<U: ?Sized>(
        this: Self,
        f: impl FnOnce(&mut T) -> &mut U,
    ) -> OwnedMappedMutexGuard<T, U> {
        OwnedMappedMutexGuard { inner: this.inner.map(f) }
    }

    /// A guard of a part of the value, if `f` finds one; else the guard that there was.
    pub fn try_map<U: ?Sized>(
        this: Self,
        f: impl FnOnce(&mut T) -> Option<&mut U>,
    ) -> Result<OwnedMappedMutexGuard<T, U>, Self> {
        match this.inner.try_map(f) {
            Ok(inner) => Ok(OwnedMappedMutexGuard { inner }),
            Err(inner) => Err(OwnedMutexGuard { inner }),
        }
    }

    /// The mutex.
    pub fn mutex(this: &Self) -> &Arc<Mutex<T>> {
        this.inner.lock()
    }
}

impl<'a, T: ?Sized> MappedMutexGuard<'a, T> {
    /// A guard of a part of the part.
    pub fn map<U: ?Sized>(this: Self, f: impl FnOnce(&mut T) -> &mut U) -> MappedMutexGuard<'a, U> {
        MappedMutexGuard { inner: this.inner.map(f) }
    }

    /// A guard of a part of the part, if `f` finds one; else the guard that there was.
    pub fn try_map<U: ?Sized>(
        this: Self,
        f: impl FnOnce(&mut T) -> Option<&mut U>,
    ) -> Result<MappedMutexGuard<'a, U>, Self> {
        match this.inner.try_map(f) {
            Ok(inner) => Ok(MappedMutexGuard { inner }),
            Err(inner) => Err(MappedMutexGuard { inner }),
        }
    }
}

impl<T: ?Sized, U: ?Sized> OwnedMappedMutexGuard<T, U> {
    /// A guard of a part of the part.
    pub fn map<V: ?Sized>(
        this: Self,
        f: impl FnOnce(&mut U) -> &mut V,
    ) -> OwnedMappedMutexGuard<T, V> {
        OwnedMappedMutexGuard { inner: this.inner.map(f) }
    }

    /// A guard of a part of the part, if `f` finds one; else the guard that there was.
    pub fn try_map<V: ?Sized>(
        this: Self,
        f: impl FnOnce(&mut U) -> Option<&mut V>,
    ) -> Result<OwnedMappedMutexGuard<T, V>, Self> {
        match this.inner.try_map(f) {
            Ok(inner) => Ok(OwnedMappedMutexGuard { inner }),
            Err(inner) => Err(OwnedMappedMutexGuard { inner }),
        }
    }
}
