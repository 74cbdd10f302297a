//! How one sees what a runtime does, without a debugger and without slowing it down.
//!
//! Each step of the engine emits an event. If the runtime has no subscriber, that is a load and a branch that the
//! processor predicts, and nothing is computed for the event.
//!
//! A future that is pending says itself what it waits for ([`waiting`]): no code polls a future in order to ask.
//!
//! Next: `state.rs`, where tasks begin.

use std::cell::Cell;
use std::time::Duration;

use super::context;
pub(crate) use super::event::{Event, Outcome, Record, Subscriber, Tracer, Waiting};
use super::prim::catch_and_drop_panic;

thread_local! {
    /// A subscriber that wakes a task would otherwise be called by what it does itself.
    static IN_SUBSCRIBER: Cell<bool> = const { Cell::new(false) };
}

/// Reports an event of this runtime, if it has a subscriber.
#[inline]
pub(crate) fn emit(tracer: &Tracer, event: impl FnOnce() -> Event) {
    if let Some(subscriber) = &tracer.subscriber {
        record(tracer, subscriber, event());
    }
}

/// Reports what the current poll waits for.
#[inline]
pub(crate) fn waiting(waiting: Waiting) {
    if context::is_traced() {
        context::with_tracer(|tracer| emit(&tracer, || Event::Waiting(waiting)));
    }
}

/// Calls the subscriber. Its panic ends here: it is called from many places in the engine.
#[cold]
fn record(tracer: &Tracer, subscriber: &Subscriber, event: Event) {
    if IN_SUBSCRIBER.replace(true) {
        return;
    }
    let record = Record {
        runtime: tracer.runtime,
        at: Duration::from_nanos(tracer.clock.now()),
        worker: context::worker().map(|worker| worker.index),
        task: context::task_id(),
        event,
    };
    let context = context::save();
    catch_and_drop_panic(|| subscriber(&record));
    drop(context);
    IN_SUBSCRIBER.set(false);
}
