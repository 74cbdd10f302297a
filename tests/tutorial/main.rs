//! The listings of the tutorials run on this crate.
//!
//! They are what a reader of Tokio's tutorial and of the first pages of its documentation writes, with the crate's
//! name changed. Listings of streams need the edits that `streams.rs` marks, because the methods of streams are those
//! of the `futures` crate. Where a listing begins with `#[tokio::main] async fn main`, its body is given to
//! [`program`], which runs it as that attribute does, on the multi-thread runtime, and with `openwork::block_on`.
//!
//! Each file is a chapter. The name of a test says what the listing shows.

#![allow(
    clippy::needless_range_loop,
    clippy::useless_vec,
    clippy::redundant_pattern_matching,
    reason = "listings are as people write them"
)]

#[path = "../common/mod.rs"]
mod common;

mod mini;

mod async_in_depth;
mod bridging;
mod channels;
mod files;
mod framing;
mod hello;
mod io;
mod net;
mod runtimes;
mod select;
mod shared_state;
mod shutdown;
mod spawning;
mod streams;
mod sync;
mod tasks;
mod testing;
mod time;

use std::fmt::Debug;
use std::future::Future;

use openwork::runtime::Runtime;

use common::ends;

/// A type that `main` may return.
trait Outcome {
    fn succeed(self);
}

impl Outcome for () {
    fn succeed(self) {}
}

impl<T: Outcome, E: Debug> Outcome for Result<T, E> {
    fn succeed(self) {
        self.expect("the program succeeds").succeed();
    }
}

/// Runs a program on one thread, and on several.
fn program<F: Future<Output: Outcome>>(main: impl Fn() -> F + Send + 'static) {
    ends(move || {
        openwork::block_on(main()).succeed();
        Runtime::new().unwrap().block_on(main()).succeed();
    });
}
