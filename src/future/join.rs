//! How does one wait for several futures at once, and for all of them?
//!
//! By being a future oneself: each poll polls those that are not ready yet, and keeps the outputs of those
//! that are. The futures lie in a **list that grows at its end**, each entry around the ones before it:
//!
//! ```text
//!   join!(a, b, c)      With { before: With { before: With { before: Empty, a }, b }, c }
//!   its output          ((((), A), B), C)         which the macro unfolds into (A, B, C)
//! ```
//!
//! A tuple would read better, but for a tuple of any length one cannot write a method without a macro that
//! counts; for this list it takes two `impl`s. Nothing is allocated, and a debugger shows each future in
//! its place, or its output. The macros pin each future in a variable, and the list has a reference to it
//! ([`Held`]): a list that holds the futures moves all of them whenever it grows by one, and large futures
//! then overflow the stack.
//!
//! A [`Rule`] says what an output is: for `join!` each is kept, for `try_join!` an error ends all.
//!
//! **Fairness.** A poll's budget is shared by all in the list. If each poll began with the first, and that
//! one spent the whole budget, the others would starve. So each poll begins one further.
//!
//! Next: `group.rs`, for any number of futures.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::held::Held;

// ---- what becomes of an output ----

/// Whether an output is kept until all are there, or ends the wait.
pub trait Rule<T> {
    /// What is kept.
    type Kept;
    /// What ends the wait.
    type Stop;
    /// Decides about an output.
    fn judge(output: T) -> Result<Self::Kept, Self::Stop>;
}

/// Every output is kept.
#[derive(Debug)]
pub enum KeepAll {}

impl<T> Rule<T> for KeepAll {
    type Kept = T;
    type Stop = Infallible;

    fn judge(output: T) -> Result<T, Infallible> {
        Ok(output)
    }
}

/// Values are kept; the first error ends the wait.
#[derive(Debug)]
pub enum StopAtError {}

impl<T, E> Rule<Result<T, E>> for StopAtError {
    type Kept = T;
    type Stop = E;

    fn judge(output: Result<T, E>) -> Result<T, E> {
        output
    }
}

// ---- one future ----

pin_project! {
    /// A future that turns into what is kept of its output.
    #[project = SlotProj]
    #[derive(Debug)]
    #[allow(missing_docs)]
    pub enum Slot<F, R>
    where
        F: Future,
        R: Rule<F::Output>,
    {
        Waits { #[pin] future: F },
        // None: it was taken, or the output has ended the wait.
        Done { kept: Option<R::Kept> },
    }
}

/// One future of a list.
pub trait One {
    /// What is kept of its output.
    type Kept;
    /// What ends the wait.
    type Stop;

    /// Polls the future if it waits. Ready: it is done.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Stop>>;

    /// Takes what was kept. Only when it is done.
    fn take(self: Pin<&mut Self>) -> Self::Kept;
}

impl<F: Future, R: Rule<F::Output>> Slot<F, R> {
    /// Drops the future: what it guards is free before the others go on. On its own, as a frame that assigns a
    /// large value holds copies of it.
    fn finish(mut self: Pin<&mut Self>, kept: Option<R::Kept>) {
        self.set(Slot::Done { kept });
    }
}

impl<F: Future, R: Rule<F::Output>> One for Slot<F, R> {
    type Kept = R::Kept;
    type Stop = R::Stop;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), R::Stop>> {
        let output = match self.as_mut().project() {
            SlotProj::Waits { future } => std::task::ready!(future.poll(cx)),
            SlotProj::Done { kept: Some(_) } => return Poll::Ready(Ok(())),
            SlotProj::Done { kept: None } => panic!("a join was polled after it was ready"),
        };
        let (kept, polled) = match R::judge(output) {
            Ok(kept) => (Some(kept), Ok(())),
            Err(stop) => (None, Err(stop)),
        };
        self.finish(kept);
        Poll::Ready(polled)
    }

    fn take(self: Pin<&mut Self>) -> R::Kept {
        match self.project() {
            SlotProj::Done { kept } => kept.take().expect("outputs are taken once"),
            SlotProj::Waits { .. } => unreachable!("outputs are taken when all are there"),
        }
    }
}

