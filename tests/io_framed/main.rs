//! Messages on a stream of bytes: found however they were cut up, refused when they are broken.

#[path = "../common/mod.rs"]
mod common;
#[path = "../script/mod.rs"]
mod script;

mod both_ways;
mod length_delimited;
mod lines;
mod memory;
mod reading;
mod sockets;
mod writing;
