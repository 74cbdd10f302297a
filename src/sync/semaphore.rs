//! How does one let only so many tasks do something at once?
//!
//! For instance have a connection to a database that refuses the 21st. A semaphore has a number of
//! **permits**. Who wants to go on takes one, or several, and waits while there are not enough; who is done
//! drops it, and whoever has waited longest goes next.
//!
//! ```
//! use std::sync::Arc;
//! use openwork::sync::Semaphore;
//!
//! # openwork::block_on(async {
//! let connections = Arc::new(Semaphore::new(20));
//! let permit = connections.clone().acquire_owned().await.unwrap();
//! openwork::spawn(async move {
//!     // … the 20 who are here talk to the database …
//!     drop(permit);
//! });
//! # });
//! ```
//!
//! Everything that is difficult about it is in `permits.rs`. Here are the permits as values, which one
//! cannot forget to give back.
//!
//! Next: `lock.rs`, where permits guard a value.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::ptr;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::error::{AcquireError, TryAcquireError};
use super::permits::{self, Gate, Permits};
use crate::engine::block_on::block_on;
use crate::engine::context;
use crate::engine::trace::Waiting;

/// A number of permits, to be taken and given back. Who waits for some is served in the order of the first
/// poll, and nobody is overtaken, also not by those who want fewer.
#[derive(Debug)]
pub struct Semaphore {
    permits: Permits,
}

impl Gate for Semaphore {
    fn permits(&self) -> &Permits {
        &self.permits
    }

    fn waiting(&self) -> Waiting {
        Waiting::On { what: "a permit" }
    }
}

impl Semaphore {
    /// The most permits that there can be: `usize::MAX >> 3`.
    pub const MAX_PERMITS: usize = Permits::MAX;

    /// A semaphore with so many permits.
    ///
    /// # Panics
    ///
    /// If that is more than [`MAX_PERMITS`](Semaphore::MAX_PERMITS).
    #[track_caller]
    pub fn new(permits: usize) -> Self {
        Semaphore { permits: Permits::new(permits) }
    }

    /// As [`new`](Semaphore::new), for a `static`.
    #[cfg(not(loom))]
    #[track_caller]
    pub const fn const_new(permits: usize) -> Self {
        Semaphore { permits: Permits::new(permits) }
    }

    /// How many permits are there to be taken.
    pub fn available_permits(&self) -> usize {
        self.permits.available()
    }

    /// Adds `n` new permits. Works on a closed semaphore, too, though nobody can take them.
    ///
    /// # Panics
    ///
    /// If there were more than [`MAX_PERMITS`](Semaphore::MAX_PERMITS) then.
    #[track_caller]
    pub fn add_permits(&self, n: usize) {
        self.permits.add(n);
    }

    /// Takes up to `n` permits out for good, of those that are there. Returns how many.
    pub fn forget_permits(&self, n: usize) -> usize {
        self.permits.forget(n)
    }

