//! What one gets from a read-write lock, for as long as one keeps it.
//!
//! A guard may be narrowed to a part of the value. One that writes may become one that reads, so that others
//! can look while nobody has changed anything in between; but not once it is narrowed, as what one does to a
//! part with `&mut` may be something that the others must not see.
//!
//! Next: `access.rs`, how one gets them.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::value::RwLock;
use crate::sync::lock::{Exclusive, RawLock, Shared, points};

/// The value of a lock, to look at, or a part of it. From [`RwLock::read`].
#[must_use = "a guard that is not kept unlocks at once"]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    pub(super) inner: Shared<&'a RawLock, T>,
}

/// The value `T` of a lock, which it holds, to look at, or a part `U` of it. From [`RwLock::read_owned`].
#[must_use = "a guard that is not kept unlocks at once"]
pub struct OwnedRwLockReadGuard<T: ?Sized, U: ?Sized = T> {
    pub(super) inner: Shared<Arc<RwLock<T>>, U>,
}

/// The value of a lock, to change. From [`RwLock::write`].
// With the type of the lock, so that it goes to another thread only if the value may be looked at from
// several: there it may become a guard that reads.
#[must_use = "a guard that is not kept unlocks at once"]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    pub(super) inner: Exclusive<&'a RwLock<T>, T>,
}

/// The value of a lock, which it holds, to change. From [`RwLock::write_owned`].
#[must_use = "a guard that is not kept unlocks at once"]
pub struct OwnedRwLockWriteGuard<T: ?Sized> {
    pub(super) inner: Exclusive<Arc<RwLock<T>>, T>,
}

/// A part of the value of a lock, to change. From [`RwLockWriteGuard::map`].
#[must_use = "a guard that is not kept unlocks at once"]
pub struct RwLockMappedWriteGuard<'a, T: ?Sized> {
    inner: Exclusive<&'a RawLock, T>,
}

/// A part `U` of the value `T` of a lock, which it holds, to change. From [`OwnedRwLockWriteGuard::map`].
#[must_use = "a guard that is not kept unlocks at once"]
pub struct OwnedRwLockMappedWriteGuard<T: ?Sized, U: ?Sized = T> {
    inner: Exclusive<Arc<RwLock<T>>, U>,
}

points!(['a, T: ?Sized] RwLockReadGuard<'a, T> => T);
points!([T: ?Sized, U: ?Sized] OwnedRwLockReadGuard<T, U> => U);
points!(['a, T: ?Sized] RwLockWriteGuard<'a, T> => mut T);
points!([T: ?Sized] OwnedRwLockWriteGuard<T> => mut T);
points!(['a, T: ?Sized] RwLockMappedWriteGuard<'a, T> => mut T);
points!([T: ?Sized, U: ?Sized] OwnedRwLockMappedWriteGuard<T, U> => mut U);

impl<'a, T: ?Sized> RwLockReadGuard<'a, T> {
    /// A guard of a part of the value.
    pub fn map<U: ?Sized>(this: Self, f: impl FnOnce(&T) -> &U) -> RwLockReadGuard<'a, U> {
        RwLockReadGuard { inner: this.inner.map(f) }
    }

    /// A guard of a part of the value, if `f` finds one; else the guard that there was.
    pub fn try_map<U: ?Sized>(
        this: Self,
        f: impl FnOnce(&T) -> Option<&U>,
    ) -> Result<RwLockReadGuard<'a, U>, Self> {
        match this.inner.try_map(f) {
            Ok(inner) => Ok(RwLockReadGuard { inner }),
            Err(inner) => Err(RwLockReadGuard { inner }),
        }
    }
}

impl<T: ?Sized, U: ?Sized> OwnedRwLockReadGuard<T, U> {
    /// A guard of a part of the value.
    pub fn map<V: ?Sized>(this: Self, f: impl FnOnce(&U) -> &V) -> OwnedRwLockReadGuard<T, V> {
        OwnedRwLockReadGuard { inner: this.inner.map(f) }
    }

    /// A guard of a part of the value, if `f` finds one; else the guard that there was.
    pub fn try_map<V: ?Sized>(
        this: Self,
        f: impl FnOnce(&U) -> Option<&V>,
    ) -> Result<OwnedRwLockReadGuard<T, V>, Self> {
        match this.inner.try_map(f) {
            Ok(inner) => Ok(OwnedRwLockReadGuard { inner }),
            Err(inner) => Err(OwnedRwLockReadGuard { inner }),
        }
    }

    /// The lock.
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        this.inner.lock()
    }
}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    /// Lets others look, too. Nobody changes the value in between.
    pub fn downgrade(self) -> RwLockReadGuard<'a, T> {
        RwLockReadGuard { inner: self.inner.downgrade().into_raw() }
    }

    /// A guard that looks at a part of the value. Others may look as soon as `f` has returned.
    pub fn downgrade_map<U: ?Sized>(
        this: Self,
        f: impl FnOnce(&T) -> &U,
    ) -> RwLockReadGuard<'a, U> {
        RwLockReadGuard { inner: this.inner.downgrade_map(f).into_raw() }
    }

    /// A guard that looks at a part of the value, if `f` finds one; else the guard that there was.
    pub fn try_downgrade_map<U: ?Sized>(
        this: Self,
        f: impl FnOnce(&T) -> Option<&U>,
    ) -> Result<RwLockReadGuard<'a, U>, Self> {
        match this.inner.try_downgrade_map(f) {
            Ok(inner) => Ok(RwLockReadGuard { inner: inner.into_raw() }),
            Err(inner) => Err(RwLockWriteGuard { inner }),
        }
    }

    /// A guard of a part of the value.
    pub fn map<U: ?Sized>(
        this: Self,
        f: impl FnOnce(&mut T) -> &mut U,
    ) -> RwLockMappedWriteGuard<'a, U> {
        RwLockMappedWriteGuard { inner: this.inner.map(f).into_raw() }
    }

    /// A guard of a part of the value, if `f` finds one; else the guard that there was.
    pub fn try_map<U: ?Sized>(
        this: Self,
        f: impl FnOnce(&mut T) -> Option<&mut U>,
    ) -> Result<RwLockMappedWriteGuard<'a, U>, Self> {
        match this.inner.try_map(f) {
            Ok(inner) => Ok(RwLockMappedWriteGuard { inner: inner.into_raw() }),
            Err(inner) => Err(RwLockWriteGuard { inner }),
        }
    }

    /// The same as a guard of a part, which is all of it.
    pub fn into_mapped(this: Self) -> RwLockMappedWriteGuard<'a, T> {
        RwLockMappedWriteGuard { inner: this.inner.into_raw() }
    }
}

