//! Several futures at once, in one task.
//!
//! A task that awaits one future waits for that future alone. Here are the ways to wait for several. They run
//! **concurrently** and not in parallel: one task polls them in turn, so they may borrow from the same variables,
//! and need neither `Send` nor `'static`. For parallel work, spawn tasks.
//!
//! | | waits for | returns |
//! |---|---|---|
//! | [`join!`](crate::join), [`join()`] | all of them | all outputs |
//! | [`try_join!`](crate::try_join), [`try_join()`] | all, or the first error | all values, or that error |
//! | [`join_all()`], [`try_join_all()`] | the same, for any number of futures of one type | a `Vec` |
//! | [`select!`](crate::select) | the first whose output fits its pattern | what its handler returns |
//! | [`select()`] | the first of two | its output, and the other future |
//! | [`race()`] | the first of two | its output |
//!
//! A future that is no longer waited for is dropped: that is **cancellation**. A future is *cancel safe* if nothing
//! is lost when it is dropped before it is ready, so that it may be created again in a loop around `select!`. Each
//! future of this crate says whether it is.
//!
//! Everything here works with any executor.

mod either;
mod maybe_done;
mod join;
mod join_all;
mod race;
#[doc(hidden)]
pub mod macros;

pub use std::future::{Pending, PollFn, Ready, pending, poll_fn, ready};

pub use either::Either;
pub use join::{Join, TryJoin, join, try_join};
pub use join_all::{JoinAll, TryJoinAll, join_all, try_join_all};
pub use race::{Race, Select, race, select};
