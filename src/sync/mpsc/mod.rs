//! A queue of values, from many tasks to one.
//!
//! [`channel`] makes one with a bound: who sends waits for room, so that a fast producer is held back to
//! the pace of the consumer instead of filling the memory. [`unbounded_channel`] makes one without.
//!
//! The channel ends when all senders are dropped, or when the receiver closes it. What was sent before is
//! still received: `recv` says `None` only when nothing more can come.
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
mod queue;
mod tx;
mod rx;
mod sender;
mod permit;
mod receiver;
mod unbounded;

pub use permit::{OwnedPermit, Permit, PermitIterator};
pub use receiver::{Receiver, channel};
pub use rx::{Recv, RecvMany};
pub use sender::{Sender, WeakSender};
pub use tx::Closed;
pub use unbounded::{UnboundedReceiver, UnboundedSender, WeakUnboundedSender, unbounded_channel};
