//! The worker loop: take a task, poll it, again; with nothing to poll, park.
//!
//! ```text
//!   ┌─▶ is the worker done? ──▶ return
//!   │      │
//!   │   a tick: tasks from the injector, then up to 61 from the local queue
//!   │      │
//!   │      ├── one is left, and it has just yielded ────▶ poll the driver
//!   │      ├── more are left, or found elsewhere ───────▶ poll the driver, if it is time
//!   │      └── nothing is left ─────────────────────────▶ announce, look again, park
//!   └─────────────────────────────────────────────────────────────┘
//! ```
//!
//! A worker of a multi-thread runtime runs until the runtime stops. That of a current-thread runtime is the thread
//! in `block_on`, and runs until its future is ready. That is what [`RunUntil`] is for, and the only difference:
//! there is one loop to read.
//!
//! After each **tick** the worker looks at everything else once. First in a tick come up to 128 tasks from the
//! injector, so that wakes from other threads get through while tasks here wake each other for ever; then up to 61 from
//! the worker's own queue, and fewer if they take long, or if more wait in the injector. A tick ends early when the
//! only task left has just yielded. Between two ticks the worker checks whether it is done, and polls the driver if it
//! has not done so for 50 µs.
//!
//! Next: `root.rs`, the future of `block_on`.

use std::mem;
use std::ptr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::context::{self, SavedContext, WorkerId};
use super::driver::Ready;
use super::owned::PRUNE_AT_LEAST;
use super::park::ParkedIn;
use super::prim::atomic::Ordering::SeqCst;
use super::prim::atomic::fence;
use super::prim::now;
use super::queue::{LocalQueue, Task};
use super::random::FastRand;
use super::scheduler::{CurrentWorker, Remote, Shared, WorkerMetrics};
use super::scheduler::{call_hook, replace_current_worker, with_current_worker, with_queue};
use super::task::PollOutcome;
use super::trace::{Event, Queue, Tracer, emit};

/// Polls in a tick, of tasks from the worker's own queue. Tokio's number; it bounds how often the worker looks
/// elsewhere.
const MAX_POLLS_PER_TICK: usize = 61;

/// Tasks from the injector in a tick, before those. It bounds how fast many tasks from other threads get through to
/// workers that are busy with their own. The LIFO slot is not served in between: tasks that wake each other would hold
/// up those in the injector (`spawn_many_remote_busy2` takes 68 times as long), and `ping_pong` gains 2 %.
const MAX_INJECTOR_POLLS_PER_TICK: usize = 128;

/// A tick should not take longer than this: if polls take long, fewer make a tick, down to [`MIN_POLLS_PER_TICK`].
/// The idea and the number are Tokio's.
const TICK_TIME: Duration = Duration::from_micros(200);
const MIN_POLLS_PER_TICK: usize = 2;

/// To poll the driver is a system call, measured at 0.12 µs (1.05 µs by `polling`); a poll of a task
/// may be 20 ns. With this between two of them a busy worker spends at most two per cent on the driver.
const DRIVER_INTERVAL: Duration = Duration::from_micros(50);

/// A thief that found fewer tasks than this waits before its next search, so that more are there to be stolen at
/// once. Without the wait the rows `spawn_many` of the benchmark take 15 % longer on two processors.
const FEW_TASKS: u32 = 8;
const SPINS_BEFORE_SEARCH: usize = if cfg!(loom) { 0 } else { 150 };

/// A place for a breakpoint: each poll of each task is a call of this.
#[inline(never)]
pub(crate) fn poll_task(task: Task) -> PollOutcome {
    task.run()
}

/// When a worker returns from its loop.
pub(crate) trait RunUntil {
    /// Whether `poll_done` has to be called. Asked again after the worker has announced that it parks.
    fn is_notified(&self) -> bool;

    /// Whether the worker is done. Called once a tick; polls the root future, if there is one.
    fn poll_done(&mut self) -> bool;
}

/// What a tick has left in the queues.
enum Left {
    /// Nothing, and no task was polled.
    NothingRan,
    Nothing,
    /// One task, which has just yielded.
    Yielded,
    Tasks,
}

