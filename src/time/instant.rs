//! A moment, by the clock of the runtime.
//!
//! Std's `Instant` knows only the real time. This one asks the runtime that the thread is in, whose
//! clock may stand still, and is std's in everything else.
//!
//! Next: `sleep.rs`.

use std::fmt;
use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::time::Duration;

use crate::runtime::Handle;

/// A moment, to be compared and subtracted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant {
    std: std::time::Instant,
}

/// What stands for "never": about thirty years.
const NEVER: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

impl Instant {
    /// Now: by the clock of the runtime that this thread is in, and by the system's outside of one.
    pub fn now() -> Instant {
        match Handle::try_current() {
            Ok(handle) => Self::now_in(&handle),
            Err(_) => Instant::from_std(std::time::Instant::now()),
        }
    }

    pub(crate) fn now_in(handle: &Handle) -> Instant {
        Instant::from_std(handle.inner.shared.driver.clock.instant())
    }

    /// This moment and `duration`; if there is no such moment, one about thirty years from this.
    pub(crate) fn saturating_add(self, duration: Duration) -> Instant {
        self.checked_add(duration).unwrap_or_else(|| self + NEVER)
    }

    /// The same moment, from std's type.
    pub fn from_std(std: std::time::Instant) -> Instant {
        Instant { std }
    }

    /// The same moment, as std's type.
    pub fn into_std(self) -> std::time::Instant {
        self.std
    }

    /// The time since `earlier`; zero if that is later.
    pub fn duration_since(&self, earlier: Instant) -> Duration {
        self.std.saturating_duration_since(earlier.std)
    }

    /// The time since `earlier`; none if that is later.
    pub fn checked_duration_since(&self, earlier: Instant) -> Option<Duration> {
        self.std.checked_duration_since(earlier.std)
    }

    /// The time since `earlier`; zero if that is later.
    pub fn saturating_duration_since(&self, earlier: Instant) -> Duration {
        self.std.saturating_duration_since(earlier.std)
    }

    /// The time since this moment; zero if it is still to come.
    pub fn elapsed(&self) -> Duration {
        Instant::now().saturating_duration_since(*self)
    }

    /// This moment and `duration`; none if the type cannot tell it.
    pub fn checked_add(&self, duration: Duration) -> Option<Instant> {
        self.std.checked_add(duration).map(Instant::from_std)
    }

    /// This moment less `duration`; none if the type cannot tell it.
    pub fn checked_sub(&self, duration: Duration) -> Option<Instant> {
        self.std.checked_sub(duration).map(Instant::from_std)
    }
}

impl From<std::time::Instant> for Instant {
    fn from(std: std::time::Instant) -> Instant {
        Instant::from_std(std)
    }
}

impl From<Instant> for std::time::Instant {
    fn from(instant: Instant) -> std::time::Instant {
        instant.into_std()
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    #[track_caller]
    fn add(self, duration: Duration) -> Instant {
        Instant::from_std(self.std + duration)
    }
}

impl AddAssign<Duration> for Instant {
    #[track_caller]
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Instant) -> Duration {
        self.saturating_duration_since(earlier)
    }
}

impl Sub<Duration> for Instant {
    type Output = Instant;

    #[track_caller]
    fn sub(self, duration: Duration) -> Instant {
        Instant::from_std(self.std - duration)
    }
}

impl SubAssign<Duration> for Instant {
    #[track_caller]
    fn sub_assign(&mut self, duration: Duration) {
        *self = *self - duration;
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.std.fmt(f)
    }
}
