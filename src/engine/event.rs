//! The events of a runtime, and the subscriber that receives them.
//!
//! At each step of the engine (a task is spawned, woken, polled, complete; a timer fires; a descriptor becomes ready; a
//! worker parks) stands one call of `trace::emit`. A [`Record`] says what happened, when by the runtime's clock, on
//! which worker, in which task. Records are plain numbers and strings; the subscriber decides what to do with them.
//!
//! With a paused clock and one thread the same program emits the same records in the same order. So a trace is an
//! assertion: several tests are nothing but the list of events that they expect.
//!
//! Next: `context.rs`, through which a thread finds the subscriber.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::clock::Clock;

/// Something that happened in a runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A task was spawned, at this line.
    Spawned {
        /// The new task.
        task: u64,
        /// Where `spawn` was called.
        location: &'static Location<'static>,
    },
    /// An idle task was woken, and is put into a queue.
    Woken {
        /// The task.
        task: u64,
    },
    /// A worker begins to poll a task.
    PollBegins {
        /// The task.
        task: u64,
    },
    /// The poll is over, and the task is not complete.
    Pending {
        /// The task.
        task: u64,
        /// The task was woken during the poll, and goes to the back of the queue.
        again: bool,
    },
    /// A task is complete, and its future is dropped.
    Finished {
        /// The task.
        task: u64,
        /// How the task ended.
        outcome: Outcome,
    },
    /// The future that was polled last is pending.
    Waiting(Waiting),
    /// A deadline has passed.
    TimerFired {
        /// The deadline, since the runtime began.
        due: Duration,
    },
    /// The kernel has reported that a descriptor is ready.
    Ready {
        /// The descriptor.
        fd: i32,
        /// A read will not block.
        readable: bool,
        /// A write will not block.
        writable: bool,
    },
    /// A worker has found nothing to run, and parks.
    Park {
        /// Until this moment at the latest, if there is a deadline.
        until: Option<Duration>,
    },
    /// A worker that was parked runs again.
    Unpark,
    /// The paused clock jumped to the next deadline.
    ClockJumped {
        /// How far.
        by: Duration,
    },
}

/// How a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Its future returned a value.
    Returned,
    /// Its future panicked.
    Panicked,
    /// It was aborted, or its runtime was shut down.
    Cancelled,
}

/// What a pending future waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Waiting {
    /// A deadline.
    Sleep {
        /// The deadline, since the runtime began.
        due: Duration,
    },
    /// Data, or a connection, on a descriptor.
    Readable {
        /// The descriptor.
        fd: i32,
    },
    /// Room to write on a descriptor.
    Writable {
        /// The descriptor.
        fd: i32,
    },
    /// The completion of another task.
    Join {
        /// That task.
        task: u64,
    },
    /// A lock that is held.
    Lock {
        /// For instance "a mutex".
        what: &'static str,
        /// The task that holds it; `None` if several do, or no task.
        holder: Option<u64>,
    },
    /// Another task or thread, through something in memory such as a channel.
    On {
        /// For instance "a message".
        what: &'static str,
    },
}

/// An event, with its time and place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// The runtime's number in this process.
    pub runtime: u32,
    /// The time since the runtime began, by its own clock.
    pub at: Duration,
    /// The worker on whose thread it happened; `None` on other threads.
    pub worker: Option<u32>,
    /// The task that was being polled.
    pub task: Option<u64>,
    /// What happened.
    pub event: Event,
}

/// What a runtime's user receives the events with.
pub(crate) type Subscriber = Arc<dyn Fn(&Record) + Send + Sync>;

/// What is needed to report the events of one runtime.
pub(crate) struct Tracer {
    pub(crate) runtime: u32,
    pub(crate) clock: Arc<Clock>,
    /// `None`: no event is reported.
    pub(crate) subscriber: Option<Subscriber>,
}

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracer").field("runtime", &self.runtime).finish_non_exhaustive()
    }
}
