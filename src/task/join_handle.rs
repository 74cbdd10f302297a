//! What remains with the one who spawned a task: a way to await its end, and a way to bring it about.
//!
//! Both are views of the same `Arc` that the queue holds. A handle that is dropped detaches: the task
//! goes on. Who wants it to end must say so.

use std::fmt;
use std::future::Future;
use std::num::NonZeroU64;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::JoinError;
use crate::engine::context;
use crate::engine::task::{Join, Runnable};
use crate::runtime::Handle;

/// Runs a future as a task of its own. It begins to run by itself, whether or not the handle is awaited,
/// and goes on when the handle is dropped.
///
/// ```
/// # openwork::block_on(async {
/// let task = openwork::spawn(async { 1 + 2 });
/// assert_eq!(task.await.unwrap(), 3);
/// # });
/// ```
///
/// # Panics
///
/// Outside of a runtime.
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    Handle::current_for("openwork::spawn").spawn(future)
}

/// Runs a closure that blocks, on a thread where it may.
///
/// Once it has begun nothing can stop it: `abort` then has no effect, and a runtime that is dropped
/// waits for it.
///
/// ```
/// # openwork::block_on(async {
/// let read = openwork::task::spawn_blocking(|| std::fs::read_to_string("Cargo.toml"));
/// assert!(read.await.unwrap().unwrap().contains("openwork"));
/// # });
/// ```
///
/// # Panics
///
/// Outside of a runtime, and if there is no thread for such work and the system gives none.
#[track_caller]
pub fn spawn_blocking<F, T>(closure: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    Handle::current_for("task::spawn_blocking").spawn_blocking(closure)
}

/// A task's number, unique in the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Id(NonZeroU64);

impl Id {
    pub(crate) fn of(task: &(impl Runnable + ?Sized)) -> Id {
        Id(NonZeroU64::new(task.header().id).expect("ids begin at 1"))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Awaits the end of a task: its output, or a [`JoinError`] if it panicked or was cancelled.
///
/// Dropping the handle detaches the task, which goes on. Awaiting is cancel safe.
///
/// # Panics
///
/// If it is polled again after it has given the output.
#[must_use = "dropping a handle detaches its task; `drop(handle)` says that this is meant"]
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
        self.task.header().is_done()
    }

    /// A handle that can only abort, and does not keep the output.
    pub fn abort_handle(&self) -> AbortHandle {
        AbortHandle { task: self.task.clone() }
    }

    /// The task's number.
    pub fn id(&self) -> Id {
        Id::of(&*self.task)
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(context::poll_budget(cx));
        let outcome = ready!(self.task.poll_join(cx));
        context::spend();
        Poll::Ready(outcome.map_err(|failure| JoinError::new(self.id(), failure)))
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
        self.task.header().is_done()
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