impl<T: ?Sized> OwnedRwLockWriteGuard<T> {
    /// Lets others look, too. Nobody changes the value in between.
    pub fn downgrade(self) -> OwnedRwLockReadGuard<T> {
        OwnedRwLockReadGuard { inner: self.inner.downgrade() }
    }

    /// A guard that looks at a part of the value. Others may look as soon as `f` has returned.
    pub fn downgrade_map<U: ?Sized>(
        this: Self,
        f: impl FnOnce(&T) -> &U,
    ) -> OwnedRwLockReadGuard<T, U> {
        OwnedRwLockReadGuard { inner: this.inner.downgrade_map(f) }
    }

    /// A guard that looks at a part of the value, if `f` finds one; else the guard that there was.
    pub fn try_downgrade_map<U: ?Sized>(
        this: Self,
        f: impl FnOnce(&T) -> Option<&U>,
    ) -> Result<OwnedRwLockReadGuard<T, U>, Self> {
        match this.inner.try_downgrade_map(f) {
            Ok(inner) => Ok(OwnedRwLockReadGuard { inner }),
            Err(inner) => Err(OwnedRwLockWriteGuard { inner }),
        }
    }

    /// A guard of a part of the value.
    pub fn map<U: ?Sized>(
        this: Self,
        f: impl FnOnce(&mut T) -> &mut U,
    ) -> OwnedRwLockMappedWriteGuard<T, U> {
        OwnedRwLockMappedWriteGuard { inner: this.inner.map(f) }
    }

    /// A guard of a part of the value, if `f` finds one; else the guard that there was.
    pub fn try_map<U: ?Sized>(
        this: Self,
        f: impl FnOnce(&mut T) -> Option<&mut U>,
    ) -> Result<OwnedRwLockMappedWriteGuard<T, U>, Self> {
        match this.inner.try_map(f) {
            Ok(inner) => Ok(OwnedRwLockMappedWriteGuard { inner }),
            Err(inner) => Err(OwnedRwLockWriteGuard { inner }),
        }
    }

    /// The same as a guard of a part, which is all of it.
    pub fn into_mapped(this: Self) -> OwnedRwLockMappedWriteGuard<T> {
        OwnedRwLockMappedWriteGuard { inner: this.inner }
    }

    /// The lock.
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        this.inner.lock()
    }
}

impl<'a, T: ?Sized> RwLockMappedWriteGuard<'a, T> {
    /// A guard of a part of the part.
    pub fn map<U: ?Sized>(
        this: Self,
        f: impl FnOnce(&mut T) -> &mut U,
    ) -> RwLockMappedWriteGuard<'a, U> {
        RwLockMappedWriteGuard { inner: this.inner.map(f) }
    }

    /// A guard of a part of the part, if `f` finds one; else the guard that there was.
    pub fn try_map<U: ?Sized>(
        this: Self,
        f: impl FnOnce(&mut T) -> Option<&mut U>,
    ) -> Result<RwLockMappedWriteGuard<'a, U>, Self> {
        match this.inner.try_map(f) {
            Ok(inner) => Ok(RwLockMappedWriteGuard { inner }),
            Err(inner) => Err(RwLockMappedWriteGuard { inner }),
        }
    }
}

impl<T: ?Sized, U: ?Sized> OwnedRwLockMappedWriteGuard<T, U> {
    /// A guard of a part of the part.
    pub fn map<V: ?Sized>(
        this: Self,
        f: impl FnOnce(&mut U) -> &mut V,
    ) -> OwnedRwLockMappedWriteGuard<T, V> {
        OwnedRwLockMappedWriteGuard { inner: this.inner.map(f) }
    }

    /// A guard of a part of the part, if `f` finds one; else the guard that there was.
    pub fn try_map<V: ?Sized>(
        this: Self,
        f: impl FnOnce(&mut U) -> Option<&mut V>,
    ) -> Result<OwnedRwLockMappedWriteGuard<T, V>, Self> {
        match this.inner.try_map(f) {
            Ok(inner) => Ok(OwnedRwLockMappedWriteGuard { inner }),
            Err(inner) => Err(OwnedRwLockMappedWriteGuard { inner }),
        }
    }

    /// The lock.
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        this.inner.lock()
    }
}
