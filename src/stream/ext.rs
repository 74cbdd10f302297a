//! The methods of every stream.
//!
//! Here are no ideas, only their names: what a method does is in the file of the struct that it returns. The
//! names and meanings are those of Tokio's streams; where Tokio has none (`zip`, `enumerate`, `count`,
//! `for_each`, `buffered`, `buffer_unordered`, `boxed`), those of the `futures` crate.
//!
//! Next: `wrappers.rs`, which makes streams of channels.

use std::future::Future;
use std::time::Duration;

use futures_core::Stream;
use futures_core::stream::BoxStream;

use super::buffered::{BufferUnordered, Buffered};
use super::collect::{Collect, FromStream};
use super::ends::{self, AllFuture, AnyFuture, Count, FoldFuture, Search};
use super::next::{Next, TryNext};
use super::one_to_one::{Enumerate, Filter, FilterMap, Map, Then};
use super::part::{Fuse, MapWhile, Skip, SkipWhile, Take, TakeWhile};
use super::timed::{Throttle, Timeout};
use super::together::{Chain, Merge, Zip};

/// Methods of every [`Stream`].
///
/// The `futures` crate has a trait of the same name, whose methods work on the same streams. Import one of
/// the two, and call the other's methods by path: `StreamExt::merge(a, b)`.
pub trait StreamExt: Stream {
    /// Waits for the next item. None: there are no more.
    ///
    /// Cancel safe: no item is lost.
    fn next(&mut self) -> Next<'_, Self>
    where
        Self: Unpin,
    {
        Next::new(self)
    }

    /// Waits for the next item of a stream of results, and gives its error as its own.
    ///
    /// Cancel safe: no item is lost.
    ///
    /// # Errors
    ///
    /// The item's. There may be more items after it.
    fn try_next<T, E>(&mut self) -> TryNext<'_, Self>
    where
        Self: Stream<Item = Result<T, E>> + Unpin,
    {
        TryNext::new(self)
    }

    /// Changes each item.
    fn map<T, F: FnMut(Self::Item) -> T>(self, change: F) -> Map<Self, F>
    where
        Self: Sized,
    {
        Map { stream: self, change }
    }

    /// Changes each item, up to the first that becomes none.
    fn map_while<T, F: FnMut(Self::Item) -> Option<T>>(self, change: F) -> MapWhile<Self, F>
    where
        Self: Sized,
    {
        MapWhile { stream: self, change, ended: false }
    }

    /// Awaits a future for each item, one at a time.
    ///
    /// ```
    /// use openwork::stream::{self, StreamExt};
    ///
    /// # openwork::block_on(async {
    /// let squares = stream::iter(1..=3).then(async |n| n * n);
    /// assert_eq!(squares.collect::<Vec<_>>().await, [1, 4, 9]);
    /// # });
    /// ```
    fn then<F, Fut>(self, begin: F) -> Then<Self, Fut, F>
    where
        Self: Sized,
        F: FnMut(Self::Item) -> Fut,
        Fut: Future,
    {
        Then { stream: self, future: None, begin }
    }

    /// The items of both streams, as they come. If both have one, they take turns.
    fn merge<U: Stream<Item = Self::Item>>(self, other: U) -> Merge<Self, U>
    where
        Self: Sized,
    {
        Merge::new(self, other)
    }

    /// The items for which `wanted` is true.
    fn filter<F: FnMut(&Self::Item) -> bool>(self, wanted: F) -> Filter<Self, F>
    where
        Self: Sized,
    {
        Filter { stream: self, wanted }
    }

    /// Changes each item, and leaves out those that become none.
    fn filter_map<T, F: FnMut(Self::Item) -> Option<T>>(self, change: F) -> FilterMap<Self, F>
    where
        Self: Sized,
    {
        FilterMap { stream: self, change }
    }

    /// A stream that goes on saying that it has ended, whatever this one would do after its end.
    fn fuse(self) -> Fuse<Self>
    where
        Self: Sized,
    {
        Fuse::new(self)
    }

    /// The first `count` items.
    fn take(self, count: usize) -> Take<Self>
    where
        Self: Sized,
    {
        Take { stream: self, left: count }
    }

    /// The items before the first for which `wanted` is false. That one is dropped.
    fn take_while<F: FnMut(&Self::Item) -> bool>(self, wanted: F) -> TakeWhile<Self, F>
    where
        Self: Sized,
    {
        TakeWhile { stream: self, wanted, ended: false }
    }

    /// All but the first `count` items.
    fn skip(self, count: usize) -> Skip<Self>
    where
        Self: Sized,
    {
        Skip { stream: self, left: count }
    }

    /// The items from the first on for which `unwanted` is false.
    fn skip_while<F: FnMut(&Self::Item) -> bool>(self, unwanted: F) -> SkipWhile<Self, F>
    where
        Self: Sized,
    {
        SkipWhile { stream: self, unwanted, began: false }
    }

