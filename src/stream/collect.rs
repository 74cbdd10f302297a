//! How do the items of a stream become a collection, or the first error among them?
//!
//! Std has `FromIterator` for that, but it takes an iterator, which cannot wait. So there is [`FromStream`],
//! which adds one item at a time. To add one may be to have enough: a `Result` of a collection stops at the
//! first error, and asks the stream for nothing more.
//!
//! (`Default` and `Extend`, as the `futures` crate does it, would take any collection and need no trait,
//! but no `Result`.)
//!
//! Next: `buffered.rs`, several items at once.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher, Hash};
use std::marker::PhantomPinned;
use std::ops::ControlFlow::{self, Break, Continue};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use pin_project_lite::pin_project;

use super::next::poll_item;

/// What [`collect`](super::StreamExt::collect) can make of a stream of `T`.
pub trait FromStream<T>: Sized {
    /// What there is until the end. It begins empty; nothing is reserved on the word of the stream, which
    /// may have no end.
    type Gathered: Default;

    /// Adds an item. `Break`: no more are needed.
    fn add(gathered: &mut Self::Gathered, item: T) -> ControlFlow<()>;

    /// The end has come.
    fn finish(gathered: Self::Gathered) -> Self;
}

/// The collections of std that are extended by one, all in the same way.
macro_rules! by_extend {
    ($([$($parameters:tt)*] $collection:ty, of $item:ty;)*) => {$(
        impl<$($parameters)*> FromStream<$item> for $collection {
            type Gathered = Self;

            fn add(gathered: &mut Self, item: $item) -> ControlFlow<()> {
                gathered.extend(Some(item));
                Continue(())
            }

            fn finish(gathered: Self) -> Self {
                gathered
            }
        }
    )*};
}

by_extend! {
    [] (), of ();
    [T] Vec<T>, of T;
    [T] VecDeque<T>, of T;
    [T] LinkedList<T>, of T;
    [T: Ord] BinaryHeap<T>, of T;
    [T: Ord] BTreeSet<T>, of T;
    [T: Eq + Hash, H: BuildHasher + Default] HashSet<T, H>, of T;
    [K: Ord, V] BTreeMap<K, V>, of (K, V);
    [K: Eq + Hash, V, H: BuildHasher + Default] HashMap<K, V, H>, of (K, V);
}

impl<T> FromStream<T> for Box<[T]> {
    type Gathered = Vec<T>;

    fn add(items: &mut Vec<T>, item: T) -> ControlFlow<()> {
        Vec::add(items, item)
    }

    fn finish(items: Vec<T>) -> Self {
        items.into_boxed_slice()
    }
}

impl<T: AsRef<str>> FromStream<T> for String {
    type Gathered = String;

    fn add(text: &mut String, item: T) -> ControlFlow<()> {
        text.push_str(item.as_ref());
        Continue(())
    }

    fn finish(text: String) -> String {
        text
    }
}

/// All items, or the first error.
impl<T, E, C: FromStream<T>> FromStream<Result<T, E>> for Result<C, E> {
    type Gathered = (C::Gathered, Option<E>);

    fn add((items, first): &mut Self::Gathered, item: Result<T, E>) -> ControlFlow<()> {
        match item {
            Ok(item) => C::add(items, item),
            Err(error) => {
                *first = Some(error);
                Break(())
            }
        }
    }

    fn finish((items, first): Self::Gathered) -> Self {
        first.map_or_else(|| Ok(C::finish(items)), Err)
    }
}

/// All items, or none if one of them is none.
impl<T, C: FromStream<T>> FromStream<Option<T>> for Option<C> {
    type Gathered = (C::Gathered, bool);

    fn add((items, lacks_one): &mut Self::Gathered, item: Option<T>) -> ControlFlow<()> {
        *lacks_one = item.is_none();
        item.map_or(Break(()), |item| C::add(items, item))
    }

    fn finish((items, lacks_one): Self::Gathered) -> Self {
        (!lacks_one).then(|| C::finish(items))
    }
}

pin_project! {
    /// All items in a collection. From [`collect`](super::StreamExt::collect).
    #[must_use = "futures do nothing unless awaited"]
    pub struct Collect<S: Stream, C: FromStream<S::Item>> {
        #[pin]
        stream: S,
        // None once it was given out.
        gathered: Option<C::Gathered>,
        #[pin]
        not_unpin: PhantomPinned,
    }
}

impl<S: Stream, C: FromStream<S::Item>> Collect<S, C> {
    pub(super) fn new(stream: S) -> Self {
        Collect { stream, gathered: Some(C::Gathered::default()), not_unpin: PhantomPinned }
    }
}

impl<S: Stream, C: FromStream<S::Item>> Future for Collect<S, C> {
    type Output = C;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<C> {
        const GONE: &str = "`collect` was polled after it was ready";
        let mut this = self.project();
        while let Some(item) = ready!(poll_item(this.stream.as_mut(), cx)) {
            if C::add(this.gathered.as_mut().expect(GONE), item).is_break() {
                break;
            }
        }
        Poll::Ready(C::finish(this.gathered.take().expect(GONE)))
    }
}

impl<S: Stream + fmt::Debug, C: FromStream<S::Item>> fmt::Debug for Collect<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collect").field("stream", &self.stream).finish_non_exhaustive()
    }
}
