//! Puts the parts of a runtime together and starts its threads.
//!
//! A [`Builder`] collects the settings. [`Builder::build`] makes the parts in the order of their dependence: the
//! clock and the tracer, the scheduler with the driver, the blocking pool, and last the worker threads, which use
//! all of these.
//!
//! Next: `seeds.rs`.

use std::fmt;
use std::io;
use std::num::NonZero;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use std::{env, thread};

use super::handle::{Handle, RuntimeFlavor};
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
use crate::trace::{self, Recorder, dump, lints, tasks};

/// The default for [`Builder::max_blocking_threads`]. Tokio's number; large, since such threads mostly wait.
const MAX_BLOCKING: usize = 512;

/// The default for [`Builder::thread_keep_alive`]. Tokio's number.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Builds a [`Runtime`] with other settings than the default ones.
///
/// ```
/// use openwork::runtime::Builder;
///
/// let runtime = Builder::new_multi_thread().worker_threads(2).thread_name("pool").build()?;
/// let name = runtime.block_on(async {
///     openwork::spawn(async { std::thread::current().name().map(str::to_owned) }).await.unwrap()
/// });
/// assert_eq!(name.as_deref(), Some("pool"));
/// # std::io::Result::Ok(())
/// ```
pub struct Builder {
    flavor: RuntimeFlavor,
    /// `None`: one for each processor. Only a multi-thread runtime has worker threads.
    workers: Option<usize>,
    threads: ThreadConfig,
    park_hooks: ParkHooks,
    start_paused: bool,
    seed: Option<RngSeed>,
    shuffles: bool,
    subscribers: Vec<Subscriber>,
    records: bool,
    dumps_on_quit: bool,
    has_lints: bool,
}

impl Builder {
    /// A builder for a runtime whose tasks all run on the thread that calls [`Runtime::block_on`].
    pub fn new_current_thread() -> Self {
        Self::new(RuntimeFlavor::CurrentThread)
    }

    /// A builder for a runtime whose tasks run on worker threads: one for each processor, or as many as
    /// [`worker_threads`](Builder::worker_threads) sets.
    pub fn new_multi_thread() -> Self {
        Self::new(RuntimeFlavor::MultiThread)
    }

    fn new(flavor: RuntimeFlavor) -> Self {
        let threads = ThreadConfig {
            name: None,
            stack_size: None,
            on_start: None,
            on_stop: None,
            max_blocking: MAX_BLOCKING,
            keep_alive: KEEP_ALIVE,
        };
        Builder {
            flavor,
            workers: None,
            threads,
            park_hooks: ParkHooks::default(),
            start_paused: false,
            seed: None,
            shuffles: false,
            subscribers: Vec::new(),
            records: false,
            dumps_on_quit: false,
            has_lints: false,
        }
    }

    /// Sets the number of worker threads of a multi-thread runtime. A current-thread runtime ignores it.
    ///
    /// # Panics
    ///
    /// If `threads` is 0, or more than 65,535.
    #[track_caller]
    pub fn worker_threads(&mut self, threads: usize) -> &mut Self {
        assert!(threads > 0, "`worker_threads` must be greater than 0");
        assert!(threads <= MAX_WORKERS, "`worker_threads` must be at most {MAX_WORKERS}");
        self.workers = Some(threads);
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

    /// Sets the name of the threads that the runtime starts. The default names are `openwork-worker-0`,
    /// `openwork-blocking-0` and so on.
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

    /// Sets a function that names each thread that the runtime starts. [`build`](Builder::build) calls it for a
    /// worker, and `spawn_blocking` for a thread of the blocking pool; a panic of it reaches the caller of these.
    /// A name that contains NUL has the effect of a system that starts no more threads.
    pub fn thread_name_fn<F>(&mut self, name: F) -> &mut Self
    where
        F: Fn() -> String + Send + Sync + 'static,
    {
        self.threads.name = Some(Arc::new(name));
        self
    }

    /// Sets the stack size of each thread that the runtime starts, in bytes. The default is std's.
    pub fn thread_stack_size(&mut self, bytes: usize) -> &mut Self {
        self.threads.stack_size = Some(bytes);
        self
    }

    /// Sets how many threads [`spawn_blocking`](crate::task::spawn_blocking) may use at once. Further closures
    /// wait until one is free. The default is 512.
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

    /// Sets how long an idle thread of the blocking pool waits for a closure before it exits. The default is 10 s.
    pub fn thread_keep_alive(&mut self, duration: Duration) -> &mut Self {
        self.threads.keep_alive = duration;
        self
    }

    /// Sets a function that each thread of the runtime calls when it starts.
    pub fn on_thread_start<F: Fn() + Send + Sync + 'static>(&mut self, call: F) -> &mut Self {
        self.threads.on_start = Some(Arc::new(call));
        self
    }

