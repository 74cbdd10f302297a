//! What the macros of this crate expand to. Not for use by hand: it may change at any time.
//!
//! The macros themselves are at the crate's root: [`join!`](crate::join), [`try_join!`](crate::try_join),
//! [`select!`](crate::select), [`pin!`](crate::pin).

mod pin;
mod join;
mod select;

pub use super::held::Held;
pub use super::join::{JoinList, KeepAll, StopAtError, empty, slot, try_empty, with};
pub use super::select::{
    NoBranches, Outcome, SelectList, all_branches_are_out, branch, candidate, note_and_refuse,
};
