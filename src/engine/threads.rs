//! How a runtime starts its threads, and how they end.
//!
//! Workers and threads for blocking tasks are started alike: a name that a debugger shows, a stack size, a hook at
//! the beginning and at the end, and the runtime entered for as long as they live.
//!
//! [`WorkerThreads`] are those of a multi-thread runtime. They run until the runtime stops, or one of them panics: that
//! stops the runtime, since the tasks of that worker would wait for ever. The last worker to stop drops the tasks that
//! are left; so it happens once, when no thread polls any more, and even if the thread that ended the runtime does not
//! wait.
//!
//! Next: `blocking.rs`, for work that a worker must not do.

use std::fmt;
use std::io;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::context::{self, AnyRuntime, RuntimeThread, SavedContext};
use super::monitor;
use super::prim::thread::{self, JoinHandle};
use super::prim::{Condvar, Mutex, OnDrop};
use super::random::FastRand;
use super::scheduler::{Hook, Shared, call_hook};
use super::worker::{RunUntil, Worker};

/// How threads are started, and how many there may be for blocking tasks.
#[derive(Clone)]
pub(crate) struct ThreadConfig {
    /// `None`: named after their role.
    pub(crate) name: Option<Arc<dyn Fn() -> String + Send + Sync>>,
    pub(crate) stack_size: Option<usize>,
    pub(crate) on_start: Option<Hook>,
    pub(crate) on_stop: Option<Hook>,
    /// How many threads there may be for blocking tasks.
    pub(crate) max_blocking: usize,
    /// How long such a thread waits for work before it ends.
    pub(crate) keep_alive: Duration,
}

impl ThreadConfig {
    /// Starts a thread that does `work` inside `runtime`, and calls `on_exit` when it ends, even by a panic. The
    /// caller holds no lock: the name, the hooks and the work are user code.
    pub(crate) fn start(
        &self,
        default_name: String,
        runtime: Arc<dyn AnyRuntime>,
        work: impl FnOnce() + Send + 'static,
        on_exit: impl Fn() + Send + 'static,
    ) -> io::Result<JoinHandle<()>> {
        #[cfg(target_os = "linux")]
        let short_name = self.name.is_none().then(|| short_name(&default_name));
        let name = {
            let _context = context::save();
            self.name.as_ref().map_or(default_name, |name| name())
        };
        if name.contains('\0') {
            // Std would panic.
            let error = format!("the name of a thread contains NUL: {name:?}");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, error));
        }
        let mut builder = thread::Builder::new().name(name);
        if let Some(size) = self.stack_size {
            builder = builder.stack_size(size);
        }
        let ThreadConfig { on_start, on_stop, .. } = self.clone();
        let id = runtime.tracer().runtime;
        builder.spawn(move || {
            // Dropped in the reverse order: the hooks and the runtime before the exit is reported, as a thread that
            // waits for it may then drop the rest.
            let _exit = OnDrop(|| {
                context::set_runtime_thread(RuntimeThread::Exiting(id));
                on_exit();
            });
            // Moved into locals, which are dropped before `_exit`.
            let (on_start, on_stop) = (on_start, on_stop);
            let _entered = context::save().and_enter(runtime);
            context::set_runtime_thread(RuntimeThread::Working(id));
            #[cfg(target_os = "linux")]
            if let Some(name) = short_name {
                // For debuggers and `top`. It cannot fail, and if it did, nothing would be lost.
                let _ = rustix::thread::set_name(&name);
            }
            call_hook(&on_start);
            work();
            call_hook(&on_stop);
        })
    }
}

/// The name for Linux, which keeps 15 bytes: of `openwork-worker-0` it would keep all but the number. Of this it shows
/// `ow-worker-0` in `top` and in a debugger.
#[cfg(target_os = "linux")]
fn short_name(name: &str) -> std::ffi::CString {
    std::ffi::CString::new(name.replacen("openwork", "ow", 1)).expect("our own names hold no NUL")
}

impl fmt::Debug for ThreadConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadConfig")
            .field("stack_size", &self.stack_size)
            .field("max_blocking", &self.max_blocking)
            .field("keep_alive", &self.keep_alive)
            .finish_non_exhaustive()
    }
}

/// The worker threads of a multi-thread runtime.
pub(crate) struct WorkerThreads {
    shared: Arc<Shared>,
    count: Mutex<Count>,
    all_exited: Condvar,
    /// Joined at the end: then the system has taken the threads back, with what they hold.
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// Threads, counted down.
struct Count {
    /// Workers that have not stopped.
    running: usize,
    /// Workers whose thread has not exited, and the monitor.
    alive: usize,
}

/// A worker thread runs until the runtime stops.
struct UntilStopped<'a>(&'a Shared);

