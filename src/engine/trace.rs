//! How one sees what a runtime does, without a debugger and without slowing it down.
//!
//! Each step of the engine calls [`emit!`]. While no runtime of the process has a subscriber, that is one comparison with
//! a static and a branch that the processor predicts, and nothing is computed for the event.
//!
//! A future that is pending says itself what it waits for ([`waits`]): no code polls a future in order to ask.
//!
//! Next: `state.rs`, where tasks begin.

use std::cell::Cell;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::clock::Clock;
use super::context;
pub(crate) use super::event::{
    Cause, Event, Outcome, Queue, Record, Subscriber, TaskKind, Tracer, WaitReason,
};
use super::prim::{catch_and_drop_panic, now};

/// A runtime of this process has, or had, a subscriber. A static, since a runtime's own list is four loads away.
/// Relaxed: set before that runtime's first thread starts.
static IS_ON: AtomicBool = AtomicBool::new(false);

/// When the first runtime was built.
static ORIGIN: OnceLock<Instant> = OnceLock::new();

thread_local! {
    /// A subscriber that wakes a task would otherwise be called by what it does itself.
    static IN_SUBSCRIBER: Cell<bool> = const { Cell::new(false) };
    /// The future of `block_on` that this thread polls, by its id.
    static ROOT: Cell<Option<u64>> = const { Cell::new(None) };
    /// The timer or the descriptor whose waker this thread calls.
    static CAUSE: Cell<Option<Cause>> = const { Cell::new(None) };
}

impl Tracer {
    pub(crate) fn new(runtime: u32, clock: Arc<Clock>, subscribers: Vec<Subscriber>) -> Self {
        if !subscribers.is_empty() {
            IS_ON.store(true, Relaxed);
        }
        let origin = clock.origin();
        let offset = origin.saturating_duration_since(*ORIGIN.get_or_init(|| origin));
        Tracer { runtime, clock, offset, is_on: !subscribers.is_empty(), subscribers }
    }

    /// Whether a runtime of this process has a subscriber.
    #[inline]
    pub(crate) fn is_traced(&self) -> bool {
        is_on()
    }

    pub(crate) fn tracer(&self) -> &Tracer {
        self
    }
}

#[inline]
fn is_on() -> bool {
    IS_ON.load(Relaxed)
}

/// Reports an event of a runtime, if it has a subscriber. `$source` is a tracer, or has one: what is cheapest to ask
/// there. A macro, so that not even the tracer is looked up if there is no subscriber. The type of the closure names the
/// function that it is in.
macro_rules! emit {
    ($source:expr, $event:expr) => {
        if $source.is_traced() {
            let function = std::any::type_name_of_val(&|| ());
            $crate::engine::trace::report($source.tracer(), $event, function);
        }
    };
}
pub(crate) use emit;

#[cold]
#[inline(never)]
#[track_caller]
pub(crate) fn report(tracer: &Tracer, event: Event, function: &'static str) {
    if tracer.is_on {
        dispatch(tracer, event, function, Location::caller());
    }
}

/// Reports what the current poll waits for.
#[inline]
#[track_caller]
pub(crate) fn waits(reason: WaitReason) {
    report_here(Event::Waits(reason));
}

/// Reports an event of the runtime that this thread is in, from code that does not know the runtime.
#[inline]
#[track_caller]
pub(crate) fn report_here(event: Event) {
    if is_on() {
        report_in_context(event, Location::caller());
    }
}

#[cold]
#[inline(never)]
fn report_in_context(event: Event, location: &'static Location<'static>) {
    context::with_tracer(|tracer| {
        if tracer.is_on {
            dispatch(&tracer, event, "", location);
        }
    });
}

/// The time of [`Record::monotonic`], now.
pub(crate) fn monotonic_now() -> Duration {
    ORIGIN.get().map_or(Duration::ZERO, |origin| now().saturating_duration_since(*origin))
}

/// The wakers that are called next are those of a descriptor.
#[inline]
pub(crate) fn wakes_of_descriptor(fd: i32) {
    if is_on() {
        CAUSE.set(Some(Cause::Descriptor(fd)));
    }
}

/// What wakes the task that is being woken on this thread.
pub(crate) fn cause() -> Cause {
    CAUSE.get().or_else(|| current_task().map(Cause::Task)).unwrap_or(Cause::Outside)
}

/// Sets the future of `block_on` that this thread polls. Returns the one before.
pub(crate) fn replace_root(root: Option<u64>) -> Option<u64> {
    ROOT.replace(root)
}

/// The task, or the future of `block_on`, that this thread polls. The latter has an id only if it is traced.
pub(crate) fn current_task() -> Option<u64> {
    ROOT.get().or_else(context::task_id)
}

/// Calls the subscribers. Their panics end here: this is called from many places in the engine.
fn dispatch(
    tracer: &Tracer,
    event: Event,
    function: &'static str,
    location: &'static Location<'static>,
) {
    if IN_SUBSCRIBER.replace(true) {
        return;
    }
    match event {
        Event::TimerFired { timer, .. } => CAUSE.set(Some(Cause::Timer(timer))),
        Event::PollBegins { .. } | Event::PollEnds { .. } | Event::DriverAcquired => {
            CAUSE.set(None);
        }
        _ => {}
    }
    let (at, running) = tracer.clock.elapsed_and_running();
    let record = Record {
        runtime: tracer.runtime,
        at,
        monotonic: tracer.offset + running,
        worker: context::worker_of(tracer.runtime).map(|index| index as u32),
        task: current_task(),
        event,
        function,
        location,
    };
    let context = context::save();
    for subscriber in &tracer.subscribers {
        catch_and_drop_panic(|| subscriber(&record));
    }
    drop(context);
    IN_SUBSCRIBER.set(false);
}
