//! Waits until all tasks of a group are gone, without their outputs.
//!
//! A server that shuts down accepts no more connections, and waits for those that it serves. A `JoinSet` would
//! keep the output of each until it is joined. Here a count is enough: the number of **tokens** that exist. A
//! tracked future holds a token. The wait is over when there are no tokens and the tracker is *closed*, which
//! says that no more will come; for before the first one there are none either.
//!
//! ```text
//!          token: +1, token dropped: −1           close              closed, and 0 tokens
//!   open ◀──────────────────────────────▶ open ─────────▶ closed ─────────────────────────▶ over
//! ```
//!
//! A wait sees each moment at which the tracker was over since the wait was created, even if the tracker was reopened
//! before the wait was polled. The tracker cancels nothing: see
//! [`CancellationToken`](crate::sync::CancellationToken).
//!
//! Next: `scope_data.rs`, for tasks that borrow.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::spawn::{spawn, spawn_blocking};
use crate::runtime::Handle;
use crate::runtime::join_handle::JoinHandle;
use crate::sync::Notify;
use crate::sync::notify::{HasNotify, Wait};

/// Counts tasks, and waits until all of them are gone. Clones are the same tracker.
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
pub struct TaskTracker(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// [`CLOSED`], and the number of tokens times [`TOKEN`].
    state: AtomicUsize,
    /// All waits are notified after each change by which the tracker is over.
    over: Notify,
}

const CLOSED: usize = 1;
const TOKEN: usize = 2;

impl HasNotify for Inner {
    fn notify(&self) -> &Notify {
        &self.over
    }
}

impl TaskTracker {
    /// Creates an open tracker without tokens.
    pub fn new() -> Self {
        Self::default()
    }

    /// Waits until the tracker is closed and has no tokens. It is enough if that is so at one moment after this call,
    /// even before the first poll.
    ///
    /// Cancel safe.
    pub fn wait(&self) -> TaskTrackerWaitFuture<'_> {
        // Before the state is loaded. If the tracker is over after the load, this wait is notified.
        let wait = Wait::new(&*self.0);
        TaskTrackerWaitFuture { wait: (self.load() != CLOSED).then_some(wait) }
    }

    /// Closes the tracker: the wait is over when there are no tokens. More tasks may still be tracked. Returns
    /// whether the tracker was open.
    pub fn close(&self) -> bool {
        // AcqRel: see `TaskTrackerToken::drop`.
        let before = self.0.state.fetch_or(CLOSED, Ordering::AcqRel);
        if before == 0 {
            self.0.over.notify_waiters();
        }
        before & CLOSED == 0
    }

    /// Opens the tracker again. Returns whether it was closed.
    pub fn reopen(&self) -> bool {
        self.0.state.fetch_and(!CLOSED, Ordering::AcqRel) & CLOSED != 0
    }

    /// Whether the tracker is closed.
    pub fn is_closed(&self) -> bool {
        self.load() & CLOSED != 0
    }

    /// The number of tasks and other tokens.
    pub fn len(&self) -> usize {
        self.load() / TOKEN
    }

    /// Whether there are no tasks and no other tokens.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn load(&self) -> usize {
        // Acquire: matches the AcqRel in `TaskTrackerToken::drop`. What a task did is visible when its token is gone.
        self.0.state.load(Ordering::Acquire)
    }

    /// Spawns a tracked task; see [`task::spawn`](fn@crate::task::spawn).
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        spawn(self.track_future(task))
    }

    /// Spawns a tracked task in the runtime of this handle.
    #[track_caller]
    pub fn spawn_on<F>(&self, task: F, handle: &Handle) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        handle.spawn(self.track_future(task))
    }

    /// Runs a tracked closure on a thread of the blocking pool; see
    /// [`task::spawn_blocking`](crate::task::spawn_blocking).
    ///
    /// # Panics
    ///
    /// Outside of a runtime, and if the pool has no thread and the system refuses one.
    #[track_caller]
    pub fn spawn_blocking<F, T>(&self, closure: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        spawn_blocking(self.track_closure(closure))
    }

    /// Runs a tracked closure on a thread of the blocking pool, in the runtime of this handle.
    #[track_caller]
    pub fn spawn_blocking_on<F, T>(&self, closure: F, handle: &Handle) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        handle.spawn_blocking(self.track_closure(closure))
    }

    /// Returns a future that is tracked until it is dropped.
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

    /// Returns a token, for anything else that the tracker is to wait for.
    pub fn token(&self) -> TaskTrackerToken {
        self.0.state.fetch_add(TOKEN, Ordering::Relaxed);
        TaskTrackerToken { tracker: self.clone() }
    }

    /// Whether the two are clones of each other.
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

/// Keeps a tracker from being over until it is dropped. From [`TaskTracker::token`].
#[derive(Debug)]
pub struct TaskTrackerToken {
    tracker: TaskTracker,
}

impl TaskTrackerToken {
    /// Returns the tracker that counts this token.
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
        // AcqRel: matches the same in other tokens, and the load in `wait`. The wait sees what all the tasks did.
        let before = self.tracker.0.state.fetch_sub(TOKEN, Ordering::AcqRel);
        if before == TOKEN | CLOSED {
            self.tracker.0.over.notify_waiters();
        }
    }
}

pin_project! {
    /// Tracks a future until it is dropped. From [`TaskTracker::track_future`].
    #[derive(Debug, Clone)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct TrackedFuture<F> {
        #[pin]
        future: F,
        // Dropped after the future: when the wait is over, the future is gone.
        token: TaskTrackerToken,
    }
}

impl<F: Future> Future for TrackedFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().future.poll(cx)
    }
}

/// Waits until a tracker is closed and has no tokens. From [`TaskTracker::wait`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct TaskTrackerWaitFuture<'a> {
    /// `None`: the tracker was over when this was created.
    wait: Option<Wait<&'a Inner>>,
}

impl Future for TaskTrackerWaitFuture<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.wait {
            None => Poll::Ready(()),
            Some(wait) => wait.poll(cx, "the end of all tracked tasks"),
        }
    }
}