    /// Sets a function that each thread of the runtime calls before it exits.
    pub fn on_thread_stop<F: Fn() + Send + Sync + 'static>(&mut self, call: F) -> &mut Self {
        self.threads.on_stop = Some(Arc::new(call));
        self
    }

    /// Sets a function that a worker calls when it has found no task and is about to park. If the function wakes
    /// or spawns a task, the worker does not park. The worker of a current-thread runtime is the thread in
    /// `block_on`.
    pub fn on_thread_park<F: Fn() + Send + Sync + 'static>(&mut self, call: F) -> &mut Self {
        self.park_hooks.on_park = Some(Arc::new(call));
        self
    }

    /// Sets a function that a worker calls when it continues after a park: once for each call of
    /// [`on_thread_park`](Builder::on_thread_park)'s function, before the worker looks for tasks.
    pub fn on_thread_unpark<F: Fn() + Send + Sync + 'static>(&mut self, call: F) -> &mut Self {
        self.park_hooks.on_unpark = Some(Arc::new(call));
        self
    }

    /// Sets whether the runtime starts with its clock paused, as by [`time::pause`](crate::time::pause).
    pub fn start_paused(&mut self, paused: bool) -> &mut Self {
        self.start_paused = paused;
        self
    }

    /// Sets the seed of the runtime's random choices, such as the branch that [`select!`](crate::select) polls
    /// first. The default seed differs in each runtime; with a paused clock it is a constant.
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

    /// Lets `seed` determine what is not specified: the task that runs next, the order of equal deadlines, and the
    /// order of sockets that are ready at once. A test that runs with many seeds tries many schedules of its tasks
    /// ([`with_seeds`](super::with_seeds)), and the seed repeats a failure. With a paused clock, and without sockets and
    /// other threads, the seed determines the whole run: this is deterministic simulation. Sets the
    /// [`rng_seed`](Builder::rng_seed) too.
    ///
    /// The environment variable `OPENWORK_SHUFFLE`, a decimal number, does the same without a change of the program: it
    /// is the seed of each current-thread runtime that is built with neither `shuffle` nor `rng_seed`.
    ///
    /// [`build`](Builder::build) panics if the runtime is a multi-thread one: there the system chooses the order.
    pub fn shuffle(&mut self, seed: u64) -> &mut Self {
        self.shuffles = true;
        self.rng_seed(RngSeed::from_number(seed))
    }

    /// Sets a function that is called with every event of the runtime, on the thread where the event happens. The
    /// events that this function causes are not reported. Several such functions are called in the order in which they
    /// were set. The list is fixed when the runtime is built, so that its threads read it without a lock.
    pub fn on_event<F: Fn(&Record) + Send + Sync + 'static>(&mut self, subscriber: F) -> &mut Self {
        self.subscribers.push(Arc::new(subscriber));
        self
    }

    /// Records the events of the runtime; see [`Recorder`].
    pub fn trace(&mut self, recorder: &Recorder) -> &mut Self {
        let recorder = recorder.clone();
        self.records = true;
        self.on_event(move |record| recorder.record(record))
    }

    /// Prints the tasks of all runtimes of the process on standard error whenever the process receives SIGQUIT, which
    /// Ctrl-\ sends, and records what they wait for. The program goes on. `OPENWORK_DUMP=1` does the same for all
    /// runtimes of a program.
    pub fn dump_on_quit(&mut self) -> &mut Self {
        self.dumps_on_quit = true;
        self
    }

    /// Sets whether four mistakes are reported on standard error, while the program runs: a task that waits and has no
    /// waker any more, a deadlock of tasks that hold locks, a poll that keeps its worker for more than 100 ms, and a task
    /// that wakes itself again and again. `OPENWORK_LINT=1` does the same for all runtimes of a program.
    pub fn lints(&mut self, has_lints: bool) -> &mut Self {
        self.has_lints = has_lints;
        self
    }

    /// All subscribers: the user's, and those that the environment asks for.
    fn subscribers(&self) -> Vec<Subscriber> {
        let has_lints = self.has_lints || trace::env::is_set("OPENWORK_LINT");
        let dumps = self.dumps_on_quit || trace::env::is_set("OPENWORK_DUMP");
        let recorder = trace::env::subscriber();
        let mut all = Vec::new();
        // The table of the tasks first, so that the others can ask for it.
        if has_lints || dumps || self.records || recorder.is_some() {
            all.push(tasks::subscriber(has_lints));
        }
        if has_lints {
            lints::start();
            all.push(Arc::new(lints::check));
        }
        if dumps {
            dump::start();
        }
        all.extend(self.subscribers.iter().cloned().chain(recorder));
        all
    }

    /// Builds the runtime.
    ///
    /// # Errors
    ///
    /// If the system refuses a poller, for instance because no descriptor is left, or a thread. The threads that
    /// were started have then exited.
    ///
    /// # Panics
    ///
    /// If a multi-thread runtime is to start with its clock paused, or to [`shuffle`](Builder::shuffle).
    #[track_caller]
    pub fn build(&mut self) -> io::Result<Runtime> {
        let workers = match self.flavor {
            RuntimeFlavor::CurrentThread => 0,
            RuntimeFlavor::MultiThread => self.workers.unwrap_or_else(|| {
                thread::available_parallelism().map_or(1, NonZero::get).min(MAX_WORKERS)
            }),
        };
        assert!(
            !self.start_paused || workers == 0,
            "`start_paused` needs a current-thread runtime: with several threads it is not known when \
             no task can run"
        );
        assert!(
            !self.shuffles || workers == 0,
            "`shuffle` needs a current-thread runtime: with several threads the system chooses too"
        );
        static NEXT_ID: AtomicU32 = AtomicU32::new(1);
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        let clock = Arc::new(Clock::new(self.start_paused));
        let tracer = Tracer::new(id, clock, self.subscribers());
        let from_env = shuffle_from_env().filter(|_| workers == 0 && self.seed.is_none());
        let seed = self.seed.clone().or(from_env.map(RngSeed::from_number));
        let shuffles = self.shuffles || from_env.is_some();
        let rng_seeds = RngSeedGenerator::new(seed, self.start_paused, shuffles);
        let hooks = self.park_hooks.clone();
        let shared = SchedulerHandle::new(Arc::new(tracer), rng_seeds, hooks, workers)?;
        let worker_threads = (workers > 0).then(|| WorkerThreads::new(Arc::clone(&shared)));
        let shared = Arc::new(shared);
        let pool = Pool::new(self.threads.clone(), shared.clone());
        let inner = Arc::new(Inner { shared, worker_threads, pool });
        if let Some(worker_threads) = &inner.worker_threads {
            worker_threads.start(&self.threads, || inner.for_thread())?;
        }
        Ok(Runtime { handle: Handle { inner }, wait_at_drop: None })
    }
}