impl RunUntil for UntilStopped<'_> {
    fn is_notified(&self) -> bool {
        self.0.is_stopped()
    }

    fn poll_done(&mut self) -> bool {
        self.0.is_stopped()
    }
}

impl WorkerThreads {
    pub(crate) fn new(shared: Arc<Shared>) -> Arc<Self> {
        let workers = shared.remotes.len();
        let count = Mutex::new(Count { running: workers, alive: workers + 1 });
        let (all_exited, threads) = (Condvar::new(), Mutex::default());
        Arc::new(WorkerThreads { shared, count, all_exited, threads })
    }

    /// Starts the workers, each inside its own `runtime`, and the monitor. After an error, or a panic of the function
    /// that names them, those that were started are told to stop, and waited for.
    pub(crate) fn start(
        self: &Arc<Self>,
        config: &ThreadConfig,
        runtime: impl Fn() -> Arc<dyn AnyRuntime>,
    ) -> io::Result<()> {
        let entered = context::save().and_enter(runtime());
        let workers = self.shared.remotes.len();
        let mut not_started = NotStarted { threads: self, workers, _entered: entered };
        for index in 0..self.shared.remotes.len() {
            let (worker, exiting) = (self.clone(), self.clone());
            // Here, and not on the worker's thread: with a given seed each worker has the same generators every time.
            let rngs = [(); 2].map(|()| self.shared.rng_seeds.next_rng());
            let thread = config.start(
                format!("openwork-worker-{index}"),
                runtime(),
                move || worker.run(index, rngs),
                move || exiting.exited(1),
            )?;
            self.threads.lock().push(thread);
            not_started.workers -= 1;
        }
        let plain = ThreadConfig { name: None, on_start: None, on_stop: None, ..config.clone() };
        let (monitor, exiting) = (self.clone(), self.clone());
        let (work, exit) = (move || monitor::run(&monitor.shared), move || exiting.exited(1));
        match plain.start("openwork-monitor".into(), runtime(), work, exit) {
            Ok(thread) => self.threads.lock().push(thread),
            // The runtime works without it, but a blocked worker may delay timers and sockets.
            Err(_) => self.exited(1),
        }
        Ok(())
    }

    /// What a worker's thread does.
    pub(crate) fn run(&self, index: usize, [rng, steal_rng]: [FastRand; 2]) {
        let _context = context::enter_runtime("a worker", || rng);
        let _stopped = OnDrop(|| {
            // A panic of the worker itself, for instance because the system's poller is broken.
            if !self.shared.is_stopped() {
                self.shared.stop();
            }
            self.stopped(1);
        });
        let queue = self.shared.remotes[index].core.lock().queue.take();
        // `None`: the runtime has ended already.
        if let Some(queue) = queue {
            Worker::start(&self.shared, index, queue, steal_rng)
                .run(&mut UntilStopped(&self.shared));
        }
    }

    /// So many workers have stopped. The last one drops what is left.
    fn stopped(&self, workers: usize) {
        let mut count = self.count.lock();
        count.running -= workers;
        let is_last = count.running == 0;
        drop(count);
        if is_last {
            self.shared.shut_down();
        }
    }

    fn exited(&self, threads: usize) {
        self.count.lock().alive -= threads;
        self.all_exited.notify_all();
    }

    /// Waits until all threads have exited, at most until this moment. Returns whether they have. The destructors of
    /// their thread-locals may take longer.
    pub(crate) fn wait_for_end(&self, until: Option<Instant>) -> bool {
        let mut count = self.count.lock();
        let mut has_time = true;
        while count.alive > 0 {
            if !has_time {
                return false;
            }
            (count, has_time) = self.all_exited.wait_until(count, until);
        }
        drop(count);
        for thread in mem::take(&mut *self.threads.lock()) {
            // An error is a panic, which the panic hook has reported.
            let _ = thread.join();
        }
        true
    }
}

/// Workers that were not started. If no other worker is left, this thread drops the tasks, so it has entered the
/// runtime.
struct NotStarted<'a> {
    threads: &'a WorkerThreads,
    workers: usize,
    _entered: SavedContext,
}

impl Drop for NotStarted<'_> {
    fn drop(&mut self) {
        if self.workers > 0 {
            self.threads.shared.stop();
            self.threads.stopped(self.workers);
            // Nor was the monitor.
            self.threads.exited(self.workers + 1);
            self.threads.wait_for_end(None);
        }
    }
}
