//! What the threads of a runtime share, and how a task gets into a queue.
//!
//! [`Shared`] holds what a runtime has once: the driver, the injector, the counts of parked and searching workers; and
//! for each worker a [`Remote`], the part of it that other threads reach: its parker, the stealing end of its queue,
//! its owned tasks, its metrics. A task keeps a [`SchedulerHandle`] to it, through which it is scheduled.
//!
//! A wake takes one of two ways. On a worker's own thread the task goes into that worker's local queue. On any
//! other thread it goes into the injector. In both cases, if another worker could run it and none is searching, a
//! parked worker is notified.
//!
//! ```text
//!   wake ─▶ State::wake ─▶ Schedule::schedule ─┬─▶ local queue ─┬─▶ a worker parked, none searching? notify it
//!                                              └─▶ injector ────┘
//! ```
//!
//! Next: `worker.rs`, the loop.

use std::cell::RefCell;
use std::io;
use std::ops::Deref;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::sync::{Arc, PoisonError, Weak};
// Of std, not of `prim`: no protocol relies on a count.
use std::sync::atomic::{AtomicPtr, AtomicU64};

use super::context;
use super::driver::Driver;
use super::idle::Idle;
use super::owned::OwnedTasks;
use super::park::{ParkedIn, Parker};
use super::prim::atomic::Ordering::{Relaxed, SeqCst};
use super::prim::atomic::{AtomicBool, fence};
use super::prim::{Mutex, catch_and_drop_panic, thread_local};
use super::queue::{Injector, LocalQueue, Stealer, Task as QueuedTask};
use super::random::RngSeedGenerator;
use super::task::{Runnable, Schedule, Task};
use super::trace::{Event, Queue, TaskKind, Tracer, emit};

/// A function that the user gave, to be called when a thread starts, stops, parks or runs again.
pub(crate) type Hook = Arc<dyn Fn() + Send + Sync>;

/// Calls a hook, if there is one. Its panic ends here, and the thread leaves the runtimes that the hook has entered.
pub(crate) fn call_hook(hook: &Option<Hook>) {
    if let Some(hook) = hook {
        let _context = context::save();
        catch_and_drop_panic(|| hook());
    }
}

/// The hooks that are called on a worker that parks, and that runs again.
#[derive(Clone, Default)]
pub(crate) struct ParkHooks {
    pub(crate) on_park: Option<Hook>,
    pub(crate) on_unpark: Option<Hook>,
}

/// What all threads of a runtime share.
pub(crate) struct Shared {
    pub(crate) id: u32,
    pub(crate) driver: Driver,
    pub(crate) injector: Injector<QueuedTask>,
    pub(crate) idle: Idle,
    pub(crate) remotes: Box<[Remote]>,
    pub(crate) rng_seeds: RngSeedGenerator,
    pub(crate) hooks: ParkHooks,
    /// Where the monitor waits between two looks.
    pub(crate) monitor: Parker,
    /// The monitor waits without a limit, or is about to.
    pub(crate) is_monitor_parked: AtomicBool,
    /// Tasks spawned on threads that are not workers.
    spawned_outside: OwnedTasks,
    /// Set when the runtime ends: the workers stop, and then its tasks are dropped.
    is_stopped: AtomicBool,
}

// A panic of a task or a hook ends where it is called, so this stays consistent.
impl UnwindSafe for Shared {}
impl RefUnwindSafe for Shared {}

/// The part of a worker that other threads reach.
pub(crate) struct Remote {
    pub(crate) parker: Parker,
    /// `None`: no other worker steals.
    pub(crate) stealer: Option<Stealer>,
    pub(crate) core: Mutex<Core>,
    pub(crate) metrics: WorkerMetrics,
    owned: OwnedTasks,
    pub(crate) addresses: WorkerAddresses,
}

/// Where a debugger's script finds the worker and its queue: on the stack of its thread, and in a thread-local. Null
/// while no thread is the worker. The program does not read it.
#[derive(Debug, Default)]
pub(crate) struct WorkerAddresses {
    worker: AtomicPtr<()>,
    queue: AtomicPtr<LocalQueue>,
}

impl WorkerAddresses {
    /// Relaxed: only a debugger reads them.
    pub(crate) fn set(&self, worker: *mut (), queue: *mut LocalQueue) {
        self.worker.store(worker, Relaxed);
        self.queue.store(queue, Relaxed);
    }
}

