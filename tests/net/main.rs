//! Sockets: who is woken, what is forgotten, and what is never lost.
//!
//! The other side of every connection is std's socket on a thread of its own, so that both sides
//! cannot be wrong in the same way. Nothing here waits for time to pass: the foreign side waits until
//! the runtime's trace says that it sleeps, and what must *not* happen is looked for after a turn of
//! the reactor in which it would have happened.
//!
//! Each law holds on every flavour of runtime. Where a test looks more closely than many threads admit, or
//! stops the clock, it says so.

// Some tests are for Linux alone.
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
