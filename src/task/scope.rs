//! May a task borrow from its caller, without an `Arc`?
//!
//! It may if the caller waits until the task is gone. `std::thread::scope` does that for threads, and [`scope`]
//! for tasks: what is spawned in the scope may borrow from the stack around it, and the call returns, or panics,
//! only when every such task is gone with all that it held.
//!
//! ```text
//!   let numbers = vec![1, 2, 3];        lives here ───────────────────────────────┐
//!   scope(|s| {                                                                   │
//!       s.spawn(async { numbers.len() });   borrows, runs on the runtime ──┐      │
//!       …                                                                  │      │
//!   });  ◀── returns when the task is gone ────────────────────────────────┘      │
//!   drop(numbers);  ◀─────────────────────────────────────────────────────────────┘
//! ```
//!
//! **Why it blocks.** An `async fn scope` would return a future, and safe code may drop a future while it waits,
//! or pass it to `mem::forget`. A forgotten future's destructor does not run: the caller would continue, reuse
//! its stack, and the tasks would still read from it. A function that has been called and has not returned
//! cannot be forgotten.
//!
//! The unsafe part, and the rule on which it stands, is in `scope_data.rs`.
//!
//! Next: `local.rs`, for values that belong to a task.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::scope_data::{Packet, ScopeData, block_on_driving};
use crate::engine::context;
use crate::engine::large::box_if_large;
use crate::engine::prim::catch_and_drop_panic;
use crate::runtime::join_error::{Id, JoinError};
use crate::runtime::join_handle::{AbortHandle, JoinHandle};
use crate::runtime::{Handle, Runtime};

/// Calls `body` with a scope whose tasks may borrow from outside of it, and returns when all of them are gone.
/// The tasks run on the runtime that this thread is in.
///
/// This blocks the thread, so call it where that is allowed: in a closure of
/// [`spawn_blocking`](crate::task::spawn_blocking), or on a thread that has entered a runtime. It does not drive a
/// current-thread runtime, for which some thread must be in [`Runtime::block_on`]; [`Runtime::scope`] does.
///
/// A paused clock does not advance while a closure of `spawn_blocking` runs, even if the closure waits for a scope.
///
/// Tasks that are not complete when `body` returns are waited for, not aborted. If the runtime ends meanwhile,
/// it drops them, and then this returns.
///
/// ```
/// use openwork::{runtime::Runtime, task};
///
/// let runtime = Runtime::new()?;
/// let _entered = runtime.enter();
/// let mut words = vec!["one".to_owned(), "two".to_owned()];
/// task::scope(|s| {
///     for word in &mut words {
///         s.spawn(async move { word.push('!') });
///     }
/// });
/// assert_eq!(words, ["one!", "two!"]);
/// # std::io::Result::Ok(())
/// ```
///
/// A task may borrow what outlives the scope, but not a local variable of `body`:
///
/// ```compile_fail,E0597
/// # let runtime = openwork::runtime::Runtime::new().unwrap();
/// runtime.scope(|s| {
///     let within = String::new();
///     let within = &within;
///     s.spawn(async move { within.len() });
/// });
/// ```
///
/// ```compile_fail,E0373
/// # let runtime = openwork::runtime::Runtime::new().unwrap();
/// runtime.scope(|s| {
///     let within = String::new();
///     s.spawn(async { within.len() });
/// });
/// ```
///
/// Two tasks cannot borrow the same variable mutably, and `body` cannot change what a task has borrowed:
///
/// ```compile_fail,E0499
/// # let runtime = openwork::runtime::Runtime::new().unwrap();
/// let mut text = String::new();
/// runtime.scope(|s| {
///     s.spawn(async { text.push('a') });
///     s.spawn(async { text.push('b') });
/// });
/// ```
///
/// ```compile_fail,E0506
/// # let runtime = openwork::runtime::Runtime::new().unwrap();
/// let mut number = 1;
/// runtime.scope(|s| {
///     s.spawn(async { number + 1 });
///     number = 2;
/// });
/// ```
///
/// A task moves between threads, so what it borrows must be `Sync`:
///
/// ```compile_fail,E0277
/// # let runtime = openwork::runtime::Runtime::new().unwrap();
/// let cell = std::cell::Cell::new(1);
/// runtime.scope(|s| {
///     s.spawn(async { cell.set(2) });
/// });
/// ```
///
/// Neither a join handle nor the scope itself may leave the scope:
///
/// ```compile_fail
/// # let runtime = openwork::runtime::Runtime::new().unwrap();
/// let handle = runtime.scope(|s| s.spawn(async {}));
/// ```
///
/// ```compile_fail,E0521
/// # let runtime = openwork::runtime::Runtime::new().unwrap();
/// let mut kept = None;
/// runtime.scope(|s| kept = Some(s));
/// ```
///
/// # Panics
///
/// If this thread runs a runtime's tasks, such as in an `async` block; if it is in no runtime; if `body` panics,
/// with the same payload; and if a task has panicked and was not joined. The last two panics come when the tasks
/// are gone.
#[track_caller]
pub fn scope<'env, F, T>(body: F) -> T
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    context::assert_may_block("task::scope");
    run(Handle::current_for("task::scope"), None, body)
}

