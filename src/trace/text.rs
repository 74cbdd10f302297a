//! Events as lines of text.
//!
//! This is the last file of the house.

use std::fmt;

use crate::engine::event::{Event, Outcome, Record, Waiting};

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>12.6} ms  ", self.at.as_secs_f64() * 1e3)?;
        match self.event {
            Event::Spawned { task, location } => {
                write!(f, "task {task} spawned at {}:{}", location.file(), location.line())
            }
            Event::Woken { task } => write!(f, "task {task} woken"),
            Event::PollBegins { task } => write!(f, "task {task} is polled"),
            Event::Pending { task, again: false } => write!(f, "task {task} is pending"),
            Event::Pending { task, again: true } => write!(f, "task {task} gives way"),
            Event::Finished { task, outcome } => write!(f, "task {task} {outcome}"),
            Event::Waiting(waiting) => write!(f, "waits for {waiting}"),
            Event::TimerFired { due } => write!(f, "timer due at {due:?} fires"),
            Event::Ready { fd, readable, writable } => {
                let what = match (readable, writable) {
                    (true, true) => "readable and writable",
                    (true, false) => "readable",
                    (false, true) => "writable",
                    (false, false) => "changed",
                };
                write!(f, "fd {fd} is {what}")
            }
            Event::Park { until: Some(until) } => write!(f, "sleeps until {until:?}"),
            Event::Park { until: None } => write!(f, "sleeps until woken"),
            Event::Unpark => write!(f, "wakes up"),
            Event::ClockJumped { by } => write!(f, "the clock jumps by {by:?}"),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Outcome::Returned => "returned",
            Outcome::Panicked => "panicked",
            Outcome::Cancelled => "was cancelled",
        })
    }
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Waiting::Sleep { due } => write!(f, "a deadline at {due:?}"),
            Waiting::Readable { fd } => write!(f, "fd {fd} to be readable"),
            Waiting::Writable { fd } => write!(f, "fd {fd} to be writable"),
            Waiting::Join { task } => write!(f, "the end of task {task}"),
            Waiting::Lock { what, holder: Some(task) } => write!(f, "{what} held by task {task}"),
            Waiting::Lock { what, holder: None } => f.write_str(what),
            Waiting::On { what } => f.write_str(what),
        }
    }
}
