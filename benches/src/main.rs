//! The same workloads on Openwork, Tokio and smol, in turn.
//!
//! ```text
//! cargo run --release --manifest-path benches/Cargo.toml -- [what] [filter] [--rounds N] [--control]
//! ```
//!
//! `what` is `scheduler`, `memory`, `echo`, or `all` of them, which is the default; `smoke` runs every
//! row once for a few milliseconds, to show that it runs. A filter takes the rows with that in their
//! title: `scheduler yield_many`, `scheduler current-thread`, `echo "64 ×"`. `--control` measures Tokio
//! twice, which shows how far a ratio is off when nothing differs.
//!
//! What comes out is Markdown. A ratio below 1 in time, CPU time or bytes, and one above 1 in requests,
//! is to Openwork's credit.
//!
//! The map, in reading order; a file uses only what stands above it. `rt/` has the runtimes under one
//! trait, `finish.rs` and `workloads.rs` what they run, `memory.rs` and `server/` what else they are asked
//! for. `instruments.rs` and `child.rs` are one measurement, in a process of its own; `stats.rs` and
//! `contest.rs` are many of them, in rounds; `echo/` loads the servers. `table.rs` and `report.rs` print.

mod contestant;
mod rt;
mod finish;
mod workloads;
mod instruments;
mod memory;
mod server;
mod child;
mod stats;
mod contest;
mod echo;

fn main() {}
