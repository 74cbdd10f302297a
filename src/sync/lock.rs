//! Who may look at a value that many share, who may change it, and who has it now?
//!
//! Put the value behind permits. Whoever has **one** of them may look at it, and whoever has **all** of them
//! may change it, as nobody else can then have any. That is a read-write lock; a mutex is one that has a
//! single permit. So a lock is permits, a cell, and guards that put back what they stand for.
//!
//! ```text
//!   permits          guard          from it one gets      as long as it lives
//!   ───────          ─────          ────────────────      ───────────────────
//!   one of all       Shared         &T                    others may have one, too
//!   all of them      Exclusive      &mut T                nobody else has any
//! ```
//!
//! The compiler cannot count permits, so the guards reach into the cell by two **rules** (their numbers go on
//! from those of the engine).
//!
//! - **Rule 6.** A `Shared` holds at least one permit of the lock behind which its value is, an `Exclusive`
//!   all of them; and they are put back only when the guard is gone, or has become a lesser one.
//! - **Rule 7.** The value of a guard is that of its lock or a part of it, and the guard keeps the lock in
//!   its place: it borrows it, or owns a share of it.
//!
//! A lock also knows which task has all of its permits. Nothing depends on that: it is there to be seen,
//! in a debugger, and in the trace by those who wait.
//!
//! Next: `mutex.rs`.

use std::cell::UnsafeCell;
use std::mem;
use std::ops::{Deref, DerefMut};
use std::ptr;
use std::task::{Context, Poll, ready};

use super::error::{AcquireError, TryAcquireError, TryLockError};
use super::permits::{Acquire, Gate, Permits};
use crate::engine::context;
use crate::engine::trace::Waiting;

/// A lock without its value.
pub(super) struct RawLock {
    pub(super) permits: Permits,
    /// How many permits there are.
    all: usize,
}

impl RawLock {
    #[cfg(not(loom))]
    #[track_caller]
    pub(super) const fn new(all: usize) -> Self {
        RawLock { permits: Permits::new(all), all }
    }

    #[cfg(loom)]
    #[track_caller]
    pub(super) fn new(all: usize) -> Self {
        RawLock { permits: Permits::new(all), all }
    }

    pub(super) fn waiting(&self, what: &'static str) -> Waiting {
        let holder = self.permits.holder();
        Waiting::Lock { what, holder: (holder != 0).then_some(holder) }
    }

    pub(super) fn is_exclusive(&self, permits: usize) -> bool {
        permits == self.all
    }
}

/// What has a [`RawLock`].
pub(super) trait HasRaw {
    fn raw(&self) -> &RawLock;
}

impl HasRaw for RawLock {
    fn raw(&self) -> &RawLock {
        self
    }
}

/// What has a value behind it: a mutex, or a read-write lock.
pub(super) trait Guarded: HasRaw + Gate {
    type Value: ?Sized;

    fn cell(&self) -> &UnsafeCell<Self::Value>;
}

/// Permits that were taken from a lock, until they are put back. `L` is how it keeps the lock: a reference,
/// or an `Arc`.
pub(super) struct Hold<L: Deref<Target: HasRaw>> {
    lock: L,
    permits: usize,
}

impl<L: Deref<Target: HasRaw>> Hold<L> {
    pub(super) fn try_new(lock: L, permits: usize) -> Result<Self, TryAcquireError> {
        let raw = lock.raw();
        raw.permits.try_acquire(permits)?;
        if raw.is_exclusive(permits) {
            raw.permits.set_holder(context::task_id().unwrap_or(0));
        }
        Ok(Hold { lock, permits })
    }

    /// Puts all permits back but one.
    fn downgrade(&mut self) {
        let rest = mem::replace(&mut self.permits, 1) - 1;
        self.put_back(rest);
    }

    fn put_back(&self, permits: usize) {
        let raw = self.lock.raw();
        // Before the permits are put back: afterwards it may be the next holder's.
        raw.permits.set_holder(0);
        raw.permits.add(permits);
    }
}

impl<L: Deref<Target: HasRaw + Gate> + Unpin> Hold<L> {
    #[track_caller]
    pub(super) fn poll(
        acquire: &mut Acquire<L>,
        cx: &mut Context<'_>,
        call: &str,
    ) -> Poll<Result<Self, AcquireError>> {
        let lock = ready!(acquire.poll(cx, call))?;
        Poll::Ready(Ok(Hold { lock, permits: acquire.wanted() }))
    }
}

