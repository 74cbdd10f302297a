//! Waiting for a moment, and for a virtual one.
//!
//! Every future here is driven by the clock of the runtime in which it was made. With that clock paused
//! ([`pause()`], or `Builder::start_paused`) time stands still while tasks run, and jumps to the next
//! deadline when nothing else is left to do: a test that sleeps for an hour ends at once.
//!
//! Deadlines keep their nanoseconds, and nothing fires early.

mod instant;
mod sleep;
mod timeout;
mod interval;
mod pause;

pub use std::time::Duration;

pub use instant::Instant;
pub use interval::{Interval, MissedTickBehavior, Tick, interval, interval_at};
pub use pause::{Advance, advance, pause, resume};
pub use sleep::{Sleep, sleep, sleep_until};
pub(crate) use timeout::poll_limit;
pub use timeout::{Timeout, error, timeout, timeout_at};
