//! Values that come one after another, and may have to be waited for.
//!
//! [`Stream`] is `futures-core`'s, so that streams from elsewhere work here and ours work there. It has one
//! method, for those who implement it; [`StreamExt`] has those that one calls, with Tokio's names. A loop
//! over a stream is a `while let`:
//!
//! ```
//! use openwork::stream::{self, StreamExt};
//!
//! # openwork::block_on(async {
//! let mut odd = stream::iter(0..10).filter(|n| n % 2 == 1).take(3);
//! while let Some(number) = odd.next().await {
//!     println!("got {number}");
//! }
//! # });
//! ```
//!
//! A stream does nothing until it is asked. What keeps time needs a runtime of ours; all the rest works under
//! any executor.

mod next;
mod sources;
mod one_to_one;
mod part;
mod together;
mod ends;
mod collect;
mod buffered;
mod timed;
mod ext;
pub mod wrappers;

pub use futures_core::Stream;
pub use futures_core::stream::BoxStream;

pub use crate::time::error::Elapsed;
pub use buffered::{BufferUnordered, Buffered};
pub use collect::{Collect, FromStream};
pub use ends::{AllFuture, AnyFuture, Count, FoldFuture, Search};
pub use ext::StreamExt;
pub use next::{Next, TryNext};
pub use one_to_one::{Enumerate, Filter, FilterMap, Map, Then};
pub use part::{Fuse, MapWhile, Skip, SkipWhile, Take, TakeWhile};
pub use sources::{
    Empty, Iter, Once, Pending, PollFn, Unfold, empty, iter, once, pending, poll_fn, unfold,
};
pub use timed::{Throttle, Timeout};
pub use together::{Chain, Merge, Zip};
pub use wrappers::interval;
