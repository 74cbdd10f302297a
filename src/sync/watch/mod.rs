//! One value, which many may look at, and whose changes they can await.
//!
//! [`channel`] makes one, with the first value. What a sender puts there replaces what was there before,
//! also if a receiver has not seen it: a receiver learns that the value has changed since it looked last,
//! not how often. That is what one wants of a configuration, a state, or the progress of something.
//!
//! The channel ends when all senders are dropped. The last value can still be seen.
//!
//! ```
//! use openwork::sync::watch;
//!
//! # openwork::block_on(async {
//! let (sender, mut receiver) = watch::channel("starting");
//! openwork::spawn(async move { sender.send("ready") });
//! receiver.changed().await.unwrap();
//! assert_eq!(*receiver.borrow_and_update(), "ready");
//! assert!(receiver.changed().await.is_err(), "there is no sender any more");
//! # });
//! ```

pub mod error;
mod shared;
mod receiver;
mod sender;

pub use receiver::{Changed, Receiver, WaitFor};
pub use sender::{Closed, Sender, channel};
pub use shared::Ref;
