//! The runtime's clock: the system's, or a virtual one for tests.
//!
//! A test of a program that sleeps for an hour must not take an hour. So a runtime asks no clock but this one, and
//! the clock can be **paused**. While it is paused, time does not pass while tasks run, even if a reader stops at a
//! breakpoint. When nothing is left to run, the driver, which alone knows that, moves the clock to the next deadline.
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

/// Whether time passes.
#[derive(Debug, Clone, Copy)]
enum ClockState {
    /// Time passes: it was `at` when the system's clock showed `since`.
    Running { at: Duration, since: Instant },
    /// Time does not pass, until [`Clock::advance`] or [`Clock::resume`].
    Paused { at: Duration },
}

impl Clock {
    pub(crate) fn new(paused: bool) -> Self {
        let origin = now();
        let at = Duration::ZERO;
        let state = if paused {
            ClockState::Paused { at }
        } else {
            ClockState::Running { at, since: origin }
        };
        Clock { origin, was_paused: AtomicBool::new(paused), state: Mutex::new(state) }
    }

    /// The time now.
    pub(crate) fn now(&self) -> Nanos {
        nanos(self.elapsed())
    }

    /// The time since the clock's origin.
    fn elapsed(&self) -> Duration {
        // Relaxed: a thread that misses another thread's pause reads the system's clock once more, as if it had
        // asked a moment earlier.
        if !self.was_paused.load(Ordering::Relaxed) {
            return now() - self.origin;
        }
        match *self.state.lock() {
            ClockState::Running { at, since } => at + (now() - since),
            ClockState::Paused { at } => at,
        }
    }

    /// The `Instant` that this clock shows now.
    pub(crate) fn instant(&self) -> Instant {
        // Relaxed: as in `elapsed`. Without this line a third of a time-out's instructions are sums of
        // seconds and nanoseconds, there and back.
        if !self.was_paused.load(Ordering::Relaxed) {
            return now();
        }
        self.origin + self.elapsed()
    }

    /// `instant` on this clock's scale. Before the origin is the origin.
    pub(crate) fn nanos_at(&self, instant: Instant) -> Nanos {
        nanos(instant.saturating_duration_since(self.origin))
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.was_paused.load(Ordering::Relaxed)
            && matches!(*self.state.lock(), ClockState::Paused { .. })
    }

    /// Pauses the clock. False if it was paused already.
    pub(crate) fn pause(&self) -> bool {
        let at = self.elapsed();
        self.was_paused.store(true, Ordering::Relaxed);
        let mut state = self.state.lock();
        let was_running = matches!(*state, ClockState::Running { .. });
        if was_running {
            *state = ClockState::Paused { at };
        }
        was_running
    }

    /// Resumes the clock. False if it was not paused.
    pub(crate) fn resume(&self) -> bool {
        let mut state = self.state.lock();
        match *state {
            ClockState::Paused { at } => *state = ClockState::Running { at, since: now() },
            ClockState::Running { .. } => return false,
        }
        true
    }

    /// Moves a paused clock forward. False if it is not paused.
    pub(crate) fn advance(&self, by: Duration) -> bool {
        match &mut *self.state.lock() {
            ClockState::Paused { at } => *at = at.saturating_add(by).min(FAR),
            ClockState::Running { .. } => return false,
        }
        true
    }
}

/// The latest moment: 584 years after the origin.
const FAR: Duration = Duration::from_nanos(Nanos::MAX);

/// A duration as nanoseconds; more than 584 years are 584 years.
pub(crate) fn nanos(duration: Duration) -> Nanos {
    duration.min(FAR).as_nanos() as Nanos
}
