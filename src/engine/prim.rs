//! Atomics and locks, from one place, so that a model checker can stand in for them.
//!
//! A test that runs a race a million times may still miss the one schedule in which a wake is lost. The
//! `loom` crate runs *every* schedule of a small program instead, provided that the program takes its
//! atomics and locks from loom. So the engine takes them from here: from `std` in an ordinary build,
//! from loom under `--cfg loom` (the models are in `tests/models`).
//!
//! None of these locks is poisoned. A panic in a task ends that task alone, so nothing here may refuse to go on
//! because some thread panicked; each critical section is short, and its data is consistent wherever it may panic.
//!
//! The crate calls user code in many places: wakers, destructors, subscribers. A panic there ends at
//! [`catch_and_drop_panic`]. Wakers are called by [`wake`] and [`wake_self`] and dropped by [`discard`], which catch
//! the panic of each. [`poll_or_register`] stores a waker while it holds a lock, and runs no user code meanwhile.
//!
//! Next: `large.rs`, why large futures are boxed.

#[cfg(loom)]
#[path = "../../tests/models/standins.rs"]
pub(crate) mod standins;
#[cfg(loom)]
use standins as imp;
#[cfg(not(loom))]
use std::sync as imp;

pub(crate) use imp::atomic;
pub(crate) use imp::{MutexGuard, OnceLock, RwLockReadGuard, RwLockWriteGuard};
#[cfg(loom)]
pub(crate) use standins::{SegQueue, deque, now, thread, thread_local, yield_now};
#[cfg(not(loom))]
pub(crate) use std::{thread, thread::yield_now, thread_local};
#[cfg(not(loom))]
pub(crate) use {crossbeam_deque as deque, crossbeam_queue::SegQueue};

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{PoisonError, TryLockError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

/// The time by the system's clock: the only place where the engine asks for it.
#[cfg(not(loom))]
#[inline]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// A mutex without poisoning.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(imp::Mutex<T>);

impl<T> Mutex<T> {
    /// `const`, so that a static can hold it.
    #[cfg(not(loom))]
    pub(crate) const fn new(value: T) -> Self {
        Mutex(imp::Mutex::new(value))
    }

    #[cfg(loom)]
    pub(crate) fn new(value: T) -> Self {
        Mutex(imp::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lock, unless it is held.
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Consumes the mutex, and returns its value.
    pub(crate) fn into_inner(self) -> T {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value, without the lock: `&mut` proves that no other thread holds it.
    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A lock that many may hold for reading, without poisoning.
#[derive(Debug, Default)]
pub(crate) struct RwLock<T>(imp::RwLock<T>);

impl<T> RwLock<T> {
    pub(crate) fn new(value: T) -> Self {
        RwLock(imp::RwLock::new(value))
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, T> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A condition variable for [`Mutex`].
#[derive(Debug, Default)]
pub(crate) struct Condvar(imp::Condvar);

impl Condvar {
    pub(crate) fn new() -> Self {
        Condvar(imp::Condvar::new())
    }

    pub(crate) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.0.wait(guard).unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits at most until this moment. Returns false, without a wait, if the moment has come.
    pub(crate) fn wait_until<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        until: Option<Instant>,
    ) -> (MutexGuard<'a, T>, bool) {
        let Some(until) = until else { return (self.wait(guard), true) };
        let left = until.saturating_duration_since(now());
        if left.is_zero() {
            return (guard, false);
        }
        (self.0.wait_timeout(guard, left).unwrap_or_else(PoisonError::into_inner).0, true)
    }

    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}

/// Looks under the lock, and if there is nothing yet, stores the task's waker before the lock is released. A thread
/// that adds something under the same lock either did so before the look, or finds the waker.
///
/// `slot` is where the waker belongs. The waker is cloned, and the one that it replaces is dropped, outside of the
/// lock: that is why there may be a second look.
pub(crate) fn poll_or_register<S, R>(
    shared: &Mutex<S>,
    cx: &mut Context<'_>,
    look: impl FnMut(&mut S) -> Poll<R>,
    slot: impl FnMut(&mut S) -> &mut Option<Waker>,
) -> Poll<R> {
    poll_or_register_clone(shared, None, cx.waker(), look, slot)
}

/// The same. A caller that expects no waker in the slot gives a clone, and so saves the second look.
pub(crate) fn poll_or_register_clone<S, R>(
    shared: &Mutex<S>,
    mut clone: Option<Waker>,
    waker: &Waker,
    mut look: impl FnMut(&mut S) -> Poll<R>,
    mut slot: impl FnMut(&mut S) -> &mut Option<Waker>,
) -> Poll<R> {
    let found = loop {
        let mut state = shared.lock();
        let found = look(&mut state);
        if found.is_ready() {
            break found;
        }
        let slot = slot(&mut state);
        if slot.as_ref().is_some_and(|stored| stored.will_wake(waker)) {
            break Poll::Pending;
        }
        if clone.is_some() {
            mem::swap(slot, &mut clone);
            break Poll::Pending;
        }
        drop(state);
        clone = Some(waker.clone());
    };
    discard(clone);
    found
}

/// Calls wakers that were taken out of the state, in order. A waker may be user code: its panic ends here, and the
/// wakers behind it are called too. So the caller always goes on and returns.
#[inline]
pub(crate) fn wake(wakers: impl IntoIterator<Item = Waker>) {
    wakers.into_iter().for_each(|waker| catch_and_drop_panic(|| waker.wake()));
}

/// Wakes the task that is being polled, as in [`wake`]: it is polled again.
pub(crate) fn wake_self(cx: &Context<'_>) {
    catch_and_drop_panic(|| cx.waker().wake_by_ref());
}

/// Drops wakers that are not needed any more, outside of the lock. As in [`wake`], a panic ends here.
#[inline]
pub(crate) fn discard(wakers: impl IntoIterator<Item = Waker>) {
    wakers.into_iter().for_each(|waker| catch_and_drop_panic(|| drop(waker)));
}

/// Calls its closure when this value is dropped, even while the thread unwinds.
pub(crate) struct OnDrop<F: Fn()>(pub(crate) F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Calls user code (a destructor, a waker), and drops its panic, which the panic hook has reported.
pub(crate) fn catch_and_drop_panic(user_code: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(user_code)) {
        // A payload may panic in its own destructor. That second payload is leaked.
        if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            mem::forget(second);
        }
    }
}
