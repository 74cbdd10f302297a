//! `src/debugger/openwork.py`, in gdb: each command on a running process and on its core file, on one thread and on two
//! workers. Where gdb is missing a test says so and passes; with `REQUIRE_GDB=1` it fails.

#[path = "../common/mod.rs"]
mod common;

mod gdb;

mod hang;
mod optimised;
mod printers;
mod problems;
mod steps;
mod tour;
mod waits;