impl<'a, M: HasRaw + ?Sized> Hold<&'a M> {
    /// The same, without the type of the value.
    fn into_raw(self) -> Hold<&'a RawLock> {
        let raw = Hold { lock: self.lock.raw(), permits: self.permits };
        mem::forget(self);
        raw
    }
}

impl<L: Deref<Target: HasRaw>> Drop for Hold<L> {
    fn drop(&mut self) {
        self.put_back(self.permits);
    }
}

/// The value, or a part of it, for one who may look at it.
pub(super) struct Shared<L: Deref<Target: HasRaw>, U: ?Sized> {
    value: *const U,
    hold: Hold<L>,
}

/// The value, or a part of it, for the one who may change it.
///
/// Not `&mut U`: who passes the guard on by value would thereby promise that the value is his until the call
/// returns, but it is somebody else's as soon as the guard is dropped there.
pub(super) struct Exclusive<L: Deref<Target: HasRaw>, U: ?Sized> {
    value: *mut U,
    hold: Hold<L>,
}

/// The value behind a lock that is kept by `L`.
type Value<L> = <<L as Deref>::Target as Guarded>::Value;

impl<L: Deref<Target: Guarded> + Unpin> Shared<L, Value<L>> {
    fn new(hold: Hold<L>) -> Self {
        Shared { value: hold.lock.cell().get(), hold }
    }

    pub(super) fn acquire(lock: L) -> Acquire<L> {
        Acquire::new(lock, 1)
    }

    #[track_caller]
    pub(super) fn poll(acquire: &mut Acquire<L>, cx: &mut Context<'_>, call: &str) -> Poll<Self> {
        let hold = ready!(Hold::poll(acquire, cx, call));
        Poll::Ready(Shared::new(hold.expect("nobody closes the permits of a lock")))
    }

    pub(super) fn try_new(lock: L) -> Result<Self, TryLockError> {
        Hold::try_new(lock, 1).map(Shared::new).map_err(|_| TryLockError(()))
    }
}

impl<L: Deref<Target: Guarded> + Unpin> Exclusive<L, Value<L>> {
    fn new(hold: Hold<L>) -> Self {
        assert_eq!(hold.permits, hold.lock.raw().all, "rule 6: all of them");
        Exclusive { value: hold.lock.cell().get(), hold }
    }

    pub(super) fn acquire(lock: L) -> Acquire<L> {
        let all = lock.raw().all;
        Acquire::new(lock, all)
    }

    #[track_caller]
    pub(super) fn poll(acquire: &mut Acquire<L>, cx: &mut Context<'_>, call: &str) -> Poll<Self> {
        let hold = ready!(Hold::poll(acquire, cx, call));
        Poll::Ready(Exclusive::new(hold.expect("nobody closes the permits of a lock")))
    }

    pub(super) fn try_new(lock: L) -> Result<Self, TryLockError> {
        let all = lock.raw().all;
        Hold::try_new(lock, all).map(Exclusive::new).map_err(|_| TryLockError(()))
    }
}

impl<L: Deref<Target: HasRaw>, U: ?Sized> Shared<L, U> {
    pub(super) fn map<V: ?Sized>(self, part: impl FnOnce(&U) -> &V) -> Shared<L, V> {
        let value: *const V = part(&self);
        Shared { value, hold: self.hold }
    }

    pub(super) fn try_map<V: ?Sized>(
        self,
        part: impl FnOnce(&U) -> Option<&V>,
    ) -> Result<Shared<L, V>, Self> {
        match part(&self).map(ptr::from_ref) {
            Some(value) => Ok(Shared { value, hold: self.hold }),
            None => Err(self),
        }
    }

    pub(super) fn lock(&self) -> &L {
        &self.hold.lock
    }
}

impl<L: Deref<Target: HasRaw>, U: ?Sized> Exclusive<L, U> {
    pub(super) fn map<V: ?Sized>(mut self, part: impl FnOnce(&mut U) -> &mut V) -> Exclusive<L, V> {
        let value: *mut V = part(&mut self);
        Exclusive { value, hold: self.hold }
    }