/// The seed in `OPENWORK_SHUFFLE`, which is read once.
pub(super) fn shuffle_from_env() -> Option<u64> {
    static SEED: OnceLock<Option<u64>> = OnceLock::new();
    *SEED.get_or_init(|| {
        let text = env::var_os("OPENWORK_SHUFFLE").filter(|text| !text.is_empty())?;
        let seed = text.to_str().and_then(|text| text.parse().ok());
        if seed.is_none() {
            let reason = "is not a decimal number below 2^64";
            eprintln!("OPENWORK_SHUFFLE: nothing is shuffled: {} {reason}", text.display());
        }
        seed
    })
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("flavor", &self.flavor)
            .field("workers", &self.workers)
            .field("threads", &self.threads)
            .field("start_paused", &self.start_paused)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

impl Runtime {
    /// Builds a multi-thread runtime with the default settings.
    ///
    /// # Errors
    ///
    /// If the system refuses a poller or a thread; see [`Builder::build`].
    pub fn new() -> io::Result<Runtime> {
        Builder::new_multi_thread().build()
    }
}

/// Runs a future to completion on a new current-thread runtime, and then drops the [runtime](Runtime): that
/// drops the tasks that are left, and waits for blocking closures and for writes to files.
///
/// A program that uses this crate starts here. This is what `#[tokio::main]` is for Tokio, as a plain function
/// that a debugger can step into.
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
/// If this thread already runs a runtime, if the future panics, and if the system refuses a poller.
#[track_caller]
pub fn block_on<F: Future>(future: F) -> F::Output {
    // Before the runtime is built, so that the message names the function that was called.
    context::assert_may_block("openwork::block_on");
    let runtime = Builder::new_current_thread().build().expect("the system gives a poller");
    box_if_large!(F, future = Box::pin(future) => runtime.block_on(future))
}
