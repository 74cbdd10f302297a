//! What `join!` and `select!` have in common: poll several futures in turn, until all are done or one of them ends
//! the wait.
//!
//! Each future is a [`MaybeDone`], which is pinned in a variable of the caller and drops the future when it is
//! ready. What an output means is a function's decision: `join!` keeps each output, for `try_join!` an error ends the
//! wait, and for `select!` an output that fits its pattern.
//!
//! ```text
//!   join!     Future a, b, c ── ready: the output is kept ──▶ Done ── all are Done ──▶ (a, b, c)
//!   select!   Future a, b, c ── ready, and its output fits: the wait ends, the others are dropped ──▶ its handler
//!                            └─ ready, and it does not fit: Done, as a disabled branch ── all Done ──▶ else
//! ```
//!
//! [`poll_each`] polls them by number, through a closure that the macro writes. So there is no list of futures of
//! different types to build or to move, and the result is `Send` if the futures are.
//!
//! **Fairness.** All futures share the budget of the task's poll. If each poll began with the first future, and that
//! one used up the budget, the others would starve. So an [`Order`] says where a poll begins.
//!
//! Next: `join.rs`.

use std::convert::Infallible;
use std::future::{Future, IntoFuture};
use std::mem;
use std::ops::ControlFlow::{self, Break, Continue};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::engine::context;
use crate::engine::coop;

pin_project! {
    /// A future, and then what is kept of its output.
    #[project = MaybeDoneProj]
    #[derive(Debug)]
    #[allow(missing_docs)]
    pub enum MaybeDone<F, T> {
        // It is not ready yet.
        Future { #[pin] future: F },
        // It was ready, or is a disabled branch of `select!`. None: nothing was kept, or it was taken.
        Done { kept: Option<T> },
    }
}

impl<F: Future, T> MaybeDone<F, T> {
    /// Holds a future.
    #[inline]
    pub fn new(future: impl IntoFuture<IntoFuture = F>) -> Self {
        MaybeDone::Future { future: future.into_future() }
    }

    /// Holds a future if it is enabled, and otherwise drops it.
    #[inline]
    pub fn new_if(enabled: bool, future: impl IntoFuture<IntoFuture = F>) -> Self {
        // Not by `new`: each function through which a large future passes has a copy of it in its frame.
        match enabled {
            true => MaybeDone::Future { future: future.into_future() },
            false => MaybeDone::Done { kept: None },
        }
    }

    /// Polls the future, if there is one. When it is ready, lets `judge` decide what is kept of the output, or that
    /// the output ends the wait, and drops the future.
    #[inline]
    pub fn poll<B>(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        judge: impl FnOnce(F::Output) -> ControlFlow<B, T>,
    ) -> Poll<ControlFlow<B>> {
        let MaybeDoneProj::Future { future } = self.as_mut().project() else {
            return Poll::Ready(Continue(()));
        };
        let (kept, polled) = match judge(ready!(future.poll(cx))) {
            Continue(output) => (Some(output), Continue(())),
            Break(end) => (None, Break(end)),
        };
        self.drop_future(kept);
        Poll::Ready(polled)
    }

    /// A function of its own, because the frame of a function that assigns a large value holds copies of it.
    fn drop_future(mut self: Pin<&mut Self>, kept: Option<T>) {
        self.set(MaybeDone::Done { kept });
    }

    /// Takes what was kept. Only when all are done.
    #[inline]
    pub fn take(self: Pin<&mut Self>) -> T {
        let kept = match self.project() {
            MaybeDoneProj::Done { kept } => kept.take(),
            MaybeDoneProj::Future { .. } => None,
        };
        kept.expect("a join was polled after it was ready")
    }
}

/// For `join!`: every output is kept.
#[inline]
pub fn keep<T>(output: T) -> ControlFlow<Infallible, T> {
    Continue(output)
}

/// For `try_join!`: a value is kept, and an error ends the wait.
#[inline]
pub fn keep_value<T, E>(output: Result<T, E>) -> ControlFlow<E, T> {
    match output {
        Ok(value) => Continue(value),
        Err(error) => Break(error),
    }
}

/// Where a poll begins.
#[derive(Debug)]
pub enum Order {
    /// With the first future.
    Biased,
    /// One future further than the poll before it: with the future of this number.
    Rotating(u32),
    /// With a future drawn at random.
    Random,
}

impl Order {
    #[inline]
    fn first(&mut self, count: usize) -> usize {
        match self {
            Order::Biased => 0,
            Order::Rotating(next) => mem::replace(next, (*next + 1) % count as u32) as usize,
            Order::Random => context::random_below(count as u32) as usize,
        }
    }
}

/// Polls `count` futures once each, or until one of them ends the wait. `poll` polls the future with the number that it
/// is given. Ready with `Continue`: all are done.
#[inline]
pub fn poll_each<B>(
    cx: &mut Context<'_>,
    order: &mut Order,
    count: usize,
    mut poll: impl FnMut(usize, &mut Context<'_>) -> Poll<ControlFlow<B>>,
) -> Poll<ControlFlow<B>> {
    let mut number = order.first(count);
    let mut all_done = true;
    for _ in 0..count {
        match poll(number, cx) {
            Poll::Ready(Continue(())) => {}
            Poll::Pending => all_done = false,
            ended => return ended,
        }
        number = if number + 1 == count { 0 } else { number + 1 };
    }
    if all_done { Poll::Ready(Continue(())) } else { Poll::Pending }
}

/// The same for `select!`. A poll ends when the budget is used up: the branch that is chosen again and again in a
/// loop may be a future that uses up none.
#[inline]
pub fn poll_select(
    cx: &mut Context<'_>,
    order: &mut Order,
    count: usize,
    poll: impl FnMut(usize, &mut Context<'_>) -> Poll<ControlFlow<()>>,
) -> Poll<ControlFlow<()>> {
    ready!(coop::poll_proceed(cx));
    poll_each(cx, order, count, poll)
}

/// The future of `join!` and `select!`. Like std's `PollFn`, but a debugger can tell which of them it is, and sees the
/// futures that it polls: `futures` is a tuple of references to them.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Concurrent<const SELECT: bool, F, P> {
    futures: F,
    poll: P,
}

/// Makes a future of pinned futures and a poll function.
#[inline]
pub fn concurrent<const SELECT: bool, F, T, P>(futures: F, poll: P) -> Concurrent<SELECT, F, P>
where
    P: FnMut(&mut F, &mut Context<'_>) -> Poll<T>,
{
    Concurrent { futures, poll }
}

// The futures are pinned elsewhere.
impl<const SELECT: bool, F, P> Unpin for Concurrent<SELECT, F, P> {}

impl<const SELECT: bool, F, T, P> Future for Concurrent<SELECT, F, P>
where
    P: FnMut(&mut F, &mut Context<'_>) -> Poll<T>,
{
    type Output = T;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let Concurrent { futures, poll } = &mut *self;
        poll(futures, cx)
    }
}

/// The guard of the arm that tests a pattern in `select!`: it runs if the pattern fits, before anything is moved.
#[inline]
pub fn note_and_refuse(fits: &mut bool) -> bool {
    *fits = true;
    false
}

/// Panics: all branches of a `select!` are disabled, and it has no `else`.
#[track_caller]
pub fn all_branches_are_disabled() -> ! {
    panic!("`select!`: all branches are disabled and there is no `else` branch")
}
