//! Crates that know no runtime, only the traits of `futures-io`, on our sockets as they are.

#[path = "../../../../tests/common/mod.rs"]
mod common;

mod tls;
mod websocket;
