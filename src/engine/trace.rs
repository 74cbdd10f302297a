//! How does one see what a runtime does, without a debugger and without slowing it down?
//!
//! At each joint of the engine (a task is spawned, woken, polled, done; a timer fires; a descriptor
//! becomes ready; the runtime goes to sleep) stands one call of [`emit`]. While nobody listens, that is
//! a load and a branch that the processor predicts. When somebody does, they get a [`Record`]: what
//! happened, when by the runtime's clock, on which worker, in which task. Records are plain numbers and
//! strings; what becomes of them is the listener's affair.
//!
//! A future that answers "pending" says itself what it waits for ([`waiting`]); nobody polls a future
//! in order to ask.
//!
//! With a paused clock and one thread the same program emits the same records in the same order, which
//! makes a trace an assertion: several tests are nothing but the list of events they expect.
//!
//! Next: `state.rs`, where tasks begin.

use std::cell::Cell;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::clock::Clock;
use super::context;
use super::prim::contain;

/// Something that happened in a runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A task was spawned, at this line.
    Spawned {
        /// The new task.
        task: u64,
        /// Where `spawn` was called.
        place: &'static Location<'static>,
    },
    /// A task that was idle was woken and put into a queue.
    Woken {
        /// The task.
        task: u64,
    },
    /// A worker begins to poll a task.
    PollBegins {
        /// The task.
        task: u64,
    },
    /// The poll is over and the task not ready; `again` if it was woken meanwhile.
    Pending {
        /// The task.
        task: u64,
        /// It goes to the back of the queue at once.
        again: bool,
    },
    /// A task came to its end, and its future is dropped.
    Finished {
        /// The task.
        task: u64,
        /// How it ended.
        outcome: Outcome,
    },
    /// The future that was polled last cannot go on.
    Waiting(Waiting),
    /// A deadline has passed.
    TimerFired {
        /// The deadline, since the runtime began.
        due: Duration,
    },
    /// The system says that a descriptor is ready.
    Ready {
        /// The descriptor.
        fd: i32,
        /// Reading will not block.
        readable: bool,
        /// Writing will not block.
        writable: bool,
    },
    /// Nothing is left to do: the runtime sleeps.
    Sleeps {
        /// Until this moment at the latest, if there is a deadline.
        until: Option<Duration>,
    },
    /// The runtime is awake again.
    Wakes,
    /// The paused clock jumped, since only a deadline was left to wait for.
    ClockJumped {
        /// By so much.
        by: Duration,
    },
}

/// How a task came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Its future returned a value.
    Returned,
    /// Its future panicked.
    Panicked,
    /// It was aborted, or its runtime was shut down.
    Cancelled,
}

/// What a future that answers "pending" waits for.
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
    /// The end of another task.
    Join {
        /// That task.
        task: u64,
    },
    /// A lock that others have.
    Lock {
        /// For instance "a mutex".
        what: &'static str,
        /// The task that has it; none if those who have it are several, or no task.
        holder: Option<u64>,
    },
    /// Another party, through something in memory such as a channel.
    On {
        /// For instance "a message".
        what: &'static str,
    },
}

/// An event with its circumstances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// The runtime's number in this process.
    pub runtime: u32,
    /// The time since the runtime began, by its own clock.
    pub at: Duration,
    /// The worker on whose thread it happened; none on a foreign thread.
    pub worker: Option<u32>,
    /// The task that was being polled.
    pub task: Option<u64>,
    /// What happened.
    pub event: Event,
}

/// What a runtime's owner listens with.
pub(crate) type Sink = Arc<dyn Fn(&Record) + Send + Sync>;

struct Listener {
    runtime: u32,
    clock: Arc<Clock>,
    sink: Sink,
}

/// How many runtimes are listened to. Std's atomic and lock, as a `static` outlives any model.
static LISTENED_TO: AtomicUsize = AtomicUsize::new(0);
static LISTENERS: Mutex<Vec<Listener>> = Mutex::new(Vec::new());

thread_local! {
    /// A sink that wakes a task would hear itself for ever.
    static IN_SINK: Cell<bool> = const { Cell::new(false) };
}

/// Reports an event of this runtime.
#[inline]
pub(crate) fn emit(runtime: u32, event: Event) {
    // Relaxed: whoever begins to listen while a program runs may miss the events of that moment.
    if LISTENED_TO.load(Ordering::Relaxed) != 0 {
        deliver(runtime, event);
    }
}

/// Reports what the current poll waits for.
#[inline]
pub(crate) fn waiting(waiting: Waiting) {
    emit(context::runtime_id(), Event::Waiting(waiting));
}

/// Calls the runtime's sink, outside of the lock. Its panic ends here: it is called from the midst of
/// everything.
#[cold]
fn deliver(runtime: u32, event: Event) {
    if IN_SINK.replace(true) {
        return;
    }
    let found = {
        let listeners = LISTENERS.lock().unwrap_or_else(PoisonError::into_inner);
        let listener = listeners.iter().find(|listener| listener.runtime == runtime);
        listener.map(|listener| (listener.clock.clone(), listener.sink.clone()))
    };
    if let Some((clock, sink)) = found {
        let record = Record {
            runtime,
            at: Duration::from_nanos(clock.now()),
            worker: context::worker().map(|worker| worker.index),
            task: context::task_id(),
            event,
        };
        let _context = context::save();
        contain(|| sink(&record));
    }
    IN_SINK.set(false);
}

/// Sends the events of one runtime to `sink`, until the subscription is dropped.
pub(crate) fn subscribe(runtime: u32, clock: Arc<Clock>, sink: Sink) -> Subscription {
    let mut listeners = LISTENERS.lock().unwrap_or_else(PoisonError::into_inner);
    listeners.push(Listener { runtime, clock, sink });
    LISTENED_TO.fetch_add(1, Ordering::Relaxed);
    Subscription { runtime }
}

/// Somebody listens to a runtime for as long as this lives.
#[derive(Debug)]
pub(crate) struct Subscription {
    runtime: u32,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let removed = {
            let mut listeners = LISTENERS.lock().unwrap_or_else(PoisonError::into_inner);
            let ours = listeners.iter().position(|listener| listener.runtime == self.runtime);
            ours.map(|index| listeners.swap_remove(index))
        };
        LISTENED_TO.fetch_sub(1, Ordering::Relaxed);
        // The sink is a stranger's closure: its destructor runs outside of the lock.
        drop(removed);
    }
}
