//! `join` and `try_join`, for two futures: [`join!`](crate::join) as functions that return a named future.
//!
//! Next: `join_all.rs`, for any number of futures.

use std::future::{Future, IntoFuture};
use std::ops::ControlFlow::{Break, Continue};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::TryFuture;
use pin_project_lite::pin_project;

use super::maybe_done::{MaybeDone, Order, keep, keep_value, poll_each};

/// Waits for both futures. For more of them there is [`join!`](crate::join).
///
/// Cancel safe if both are.
///
/// # Panics
///
/// If it is polled after it was ready.
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
    Join { order: Order::Rotating(0), a: MaybeDone::new(a), b: MaybeDone::new(b) }
}

pin_project! {
    /// Waits for two futures. From [`join()`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct Join<A, B>
    where
        A: Future,
        B: Future,
    {
        order: Order,
        #[pin]
        a: MaybeDone<A, A::Output>,
        #[pin]
        b: MaybeDone<B, B::Output>,
    }
}

impl<A: Future, B: Future> Future for Join<A, B> {
    type Output = (A::Output, B::Output);

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let poll = |number, cx: &mut Context<'_>| match number {
            0 => this.a.as_mut().poll(cx, keep),
            _ => this.b.as_mut().poll(cx, keep),
        };
        let Continue(()) = ready!(poll_each(cx, this.order, 2, poll));
        Poll::Ready((this.a.take(), this.b.take()))
    }
}

/// Waits for both futures, or until one of them returns an error; the other one is then dropped with the
/// [`TryJoin`]. For more of them there is [`try_join!`](crate::try_join).
///
/// Cancel safe if both are.
///
/// # Errors
///
/// The first error that either returns.
///
/// # Panics
///
/// If it is polled after it was ready.
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
    TryJoin { order: Order::Rotating(0), a: MaybeDone::new(a), b: MaybeDone::new(b) }
}

pin_project! {
    /// Waits for two futures, or for the first error. From [`try_join()`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct TryJoin<A, B>
    where
        A: TryFuture,
        B: TryFuture,
    {
        order: Order,
        #[pin]
        a: MaybeDone<A, A::Ok>,
        #[pin]
        b: MaybeDone<B, B::Ok>,
    }
}

impl<A, B, T, U, E> Future for TryJoin<A, B>
where
    A: TryFuture<Ok = T, Error = E> + Future<Output = Result<T, E>>,
    B: TryFuture<Ok = U, Error = E> + Future<Output = Result<U, E>>,
{
    type Output = Result<(T, U), E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let poll = |number, cx: &mut Context<'_>| match number {
            0 => this.a.as_mut().poll(cx, keep_value),
            _ => this.b.as_mut().poll(cx, keep_value),
        };
        Poll::Ready(match ready!(poll_each(cx, this.order, 2, poll)) {
            Continue(()) => Ok((this.a.take(), this.b.take())),
            Break(error) => Err(error),
        })
    }
}
