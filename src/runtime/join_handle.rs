//! The handles of a task: one awaits its output, the other aborts it.
//!
//! Both are views of the `Arc` that the run queue holds. Dropping a handle detaches the task, which continues to run;
//! only an abort ends it.
//!
//! Next: `inner.rs`, the parts of a runtime.

use std::fmt;
use std::future::Future;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Release;
use std::task::{Context, Poll, Waker, ready};

use super::join_error::{Id, JoinError};
use crate::engine::coop;
use crate::engine::task::{Join, Runnable};
use crate::engine::trace::{self, WaitReason};

/// Waits until a task is complete, and returns its output.
///
/// Dropping the handle detaches the task, which continues to run. Awaiting is cancel safe.
///
/// ```
/// # openwork::block_on(async {
/// let task = openwork::spawn(async { "done" });
/// assert_eq!(task.await.unwrap(), "done");
///
/// let task = openwork::spawn(std::future::pending::<()>());
/// task.abort();
/// assert!(task.await.unwrap_err().is_cancelled());
/// # });
/// ```
///
/// # Errors
///
/// A [`JoinError`] if the task panicked or was cancelled.
///
/// # Panics
///
/// If it is polled again after it has returned the output.
pub struct JoinHandle<T> {
    task: Arc<dyn Join<T>>,
}

impl<T> JoinHandle<T> {
    pub(crate) fn new(task: Arc<dyn Join<T>>) -> Self {
        JoinHandle { task }
    }

    /// Cancels the task: a worker drops its future at the `.await` where it waits. Awaiting the handle then
    /// returns an error, unless the task was complete before.
    pub fn abort(&self) {
        self.task.clone().abort();
    }

    /// Whether the task is complete: it has returned, panicked, or was cancelled.
    pub fn is_finished(&self) -> bool {
        self.task.header().is_complete()
    }

    /// Returns a handle that can abort the task, and does not keep its output.
    pub fn abort_handle(&self) -> AbortHandle {
        AbortHandle::new(self.task.clone())
    }

    /// Returns the id of the task.
    pub fn id(&self) -> Id {
        Id::of(&*self.task)
    }

    /// Whether the task is complete. If it is not, the waker replaces the last one, and is called once when the task
    /// completes.
    pub(crate) fn poll_join(&mut self, waker: &Waker) -> bool {
        self.task.poll_join(waker)
    }

    /// The outcome of a complete task.
    pub(crate) fn take_outcome(&mut self) -> Result<T, JoinError> {
        self.task.take_output().map_err(|kind| JoinError::new(self.id(), kind))
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(coop::poll_proceed(cx));
        if !self.poll_join(cx.waker()) {
            trace::waits(WaitReason::Join { task: self.task.header().id });
            return Poll::Pending;
        }
        coop::made_progress();
        Poll::Ready(self.take_outcome())
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        self.task.detach();
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").field("id", &self.id()).finish()
    }
}

// A task that panics is complete, and its handle returns the panic. No broken invariant can be seen through a handle.
impl<T> UnwindSafe for JoinHandle<T> {}
impl<T> RefUnwindSafe for JoinHandle<T> {}

/// Aborts a task. From [`JoinHandle::abort_handle`].
pub struct AbortHandle {
    task: Arc<dyn Runnable>,
}

impl AbortHandle {
    fn new(task: Arc<dyn Runnable>) -> Self {
        // Release: matches the Acquire in `Header::is_waker_lost`.
        task.header().abort_handles.fetch_add(1, Release);
        AbortHandle { task }
    }

    /// Cancels the task; see [`JoinHandle::abort`].
    pub fn abort(&self) {
        self.task.clone().abort();
    }

    /// Whether the task is complete.
    pub fn is_finished(&self) -> bool {
        self.task.header().is_complete()
    }

    /// Returns the id of the task.
    pub fn id(&self) -> Id {
        Id::of(&*self.task)
    }
}

impl Clone for AbortHandle {
    fn clone(&self) -> Self {
        AbortHandle::new(self.task.clone())
    }
}

impl Drop for AbortHandle {
    fn drop(&mut self) {
        // Before the reference is dropped. Release: neither comes after that.
        self.task.header().abort_handles.fetch_sub(1, Release);
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortHandle").field("id", &self.id()).finish()
    }
}

impl UnwindSafe for AbortHandle {}
impl RefUnwindSafe for AbortHandle {}
