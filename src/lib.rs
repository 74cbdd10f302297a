// In rustdoc, README.md's links lead to these modules. Of two definitions of a link the first counts.
//! [`runtime`]: mod@runtime
//! [`task`]: mod@task
//! [`time`]: mod@time
//! [`future`]: mod@future
//! [`sync`]: mod@sync
//! [`io`]: mod@io
//! [`net`]: mod@net
//! [`fs`]: mod@fs
//! [`signal`]: mod@signal
//! [`stream`]: mod@stream
//! [`trace`]: mod@trace
//!
#![doc = include_str!("../README.md")]
#![deny(missing_docs, missing_debug_implementations)]
// gdb finds the script in every program that uses the crate. `help async` there.
#![debugger_visualizer(gdb_script_file = "debugger/openwork.py")]

#[cfg(not(unix))]
compile_error!("openwork runs on Unix: Linux is tested; macOS and the BSDs use the same calls");

// The reading order: a file uses only what is above it, as `tests/book/reading_order` checks.
mod engine;
pub mod trace;
pub mod runtime;
pub mod time;
pub mod sync;
pub mod task;
pub mod future;
pub mod io;
pub mod net;
pub mod fs;
pub mod signal;
pub mod stream;

pub use runtime::block_on;
pub use task::spawn;
