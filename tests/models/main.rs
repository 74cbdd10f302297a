//! Nothing is lost, in *any* order of events.
//!
//! A wake that gets lost is lost in one schedule of thousands, perhaps on another machine. So these are **models**:
//! small programs of two to four threads. Loom runs every schedule of them, and in each schedule every value that a
//! weakly ordered processor may let a load return. Each model is named after its law, and says which lines of the
//! engine it guards: what would be lost without them.
//!
//! ```text
//!   runtime.rs    a runtime for the models: the engine's own, with tasks that a model writes
//!   sleep.rs      a parked thread is woken              (park.rs, block_on.rs, root.rs, driver.rs, blocking.rs)
//!   idle.rs       a push finds a worker                 (idle.rs, worker.rs, scheduler.rs, driver.rs, monitor.rs)
//!   task.rs       a task in miniature: the state word, and the cells that it guards
//!   life.rs       what a worker, wakers, an abort and a joiner do to it at once         (state.rs)
//!   sync.rs       the channels and locks of the crate
//!   future.rs     `join_all`, whose futures each have a waker of their own
//!   standins.rs   for std, crossbeam and the clock
//!   poller.rs     for the kernel
//! ```
//!
//! The engine's files are compiled here a second time, on the stand-ins. What loom does not find: it keeps only the last
//! access to each atomic, so a thread that reads an atomic just before it writes it hides its race with earlier
//! readers. `Clock::pause` does so; a pause by another thread while a worker parks is not modelled.
//!
//! Run them with `RUSTFLAGS="--cfg loom" cargo test --release --test models`.
#![cfg(loom)]

#[path = "../../src/engine"]
#[allow(dead_code, unused_imports)] // A model does not need every method.
mod engine {
    pub mod prim;
    pub mod park;
    pub mod block_on;
    pub mod clock;
    pub mod random;
    pub mod event;
    pub mod context;
    pub mod coop;
    pub mod trace;
    pub mod state;
    pub mod header;
    pub mod task;
    pub mod owned;
    pub mod queue;
    pub mod timer;
    #[path = "../../tests/models/poller.rs"]
    pub mod poller;
    pub mod reactor;
    pub mod driver;
    pub mod idle;
    pub mod scheduler;
    pub mod worker;
    pub mod root;
    pub mod monitor;
    pub mod threads;
    pub mod blocking;
}

mod runtime;
mod sleep;
mod idle;
mod task;
mod life;
mod sync;
mod future;

use loom::model::Builder;

/// Runs every schedule of a model.
fn every_schedule(model: impl Fn() + Send + Sync + 'static) {
    Builder::new().check(model);
}

/// Runs every schedule in which threads are interrupted at most so many times. A thread that waits or ends is not
/// interrupted. `LOOM_MAX_PREEMPTIONS` sets another number.
///
/// Three threads that take ten steps each have too many schedules to run them all; but a bug seldom needs more than
/// two interruptions, each at the right place (Musuvathi and Qadeer, "Iterative context bounding", 2007). Each line
/// of the engine that is named in these models was removed in turn, and its model failed with the number given.
fn schedules_interrupted(times: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(times));
    builder.check(model);
}
