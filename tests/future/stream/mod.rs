//! The laws of streams: the wrappers, and the methods that need a clock.
//!
//! Numbers in comments are those of the points in the list of behaviour that is easily missed.

mod script;

mod timed;
mod wrappers;
mod mixing;
mod types;