/// A thread that runs tasks.
pub(crate) struct Worker<'a> {
    shared: &'a Arc<Shared>,
    index: usize,
    /// The runtime has a subscriber.
    is_traced: bool,
    /// Whether `Idle` counts it as searching.
    is_searching: bool,
    /// Tasks that the last search found. `u32::MAX` if it has parked since.
    found: u32,
    /// Tasks completed here since this worker last looked at the lists of tasks.
    completed: u64,
    /// The current limit of polls in a tick.
    polls_per_tick: usize,
    /// The time, read once in a while: when the own part of the last tick began or ended, or the last park ended.
    last_time: Instant,
    /// When the worker last polled the driver, or found that another thread has it. `None`: not yet. A loop that calls
    /// `block_on` once a frame makes a new worker each time; if that worker counted as having just polled the driver,
    /// timers and sockets would wait for ever (`tests/engine/short_block_on.rs`).
    driver_polled: Option<Instant>,
    /// Buffers, empty except during a driver tick.
    ready: Ready,
    /// Chooses the worker to steal from. Not the thread's generator: how often a worker searches depends on the
    /// moment, and would shift what its tasks draw.
    rng: FastRand,
    _context: SavedContext,
}

impl<'a> Worker<'a> {
    /// This thread becomes the worker, with its queue, until the `Worker` is dropped, even by a panic.
    pub(crate) fn start(
        shared: &'a Arc<Shared>,
        index: usize,
        queue: LocalQueue,
        rng: FastRand,
    ) -> Self {
        replace_current_worker(Some(CurrentWorker {
            queue,
            is_traced: shared.driver.tracer.is_on,
            shared: shared.clone(),
            polls_injected: false,
        }));
        Worker {
            shared,
            index,
            is_traced: shared.driver.tracer.is_on,
            is_searching: false,
            found: u32::MAX,
            completed: 0,
            polls_per_tick: MAX_POLLS_PER_TICK,
            last_time: now(),
            driver_polled: None,
            ready: Ready::default(),
            rng,
            _context: context::save()
                .and_work(WorkerId { runtime: shared.id, index: index as u32 }),
        }
    }

    pub(crate) fn run(&mut self, until: &mut impl RunUntil) {
        let queue = with_queue(ptr::from_mut);
        self.remote().addresses.set(ptr::from_mut(self).cast(), queue);
        while !until.poll_done() {
            let left = self.tick();
            let notified = until.is_notified();
            match left {
                // One future is ready, a task or the root, and it has just yielded: perhaps it polls for something that
                // only the driver can bring.
                Left::NothingRan if notified => self.poll_driver(),
                Left::Yielded if !notified => self.poll_driver(),
                Left::Tasks | Left::Yielded => self.poll_driver_if_due(),
                // Poll the driver even when all work comes from stealing.
                _ if notified || self.find_work() => self.poll_driver_if_due(),
                _ => self.park(until),
            }
        }
    }

    /// Polls tasks: some from the injector first, then from the worker's own queue.
    fn tick(&mut self) -> Left {
        let injector = &self.shared.injector;
        // The length is read once: to look before each task would contend with the pushers at every step.
        let injected = injector.len().min(MAX_INJECTOR_POLLS_PER_TICK);
        if with_queue(|queue| queue.is_shuffled()) {
            // To be shuffled with the others.
            (0..injected).map_while(|_| injector.pop()).for_each(|task| {
                let queue = Queue::Local;
                emit!(self, Event::Scheduled { task: task.header().id, queue });
                with_queue(|queue| _ = queue.push_back(task));
            });
        }
        let (mut polled, mut yielded) = (0, false);
        if injected > 0 {
            with_current_worker(|current| current.set_polls_injected(true));
            (polled, yielded) = self.poll_tasks(injected, || injector.pop());
            with_current_worker(|current| current.set_polls_injected(false));
            self.last_time = now();
        }
        if yielded {
            return Left::Yielded;
        }
        // If more wait in the injector, each task here runs once before it is their turn again. Two tasks that yield
        // to each other without end would else have the whole tick, time and again, beside a thousand others.
        let limit = match injector.is_empty() {
            true => self.polls_per_tick,
            false => with_queue(|queue| queue.len()).clamp(1, self.polls_per_tick),
        };
        let next = || with_queue(LocalQueue::pop).or_else(|| injector.pop());
        let (own, yielded) = self.poll_tasks(limit, next);
        self.adapt_tick(own);
        match own {
            _ if yielded => Left::Yielded,
            _ if own == limit => Left::Tasks,
            0 if polled == 0 => Left::NothingRan,
            _ => Left::Nothing,
        }
    }