/// The queue while no thread is the worker. The thread that takes it out runs the loop.
pub(crate) struct Core {
    /// `None`: a thread is the worker.
    pub(crate) queue: Option<LocalQueue>,
    /// Threads in `block_on` that found it taken. They are unparked when it is put back.
    pub(crate) waiting: Vec<Arc<Parker>>,
}

/// Counts of one worker. Relaxed; only the worker itself adds to its own, without a locked instruction.
#[derive(Debug, Default)]
pub(crate) struct WorkerMetrics {
    pub(crate) polls: AtomicU64,
    pub(crate) steals: AtomicU64,
    pub(crate) parks: AtomicU64,
    /// Tasks that have completed.
    pub(crate) completed: AtomicU64,
}

impl WorkerMetrics {
    pub(crate) fn add(metric: &AtomicU64, count: u64) {
        metric.store(metric.load(Relaxed) + count, Relaxed);
    }
}

impl Shared {
    /// The worker that this thread is, if it works for this runtime.
    fn current_remote(&self) -> Option<&Remote> {
        context::worker_of(self.id).map(|index| &self.remotes[index])
    }

    /// Whether this thread works for this runtime.
    pub(crate) fn is_current_worker(&self) -> bool {
        self.current_remote().is_some()
    }

    /// Whether there are other workers, which steal.
    pub(crate) fn has_stealers(&self) -> bool {
        self.remotes.len() > 1
    }

    /// There is a task that another worker could run: wakes a parked worker, unless one is searching already. Returns
    /// whether it has.
    pub(crate) fn notify_any(&self) -> bool {
        self.wake_thread(self.idle.notify_any(self.remotes.iter().map(|remote| &remote.parker)))
    }

    /// There is something for this worker: wakes it if it is parked.
    pub(crate) fn notify_worker(&self, worker: usize) {
        self.wake_thread(self.idle.notify_worker(&self.remotes[worker].parker));
    }

    fn wake_thread(&self, notified: Option<(&Parker, ParkedIn)>) -> bool {
        match notified {
            Some((parker, ParkedIn::Condvar)) => parker.notify_condvar(),
            Some((_, ParkedIn::Driver)) => self.driver.reactor.notify(),
            None => {}
        }
        notified.is_some()
    }

    /// Whether a queue has a task that any worker could take.
    pub(crate) fn has_work(&self) -> bool {
        let mut stealers = self.remotes.iter().filter_map(|remote| remote.stealer.as_ref());
        !self.injector.is_empty() || stealers.any(|stealer| !stealer.is_empty())
    }

    fn owned_tasks(&self) -> impl Iterator<Item = &OwnedTasks> {
        self.remotes.iter().map(|remote| &remote.owned).chain([&self.spawned_outside])
    }

    /// The tasks that are not complete.
    pub(crate) fn tasks(&self) -> Vec<QueuedTask> {
        self.owned_tasks().flat_map(OwnedTasks::snapshot).collect()
    }

    /// Drops completed tasks from the lists, if enough have completed.
    pub(crate) fn prune_when_idle(&self) {
        let completed =
            self.remotes.iter().map(|remote| remote.metrics.completed.load(Relaxed)).sum();
        self.owned_tasks().for_each(|owned| owned.prune_when_idle(completed));
    }

    // ---- shutdown ----

    /// The runtime ends: the workers stop after their current tick.
    pub(crate) fn stop(&self) {
        // Relaxed: published by the fence in `notify_worker`, and by the one in `shut_down`.
        self.is_stopped.store(true, Relaxed);
        for worker in 0..self.remotes.len() {
            self.notify_worker(worker);
        }
        self.monitor.unpark();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.is_stopped.load(Relaxed)
    }

    /// Drops the future of every task that is left. The caller has entered the runtime and stopped it, and no worker
    /// runs any more. (The monitor may be in a driver tick: a task that it wakes is not polled.)
    pub(crate) fn shut_down(&self) {
        emit!(self.driver.tracer, Event::RuntimeEnds);
        for task in self.owned_tasks().flat_map(OwnedTasks::close) {
            task.shut_down();
        }
        // The thread that runs this may not be the one that set the flag, so it needs a fence of its own.
        fence(SeqCst);
        self.drain();
        self.driver.close();
    }

