//! Libraries that were written for another runtime, on Openwork.
//!
//! A runtime is useful if the libraries of the ecosystem run on it. There are three kinds of them:
//!
//! - Some need no runtime, as they use the traits of `futures-io` only. `tests/neutral` has two.
//! - Some declare what they need as traits of their own. hyper needs bytes, tasks and timers: [`adapter`] implements
//!   its traits, in about a hundred lines.
//! - Some bring a runtime. A feature of sqlx selects one, and Openwork is not in its list. `tests/database.rs` shows what
//!   works nevertheless, and what it costs.
//!
//! ```text
//! cargo test --manifest-path benches/guests/Cargo.toml
//!     hyper       HTTP/1 and HTTP/2, server and client: kept connections, pipelined requests, bodies of
//!                 megabytes, many clients, time-outs, a graceful shutdown
//!     database    SQLite: a hundred tasks at once, transactions that are cancelled, a pool with time-outs
//!
//! cargo run --release --manifest-path benches/guests/Cargo.toml
//!     the same server on Openwork and on Tokio, under the load of wrk: requests per second, processor
//!     time, and their ratio
//! ```
//!
//! The map, in reading order: `adapter.rs`; [`site`], what the server answers; [`on_openwork`] and
//! [`on_tokio`], the server twice; `main.rs` with `served.rs`, `wrk.rs`, the comparison.

pub mod adapter;
pub mod site;
pub mod on_openwork;
pub mod on_tokio;
