//! To read is to take one permit, to write is to take all.
//!
//! This is the last file of `rwlock`. Next: `once_cell.rs`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::guards::{
    OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLockReadGuard, RwLockWriteGuard,
};
use super::value::RwLock;
use crate::engine::block_on::block_on;
use crate::engine::context;
use crate::sync::error::TryLockError;
use crate::sync::lock::{Exclusive, Shared};
use crate::sync::permits::Acquire;

impl<T: ?Sized> RwLock<T> {
    /// Waits to look at the value. Who reads already must not wait to read again: a writer who waits comes
    /// first.
    ///
    /// Cancel safe; the place in line is lost, and what was given to it passed on.
    pub fn read(&self) -> Read<'_, T> {
        Read { acquire: Shared::acquire(self) }
    }

    /// Waits to change the value. No reader is let in meanwhile; if this is dropped, they are.
    ///
    /// Cancel safe; the place in line is lost, and what was given to it passed on.
    pub fn write(&self) -> Write<'_, T> {
        Write { acquire: Exclusive::acquire(self) }
    }

    /// As [`read`](RwLock::read), with a guard that holds the lock instead of borrowing it.
    pub fn read_owned(self: Arc<Self>) -> ReadOwned<T> {
        ReadOwned { acquire: Shared::acquire(self) }
    }

    /// As [`write`](RwLock::write), with a guard that holds the lock instead of borrowing it.
    pub fn write_owned(self: Arc<Self>) -> WriteOwned<T> {
        WriteOwned { acquire: Exclusive::acquire(self) }
    }

    /// Looks at the value, if nobody changes it now or waits to do so.
    ///
    /// # Errors
    ///
    /// If somebody does, or if there are as many readers as there may be.
    pub fn try_read(&self) -> Result<RwLockReadGuard<'_, T>, TryLockError> {
        Shared::try_new(self).map(|inner| RwLockReadGuard { inner: inner.into_raw() })
    }

    /// Takes the value to change it, if nobody has it now.
    ///
    /// # Errors
    ///
    /// If somebody reads or writes it.
    pub fn try_write(&self) -> Result<RwLockWriteGuard<'_, T>, TryLockError> {
        Exclusive::try_new(self).map(|inner| RwLockWriteGuard { inner })
    }

    /// As [`try_read`](RwLock::try_read), with a guard that holds the lock.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn try_read_owned(self: Arc<Self>) -> Result<OwnedRwLockReadGuard<T>, TryLockError> {
        Shared::try_new(self).map(|inner| OwnedRwLockReadGuard { inner })
    }

    /// As [`try_write`](RwLock::try_write), with a guard that holds the lock.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn try_write_owned(self: Arc<Self>) -> Result<OwnedRwLockWriteGuard<T>, TryLockError> {
        Exclusive::try_new(self).map(|inner| OwnedRwLockWriteGuard { inner })
    }

    /// Waits to look at the value, on a thread of its own.
    ///
    /// # Panics
    ///
    /// On a thread that runs a runtime's tasks.
    #[track_caller]
    pub fn blocking_read(&self) -> RwLockReadGuard<'_, T> {
        context::assert_may_block("RwLock::blocking_read");
        block_on(self.read())
    }

    /// Waits to change the value, on a thread of its own.
    ///
    /// # Panics
    ///
    /// On a thread that runs a runtime's tasks.
    #[track_caller]
    pub fn blocking_write(&self) -> RwLockWriteGuard<'_, T> {
        context::assert_may_block("RwLock::blocking_write");
        block_on(self.write())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("RwLock");
        match self.try_read() {
            Ok(value) => fields.field("data", &&*value),
            Err(_) => fields.field("data", &format_args!("<locked>")),
        };
        fields.finish()
    }
}

/// Waits to read. From [`RwLock::read`].
///
/// # Panics
///
/// If it is polled after it was ready.
#[must_use = "futures do nothing unless awaited"]
pub struct Read<'a, T: ?Sized> {
    acquire: Acquire<&'a RwLock<T>>,
}

impl<'a, T: ?Sized> Future for Read<'a, T> {
    type Output = RwLockReadGuard<'a, T>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let inner = ready!(Shared::poll(&mut self.acquire, cx, "RwLock::read"));
        Poll::Ready(RwLockReadGuard { inner: inner.into_raw() })
    }
}

/// Waits to write. From [`RwLock::write`].
///
/// # Panics
///
/// If it is polled after it was ready.
#[must_use = "futures do nothing unless awaited"]
pub struct Write<'a, T: ?Sized> {
    acquire: Acquire<&'a RwLock<T>>,
}

impl<'a, T: ?Sized> Future for Write<'a, T> {
    type Output = RwLockWriteGuard<'a, T>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let inner = ready!(Exclusive::poll(&mut self.acquire, cx, "RwLock::write"));
        Poll::Ready(RwLockWriteGuard { inner })
    }
}

/// Waits to read. From [`RwLock::read_owned`].
///
/// # Panics
///
/// If it is polled after it was ready.
#[must_use = "futures do nothing unless awaited"]
pub struct ReadOwned<T: ?Sized> {
    acquire: Acquire<Arc<RwLock<T>>>,
}

impl<T: ?Sized> Future for ReadOwned<T> {
    type Output = OwnedRwLockReadGuard<T>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let inner = ready!(Shared::poll(&mut self.acquire, cx, "RwLock::read_owned"));
        Poll::Ready(OwnedRwLockReadGuard { inner })
    }
}

/// Waits to write. From [`RwLock::write_owned`].
///
/// # Panics
///
/// If it is polled after it was ready.
#[must_use = "futures do nothing unless awaited"]
pub struct WriteOwned<T: ?Sized> {
    acquire: Acquire<Arc<RwLock<T>>>,
}

impl<T: ?Sized> Future for WriteOwned<T> {
    type Output = OwnedRwLockWriteGuard<T>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let inner = ready!(Exclusive::poll(&mut self.acquire, cx, "RwLock::write_owned"));
        Poll::Ready(OwnedRwLockWriteGuard { inner })
    }
}

/// A future shows what its wait is made of, whatever the value is.
macro_rules! shows {
    ([$($parameters:tt)*] $future:ty, $name:literal) => {
        impl<$($parameters)*> fmt::Debug for $future {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct($name).field("acquire", &self.acquire).finish()
            }
        }
    };
}

shows!([T: ?Sized] Read<'_, T>, "Read");
shows!([T: ?Sized] Write<'_, T>, "Write");
shows!([T: ?Sized] ReadOwned<T>, "ReadOwned");
shows!([T: ?Sized] WriteOwned<T>, "WriteOwned");