    /// Empties the queues of a runtime that has stopped. The lists of owned tasks still hold those that are not
    /// complete.
    fn drain(&self) {
        while self.injector.pop().is_some() {}
        for remote in &self.remotes {
            // Task by task: if only this end were dropped, the stealing end would keep the tasks.
            loop {
                let task = remote.core.lock().queue.as_mut().and_then(LocalQueue::pop);
                if task.is_none() {
                    break;
                }
            }
        }
    }
}

/// One reference to [`Shared`] for each thread and the tasks that are spawned there.
///
/// Each spawn and the end of each task change a reference count. If that were one count for all threads, its cache line
/// would move between processors with each of them. So every thread of the runtime has a `SchedulerHandle` of its own
/// in an `Arc`, whose count changes there; only the `SchedulerHandle`s share a count.
#[derive(Clone)]
pub(crate) struct SchedulerHandle(Arc<Shared>);

impl Deref for SchedulerHandle {
    type Target = Arc<Shared>;

    fn deref(&self) -> &Arc<Shared> {
        &self.0
    }
}

impl SchedulerHandle {
    /// A runtime with so many worker threads. 0 is a current-thread runtime: its only worker is the thread in
    /// `block_on`.
    pub(crate) fn new(
        tracer: Arc<Tracer>,
        rng_seeds: RngSeedGenerator,
        hooks: ParkHooks,
        threads: usize,
    ) -> io::Result<SchedulerHandle> {
        let remotes = (0..threads.max(1)).map(|_| {
            let (queue, stealer) = LocalQueue::new(threads > 0, rng_seeds.next_shuffle());
            Remote {
                parker: Parker::new(),
                stealer,
                core: Mutex::new(Core { queue: Some(queue), waiting: Vec::new() }),
                metrics: WorkerMetrics::default(),
                owned: OwnedTasks::new(),
                addresses: WorkerAddresses::default(),
            }
        });
        let shared = Arc::new(Shared {
            id: tracer.runtime,
            driver: Driver::new(tracer, &rng_seeds)?,
            injector: Injector::new(),
            idle: Idle::new(threads.max(1)),
            remotes: remotes.collect(),
            rng_seeds,
            hooks,
            monitor: Parker::new(),
            is_monitor_parked: AtomicBool::new(false),
            spawned_outside: OwnedTasks::new(),
            is_stopped: AtomicBool::new(false),
        });
        emit!(shared.driver.tracer, Event::RuntimeBegins { threads: threads as u32 });
        lock_runtimes().push(Arc::downgrade(&shared));
        Ok(SchedulerHandle(shared))
    }

    /// Makes a task of a future, and puts it into a queue. The task reports the name of type `N`.
    pub(crate) fn spawn<F, N>(
        self: &Arc<Self>,
        future: F,
        location: &'static Location<'static>,
    ) -> Arc<Task<F, Arc<SchedulerHandle>, N>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
        N: 'static,
    {
        let task = Task::new(future, self.clone(), TaskKind::Task, location);
        let remote = self.current_remote();
        let owned = remote.map_or(&self.spawned_outside, |remote| &remote.owned);
        // Checked here, since the lists close only when the last worker has stopped.
        if !self.is_stopped() && owned.add(task.clone()) {
            match remote {
                Some(_) => with_current_worker(|current| current.schedule(task.clone())),
                None => self.schedule_outside(task.clone()),
            }
        } else {
            task.shut_down();
        }
        task
    }

    /// Queues a task on a thread that is not a worker of this runtime.
    fn schedule_outside(&self, task: QueuedTask) {
        let queue = Queue::Injector;
        emit!(self.driver.tracer, Event::Scheduled { task: task.header().id, queue });
        self.injector.push(task);
        self.notify_any();
        // The race. Waker: moves a task to `Scheduled` … Shutdown: completes that task, empties the queues …
        // Waker: pushes it. The queue and the task would own each other. Here the push stands
        // before the fence in `notify_any` and the look after it; in the shutdown the flag stands before its
        // fence, and the emptying after. One of the two sees the other.
        if self.is_stopped() {
            self.drain();
        }
    }
}

