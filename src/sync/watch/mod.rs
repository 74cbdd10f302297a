//! One value that many tasks can look at, and whose changes they can await.
//!
//! [`channel`] makes one, with the first value. What a sender sends replaces the value, even if a receiver has not
//! seen it: a receiver learns that the value has changed since it looked last, not how often. This suits a
//! configuration, a state, or the progress of some work.
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
//! assert!(receiver.changed().await.is_err(), "the sender is dropped");
//! # });
//! ```

pub mod error;
mod shared;
mod receiver;
mod sender;

pub use receiver::Receiver;
pub use sender::{Sender, channel};
pub use shared::Ref;
