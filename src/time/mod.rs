//! Waits for a moment, by a real or a virtual clock.
//!
//! Every future here uses the clock of the runtime in which it was made. If that clock is paused ([`pause()`],
//! or `Builder::start_paused`), it does not advance while tasks run, and jumps to the next deadline when no task
//! can run: a test that sleeps for an hour ends at once.
//!
//! Deadlines keep their nanoseconds, and no timer fires early.

mod instant;
mod sleep;
mod timeout;
mod interval;
mod pause;

pub use std::time::Duration;

pub use instant::Instant;
pub use interval::{Interval, MissedTickBehavior, interval, interval_at};
pub use pause::{advance, pause, resume};
pub use sleep::{Sleep, sleep, sleep_until};
pub(crate) use timeout::poll_limit;
pub use timeout::{Timeout, error, timeout, timeout_at};
