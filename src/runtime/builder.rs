//! How a runtime comes to be.
//!
//! This is the last file of `runtime`. Next: `time`.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use super::handle::Handle;
use super::inner::Inner;
use super::rt::Runtime;
use crate::engine::blocking::Pool;
use crate::engine::clock::Clock;
use crate::engine::context;
use crate::engine::idle::MAX_WORKERS;
use crate::engine::large::box_if_large;
use crate::engine::random::{RngSeed, RngSeedGenerator};
use crate::engine::scheduler::{ParkHooks, SchedulerHandle};
use crate::engine::threads::{ThreadConfig, WorkerThreads};
use crate::engine::trace::{Record, Subscriber, Tracer};

/// Threads for blocking work, unless the builder is told otherwise. Tokio's number; large, since such
/// threads mostly wait.
const MAX_BLOCKING: usize = 512;

/// How long a blocking thread waits for more to do. Tokio's number.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

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
    /// None: a current-thread runtime.
    workers: Option<usize>,
    threads: ThreadConfig,
    park_hooks: ParkHooks,
    start_paused: bool,
    seed: Option<RngSeed>,
    shuffles: bool,
    subscriber: Option<Subscriber>,
}

impl Builder {
    /// A runtime whose tasks all run on the thread that calls [`Runtime::block_on`].
    pub fn new_current_thread() -> Self {
        Self::new(None)
    }

    /// A runtime with threads of its own that share its tasks, one for each processor unless
    /// [`worker_threads`](Builder::worker_threads) says otherwise.
    pub fn new_multi_thread() -> Self {
        Self::new(Some(thread::available_parallelism().map_or(1, usize::from).min(MAX_WORKERS)))
    }

    fn new(workers: Option<usize>) -> Self {
        let threads = ThreadConfig {
            name: None,
            stack_size: None,
            on_start: None,
            on_stop: None,
            max_blocking: MAX_BLOCKING,
            keep_alive: KEEP_ALIVE,
        };
        let park_hooks = ParkHooks::default();
        Builder {
            workers,
            threads,
            park_hooks,
            start_paused: false,
            seed: None,
            shuffles: false,
            subscriber: None,
        }
    }

    /// How many threads run the tasks of a multi-thread runtime. A current-thread runtime ignores it.
    ///
    /// # Panics
    ///
    /// If `threads` is 0, or more than 65,535.
    #[track_caller]
    pub fn worker_threads(&mut self, threads: usize) -> &mut Self {
        assert!(threads > 0, "`worker_threads` must be greater than 0");
        assert!(threads <= MAX_WORKERS, "`worker_threads` must be at most {MAX_WORKERS}");
        self.workers = self.workers.map(|_| threads);
        self
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

    /// The name of the threads that the runtime starts. The default is `openwork-worker-0` and so on, and
    /// `openwork-blocking-0` for those of blocking work.
    ///
    /// # Panics
    ///
    /// If the name contains NUL.
    #[track_caller]
    pub fn thread_name(&mut self, name: impl Into<String>) -> &mut Self {
        let name = name.into();
        assert!(!name.contains('\0'), "`thread_name` must not contain NUL: {name:?}");
        self.threads.name = Some(Arc::new(move || name.clone()));
        self
    }

    /// A function that names each thread that the runtime starts. It is called by the thread that starts the
    /// other one: in [`build`](Builder::build), or where blocking work is spawned. Its panic goes to that
    /// caller. If a name contains NUL, the thread is not started, as if the system had refused it.
    pub fn thread_name_fn<F>(&mut self, name: F) -> &mut Self
    where
        F: Fn() -> String + Send + Sync + 'static,
    {
        self.threads.name = Some(Arc::new(name));
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

    /// Called on a worker that has found nothing to do and is about to sleep. It may wake and spawn tasks,
    /// and then the worker does not park. On a current-thread runtime that is the thread in `block_on`.
    pub fn on_thread_park<F: Fn() + Send + Sync + 'static>(&mut self, call: F) -> &mut Self {
        self.park_hooks.on_park = Some(Arc::new(call));
        self
    }

    /// Called on a worker after each call of what [`on_thread_park`](Builder::on_thread_park) was given,
    /// when it is awake again, before it looks for something to do.
    pub fn on_thread_unpark<F: Fn() + Send + Sync + 'static>(&mut self, call: F) -> &mut Self {
        self.park_hooks.on_unpark = Some(Arc::new(call));
        self
    }

    /// Does nothing: how often a worker looks at what was woken from outside is fixed, and bounded in time.
    ///
    /// # Panics
    ///
    /// If `tasks` is 0.
    #[track_caller]
    pub fn global_queue_interval(&mut self, tasks: u32) -> &mut Self {
        assert!(tasks > 0, "`global_queue_interval` must be greater than 0");
        self
    }

