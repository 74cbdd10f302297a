//! Streams: channels, timers, listeners and lines as streams, and stream methods that need a clock.
//!
//! A stream is a future that is ready again and again: [`Stream::poll_next`] gives an item, `None` at the end, or
//! "pending". [`Stream`] is `futures-core`'s, so our streams work with every library that knows it.
//!
//! The methods that need no runtime (`next`, `map`, `filter`, `buffered` …) are those of the `futures` crate's
//! `StreamExt`. Here is what needs this crate's types and its clock: the [`wrappers`], [`interval`], and
//! [`StreamTimeExt`], which can be imported beside `futures::StreamExt`.
//!
//! ```
//! use futures::{StreamExt, future::ready};
//! use openwork::stream::{StreamTimeExt, wrappers::ReceiverStream};
//! use openwork::{sync::mpsc, time::Duration};
//!
//! # openwork::block_on(async {
//! let (sender, receiver) = mpsc::channel(2);
//! openwork::spawn(async move { for n in 0..6 { sender.send(n).await.unwrap() } });
//! let even = ReceiverStream::new(receiver).filter(|n| ready(n % 2 == 0));
//! let slow = even.throttle(Duration::from_millis(1));
//! assert_eq!(slow.collect::<Vec<_>>().await, [0, 2, 4]);
//! # });
//! ```
//!
//! Our streams use up the budget of the task's poll. A loop over a stream that is always ready and uses up none, such
//! as `futures::stream::iter`, holds its worker until it ends: call
//! [`consume_budget`](crate::task::consume_budget()) in it.

mod timed;
pub mod wrappers;

pub use futures_core::Stream;

pub use crate::time::error::Elapsed;
pub use timed::{ChunksTimeout, StreamTimeExt, Throttle, Timeout};
pub use wrappers::interval;
