//! What time is it? Twice: for the world, and for a test that has none to lose.
//!
//! A program that sleeps for an hour is correct or not; nobody wants to wait an hour to learn which.
//! So a runtime never asks the system for the time but this clock, and the clock can be **paused**.
//! A paused clock stands still while tasks run, also while a reader sits at a breakpoint, and jumps
//! when the runtime has nothing left to do, straight to the next deadline. (Who decides that is the
//! driver, which alone knows that there is nothing to do.)
//!
//! Inside the engine a moment is a `u64`: nanoseconds since the clock was made, its *origin*. That is
//! 584 years, half the size of an `Instant`, and it reads well in a debugger and in a trace.
//!
//! Next: `random.rs`, the other thing that must be the same in each run of a test.

use std::time::{Duration, Instant};

use super::prim::atomic::{AtomicBool, Ordering};
use super::prim::{Mutex, now};

/// A moment, in nanoseconds since the clock's origin.
pub(crate) type Nanos = u64;

/// The runtime's only source of time.
#[derive(Debug)]
pub(crate) struct Clock {
    origin: Instant,
    /// Set for good by the first pause: until then nobody takes the lock to learn the time.
    was_paused: AtomicBool,
    hand: Mutex<Hand>,
}

/// Where the clock's hand is.
#[derive(Debug, Clone, Copy)]
enum Hand {
    /// It moves: it stood at `at` when the real time was `since`.
    Moves { at: Duration, since: Instant },
    /// It stands still until someone moves it.
    Stands { at: Duration },
}

impl Clock {
    pub(crate) fn new(paused: bool) -> Self {
        let origin = now();
        let at = Duration::ZERO;
        let hand = if paused { Hand::Stands { at } } else { Hand::Moves { at, since: origin } };
        Clock { origin, was_paused: AtomicBool::new(paused), hand: Mutex::new(hand) }
    }

    /// The time now.
    pub(crate) fn now(&self) -> Nanos {
        nanos(self.elapsed())
    }

    /// The time since the clock's origin.
    fn elapsed(&self) -> Duration {
        // Relaxed: a thread that misses another thread's pause reads the real time once more, as if
        // it had asked a moment earlier.
        if !self.was_paused.load(Ordering::Relaxed) {
            return now() - self.origin;
        }
        match *self.hand.lock() {
            Hand::Moves { at, since } => at + (now() - since),
            Hand::Stands { at } => at,
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
        self.was_paused.load(Ordering::Relaxed) && matches!(*self.hand.lock(), Hand::Stands { .. })
    }

    /// Stops the hand. False if it already stood.
    pub(crate) fn pause(&self) -> bool {
        let at = self.elapsed();
        self.was_paused.store(true, Ordering::Relaxed);
        let mut hand = self.hand.lock();
        let moved = matches!(*hand, Hand::Moves { .. });
        if moved {
            *hand = Hand::Stands { at };
        }
        moved
    }

    /// Lets the hand move again. False if it did not stand.
    pub(crate) fn resume(&self) -> bool {
        let mut hand = self.hand.lock();
        match *hand {
            Hand::Stands { at } => *hand = Hand::Moves { at, since: now() },
            Hand::Moves { .. } => return false,
        }
        true
    }

    /// Moves a standing hand forward. False if it does not stand.
    pub(crate) fn advance(&self, by: Duration) -> bool {
        match &mut *self.hand.lock() {
            Hand::Stands { at } => *at = at.saturating_add(by).min(FAR),
            Hand::Moves { .. } => return false,
        }
        true
    }
}

/// As far as the hand goes: 584 years.
const FAR: Duration = Duration::from_nanos(Nanos::MAX);

/// A duration as nanoseconds; more than 584 years are 584 years.
pub(crate) fn nanos(duration: Duration) -> Nanos {
    duration.min(FAR).as_nanos() as Nanos
}
