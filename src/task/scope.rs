//! May a task use what its caller owns, without an `Arc` around it?
//!
//! If the caller waits until the task is gone, nothing speaks against it. `std::thread::scope` does that
//! for threads, and [`scope`] for tasks: what is spawned in the scope may borrow from the stack around it,
//! and the call returns, also by a panic, only when every such task is gone with all that it held.
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
//! **Why it blocks.** An `async fn scope` would be a future, and a future may be dropped in mid-wait, or
//! given to `mem::forget`, which is safe code. Its destructor would have to wait, and a forgotten one does
//! not run at all; then the caller goes on, its stack is written over, and the tasks still read there. No
//! such thing can be done to a function that has been called and has not returned.
//!
//! The unsafe part, and the rule on which it stands, is in `lent.rs`. This file keeps the rule: it calls the
//! body, and then settles.
//!
//! Next: `local.rs`, for values that belong to a task.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::lent::{Ended, Ledger, Packet};
use crate::engine::block_on::block_on;
use crate::engine::context;
use crate::engine::large::box_if_large;
use crate::engine::prim::catch_and_drop_panic;
use crate::runtime::join_error::{Id, JoinError};
use crate::runtime::join_handle::{AbortHandle, JoinHandle};
use crate::runtime::{Handle, Runtime};

/// Calls `body` with a scope, in which it may spawn tasks that borrow from outside of it, and returns when
/// all of them are gone. They run on the runtime that this thread is in.
///
/// This blocks the thread, so it is called where one may: on a thread of
/// [`spawn_blocking`](crate::task::spawn_blocking), or one that has entered a runtime. It does not drive a
/// current-thread runtime, for which some thread must be in [`Runtime::block_on`]; [`Runtime::scope`] does.
///
/// As always, a paused clock stands still while a closure of `spawn_blocking` runs; with a scope in it, that
/// is for as long as the scope's tasks do.
///
/// Tasks that are left when `body` returns are waited for, not aborted. If the runtime ends meanwhile they
/// are dropped, and this returns when they are.
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
/// A task may borrow what outlives the scope, and not what only lives within it:
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
/// Nor may two tasks change the same thing, or the body what a task has borrowed:
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
/// It moves between threads, so what it borrows must be `Sync`:
///
/// ```compile_fail,E0277
/// # let runtime = openwork::runtime::Runtime::new().unwrap();
/// let cell = std::cell::Cell::new(1);
/// runtime.scope(|s| {
///     s.spawn(async { cell.set(2) });
/// });
/// ```
///
/// And neither a handle nor the scope itself leaves the scope:
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
/// If this thread runs a runtime's tasks, as in an `async` block; if it is in no runtime; if `body` panics,
/// with the same; and if a task has panicked whose handle was not joined. In all cases first the tasks end.
#[track_caller]
pub fn scope<'env, F, T>(body: F) -> T
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    context::assert_may_block("task::scope");
    run(Handle::current_for("task::scope"), None, body)
}

impl Runtime {
    /// Calls `body` with a scope of this runtime; see [`task::scope`](fn@crate::task::scope). The thread enters
    /// the runtime meanwhile.
    ///
    /// On a current-thread runtime this thread drives the tasks, as in [`block_on`](Runtime::block_on): not
    /// during `body` itself, but while that joins a task, and at the end.
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
    /// As `task::scope`, apart from that it needs no runtime around it.
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
    let scope = Scope { ledger: Arc::default(), handle, drives, scope, env };
    let output = catch_unwind(AssertUnwindSafe(|| body(&scope)));
    scope.ledger.settle(|ended: Ended<'_>| match drives {
        Some(runtime) => runtime.block_on(ended),
        None => block_on(ended),
    });
    match output {
        Ok(_) if scope.ledger.panics() > 0 => panic!("a task of the scope panicked"),
        Ok(output) => output,
        Err(payload) => resume_unwind(payload),
    }
}

