//! Your own runtime: the bodies are left out, the laws are here.
//!
//! `cargo run --example yours` tries it by each law that every runtime must keep, and says which
//! it keeps. A case runs in a process of its own, with a time limit, so a case that
//! hangs or crashes is a ✗, and the others go on. A law that needs a function which you do not have yet
//! (`None`, below) is left out: –.
//!
//! An order that works, and the step of the ladder that does it:
//!
//! 1. `run`: a waker that unparks this thread; poll; park; again. The first eleven laws (step 1)
//! 2. `spawn`: a task whose waker puts it into a queue. `run` polls the queue in order (step 2)
//! 3. `sleep`: the deadlines in a heap; `run` sleeps no longer than to the next one (step 3)
//! 4. `join`, `socket`, more threads (steps 4 to 6). What they are is in `tests/laws/contract.rs`
//!
//! What a law means is in its case, in `tests/laws/table.rs`: they are short.
//! At first you will see a ✗ at each law, and the reason: not yet implemented.

#![allow(unused_variables)] // until you use them

#[path = "../tests/laws/mod.rs"]
mod laws;

use laws::contract::{Boxed, Runtime};
use std::time::Duration;

/// Polls the future until it is ready, and lets the thread sleep in between.
fn run(future: Boxed<'static>) {
    todo!("poll the future until it is ready")
}

/// Starts a task. It is called within `run`, by the root future or by a task.
fn spawn(future: Boxed<'static>) {
    todo!("put a task into a queue")
}

/// Returns a future that is ready when this time has passed. It is called within `run`.
fn sleep(duration: Duration) -> Boxed<'static> {
    todo!("remember to wake the task in {duration:?}")
}

fn main() {
    let (spawn, sleep) = (Some(spawn as _), Some(sleep as _));
    laws::judge::main(Runtime { run, spawn, sleep, join: None, socket: None, threads: 1 });
}
