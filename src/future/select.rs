//! How does one wait for whichever of several futures is ready first?
//!
//! As one waits for all of them (`join.rs`), with the same list that grows at its end; only, the first
//! output ends it. But `select!` may refuse an output: `Some(x) = receiver.recv() => …` waits for a value,
//! and when there is `None` instead, that branch is out and the others go on. So each branch has a test,
//! which is made from its pattern.
//!
//! ```text
//!   a branch   waits ──── its output fits ─────▶ it is chosen: all others are dropped
//!                └─────── it does not ─────────▶ out, as one whose `if` was false
//!   all out ──▶ `else`
//! ```
//!
//! The output arrives wrapped as deep as its branch lies in the list, `Before(Before(Last(x)))`, and the
//! macro's nested `match` unwraps it branch by branch. That match is in the caller's own function, so a
//! handler may `break`, `return` and `.await`; and by then the list is dropped, so it may use what the
//! other futures had borrowed.
//!
//! **Fairness.** Each poll begins with a branch drawn at random: with a fixed first branch, one that is
//! always ready would shut the others out. With `biased;` that is what the caller wants.
//!
//! Next: `race.rs`, for two futures and no patterns.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::held::Held;
use crate::engine::context;
use crate::engine::coop;

/// A list of branches.
pub trait Branches {
    /// How many they are.
    const COUNT: u32;
    /// The output of the one that is chosen.
    type Outcome;

    /// Polls those with a number in `which` that are not out, until one is chosen. `None`: all of these
    /// are out.
    fn poll_some(
        &mut self,
        which: &Range<u32>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Self::Outcome>>;
}

/// The output of a branch, of the last in the list or of one before.
#[derive(Debug)]
pub enum Outcome<B, T> {
    /// One before.
    Before(B),
    /// The last.
    Last(T),
}

/// The list's beginning.
#[derive(Debug)]
pub struct NoBranches;

impl Branches for NoBranches {
    const COUNT: u32 = 0;
    type Outcome = Infallible;

    fn poll_some(&mut self, _: &Range<u32>, _: &mut Context<'_>) -> Poll<Option<Infallible>> {
        Poll::Ready(None)
    }
}

/// A list, and one branch more.
pub struct Branch<'a, B, F, T> {
    before: B,
    /// None: it is out.
    future: Held<'a, Option<F>>,
    /// Gives the output back if it fits the pattern.
    test: T,
}

/// A future for a branch.
#[inline]
pub fn candidate<F: IntoFuture>(future: F) -> Option<F::IntoFuture> {
    Some(future.into_future())
}

/// Puts a branch at the end of a list.
#[inline]
pub fn branch<B, F, T>(
    before: B,
    enabled: bool,
    future: Pin<&mut Option<F>>,
    test: T,
) -> Branch<'_, B, F, T>
where
    F: Future,
    T: FnMut(F::Output) -> Option<F::Output>,
{
    let mut future = Held(future);
    if !enabled {
        future.clear();
    }
    Branch { before, future, test }
}

impl<B, F, T> Branches for Branch<'_, B, F, T>
where
    B: Branches,
    F: Future,
    T: FnMut(F::Output) -> Option<F::Output>,
{
    const COUNT: u32 = B::COUNT + 1;
    type Outcome = Outcome<B::Outcome, F::Output>;

    fn poll_some(
        &mut self,
        which: &Range<u32>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Self::Outcome>> {
        let before = self.before.poll_some(which, cx).map(|chosen| chosen.map(Outcome::Before));
        if matches!(before, Poll::Ready(Some(_))) || !which.contains(&B::COUNT) {
            return before;
        }
        let Some(future) = self.future.0.as_mut().as_pin_mut() else { return before };
        let output = ready!(future.poll(cx));
        self.future.clear();
        match (self.test)(output) {
            Some(output) => Poll::Ready(Some(Outcome::Last(output))),
            None => before,
        }
    }
}

impl<B: fmt::Debug, F, T> fmt::Debug for Branch<'_, B, F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Branch")
            .field("before", &self.before)
            .field("is_out", &self.future.0.is_none())
            .finish_non_exhaustive()
    }
}

/// Waits for the first branch whose output fits its pattern; `None` if all are out.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct SelectList<L, const BIASED: bool> {
    branches: L,
}

// The futures are pinned elsewhere.
impl<L, const BIASED: bool> Unpin for SelectList<L, BIASED> {}

impl<L: Branches> SelectList<L, false> {
    /// Each poll begins with a branch drawn at random.
    #[inline]
    pub fn fair(branches: L) -> Self {
        SelectList { branches }
    }
}

impl<L: Branches> SelectList<L, true> {
    /// Polls in the order in which they are written.
    #[inline]
    pub fn biased(branches: L) -> Self {
        SelectList { branches }
    }
}

impl<L: Branches, const BIASED: bool> Future for SelectList<L, BIASED> {
    type Output = Option<L::Outcome>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // A branch that does not go through the budget would else be all that is ever ready.
        ready!(coop::poll_proceed(cx));
        let first = if BIASED { 0 } else { context::random_below(L::COUNT) };
        let mut all_out = true;
        for which in [first..L::COUNT, 0..first] {
            match self.branches.poll_some(&which, cx) {
                Poll::Ready(None) => {}
                Poll::Pending => all_out = false,
                chosen => return chosen,
            }
        }
        if all_out { Poll::Ready(None) } else { Poll::Pending }
    }
}

/// The guard by which a pattern is tested: it runs if the pattern fits, and keeps anything from being moved.
#[inline]
pub fn note_and_refuse(fits: &mut bool) -> bool {
    *fits = true;
    false
}

/// Where a `select!` ends of which all branches are out, if it has no `else`.
#[track_caller]
pub fn all_branches_are_out() -> ! {
    panic!("`select!`: all branches are disabled and there is no `else` branch")
}
