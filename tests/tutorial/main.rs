//! What is learnt elsewhere is true here.
//!
//! The listings that one meets on the way into asynchronous Rust, as one would write them after reading Tokio's
//! tutorial and the first pages of its documentation, with the name of the crate changed and nothing else.
//! Where theirs begin with `#[tokio::main] async fn main`, ours are given to [`program`], which runs them as
//! that attribute does, on the multi-thread runtime, and by `openwork::block_on` too.
//!
//! Each file is a chapter. The names of the tests say what the reader of the chapter would have seen.

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

/// What a `main` may return.
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

/// Runs a program: on one thread, and on several.
fn program<F: Future<Output: Outcome>>(main: impl Fn() -> F + Send + 'static) {
    ends(move || {
        openwork::block_on(main()).succeed();
        Runtime::new().unwrap().block_on(main()).succeed();
    });
}