    /// Waits for a permit.
    ///
    /// Cancel safe; the place in line is lost, and what was given to it passed on.
    ///
    /// # Errors
    ///
    /// If the semaphore is closed.
    pub fn acquire(&self) -> Acquire<'_> {
        self.acquire_many(1)
    }

    /// Waits for `n` permits at once. Those that come one by one are kept for it, as it is first in line.
    /// Cancel safe as [`acquire`](Semaphore::acquire).
    ///
    /// # Errors
    ///
    /// If the semaphore is closed.
    #[track_caller]
    pub fn acquire_many(&self, n: u32) -> Acquire<'_> {
        Acquire { acquire: permits::Acquire::new(self, n as usize) }
    }

    /// As [`acquire`](Semaphore::acquire), with a permit that holds the semaphore instead of borrowing it.
    ///
    /// # Errors
    ///
    /// If the semaphore is closed.
    pub fn acquire_owned(self: Arc<Self>) -> AcquireOwned {
        self.acquire_many_owned(1)
    }

    /// As [`acquire_many`](Semaphore::acquire_many), with a permit that holds the semaphore.
    ///
    /// # Errors
    ///
    /// If the semaphore is closed.
    #[track_caller]
    pub fn acquire_many_owned(self: Arc<Self>, n: u32) -> AcquireOwned {
        AcquireOwned { acquire: permits::Acquire::new(self, n as usize) }
    }

    /// Takes a permit if there is one now.
    ///
    /// # Errors
    ///
    /// `NoPermits` if there is none, `Closed` if the semaphore is closed.
    pub fn try_acquire(&self) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// Takes `n` permits if there are as many now.
    ///
    /// # Errors
    ///
    /// `NoPermits` if there are not enough, `Closed` if the semaphore is closed.
    pub fn try_acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.permits.try_acquire(n as usize)?;
        Ok(SemaphorePermit { semaphore: self, permits: n as usize })
    }

    /// As [`try_acquire`](Semaphore::try_acquire), with a permit that holds the semaphore.
    ///
    /// # Errors
    ///
    /// `NoPermits` if there is none, `Closed` if the semaphore is closed.
    pub fn try_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.try_acquire_many_owned(1)
    }

    /// As [`try_acquire_many`](Semaphore::try_acquire_many), with a permit that holds the semaphore.
    ///
    /// # Errors
    ///
    /// `NoPermits` if there are not enough, `Closed` if the semaphore is closed.
    pub fn try_acquire_many_owned(
        self: Arc<Self>,
        n: u32,
    ) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.permits.try_acquire(n as usize)?;
        Ok(OwnedSemaphorePermit { semaphore: self, permits: n as usize })
    }

    /// Waits for a permit on a thread of its own.
    ///
    /// # Errors
    ///
    /// If the semaphore is closed.
    ///
    /// # Panics
    ///
    /// On a thread that runs a runtime's tasks.
    #[track_caller]
    pub fn blocking_acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        context::assert_may_block("Semaphore::blocking_acquire");
        block_on(self.acquire())
    }

    /// As [`blocking_acquire`](Semaphore::blocking_acquire), for `n` permits at once.
    ///
    /// # Errors
    ///
    /// If the semaphore is closed.
    ///
    /// # Panics
    ///
    /// On a thread that runs a runtime's tasks.
    #[track_caller]
    pub fn blocking_acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, AcquireError> {
        context::assert_may_block("Semaphore::blocking_acquire_many");
        block_on(self.acquire_many(n))
    }

    /// As [`blocking_acquire`](Semaphore::blocking_acquire), with a permit that holds the semaphore.
    ///
    /// # Errors
    ///
    /// If the semaphore is closed.
    ///
    /// # Panics
    ///
    /// On a thread that runs a runtime's tasks.
    #[track_caller]
    pub fn blocking_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, AcquireError> {
        context::assert_may_block("Semaphore::blocking_acquire_owned");
        block_on(self.acquire_owned())
    }

    /// As [`blocking_acquire_many`](Semaphore::blocking_acquire_many), with a permit that holds the
    /// semaphore.
    ///
    /// # Errors
    ///
    /// If the semaphore is closed.
    ///
    /// # Panics
    ///
    /// On a thread that runs a runtime's tasks.
    #[track_caller]
    pub fn blocking_acquire_many_owned(
        self: Arc<Self>,
        n: u32,
    ) -> Result<OwnedSemaphorePermit, AcquireError> {
        context::assert_may_block("Semaphore::blocking_acquire_many_owned");
        block_on(self.acquire_many_owned(n))
    }

    /// Gives no permits any more: who waits for one is told, and who will ask. Permits that are out stay
    /// valid, and those that are there stay there.
    pub fn close(&self) {
        self.permits.close().wake_all();
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.permits.is_closed()
    }
}

/// Waits for permits. From [`Semaphore::acquire`] and [`Semaphore::acquire_many`].
///
/// # Panics
///
/// If it is polled after it was ready.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Acquire<'a> {
    acquire: permits::Acquire<&'a Semaphore>,
}