    /// Polls up to `limit` tasks; fewer if one has yielded and no other is ready. Returns how many it has polled, and
    /// whether it stopped because of such a task.
    fn poll_tasks(
        &mut self,
        limit: usize,
        mut next: impl FnMut() -> Option<Task>,
    ) -> (usize, bool) {
        let (mut polled, mut completed, mut yielded) = (0, 0, false);
        while polled < limit && !yielded {
            let Some(task) = next() else { break };
            emit!(self, with_queue(|queue| queue.taken(&task)));
            self.stop_searching();
            polled += 1;
            match poll_task(task) {
                PollOutcome::Yielded(task) => {
                    let queue = Queue::Local;
                    emit!(self, Event::Scheduled { task: task.header().id, queue });
                    let is_alone = with_queue(|queue| queue.push_back(task));
                    yielded = is_alone && self.shared.injector.is_empty();
                    if !yielded && self.shared.has_stealers() && self.shared.idle.has_parked() {
                        // A task ahead of it may block this thread. `has_parked` first, to save the fence: a
                        // notification that is missed here delays this task, and does not lose it.
                        self.shared.notify_any();
                    }
                }
                PollOutcome::Pending => {}
                PollOutcome::Complete => completed += 1,
            }
        }
        let metrics = &self.remote().metrics;
        WorkerMetrics::add(&metrics.polls, polled as u64);
        WorkerMetrics::add(&metrics.completed, completed);
        self.completed += completed;
        (polled, yielded)
    }

    /// Sets the limit of the next tick by how long `polled` polls took.
    fn adapt_tick(&mut self, polled: usize) {
        // With a paused clock what happens must not depend on how fast this machine is.
        if self.shared.driver.clock.is_paused() {
            return;
        }
        let began = mem::replace(&mut self.last_time, now());
        let took = (self.last_time - began).as_nanos() as usize;
        let fitting = TICK_TIME.as_nanos() as usize * polled / took.max(1);
        self.polls_per_tick = fitting.clamp(MIN_POLLS_PER_TICK, MAX_POLLS_PER_TICK);
    }

