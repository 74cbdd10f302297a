//! The tools of the tests: a watchdog, runtimes of every flavour, a waker that counts, a tape of events, a catcher of
//! panics, a process for one test, and the examples as programs.
//!
//! No test here sleeps and hopes. Threads that must meet signal each other; where something must *not* happen,
//! there is a moment after which it cannot happen any more.

// Each test file is a program of its own, and uses a part of this.
#![allow(dead_code, unused_imports)]

mod crowd;
pub mod dropped;
mod endings;
mod ends;
mod example;
mod files;
mod flavours;
mod panics;
mod placed;
mod process;
mod random;
pub mod sockets;
mod tape;
mod types;
mod user_wakers;
mod wakes;

pub use crowd::crowd;
pub use endings::{in_each_way, runs_on, until_it_ends};
pub use ends::{ends, ends_within};
pub use example::{example, target_folder, without_cargo_variables};
pub use files::{Dir, hold_up, poll_once_and_drop, with_one_thread, without_threads};
pub use flavours::{
    Flavour, is_shuffled, on_each_of, on_every_flavour, paused, real, sleepy, until, with_workers,
};
pub use panics::{
    Panicked, assert_panics_here, is_refused_among_tasks, message_of, panic_of, reported,
};
pub use placed::{Placed, Places};
pub use process::{again, alone, alone_under, interruptible, thread_id, threads, until_it_sleeps};
pub use random::{Random, for_seeds};
pub use tape::Tape;
pub(crate) use types::assert_not;
pub use user_wakers::{Act, at_clone, at_each, calls, owns, panics_at};
pub use wakes::{AtDrop, Probe, Wakes};
