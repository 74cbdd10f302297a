//! When have all of them ended?
//!
//! A server that is told to stop takes no new connections, and waits for those it has. It does not want their
//! outputs, so a `JoinSet`, which keeps each until it is fetched, would be a set that only grows. A number
//! is enough: how many there are. It is **over** when that is zero, and when it has been said that no more
//! are to come; for the number may be zero also before the first has come.
//!
//! ```text
//!              token: +1, dropped: −1                  close
//!   open ◀────────────────────────────▶ open    open ─────────▶ closed      closed and 0: over
//! ```
//!
//! What is counted is the lives of tokens. A tracked future holds one, and drops it after itself. Who waits
//! is told of every end since he began to wait, also of one that did not last, as the tracker was opened
//! again. Nobody is aborted here: to ask tasks to end is a matter of tokens of another kind, those of
//! cancellation.
//!
//! This is the last file of `task`. Next: `future`.

use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use pin_project_lite::pin_project;
use slab::Slab;

use super::spawn::{spawn, spawn_blocking};
use crate::engine::prim::{self, Mutex, discard};
use crate::engine::trace::{self, Waiting};
use crate::runtime::Handle;
use crate::runtime::join_handle::JoinHandle;

/// Counts tasks, and tells when all have ended. Clones are the same tracker.
///
/// ```
/// use openwork::task::TaskTracker;
///
/// # openwork::block_on(async {
/// let tracker = TaskTracker::new();
/// for _ in 0..10 {
///     tracker.spawn(async { /* serve a connection */ });
/// }
/// tracker.close();
/// tracker.wait().await;
/// # });
/// ```
#[derive(Clone, Default)]
pub struct TaskTracker(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    tokens: usize,
    closed: bool,
    /// How often it has been over.
    ends: u64,
    /// Who waits for the next end.
    waiters: Slab<Waker>,
}

impl State {
    fn is_over(&self) -> bool {
        self.closed && self.tokens == 0
    }

    /// After a change by which it may have come to its end. Those who are returned are to be woken.
    #[must_use]
    fn changed(&mut self) -> Slab<Waker> {
        if !self.is_over() {
            return Slab::new();
        }
        self.ends += 1;
        mem::take(&mut self.waiters)
    }
}

fn wake(waiters: Slab<Waker>) {
    prim::wake(waiters.into_iter().map(|(_, waiter)| waiter));
}

impl TaskTracker {
    /// A tracker of nothing, which is open.
    pub fn new() -> Self {
        Self::default()
    }

    /// Waits until the tracker is closed and empty. One such moment, from this call on, is enough: the future is
    /// ready even if the tracker was reopened before it was polled.
    ///
    /// Cancel safe.
    pub fn wait(&self) -> TaskTrackerWaitFuture<'_> {
        let state = self.0.lock();
        // An end that lasts until now counts, even if the tracker is reopened before the first poll.
        let ends = state.ends - u64::from(state.is_over());
        TaskTrackerWaitFuture { tracker: self, ends, place: None }
    }

    /// Says that no more are to come, without which nobody's waiting ends. It hinders none from coming.
    /// Returns whether it was open.
    pub fn close(&self) -> bool {
        let mut state = self.0.lock();
        if mem::replace(&mut state.closed, true) {
            return false;
        }
        let waiters = state.changed();
        drop(state);
        wake(waiters);
        true
    }

    /// Says that more are to come. Returns whether it was closed.
    pub fn reopen(&self) -> bool {
        mem::replace(&mut self.0.lock().closed, false)
    }

    /// Whether it is closed.
    pub fn is_closed(&self) -> bool {
        self.0.lock().closed
    }

    /// How many tasks and tokens it counts.
    pub fn len(&self) -> usize {
        self.0.lock().tokens
    }

    /// Whether it counts none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Spawns a task that is counted; see [`task::spawn`](fn@crate::task::spawn).
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        spawn(self.track_future(task))
    }

    /// The same, in the runtime of this handle.
    #[track_caller]
    pub fn spawn_on<F>(&self, task: F, handle: &Handle) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        handle.spawn(self.track_future(task))
    }

    /// Runs a closure that is counted on a thread for blocking work; see
    /// [`task::spawn_blocking`](crate::task::spawn_blocking).
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn_blocking<F, T>(&self, closure: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        spawn_blocking(self.track_closure(closure))
    }

    /// The same, in the runtime of this handle.
    #[track_caller]
    pub fn spawn_blocking_on<F, T>(&self, closure: F, handle: &Handle) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        handle.spawn_blocking(self.track_closure(closure))
    }

    /// A future that is counted until it is dropped.
    pub fn track_future<F: Future>(&self, future: F) -> TrackedFuture<F> {
        TrackedFuture { future, token: self.token() }
    }

    fn track_closure<F, T>(&self, closure: F) -> impl FnOnce() -> T + use<F, T>
    where
        F: FnOnce() -> T,
    {
        let token = self.token();
        move || {
            let _token = token;
            closure()
        }
    }

    /// Something that is counted until it is dropped.
    pub fn token(&self) -> TaskTrackerToken {
        self.0.lock().tokens += 1;
        TaskTrackerToken { tracker: self.clone() }
    }

    /// Whether these are clones of each other.
    pub fn ptr_eq(left: &TaskTracker, right: &TaskTracker) -> bool {
        Arc::ptr_eq(&left.0, &right.0)
    }
}

