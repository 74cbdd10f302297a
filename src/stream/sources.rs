//! Where do the values come from, if not from a channel or a clock?
//!
//! From a list, from a function, or from a future that is begun anew for each. None of these waits for
//! anybody but what its user gives it. Those that could be ready without end pay for each item out of the
//! budget of the poll.
//!
//! Next: `one_to_one.rs`, what is done to each item.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::{iter, option};

use futures_core::Stream;
use pin_project_lite::pin_project;

use crate::engine::coop;
use crate::engine::trace::{self, Waiting};

/// The items of an iterator, one after the other, without waiting.
///
/// ```
/// use openwork::stream::{self, StreamExt};
///
/// # openwork::block_on(async {
/// let mut stream = stream::iter([17, 19]);
/// assert_eq!(stream.next().await, Some(17));
/// assert_eq!(stream.next().await, Some(19));
/// assert_eq!(stream.next().await, None);
/// # });
/// ```
pub fn iter<I: IntoIterator>(items: I) -> Iter<I::IntoIter> {
    Iter { iter: items.into_iter() }
}

/// The items of an iterator. From [`iter()`].
#[derive(Debug, Clone)]
#[must_use = "streams do nothing unless polled"]
pub struct Iter<I> {
    iter: I,
}

// An iterator is never pinned.
impl<I> Unpin for Iter<I> {}

impl<I: Iterator> Stream for Iter<I> {
    type Item = I::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<I::Item>> {
        ready!(coop::poll_proceed(cx));
        coop::made_progress();
        Poll::Ready(self.iter.next())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.iter.size_hint()
    }
}

/// One item, without waiting.
pub fn once<T>(item: T) -> Once<T> {
    iter(Some(item))
}

/// One item. From [`once`].
pub type Once<T> = Iter<option::IntoIter<T>>;

/// No item, and no waiting either.
pub const fn empty<T>() -> Empty<T> {
    Iter { iter: iter::empty() }
}

/// No item. From [`empty`].
pub type Empty<T> = Iter<iter::Empty<T>>;

/// Neither an item nor an end, ever.
pub const fn pending<T>() -> Pending<T> {
    Pending { item: PhantomData }
}

/// No item and no end. From [`pending`].
#[must_use = "streams do nothing unless polled"]
pub struct Pending<T> {
    // There is no `T` in it, so it is `Send` and `Sync` whatever `T` is.
    item: PhantomData<fn() -> T>,
}

impl<T> Stream for Pending<T> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<T>> {
        trace::waiting(Waiting::On { what: "nothing that will ever come" });
        Poll::Pending
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(0))
    }
}

/// Items that are made one after the other, each by a future. `step` gets the state and returns the item
/// with the next state, or none for the end.
///
/// ```
/// use openwork::stream::{self, StreamExt};
///
/// # openwork::block_on(async {
/// let halves = stream::unfold(20, async |n| (n > 0).then_some((n, n / 2)));
/// assert_eq!(halves.collect::<Vec<_>>().await, [20, 10, 5, 2, 1]);
/// # });
/// ```
pub fn unfold<T, F, Fut, I>(state: T, step: F) -> Unfold<T, F, Fut>
where
    F: FnMut(T) -> Fut,
    Fut: Future<Output = Option<(I, T)>>,
{
    Unfold { step, state: Some(state), future: None }
}

pin_project! {
    /// Items that futures make. From [`unfold`].
    #[must_use = "streams do nothing unless polled"]
    pub struct Unfold<T, F, Fut> {
        step: F,
        // Neither: the end has come.
        state: Option<T>,
        #[pin]
        future: Option<Fut>,
    }
}

impl<T, F, Fut, I> Stream for Unfold<T, F, Fut>
where
    F: FnMut(T) -> Fut,
    Fut: Future<Output = Option<(I, T)>>,
{
    type Item = I;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<I>> {
        let mut this = self.project();
        if let Some(state) = this.state.take() {
            this.future.set(Some((this.step)(state)));
        }
        let Some(future) = this.future.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        let made = ready!(coop::poll_with_progress(cx, |cx| future.poll(cx)));
        this.future.set(None);
        Poll::Ready(made.map(|(item, state)| {
            *this.state = Some(state);
            item
        }))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let ended = self.state.is_none() && self.future.is_none();
        (0, ended.then_some(0))
    }
}

/// A stream that is nothing but a `poll` function.
pub fn poll_fn<T, F>(poll: F) -> PollFn<F>
where
    F: FnMut(&mut Context<'_>) -> Poll<Option<T>>,
{
    PollFn { poll }
}

/// A `poll` function. From [`poll_fn`].
#[must_use = "streams do nothing unless polled"]
pub struct PollFn<F> {
    poll: F,
}

// The function is called, and never pinned.
impl<F> Unpin for PollFn<F> {}

impl<T, F> Stream for PollFn<F>
where
    F: FnMut(&mut Context<'_>) -> Poll<Option<T>>,
{
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        (self.poll)(cx)
    }
}

impl<T> fmt::Debug for Pending<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pending")
    }
}

impl<T: fmt::Debug, F, Fut> fmt::Debug for Unfold<T, F, Fut> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unfold").field("state", &self.state).finish_non_exhaustive()
    }
}

impl<F> fmt::Debug for PollFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PollFn").finish_non_exhaustive()
    }
}
