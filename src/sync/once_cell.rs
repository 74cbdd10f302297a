//! A value that is made once, by the first task that needs it, while the others wait for it.
//!
//! The first task takes the only permit and makes the value. If it fails or is dropped meanwhile, the permit goes to the
//! next waiter, which then tries. When the value is there the permits are closed, and all waiters find the value.
//!
//! ```text
//!             get_or_init                  the value is there
//!   empty ──────────────────▶ being made ──────────────────────▶ full
//!     ▲                           │
//!     └── error, panic, drop ─────┘   the next waiter makes it
//! ```
//!
//! Next: `barrier.rs`.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::mem;

use super::acquire::{AcquirePermits, PermitGuard};
use super::error::TryAcquireError;
use super::permits::{HasPermits, Permits};
use super::wait_queue::const_fn;
use crate::engine::prim::OnceLock;

/// A value that is written at most once, even by an asynchronous function.
///
/// ```
/// use openwork::sync::OnceCell;
///
/// static ADDRESS: OnceCell<String> = OnceCell::const_new();
///
/// # openwork::block_on(async {
/// let address = ADDRESS.get_or_init(async || "127.0.0.1".to_owned()).await;
/// assert_eq!(address, "127.0.0.1");
/// # });
/// ```
pub struct OnceCell<T> {
    /// One permit, for the task that makes the value. Closed once the value is there.
    permits: Permits,
    value: OnceLock<T>,
}

impl<T> HasPermits for OnceCell<T> {
    const WHAT: &'static str = "a once cell";

    fn permits(&self) -> &Permits {
        &self.permits
    }
}

impl<T> OnceCell<T> {
    const_fn! {
        /// A cell without a value.
        pub fn new, const_new() -> Self {
            OnceCell { permits: Permits::of_lock(1), value: OnceLock::new() }
        }
    }

    /// A cell with the value, if there is one.
    pub fn new_with(value: Option<T>) -> Self {
        value.map_or_else(OnceCell::new, OnceCell::from)
    }

    /// Whether the value is there.
    pub fn initialized(&self) -> bool {
        self.get().is_some()
    }

    /// The value, if it is there.
    pub fn get(&self) -> Option<&T> {
        self.value.get()
    }

    /// The value, if it is there.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.value.get_mut()
    }

    /// Sets the value.
    ///
    /// # Errors
    ///
    /// Returns `value`, if the cell has a value, or a task is making one.
    pub fn set(&self, value: T) -> Result<(), SetError<T>> {
        match PermitGuard::try_new(self, 1) {
            Ok(permit) => _ = self.fill(value, permit),
            Err(TryAcquireError::NoPermits) => return Err(SetError::InitializingError(value)),
            Err(TryAcquireError::Closed) => return Err(SetError::AlreadyInitializedError(value)),
        }
        Ok(())
    }

    /// The value. If it is not there, this makes it with `f`, or waits for the task that is making it.
    ///
    /// Cancel safe: if this is dropped or panics while it makes the value, the next waiter makes it.
    pub async fn get_or_init<F, Fut>(&self, f: F) -> &T
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = T>,
    {
        let Ok(value) = self.get_or_try_init(async || Ok::<T, Infallible>(f().await)).await;
        value
    }

    /// The value. If it is not there, this makes it with `f`, which may fail, or waits for the task that is making it.
    ///
    /// Cancel safe: if this is dropped or panics while it makes the value, the next waiter makes it.
    ///
    /// # Errors
    ///
    /// That of `f`. The next waiter then tries.
    pub async fn get_or_try_init<E, F, Fut>(&self, f: F) -> Result<&T, E>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        if let Some(value) = self.get() {
            return Ok(value);
        }
        let Ok(permit) = AcquirePermits::new(self, 1).await else {
            return Ok(self.get().expect("it is closed only once the value is there"));
        };
        let value = f().await?;
        Ok(self.fill(value, permit))
    }

    /// Sets the value; the only permit gives the right to.
    fn fill(&self, value: T, _permit: PermitGuard<&Self>) -> &T {
        let value = self.value.get_or_init(|| value);
        // Not before: a task that finds the permits closed relies on the value.
        self.permits.close().wake_all();
        value
    }

    /// Returns the value, if it is there.
    pub fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }

    /// Takes the value out, if it is there. The cell is then as new.
    pub fn take(&mut self) -> Option<T> {
        mem::take(self).into_inner()
    }
}

impl<T> From<T> for OnceCell<T> {
    fn from(value: T) -> Self {
        let cell = OnceCell::new();
        assert!(cell.set(value).is_ok(), "a new cell is empty");
        cell
    }
}

impl<T> Default for OnceCell<T> {
    fn default() -> Self {
        OnceCell::new()
    }
}

impl<T: Clone> Clone for OnceCell<T> {
    fn clone(&self) -> Self {
        OnceCell::new_with(self.get().cloned())
    }
}

impl<T: PartialEq> PartialEq for OnceCell<T> {
    fn eq(&self, other: &OnceCell<T>) -> bool {
        self.get() == other.get()
    }
}

impl<T: Eq> Eq for OnceCell<T> {}

impl<T: fmt::Debug> fmt::Debug for OnceCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnceCell").field("value", &self.get()).finish()
    }
}

/// A cell could not be set. It contains the value.
#[derive(Debug, PartialEq, Eq)]
pub enum SetError<T> {
    /// The cell has a value.
    AlreadyInitializedError(T),
    /// A task is making the value.
    InitializingError(T),
}

impl<T> SetError<T> {
    /// Whether the cell has a value.
    pub fn is_already_init_err(&self) -> bool {
        matches!(self, SetError::AlreadyInitializedError(_))
    }

    /// Whether a task is making the value.
    pub fn is_initializing_err(&self) -> bool {
        matches!(self, SetError::InitializingError(_))
    }
}

impl<T> fmt::Display for SetError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SetError::AlreadyInitializedError(_) => "AlreadyInitializedError",
            SetError::InitializingError(_) => "InitializingError",
        })
    }
}

impl<T: fmt::Debug> Error for SetError<T> {}
