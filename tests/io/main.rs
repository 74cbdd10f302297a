//! Readers and writers, frames, files and the standard streams.

#[path = "../common/mod.rs"]
mod common;
mod script;

mod methods;
mod buffers;
mod copy;
mod duplex;
mod lines;
mod numbers;
mod framed;
mod cancel;
mod dropped;
mod fs;
mod file_position;
mod flush_errors;
mod stdio;
mod last_writes;
