//! The runtime's clock: the system's, or a virtual one for tests.
//!
//! A test of a program that sleeps for an hour must not take an hour. So a runtime asks no clock but this one, and
//! the clock can be **paused**. While it is paused, time does not pass while tasks run, even if you stop them in a
//! debugger. When nothing is left to run, the driver moves the clock to the next deadline.
//!
//! Inside the engine a moment is a `u64`: nanoseconds since the clock was made, its *origin*. That reaches 584
//! years, is half the size of an `Instant`, and is easy to read in a debugger and in a trace.
//!
//! Next: `random.rs`, which must also be the same in each run of a test.

use std::time::{Duration, Instant};

use super::prim::atomic::{AtomicBool, Ordering};
use super::prim::{Mutex, now};

/// A moment, in nanoseconds since the clock's origin.
pub(crate) type Nanos = u64;

/// The runtime's only source of time.
#[derive(Debug)]
pub(crate) struct Clock {
    origin: Instant,
    /// Set by the first pause, for good. Until then the time is read without the lock.
    was_paused: AtomicBool,
    state: Mutex<ClockState>,
}

/// Which time it is, and whether time passes.
#[derive(Debug, Clone, Copy)]
struct ClockState {
    /// The time since the origin, at the last change of this state.
    elapsed: Duration,
    /// What the system's clock showed then; `None` if the clock is paused.
    running_since: Option<Instant>,
}

impl ClockState {
    /// The time since the origin, when the system's clock shows `now`.
    fn elapsed_at(&self, now: Instant) -> Duration {
        let since = |since: Instant| now.saturating_duration_since(since);
        self.elapsed + self.running_since.map_or(Duration::ZERO, since)
    }
}

impl Clock {
    pub(crate) fn new(paused: bool) -> Self {
        let origin = now();
        let running_since = (!paused).then_some(origin);
        let state = ClockState { elapsed: Duration::ZERO, running_since };
        Clock { origin, was_paused: AtomicBool::new(paused), state: Mutex::new(state) }
    }

    /// The time now.
    pub(crate) fn now(&self) -> Nanos {
        nanos(self.elapsed())
    }

    /// The time since the clock's origin.
    fn elapsed(&self) -> Duration {
        self.elapsed_and_running().0
    }

    /// The time since the clock's origin, by this clock and by the system's.
    pub(crate) fn elapsed_and_running(&self) -> (Duration, Duration) {
        let now = now();
        let running = now - self.origin;
        // Relaxed: a thread that misses another thread's pause reads the system's clock once more.
        if !self.was_paused.load(Ordering::Relaxed) {
            return (running, running);
        }
        (self.state.lock().elapsed_at(now), running)
    }

    pub(crate) fn origin(&self) -> Instant {
        self.origin
    }

    /// The `Instant` that this clock shows now.
    pub(crate) fn instant(&self) -> Instant {
        // Relaxed: as in `elapsed`. Without this line a third of a time-out's instructions convert an `Instant` to a
        // `Duration` and back.
        if !self.was_paused.load(Ordering::Relaxed) {
            return now();
        }
        self.origin + self.elapsed()
    }

    /// `instant` on this clock's scale. An instant before the origin counts as the origin.
    pub(crate) fn nanos_at(&self, instant: Instant) -> Nanos {
        nanos(instant.saturating_duration_since(self.origin))
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.was_paused.load(Ordering::Relaxed) && self.state.lock().running_since.is_none()
    }

    /// Pauses the clock. False if it was paused already.
    pub(crate) fn pause(&self) -> bool {
        let mut state = self.state.lock();
        self.was_paused.store(true, Ordering::Relaxed);
        state.elapsed = state.elapsed_at(now());
        state.running_since.take().is_some()
    }

    /// Resumes the clock. False if it was not paused.
    pub(crate) fn resume(&self) -> bool {
        let mut state = self.state.lock();
        let was_paused = state.running_since.is_none();
        state.running_since.get_or_insert_with(now);
        was_paused
    }

    /// Moves a paused clock forward. False if it is not paused.
    pub(crate) fn advance(&self, by: Duration) -> bool {
        let mut state = self.state.lock();
        let is_paused = state.running_since.is_none();
        if is_paused {
            state.elapsed = state.elapsed.saturating_add(by).min(FAR);
        }
        is_paused
    }
}

/// The latest moment: 584 years after the origin.
const FAR: Duration = Duration::from_nanos(Nanos::MAX);

/// A duration as nanoseconds; more than 584 years are 584 years.
pub(crate) fn nanos(duration: Duration) -> Nanos {
    duration.min(FAR).as_nanos() as Nanos
}
