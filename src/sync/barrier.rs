//! Several tasks go on only when all of them have come so far.
//!
//! For instance four that each fill their part of a table, and then each read all of it. The first three wait;
//! the fourth does not, but wakes the others, and is their leader, in case that something is to be done by one
//! of them only. Then the barrier stands as before, for the next round.
//!
//! ```
//! use std::sync::Arc;
//! use openwork::sync::Barrier;
//!
//! # openwork::block_on(async {
//! let barrier = Arc::new(Barrier::new(2));
//! let other = barrier.clone();
//! let task = openwork::spawn(async move { other.wait().await.is_leader() });
//! let leads = barrier.wait().await.is_leader();
//! assert_ne!(leads, task.await.unwrap());
//! # });
//! ```
//!
//! Who is dropped while he waits has not come. In Tokio he stays counted, so that the others go on without
//! him, and who tries again is counted twice; but here whoever is dropped leaves no trace.
//!
//! Next: `oneshot.rs`, the smallest channel.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::wait_queue::{Key, WaitQueue, WakeList};
use crate::engine::coop;
use crate::engine::prim::{Mutex, discard, poll_or_register};
use crate::engine::trace::{self, Waiting};

/// Lets tasks go on when so many of them wait.
pub struct Barrier {
    n: usize,
    state: Mutex<State>,
}

struct State {
    /// How many have come in this round.
    arrived: usize,
    /// Where they stand. The note is whether all have come.
    line: WaitQueue<bool>,
}

impl Barrier {
    /// A barrier for `n` tasks. One for none lets everybody through, as one for a single task does.
    pub fn new(n: usize) -> Self {
        let state = State { arrived: 0, line: WaitQueue::new() };
        Barrier { n: n.max(1), state: Mutex::new(state) }
    }

    /// Waits until `n` tasks wait here, this one among them. For one of them the result says that it leads.
    ///
    /// Cancel safe: who goes away before the others came does not count.
    pub fn wait(&self) -> BarrierWait<'_> {
        BarrierWait { barrier: self, stage: Stage::New }
    }
}

impl State {
    /// All have come: sends those on who wait, and begins again.
    fn go_on(&mut self) -> WakeList {
        let mut wakers = WakeList::default();
        self.arrived = 0;
        self.line.pop_all_with(|all_came| *all_came = true, &mut wakers);
        wakers
    }
}

/// Waits at a barrier. From [`Barrier::wait`].
///
/// # Panics
///
/// If it is polled after it was ready.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct BarrierWait<'a> {
    barrier: &'a Barrier,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// It was not polled yet.
    New,
    InLine(Key),
    /// It was ready.
    Done,
}

impl BarrierWait<'_> {
    /// Comes to the barrier: as the last one, which is then the leader, or to wait.
    fn arrive(&mut self, cx: &Context<'_>) -> Poll<bool> {
        let waker = cx.waker().clone();
        let mut state = self.barrier.state.lock();
        state.arrived += 1;
        if state.arrived < self.barrier.n {
            self.stage = Stage::InLine(state.line.push(false, waker));
            return Poll::Pending;
        }
        let others = state.go_on();
        drop(state);
        self.stage = Stage::Done;
        others.wake_all();
        discard([waker]);
        Poll::Ready(true)
    }

    /// Looks whether all have come.
    fn look_again(&mut self, key: Key, cx: &mut Context<'_>) -> Poll<bool> {
        let look = |state: &mut State| match *state.line.note(key) {
            true => Poll::Ready(state.line.remove(key)),
            false => Poll::Pending,
        };
        let _place =
            ready!(poll_or_register(&self.barrier.state, cx, look, |state| state.line.waker(key)));
        self.stage = Stage::Done;
        Poll::Ready(false)
    }
}

impl Future for BarrierWait<'_> {
    type Output = BarrierWaitResult;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(coop::poll_proceed(cx));
        let leads = match self.stage {
            Stage::New => self.arrive(cx),
            Stage::InLine(key) => self.look_again(key, cx),
            Stage::Done => panic!("the future of `Barrier::wait` was polled after it was ready"),
        };
        let Poll::Ready(leads) = leads else {
            trace::waiting(Waiting::On { what: "others at a barrier" });
            return Poll::Pending;
        };
        coop::made_progress();
        Poll::Ready(BarrierWaitResult(leads))
    }
}

impl Drop for BarrierWait<'_> {
    fn drop(&mut self) {
        let Stage::InLine(key) = self.stage else { return };
        let mut state = self.barrier.state.lock();
        let (all_came, waker) = state.line.remove(key);
        if !all_came {
            state.arrived -= 1;
        }
        drop(state);
        discard(waker);
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arrived = self.state.lock().arrived;
        f.debug_struct("Barrier").field("n", &self.n).field("arrived", &arrived).finish()
    }
}

/// What one of those who waited at a barrier learns.
#[derive(Debug, Clone)]
pub struct BarrierWaitResult(bool);

impl BarrierWaitResult {
    /// Whether this one leads. Of each round exactly one does.
    pub fn is_leader(&self) -> bool {
        self.0
    }
}