impl Schedule for Arc<SchedulerHandle> {
    fn schedule<T: Runnable + 'static>(task: Arc<T>, scheduler: fn(&T) -> &Self) {
        if context::worker_of(task.header().runtime_id).is_some() {
            with_current_worker(|current| current.schedule(task));
        } else {
            // Keeps the scheduler alive: the task may be gone, with its handle, as soon as it is queued.
            let handle = scheduler(&task).clone();
            handle.schedule_outside(task);
        }
    }

    fn tracer(&self) -> &Tracer {
        &self.driver.tracer
    }
}

// ---- for a debugger ----

/// The number of this layout of the engine's types, under its plain name: a debugger's script compares it with the
/// number that it was written for. (So a program cannot contain two versions of this crate.)
// SAFETY: rule 9, no other symbol of a program has this name. The models compile this file a second time.
#[cfg_attr(not(loom), unsafe(no_mangle))]
#[used]
pub static OPENWORK_LAYOUT_VERSION: u32 = 1;

/// The runtimes of this process. A debugger's script begins here.
#[used]
static RUNTIMES: std::sync::Mutex<Vec<Weak<Shared>>> = std::sync::Mutex::new(Vec::new());

fn lock_runtimes() -> std::sync::MutexGuard<'static, Vec<Weak<Shared>>> {
    RUNTIMES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The runtimes of this process.
pub(crate) fn runtimes() -> Vec<Arc<Shared>> {
    lock_runtimes().iter().filter_map(Weak::upgrade).collect()
}

impl Drop for Shared {
    fn drop(&mut self) {
        // This runtime's entry is dead by now, as its last `Arc` is being dropped.
        lock_runtimes().retain(|runtime| runtime.strong_count() > 0);
    }
}

// ---- the current worker ----

/// The worker that a thread is: its queue, and the way to the others.
pub(crate) struct CurrentWorker {
    pub(crate) queue: LocalQueue,
    /// The runtime has a subscriber.
    pub(crate) is_traced: bool,
    pub(crate) shared: Arc<Shared>,
    /// The worker polls tasks from the injector: there are more of them before the next from its own queue.
    pub(crate) polls_injected: bool,
}

thread_local! {
    static CURRENT: RefCell<Option<CurrentWorker>> = const { RefCell::new(None) };
}

/// Makes this thread a worker; with `None`, no worker any more. Returns what it was before.
pub(crate) fn replace_current_worker(current: Option<CurrentWorker>) -> Option<CurrentWorker> {
    CURRENT.with(|cell| cell.replace(current))
}

/// Calls `work`, which runs no user code, with the worker that this thread is.
#[inline]
pub(crate) fn with_current_worker<R>(work: impl FnOnce(&mut CurrentWorker) -> R) -> R {
    CURRENT.with(|cell| work(cell.borrow_mut().as_mut().expect("this thread is a worker")))
}

/// Calls `work`, which runs no user code, with that worker's queue.
#[inline]
pub(crate) fn with_queue<R>(work: impl FnOnce(&mut LocalQueue) -> R) -> R {
    with_current_worker(|current| work(&mut current.queue))
}

impl CurrentWorker {
    /// The worker begins or ends to poll tasks from the injector.
    pub(crate) fn set_polls_injected(&mut self, polls_injected: bool) {
        self.polls_injected = polls_injected;
        self.queue.popped_from = Queue::Injector;
    }

    fn is_traced(&self) -> bool {
        self.is_traced
    }

    fn tracer(&self) -> &Tracer {
        &self.shared.driver.tracer
    }

    /// Queues a task on the worker's own thread.
    #[inline]
    fn schedule(&mut self, task: QueuedTask) {
        // Woken by another task: it runs next. By a timer, a socket or the root future: in the order of the wakes.
        // While injected tasks come first, it waits where other workers can steal it: one of those may block.
        let is_lifo = context::task_id().is_some() && !self.polls_injected;
        let queue = || if is_lifo { self.queue.lifo() } else { Queue::Local };
        emit!(self, Event::Scheduled { task: task.header().id, queue: queue() });
        let runs_next = match is_lifo {
            true => self.queue.push_lifo(task),
            false => self.queue.push_back(task) && !self.polls_injected,
        };
        // Not for a task that runs next here: a worker that is notified would come for nothing, or steal it. That
        // doubled the processor time of an echo.
        if !runs_next && self.shared.has_stealers() {
            self.shared.notify_any();
        }
    }
}
