//! Peers that are not ours: clients and servers in Python, and usual tools.
//!
//! A library that talks only to itself can be wrong on both sides in the same way. So the examples run as programs here,
//! and programs that do not use the library connect to them. Everything stays on this machine, and every peer ends
//! after some seconds.
//!
//! Python is all that `cargo test` needs, and without it these tests fail. The others (curl, ab, wrk, nc)
//! are not on every machine; their tests are ignored, with that as the reason, unless they are asked for, as `.ci/run`
//! does: `cargo test --test peers -- --include-ignored`. Then they fail too if there is no such peer.

#[path = "../common/mod.rs"]
mod common;
mod server;

mod chat_server;
mod http_get;
mod http_hello;
mod http_tools;
mod tcp_echo;
mod udp_echo;
mod unix;
