//! Guests: libraries that were written with another runtime in mind, at home on Openwork.
//!
//! A runtime is of use as far as other people's libraries run on it. They come in three kinds:
//!
//! - Those that ask nothing, because they live on the traits of `futures-io`. There is nothing to be done
//!   for them; `tests/neutral` has two.
//! - Those that say what they need of a runtime, as traits of their own. hyper does: bytes, tasks, timers.
//!   Here is what it is given: [`adapter`], about a hundred lines.
//! - Those that bring a runtime. sqlx does: it is told by a feature which one, and Openwork is not on its
//!   list. `tests/database.rs` shows how far that carries, and what it costs.
//!
//! ```text
//! cargo test --manifest-path benches/guests/Cargo.toml
//!     hyper       HTTP/1 and HTTP/2, as server and as client: connections that are kept, requests one
//!                 behind the other, bodies of megabytes, crowds, time-outs, an end in good order
//!     database    SQLite: a hundred tasks at once, transactions that are broken off, a pool with time-outs
//!
//! cargo run --release --manifest-path benches/guests/Cargo.toml
//!     the same server on Openwork and on Tokio, loaded in turn by wrk: requests per second, the processor
//!     time of each, and the ratio
//! ```
//!
//! The map, in reading order: `adapter.rs`; [`site`], what the server answers; [`on_openwork`] and
//! [`on_tokio`], the server twice; `main.rs` with `served.rs`, `wrk.rs`, the comparison.

pub mod adapter;
pub mod site;
pub mod on_openwork;
pub mod on_tokio;
