//! The parts put together: how a runtime is built, entered, used and ended.
//!
//! A [`Runtime`] owns the engine. A [`Handle`] is a way in: it can be cloned, sent to other threads, and
//! outlives its runtime harmlessly. Inside a runtime the free functions (`spawn`, `sleep` …) find it by
//! themselves, as the thread knows where it is.

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::engine::blocking::{Pool, Threads};
use crate::engine::clock::Clock;
use crate::engine::context::{self, AnyRuntime};
use crate::engine::trace::{self, Record, Sink, Subscription};
use crate::engine::worker::Shared;
use crate::task::JoinHandle;

/// Threads for blocking work, unless the builder is told otherwise. Tokio's number; large, since such
/// threads mostly wait.
const MAX_BLOCKING: usize = 512;

/// How long a blocking thread waits for more to do. Tokio's number.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// What a runtime consists of.
pub(crate) struct Inner {
    pub(crate) shared: Arc<Shared>,
    pool: Arc<Pool>,
    _subscription: Option<Subscription>,
}

/// Sets a runtime up.
///
/// ```
/// use openwork::runtime::Builder;
///
/// let runtime = Builder::new_current_thread().enable_all().build()?;
/// assert_eq!(runtime.block_on(async { 2 + 2 }), 4);
/// # std::io::Result::Ok(())
/// ```
pub struct Builder {
    threads: Threads,
    start_paused: bool,
    sink: Option<Sink>,
}

impl Builder {
    /// A runtime whose tasks all run on the thread that calls [`Runtime::block_on`].
    pub fn new_current_thread() -> Self {
        let threads = Threads {
            name: Arc::new(|| "openwork-blocking".to_owned()),
            stack_size: None,
            on_start: None,
            on_stop: None,
            max_blocking: MAX_BLOCKING,
            keep_alive: KEEP_ALIVE,
        };
        Builder { threads, start_paused: false, sink: None }
    }

    /// Does nothing: timers and I/O are always on.
    pub fn enable_all(&mut self) -> &mut Self {
        self
    }

    /// Does nothing: I/O is always on.
    pub fn enable_io(&mut self) -> &mut Self {
        self
    }

    /// Does nothing: timers are always on.
    pub fn enable_time(&mut self) -> &mut Self {
        self
    }

    /// The name of the threads that the runtime starts. The default is `openwork-blocking-0` and so on.
    pub fn thread_name(&mut self, name: impl Into<String>) -> &mut Self {
        let name = name.into();
        self.threads.name = Arc::new(move || name.clone());
        self
    }

    /// A function that names each thread that the runtime starts.
    pub fn thread_name_fn<F>(&mut self, name: F) -> &mut Self
    where
        F: Fn() -> String + Send + Sync + 'static,
    {
        self.threads.name = Arc::new(name);
        self
    }

    /// The stack of each thread that the runtime starts, in bytes. The default is std's.
    pub fn thread_stack_size(&mut self, bytes: usize) -> &mut Self {
        self.threads.stack_size = Some(bytes);
        self
    }

    /// How many threads [`spawn_blocking`](crate::task::spawn_blocking) may use at once; further closures
    /// wait for one to become free. The default is 512.
    ///
    /// # Panics
    ///
    /// If `threads` is 0.
    #[track_caller]
    pub fn max_blocking_threads(&mut self, threads: usize) -> &mut Self {
        assert!(threads > 0, "`max_blocking_threads` must be greater than 0");
        self.threads.max_blocking = threads;
        self
    }

    /// How long a blocking thread waits for another closure before it ends. The default is 10 s.
    pub fn thread_keep_alive(&mut self, duration: Duration) -> &mut Self {
        self.threads.keep_alive = duration;
        self
    }

