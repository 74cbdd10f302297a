//! The first of two futures, without patterns.
//!
//! As with [`select!`](crate::select), each poll begins with a future drawn at random: a future that is always ready
//! cannot starve the other one.
//!
//! Next: `macros`, for any number of futures.

use std::future::{Future, IntoFuture};
use std::ops::ControlFlow::Break;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::either::Either;
use super::maybe_done::{Order, poll_each};
use crate::engine::coop;

/// Polls both, until one is ready.
fn poll_both<A: Future, B: Future>(
    mut a: Pin<&mut A>,
    mut b: Pin<&mut B>,
    cx: &mut Context<'_>,
) -> Poll<Either<A::Output, B::Output>> {
    ready!(coop::poll_proceed(cx));
    let ended = poll_each(cx, &mut Order::Random, 2, |number, cx| match number {
        0 => a.as_mut().poll(cx).map(Either::Left).map(Break),
        _ => b.as_mut().poll(cx).map(Either::Right).map(Break),
    });
    ended.map(|ended| ended.break_value().expect("the first output ends it"))
}

/// Waits for the first of two futures; the other one is dropped with the [`Race`].
///
/// Cancel safe if both are.
///
/// ```
/// use openwork::future::{pending, race};
///
/// # openwork::block_on(async {
/// assert_eq!(race(pending(), async { 1 }).await, 1);
/// # });
/// ```
pub fn race<A, B>(a: A, b: B) -> Race<A::IntoFuture, B::IntoFuture>
where
    A: IntoFuture,
    B: IntoFuture<Output = A::Output>,
{
    Race { a: a.into_future(), b: b.into_future() }
}

pin_project! {
    /// Waits for the first of two futures. From [`race()`].
    #[must_use = "futures do nothing unless awaited"]
    #[derive(Debug)]
    pub struct Race<A, B> {
        #[pin]
        a: A,
        #[pin]
        b: B,
    }
}

impl<A, B> Future for Race<A, B>
where
    A: Future,
    B: Future<Output = A::Output>,
{
    type Output = A::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<A::Output> {
        let this = self.project();
        poll_both(this.a, this.b, cx).map(Either::into_inner)
    }
}

/// Waits for the first of two futures, and returns its output with the other future, which can be awaited further.
/// As the other future moves, both must be [`Unpin`]: use [`pin!`](crate::pin), or a box.
///
/// Cancel safe if both are.
///
/// # Panics
///
/// If it is polled after it was ready.
///
/// ```
/// use openwork::future::{Either, pending, ready, select};
///
/// # openwork::block_on(async {
/// match select(ready(1), pending::<()>()).await {
///     Either::Left((number, _other)) => assert_eq!(number, 1),
///     Either::Right(_) => unreachable!("it is pending"),
/// }
/// # });
/// ```
pub fn select<A, B>(a: A, b: B) -> Select<A::IntoFuture, B::IntoFuture>
where
    A: IntoFuture<IntoFuture: Unpin>,
    B: IntoFuture<IntoFuture: Unpin>,
{
    Select { both: Some((a.into_future(), b.into_future())) }
}

/// Waits for the first of two futures. From [`select()`].
#[must_use = "futures do nothing unless awaited"]
#[derive(Debug)]
pub struct Select<A, B> {
    /// None once it was ready.
    both: Option<(A, B)>,
}

impl<A, B> Future for Select<A, B>
where
    A: Future + Unpin,
    B: Future + Unpin,
{
    type Output = Either<(A::Output, B), (B::Output, A)>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        const READY: &str = "a `Select` was polled after it was ready";
        let (a, b) = self.both.as_mut().expect(READY);
        let first = ready!(poll_both(Pin::new(a), Pin::new(b), cx));
        let (a, b) = self.both.take().expect(READY);
        Poll::Ready(match first {
            Either::Left(output) => Either::Left((output, b)),
            Either::Right(output) => Either::Right((output, a)),
        })
    }
}
