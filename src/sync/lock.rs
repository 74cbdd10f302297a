//! Which tasks may look at a shared value, which one may change it, and which one holds it now?
//!
//! Put the value behind permits. A task with **one** of them may look at the value. A task with **all** of them may
//! change it, since no other task has any. That is a read-write lock; a mutex is one with a single permit. So a lock is
//! permits and a cell, and a guard is permits with the right to reach into the cell.
//!
//! ```text
//!   permits          guard                        gives        while it lives
//!   one of all       LockGuard<_, Shared>         &T           other tasks may have one, too
//!   all of them      LockGuard<_, Exclusive>      &mut T       no other task has any
//! ```
//!
//! The compiler does not count permits. So the guards reach into the cell by a **rule** (its number goes on from those
//! of the engine):
//!
//! - **Rule 6.** A `Shared` guard has at least one permit of its lock, an `Exclusive` guard all of them. They are
//!   released only when the guard is dropped, or becomes a `Shared` one.
//!
//! A lock knows which task has all of its permits. The trace and a debugger show it.
//!
//! Next: `mutex.rs`.

use std::cell::UnsafeCell;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::acquire::{AcquirePermits, PermitGuard};
use super::error::TryLockError;
use super::permits::HasPermits;

/// A lock with a value: a mutex, or a read-write lock.
pub trait HasValue: HasPermits {
    /// The type of the value.
    type Value: ?Sized;

    /// The value. It is reached by rule 6 only.
    fn cell(&self) -> &UnsafeCell<Self::Value>;
}

/// What a guard may do with the value.
pub trait Access {
    /// Whether that takes all permits.
    const ALL: bool;
}

/// May look at the value.
#[derive(Debug)]
pub struct Shared;

/// May change the value.
#[derive(Debug)]
pub struct Exclusive;

impl Access for Shared {
    const ALL: bool = false;
}

impl Access for Exclusive {
    const ALL: bool = true;
}

/// Waits for a lock. `L` is a reference to it, or an `Arc`. Cancel safe: the place in the queue is lost, and a lock that
/// was assigned goes to the next waiter.
///
/// # Panics
///
/// If it is polled after it was ready.
#[must_use = "futures do nothing unless awaited"]
pub struct AcquireLock<L: Deref<Target: HasValue>, A> {
    acquire: AcquirePermits<L>,
    access: PhantomData<A>,
}

impl<L: Deref<Target: HasValue>, A: Access> AcquireLock<L, A> {
    pub(super) fn new(lock: L) -> Self {
        let wanted = lock.permits().wanted(A::ALL);
        AcquireLock { acquire: AcquirePermits::new(lock, wanted), access: PhantomData }
    }
}

impl<L: Deref<Target: HasValue> + Unpin, A: Unpin> Future for AcquireLock<L, A> {
    type Output = LockGuard<L, A>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let permits = ready!(self.acquire.poll_acquire(cx));
        Poll::Ready(LockGuard::new(permits.expect("the permits of a lock are never closed")))
    }
}

impl<L: Deref<Target: HasValue>, A> fmt::Debug for AcquireLock<L, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcquireLock").field("acquire", &self.acquire).finish()
    }
}

/// The value of a lock. The lock is released when this is dropped. `L` is a reference to the lock, or an `Arc`; `A` is
/// [`Shared`] or [`Exclusive`].
#[must_use = "the lock is released at once if this is not kept"]
pub struct LockGuard<L: Deref<Target: HasValue>, A> {
    pub(super) permits: PermitGuard<L>,
    access: PhantomData<A>,
    /// A guard is `Send` and `Sync` only if the value is.
    value: PhantomData<<L::Target as HasValue>::Value>,
}

impl<L: Deref<Target: HasValue>, A> LockGuard<L, A> {
    fn new(permits: PermitGuard<L>) -> Self {
        LockGuard { permits, access: PhantomData, value: PhantomData }
    }

    pub(super) fn try_new(lock: L) -> Result<Self, TryLockError>
    where
        A: Access,
    {
        let wanted = lock.permits().wanted(A::ALL);
        PermitGuard::try_new(lock, wanted).map(Self::new).map_err(|_| TryLockError(()))
    }
}

impl<L: Deref<Target: HasValue>> LockGuard<L, Exclusive> {
    /// Lets other tasks look at the value. No task changes it in between.
    pub(super) fn into_shared(mut self) -> LockGuard<L, Shared> {
        self.permits.release_all_but_one();
        LockGuard::new(self.permits)
    }
}

impl<L: Deref<Target: HasValue>, A> Deref for LockGuard<L, A> {
    type Target = <L::Target as HasValue>::Value;

    fn deref(&self) -> &Self::Target {
        // SAFETY: by rule 6 the value changes only through this guard while it lives.
        unsafe { &*self.permits.from.cell().get() }
    }
}

impl<L: Deref<Target: HasValue>> DerefMut for LockGuard<L, Exclusive> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        // SAFETY: by rule 6 there is no other guard while this lives.
        unsafe { &mut *self.permits.from.cell().get() }
    }
}

impl<L: Deref<Target: HasValue<Value: fmt::Debug>>, A> fmt::Debug for LockGuard<L, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<L: Deref<Target: HasValue<Value: fmt::Display>>, A> fmt::Display for LockGuard<L, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// Prints a lock with its value, or without it if it is held.
pub(super) fn debug_lock<V: fmt::Debug + ?Sized>(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    value: Option<&V>,
) -> fmt::Result {
    let mut fields = f.debug_struct(name);
    match value {
        Some(value) => fields.field("data", &value),
        None => fields.field("data", &format_args!("<locked>")),
    };
    fields.finish()
}
