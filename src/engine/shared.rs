//! What do the threads of a runtime have in common?
//!
//! Everything that was built so far, once: the driver, the injector, the list of live tasks, the count of
//! who sleeps; and for each worker a **station**, where others find its line, the place where it sleeps,
//! and its figures. A task keeps this alive, and is scheduled through it.
//!
//! A wake goes one of two ways. On a worker's own thread the task goes into that worker's line; the worker
//! is awake, as it is the one who wakes. From anywhere else it goes to the injector. In both cases, if
//! somebody else could run it and nobody is looking around, one who sleeps is woken.
//!
//! ```text
//!   wake ─▶ State::wake ─▶ schedule ─┬─▶ own line ─┬─▶ anybody asleep, nobody searching? wake one
//!                                    └─▶ injector ─┘
//! ```
//!
//! Next: `worker.rs`, the loop.

use std::io;
use std::ops::Deref;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use super::clock::Clock;
use super::context;
use super::driver::Driver;
use super::idle::Idle;
use super::live::Live;
use super::park::{Notify, Parker};
use super::prim::atomic::Ordering::{Relaxed, SeqCst};
use super::prim::atomic::{AtomicBool, AtomicU64, fence};
use super::prim::contain;
use super::queue::{Injector, Line, Pushed, Ring};
use super::random::{Random, Seeds};
use super::task::{Runnable, Schedule, Task};

/// A function that the user gave, to be called on each thread.
pub(crate) type Hook = Arc<dyn Fn() + Send + Sync>;

/// Calls a hook, if there is one. Its panic ends here, and the thread leaves what the hook has entered.
pub(crate) fn call_hook(hook: &Option<Hook>) {
    let _context = context::save();
    hook.as_ref().inspect(|hook| contain(|| hook()));
}

/// What is called on a worker that goes to sleep, and that is awake again.
#[derive(Clone, Default)]
pub(crate) struct SleepHooks {
    pub(crate) on_park: Option<Hook>,
    pub(crate) on_unpark: Option<Hook>,
}

// Their panics end where they are called.
impl UnwindSafe for SleepHooks {}
impl RefUnwindSafe for SleepHooks {}

/// What all threads of a runtime share.
pub(crate) struct Shared {
    pub(crate) id: u32,
    pub(crate) driver: Driver,
    pub(crate) injector: Injector,
    pub(crate) idle: Idle,
    pub(crate) stations: Box<[Station]>,
    pub(crate) seeds: Seeds,
    pub(crate) hooks: SleepHooks,
    /// Tasks spawned on threads that are no workers.
    foreign: Live,
    /// A worker that sleeps looks every few milliseconds whether the driver is alone.
    pub(crate) watched: AtomicBool,
    /// Set when the runtime ends: workers leave, and then its tasks are dropped.
    closed: AtomicBool,
}

/// What a thread, and the tasks that are spawned there, hold of the runtime.
///
/// Each spawn and the end of each task change a count of those who hold it. If that were one count for all,
/// its cache line would travel from processor to processor with each of them. So every worker has a share
/// of its own, whose count is changed there; and only the shares are counted in common.
#[derive(Clone)]
pub(crate) struct Share(Arc<Shared>);

impl Deref for Share {
    type Target = Arc<Shared>;

    fn deref(&self) -> &Arc<Shared> {
        &self.0
    }
}

/// Where others find a worker.
pub(crate) struct Station {
    /// None: the worker is alone, and nobody steals from it.
    pub(crate) ring: Option<Arc<Ring>>,
    pub(crate) parker: Parker,
    /// It sleeps in the driver and not in its parker. Relaxed: published by the parker's permit.
    pub(crate) at_driver: AtomicBool,
    /// The tasks that were spawned here.
    pub(crate) live: Live,
    pub(crate) figures: Figures,
    /// Its streams of random numbers begin like this: for its tasks, and for its own choices.
    pub(crate) random: Random,
    pub(crate) steals: Random,
}

/// Counts, for whoever is curious. Relaxed; only the worker itself adds to its own.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) polls: AtomicU64,
    pub(crate) steals: AtomicU64,
    pub(crate) parks: AtomicU64,
    /// Tasks that have ended.
    pub(crate) ended: AtomicU64,
}

impl Figures {
    /// Without a locked instruction, as nobody else writes.
    pub(crate) fn add(figure: &AtomicU64, count: u64) {
        figure.store(figure.load(Relaxed) + count, Relaxed);
    }
}

impl Shared {
    /// The station of the worker that this thread is, if it works for this runtime.
    fn own_station(&self) -> Option<&Station> {
        let worker = context::worker()?;
        (worker.runtime == self.id).then(|| &self.stations[worker.index as usize])
    }

    /// Whether this thread works for this runtime.
    pub(crate) fn is_own_worker(&self) -> bool {
        self.own_station().is_some()
    }

    /// There is work for anybody: wakes one who sleeps, unless somebody is looking around already.
    pub(crate) fn call_one(&self) {
        if let Some(worker) = self.idle.call_one() {
            self.wake_worker(worker);
        }
    }

    /// As `call_one`, for a task that is not lost if nobody comes, but only late: it costs no fence while
    /// nobody sleeps.
    pub(crate) fn offer(&self) {
        if self.idle.has_sleepers() {
            self.call_one();
        }
    }

