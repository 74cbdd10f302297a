//! The laws of the channel from many to one.
//!
//! Numbers in comments are those of the points in the list of behaviour that is easily missed.

mod sending;
mod permits;
mod receiving;
mod closing;
mod weak;
mod user_code;
mod stress;
mod types;
