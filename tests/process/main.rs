//! What is counted or set for a whole process: memory, descriptors, connections, signals, system calls.
//!
//! Each test here runs in a process of its own, started by [`alone`], and one at a time, so that a
//! measurement has the machine's processors to itself.

#[path = "../common/mod.rs"]
mod common;
mod allocator;
#[cfg(target_os = "linux")]
mod counts;
#[cfg(target_os = "linux")]
mod chart;

#[cfg(target_os = "linux")]
mod memory;
#[cfg(target_os = "linux")]
mod waves;
mod allocations;
mod descriptors;
mod many_connections;
#[cfg(target_os = "linux")]
mod load;
#[cfg(target_os = "linux")]
mod soak;
#[cfg(target_os = "linux")]
mod curves;
#[cfg(target_os = "linux")]
mod bulk;
#[cfg(target_os = "linux")]
mod faults;
mod signal;

use std::sync::{Mutex, PoisonError};

/// Runs a test in a process of its own, while no other test of this program runs.
#[track_caller]
fn alone(name: &str, body: impl FnOnce()) {
    alone_under(name, ":", body);
}

/// The same under a limit, given as the shell's command that sets it.
#[track_caller]
fn alone_under(name: &str, limit: &str, body: impl FnOnce()) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    common::alone_under(name, limit, body);
}

/// With 0 workers the current-thread runtime.
#[cfg(target_os = "linux")]
fn flavour_of(workers: usize) -> common::Flavour {
    match workers {
        0 => common::Flavour::CurrentThread,
        _ => common::Flavour::Workers(workers),
    }
}

/// The number in an environment variable.
#[cfg(target_os = "linux")]
fn setting(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} must be a number, and is {text:?}")))
}
