//! Is anything lost, in *any* order of events?
//!
//! A wake that gets lost does so in one schedule of thousands, on the one machine that we do not have. So
//! these are no tests of what happened to happen, but **models**: small programs of two to four threads,
//! of which loom runs every schedule, and in each schedule every value that a weakly ordered processor may
//! let a load return. Each model is named after the law that it holds the engine to, and says which line
//! is guarded by it: what would be lost, were the line not there.
//!
//! ```text
//!   runtime.rs   a runtime for the models: the engine's own, with tasks that a model writes
//!   sleep.rs     the parker, `block_on`, the driver, the root     (park.rs, block_on.rs, driver.rs, root.rs)
//!   idle.rs      pushes, workers that search and park, the monitor, the end  (idle.rs, worker.rs, scheduler.rs, monitor.rs)
//!   task.rs      a task in miniature: the state word, and the cells that it guards
//!   life.rs      what a worker, wakers, an abort and a joiner do to it at once         (state.rs)
//!   sync.rs      the channels and locks of the crate
//!   stream.rs    a group of futures, each with a waker of its own
//!   poller.rs    stands in for the kernel's poller
//! ```
//!
//! The engine is compiled here a second time, file by file, on the stand-ins of `engine/prim/standins.rs`.
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
mod stream;

use loom::model::Builder;

/// Runs every schedule of a model.
fn every_schedule(model: impl Fn() + Send + Sync + 'static) {
    Builder::new().check(model);
}

/// Runs every schedule in which threads are interrupted at most so many times, where they would not have
/// had to wait. `LOOM_MAX_PREEMPTIONS` sets another number.
///
/// Three threads that take ten steps each have more schedules than anyone waits for; but what a bug needs
/// is seldom more than two interruptions, each at the right place (Musuvathi and Qadeer, "Iterative context
/// bounding", 2007). Each of the engine's lines that is named in these models was taken out in turn, and
/// its model failed with the number given.
fn schedules_interrupted(times: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(times));
    builder.check(model);
}