    /// There is something for this worker: wakes it if it sleeps.
    pub(crate) fn call(&self, worker: usize) {
        if self.idle.call(worker) {
            self.wake_worker(worker);
        }
    }

    /// Wakes a worker, wherever it sleeps.
    pub(crate) fn wake_worker(&self, worker: usize) {
        let station = &self.stations[worker];
        if station.parker.permit.notify() == Notify::WakeOwner {
            if station.at_driver.load(Relaxed) {
                self.driver.call();
            } else {
                station.parker.signal();
            }
        }
    }

    /// Queues a task on a worker's own thread.
    fn schedule_here(&self, task: Arc<dyn Runnable>) {
        // Woken by another task: it runs next. By a timer, a socket or the root: in the order of the wakes.
        let pushed = match context::task_id() {
            Some(_) => Line::push_next(task, &self.injector),
            None => Line::push_back(task, &self.injector),
        };
        if pushed == Pushed::ForAnybody {
            self.call_one();
        }
    }

    /// All lists of tasks.
    fn lists(&self) -> impl Iterator<Item = &Live> {
        self.stations.iter().map(|station| &station.live).chain([&self.foreign])
    }

    /// The tasks that are not done.
    pub(crate) fn tasks(&self) -> Vec<Arc<dyn Runnable>> {
        self.lists().flat_map(Live::snapshot).collect()
    }

    /// Lets go of finished tasks, if they may be a good part of all.
    pub(crate) fn sweep_when_idle(&self) {
        let ended = self.stations.iter().map(|station| station.figures.ended.load(Relaxed)).sum();
        self.lists().for_each(|list| list.sweep_when_idle(ended));
    }

    /// The runtime ends: workers leave after their current poll.
    pub(crate) fn stop(&self) {
        // Relaxed: published by the permits, and by the fence in `shut_down`.
        self.closed.store(true, Relaxed);
        for worker in 0..self.stations.len() {
            self.wake_worker(worker);
        }
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.closed.load(Relaxed)
    }

    /// Drops the future of every task that is left. The caller has entered the runtime and stopped it, and
    /// no thread works for it any more.
    pub(crate) fn shut_down(&self) {
        for task in self.lists().flat_map(Live::close) {
            task.shut_down();
        }
        // Here and not in `stop`: a worker may see the flag before it sees the fence of the one who set it.
        fence(SeqCst);
        self.drain();
        self.driver.close();
    }

    /// Empties the queues of a runtime that has ended: what is in them is done.
    fn drain(&self) {
        while self.injector.pop().is_some() {}
        for ring in self.stations.iter().filter_map(|station| station.ring.as_deref()) {
            ring.clear();
        }
    }
}

impl Share {
    /// A runtime with so many workers; with none, it has the one that is in `block_on`.
    pub(crate) fn new(
        id: u32,
        clock: Arc<Clock>,
        seeds: Seeds,
        hooks: SleepHooks,
        threads: usize,
    ) -> io::Result<Share> {
        let stations = (0..threads.max(1)).map(|_| Station {
            ring: (threads > 0).then(|| Arc::new(Ring::new())),
            parker: Parker::new(),
            at_driver: AtomicBool::new(false),
            live: Live::new(),
            figures: Figures::default(),
            random: seeds.stream(),
            steals: seeds.stream(),
        });
        Ok(Share(Arc::new(Shared {
            id,
            driver: Driver::new(id, clock)?,
            injector: Injector::new(),
            idle: Idle::new(threads.max(1)),
            stations: stations.collect(),
            seeds,
            hooks,
            foreign: Live::new(),
            watched: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        })))
    }

    /// Makes a task of a future, with the name of type `N`, and puts it into a queue.
    pub(crate) fn spawn<F, N>(
        self: &Arc<Self>,
        future: F,
        place: &'static Location<'static>,
    ) -> Arc<Task<F, Arc<Share>, N>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
        N: 'static,
    {
        let task = Task::new(future, self.clone(), place);
        let live = self.own_station().map_or(&self.foreign, |station| &station.live);
        // A runtime that ends takes nothing more, though its lists are open until the last worker has left.
        if !self.is_stopped() && live.add(task.clone()) {
            self.schedule(task.clone());
        } else {
            task.shut_down();
        }
        task
    }
}

impl Schedule for Arc<Share> {
    fn schedule(&self, task: Arc<dyn Runnable>) {
        if !self.is_own_worker() {
            self.injector.push(task);
            self.call_one();
            // The race. Waker: moves a task to `Scheduled` … Shutdown: ends that task, empties the queues
            // … Waker: pushes it. The queue would own a task that owns the queue, for ever. Here the push
            // stands before the fence in `call_one` and the look after it; in the shutdown the flag, or the
            // look that finds it, before its fence and the emptying after. One of the two sees the other.
            if self.is_stopped() {
                self.drain();
            }
            return;
        }
        self.schedule_here(task);
    }

    fn schedule_owned<T: Runnable + 'static>(task: Arc<T>, scheduler: fn(&T) -> &Self) {
        let share = scheduler(&task);
        if !share.is_own_worker() {
            return share.clone().schedule(task);
        }
        let shared = Arc::as_ptr(&share.0);
        // SAFETY: rule 14, this thread is a worker of the runtime. A reference through `share` would not do:
        // once the task is in a queue, another worker may free it, and its share.
        unsafe { &*shared }.schedule_here(task);
    }

    fn runtime_id(&self) -> u32 {
        self.id
    }
}
