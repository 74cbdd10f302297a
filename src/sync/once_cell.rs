//! A value that is made once, by whoever needs it first, while the others wait for it.
//!
//! The first who comes takes the only permit there is and makes the value. If that fails, or is given up
//! half-way, the permit goes to the next in line, who then tries. When the value is there the permits are
//! closed, and all who wait look again.
//!
//! ```text
//!             get_or_init                  the value is there
//!   empty ──────────────────▶ being made ──────────────────────▶ full
//!     ▲                           │
//!     └── error, panic, drop ─────┘   the next in line makes it
//! ```
//!
//! ```
//! use openwork::sync::OnceCell;
//!
//! static ADDRESS: OnceCell<String> = OnceCell::const_new();
//!
//! # openwork::block_on(async {
//! let address = ADDRESS.get_or_init(async || "127.0.0.1".to_owned()).await;
//! assert_eq!(address, "127.0.0.1");
//! # });
//! ```
//!
//! Next: `barrier.rs`.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::error::{AcquireError, TryAcquireError};
use super::lock::{HasRaw, Hold, RawLock};
use super::permits::{Acquire, Gate, Permits};
use crate::engine::prim::OnceLock;
use crate::engine::trace::Waiting;

/// A value that is written at most once, also by an asynchronous function.
pub struct OnceCell<T> {
    /// One permit, for who makes the value. Closed once it is there.
    raw: RawLock,
    value: OnceLock<T>,
}

impl<T> HasRaw for OnceCell<T> {
    fn raw(&self) -> &RawLock {
        &self.raw
    }
}

impl<T> Gate for OnceCell<T> {
    fn permits(&self) -> &Permits {
        &self.raw.permits
    }

    fn waiting(&self) -> Waiting {
        self.raw.waiting("a once cell")
    }

    fn is_exclusive(&self, permits: usize) -> bool {
        self.raw.is_exclusive(permits)
    }
}

impl<T> OnceCell<T> {
    /// A cell without a value.
    pub fn new() -> Self {
        OnceCell { raw: RawLock::new(1), value: OnceLock::new() }
    }

    /// As [`new`](OnceCell::new), for a `static`.
    #[cfg(not(loom))]
    pub const fn const_new() -> Self {
        OnceCell { raw: RawLock::new(1), value: OnceLock::new() }
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
    /// With the new value, if there is one already, or if it is just being made.
    pub fn set(&self, value: T) -> Result<(), SetError<T>> {
        if self.initialized() {
            return Err(SetError::AlreadyInitializedError(value));
        }
        match Hold::try_new(self, 1) {
            Ok(turn) => _ = self.fill(value, turn),
            Err(TryAcquireError::NoPermits) => return Err(SetError::InitializingError(value)),
            Err(TryAcquireError::Closed) => return Err(SetError::AlreadyInitializedError(value)),
        }
        Ok(())
    }

    /// The value; it is made by `f` if it is not there yet, and waited for if somebody makes it already.
    ///
    /// Cancel safe: if this is dropped while it makes the value, or panics, the next who waits does it.
    pub async fn get_or_init<F, Fut>(&self, f: F) -> &T
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = T>,
    {
        let Ok(value) = self.get_or_try_init(async || Ok::<T, Infallible>(f().await)).await;
        value
    }

    /// As [`get_or_init`](OnceCell::get_or_init), for a function that may fail. If it does, the next who
    /// waits tries.
    ///
    /// # Errors
    ///
    /// That of `f`.
    pub async fn get_or_try_init<E, F, Fut>(&self, f: F) -> Result<&T, E>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        if let Some(value) = self.get() {
            return Ok(value);
        }
        let Ok(turn) = (Turn { acquire: Acquire::new(self, 1) }).await else {
            return Ok(self.get().expect("it is closed only once the value is there"));
        };
        let value = f().await?;
        Ok(self.fill(value, turn))
    }

    /// Puts the value in, by right of the only permit.
    fn fill<'a>(&'a self, value: T, turn: Hold<&'a Self>) -> &'a T {
        let value = self.value.get_or_init(|| value);
        // Only now: a caller that finds it closed relies on the value.
        let wakers = self.raw.permits.close();
        drop(turn);
        wakers.wake_all();
        value
    }

    /// The value, if it is there.
    pub fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }

    /// Takes the value out, if it is there. The cell is then as new.
    pub fn take(&mut self) -> Option<T> {
        mem::take(self).into_inner()
    }
}

/// Waits for the right to make the value. Closed: it is there.
struct Turn<'a, T> {
    acquire: Acquire<&'a OnceCell<T>>,
}

impl<'a, T> Future for Turn<'a, T> {
    type Output = Result<Hold<&'a OnceCell<T>>, AcquireError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Hold::poll(&mut self.acquire, cx, "OnceCell::get_or_init")
    }
}

impl<T> From<T> for OnceCell<T> {
    fn from(value: T) -> Self {
        let cell = OnceCell { raw: RawLock::new(1), value: OnceLock::from(value) };
        // Nobody waits yet.
        let _nobody = cell.raw.permits.close();
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

/// Why a cell could not be set, with the value.
#[derive(Debug, PartialEq, Eq)]
pub enum SetError<T> {
    /// The cell has a value already.
    AlreadyInitializedError(T),
    /// Somebody is just making the value.
    InitializingError(T),
}

impl<T> SetError<T> {
    /// Whether the cell has a value already.
    pub fn is_already_init_err(&self) -> bool {
        matches!(self, SetError::AlreadyInitializedError(_))
    }

    /// Whether somebody is just making the value.
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
