//! Waiting until a moment.
//!
//! A [`Sleep`] is a deadline and, once it was polled, the key of a timer in its runtime. All the work is
//! the driver's: it fires the timer, which wakes the task that polled the sleep last.
//!
//! Next: `timeout.rs`, a sleep beside something else.

use std::fmt;
use std::future::Future;
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;

use super::Instant;
use crate::engine::coop;
use crate::runtime::Handle;

/// Waits for `duration`, and not less. A duration that reaches beyond the calendar is about thirty years.
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
/// Outside of a runtime; and when it is polled after its runtime has ended.
#[track_caller]
pub fn sleep(duration: Duration) -> Sleep {
    Sleep::after(Handle::current_for("time::sleep"), duration)
}

/// Waits until `deadline`. One that has passed is ready at the first poll, or after one turn of the timers.
///
/// # Panics
///
/// As [`sleep`].
#[track_caller]
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep::new(Handle::current_for("time::sleep_until"), deadline)
}

pin_project! {
    /// Waits until its deadline. From [`sleep`] and [`sleep_until`].
    ///
    /// It may be polled again after it was ready, and is then ready again.
    #[must_use = "futures do nothing unless awaited"]
    pub struct Sleep {
        handle: Handle,
        deadline: Instant,
        // The timer, from the first poll until it has fired.
        timer: Option<u32>,
        elapsed: bool,
        // As in Tokio, so that code moves from one to the other either way.
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

    /// Now, by the clock that it waits for.
    pub(super) fn now(&self) -> Instant {
        Instant::now_in(&self.handle)
    }

    pub(crate) fn after(handle: Handle, duration: Duration) -> Self {
        let deadline = Instant::now_in(&handle).saturating_add(duration);
        Self::new(handle, deadline)
    }

    /// The moment until which it waits.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Whether the timer has fired. It does so only after the sleep was polled once.
    pub fn is_elapsed(&self) -> bool {
        let driver = &self.handle.inner.shared.driver;
        self.elapsed || self.timer.is_some_and(|key| driver.has_timer_fired(key))
    }

    /// Waits until another moment from now on, even if it has fired already. Whoever polled it last will
    /// be woken then.
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

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep")
            .field("deadline", &self.deadline)
            .field("timer", &self.timer)
            .field("elapsed", &self.elapsed)
            .finish_non_exhaustive()
    }
}
