//! A runtime for the models: the engine's own scheduler, driver and workers, with tasks that a model writes.
//!
//! A wake that is lost leaves all threads parked: a deadlock, which loom reports. When all tasks of a model have
//! been polled, the last one stops the runtime. [`Runtime::check_at_rest`] then knows what must be left: nothing.

use std::ops::Deref;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Wake, Waker};
use std::time::Duration;

use loom::thread;

use crate::engine::clock::Clock;
use crate::engine::context::AnyRuntime;
use crate::engine::monitor;
use crate::engine::park::{ParkedIn, Parker};
use crate::engine::prim::{Condvar, Mutex};
use crate::engine::random::{FastRand, RngSeed, RngSeedGenerator};
use crate::engine::root;
use crate::engine::scheduler::{Hook, ParkHooks, SchedulerHandle, Shared};
use crate::engine::task::{Header, PollOutcome, Runnable, Schedule};
use crate::engine::threads::WorkerThreads;
use crate::engine::trace::{TaskKind, Tracer};

/// A runtime, and how many of its tasks have not been polled yet.
pub(crate) struct Runtime {
    handle: Arc<SchedulerHandle>,
    to_run: AtomicUsize,
}

impl Runtime {
    /// With no workers, its worker is the thread in `block_on`.
    pub fn new(workers: usize, tasks: usize) -> Arc<Self> {
        Runtime::build(workers, tasks, ParkHooks::default())
    }

    /// One that calls a hook when its worker parks for the first time.
    pub fn with_hook(
        workers: usize,
        tasks: usize,
        on_park: impl Fn(&Arc<Runtime>) + Send + Sync + 'static,
    ) -> Arc<Self> {
        let slot = Arc::new(std::sync::Mutex::new(None::<Arc<Runtime>>));
        let hook = slot.clone();
        let on_park: Hook = Arc::new(move || {
            let runtime = hook.lock().unwrap().take();
            runtime.iter().for_each(&on_park);
        });
        let hooks = ParkHooks { on_park: Some(on_park), on_unpark: None };
        let runtime = Runtime::build(workers, tasks, hooks);
        *slot.lock().unwrap() = Some(runtime.clone());
        runtime
    }

    fn build(workers: usize, tasks: usize, hooks: ParkHooks) -> Arc<Self> {
        let clock = Arc::new(Clock::new(false));
        let tracer = Arc::new(Tracer::new(1, clock, Vec::new()));
        let seeds = RngSeedGenerator::new(Some(RngSeed::from_bytes(b"")), false, false);
        let handle = SchedulerHandle::new(tracer, seeds, hooks, workers);
        let handle = Arc::new(handle.expect("the stand-in for the poller does not fail"));
        Arc::new(Runtime { handle, to_run: AtomicUsize::new(tasks) })
    }

    pub fn handle(&self) -> &Arc<SchedulerHandle> {
        &self.handle
    }

    pub fn shared(&self) -> &Arc<Shared> {
        &self.handle
    }

    /// Runs a root future on this thread.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        root::block_on(self.shared(), future, Location::caller())
    }

    /// A task whose poll is this function.
    pub fn task(
        self: &Arc<Self>,
        poll: impl Fn(&Arc<Runtime>) + Send + Sync + 'static,
    ) -> Arc<Task> {
        let header = Header::new(&self.driver.tracer, TaskKind::Task, Location::caller());
        Arc::new(Task { header, runtime: self.clone(), poll: Box::new(poll) })
    }

    /// Puts such a task into a queue, as a wake does.
    pub fn push(self: &Arc<Self>, poll: impl Fn(&Arc<Runtime>) + Send + Sync + 'static) {
        self.task(poll).wake();
    }

    /// Sets a timer.
    pub fn sleep(&self, after: Duration, waker: Waker) {
        let deadline = self.driver.clock.now() + after.as_nanos() as u64;
        let fired = self.driver.poll_timer(&mut None, deadline, &waker);
        assert!(!fired.expect("the runtime runs"), "the deadline is not past");
    }

    /// The generators of a worker. Not by chance: loom must meet the same choices again.
    pub fn rngs(&self) -> [FastRand; 2] {
        [self.rng_seeds.next_rng(), self.rng_seeds.next_rng()]
    }

    /// Runs the workers until they stop.
    pub fn run(self: &Arc<Self>, meanwhile: impl FnOnce()) {
        let threads = WorkerThreads::new(self.shared().clone());
        let workers = (0..self.remotes.len()).map(|index| {
            let (threads, rngs) = (threads.clone(), self.rngs());
            thread::spawn(move || threads.run(index, rngs))
        });
        let workers: Vec<_> = workers.collect();
        meanwhile();
        for worker in workers {
            worker.join().unwrap();
        }
        self.check_at_rest();
    }

    /// The same with a monitor.
    pub fn run_with_monitor(self: &Arc<Self>, meanwhile: impl FnOnce()) {
        let shared = self.shared().clone();
        let monitor = thread::spawn(move || monitor::run(&shared));
        self.run(|| {
            meanwhile();
            monitor.join().unwrap();
        });
    }

    /// No thread works for the runtime any more: no worker is counted as parked or searching, and the queues own
    /// nothing.
    pub fn check_at_rest(self: &Arc<Self>) {
        assert!(!self.has_work(), "a task is left");
        assert!(!self.idle.has_parked());
        assert!(self.remotes.iter().all(|remote| remote.parker.parked_in().is_none()));
        let parker = Parker::new();
        assert!(self.idle.transition_to_parked(&parker, ParkedIn::Condvar, false), "a searcher");
        assert!(!self.idle.transition_from_parked(&parker));
        assert_eq!(Arc::strong_count(self), 1, "a task owns the runtime");
    }
}

impl Deref for Runtime {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.handle
    }
}

impl AnyRuntime for Runtime {
    fn tracer(&self) -> &Arc<Tracer> {
        &self.driver.tracer
    }
}

type Poll = Box<dyn Fn(&Arc<Runtime>) + Send + Sync>;

/// A task that is polled once.
pub(crate) struct Task {
    header: Header,
    runtime: Arc<Runtime>,
    poll: Poll,
}

impl Task {
    /// This task is woken `after` so long, by a timer.
    pub fn sleep(self: Arc<Self>, after: Duration) {
        self.runtime.clone().sleep(after, self.into());
    }
}

impl Runnable for Task {
    fn header(&self) -> &Header {
        &self.header
    }

    fn future_type(&self) -> &'static str {
        "a model's task"
    }

    fn run(self: Arc<Self>) -> PollOutcome {
        (self.poll)(&self.runtime);
        if self.runtime.to_run.fetch_sub(1, SeqCst) == 1 {
            self.runtime.stop();
        }
        PollOutcome::Complete
    }

    fn abort(self: Arc<Self>) {
        unreachable!("a model aborts no task")
    }

    fn shut_down(&self) {}
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        Schedule::schedule(self, |task| &task.runtime.handle);
    }
}

/// Holds up a thread until another thread opens it.
#[derive(Default)]
pub(crate) struct Gate(Mutex<bool>, Condvar);

impl Wake for Gate {
    fn wake(self: Arc<Self>) {
        self.open();
    }
}

impl Gate {
    pub fn wait(&self) {
        let mut open = self.0.lock();
        while !*open {
            open = self.1.wait(open);
        }
    }

    pub fn open(&self) {
        *self.0.lock() = true;
        self.1.notify_all();
    }
}
