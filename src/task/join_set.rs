//! A set of tasks that are joined in the order in which they complete.
//!
//! A program that spawns a task for each connection wants three things that a list of join handles does not
//! give: to wait for whichever task completes next; to abort all of them; and to lose none when the wait itself
//! is cancelled. So the set owns the handles, each under a key, and a [`CompletionQueue`] says which key to take
//! next. A join costs the same however many tasks there are.
//!
//! Dropping the set aborts its tasks and does not wait until they are gone, since a destructor cannot await.
//! [`JoinSet::shutdown`] does wait.
//!
//! Next: `tracker.rs`, which waits for tasks without their outputs.

use std::fmt;
use std::future::{Future, poll_fn};
use std::mem;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use slab::Slab;

use super::completion_queue::CompletionQueue;
use super::spawn::{spawn, spawn_blocking};
use crate::engine::coop;
use crate::engine::trace::{self, WaitReason};
use crate::runtime::Handle;
use crate::runtime::join_error::{Id, JoinError};
use crate::runtime::join_handle::{AbortHandle, JoinHandle};

/// An empty set frees its memory if it has room for more tasks than this. Arbitrary; what remains of a burst is some
/// kilobytes.
const KEEP_ROOM: usize = 64;

/// Owns tasks that all return a `T`, and joins them in the order in which they complete.
///
/// Dropping the set aborts its tasks.
///
/// ```
/// use openwork::task::JoinSet;
///
/// # openwork::block_on(async {
/// let mut set: JoinSet<u32> = (1..=3).map(|number| async move { number * 10 }).collect();
/// let mut sum = 0;
/// while let Some(number) = set.join_next().await {
///     sum += number.unwrap();
/// }
/// assert_eq!(sum, 60);
/// # });
/// ```
pub struct JoinSet<T> {
    tasks: Slab<JoinHandle<T>>,
    complete: Arc<CompletionQueue>,
}

impl<T> JoinSet<T> {
    /// Creates an empty set.
    pub fn new() -> Self {
        JoinSet { tasks: Slab::new(), complete: Arc::default() }
    }

    /// The number of tasks in the set. A task that is complete is in the set until it is joined.
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Whether no task is in the set.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }
}

