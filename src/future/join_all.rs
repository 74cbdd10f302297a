//! Waiting for any number of futures of one type.
//!
//! A [`Group`] polls those that were woken; here their outputs are put back into the order in which the
//! futures were given.
//!
//! Next: `select.rs`, for whoever is first.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::group::Group;
use super::join::TryFuture;

/// Waits for all the futures, and gives their outputs in the order of the futures.
///
/// Only futures that were woken are polled, so many of them cost no more than their own wakes. They share
/// one task: what should run in parallel is spawned, into a `JoinSet` for instance.
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
    let group = group_of(futures);
    JoinAll { outputs: slots(group.len()), group }
}

/// Waits for all the futures, or for the first error, whichever future it comes from; the others are then
/// dropped. Otherwise as [`join_all()`].
///
/// # Errors
///
/// The first one that any of them gives.
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
    let group = group_of(futures);
    TryJoinAll { values: slots(group.len()), group }
}

fn group_of<I>(futures: I) -> Group<<I::Item as IntoFuture>::IntoFuture>
where
    I: IntoIterator,
    I::Item: IntoFuture,
{
    let mut group = Group::new();
    for future in futures {
        group.insert(future.into_future());
    }
    group
}

fn slots<T>(count: usize) -> Vec<Option<T>> {
    (0..count).map(|_| None).collect()
}

/// The outputs, when all are there.
fn filled<T>(slots: &mut Vec<Option<T>>) -> Vec<T> {
    mem::take(slots).into_iter().map(|slot| slot.expect("each future gave its output")).collect()
}

/// Waits for many futures. From [`join_all()`].
#[must_use = "futures do nothing unless awaited"]
pub struct JoinAll<F: Future> {
    group: Group<F>,
    outputs: Vec<Option<F::Output>>,
}

/// The futures are boxed, and their outputs not pinned.
impl<F: Future> Unpin for JoinAll<F> {}

impl<F: Future> Future for JoinAll<F> {
    type Output = Vec<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        while let Some((key, output)) = ready!(this.group.poll_next(cx)) {
            this.outputs[key] = Some(output);
        }
        Poll::Ready(filled(&mut this.outputs))
    }
}

impl<F: Future> fmt::Debug for JoinAll<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinAll").field("group", &self.group).finish_non_exhaustive()
    }
}

/// Waits for many futures, or for the first error. From [`try_join_all`].
#[must_use = "futures do nothing unless awaited"]
pub struct TryJoinAll<F: TryFuture> {
    group: Group<F>,
    values: Vec<Option<F::Value>>,
}

/// As [`JoinAll`].
impl<F: TryFuture> Unpin for TryJoinAll<F> {}

impl<F: TryFuture> Future for TryJoinAll<F> {
    type Output = Result<Vec<F::Value>, F::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        while let Some((key, output)) = ready!(this.group.poll_next(cx)) {
            match output {
                Ok(value) => this.values[key] = Some(value),
                Err(error) => {
                    // The others go before the error is told.
                    this.group = Group::new();
                    return Poll::Ready(Err(error));
                }
            }
        }
        Poll::Ready(Ok(filled(&mut this.values)))
    }
}

impl<F: TryFuture> fmt::Debug for TryJoinAll<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TryJoinAll").field("group", &self.group).finish_non_exhaustive()
    }
}
