//! A way into a runtime.
//!
//! Next: `rt.rs`, what it is a handle of.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::marker::PhantomData;
use std::panic::Location;
use std::pin::pin;
use std::sync::Arc;

use futures_task::{FutureObj, Spawn, SpawnError};

use super::inner::Inner;
use super::join_handle::JoinHandle;
use super::metrics::{RuntimeMetrics, TaskInfo};
use crate::engine::block_on::block_on;
use crate::engine::blocking::Refused;
use crate::engine::context::{self, AnyRuntime};
use crate::engine::coop;
use crate::engine::large::box_if_large;
use crate::engine::task::Join;

/// What to do about it.
const MUST_BE_INSIDE: &str = "must run inside of one: wrap the code in \
    `openwork::block_on(async { … })`, or hold the guard of `Runtime::enter()`";

/// A way into a runtime: cheap to clone, free to go to other threads.
///
/// It may outlive its runtime: what it spawns then is cancelled at once.
#[derive(Clone)]
pub struct Handle {
    pub(crate) inner: Arc<Inner>,
}

impl Handle {
    /// The handle of the runtime that this thread is in.
    ///
    /// # Panics
    ///
    /// If it is in none.
    #[track_caller]
    pub fn current() -> Handle {
        Self::current_for("Handle::current")
    }

    /// The handle of the runtime that this thread is in.
    ///
    /// # Errors
    ///
    /// If it is in none.
    pub fn try_current() -> Result<Handle, TryCurrentError> {
        context::with_runtime(|runtime| {
            let missing = || TryCurrentError { thread_ends: context::is_thread_local_destroyed() };
            let runtime = runtime.ok_or_else(missing)?.clone();
            let inner =
                runtime.downcast().expect("a thread is put into a runtime by `enter` alone");
            Ok(Handle { inner })
        })
    }

    /// As [`current`](Handle::current), with a panic that names the call which needs a runtime.
    #[track_caller]
    pub(crate) fn current_for(call: &str) -> Handle {
        match Self::try_current() {
            Ok(handle) => handle,
            Err(_) => panic!("there is no runtime here: `{call}` {MUST_BE_INSIDE}"),
        }
    }

    /// The same for an `async` function, which is polled elsewhere than it was called.
    pub(crate) fn current_at(call: &str, place: &Location<'_>) -> Handle {
        match Self::try_current() {
            Ok(handle) => handle,
            Err(_) => {
                panic!("there is no runtime here: `{call}`, called at {place}, {MUST_BE_INSIDE}")
            }
        }
    }

