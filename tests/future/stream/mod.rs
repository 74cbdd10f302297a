//! The laws of streams.
//!
//! Numbers in comments are those of the points in the list of behaviour that is easily missed.

mod script;

mod items;
mod hints;
mod together;
mod ends;
mod budget;
mod buffered;
mod timed;
mod wrappers;
mod mixing;
mod types;
