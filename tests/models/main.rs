//! Is anything lost, in *any* order of events?
//!
//! A wake that gets lost does so in one schedule of thousands, on the one machine that we do not have. So
//! these are no tests of what happened to happen, but **models**: small programs of two to four threads,
//! of which loom runs every schedule, and in each schedule every value that a weakly ordered processor may
//! let a load return. Each model is named after the law that it holds the engine to, and says which line
//! is guarded by it: what would be lost, were the line not there.
//!
//! ```text
//!   runtime.rs   a runtime in miniature: where its workers sleep, and what stands in its queues
//!   sleep.rs     the permit, the parker, the driver, the root              (park.rs, block_on.rs)
//!   idle.rs      pushes, workers that search and sleep, timers, the end                 (idle.rs)
//!   task.rs      a copy of the task: its state, and the cells that the state guards
//!   life.rs      what a worker, wakers, an abort and a join handle do to it at once    (state.rs)
//!   sync.rs      the channels and locks of the crate
//!   stream.rs    a group of futures, each with a waker of its own
//! ```
//!
//! `prim.rs`, `park.rs`, `block_on.rs`, `idle.rs` and `state.rs` are the engine's own files, compiled here a
//! second time. What stands on sockets, on crossbeam's queues or on std's `Arc` (the driver, a worker, a
//! task) is copied in miniature, call by call.
//!
//! Run them with `RUSTFLAGS="--cfg loom" cargo test --release --test models`.
#![cfg(loom)]

#[path = "../../src/engine"]
#[allow(dead_code)] // A model does not need every method.
mod engine {
    pub mod prim;
    pub mod park;
    pub mod block_on;
    pub mod state;
    pub mod idle;
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
