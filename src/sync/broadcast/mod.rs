//! A queue of values, from many tasks to many: everybody receives every value.
//!
//! [`channel`] makes one that keeps a number of values. A send never waits. If a receiver is so slow that
//! values are overwritten before it came for them, it learns how many it has missed, and goes on with the
//! oldest one that is kept. So a slow receiver holds nobody back, and costs no more memory than the others.
//!
//! A receiver gets what is sent from the moment of its creation on; [`Sender::subscribe`] makes more of
//! them. The channel ends when all senders are dropped; what was sent before is still received.
//!
//! ```
//! use openwork::sync::broadcast;
//!
//! # openwork::block_on(async {
//! let (sender, mut first) = broadcast::channel(16);
//! let mut second = sender.subscribe();
//! sender.send("to all").unwrap();
//! assert_eq!(first.recv().await, Ok("to all"));
//! assert_eq!(second.recv().await, Ok("to all"));
//! # });
//! ```

pub mod error;
mod ring;
mod receiver;
mod sender;

pub use receiver::{Receiver, Recv};
pub use sender::{Closed, Sender, WeakSender, channel};
