//! A queue of messages, from many tasks to one.
//!
//! [`channel`] makes a bounded channel: a sender waits while the queue is full, so that a fast producer does not fill
//! the memory but runs at the pace of the consumer. [`unbounded_channel`] makes a channel without a bound.
//!
//! The channel ends when all senders are dropped or when the receiver closes it. The messages that were sent before can
//! still be received: `recv` returns `None` only when no message can come any more.
//!
//! ```
//! use openwork::sync::mpsc;
//!
//! # openwork::block_on(async {
//! let (sender, mut receiver) = mpsc::channel(2);
//! openwork::spawn(async move {
//!     for number in 0..5 {
//!         sender.send(number).await.unwrap();
//!     }
//! });
//! while let Some(number) = receiver.recv().await {
//!     println!("got {number}");
//! }
//! # });
//! ```

pub mod error;
mod chan;
mod sender;
mod permit;
mod receiver;

pub use permit::{OwnedPermit, Permit};
pub use receiver::{Receiver, UnboundedReceiver, channel, unbounded_channel};
pub use sender::{Bounded, Sender, Unbounded, UnboundedSender, WeakSender, WeakUnboundedSender};
