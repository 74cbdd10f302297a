//! The other side is not ours: clients and servers in Python, and the tools that people have at hand.
//!
//! What talks only to itself can be wrong on both sides in the same way. So here the examples are run as
//! programs, and something that has never heard of us connects to them. All of it stays on this machine, and
//! every peer gives up after some seconds.
//!
//! Python is all that `cargo test` needs, and without it these tests fail. The others (curl, ab, wrk, nc)
//! are not on every machine; their tests are ignored, with that as the reason, unless one asks for
//! them, as `.ci/run` does: `cargo test --test peers -- --include-ignored`. Then they fail too if there
//! is no such peer.

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
