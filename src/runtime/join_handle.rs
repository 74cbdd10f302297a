//! The handles of a task: one awaits its output, the other aborts it.
//!
//! Both are views of the same `Arc` that the queue holds. A handle that is dropped detaches the task, which runs on;
//! only an abort ends it.
//!
//! Next: `inner.rs`, the parts of a runtime.

use std::fmt;
use std::future::Future;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use super::join_error::{Id, JoinError};
use crate::engine::coop;
use crate::engine::task::{Join, Runnable};
use crate::engine::trace::{self, Waiting};

/// Awaits the end of a task: its output, or a [`JoinError`] if it panicked or was cancelled.
///
/// Dropping the handle detaches the task, which goes on. Awaiting is cancel safe.
///
/// # Panics
///
/// If it is polled again after it has given the output.
pub struct JoinHandle<T> {
    task: Arc<dyn Join<T>>,
}

impl<T> JoinHandle<T> {
    pub(crate) fn new(task: Arc<dyn Join<T>>) -> Self {
        JoinHandle { task }
    }

    /// Asks for the end of the task: its future is dropped where it stands, at an `.await`. Awaiting the
    /// handle then answers "cancelled", unless the task was done before.
    pub fn abort(&self) {
        self.task.clone().abort();
    }

    /// Whether the task has ended.
    pub fn is_finished(&self) -> bool {
        self.task.header().is_complete()
    }

    /// A handle that can only abort, and does not keep the output.
    pub fn abort_handle(&self) -> AbortHandle {
        AbortHandle { task: self.task.clone() }
    }

    /// The task's number.
    pub fn id(&self) -> Id {
        Id::of(&*self.task)
    }

    /// Whether the task has ended. If not, the waker is kept instead of the last one, and called once, when
    /// the task has.
    pub(crate) fn poll_join(&mut self, waker: &Waker) -> bool {
        self.task.poll_join(waker)
    }

    /// How a task ended that has.
    pub(crate) fn take_outcome(&mut self) -> Result<T, JoinError> {
        self.task.take_output().map_err(|failure| JoinError::new(self.id(), failure))
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(coop::poll_proceed(cx));
        if !self.poll_join(cx.waker()) {
            trace::waiting(Waiting::Join { task: self.task.header().id });
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

// A task that panics is done, and its handle says so: no broken invariant can be seen through one.
impl<T> UnwindSafe for JoinHandle<T> {}
impl<T> RefUnwindSafe for JoinHandle<T> {}

/// Aborts a task. From [`JoinHandle::abort_handle`].
#[derive(Clone)]
pub struct AbortHandle {
    task: Arc<dyn Runnable>,
}

impl AbortHandle {
    /// As [`JoinHandle::abort`].
    pub fn abort(&self) {
        self.task.clone().abort();
    }

    /// Whether the task has ended.
    pub fn is_finished(&self) -> bool {
        self.task.header().is_complete()
    }

    /// The task's number.
    pub fn id(&self) -> Id {
        Id::of(&*self.task)
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortHandle").field("id", &self.id()).finish()
    }
}

impl UnwindSafe for AbortHandle {}
impl RefUnwindSafe for AbortHandle {}
