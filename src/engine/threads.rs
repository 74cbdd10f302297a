//! How does a runtime come by its threads, and how do they end?
//!
//! Workers and the threads for blocking work are made alike: a name that a debugger shows, a stack, a call
//! at the beginning and at the end, and the runtime entered for as long as they live.
//!
//! The **crew** are the workers of a multi-thread runtime. They work until the runtime stops. The last to
//! leave drops the tasks that are left; so it happens once, when nobody polls any more, and also if the
//! one who ended the runtime did not want to wait.
//!
//! Next: `blocking.rs`, for work that must not be done by a worker.

use std::fmt;
use std::io;
use std::mem;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::context::{self, AnyRuntime, RuntimeThread};
use super::prim::{Condvar, Mutex, OnDrop};
use super::queue::Line;
use super::shared::{Hook, Shared, Station, call_hook};
use super::worker::{Goal, Worker};

/// How threads are made.
#[derive(Clone)]
pub(crate) struct Threads {
    /// None: by what they do.
    pub(crate) name: Option<Arc<dyn Fn() -> String + Send + Sync>>,
    pub(crate) stack_size: Option<usize>,
    pub(crate) on_start: Option<Hook>,
    pub(crate) on_stop: Option<Hook>,
    /// How many threads there may be for blocking work.
    pub(crate) max_blocking: usize,
    /// How long such a thread waits for work before it ends.
    pub(crate) keep_alive: Duration,
}

impl Threads {
    /// Starts a thread that does `work` inside `runtime`, and calls `leave` when it ends, even by a panic. No
    /// lock is held: all of these call user code.
    pub(crate) fn start(
        &self,
        usual_name: String,
        runtime: AnyRuntime,
        id: u32,
        work: impl FnOnce() + Send + 'static,
        leave: impl Fn() + Send + 'static,
    ) -> io::Result<JoinHandle<()>> {
        #[cfg(target_os = "linux")]
        let short_name = self.name.is_none().then(|| short(&usual_name));
        let name = {
            let _context = context::save();
            self.name.as_ref().map_or(usual_name, |name| name())
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
        let Threads { on_start, on_stop, .. } = self.clone();
        builder.spawn(move || {
            // Dropped in the reverse order: the hooks and the runtime before the exit is reported, as a thread
            // that waits for it may then drop the rest.
            let _exit = OnDrop(|| {
                context::set_runtime_thread(RuntimeThread::Exiting(id));
                leave();
            });
            let (on_start, on_stop) = (on_start, on_stop);
            let _entered = context::save().and_enter(runtime, id);
            context::set_runtime_thread(RuntimeThread::Working(id));
            #[cfg(target_os = "linux")]
            if let Some(name) = short_name {
                // Only a debugger reads it. It cannot fail, and if it did, nothing would be lost.
                let _ = rustix::thread::set_name(&name);
            }
            call_hook(&on_start);
            work();
            call_hook(&on_stop);
        })
    }
}

/// The name for Linux, which keeps 15 bytes: of `openwork-worker-0` it would keep all but the number. Of
/// this it shows `ow-worker-0` in `top` and in a debugger.
#[cfg(target_os = "linux")]
fn short(name: &str) -> std::ffi::CString {
    std::ffi::CString::new(name.replacen("openwork", "ow", 1)).expect("our own names hold no NUL")
}

impl fmt::Debug for Threads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Threads")
            .field("stack_size", &self.stack_size)
            .field("max_blocking", &self.max_blocking)
            .field("keep_alive", &self.keep_alive)
            .finish_non_exhaustive()
    }
}

/// The workers of a multi-thread runtime.
pub(crate) struct Crew {
    shared: Arc<Shared>,
    /// Workers that are not gone, and those of them that still work.
    count: Mutex<(usize, usize)>,
    gone: Condvar,
    /// Who waits for the end also waits until the system has taken the threads back, with what they hold.
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// A worker without a root works until the runtime stops.
struct UntilStopped<'a>(&'a Shared);

impl Goal for UntilStopped<'_> {
    fn is_called(&self) -> bool {
        self.0.is_stopped()
    }

    fn is_reached(&mut self) -> bool {
        self.0.is_stopped()
    }
}

impl Crew {
    pub(crate) fn new(shared: Arc<Shared>) -> Arc<Self> {
        let workers = shared.stations.len();
        let count = Mutex::new((workers, workers));
        Arc::new(Crew { shared, count, gone: Condvar::new(), threads: Mutex::default() })
    }

    /// Starts the workers, each inside its own `runtime`. After an error, or a panic of who names them, those
    /// that were started are told to stop, and waited for.
    pub(crate) fn start(
        self: &Arc<Self>,
        threads: &Threads,
        runtime: impl Fn() -> AnyRuntime,
    ) -> io::Result<()> {
        let mut missing = Missing { crew: self, workers: self.shared.stations.len() };
        for index in 0..self.shared.stations.len() {
            let (worker, leaver) = (self.clone(), self.clone());
            let thread = threads.start(
                format!("openwork-worker-{index}"),
                runtime(),
                self.shared.id,
                move || worker.run(index),
                move || leaver.leave(1),
            )?;
            self.threads.lock().push(thread);
            missing.workers -= 1;
        }
        Ok(())
    }

    /// What a worker's thread does.
    fn run(&self, index: usize) {
        let Station { ring, random, .. } = &self.shared.stations[index];
        let _running = context::start_running("a worker", || *random);
        let _working = OnDrop(|| self.stop_working(1));
        let ring = ring.clone().expect("a worker among others");
        let mut line = Line::among_others(ring);
        Worker::start(&self.shared, index, &mut line).work(&mut UntilStopped(&self.shared));
    }

    /// So many do not work any more. The last one drops what is left.
    fn stop_working(&self, workers: usize) {
        let mut count = self.count.lock();
        count.1 -= workers;
        let last = count.1 == 0;
        drop(count);
        if last {
            self.shared.shut_down();
        }
    }

    fn leave(&self, workers: usize) {
        self.count.lock().0 -= workers;
        self.gone.notify_all();
    }

    /// Waits until all are gone, at most until this moment. Returns whether they are.
    pub(crate) fn wait_for_end(&self, until: Option<Instant>) -> bool {
        let mut count = self.count.lock();
        while count.0 > 0 {
            match until.map(|until| until.saturating_duration_since(Instant::now())) {
                Some(Duration::ZERO) => return false,
                Some(left) => (count, _) = self.gone.wait_timeout(count, left),
                None => count = self.gone.wait(count),
            }
        }
        drop(count);
        for thread in mem::take(&mut *self.threads.lock()) {
            // An error is a panic, which was told.
            let _ = thread.join();
        }
        true
    }
}

/// Workers that were not started.
struct Missing<'a> {
    crew: &'a Crew,
    workers: usize,
}

impl Drop for Missing<'_> {
    fn drop(&mut self) {
        if self.workers > 0 {
            self.crew.shared.stop();
            self.crew.stop_working(self.workers);
            self.crew.leave(self.workers);
            self.crew.wait_for_end(None);
        }
    }
}
