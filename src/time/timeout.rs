//! A limit on the time for which a future is awaited.
//!
//! A time-out asks nothing of the future that it limits: it polls the future, and then the deadline. If the
//! deadline is reached first, the future is dropped, which cancels it.
//!
//! Next: `interval.rs`, a sleep after each tick.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;

use super::{Instant, Sleep};
use crate::engine::coop;
use crate::runtime::Handle;

use error::Elapsed;

/// Awaits a future for at most `duration`.
///
/// The future is polled first: if it is ready, its output is returned even after the deadline. Cancel safe if
/// the future is.
///
/// ```
/// use openwork::time::{Duration, timeout};
///
/// # openwork::block_on(async {
/// let never = std::future::pending::<()>();
/// assert!(timeout(Duration::from_millis(5), never).await.is_err());
/// # });
/// ```
///
/// # Errors
///
/// [`Elapsed`], if the deadline was reached first.
///
/// # Panics
///
/// Outside of a runtime.
#[track_caller]
pub fn timeout<F: IntoFuture>(duration: Duration, future: F) -> Timeout<F::IntoFuture> {
    let handle = Handle::current_for("time::timeout");
    Timeout { value: future.into_future(), delay: Sleep::after(handle, duration) }
}

/// Awaits a future until `deadline` at most; see [`timeout()`].
///
/// # Errors
///
/// [`Elapsed`], if the deadline was reached first.
///
/// # Panics
///
/// Outside of a runtime.
#[track_caller]
pub fn timeout_at<F: IntoFuture>(deadline: Instant, future: F) -> Timeout<F::IntoFuture> {
    let handle = Handle::current_for("time::timeout_at");
    Timeout { value: future.into_future(), delay: Sleep::new(handle, deadline) }
}

pin_project! {
    /// Awaits a future until a deadline. From [`timeout()`] and [`timeout_at`].
    #[must_use = "futures do nothing unless awaited"]
    #[derive(Debug)]
    pub struct Timeout<T> {
        #[pin]
        value: T,
        #[pin]
        delay: Sleep,
    }
}

impl<T> Timeout<T> {
    /// Returns a reference to the future.
    pub fn get_ref(&self) -> &T {
        &self.value
    }

    /// Returns a mutable reference to the future.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.value
    }

    /// Returns the future, without the limit.
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T: Future> Future for Timeout<T> {
    type Output = Result<T::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let had_budget = coop::has_budget();
        if let Poll::Ready(value) = this.value.poll(cx) {
            return Poll::Ready(Ok(value));
        }
        poll_limit(this.delay, had_budget, cx).map(Err)
    }
}

/// Polls the limit of an operation that was polled just before, and was pending.
pub(crate) fn poll_limit(
    limit: Pin<&mut Sleep>,
    had_budget: bool,
    cx: &mut Context<'_>,
) -> Poll<Elapsed> {
    // An operation that spends the whole budget in each poll must not prevent its own limit from being polled. But if
    // the budget was spent before the operation, the limit waits for the next poll too.
    let elapsed = if had_budget && !coop::has_budget() {
        coop::with_unconstrained(|| limit.poll(cx))
    } else {
        limit.poll(cx)
    };
    elapsed.map(|()| Elapsed(()))
}

/// The errors of this module.
pub mod error {
    use super::{fmt, io};

    /// The deadline was reached.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Elapsed(pub(super) ());

    impl fmt::Display for Elapsed {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("deadline has elapsed")
        }
    }

    impl std::error::Error for Elapsed {}

    impl From<Elapsed> for io::Error {
        fn from(elapsed: Elapsed) -> io::Error {
            io::Error::new(io::ErrorKind::TimedOut, elapsed)
        }
    }
}