impl Runtime {
    /// Calls `body` with a scope of this runtime; see [`task::scope`](fn@crate::task::scope). The thread is in the
    /// runtime meanwhile.
    ///
    /// On a current-thread runtime this thread runs the tasks, as in [`block_on`](Runtime::block_on): while
    /// `body` joins a task, and after `body` has returned.
    ///
    /// ```
    /// let runtime = openwork::runtime::Builder::new_current_thread().build()?;
    /// let numbers = vec![1, 2, 3];
    /// let sum = runtime.scope(|s| s.spawn(async { numbers.iter().sum::<i32>() }).join().unwrap());
    /// assert_eq!(sum, numbers.iter().sum());
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Panics
    ///
    /// Like `task::scope`, except that the thread need not be in a runtime.
    #[track_caller]
    pub fn scope<'env, F, T>(&'env self, body: F) -> T
    where
        F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
    {
        context::assert_may_block("Runtime::scope");
        let _entered = self.handle().save_and_enter();
        run(self.handle().clone(), Some(self), body)
    }
}

#[track_caller]
fn run<'env, F, T>(handle: Handle, drives: Option<&'env Runtime>, body: F) -> T
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    let (scope, env) = (PhantomData, PhantomData);
    let scope = Scope { data: Arc::default(), handle, drives, scope, env };
    let output = catch_unwind(AssertUnwindSafe(|| body(&scope)));
    scope.data.settle(drives);
    match output {
        Ok(_) if scope.data.has_panic() => panic!("a task of the scope panicked"),
        Ok(output) => output,
        Err(payload) => resume_unwind(payload),
    }
}

/// Spawns tasks that may borrow. From [`scope`].
pub struct Scope<'scope, 'env: 'scope> {
    data: Arc<ScopeData>,
    handle: Handle,
    /// The runtime that this thread drives while it waits.
    drives: Option<&'env Runtime>,
    // Invariant, as in std: with a shorter `'scope` a task could borrow what ends before the scope does.
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

impl<'scope> Scope<'scope, '_> {
    /// Spawns a task that may borrow what outlives the scope. The task may borrow the scope too, and spawn
    /// further tasks.
    ///
    /// If the handle is dropped, the task continues to run. The scope waits for it.
    #[track_caller]
    pub fn spawn<F>(&'scope self, future: F) -> ScopedJoinHandle<'scope, F::Output>
    where
        F: Future<Output: Send + 'scope> + Send + 'scope,
    {
        box_if_large!(F, future = Box::pin(future) => self.spawn_lent(future))
    }

    #[track_caller]
    fn spawn_lent<F>(&'scope self, future: F) -> ScopedJoinHandle<'scope, F::Output>
    where
        F: Future<Output: Send + 'scope> + Send + 'scope,
    {
        // SAFETY: rule 7. `run` settles before it returns, even if `body` has panicked, and all that may be
        // borrowed for `'scope` outlives that call. The handle is bound to `'scope`.
        let (future, packet) = unsafe { self.data.lend(future) };
        ScopedJoinHandle { task: self.handle.spawn(future), packet, drives: self.drives }
    }

    /// Returns the handle of the runtime that runs the tasks.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("handle", &self.handle).finish_non_exhaustive()
    }
}

/// Waits until a task of a scope is complete, and returns its output. From [`Scope::spawn`].
///
/// Another task of the scope awaits it; the body of the scope calls [`join`](ScopedJoinHandle::join).
/// Awaiting is cancel safe.
///
/// # Panics
///
/// If it is polled again after it has returned the output.
pub struct ScopedJoinHandle<'scope, T> {
    task: JoinHandle<()>,
    packet: Arc<Packet<T>>,
    drives: Option<&'scope Runtime>,
}

impl<T> ScopedJoinHandle<'_, T> {
    /// Blocks the thread until the task is complete, and returns its output. In a [`Runtime::scope`] of a
    /// current-thread runtime, the thread runs the tasks meanwhile.
    ///
    /// # Errors
    ///
    /// If the task panicked, or was cancelled.
    ///
    /// # Panics
    ///
    /// If this thread runs a runtime's tasks: `.await` the handle there.
    #[track_caller]
    pub fn join(self) -> Result<T, JoinError> {
        context::assert_may_block("ScopedJoinHandle::join");
        block_on_driving(self.drives, self)
    }

    /// Cancels the task; see [`JoinHandle::abort`].
    pub fn abort(&self) {
        self.task.abort();
    }

    /// Returns a handle that can abort the task. It may leave the scope, and has no effect then.
    pub fn abort_handle(&self) -> AbortHandle {
        self.task.abort_handle()
    }

    /// Whether the task is complete.
    pub fn is_finished(&self) -> bool {
        self.task.is_finished()
    }

    /// Returns the id of the task.
    pub fn id(&self) -> Id {
        self.task.id()
    }
}

impl<T> Future for ScopedJoinHandle<'_, T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let joined = ready!(Pin::new(&mut self.task).poll(cx));
        if joined.as_ref().is_err_and(JoinError::is_panic) {
            self.packet.panic_was_joined();
        }
        Poll::Ready(joined.map(|()| self.packet.take().expect("a future that returns stores this")))
    }
}

impl<T> Drop for ScopedJoinHandle<'_, T> {
    fn drop(&mut self) {
        let output = self.packet.take();
        catch_and_drop_panic(|| drop(output));
    }
}

impl<T> fmt::Debug for ScopedJoinHandle<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedJoinHandle").field("id", &self.id()).finish()
    }
}
