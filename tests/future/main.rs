//! Futures that are made of futures: `join`, `select`, `race` and the macros; and streams.

#[path = "../common/mod.rs"]
mod common;

mod functions;
mod select;
mod join;
mod definitions;
mod macro_errors;
mod macro_names;
mod stream;
