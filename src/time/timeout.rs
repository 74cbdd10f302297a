//! A limit on the time for which a future is awaited.
//!
//! A time-out needs nothing from the future that it limits: it polls the future, and after it the deadline, and if the
//! deadline comes first, it drops the future. Cancellation is no more than that.
//!
//! Next: `interval.rs`, one sleep after the other.

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

/// Awaits a future, at most for `duration`.
///
/// The future is polled first: one that is ready beats a deadline long past. After the deadline the
/// future is dropped with the [`Timeout`].
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
/// [`Elapsed`] if the time was up first.
///
/// # Panics
///
/// Outside of a runtime.
#[track_caller]
pub fn timeout<F: IntoFuture>(duration: Duration, future: F) -> Timeout<F::IntoFuture> {
    let handle = Handle::current_for("time::timeout");
    Timeout { value: future.into_future(), delay: Sleep::after(handle, duration) }
}

/// Awaits a future, at most until `deadline`; otherwise as [`timeout()`].
#[track_caller]
pub fn timeout_at<F: IntoFuture>(deadline: Instant, future: F) -> Timeout<F::IntoFuture> {
    let handle = Handle::current_for("time::timeout_at");
    Timeout { value: future.into_future(), delay: Sleep::new(handle, deadline) }
}

pin_project! {
    /// A future with a limit. From [`timeout()`] and [`timeout_at`].
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
    /// The future.
    pub fn get_ref(&self) -> &T {
        &self.value
    }

    /// The future.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.value
    }

    /// The future, without the limit.
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

/// Polls the limit of something that was polled just before, and was pending.
pub(crate) fn poll_limit(
    limit: Pin<&mut Sleep>,
    had_budget: bool,
    cx: &mut Context<'_>,
) -> Poll<Elapsed> {
    // Something that spends the whole budget in each poll must not keep its own limit from being looked
    // at. But if the budget was gone before, the limit waits for its turn too.
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

    /// The time was up.
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