impl<T: 'static> JoinSet<T> {
    /// Spawns a task into the set; see [`task::spawn`](fn@crate::task::spawn).
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn<F>(&mut self, task: F) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        self.insert(spawn(task))
    }

    /// Spawns a task into the set, in the runtime of this handle.
    #[track_caller]
    pub fn spawn_on<F>(&mut self, task: F, handle: &Handle) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        self.insert(handle.spawn(task))
    }

    /// Runs a closure on a thread of the blocking pool, as a task of the set; see
    /// [`task::spawn_blocking`](crate::task::spawn_blocking). An abort has no effect once the closure has begun.
    ///
    /// # Panics
    ///
    /// Outside of a runtime, and if the pool has no thread and the system refuses one.
    #[track_caller]
    pub fn spawn_blocking<F>(&mut self, closure: F) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        self.insert(spawn_blocking(closure))
    }

    /// Runs a closure on a thread of the blocking pool, in the runtime of this handle.
    #[track_caller]
    pub fn spawn_blocking_on<F>(&mut self, closure: F, handle: &Handle) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        self.insert(handle.spawn_blocking(closure))
    }

    fn insert(&mut self, task: JoinHandle<T>) -> AbortHandle {
        let abort = task.abort_handle();
        let key = self.tasks.insert(task);
        if self.tasks[key].poll_join(&self.complete.waker_of(key)) {
            self.complete.push(key);
        }
        abort
    }

    /// Waits until a task is complete, and takes it out of the set. `None`: the set is empty.
    ///
    /// Cancel safe: no task is taken out if the wait is cancelled.
    ///
    /// # Errors
    ///
    /// If the task panicked or was cancelled.
    pub fn join_next(&mut self) -> impl Future<Output = Option<Result<T, JoinError>>> + Unpin {
        poll_fn(|cx| self.poll_join_next(cx))
    }

    /// Like [`join_next`](JoinSet::join_next), and returns the id of the task too.
    ///
    /// # Errors
    ///
    /// If the task panicked or was cancelled: the error has the id.
    pub fn join_next_with_id(
        &mut self,
    ) -> impl Future<Output = Option<Result<(Id, T), JoinError>>> + Unpin {
        poll_fn(|cx| self.poll_join_next_with_id(cx))
    }

    /// Takes a complete task out of the set. `None`: no task is complete.
    pub fn try_join_next(&mut self) -> Option<Result<T, JoinError>> {
        self.try_join_next_with_id().map(without_id)
    }

    /// Like [`try_join_next`](JoinSet::try_join_next), and returns the id of the task too.
    pub fn try_join_next_with_id(&mut self) -> Option<Result<(Id, T), JoinError>> {
        let key = self.complete.pop()?;
        Some(self.take(key))
    }

    /// Polls for a complete task, as [`join_next`](JoinSet::join_next) does. Only the waker of the last call is
    /// woken.
    pub fn poll_join_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, JoinError>>> {
        self.poll_join_next_with_id(cx).map(|next| next.map(without_id))
    }

    /// Like [`poll_join_next`](JoinSet::poll_join_next), and returns the id of the task too.
    pub fn poll_join_next_with_id(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<(Id, T), JoinError>>> {
        if self.is_empty() {
            return Poll::Ready(None);
        }
        ready!(coop::poll_proceed(cx));
        let Poll::Ready(key) = self.complete.poll_pop(cx) else {
            trace::waits(WaitReason::On { what: "the next task of a set" });
            return Poll::Pending;
        };
        coop::made_progress();
        Poll::Ready(Some(self.take(key)))
    }

    /// Takes a complete task out of the set.
    fn take(&mut self, key: usize) -> Result<(Id, T), JoinError> {
        let mut task = self.tasks.remove(key);
        if self.tasks.is_empty() && self.tasks.capacity() > KEEP_ROOM {
            self.tasks = Slab::new();
        }
        let id = task.id();
        task.take_outcome().map(|output| (id, output))
    }

    /// Waits for all tasks, and returns their outputs in the order in which they completed.
    ///
    /// Not cancel safe: cancelling the wait drops the set, and the outputs.
    ///
    /// # Panics
    ///
    /// As soon as a task has panicked, with the same payload, and if a task was cancelled. The other tasks are then
    /// aborted.
    pub fn join_all(mut self) -> impl Future<Output = Vec<T>> + Unpin {
        let mut outputs = Vec::with_capacity(self.len());
        // Boxed, to be `Unpin`. A panic drops the set, even if the future itself is kept.
        Box::pin(async move {
            while let Some(outcome) = self.join_next().await {
                match outcome.map_err(JoinError::try_into_panic) {
                    Ok(output) => outputs.push(output),
                    Err(Ok(payload)) => resume_unwind(payload),
                    Err(Err(cancelled)) => panic!("`JoinSet::join_all`: {cancelled}"),
                }
            }
            outputs
        })
    }

    /// Aborts all tasks. They stay in the set until they are joined.
    pub fn abort_all(&mut self) {
        self.tasks.iter().for_each(|(_, task)| task.abort());
    }

    /// Aborts all tasks, and waits until they are gone. Drops their outputs and panics.
    ///
    /// Cancel safe: the tasks that are left stay in the set, aborted.
    pub fn shutdown(&mut self) -> impl Future<Output = ()> + Unpin {
        let mut is_aborted = false;
        poll_fn(move |cx| {
            if !mem::replace(&mut is_aborted, true) {
                self.abort_all();
            }
            while ready!(self.poll_join_next(cx)).is_some() {}
            Poll::Ready(())
        })
    }

    /// Takes all tasks out of the set. They continue to run.
    pub fn detach_all(&mut self) {
        // The keys will be used again, and a detached task may push its key at any time.
        self.complete = self.complete.replace();
        drop(mem::take(&mut self.tasks));
    }
}

fn without_id<T>(outcome: Result<(Id, T), JoinError>) -> Result<T, JoinError> {
    outcome.map(|(_, output)| output)
}

impl<T> Drop for JoinSet<T> {
    fn drop(&mut self) {
        self.tasks.iter().for_each(|(_, task)| task.abort());
    }
}

impl<T> Default for JoinSet<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for JoinSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinSet").field("len", &self.len()).finish()
    }
}

/// Spawns each of the futures.
impl<T, F> FromIterator<F> for JoinSet<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    #[track_caller]
    fn from_iter<I: IntoIterator<Item = F>>(futures: I) -> Self {
        let mut set = Self::new();
        set.extend(futures);
        set
    }
}

/// Spawns each of the futures.
impl<T, F> Extend<F> for JoinSet<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    #[track_caller]
    fn extend<I: IntoIterator<Item = F>>(&mut self, futures: I) {
        for future in futures {
            self.spawn(future);
        }
    }
}