    /// Whether `holds` is true for all items. Stops at the first for which it is not.
    fn all<F: FnMut(Self::Item) -> bool>(&mut self, holds: F) -> AllFuture<'_, Self, F>
    where
        Self: Unpin,
    {
        Search::new(self, holds, false)
    }

    /// Whether `holds` is true for some item. Stops at the first for which it is.
    fn any<F: FnMut(Self::Item) -> bool>(&mut self, holds: F) -> AnyFuture<'_, Self, F>
    where
        Self: Unpin,
    {
        Search::new(self, holds, true)
    }

    /// This stream, and after its end the other.
    fn chain<U: Stream<Item = Self::Item>>(self, other: U) -> Chain<Self, U>
    where
        Self: Sized,
    {
        Chain { first: Fuse::new(self), second: other }
    }

    /// Pairs of this stream's items and the other's. Ends with the shorter one.
    fn zip<U: Stream>(self, other: U) -> Zip<Self, U>
    where
        Self: Sized,
    {
        Zip::new(self, other)
    }

    /// Each item with its number, from 0.
    fn enumerate(self) -> Enumerate<Self>
    where
        Self: Sized,
    {
        Enumerate { stream: self, number: 0 }
    }

    /// What becomes of `value` when `fold` has changed it with each item.
    ///
    /// # Panics
    ///
    /// If it is polled after it was ready.
    fn fold<B, F: FnMut(B, Self::Item) -> B>(self, value: B, fold: F) -> FoldFuture<Self, B, F>
    where
        Self: Sized,
    {
        FoldFuture::new(self, value, fold)
    }

    /// All items in a collection: one of std's, or a `Result` or `Option` of one, which stops at the first
    /// error or none.
    ///
    /// ```
    /// use openwork::stream::{self, StreamExt};
    ///
    /// # openwork::block_on(async {
    /// let numbers = stream::iter(["1", "2", "three"]).map(str::parse::<i32>);
    /// assert!(numbers.collect::<Result<Vec<_>, _>>().await.is_err());
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If it is polled after it was ready.
    fn collect<C: FromStream<Self::Item>>(self) -> Collect<Self, C>
    where
        Self: Sized,
    {
        Collect::new(self)
    }

    /// How many items there are.
    fn count(self) -> Count<Self>
    where
        Self: Sized,
    {
        self.fold(0, |count, _| count + 1)
    }

    /// Awaits `work` for each item, one at a time.
    ///
    /// ```
    /// use openwork::stream::{self, StreamExt};
    ///
    /// # openwork::block_on(async {
    /// let mut sum = 0;
    /// stream::iter(1..=3).for_each(async |n| sum += n).await;
    /// assert_eq!(sum, 6);
    /// # });
    /// ```
    fn for_each<F: AsyncFnMut(Self::Item)>(self, work: F) -> impl Future<Output = ()>
    where
        Self: Sized,
    {
        ends::for_each(self, work)
    }

    /// Awaits the futures that are this stream's items, up to `limit` at once, and gives their results in the
    /// order of the stream. A result that waits for one before it counts towards the limit.
    ///
    /// # Panics
    ///
    /// If `limit` is 0.
    #[track_caller]
    fn buffered(self, limit: usize) -> Buffered<Self>
    where
        Self: Stream<Item: Future> + Sized,
    {
        Buffered::new(self, limit)
    }

    /// Awaits the futures that are this stream's items, up to `limit` at once, and gives their results as
    /// they come.
    ///
    /// ```
    /// use openwork::stream::{self, StreamExt};
    /// use openwork::time::{Duration, sleep};
    ///
    /// # openwork::block_on(async {
    /// # openwork::time::pause();
    /// let sleeper = async |n| { sleep(Duration::from_millis(n)).await; n };
    /// let sleepers = stream::iter([30, 10, 1]).map(sleeper);
    /// assert_eq!(sleepers.buffer_unordered(2).collect::<Vec<_>>().await, [10, 1, 30]);
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If `limit` is 0.
    #[track_caller]
    fn buffer_unordered(self, limit: usize) -> BufferUnordered<Self>
    where
        Self: Stream<Item: Future> + Sized,
    {
        BufferUnordered::new(self, limit)
    }

    /// The items, and an error before each for which one has waited longer than `duration`.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    fn timeout(self, duration: Duration) -> Timeout<Self>
    where
        Self: Sized,
    {
        Timeout::new(self, duration)
    }

    /// The items, each at least `duration` after the one before it.
    ///
    /// # Panics
    ///
    /// When it is polled outside of a runtime, unless `duration` is zero.
    fn throttle(self, duration: Duration) -> Throttle<Self>
    where
        Self: Sized,
    {
        Throttle { stream: self, delay: None, duration }
    }

    /// This stream in a box, of a type that has no other parameter than its items.
    fn boxed<'a>(self) -> BoxStream<'a, Self::Item>
    where
        Self: Sized + Send + 'a,
    {
        Box::pin(self)
    }
}

impl<S: Stream + ?Sized> StreamExt for S {}
