//! Many tasks under one roof: whoever ends first is joined first, and when the roof goes, all go.
//!
//! One who spawns a task for each connection wants three things that a pile of handles does not give:
//! to hear of the next one that ends, whichever that is; to end all of them at once; and that none is
//! forgotten when the owner itself is dropped in mid-wait. So the set owns the handles, each at a number,
//! and the list in `finished.rs` says which of them to take next. To join costs the same however many
//! tasks there are.
//!
//! A set that is dropped aborts its tasks, and does not wait for their end: a destructor cannot wait. Who
//! wants to, calls [`JoinSet::shutdown`].
//!
//! Next: `lent.rs`. An owner who does wait may lend what it owns.

use std::fmt;
use std::future::Future;
use std::mem;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use slab::Slab;

use super::finished::Finished;
use super::spawn::{spawn, spawn_blocking};
use crate::engine::coop;
use crate::engine::trace::{self, Waiting};
use crate::runtime::Handle;
use crate::runtime::join_error::{Id, JoinError};
use crate::runtime::join_handle::{AbortHandle, JoinHandle};

/// A slab with room for more than so many tasks is let go when the last is joined. Arbitrary; its effect is
/// that a burst leaves some kilobytes behind.
const KEEP_ROOM: usize = 64;

/// A set of tasks that all return a `T`, joined in the order in which they end.
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
    finished: Arc<Finished>,
}

impl<T> JoinSet<T> {
    /// An empty set.
    pub fn new() -> Self {
        JoinSet { tasks: Slab::new(), finished: Arc::default() }
    }

    /// How many tasks are in the set: those that run, and those that have ended and were not joined.
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

    /// The same, in the runtime of this handle.
    #[track_caller]
    pub fn spawn_on<F>(&mut self, task: F, handle: &Handle) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        self.insert(handle.spawn(task))
    }

    /// Runs a closure on a thread for blocking work, as a task of the set; see
    /// [`task::spawn_blocking`](crate::task::spawn_blocking). Once it has begun, to abort it does nothing.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn_blocking<F>(&mut self, closure: F) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        self.insert(spawn_blocking(closure))
    }

    /// The same, in the runtime of this handle.
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
        if self.tasks[key].poll_join(&self.finished.waker_of(key)) {
            self.finished.push(key);
        }
        abort
    }

    /// Waits for the next task that ends, and takes it out of the set. None: the set is empty.
    ///
    /// Cancel safe: who stops waiting loses no task's output.
    pub fn join_next(&mut self) -> JoinNext<'_, T> {
        JoinNext(JoinNextWithId { set: self })
    }

    /// The same with the task's number; that of a task that failed is in its error.
    pub fn join_next_with_id(&mut self) -> JoinNextWithId<'_, T> {
        JoinNextWithId { set: self }
    }

    /// Takes a task out of the set that has ended. None: there is none at the moment.
    pub fn try_join_next(&mut self) -> Option<Result<T, JoinError>> {
        self.try_join_next_with_id().map(without_id)
    }

    /// The same with the task's number.
    pub fn try_join_next_with_id(&mut self) -> Option<Result<(Id, T), JoinError>> {
        let key = self.finished.pop()?;
        Some(self.take(key))
    }

    /// As [`join_next`](JoinSet::join_next), for who writes a `poll` function. The waker of the last call
    /// is woken.
    pub fn poll_join_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, JoinError>>> {
        self.poll_join_next_with_id(cx).map(|next| next.map(without_id))
    }

    /// The same with the task's number.
    pub fn poll_join_next_with_id(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<(Id, T), JoinError>>> {
        if self.is_empty() {
            return Poll::Ready(None);
        }
        ready!(coop::poll_proceed(cx));
        let Poll::Ready(key) = self.finished.poll_pop(cx) else {
            trace::waiting(Waiting::On { what: "the next task of a set" });
            return Poll::Pending;
        };
        coop::made_progress();
        Poll::Ready(Some(self.take(key)))
    }

    /// Takes a task out that has ended.
    fn take(&mut self, key: usize) -> Result<(Id, T), JoinError> {
        let mut task = self.tasks.remove(key);
        if self.tasks.is_empty() && self.tasks.capacity() > KEEP_ROOM {
            self.tasks = Slab::new();
        }
        let id = task.id();
        task.take_outcome().map(|output| (id, output))
    }

    /// Waits for all tasks, and returns their outputs in the order in which they ended.
    ///
    /// Not cancel safe: who stops waiting drops the set, and the outputs that there are.
    ///
    /// # Panics
    ///
    /// As soon as a task has panicked, with the same; and if one was cancelled. The others are then aborted.
    pub fn join_all(self) -> JoinAll<T> {
        JoinAll { outputs: Vec::with_capacity(self.len()), set: self }
    }

    /// Aborts all tasks. They stay in the set, to be joined.
    pub fn abort_all(&mut self) {
        self.tasks.iter().for_each(|(_, task)| task.abort());
    }

    /// Aborts all tasks, and waits for their end. What they return is dropped, and so are their panics.
    ///
    /// Cancel safe: the tasks that are left stay in the set, aborted.
    pub fn shutdown(&mut self) -> Shutdown<'_, T> {
        Shutdown { set: self, aborted: false }
    }

    /// Takes all tasks out of the set; they go on by themselves.
    pub fn detach_all(&mut self) {
        // Their numbers will be others' from now on, and one of them may just be on its way into the list.
        self.finished = self.finished.renew();
        drop(mem::take(&mut self.tasks));
    }
}