    pub(super) fn try_map<V: ?Sized>(
        mut self,
        part: impl FnOnce(&mut U) -> Option<&mut V>,
    ) -> Result<Exclusive<L, V>, Self> {
        match part(&mut self).map(ptr::from_mut) {
            Some(value) => Ok(Exclusive { value, hold: self.hold }),
            None => Err(self),
        }
    }

    /// Lets others look, too. Nobody changes the value in between.
    pub(super) fn downgrade(mut self) -> Shared<L, U> {
        self.hold.downgrade();
        Shared { value: self.value, hold: self.hold }
    }

    /// The part is found before others may look.
    pub(super) fn downgrade_map<V: ?Sized>(self, part: impl FnOnce(&U) -> &V) -> Shared<L, V> {
        let value: *const V = part(&self);
        Shared { value, hold: self.downgrade().hold }
    }

    pub(super) fn try_downgrade_map<V: ?Sized>(
        self,
        part: impl FnOnce(&U) -> Option<&V>,
    ) -> Result<Shared<L, V>, Self> {
        match part(&self).map(ptr::from_ref) {
            Some(value) => Ok(Shared { value, hold: self.downgrade().hold }),
            None => Err(self),
        }
    }

    pub(super) fn lock(&self) -> &L {
        &self.hold.lock
    }
}

impl<'a, M: HasRaw + ?Sized, U: ?Sized> Shared<&'a M, U> {
    pub(super) fn into_raw(self) -> Shared<&'a RawLock, U> {
        Shared { value: self.value, hold: self.hold.into_raw() }
    }
}

impl<'a, M: HasRaw + ?Sized, U: ?Sized> Exclusive<&'a M, U> {
    pub(super) fn into_raw(self) -> Exclusive<&'a RawLock, U> {
        Exclusive { value: self.value, hold: self.hold.into_raw() }
    }
}

impl<L: Deref<Target: HasRaw>, U: ?Sized> Deref for Shared<L, U> {
    type Target = U;

    fn deref(&self) -> &U {
        // SAFETY: by rule 7 it is there, and by rule 6 nobody changes it while this lives.
        unsafe { &*self.value }
    }
}

impl<L: Deref<Target: HasRaw>, U: ?Sized> Deref for Exclusive<L, U> {
    type Target = U;

    fn deref(&self) -> &U {
        // SAFETY: by rule 7 it is there, and by rule 6 nobody changes it except by way of this.
        unsafe { &*self.value }
    }
}

impl<L: Deref<Target: HasRaw>, U: ?Sized> DerefMut for Exclusive<L, U> {
    fn deref_mut(&mut self) -> &mut U {
        // SAFETY: by rule 7 it is there, and by rule 6 nobody else has it while this lives.
        unsafe { &mut *self.value }
    }
}

// SAFETY: by rule 6 it is no more than a `&U`, and what it keeps of the lock. That the pointer goes to another
// thread is what the permits are for: who puts them back releases, who takes them acquires.
unsafe impl<L: Deref<Target: HasRaw> + Send, U: ?Sized + Sync> Send for Shared<L, U> {}
// SAFETY: as above.
unsafe impl<L: Deref<Target: HasRaw> + Sync, U: ?Sized + Sync> Sync for Shared<L, U> {}
// SAFETY: by rule 6 it is no more than a `&mut U`, and what it keeps of the lock.
unsafe impl<L: Deref<Target: HasRaw> + Send, U: ?Sized + Send> Send for Exclusive<L, U> {}
// SAFETY: as above.
unsafe impl<L: Deref<Target: HasRaw> + Sync, U: ?Sized + Sync> Sync for Exclusive<L, U> {}

/// What every guard is to those who have it: a pointer to the value, which prints as the value does.
macro_rules! points {
    ([$($parameters:tt)*] $guard:ty => $value:ident) => {
        impl<$($parameters)*> Deref for $guard {
            type Target = $value;

            fn deref(&self) -> &$value {
                &self.inner
            }
        }

        impl<$($parameters)*> fmt::Debug for $guard where $value: fmt::Debug {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&**self, f)
            }
        }

        impl<$($parameters)*> fmt::Display for $guard where $value: fmt::Display {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&**self, f)
            }
        }
    };
    ([$($parameters:tt)*] $guard:ty => mut $value:ident) => {
        points!([$($parameters)*] $guard => $value);

        impl<$($parameters)*> DerefMut for $guard {
            fn deref_mut(&mut self) -> &mut $value {
                &mut self.inner
            }
        }
    };
}

pub(super) use points;