impl fmt::Debug for TaskTracker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (len, is_closed) = (self.len(), self.is_closed());
        f.debug_struct("TaskTracker").field("len", &len).field("is_closed", &is_closed).finish()
    }
}

/// Is counted by its tracker until it is dropped. From [`TaskTracker::token`].
#[derive(Debug)]
pub struct TaskTrackerToken {
    tracker: TaskTracker,
}

impl TaskTrackerToken {
    /// The tracker that counts it.
    pub fn task_tracker(&self) -> &TaskTracker {
        &self.tracker
    }
}

impl Clone for TaskTrackerToken {
    fn clone(&self) -> Self {
        self.tracker.token()
    }
}

impl Drop for TaskTrackerToken {
    fn drop(&mut self) {
        let mut state = self.tracker.0.lock();
        state.tokens -= 1;
        let waiters = state.changed();
        drop(state);
        wake(waiters);
    }
}

pin_project! {
    /// A future that is counted until it is dropped. From [`TaskTracker::track_future`].
    #[derive(Debug, Clone)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct TrackedFuture<F> {
        #[pin]
        future: F,
        // Dropped after the future: who waits for the end finds nothing of it left.
        token: TaskTrackerToken,
    }
}

impl<F: Future> Future for TrackedFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().future.poll(cx)
    }
}

/// Waits until a tracker is closed and empty. From [`TaskTracker::wait`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct TaskTrackerWaitFuture<'a> {
    tracker: &'a TaskTracker,
    /// How often the tracker had been over before; an end that lasts when the waiting begins is not among them.
    ends: u64,
    /// Where its waker is, until the next end.
    place: Option<usize>,
}

impl Future for TaskTrackerWaitFuture<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let tracker = self.tracker;
        let ours = cx.waker().clone();
        let mut state = tracker.0.lock();
        if state.ends != self.ends {
            drop(state);
            discard([ours]);
            return Poll::Ready(());
        }
        let last = match self.place {
            Some(place) => Some(mem::replace(&mut state.waiters[place], ours)),
            None => {
                self.place = Some(state.waiters.insert(ours));
                None
            }
        };
        drop(state);
        discard(last);
        trace::waiting(Waiting::On { what: "the end of all tracked tasks" });
        Poll::Pending
    }
}

impl Drop for TaskTrackerWaitFuture<'_> {
    fn drop(&mut self) {
        let Some(place) = self.place else { return };
        let mut state = self.tracker.0.lock();
        // After an end all places were given up, and this one may be another's.
        let waker = (state.ends == self.ends).then(|| state.waiters.remove(place));
        drop(state);
        discard(waker);
    }
}
