// In the documentation the links of README.md lead to the modules; of two definitions the first counts.
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
compile_error!(
    "openwork runs on Unix: Linux is tested; macOS and the BSDs go through the same calls"
);

// The reading order. A file uses only what stands above it; `tests/reading_order` sees to that.
mod engine;
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
pub mod trace;

pub use runtime::block_on;
pub use task::spawn;
