//! Waits until a moment.
//!
//! A [`Sleep`] is a deadline and, after its first poll, the key of a timer in its runtime. The driver fires the
//! timer, which wakes the task that has polled the sleep last.
//!
//! Next: `timeout.rs`, a sleep beside another future.

use std::future::Future;
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;

use super::Instant;
use crate::engine::coop;
use crate::runtime::Handle;

/// Waits for at least `duration`. A duration whose end cannot be represented counts as about thirty years.
///
/// Cancel safe: dropping the future removes its timer.
///
/// ```
/// use openwork::time::{Duration, Instant, sleep};
///
/// # openwork::block_on(async {
/// let start = Instant::now();
/// sleep(Duration::from_millis(5)).await;
/// assert!(start.elapsed() >= Duration::from_millis(5));
/// # });
/// ```
///
/// # Panics
///
/// Outside of a runtime. A poll panics after the runtime has ended.
#[track_caller]
pub fn sleep(duration: Duration) -> Sleep {
    Sleep::after(Handle::current_for("time::sleep"), duration)
}

/// Waits until `deadline`. If it has passed, the future is ready at the first poll or after one tick of the driver.
///
/// Cancel safe: dropping the future removes its timer.
///
/// # Panics
///
/// Outside of a runtime. A poll panics after the runtime has ended.
#[track_caller]
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep::new(Handle::current_for("time::sleep_until"), deadline)
}

pin_project! {
    /// Waits until its deadline. From [`sleep`] and [`sleep_until`].
    ///
    /// It may be polled again after it was ready, and is ready then.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct Sleep {
        handle: Handle,
        deadline: Instant,
        // The key of the timer, from the first poll until the timer has fired.
        timer: Option<u32>,
        elapsed: bool,
        // Like Tokio's, which is never `Unpin`: so code can move between the two crates.
        #[pin]
        not_unpin: PhantomPinned,
    }

    impl PinnedDrop for Sleep {
        fn drop(this: Pin<&mut Self>) {
            if let Some(key) = this.timer {
                this.handle.inner.shared.driver.cancel_timer(key);
            }
        }
    }
}

impl Sleep {
    pub(super) fn new(handle: Handle, deadline: Instant) -> Self {
        Sleep { handle, deadline, timer: None, elapsed: false, not_unpin: PhantomPinned }
    }

    /// The time by the clock that it waits for.
    pub(super) fn now(&self) -> Instant {
        Instant::now_in(&self.handle.inner)
    }

    pub(crate) fn after(handle: Handle, duration: Duration) -> Self {
        let deadline = Instant::now_in(&handle.inner).saturating_add(duration);
        Self::new(handle, deadline)
    }

    /// Returns the moment until which it waits.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Whether the timer has fired. There is no timer before the first poll.
    pub fn is_elapsed(&self) -> bool {
        let driver = &self.handle.inner.shared.driver;
        self.elapsed || self.timer.is_some_and(|key| driver.has_timer_fired(key))
    }

    /// Changes the deadline, even if the timer has fired already. At the new one the task that has polled the
    /// sleep last is woken.
    pub fn reset(self: Pin<&mut Self>, deadline: Instant) {
        let this = self.project();
        *this.deadline = deadline;
        *this.elapsed = false;
        let driver = &this.handle.inner.shared.driver;
        driver.reset_timer(this.timer, driver.clock.nanos_at(deadline.into_std()));
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        ready!(coop::poll_proceed(cx));
        let this = self.project();
        if !*this.elapsed {
            let driver = &this.handle.inner.shared.driver;
            let due = driver.clock.nanos_at(this.deadline.into_std());
            *this.elapsed = driver
                .poll_timer(this.timer, due, cx.waker())
                .expect("a sleep cannot be awaited after its runtime has been shut down");
        }
        if !*this.elapsed {
            return Poll::Pending;
        }
        coop::made_progress();
        Poll::Ready(())
    }
}
