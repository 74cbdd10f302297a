//! Ticks at a fixed rate, without drift.
//!
//! A task that sleeps for a second after each piece of work drifts: each tick is late by the time of the work.
//! So an interval has a **grid** of moments, *start, start + period, start + 2 × period …*, and each tick
//! returns the moment for which it was planned, however late it comes. A tick may come so late that others were
//! missed; [`MissedTickBehavior`] says what follows it:
//!
//! ```text
//!   grid    |     1     |     2     |     3     |     4     |     5     |     6     |
//!   Burst   | work -----|          delay          | work| work| work| work-----|        catches up
//!   Delay   | work -----|          delay          | work -----| work -----| work -----|  a new grid
//!   Skip    | work -----|          delay          | work --|  work -----|  work -----|   the old grid
//! ```
//!
//! A tick within 5 ms of its moment counts as on time: no task runs at the very nanosecond, and with `Delay` each of
//! those nanoseconds would shift the grid.
//!
//! Next: `pause.rs`, which controls the clock.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::{Instant, Sleep};
use crate::runtime::Handle;

/// A tick that is late by more was missed. Tokio's number, whose timers count whole milliseconds. So a busy
/// machine does not shift the grid.
const ON_TIME: Duration = Duration::from_millis(5);

/// Returns an interval that ticks at once, and then every `period`.
///
/// ```
/// use openwork::time::{Duration, Instant, interval};
///
/// # openwork::block_on(async {
/// let start = Instant::now();
/// let mut interval = interval(Duration::from_millis(2));
/// for _ in 0..3 {
///     interval.tick().await;
/// }
/// assert!(start.elapsed() >= Duration::from_millis(4));
/// # });
/// ```
///
/// # Panics
///
/// If `period` is zero, and outside of a runtime.
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    let handle = Handle::current_for("time::interval");
    let start = Instant::now_in(&handle.inner);
    Interval::new("time::interval", handle, start, period)
}

/// Returns an interval that ticks at `start`, and then every `period`.
///
/// # Panics
///
/// If `period` is zero, and outside of a runtime.
#[track_caller]
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    Interval::new("time::interval_at", Handle::current_for("time::interval_at"), start, period)
}

/// What an [`Interval`] does when ticks were missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissedTickBehavior {
    /// Catches up: the missed ticks come immediately one after the other.
    #[default]
    Burst,
    /// Starts a new grid: the next tick comes a whole period after the late one.
    Delay,
    /// Skips the missed ticks: the next one comes at the next moment of the old grid.
    Skip,
}

impl MissedTickBehavior {
    /// The moment of the next tick, after a tick that was planned for `planned` and came `now`.
    fn next(self, planned: Instant, now: Instant, period: Duration) -> Instant {
        let late = now.saturating_duration_since(planned);
        match self {
            _ if late <= ON_TIME => planned.saturating_add(period),
            MissedTickBehavior::Burst => planned.saturating_add(period),
            MissedTickBehavior::Delay => now.saturating_add(period),
            MissedTickBehavior::Skip => {
                // Below `late`, and so below the 584 years of 64 bits.
                let since_last = (late.as_nanos() % period.as_nanos()) as u64;
                now.saturating_add(period - Duration::from_nanos(since_last))
            }
        }
    }
}

/// Ticks at a fixed rate. From [`interval()`] and [`interval_at`].
#[derive(Debug)]
pub struct Interval {
    /// Waits until the next tick. Boxed, so that an interval can be moved between two ticks.
    delay: Pin<Box<Sleep>>,
    period: Duration,
    missed_tick_behavior: MissedTickBehavior,
}

impl Interval {
    #[track_caller]
    fn new(call: &str, handle: Handle, start: Instant, period: Duration) -> Self {
        assert!(period > Duration::ZERO, "`{call}`: `period` must be non-zero");
        Interval {
            delay: Box::pin(Sleep::new(handle, start)),
            period,
            missed_tick_behavior: MissedTickBehavior::default(),
        }
    }

    /// Waits for the next tick, and returns the moment for which it was planned.
    ///
    /// Cancel safe: no tick is lost.
    pub fn tick(&mut self) -> impl Future<Output = Instant> + Unpin {
        poll_fn(|cx| self.poll_tick(cx))
    }

    /// Polls for the next tick, as [`tick`](Interval::tick) does. Only the waker of the last call is woken, and
    /// only if that call has returned `Pending`.
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        ready!(self.delay.as_mut().poll(cx));
        let planned = self.delay.deadline();
        let next = self.missed_tick_behavior.next(planned, self.delay.now(), self.period);
        self.delay.as_mut().reset(next);
        Poll::Ready(planned)
    }

    /// Starts a new grid: the next tick comes a period from now.
    pub fn reset(&mut self) {
        self.reset_after(self.period);
    }

    /// Starts a new grid: the next tick comes at once.
    pub fn reset_immediately(&mut self) {
        self.reset_after(Duration::ZERO);
    }

    /// Starts a new grid: the next tick comes after this time.
    pub fn reset_after(&mut self, after: Duration) {
        self.reset_at(self.delay.now().saturating_add(after));
    }

    /// Starts a new grid: the next tick comes at this moment.
    pub fn reset_at(&mut self, deadline: Instant) {
        self.delay.as_mut().reset(deadline);
    }

    /// Returns what the interval does when ticks were missed.
    pub fn missed_tick_behavior(&self) -> MissedTickBehavior {
        self.missed_tick_behavior
    }

    /// Sets what the interval does when ticks were missed. The default is [`MissedTickBehavior::Burst`].
    pub fn set_missed_tick_behavior(&mut self, behavior: MissedTickBehavior) {
        self.missed_tick_behavior = behavior;
    }

    /// Returns the time between two ticks.
    pub fn period(&self) -> Duration {
        self.period
    }
}
