//! What the macros of this crate expand to. Not for use by hand: it may change at any time.
//!
//! The macros themselves are at the crate's root: [`join!`](crate::join), [`try_join!`](crate::try_join),
//! [`select!`](crate::select), [`pin!`](crate::pin).

mod pin;
mod join;
mod select;

pub use super::maybe_done::{
    MaybeDone, Order, all_branches_are_disabled, concurrent, keep, keep_value, note_and_refuse,
    poll_each, poll_select,
};
