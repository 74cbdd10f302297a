//! A queue of values, from many tasks to many: each receiver receives every value.
//!
//! [`channel`] makes one that keeps a number of values. A send never waits. If values are overwritten before a slow
//! receiver has received them, it learns how many it has missed, and continues with the oldest value that is kept. So
//! a slow receiver delays no other task and costs no memory.
//!
//! A receiver receives what is sent after its creation; [`Sender::subscribe`] makes more receivers. The channel ends
//! when all senders are dropped; what was sent before is still received.
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
mod buffer;
mod receiver;
mod sender;

pub use receiver::Receiver;
pub use sender::{Sender, WeakSender, channel};