    /// Spawns a task in this runtime; see [`task::spawn`](crate::task::spawn).
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        box_if_large!(F, future = Box::pin(future) => self.spawn_named::<_, F>(future))
    }

    /// The same for a future that may be boxed, with the name of the type that was.
    #[track_caller]
    pub(crate) fn spawn_named<F, N>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
        N: 'static,
    {
        JoinHandle::new(self.inner.shared.spawn::<F, N>(future, Location::caller()))
    }

    /// Runs a closure on a thread for blocking work; see
    /// [`task::spawn_blocking`](crate::task::spawn_blocking).
    #[track_caller]
    pub fn spawn_blocking<F, T>(&self, closure: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let task = box_if_large!(F, closure = Box::new(closure) as Box<dyn FnOnce() -> T + Send> => {
            self.spawn_on_pool(closure)
        });
        match task {
            Ok(task) | Err(Refused::Closed(task)) => JoinHandle::new(task),
            Err(Refused::NoThread(error)) => {
                panic!("no thread could be started for blocking work: {error}")
            }
        }
    }

    /// The same for a caller that can answer an error. What it answers otherwise will be done.
    #[track_caller]
    pub(crate) fn try_spawn_blocking<F, T>(&self, closure: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        match self.spawn_on_pool(closure) {
            Ok(task) => Ok(JoinHandle::new(task)),
            Err(Refused::Closed(_)) => Err(io::Error::other("the runtime has ended")),
            Err(Refused::NoThread(error)) => Err(error),
        }
    }

    #[track_caller]
    fn spawn_on_pool<F, T>(&self, closure: F) -> Result<Arc<dyn Join<T>>, Refused<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let runtime: AnyRuntime = self.inner.clone();
        self.inner.pool.spawn(closure, Location::caller(), &runtime)
    }

    /// Runs a future to its end on this thread, inside the runtime. It does not drive the runtime: that
    /// takes a thread in [`Runtime::block_on`](crate::runtime::Runtime::block_on).
    ///
    /// # Panics
    ///
    /// If this thread runs a runtime already, and if the future panics.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let seeds = &self.inner.shared.rng_seeds;
        let _running = context::enter_runtime("Handle::block_on", || seeds.next_rng());
        let _entered = self.save_and_enter();
        box_if_large!(F, future = Box::pin(future) => self.block_on_beside(future))
    }

    /// Runs a future on this thread, which has entered the runtime and does not work for it. Each poll has a
    /// budget, as everywhere: a future that is always ready must not keep those inside it (a `timeout`)
    /// from their turn.
    pub(super) fn block_on_beside<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        block_on(poll_fn(|cx| coop::with_budget(|| future.as_mut().poll(cx))))
    }

    /// As [`Runtime::enter`](crate::runtime::Runtime::enter).
    pub fn enter(&self) -> EnterGuard<'_> {
        let guard = context::enter(self.inner.clone(), &self.inner.shared.driver.tracer);
        EnterGuard { _guard: guard, _handle: PhantomData }
    }

    /// Enters the runtime until the guard is dropped, which also leaves what user code entered meanwhile and did
    /// not leave.
    pub(crate) fn save_and_enter(&self) -> context::SavedContext {
        context::save().and_enter(self.inner.clone(), &self.inner.shared.driver.tracer)
    }

    /// Of which kind the runtime is.
    pub fn runtime_flavor(&self) -> RuntimeFlavor {
        match self.inner.worker_threads {
            None => RuntimeFlavor::CurrentThread,
            Some(_) => RuntimeFlavor::MultiThread,
        }
    }

    /// The tasks that are not done, those that were spawned by one worker in the order of their spawns.
    pub fn tasks(&self) -> Vec<TaskInfo> {
        self.inner.shared.tasks().iter().map(|task| TaskInfo::of(&**task)).collect()
    }

    /// Figures of the runtime, as they are now.
    pub fn metrics(&self) -> RuntimeMetrics {
        RuntimeMetrics { inner: self.inner.clone() }
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("runtime", &self.inner.shared.id).finish()
    }
}

/// For code that is given "something that spawns" and does not care what.
impl Spawn for Handle {
    #[track_caller]
    fn spawn_obj(&self, future: FutureObj<'static, ()>) -> Result<(), SpawnError> {
        drop(Handle::spawn(self, future));
        Ok(())
    }
}

/// The thread is in a runtime for as long as this lives. From [`Runtime::enter`](crate::runtime::Runtime::enter).
#[derive(Debug)]
#[must_use = "the thread leaves the runtime when this is dropped"]
pub struct EnterGuard<'a> {
    _guard: context::EnterGuard,
    _handle: PhantomData<&'a Handle>,
}

/// The kinds of runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuntimeFlavor {
    /// All tasks run on the thread that is in `block_on`.
    CurrentThread,
    /// Tasks run on threads of the runtime.
    MultiThread,
}

/// This thread is in no runtime. From [`Handle::try_current`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TryCurrentError {
    thread_ends: bool,
}

impl TryCurrentError {
    /// Whether the thread has not entered a runtime.
    pub fn is_missing_context(&self) -> bool {
        !self.is_thread_local_destroyed()
    }

    /// Whether the thread is ending, and has forgotten where it was.
    pub fn is_thread_local_destroyed(&self) -> bool {
        self.thread_ends
    }
}

impl fmt::Display for TryCurrentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.thread_ends {
            false => "this thread is in no runtime",
            true => "this thread is ending, and in no runtime any more",
        })
    }
}

impl std::error::Error for TryCurrentError {}
