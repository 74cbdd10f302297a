//! A token that tells tasks to stop, with children that are cancelled with it.

mod tree;
mod token;

pub use token::{
    CancelOnDrop, CancellationToken, DropGuard, DropGuardRef, WaitForCancellation,
    WaitForCancellationFuture, WaitForCancellationFutureOwned,
};
