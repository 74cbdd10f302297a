//! The events of a runtime, and the subscriber that receives them.
//!
//! Each step of the engine emits an [`Event`]. These are the events in the life of a task; a [`Record`] adds when, on
//! which worker, during the poll of which task, and in which function it happened:
//!
//! ```text
//!   Spawned ──▶ Scheduled ──▶ Taken ──▶ PollBegins ──▶ PollEnds ──▶ (the end: returned, panicked, cancelled)
//!                  ▲ │          ▲            │            │
//!                  │ └ Stolen ──┘          Waits          │ pending
//!                  │                                      ▼
//!                  └───────────── Woken, Aborted ◀── not in a queue: it waits
//! ```
//!
//! A task that is woken while it is polled goes from `PollEnds` to `Scheduled`, and its `Woken` is between its
//! `PollBegins` and these two. A wake from another thread may be reported later than that: it takes its time first.
//!
//! An event is plain numbers and strings. With a paused clock and one thread the same program emits the same events in
//! the same order. So a trace is an assertion: several tests are nothing but the list of events that they expect.
//!
//! Next: `context.rs`, through which a thread finds the subscriber.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::clock::Clock;

/// One step of a runtime. Tasks, blocking jobs and the futures of `block_on` are named by their id, workers by their
/// index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields are named after what they hold")]
pub enum Event {
    /// The runtime begins. With 0 `threads`, its only worker is the thread in `block_on`.
    RuntimeBegins { threads: u32 },
    /// The runtime ends: its tasks are dropped after this.
    RuntimeEnds,

    /// A task was spawned.
    Spawned {
        task: u64,
        kind: TaskKind,
        /// The task that spawned it.
        parent: Option<u64>,
        /// Where `spawn` was called.
        location: &'static Location<'static>,
        /// The type of its future, or of its closure.
        name: &'static str,
    },
    /// A waker was called, for a task that waits or is being polled.
    Woken { task: u64, by: Cause },
    /// A task that waits or is being polled is to be dropped.
    Aborted { task: u64, by: Cause },
    /// A task is about to be pushed to a queue.
    Scheduled { task: u64, queue: Queue },
    /// A worker, or a thread for blocking jobs, took a task out of a queue.
    Taken { task: u64, queue: Queue },
    /// A worker took tasks from the front of another worker's queue into its own.
    Stolen { first: u64, count: u32, victim: u32 },
    /// The poll of a task begins; or, if the task was aborted, the drop of its future.
    PollBegins { task: u64 },
    /// What began with `PollBegins` ends. A future that is complete is dropped by then; the task that awaits it is woken next.
    PollEnds { task: u64, outcome: Outcome },
    /// The future that is being polled is pending.
    Waits(WaitReason),
    /// A lock for which tasks wait has another holder.
    LockAssigned {
        /// The lock, as in [`WaitReason::Lock`].
        lock: usize,
        /// The task that holds it now; `None` if several do, or no task.
        holder: Option<u64>,
    },
    /// A task waits, and no waker of it exists any more: it is never polled again, and can only be aborted.
    WakerLost { task: u64 },

    /// A timer was set, or given another deadline.
    TimerArmed { timer: u32, deadline: Duration },
    /// The deadline of a timer has passed: its waker is called next.
    TimerFired { timer: u32, deadline: Duration },
    /// A timer is about to be removed: its sleep has seen that it fired, or was dropped before.
    TimerRemoved { timer: u32 },
    /// A descriptor was registered, to be watched for reading and writing.
    Registered { fd: i32 },
    /// The kernel has reported that a descriptor is ready.
    Ready { fd: i32, readable: bool, writable: bool },
    /// A descriptor is not watched any more.
    Deregistered { fd: i32 },

