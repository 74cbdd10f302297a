//! The pages, the examples and the order of the modules: what a reader is told is true.

#[path = "../common/mod.rs"]
mod common;
mod source;

mod notes;
mod reading_order;
mod macros;
mod ladder;
mod examples;
