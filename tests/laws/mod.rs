//! The laws that every runtime must keep, as a table, and a judge, which tries a runtime by them.
//!
//! A law is a small program, the case. It knows a runtime only by a few functions: `run`, `spawn`,
//! `sleep`, `join` and `socket`. So the same table tries this crate, the six steps of the ladder,
//! runtimes that are wrong on purpose, and yours:
//!
//! ```text
//! examples/yours.rs, examples/broken/*.rs ─┐              ┌─ contract.rs  the functions of a runtime
//! examples/ladder_*.rs ── tests/laws/main.rs ─> Runtime ──┼─ table.rs     the laws
//! openwork, both flavours ─────────────────┘              ├─ tools.rs     flags, wakers, sleeping threads
//!                                                         └─ judge.rs     a process for each case
//! ```
//!
//! Begin with the list at the head of `table.rs`.

// Each program that includes this uses a part of it.
#![allow(dead_code)]

pub mod contract;
pub mod tools;
pub mod table;
pub mod judge;
