//! `join_all` and `try_join_all`, for any number of futures of one type.
//!
//! The simple way is to poll all of them whenever the task is woken. With a thousand futures that become ready one
//! after the other, that makes a million polls. So each child future gets a waker of its own, which puts the child's
//! number into a queue before it wakes the task. The task polls the children in the queue, and no others.
//!
//! ```text
//!   child 7's waker ──▶ ChildWaker 7 ──┐  unless 7 is in the queue
//!   child 9's waker ──▶ ChildWaker 9 ──┴─▶ [ 7, 9 ] ──▶ the task is woken: polls child 7, then child 9
//! ```
//!
//! A child's waker may outlive the child and the join; it then wakes nothing. So a child need not be `Send`, although
//! its waker is. This is a small executor in one task: the children share the task's thread and its budget. For a
//! number of futures that is known when the program is written, `join!` needs no allocation.
//!
//! Next: `race.rs`.

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::mem;
use std::ops::ControlFlow::{self, Break, Continue};
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker, ready};

use futures_core::TryFuture;
use futures_task::{ArcWake, waker_ref};

use super::maybe_done::{keep, keep_value};
use crate::engine::coop;
use crate::engine::prim::atomic::{AtomicBool, Ordering};
use crate::engine::prim::{Mutex, poll_or_register, wake, wake_self};

/// Waits for all futures, and returns their outputs in the order of the futures.
///
/// Only futures that were woken are polled, so the cost of a wake does not depend on their number. They share one
/// task. For parallel work, spawn tasks: for instance into a [`JoinSet`](crate::task::JoinSet).
///
/// Cancel safe if the futures are.
///
/// ```
/// use openwork::future::join_all;
///
/// # openwork::block_on(async {
/// let squares = join_all((1..=3).map(|n| async move { n * n })).await;
/// assert_eq!(squares, [1, 4, 9]);
/// # });
/// ```
pub fn join_all<I>(futures: I) -> JoinAll<<I::Item as IntoFuture>::IntoFuture>
where
    I: IntoIterator,
    I::Item: IntoFuture,
{
    JoinAll(Children::new(futures))
}

/// Waits for all futures, or for the first error that any of them returns; the others are then dropped. The values
/// are in the order of the futures. Only futures that were woken are polled.
///
/// Cancel safe if the futures are.
///
/// # Errors
///
/// The first error that any of them returns.
///
/// ```
/// use openwork::future::try_join_all;
///
/// # openwork::block_on(async {
/// let parsed = ["1", "2", "x"].map(|text| async move { text.parse::<u8>() });
/// assert!(try_join_all(parsed).await.is_err());
/// # });
/// ```
pub fn try_join_all<I>(futures: I) -> TryJoinAll<<I::Item as IntoFuture>::IntoFuture>
where
    I: IntoIterator,
    I::Item: IntoFuture<IntoFuture: TryFuture>,
{
    TryJoinAll(Children::new(futures))
}

/// Waits for many futures. From [`join_all()`].
#[must_use = "futures do nothing unless awaited"]
pub struct JoinAll<F: Future>(Children<F, F::Output>);

impl<F: Future> Future for JoinAll<F> {
    type Output = Vec<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Continue(outputs) = ready!(self.0.poll(cx, keep));
        Poll::Ready(outputs)
    }
}

impl<F: Future> fmt::Debug for JoinAll<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinAll").field("pending", &self.0.pending).finish_non_exhaustive()
    }
}

/// Waits for many futures, or for the first error. From [`try_join_all()`].
#[must_use = "futures do nothing unless awaited"]
pub struct TryJoinAll<F: TryFuture>(Children<F, F::Ok>);

impl<F, T, E> Future for TryJoinAll<F>
where
    F: TryFuture<Ok = T, Error = E> + Future<Output = Result<T, E>>,
{
    type Output = Result<Vec<T>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match ready!(self.0.poll(cx, keep_value)) {
            Continue(values) => Ok(values),
            Break(error) => Err(error),
        })
    }
}

impl<F: TryFuture> fmt::Debug for TryJoinAll<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TryJoinAll").field("pending", &self.0.pending).finish_non_exhaustive()
    }
}

/// The futures that are not ready, and what is kept of the outputs of the others.
struct Children<F, T> {
    /// The first field, so that it is dropped first: the end of a child then wakes nothing.
    woken: Arc<Mutex<Woken>>,
    /// The numbers that were taken out of the queue and are to be polled.
    batch: VecDeque<usize>,
    /// By number. None: it was ready, or is being polled.
    children: Vec<Option<Child<F>>>,
    outputs: Vec<Option<T>>,
    pending: usize,
}

