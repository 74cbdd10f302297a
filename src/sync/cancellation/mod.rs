//! A token that tells tasks to stop, with children that are told with it.

mod tree;
mod token;
mod run_until_cancelled;

pub use run_until_cancelled::{RunUntilCancelledFuture, RunUntilCancelledFutureOwned};
pub use token::{
    CancellationToken, DropGuard, DropGuardRef, WaitForCancellationFuture,
    WaitForCancellationFutureOwned,
};
