//! Several futures at once, in one task.
//!
//! A future that is awaited makes the task wait for it alone. Here are the ways to wait for several. They
//! run **concurrently** and not in parallel: one task polls them in turn, so they may borrow from each
//! other's surroundings, and none needs an allocation or a `'static` bound. What should run in parallel is
//! spawned.
//!
//! | | waits for | answers |
//! |---|---|---|
//! | [`join!`](crate::join), [`join()`] | all of them | all outputs |
//! | [`try_join!`](crate::try_join), [`try_join()`] | all, or the first error | all values, or that error |
//! | [`join_all()`], [`try_join_all`] | the same, for any number of one type | a `Vec` |
//! | [`select!`](crate::select) | the first whose output fits its pattern | what its handler makes of it |
//! | [`select()`] | the first of two | its output, and the other future |
//! | [`race()`] | the first of two | its output |
//!
//! Whoever is not waited for any longer is dropped where it stands: that is what **cancellation** is. A
//! future is *cancel safe* if nothing is lost by that, so that it may be tried again in a loop around
//! `select!`; each future of this crate says whether it is.
//!
//! Everything here works under any executor.

mod either;
mod held;
mod join;
pub(crate) mod group;
mod join_all;
mod select;
mod race;
#[doc(hidden)]
pub mod macros;

pub use std::future::{Pending, PollFn, Ready, pending, poll_fn, ready};

pub use either::Either;
pub use join::{Join, TryJoin, join, try_join};
pub use join_all::{JoinAll, TryJoinAll, join_all, try_join_all};
pub use race::{Race, Select, race, select};