    /// Called on each thread that the runtime starts, before anything else.
    pub fn on_thread_start<F: Fn() + Send + Sync + 'static>(&mut self, call: F) -> &mut Self {
        self.threads.on_start = Some(Arc::new(call));
        self
    }

    /// Called on each thread that the runtime started, before it ends.
    pub fn on_thread_stop<F: Fn() + Send + Sync + 'static>(&mut self, call: F) -> &mut Self {
        self.threads.on_stop = Some(Arc::new(call));
        self
    }

    /// Starts with the clock paused, as by [`time::pause`](crate::time::pause).
    pub fn start_paused(&mut self, paused: bool) -> &mut Self {
        self.start_paused = paused;
        self
    }

    /// Calls `listener` with everything that happens in the runtime, on the thread where it happens and
    /// as it happens. What the listener itself causes is not reported.
    pub fn on_event<F: Fn(&Record) + Send + Sync + 'static>(&mut self, listener: F) -> &mut Self {
        self.sink = Some(Arc::new(listener));
        self
    }

    /// Builds the runtime.
    ///
    /// # Errors
    ///
    /// If the system gives no poller, for instance because there are no descriptors left.
    pub fn build(&mut self) -> io::Result<Runtime> {
        static NEXT_ID: AtomicU32 = AtomicU32::new(1);
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        let clock = Arc::new(Clock::new(self.start_paused));
        let shared = Shared::new(id, clock.clone())?;
        let pool = Pool::new(self.threads.clone(), shared.clone());
        let subscription = self.sink.clone().map(|sink| trace::subscribe(id, clock, sink));
        let inner = Arc::new(Inner { shared, pool, _subscription: subscription });
        Ok(Runtime { handle: Handle { inner }, wait_at_drop: None })
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("threads", &self.threads)
            .field("start_paused", &self.start_paused)
            .finish_non_exhaustive()
    }
}

/// A runtime: tasks, timers, sockets, and threads for blocking work.
///
/// Dropping it drops every task that is left, wherever it waits, and waits for the closures that
/// [`spawn_blocking`](crate::task::spawn_blocking) has begun.
///
/// # Panics
///
/// Dropping it panics inside an `async` context, where waiting is not allowed; use
/// [`shutdown_background`](Runtime::shutdown_background) there.
#[derive(Debug)]
pub struct Runtime {
    handle: Handle,
    /// How long to wait for blocking closures. None: until they end.
    wait_at_drop: Option<Duration>,
}

impl Runtime {
    /// Runs a future to its end on this thread, and the runtime's tasks meanwhile.
    ///
    /// Several threads may call this at once; one of them drives the tasks, timers and sockets of all.
    ///
    /// # Panics
    ///
    /// If this thread runs a runtime already, and if the future panics.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let _running = context::start_running("Runtime::block_on");
        let _entered = self.enter();
        self.handle.inner.shared.block_on(future)
    }

    /// Spawns a task; see [`task::spawn`](crate::task::spawn). On a current-thread runtime it makes
    /// progress while some thread is in [`block_on`](Runtime::block_on).
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn(future)
    }

    /// Runs a closure on a thread for blocking work; see
    /// [`task::spawn_blocking`](crate::task::spawn_blocking).
    #[track_caller]
    pub fn spawn_blocking<F, T>(&self, closure: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.handle.spawn_blocking(closure)
    }

    /// A handle to this runtime.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Makes this the runtime that `spawn`, `sleep` and the like find on this thread, until the guard is
    /// dropped. Guards must be dropped in the reverse of the order in which they were made.
    pub fn enter(&self) -> EnterGuard<'_> {
        self.handle.enter()
    }

    /// Ends the runtime, and waits for blocking closures at most this long. Those that still run then go
    /// on by themselves.
    ///
    /// # Panics
    ///
    /// Inside an `async` context, unless the duration is zero.
    #[track_caller]
    pub fn shutdown_timeout(mut self, duration: Duration) {
        self.wait_at_drop = Some(duration);
    }

    /// Ends the runtime without waiting for blocking closures. May be called anywhere.
    pub fn shutdown_background(self) {
        self.shutdown_timeout(Duration::ZERO);
    }

    /// Drops all tasks, and the blocking closures that have not begun.
    fn shut_down(&self) {
        let _entered = self.enter();
        self.handle.inner.shared.shut_down();
        self.handle.inner.pool.close();
    }

    /// Waits for the blocking closures that have begun.
    fn wait(&self) {
        if self.wait_at_drop == Some(Duration::ZERO) {
            return;
        }
        if context::is_running() {
            if std::thread::panicking() {
                return;
            }
            panic!(
                "Cannot drop a runtime in a context where blocking is not allowed: this thread runs a \
                 runtime's tasks; use `shutdown_background` here, or drop the runtime outside of \
                 `async` code"
            );
        }
        self.handle.inner.pool.wait_for_end(self.wait_at_drop);
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.shut_down();
        self.wait();
    }
}

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
            let runtime = runtime.ok_or(TryCurrentError(()))?.clone();
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
            Err(_) => panic!(
                "there is no runtime here: `{call}` must be called from within one; run the code in \
                 `openwork::block_on(async {{ … }})`, or hold the guard of `Runtime::enter()`"
            ),
        }
    }

    /// Spawns a task in this runtime; see [`task::spawn`](crate::task::spawn).
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        JoinHandle::new(self.inner.shared.spawn(future, Location::caller()))
    }

    /// Runs a closure on a thread for blocking work; see
    /// [`task::spawn_blocking`](crate::task::spawn_blocking).
    #[track_caller]
    pub fn spawn_blocking<F, T>(&self, closure: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let runtime: AnyRuntime = self.inner.clone();
        match self.inner.pool.spawn(closure, Location::caller(), &runtime) {
            Ok(task) => JoinHandle::new(task),
            Err(error) => panic!("the system gives no thread for blocking work: {error}"),
        }
    }

    /// Runs a future to its end on this thread, inside the runtime. It does not drive the runtime: that
    /// takes a thread in [`Runtime::block_on`].
    ///
    /// # Panics
    ///
    /// If this thread runs a runtime already, and if the future panics.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let _running = context::start_running("Handle::block_on");
        let _entered = self.enter();
        crate::engine::block_on::block_on(future)
    }

    /// As [`Runtime::enter`].
    pub fn enter(&self) -> EnterGuard<'_> {
        let guard = context::enter(self.inner.clone(), self.inner.shared.id);
        EnterGuard { _guard: guard, _handle: PhantomData }
    }

    /// Of which kind the runtime is.
    pub fn runtime_flavor(&self) -> RuntimeFlavor {
        RuntimeFlavor::CurrentThread
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

/// The thread is in a runtime for as long as this lives. From [`Runtime::enter`].
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
}