/// The children are boxed, and their outputs not pinned.
impl<F, T> Unpin for Children<F, T> {}

struct Child<F> {
    future: Pin<Box<F>>,
    waker: Arc<ChildWaker>,
}

/// The queue of the children that were woken.
#[derive(Default)]
struct Woken {
    numbers: VecDeque<usize>,
    /// The waker of the task. None while the task has been woken and has not been polled.
    task: Option<Waker>,
}

struct ChildWaker {
    number: usize,
    /// The number is in the queue, or the child is ready. Cleared by the task before it polls the child.
    is_queued: AtomicBool,
    /// Weak: a waker that outlives the join keeps only itself in memory.
    woken: Weak<Mutex<Woken>>,
}

impl ArcWake for ChildWaker {
    fn wake_by_ref(this: &Arc<Self>) {
        // AcqRel: partner of the swap in `poll_child`. Waker: changes something, finds the flag set, returns. Task:
        // clears the flag, polls. The swap that clears it reads our write, so the poll sees what changed.
        if this.is_queued.swap(true, Ordering::AcqRel) {
            return;
        }
        let Some(woken) = this.woken.upgrade() else { return };
        let mut queue = woken.lock();
        queue.numbers.push_back(this.number);
        let task = queue.task.take();
        drop(queue);
        wake(task);
    }
}

impl<F: Future, T> Children<F, T> {
    fn new<I>(futures: I) -> Self
    where
        I: IntoIterator<Item: IntoFuture<IntoFuture = F>>,
    {
        let woken = Arc::<Mutex<Woken>>::default();
        let child = |(number, future): (usize, I::Item)| {
            let is_queued = AtomicBool::new(true);
            let waker = Arc::new(ChildWaker { number, is_queued, woken: Arc::downgrade(&woken) });
            Some(Child { future: Box::pin(future.into_future()), waker })
        };
        let children: Vec<_> = futures.into_iter().enumerate().map(child).collect();
        let pending = children.len();
        let outputs = (0..pending).map(|_| None).collect();
        Children { woken, batch: (0..pending).collect(), children, outputs, pending }
    }

    /// Polls the children that were woken, until all are ready or an output ends the wait.
    fn poll<B>(
        &mut self,
        cx: &mut Context<'_>,
        judge: impl Fn(F::Output) -> ControlFlow<B, T>,
    ) -> Poll<ControlFlow<B, Vec<T>>> {
        self.batch.append(&mut self.woken.lock().numbers);
        while let Some(&number) = self.batch.front() {
            ready!(coop::poll_proceed(cx));
            self.batch.pop_front();
            let Poll::Ready(output) = self.poll_child(number) else { continue };
            self.pending -= 1;
            match judge(output) {
                Continue(kept) => self.outputs[number] = Some(kept),
                Break(end) => {
                    // The other children are dropped before the task learns of the end.
                    self.children.clear();
                    return Poll::Ready(Break(end));
                }
            }
        }
        if self.pending == 0 {
            let outputs = mem::take(&mut self.outputs).into_iter();
            let outputs = outputs.map(|output| output.expect("every child was ready")).collect();
            return Poll::Ready(Continue(outputs));
        }
        let look = |woken: &mut Woken| match woken.numbers.is_empty() {
            true => Poll::Pending,
            false => Poll::Ready(()),
        };
        // A child that was woken in this poll waits for the next: if it wakes itself in order to yield, it yields to
        // the other tasks and not only to its siblings.
        if poll_or_register(&self.woken, cx, look, |woken| &mut woken.task).is_ready() {
            wake_self(cx);
        }
        Poll::Pending
    }

    fn poll_child(&mut self, number: usize) -> Poll<F::Output> {
        // Taken out, so that a child that panics is gone. None: it was woken in its last poll.
        let Some(mut child) = self.children[number].take() else { return Poll::Pending };
        // AcqRel: see `wake_by_ref`.
        child.waker.is_queued.swap(false, Ordering::AcqRel);
        let polled = child.future.as_mut().poll(&mut Context::from_waker(&waker_ref(&child.waker)));
        if polled.is_pending() {
            self.children[number] = Some(child);
        } else {
            // A late wake of a child that is ready does nothing. Relaxed: it publishes nothing.
            child.waker.is_queued.store(true, Ordering::Relaxed);
        }
        polled
    }
}