/// In which tasks may be spawned that borrow. From [`scope`].
pub struct Scope<'scope, 'env: 'scope> {
    ledger: Arc<Ledger>,
    handle: Handle,
    /// The runtime that whoever waits here drives meanwhile.
    drives: Option<&'env Runtime>,
    // As in std: neither lifetime may be taken for a shorter one. With a shorter `'scope` a task could
    // borrow what goes before the scope ends.
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

impl<'scope> Scope<'scope, '_> {
    /// Spawns a task that may borrow what outlives the scope. It may spawn others in turn, as the scope
    /// itself is among the things that it can borrow.
    ///
    /// If the handle is dropped the task goes on, until the end of the scope at the latest.
    #[track_caller]
    pub fn spawn<F>(&'scope self, future: F) -> ScopedJoinHandle<'scope, F::Output>
    where
        F: Future + Send + 'scope,
        F::Output: Send + 'scope,
    {
        box_if_large!(F, future = Box::pin(future) => self.spawn_lent(future))
    }

    #[track_caller]
    fn spawn_lent<F>(&'scope self, future: F) -> ScopedJoinHandle<'scope, F::Output>
    where
        F: Future + Send + 'scope,
        F::Output: Send + 'scope,
    {
        // SAFETY: `run` settles the ledger before it returns, also when the body has panicked, and all that
        // may be borrowed for `'scope` outlives that call. The handle is bound to `'scope`.
        let (future, packet) = unsafe { self.ledger.lend(future) };
        ScopedJoinHandle {
            task: self.handle.spawn(future),
            packet,
            ledger: self.ledger.clone(),
            drives: self.drives,
            scope: PhantomData,
        }
    }

    /// The runtime in which the tasks run.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("handle", &self.handle).finish_non_exhaustive()
    }
}

/// Awaits the end of a task of a scope. From [`Scope::spawn`].
///
/// Another task of the scope awaits it; the body of the scope calls [`join`](ScopedJoinHandle::join).
/// Awaiting is cancel safe.
///
/// # Panics
///
/// If it is polled again after it has given the output.
pub struct ScopedJoinHandle<'scope, T> {
    task: JoinHandle<()>,
    packet: Arc<Packet<T>>,
    ledger: Arc<Ledger>,
    drives: Option<&'scope Runtime>,
    scope: PhantomData<&'scope ()>,
}

impl<T> ScopedJoinHandle<'_, T> {
    /// Blocks the thread until the task has ended, and answers with its output. In a
    /// [`Runtime::scope`] it drives a current-thread runtime meanwhile.
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
        match self.drives {
            Some(runtime) => runtime.block_on(self),
            None => block_on(self),
        }
    }

    /// As [`JoinHandle::abort`].
    pub fn abort(&self) {
        self.task.abort();
    }

    /// A handle that can only abort. It may leave the scope, and does nothing then.
    pub fn abort_handle(&self) -> AbortHandle {
        self.task.abort_handle()
    }

    /// Whether the task has ended.
    pub fn is_finished(&self) -> bool {
        self.task.is_finished()
    }

    /// The task's number.
    pub fn id(&self) -> Id {
        self.task.id()
    }
}

impl<T> Future for ScopedJoinHandle<'_, T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match ready!(Pin::new(&mut self.task).poll(cx)) {
            Ok(()) => {
                let output = self.ledger.take(&self.packet);
                Poll::Ready(Ok(output.expect("a task that has returned has left its output")))
            }
            Err(error) => {
                if error.is_panic() {
                    self.ledger.forgive();
                }
                Poll::Ready(Err(error))
            }
        }
    }
}

impl<T> Drop for ScopedJoinHandle<'_, T> {
    fn drop(&mut self) {
        let output = self.ledger.take(&self.packet);
        catch_and_drop_panic(|| drop(output));
    }
}

impl<T> fmt::Debug for ScopedJoinHandle<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedJoinHandle").field("id", &self.id()).finish()
    }
}
