//! Several tasks go on only when all of them have come to the same point.
//!
//! For instance four tasks each fill a part of a table, and then each reads all of it. The first three wait. The fourth
//! does not wait; it wakes the others and is their leader, for what one task alone should do. Then the barrier can be
//! used again.
//!
//! A task that is dropped while it waits has not come. (In Tokio it stays counted: the others go on without it, and a
//! task that tries again is counted twice.)
//!
//! Next: `oneshot.rs`, the smallest channel.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::wait_queue::{Key, WaitQueue, WakeList, poll_or_enqueue};
use crate::engine::coop;
use crate::engine::prim::{Mutex, discard};
use crate::engine::trace::{self, WaitReason};

/// Releases tasks when a certain number of them waits.
///
/// ```
/// use std::sync::Arc;
/// use openwork::sync::Barrier;
///
/// # openwork::block_on(async {
/// let barrier = Arc::new(Barrier::new(2));
/// let other = barrier.clone();
/// let task = openwork::spawn(async move { other.wait().await.is_leader() });
/// let leads = barrier.wait().await.is_leader();
/// assert_ne!(leads, task.await.unwrap());
/// # });
/// ```
pub struct Barrier {
    n: usize,
    state: Mutex<State>,
}

struct State {
    /// How many tasks wait.
    arrived: usize,
    /// The note says whether the waiter was released.
    queue: WaitQueue<bool>,
}

impl State {
    /// Another task has come. Returns whether it is the last one; then the others are released.
    fn arrive(&mut self, n: usize, wakers: &mut WakeList) -> bool {
        self.arrived += 1;
        if self.arrived < n {
            return false;
        }
        self.arrived = 0;
        self.queue.pop_all_with(|released| *released = true, wakers);
        true
    }
}

impl Barrier {
    /// A barrier for `n` tasks. One for none lets every task pass, as one for a single task does.
    pub fn new(n: usize) -> Self {
        let state = State { arrived: 0, queue: WaitQueue::new() };
        Barrier { n: n.max(1), state: Mutex::new(state) }
    }

    /// Waits until `n` tasks wait here, this one included. The result says which one of them leads.
    ///
    /// Cancel safe: a task that is dropped before the others have come is not counted.
    pub fn wait(&self) -> BarrierWait<'_> {
        BarrierWait { barrier: Some(self), key: None }
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arrived = self.state.lock().arrived;
        f.debug_struct("Barrier").field("n", &self.n).field("arrived", &arrived).finish()
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
    /// None once it was ready.
    barrier: Option<&'a Barrier>,
    /// Its waiter, while there is one.
    key: Option<Key>,
}

impl Future for BarrierWait<'_> {
    type Output = BarrierWaitResult;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(coop::poll_proceed(cx));
        let barrier =
            self.barrier.expect("the future of `Barrier::wait` was polled after it was ready");
        let (key, mut wakers) = (self.key, WakeList::default());
        // Without a waiter it is called once only: `poll_or_enqueue` has cloned the waker before.
        let check = |state: &mut State| match key {
            Some(key) if *state.queue.note(key) => Poll::Ready(false),
            None if state.arrive(barrier.n, &mut wakers) => Poll::Ready(true),
            _ => Poll::Pending,
        };
        let polled =
            poll_or_enqueue(&barrier.state, cx, &mut self.key, check, |state| &mut state.queue);
        wakers.wake_all();
        if polled.is_pending() {
            trace::waits(WaitReason::On { what: "others at a barrier" });
            return Poll::Pending;
        }
        coop::made_progress();
        self.barrier = None;
        polled.map(BarrierWaitResult)
    }
}

impl Drop for BarrierWait<'_> {
    fn drop(&mut self) {
        let (Some(barrier), Some(key)) = (self.barrier, self.key) else { return };
        let mut state = barrier.state.lock();
        let (released, waker) = state.queue.remove(key);
        if !released {
            state.arrived -= 1;
        }
        drop(state);
        discard(waker);
    }
}

/// The result of a wait at a barrier.
#[derive(Debug, Clone)]
pub struct BarrierWaitResult(bool);

impl BarrierWaitResult {
    /// Whether this task leads. Of the tasks that are released together exactly one does.
    pub fn is_leader(&self) -> bool {
        self.0
    }
}