    /// A worker has an empty queue, and looks for tasks in the injector and in the queues of other workers.
    Searching,
    /// A worker has found nothing to run, and is about to park until it is notified. `until` is the earliest deadline: the
    /// worker runs again for it only if it waits in the driver (`DriverAcquired` comes next).
    Park { until: Option<Duration> },
    /// A worker is about to run again.
    Unpark,
    /// A thread took the driver: it will ask the kernel which descriptors are ready.
    DriverAcquired,
    /// A thread released the driver. It calls the wakers of what is ready and due next.
    DriverReleased,
    /// The paused clock was moved to the next deadline, or by `advance`.
    ClockJumped { by: Duration },
}

/// What [`Event::Spawned`] calls a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskKind {
    /// A future, from `spawn`.
    Task,
    /// A closure, from `spawn_blocking`.
    Blocking,
    /// The future of `block_on`. It is in no queue: its thread polls it.
    Root,
}

/// What called a waker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The task that was being polled on that thread.
    Task(u64),
    /// A timer that fired.
    Timer(u32),
    /// The readiness of a descriptor.
    Descriptor(i32),
    /// None of these: a thread that does not belong to the runtime, a hook, or the runtime's end.
    Outside,
}

/// A run queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Queue {
    /// The LIFO slot of the worker that emits the event. A task in it is displaced to the back of its local queue.
    LifoSlot,
    /// The local queue of the worker that emits the event.
    Local,
    /// The queue that all threads push to.
    Injector,
    /// The queue of the blocking pool.
    Blocking,
}

/// How a poll ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The future waits.
    Pending,
    /// It returned a value.
    Returned,
    /// It panicked.
    Panicked,
    /// It was dropped: the task was aborted, or its runtime ended.
    Cancelled,
}

/// What a pending future waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields are named after what they hold")]
pub enum WaitReason {
    /// A deadline, since the runtime began.
    Sleep { deadline: Duration },
    /// Data, or a connection, on a descriptor.
    Readable { fd: i32 },
    /// Room to write on a descriptor.
    Writable { fd: i32 },
    /// The completion of another task.
    Join { task: u64 },
    /// A lock that is held.
    Lock {
        /// For instance "a mutex".
        what: &'static str,
        /// Its address, which tells it from other locks.
        lock: usize,
        /// The task that holds it; `None` if several do, or no task.
        holder: Option<u64>,
    },
    /// Permits of a semaphore, or room in a channel.
    Permits {
        /// For instance "a permit".
        what: &'static str,
        /// How many it wants.
        wanted: usize,
        /// How many of these it does not have yet.
        lacking: usize,
    },
    /// A message in an empty channel.
    Message {
        /// How many senders the channel has.
        senders: usize,
    },
    /// Another task or thread, through something in memory such as a channel.
    On {
        /// For instance "a message".
        what: &'static str,
    },
}

/// An event, with its time and place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// The runtime's number in this process.
    pub runtime: u32,
    /// The time since the runtime began, by its own clock, which may be paused.
    pub at: Duration,
    /// The same by the system's monotonic clock, since the first runtime of the process began.
    pub monotonic: Duration,
    /// The worker of this runtime that the thread is; `None` on other threads.
    pub worker: Option<u32>,
    /// The task that was being polled, or the future of `block_on`.
    pub task: Option<u64>,
    /// What happened.
    pub event: Event,
    /// The function of the engine in which it happened. Empty if it is not in the engine: [`Event::Waits`],
    /// [`Event::LockAssigned`].
    pub function: &'static str,
    /// Its line.
    pub location: &'static Location<'static>,
}

/// What a runtime's user receives the events with.
pub(crate) type Subscriber = Arc<dyn Fn(&Record) + Send + Sync>;

/// What is needed to report the events of one runtime.
pub(crate) struct Tracer {
    pub(crate) runtime: u32,
    pub(crate) clock: Arc<Clock>,
    /// How long after the first runtime's origin that of this clock is.
    pub(crate) offset: Duration,
    /// There are subscribers.
    pub(crate) is_on: bool,
    /// Called in this order. Fixed when the runtime is built: all threads read it without a lock.
    pub(crate) subscribers: Vec<Subscriber>,
}

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracer").field("runtime", &self.runtime).finish_non_exhaustive()
    }
}