    /// Does nothing: how often a worker looks at timers and sockets is fixed, and bounded in time.
    ///
    /// # Panics
    ///
    /// If `tasks` is 0.
    #[track_caller]
    pub fn event_interval(&mut self, tasks: u32) -> &mut Self {
        assert!(tasks > 0, "`event_interval` must be greater than 0");
        self
    }

    /// Starts with the clock paused, as by [`time::pause`](crate::time::pause).
    pub fn start_paused(&mut self, paused: bool) -> &mut Self {
        self.start_paused = paused;
        self
    }

    /// Determines the choices that the runtime makes at random, such as the branch that
    /// [`select!`](crate::select) looks at first. The default is new in each runtime, and a constant in one
    /// whose clock is paused.
    ///
    /// ```
    /// use openwork::runtime::{Builder, RngSeed};
    ///
    /// let seed = RngSeed::from_bytes(b"the run that failed");
    /// let runtime = Builder::new_current_thread().rng_seed(seed).build()?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn rng_seed(&mut self, seed: RngSeed) -> &mut Self {
        self.seed = Some(seed);
        self
    }

    /// Chooses by `seed` where the order is the runtime's own affair: the task that runs next, the order of equal
    /// deadlines, and the order of the sockets that are ready at once. So a test that runs under many seeds sees
    /// many schedules of its tasks, and a failure can be repeated by its seed. With a paused clock, and
    /// without sockets and other threads, the seed determines the whole run. Includes
    /// [`rng_seed`](Builder::rng_seed). The idea is that of deterministic simulation.
    pub fn shuffle(&mut self, seed: u64) -> &mut Self {
        self.shuffles = true;
        self.rng_seed(RngSeed::from_bytes(&seed.to_le_bytes()))
    }

    /// Calls `listener` with everything that happens in the runtime, on the thread where it happens and
    /// as it happens. What the listener itself causes is not reported.
    pub fn on_event<F: Fn(&Record) + Send + Sync + 'static>(&mut self, listener: F) -> &mut Self {
        self.subscriber = Some(Arc::new(listener));
        self
    }

    /// Builds the runtime.
    ///
    /// # Errors
    ///
    /// If the system gives no poller, for instance because there are no descriptors left, or not enough
    /// threads. Nothing is left behind then.
    ///
    /// # Panics
    ///
    /// If a multi-thread runtime is to start with its clock paused, or to [`shuffle`](Builder::shuffle).
    #[track_caller]
    pub fn build(&mut self) -> io::Result<Runtime> {
        assert!(
            !self.start_paused || self.workers.is_none(),
            "`start_paused` needs a current-thread runtime: no thread of several knows when nothing else \
             is left to do"
        );
        assert!(
            !self.shuffles || self.workers.is_none(),
            "`shuffle` needs a current-thread runtime: with several threads the system chooses too"
        );
        static NEXT_ID: AtomicU32 = AtomicU32::new(1);
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        let clock = Arc::new(Clock::new(self.start_paused));
        let tracer = Tracer { runtime: id, clock, subscriber: self.subscriber.clone() };
        let rng_seeds = RngSeedGenerator::new(self.seed.clone(), self.start_paused, self.shuffles);
        let (hooks, threads) = (self.park_hooks.clone(), self.workers.unwrap_or(0));
        let shared = SchedulerHandle::new(Arc::new(tracer), rng_seeds, hooks, threads)?;
        let pool = Pool::new(self.threads.clone(), Arc::clone(&shared));
        let worker_threads = self.workers.map(|_| WorkerThreads::new(Arc::clone(&shared)));
        let shared = Arc::new(shared);
        let inner = Arc::new(Inner { shared, worker_threads, pool });
        if let Some(worker_threads) = &inner.worker_threads {
            worker_threads.start(&self.threads, || inner.for_thread())?;
        }
        Ok(Runtime { handle: Handle { inner }, wait_at_drop: None })
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("workers", &self.workers)
            .field("threads", &self.threads)
            .field("start_paused", &self.start_paused)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

impl Runtime {
    /// A multi-thread runtime with the usual settings, as by `Builder::new_multi_thread().build()`.
    ///
    /// # Errors
    ///
    /// As [`Builder::build`](Builder::build).
    pub fn new() -> io::Result<Runtime> {
        Builder::new_multi_thread().build()
    }
}

/// Runs a future to its end on a runtime of its own, which has this one thread, and then drops the
/// [runtime](Runtime): tasks that are left are dropped, blocking closures and writes are waited for.
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
    context::assert_may_block("openwork::block_on");
    let runtime = Builder::new_current_thread().build().expect("the system gives a poller");
    box_if_large!(F, future = Box::pin(future) => runtime.block_on(future))
}