impl<F: Future, R: Rule<F::Output>> Default for Slot<F, R> {
    fn default() -> Self {
        Slot::Done { kept: None }
    }
}

impl<S: One + Default> One for Held<'_, S> {
    type Kept = S::Kept;
    type Stop = S::Stop;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), S::Stop>> {
        self.0.as_mut().poll(cx)
    }

    fn take(mut self: Pin<&mut Self>) -> S::Kept {
        self.0.as_mut().take()
    }
}

// ---- the list ----

/// A list of futures.
pub trait Futures {
    /// How many they are.
    const COUNT: u32;
    /// What is kept of them, each around the ones before it.
    type Outputs;
    /// What ends the wait.
    type Stop;

    /// Polls those with a number in `which` that are not done. Whether all of these are done now.
    fn poll_some(
        self: Pin<&mut Self>,
        which: &Range<u32>,
        cx: &mut Context<'_>,
    ) -> Result<bool, Self::Stop>;

    /// Takes the outputs. Only when all are done.
    fn take(self: Pin<&mut Self>) -> Self::Outputs;
}

/// The list's beginning. `S` is what ends the wait.
pub struct Empty<S>(PhantomData<fn() -> S>);

impl<S> fmt::Debug for Empty<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Empty")
    }
}

impl<S> Futures for Empty<S> {
    const COUNT: u32 = 0;
    type Outputs = ();
    type Stop = S;

    fn poll_some(self: Pin<&mut Self>, _: &Range<u32>, _: &mut Context<'_>) -> Result<bool, S> {
        Ok(true)
    }

    fn take(self: Pin<&mut Self>) {}
}

pin_project! {
    /// A list, and one future more.
    #[derive(Debug)]
    pub struct With<B, S> {
        #[pin]
        before: B,
        #[pin]
        last: S,
    }
}

impl<B, S> Futures for With<B, S>
where
    B: Futures<Stop = S::Stop>,
    S: One,
{
    const COUNT: u32 = B::COUNT + 1;
    type Outputs = (B::Outputs, S::Kept);
    type Stop = S::Stop;

    fn poll_some(
        self: Pin<&mut Self>,
        which: &Range<u32>,
        cx: &mut Context<'_>,
    ) -> Result<bool, S::Stop> {
        let this = self.project();
        let before_are_done = this.before.poll_some(which, cx)?;
        if !which.contains(&B::COUNT) {
            return Ok(before_are_done);
        }
        match this.last.poll(cx) {
            Poll::Ready(kept) => kept.map(|()| before_are_done),
            Poll::Pending => Ok(false),
        }
    }

    fn take(self: Pin<&mut Self>) -> Self::Outputs {
        let this = self.project();
        (this.before.take(), this.last.take())
    }
}

/// A future for a list.
#[inline]
pub fn slot<F, R>(future: F) -> Slot<F::IntoFuture, R>
where
    F: IntoFuture,
    R: Rule<F::Output>,
{
    Slot::Waits { future: future.into_future() }
}

/// Puts a future at the end of a list.
#[inline]
pub fn with<B, S: One>(before: B, last: S) -> With<B, S> {
    With { before, last }
}

/// The empty list for [`KeepAll`].
#[inline]
pub fn empty() -> Empty<Infallible> {
    Empty(PhantomData)
}

/// The empty list for [`StopAtError`].
#[inline]
pub fn try_empty<E>() -> Empty<E> {
    Empty(PhantomData)
}

// ---- the future ----

/// With which future a poll begins.
#[derive(Debug)]
enum Order {
    /// Always with the first.
    Written,
    /// With this one, and the next poll with the next.
    Rotating { next: u32 },
}

pin_project! {
    /// Waits for all futures of a list, or for one that ends the wait.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct JoinList<L> {
        order: Order,
        #[pin]
        list: L,
    }
}

impl<L: Futures> JoinList<L> {
    /// Polls in turns.
    #[inline]
    pub fn fair(list: L) -> Self {
        JoinList { order: Order::Rotating { next: 0 }, list }
    }

    /// Polls in the order in which they are written.
    #[inline]
    pub fn biased(list: L) -> Self {
        JoinList { order: Order::Written, list }
    }
}

