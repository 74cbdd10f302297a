//! A reference to a runtime that is not its owner.
//!
//! Code inside a runtime finds it in the thread's context: [`Handle::current`]. A thread outside of the runtime
//! holds a clone of the handle instead.
//!
//! Next: `metrics.rs`, what a handle tells about the runtime.

use std::any::Any;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::marker::PhantomData;
use std::panic::Location;
use std::pin::pin;
use std::sync::Arc;
use std::task::Context;

use super::inner::Inner;
use super::join_handle::JoinHandle;
use crate::engine::block_on::block_on;
use crate::engine::blocking::Refused;
use crate::engine::context::{self, AnyRuntime};
use crate::engine::coop;
use crate::engine::large::box_if_large;
use crate::engine::root::RootTrace;
use crate::engine::task::Join;

/// Ends the message of a panic outside of a runtime.
const MUST_BE_INSIDE: &str = "must run inside of one: wrap the code in \
    `openwork::block_on(async { … })`, or hold the guard of `Runtime::enter()`";

/// Refers to a runtime: spawns tasks in it from any thread. Cloning it is cheap.
///
/// A handle does not keep its runtime running. What it spawns after the runtime has ended is cancelled at once.
///
/// ```
/// use openwork::runtime::Handle;
///
/// # openwork::block_on(async {
/// let handle = Handle::current();
/// let thread = std::thread::spawn(move || handle.spawn(async { 1 + 2 }));
/// assert_eq!(thread.join().unwrap().await.unwrap(), 3);
/// # });
/// ```
#[derive(Clone)]
pub struct Handle {
    pub(crate) inner: Arc<Inner>,
}

/// Declares the methods that `Handle` and `Runtime` share; `$handle` is the handle in `$self`. A call from one to the
/// other would not do: the function that the user calls must itself box a large future (see `large.rs`).
macro_rules! spawn_methods {
    (|$self:ident| $handle:expr) => {
        /// Spawns a task in this runtime; see [`task::spawn`](crate::task::spawn). On a current-thread runtime
        /// the task runs while some thread is in [`Runtime::block_on`](crate::runtime::Runtime::block_on).
        #[track_caller]
        pub fn spawn<F>(&$self, future: F) -> JoinHandle<F::Output>
        where
            F: Future<Output: Send + 'static> + Send + 'static,
        {
            box_if_large!(F, future = Box::pin(future) => $handle.spawn_named::<_, F>(future))
        }

        /// Runs a closure on a thread of the blocking pool; see
        /// [`task::spawn_blocking`](crate::task::spawn_blocking).
        ///
        /// # Panics
        ///
        /// If the pool has no thread and the system refuses one.
        #[track_caller]
        pub fn spawn_blocking<F, T>(&$self, closure: F) -> JoinHandle<T>
        where
            F: FnOnce() -> T + Send + 'static,
            T: Send + 'static,
        {
            box_if_large!(F, closure = Box::new(closure) as Box<dyn FnOnce() -> T + Send> => {
                $handle.spawn_blocking_closure(closure)
            })
        }
    };
}
pub(super) use spawn_methods;

impl Handle {
    spawn_methods!(|self| self);

    /// Returns the handle of the runtime that this thread is in.
    ///
    /// # Panics
    ///
    /// If the thread is in no runtime.
    #[track_caller]
    pub fn current() -> Handle {
        Self::current_for("Handle::current")
    }

    /// Returns the handle of the runtime that this thread is in.
    ///
    /// # Errors
    ///
    /// If the thread is in no runtime.
    pub fn try_current() -> Result<Handle, TryCurrentError> {
        let missing = || TryCurrentError { thread_ends: context::is_thread_ending() };
        Self::current_or_none().ok_or_else(missing)
    }

    fn current_or_none() -> Option<Handle> {
        context::with_runtime(|runtime| {
            let runtime: Arc<dyn Any + Send + Sync> = runtime?.clone();
            Some(Handle { inner: runtime.downcast().expect("all runtimes are an `Inner`") })
        })
    }

    /// Calls `read` with the parts of the runtime that this thread is in. Unlike `current`, this changes no reference
    /// count.
    pub(crate) fn with_current<R>(read: impl FnOnce(Option<&Inner>) -> R) -> R {
        context::with_runtime(|runtime| {
            let runtime = runtime.map(|runtime| &**runtime as &dyn Any);
            read(runtime.and_then(|runtime| runtime.downcast_ref()))
        })
    }

    /// Like `current`, with a panic that names the function that needs a runtime.
    #[track_caller]
    pub(crate) fn current_for(call: &str) -> Handle {
        match Self::current_or_none() {
            Some(handle) => handle,
            None => panic!("there is no runtime here: `{call}` {MUST_BE_INSIDE}"),
        }
    }