    fn remote(&self) -> &'a Remote {
        &self.shared.remotes[self.index]
    }

    fn is_traced(&self) -> bool {
        self.is_traced
    }

    fn tracer(&self) -> &Tracer {
        &self.shared.driver.tracer
    }

    /// Polls the driver, unless this worker did so within [`DRIVER_INTERVAL`].
    pub(crate) fn poll_driver_if_due(&mut self) {
        let is_due = |polled| self.last_time - polled >= DRIVER_INTERVAL;
        if self.shared.driver.clock.is_paused() || self.driver_polled.is_none_or(is_due) {
            self.poll_driver();
        }
    }

    /// Polls the driver without waiting, unless another thread has it.
    fn poll_driver(&mut self) {
        // A waker may block this thread, and while it counts as searching, no other worker is notified.
        self.stop_searching();
        let driver = &self.shared.driver;
        if let Some(inner) = driver.try_lock() {
            driver.tick(inner, None, &mut self.ready, || {});
        }
        self.driver_polled = Some(self.last_time);
    }

    // ---- searching ----

    /// Looks for a task in the injector, which the next tick takes, and then steals into the local queue, which is empty.
    /// Returns whether it found some. The worker is searching until it polls the first, or the driver.
    fn find_work(&mut self) -> bool {
        let shared = self.shared;
        if !shared.has_stealers() || !(self.is_searching || shared.idle.transition_to_searching()) {
            return false;
        }
        self.is_searching = true;
        emit!(self, Event::Searching);
        if self.found < FEW_TASKS {
            (0..SPINS_BEFORE_SEARCH).for_each(|_| std::hint::spin_loop());
        }
        self.found = shared.injector.len() as u32;
        if self.found == 0 {
            self.found = with_queue(|queue| self.steal(queue));
        }
        self.found > 0
    }

    /// Steals from another worker, beginning with a random one. Returns the number of tasks. (This worker's own queue
    /// is empty, and so is passed over like any other.)
    fn steal(&mut self, queue: &LocalQueue) -> u32 {
        let remotes = &self.shared.remotes;
        let first = self.rng.below(remotes.len() as u32) as usize;
        let stolen = (first..remotes.len()).chain(0..first).find_map(|victim| {
            let count = queue.steal_from(remotes[victim].stealer.as_ref()?)?;
            let victim = victim as u32;
            emit!(self, Event::Stolen { first: queue.front_id(), count, victim });
            Some(count)
        });
        let stolen = stolen.unwrap_or(0);
        WorkerMetrics::add(&self.remote().metrics.steals, stolen.into());
        stolen
    }

    /// The worker has found a task, or ends. The last searcher notifies another worker, if there is more to find.
    fn stop_searching(&mut self) {
        if mem::take(&mut self.is_searching) && self.shared.idle.transition_from_searching() {
            // A push that saw this searcher notified no worker. If the push stands before this fence, the look after
            // the fence finds the task. Else the pusher's look at the count, after its own fence, finds no searcher,
            // and it notifies a worker. See `Idle::transition_to_parked`.
            fence(SeqCst);
            if self.shared.has_work() {
                self.shared.notify_any();
            }
        }
    }

    // ---- parking ----

    /// Nothing is left to do: parks in the driver if no other thread has it, and else on the condition variable. The
    /// race with a push is explained in `Idle::transition_to_parked`.
    fn park(&mut self, until: &impl RunUntil) {
        let shared = self.shared;
        let Remote { parker, metrics, .. } = self.remote();
        // To look at the lists of 64 workers takes 3,000 instructions. So not before each park.
        if self.completed >= PRUNE_AT_LEAST as u64 {
            self.completed = 0;
            shared.prune_when_idle();
        }
        with_queue(LocalQueue::shrink);
        self.found = u32::MAX;
        // Before the last look: a subscriber or a hook may wake a task of this very worker.
        emit!(self, {
            let deadline = shared.driver.next_deadline();
            Event::Park { until: deadline.map(Duration::from_nanos) }
        });
        call_hook(&shared.hooks.on_park);
        let driver = shared.driver.try_lock();
        let place = if driver.is_some() { ParkedIn::Driver } else { ParkedIn::Condvar };
        let was_searching = mem::take(&mut self.is_searching);
        let was_last = shared.idle.transition_to_parked(parker, place, was_searching);
        let has_own = with_queue(|queue| queue.len() > 0);
        if until.is_notified() || has_own || (was_last && shared.has_work()) {
            drop(driver);
            let was_notified = self.resume(place);
            // The race. Two tasks are pushed while this worker is searching, so no worker is notified. It finds
            // nothing, announces that it parks, looks again, sees both, and takes the first, which blocks: no worker
            // comes for the second. So this worker is searching again, and when it has found the first task it
            // notifies another worker, as the last searcher must.
            self.is_searching = was_notified || shared.idle.transition_to_searching();
            self.poll_driver_if_due();
        } else {
            WorkerMetrics::add(&metrics.parks, 1);
            match driver {
                Some(inner) => {
                    let mut ready = mem::take(&mut self.ready);
                    // Before the wakers: a task that they wake may notify a parked worker, which must not be this
                    // one; and a task or a waker that blocks this thread leaves the driver to the monitor.
                    shared.driver.tick(inner, Some(parker), &mut ready, || {
                        self.is_searching = self.resume(place);
                    });
                    self.ready = ready;
                    self.driver_polled = Some(self.last_time);
                }
                None => {
                    parker.wait(None);
                    self.is_searching = self.resume(place);
                }
            }
        }
        call_hook(&shared.hooks.on_unpark);
    }

    /// This worker runs again, after it has announced that it parks. Returns whether it was notified.
    fn resume(&mut self, place: ParkedIn) -> bool {
        let was_notified = self.shared.idle.transition_from_parked(&self.remote().parker);
        if place == ParkedIn::Driver {
            // Even if it has not waited there: the monitor may have seen the announcement.
            self.shared.wake_monitor();
        }
        self.last_time = now();
        emit!(self, Event::Unpark);
        was_notified
    }
}

impl Drop for Worker<'_> {
    fn drop(&mut self) {
        self.stop_searching();
        self.remote().addresses.set(ptr::null_mut(), ptr::null_mut());
        // Gives the queue back, for another thread in `block_on` to take.
        let mut core = self.remote().core.lock();
        core.queue = replace_current_worker(None).map(|current| current.queue);
        let waiting = core.waiting.clone();
        drop(core);
        // All of them: the first may be in a long poll, or about to leave, and the others would stay parked while no
        // thread is the worker.
        waiting.iter().for_each(|parker| parker.unpark());
    }
}