impl<L: Futures> Future for JoinList<L> {
    type Output = Result<L::Outputs, L::Stop>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let first = match this.order {
            Order::Written => 0,
            Order::Rotating { next } => std::mem::replace(next, (*next + 1) % L::COUNT),
        };
        let mut all_done = true;
        for which in [first..L::COUNT, 0..first] {
            all_done &= this.list.as_mut().poll_some(&which, cx)?;
        }
        if all_done { Poll::Ready(Ok(this.list.take())) } else { Poll::Pending }
    }
}

// ---- two futures ----

/// Waits for both futures. For more of them there is [`join!`](crate::join).
///
/// Cancel safe if both are.
///
/// ```
/// use openwork::future::join;
///
/// # openwork::block_on(async {
/// let (number, word) = join(async { 1 }, async { "two" }).await;
/// assert_eq!((number, word), (1, "two"));
/// # });
/// ```
pub fn join<A, B>(a: A, b: B) -> Join<A::IntoFuture, B::IntoFuture>
where
    A: IntoFuture,
    B: IntoFuture,
{
    Join { both: JoinList::fair(with(with(empty(), slot(a)), slot(b))) }
}

pin_project! {
    /// Waits for two futures. From [`join()`].
    #[must_use = "futures do nothing unless awaited"]
    pub struct Join<A, B>
    where
        A: Future,
        B: Future,
    {
        #[pin]
        both: JoinList<With<With<Empty<Infallible>, Slot<A, KeepAll>>, Slot<B, KeepAll>>>,
    }
}

impl<A: Future, B: Future> Future for Join<A, B> {
    type Output = (A::Output, B::Output);

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().both.poll(cx).map(|outputs| {
            let Ok((((), a), b)) = outputs;
            (a, b)
        })
    }
}

impl<A, B> fmt::Debug for Join<A, B>
where
    A: Future<Output: fmt::Debug> + fmt::Debug,
    B: Future<Output: fmt::Debug> + fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Join").field("both", &self.both).finish()
    }
}

/// A future of a `Result`.
pub trait TryFuture: Future<Output = Result<Self::Value, Self::Error>> {
    /// What it gives if all is well.
    type Value;
    /// What it gives else.
    type Error;
}

impl<F: Future<Output = Result<T, E>>, T, E> TryFuture for F {
    type Value = T;
    type Error = E;
}

/// Waits for both futures, or until one of them gives an error; the other one is then dropped with the
/// [`TryJoin`]. For more of them there is [`try_join!`](crate::try_join).
///
/// Cancel safe if both are.
///
/// # Errors
///
/// The first one that either gives.
///
/// ```
/// use openwork::future::{pending, try_join};
///
/// # openwork::block_on(async {
/// let never = pending::<Result<u32, &str>>();
/// assert_eq!(try_join(never, async { Err::<u32, _>("broken") }).await, Err("broken"));
/// # });
/// ```
pub fn try_join<A, B>(a: A, b: B) -> TryJoin<A::IntoFuture, B::IntoFuture>
where
    A: IntoFuture<IntoFuture: TryFuture>,
    B: IntoFuture<IntoFuture: TryFuture<Error = <A::IntoFuture as TryFuture>::Error>>,
{
    TryJoin {
        both: JoinList::fair(with(with(try_empty(), slot(a.into_future())), slot(b.into_future()))),
    }
}

pin_project! {
    /// Waits for two futures, or for the first error. From [`try_join()`].
    #[must_use = "futures do nothing unless awaited"]
    pub struct TryJoin<A, B>
    where
        A: TryFuture,
        B: TryFuture,
    {
        #[pin]
        both: JoinList<With<With<Empty<A::Error>, Slot<A, StopAtError>>, Slot<B, StopAtError>>>,
    }
}

impl<A, B> Future for TryJoin<A, B>
where
    A: TryFuture,
    B: TryFuture<Error = A::Error>,
{
    type Output = Result<(A::Value, B::Value), A::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().both.poll(cx).map_ok(|(((), a), b)| (a, b))
    }
}

impl<A, B> fmt::Debug for TryJoin<A, B>
where
    A: TryFuture<Value: fmt::Debug> + fmt::Debug,
    B: TryFuture<Value: fmt::Debug> + fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TryJoin").field("both", &self.both).finish()
    }
}