    /// Like `current_for`, for an `async` function, which was called at `place` and is polled elsewhere.
    pub(crate) fn current_at(call: &str, place: &Location<'_>) -> Handle {
        Self::current_or_none().unwrap_or_else(|| {
            panic!("there is no runtime here: `{call}`, called at {place}, {MUST_BE_INSIDE}")
        })
    }

    /// Spawns a future that may be boxed. The task reports the name of the type `N`.
    #[track_caller]
    pub(crate) fn spawn_named<F, N>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
        N: 'static,
    {
        JoinHandle::new(self.inner.shared.spawn::<F, N>(future, Location::caller()))
    }

    /// Spawns a closure that may be boxed.
    #[track_caller]
    pub(super) fn spawn_blocking_closure<F, T>(&self, closure: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        match self.spawn_on_pool(closure) {
            Ok(task) | Err(Refused::Closed(task)) => JoinHandle::new(task),
            Err(Refused::NoThread(error)) => {
                panic!("no thread could be started for blocking work: {error}")
            }
        }
    }

    /// Like `spawn_blocking`, for a caller that can return an error. If this returns `Ok`, the closure will run.
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
        let runtime: Arc<dyn AnyRuntime> = self.inner.clone();
        self.inner.pool.spawn(closure, Location::caller(), &runtime)
    }

    /// Runs a future to completion on this thread, inside the runtime. On a current-thread runtime this runs neither
    /// tasks nor timers nor I/O: for these some thread must be in
    /// [`Runtime::block_on`](crate::runtime::Runtime::block_on).
    ///
    /// # Panics
    ///
    /// If this thread already runs a runtime, and if the future panics.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let seeds = &self.inner.shared.rng_seeds;
        let _running = context::enter_runtime("Handle::block_on", || seeds.next_rng());
        let _entered = self.save_and_enter();
        let location = Location::caller();
        box_if_large!(F, future = Box::pin(future) => self.block_on_entered(future, location))
    }

    /// Runs a future on this thread, which has entered the runtime and is none of its workers. Each poll has a
    /// budget, as a task's has: otherwise a future that is always ready would starve those beside it, such as the
    /// limit of a `timeout`.
    pub(super) fn block_on_entered<F: Future>(
        &self,
        future: F,
        location: &'static Location<'static>,
    ) -> F::Output {
        let mut future = pin!(future);
        let traced = RootTrace::new::<F>(&self.inner.shared.driver.tracer, location);
        block_on(poll_fn(|cx| {
            let mut traced = traced.start_poll(cx.waker());
            let mut cx = Context::from_waker(traced.waker(cx.waker()));
            let poll = coop::with_budget(|| future.as_mut().poll(&mut cx));
            traced.end(poll.is_ready());
            poll
        }))
    }

    /// Makes this the runtime that `spawn`, `sleep` and the like find on this thread, until the guard is dropped.
    ///
    /// The effect of a guard that is leaked ends with the poll, blocking closure or hook in which it was made.
    /// The future of `block_on` may hold a guard across an `.await`: other tasks on its thread do not see it.
    ///
    /// # Panics
    ///
    /// Dropping a guard before another that was made later panics. The thread leaves the runtime all the same.
    pub fn enter(&self) -> EnterGuard<'_> {
        let guard = context::enter(self.inner.clone());
        EnterGuard { _guard: guard, _handle: PhantomData }
    }

    /// Enters the runtime until the guard is dropped. The thread then also leaves the runtimes that user code has
    /// entered meanwhile and not left.
    pub(crate) fn save_and_enter(&self) -> context::SavedContext {
        context::save().and_enter(self.inner.clone())
    }

    /// Returns the kind of the runtime.
    pub fn runtime_flavor(&self) -> RuntimeFlavor {
        match self.inner.worker_threads {
            None => RuntimeFlavor::CurrentThread,
            Some(_) => RuntimeFlavor::MultiThread,
        }
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("runtime", &self.inner.shared.id).finish()
    }
}

/// Keeps the thread in a runtime until it is dropped. From [`Handle::enter`].
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
    /// The tasks run on the thread that is in `block_on`.
    CurrentThread,
    /// The tasks run on worker threads.
    MultiThread,
}

/// The thread is in no runtime. From [`Handle::try_current`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TryCurrentError {
    thread_ends: bool,
}

impl TryCurrentError {
    /// Whether the thread has not entered a runtime.
    pub fn is_missing_context(&self) -> bool {
        !self.thread_ends
    }

    /// Whether the thread is ending, and its thread-locals are gone.
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
