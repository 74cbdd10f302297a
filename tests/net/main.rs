//! Sockets: wakes, ends, errors, and the lifetime of descriptors.
//!
//! The other side of every connection is std's socket on a thread of its own, so that both sides
//! cannot be wrong in the same way. No test waits for time to pass: the other side waits until the runtime's trace
//! says that all workers are parked, and a test that something does *not* happen checks it after a turn of the reactor
//! in which it would have happened.
//!
//! Each law holds on every flavour of runtime, unless its test says that it needs one thread or a paused clock.

// Some tests run on Linux only.
#![cfg_attr(not(target_os = "linux"), allow(unused_imports))]

#[path = "../common/mod.rs"]
mod common;
mod harness;

mod interest;
mod lifetime;
mod connect;
mod accept;
mod stream;
mod end_of_stream;
mod fairness;
mod short_reads;
mod split;
mod tcp_socket;
mod udp;
mod unix;
mod pipe;
mod async_fd;
mod errors;
mod foreign_wakers;