/// This thread is in no runtime. From [`Handle::try_current`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TryCurrentError(());

impl fmt::Display for TryCurrentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this thread is in no runtime")
    }
}

impl std::error::Error for TryCurrentError {}

/// Figures of a runtime, each read when it is asked for. From [`Handle::metrics`].
#[derive(Clone)]
pub struct RuntimeMetrics {
    inner: Arc<Inner>,
}

impl RuntimeMetrics {
    /// Tasks that are not done.
    pub fn num_alive_tasks(&self) -> usize {
        self.inner.shared.live.snapshot().len()
    }

    /// Tasks that were woken from outside and wait for a worker to take them.
    pub fn global_queue_depth(&self) -> usize {
        self.inner.shared.injected()
    }

    /// Threads for blocking work, idle ones included.
    pub fn num_blocking_threads(&self) -> usize {
        self.inner.pool.len()
    }

    /// Descriptors that the runtime watches.
    pub fn io_driver_fd_registered_count(&self) -> usize {
        self.inner.shared.driver.reactor.len()
    }

    /// Timers that wait, or have fired and were not polled since.
    pub fn num_timers(&self) -> usize {
        self.inner.shared.driver.timers_len()
    }
}

impl fmt::Debug for RuntimeMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuntimeMetrics")
            .field("num_alive_tasks", &self.num_alive_tasks())
            .field("global_queue_depth", &self.global_queue_depth())
            .field("num_blocking_threads", &self.num_blocking_threads())
            .field("io_driver_fd_registered_count", &self.io_driver_fd_registered_count())
            .field("num_timers", &self.num_timers())
            .finish()
    }
}

/// Runs a future to its end on a runtime of its own, which has this one thread, and then drops the
/// runtime with all that is left in it.
///
/// This is where a program begins that uses this crate: what `#[tokio::main]` is elsewhere, as a plain
/// function that a debugger can step into.
///
/// ```
/// let sum = openwork::block_on(async {
///     let task = openwork::spawn(async { 40 });
///     task.await.unwrap() + 2
/// });
/// assert_eq!(sum, 42);
/// ```
///
/// # Panics
///
/// If this thread runs a runtime already, if the future panics, and if the system gives no poller.
#[track_caller]
pub fn block_on<F: Future>(future: F) -> F::Output {
    // Before anything is built, and with the name that the caller knows.
    context::assert_not_running("openwork::block_on");
    let runtime = Builder::new_current_thread().build().expect("the system gives a poller");
    runtime.block_on(future)
}
