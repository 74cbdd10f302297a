//! How does a program limit how many tasks do something at once?
//!
//! For instance use a database that refuses the 21st connection. A semaphore has a number of **permits**. A task takes
//! one or several to go on, and waits while there are too few. When it drops them, the task that has waited longest
//! gets them.
//!
//! ```
//! use std::sync::Arc;
//! use openwork::sync::Semaphore;
//!
//! # openwork::block_on(async {
//! let connections = Arc::new(Semaphore::new(20));
//! let permit = connections.clone().acquire_owned().await.unwrap();
//! openwork::spawn(async move {
//!     // … at most 20 tasks are here at once …
//!     drop(permit);
//! });
//! # });
//! ```
//!
//! The difficult part is in `permits.rs`.
//!
//! Next: `lock.rs`, where permits guard a value.

use std::mem;
use std::ops::Deref;
use std::ptr;
use std::sync::Arc;

use super::acquire::{AcquirePermits, PermitGuard, blocking};
use super::error::{AcquireError, TryAcquireError};
use super::permits::{HasPermits, Permits};
use super::wait_queue::const_fn;

/// A number of permits, which tasks take and give back. Tasks that wait get them in the order of their first polls. A
/// task that wants few permits does not overtake one that wants many.
///
/// ```
/// use openwork::sync::Semaphore;
///
/// # openwork::block_on(async {
/// let semaphore = Semaphore::new(2);
/// let permit = semaphore.acquire().await.unwrap();
/// assert_eq!(semaphore.available_permits(), 1);
/// drop(permit);
/// assert_eq!(semaphore.available_permits(), 2);
/// # });
/// ```
#[derive(Debug)]
pub struct Semaphore {
    permits: Permits,
}

impl HasPermits for Semaphore {
    const WHAT: &'static str = "a permit";

    fn permits(&self) -> &Permits {
        &self.permits
    }
}

/// Waits for permits. From [`Semaphore::acquire`] and [`Semaphore::acquire_many`].
pub type Acquire<'a> = AcquirePermits<&'a Semaphore>;

/// Waits for permits. From [`Semaphore::acquire_owned`] and [`Semaphore::acquire_many_owned`].
pub type AcquireOwned = AcquirePermits<Arc<Semaphore>>;

/// Permits of a semaphore, which are released when this is dropped. From [`Semaphore::acquire`].
pub type SemaphorePermit<'a> = PermitGuard<&'a Semaphore>;

/// Permits of a semaphore, which they own, and which are released when this is dropped. From
/// [`Semaphore::acquire_owned`].
pub type OwnedSemaphorePermit = PermitGuard<Arc<Semaphore>>;

impl Semaphore {
    /// The most permits that a semaphore can have: `usize::MAX >> 3`.
    pub const MAX_PERMITS: usize = Permits::MAX;

    const_fn! {
        /// A semaphore with so many permits.
        ///
        /// # Panics
        ///
        /// If `permits` is more than [`MAX_PERMITS`](Semaphore::MAX_PERMITS).
        #[track_caller]
        pub fn new, const_new(permits: usize) -> Self {
            Semaphore { permits: Permits::new(permits) }
        }
    }

    /// How many permits can be taken now.
    pub fn available_permits(&self) -> usize {
        self.permits.available()
    }

    /// Adds `n` new permits. On a closed semaphore they are counted, but cannot be taken.
    ///
    /// # Panics
    ///
    /// If there are more than [`MAX_PERMITS`](Semaphore::MAX_PERMITS) then.
    #[track_caller]
    pub fn add_permits(&self, n: usize) {
        self.permits.add(n);
    }

    /// Removes up to `n` permits for good, of those that can be taken now. Returns how many.
    pub fn forget_permits(&self, n: usize) -> usize {
        self.permits.forget(n)
    }

