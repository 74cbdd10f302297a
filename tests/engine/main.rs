//! Tasks, the runtime that runs them, its workers, timers and events.

#[path = "../common/mod.rs"]
mod common;

mod builder;
mod runtime;
mod contexts;
mod drop_on_own_thread;
mod large_futures;
mod fairness;
mod workers;
mod monitor;
mod blocking_pool;
mod stealing;
mod short_block_on;
mod bugs;
mod shuffle;
mod random;
mod debugger;
mod task;
mod panics;
mod join_set;
mod dropped;
mod scope;
mod task_local;
mod task_tracker;
mod timer;
mod time;
mod interval;