impl<'a> Future for Acquire<'a> {
    type Output = Result<SemaphorePermit<'a>, AcquireError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let semaphore = ready!(self.acquire.poll(cx, "Semaphore::acquire"))?;
        Poll::Ready(Ok(SemaphorePermit { semaphore, permits: self.acquire.wanted() }))
    }
}

/// Waits for permits. From [`Semaphore::acquire_owned`] and [`Semaphore::acquire_many_owned`].
///
/// # Panics
///
/// If it is polled after it was ready.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct AcquireOwned {
    acquire: permits::Acquire<Arc<Semaphore>>,
}

impl Future for AcquireOwned {
    type Output = Result<OwnedSemaphorePermit, AcquireError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let semaphore = ready!(self.acquire.poll(cx, "Semaphore::acquire_owned"))?;
        Poll::Ready(Ok(OwnedSemaphorePermit { semaphore, permits: self.acquire.wanted() }))
    }
}

/// Permits of a semaphore, which go back to it when this is dropped. From [`Semaphore::acquire`].
#[derive(Debug)]
#[must_use = "a permit that is not kept goes back at once"]
pub struct SemaphorePermit<'a> {
    semaphore: &'a Semaphore,
    permits: usize,
}

impl SemaphorePermit<'_> {
    /// Never gives the permits back: there are fewer from now on.
    pub fn forget(mut self) {
        self.permits = 0;
    }

    /// Takes the permits of another in, to give all of them back at once.
    ///
    /// # Panics
    ///
    /// If the other is of another semaphore.
    #[track_caller]
    pub fn merge(&mut self, mut other: Self) {
        let same = ptr::eq(self.semaphore, other.semaphore);
        assert!(same, "`SemaphorePermit::merge`: {FOREIGN}");
        self.permits += mem::take(&mut other.permits);
    }

    /// Hands `n` of the permits out to another. None, if there are not as many.
    pub fn split(&mut self, n: usize) -> Option<Self> {
        self.permits = self.permits.checked_sub(n)?;
        Some(SemaphorePermit { semaphore: self.semaphore, permits: n })
    }

    /// The semaphore whose permits they are.
    pub fn semaphore(&self) -> &Semaphore {
        self.semaphore
    }

    /// How many they are.
    pub fn num_permits(&self) -> usize {
        self.permits
    }
}

impl Drop for SemaphorePermit<'_> {
    fn drop(&mut self) {
        self.semaphore.add_permits(self.permits);
    }
}

/// Permits of a semaphore, which they hold, and go back to when this is dropped. From
/// [`Semaphore::acquire_owned`].
#[derive(Debug)]
#[must_use = "a permit that is not kept goes back at once"]
pub struct OwnedSemaphorePermit {
    semaphore: Arc<Semaphore>,
    permits: usize,
}

impl OwnedSemaphorePermit {
    /// Never gives the permits back: there are fewer from now on.
    pub fn forget(mut self) {
        self.permits = 0;
    }

    /// Takes the permits of another in, to give all of them back at once.
    ///
    /// # Panics
    ///
    /// If the other is of another semaphore.
    #[track_caller]
    pub fn merge(&mut self, mut other: Self) {
        let same = Arc::ptr_eq(&self.semaphore, &other.semaphore);
        assert!(same, "`OwnedSemaphorePermit::merge`: {FOREIGN}");
        self.permits += mem::take(&mut other.permits);
    }

    /// Hands `n` of the permits out to another. None, if there are not as many.
    pub fn split(&mut self, n: usize) -> Option<Self> {
        self.permits = self.permits.checked_sub(n)?;
        Some(OwnedSemaphorePermit { semaphore: self.semaphore.clone(), permits: n })
    }

    /// The semaphore whose permits they are.
    pub fn semaphore(&self) -> &Arc<Semaphore> {
        &self.semaphore
    }

    /// How many they are.
    pub fn num_permits(&self) -> usize {
        self.permits
    }
}

impl Drop for OwnedSemaphorePermit {
    fn drop(&mut self) {
        self.semaphore.add_permits(self.permits);
    }
}

const FOREIGN: &str = "merging permits from different semaphore instances";