/// The output without the number.
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

/// Waits for the next task that ends. From [`JoinSet::join_next`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct JoinNext<'a, T>(JoinNextWithId<'a, T>);

impl<T: 'static> Future for JoinNext<'_, T> {
    type Output = Option<Result<T, JoinError>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.set.poll_join_next(cx)
    }
}

/// Waits for the next task that ends. From [`JoinSet::join_next_with_id`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct JoinNextWithId<'a, T> {
    set: &'a mut JoinSet<T>,
}

impl<T: 'static> Future for JoinNextWithId<'_, T> {
    type Output = Option<Result<(Id, T), JoinError>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.set.poll_join_next_with_id(cx)
    }
}

/// Waits for all tasks of a set. From [`JoinSet::join_all`].
#[must_use = "futures do nothing unless awaited"]
pub struct JoinAll<T> {
    set: JoinSet<T>,
    outputs: Vec<T>,
}

// Nothing in it is pinned.
impl<T> Unpin for JoinAll<T> {}

impl<T: 'static> Future for JoinAll<T> {
    type Output = Vec<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Vec<T>> {
        while let Some(outcome) = ready!(self.set.poll_join_next(cx)) {
            match outcome.map_err(JoinError::try_into_panic) {
                Ok(output) => self.outputs.push(output),
                Err(Ok(payload)) => {
                    // The panic leaves this future standing, wherever it lies: the tasks end now.
                    drop(mem::take(&mut self.set));
                    resume_unwind(payload)
                }
                Err(Err(cancelled)) => {
                    drop(mem::take(&mut self.set));
                    panic!("`JoinSet::join_all`: {cancelled}")
                }
            }
        }
        Poll::Ready(mem::take(&mut self.outputs))
    }
}

impl<T> fmt::Debug for JoinAll<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = self.outputs.len();
        f.debug_struct("JoinAll").field("set", &self.set).field("joined", &joined).finish()
    }
}

/// Aborts all tasks of a set and waits for their end. From [`JoinSet::shutdown`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Shutdown<'a, T> {
    set: &'a mut JoinSet<T>,
    aborted: bool,
}

impl<T: 'static> Future for Shutdown<'_, T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if !mem::replace(&mut self.aborted, true) {
            self.set.abort_all();
        }
        while let Some(outcome) = ready!(self.set.poll_join_next(cx)) {
            drop(outcome);
        }
        Poll::Ready(())
    }
}