    /// Waits for a permit.
    ///
    /// Cancel safe: the place in the queue is lost, and a permit that was assigned goes to the next waiter.
    ///
    /// # Errors
    ///
    /// If the semaphore is closed.
    pub fn acquire(&self) -> Acquire<'_> {
        self.acquire_many(1)
    }

    /// Waits for `n` permits at once. The first waiter keeps the permits that come one by one.
    ///
    /// Cancel safe: the place in the queue is lost, and permits that were assigned go to the next waiter.
    ///
    /// # Errors
    ///
    /// If the semaphore is closed.
    #[track_caller]
    pub fn acquire_many(&self, n: u32) -> Acquire<'_> {
        Acquire::new(self, n as usize)
    }

    /// Waits for a permit that owns the semaphore instead of borrowing it.
    ///
    /// Cancel safe: the place in the queue is lost, and a permit that was assigned goes to the next waiter.
    ///
    /// # Errors
    ///
    /// If the semaphore is closed.
    pub fn acquire_owned(self: Arc<Self>) -> AcquireOwned {
        self.acquire_many_owned(1)
    }

    /// Waits for `n` permits at once, which own the semaphore instead of borrowing it.
    ///
    /// Cancel safe: the place in the queue is lost, and permits that were assigned go to the next waiter.
    ///
    /// # Errors
    ///
    /// If the semaphore is closed.
    #[track_caller]
    pub fn acquire_many_owned(self: Arc<Self>, n: u32) -> AcquireOwned {
        AcquireOwned::new(self, n as usize)
    }

    /// Takes a permit if there is one now.
    ///
    /// # Errors
    ///
    /// `NoPermits` if there is none, `Closed` if the semaphore is closed.
    pub fn try_acquire(&self) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// Takes `n` permits if there are enough now.
    ///
    /// # Errors
    ///
    /// `NoPermits` if there are too few, `Closed` if the semaphore is closed.
    pub fn try_acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        PermitGuard::try_new(self, n as usize)
    }

    /// Takes a permit that owns the semaphore, if there is one now.
    ///
    /// # Errors
    ///
    /// `NoPermits` if there is none, `Closed` if the semaphore is closed.
    pub fn try_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.try_acquire_many_owned(1)
    }

    /// Takes `n` permits that own the semaphore, if there are enough now.
    ///
    /// # Errors
    ///
    /// `NoPermits` if there are too few, `Closed` if the semaphore is closed.
    pub fn try_acquire_many_owned(
        self: Arc<Self>,
        n: u32,
    ) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        PermitGuard::try_new(self, n as usize)
    }

    /// Blocks the thread until there is a permit.
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
        blocking("Semaphore::blocking_acquire", self.acquire())
    }

    /// Blocks the thread until there are `n` permits.
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
        blocking("Semaphore::blocking_acquire_many", self.acquire_many(n))
    }

    /// Blocks the thread until there is a permit, which owns the semaphore.
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
        blocking("Semaphore::blocking_acquire_owned", self.acquire_owned())
    }

    /// Blocks the thread until there are `n` permits, which own the semaphore.
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
        blocking("Semaphore::blocking_acquire_many_owned", self.acquire_many_owned(n))
    }

    /// Closes the semaphore: tasks that wait for a permit, now or later, get an error. Permits that were acquired stay
    /// valid, and `available_permits` stays as it is.
    pub fn close(&self) {
        self.permits.close().wake_all();
    }

    /// Whether the semaphore is closed.
    pub fn is_closed(&self) -> bool {
        self.permits.is_closed()
    }
}

impl<G: Deref<Target = Semaphore>> PermitGuard<G> {
    /// Takes over the permits of another guard, to release all of them at once.
    ///
    /// # Panics
    ///
    /// If the other permits are of another semaphore.
    #[track_caller]
    pub fn merge(&mut self, mut other: Self) {
        assert!(
            ptr::eq(&*self.from, &*other.from),
            "`SemaphorePermit::merge`: merging permits from different semaphore instances"
        );
        self.permits += mem::take(&mut other.permits);
    }

    /// Moves `n` of the permits to another guard. None if there are not as many.
    pub fn split(&mut self, n: usize) -> Option<Self>
    where
        G: Clone,
    {
        self.permits = self.permits.checked_sub(n)?;
        Some(PermitGuard { from: self.from.clone(), permits: n })
    }

    /// How many permits these are.
    pub fn num_permits(&self) -> usize {
        self.permits
    }
}

impl SemaphorePermit<'_> {
    /// The semaphore whose permits these are.
    pub fn semaphore(&self) -> &Semaphore {
        self.from
    }
}

impl OwnedSemaphorePermit {
    /// The semaphore whose permits these are.
    pub fn semaphore(&self) -> &Arc<Semaphore> {
        &self.from
    }
}
