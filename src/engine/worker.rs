//! Who polls?
//!
//! Everything is in place: tasks that say whether they are ready, lines in which they stand, one place
//! in which to sleep. What is left is the loop that ties them together, and it is short:
//!
//! ```text
//!   ┌─▶ the root future, if it was woken ── ready? ──▶ return its output
//!   │      │
//!   │   a round: up to 61 tasks from the line
//!   │      │
//!   │      ├── tasks left, or the root woken ──▶ a glance at timers and sockets, if it is time
//!   │      │                                         │
//!   │      └── nothing left ──▶ announce, look again, sleep
//!   └──────────────────────────────────────────────┘
//! ```
//!
//! A **round** is the unit of fairness. Once a round the worker looks first at the injector, so that a
//! wake from outside gets through while tasks here wake each other for ever; once a round it looks at the
//! root future; and between rounds at timers and sockets. Nobody waits longer than 61 polls for a turn.
//!
//! The **root** is the future that `block_on` was given. It need not be `Send` and lives on the stack of
//! its caller, so it is no task: it stands beside the line. Several threads may call `block_on` on one
//! runtime. One of them has the seat and runs this loop; the others poll their own roots, and one of
//! them takes the seat over when it becomes free.
//!
//! Next: `blocking.rs`, for work that must not be done here.

use std::collections::VecDeque;
use std::io;
use std::panic::Location;
use std::pin::pin;
use std::sync::Arc;
use std::task::Context;
use std::time::{Duration, Instant};

use futures_task::{ArcWake, waker_ref};

use super::clock::Clock;
use super::context::{self, WorkerGuard, WorkerId};
use super::driver::{Driver, Seat};
use super::live::Live;
use super::park::Parker;
use super::prim::Mutex;
use super::prim::atomic::{AtomicBool, Ordering};
use super::queue::{Injector, Line};
use super::task::{Runnable, Schedule, Task, Turn};

/// Polls in a round. Tokio's number; its effect is the share of time spent on looking elsewhere.
const ROUND: usize = 61;

/// A glance at timers and sockets is five system calls, measured at 1.05 µs; a poll may be 20 ns. With
/// this between two glances a busy worker spends about two per cent on them.
const GLANCE_EVERY: Duration = Duration::from_micros(50);

/// What all threads of a runtime share.
pub(crate) struct Shared {
    pub(crate) id: u32,
    pub(crate) driver: Driver,
    pub(crate) live: Live,
    injector: Injector,
    seats: Mutex<Seats>,
    /// Set when the runtime ends, before its tasks are dropped.
    closed: AtomicBool,
}

/// Who works for a current-thread runtime.
struct Seats {
    /// None: it is taken.
    free: Option<Core>,
    /// Those in `block_on` who did not get it.
    line: Vec<Arc<Root>>,
}

/// What a worker needs, and leaves to the next one who takes the seat.
struct Core {
    seat: Seat,
    /// Its line, while nobody works.
    tasks: VecDeque<Arc<dyn Runnable>>,
    /// Tasks that have ended since the list of live tasks was last swept.
    ended: usize,
}

/// The first of the two functions at which to set a breakpoint: each poll of each task is a call of this.
#[inline(never)]
pub(crate) fn poll_task(task: Arc<dyn Runnable>) -> Turn {
    task.run()
}

impl Shared {
    pub(crate) fn new(id: u32, clock: Arc<Clock>) -> io::Result<Arc<Self>> {
        let core = Core { seat: Seat::new(), tasks: VecDeque::new(), ended: 0 };
        Ok(Arc::new(Shared {
            id,
            driver: Driver::new(id, clock)?,
            live: Live::new(),
            injector: Injector::new(),
            seats: Mutex::new(Seats { free: Some(core), line: Vec::new() }),
            closed: AtomicBool::new(false),
        }))
    }

    /// Makes a task of a future and puts it into a queue.
    pub(crate) fn spawn<F>(
        self: &Arc<Self>,
        future: F,
        place: &'static Location<'static>,
    ) -> Arc<Task<F, Arc<Shared>>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let task = Task::new(future, self.clone(), place);
        if self.live.add(task.clone()) {
            self.schedule(task.clone());
        } else {
            task.shut_down();
        }
        task
    }

    /// Whether this thread works for this runtime.
    fn is_own_worker(&self) -> bool {
        context::worker().is_some_and(|worker| worker.runtime == self.id)
    }

    /// Tasks that wait in the injector.
    pub(crate) fn injected(&self) -> usize {
        self.injector.len()
    }

    /// Drops the future of every task that is left. The caller has entered the runtime, and no thread
    /// works for it any more.
    pub(crate) fn shut_down(&self) {
        // Relaxed: published by the call, which is a swap. See `schedule`.
        self.closed.store(true, Ordering::Relaxed);
        self.driver.call();
        for task in self.live.close() {
            task.shut_down();
        }
        self.drain();
        self.driver.close();
    }

    /// Empties the queues of a runtime that has ended: what is in them is done.
    fn drain(&self) {
        while self.injector.pop().is_some() {}
        let core = self.seats.lock().free.take();
        drop(core);
    }
}

impl Schedule for Arc<Shared> {
    fn schedule(&self, task: Arc<dyn Runnable>) {
        // A worker that schedules is awake, and looks at its line before it sleeps.
        if self.is_own_worker() {
            return Line::push(task);
        }
        self.injector.push(task);
        self.driver.call();
        // The race. Waker: moves a task to `Scheduled` … Shutdown: ends that task, empties the queues …
        // Waker: pushes it. The queue would own a task that owns the queue, for ever. Both sides swap
        // the driver's permit between their two steps, so one of them sees what the other did.
        if self.closed.load(Ordering::Relaxed) {
            self.drain();
        }
    }

    fn runtime_id(&self) -> u32 {
        self.id
    }
}

// ---- the root ----

/// What wakes the future that `block_on` runs.
struct Root {
    woken: AtomicBool,
    /// Where its thread sleeps while another one drives.
    parker: Parker,
    shared: Arc<Shared>,
}

impl Root {
    fn is_woken(&self) -> bool {
        self.woken.load(Ordering::Acquire)
    }

    fn take_woken(&self) -> bool {
        // AcqRel: matches the swap in `wake_by_ref`; what was written before the wake is seen by the poll.
        self.woken.swap(false, Ordering::AcqRel)
    }
}

impl ArcWake for Root {
    fn wake_by_ref(root: &Arc<Self>) {
        // A swap, as in `State::update`: a second wake publishes too.
        root.woken.swap(true, Ordering::AcqRel);
        root.parker.unpark();
        if !root.shared.is_own_worker() {
            root.shared.driver.call();
        }
    }
}

impl Shared {
    /// Runs a future to its end, and the runtime's tasks meanwhile. The caller has entered the runtime.
    pub(crate) fn block_on<F: Future>(self: &Arc<Self>, future: F) -> F::Output {
        let root = Arc::new(Root {
            woken: AtomicBool::new(true),
            parker: Parker::new(),
            shared: self.clone(),
        });
        let waker = waker_ref(&root);
        let mut cx = Context::from_waker(&waker);
        let mut future = pin!(future);
        let mut output = None;
        let mut poll_root = || {
            let _poll = context::start_poll(None);
            let poll = future.as_mut().poll(&mut cx);
            poll.map(|ready| output = Some(ready)).is_ready()
        };
        let mut place = InLine { root: &root, has: None };
        loop {
            if let Some(core) = place.take_seat() {
                Worker::start(self, core).work(&root, &mut poll_root);
                break;
            }
            if root.take_woken() && poll_root() {
                break;
            }
            root.parker.park();
        }
        output.expect("both loops end when the root is ready")
    }
}

/// One thread in `block_on`: it drives, or waits for the seat. Leaves the line when it is dropped, also by
/// a panic.
struct InLine<'a> {
    root: &'a Arc<Root>,
    has: Option<Core>,
}

impl InLine<'_> {
    /// Takes the seat if it is free; else stands in line for it, and is unparked when it may be.
    fn take_seat(&mut self) -> Option<&mut Core> {
        let mut seats = self.root.shared.seats.lock();
        self.has = seats.free.take();
        if self.has.is_none() && !seats.line.iter().any(|root| Arc::ptr_eq(root, self.root)) {
            seats.line.push(self.root.clone());
        }
        self.has.as_mut()
    }
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        let mut seats = self.root.shared.seats.lock();
        seats.line.retain(|root| !Arc::ptr_eq(root, self.root));
        let Some(core) = self.has.take() else { return };
        seats.free = Some(core);
        // All of them, and not just the first: that one may be in the midst of a long poll, or about to
        // leave, and the others would sleep beside a free seat.
        let line = seats.line.clone();
        drop(seats);
        for root in line {
            root.parker.unpark();
        }
    }
}

// ---- the loop ----

/// A thread that runs tasks.
struct Worker<'a> {
    shared: &'a Arc<Shared>,
    core: &'a mut Core,
    /// When it last looked at timers and sockets.
    glanced: Instant,
    _is_worker: WorkerGuard,
}

impl<'a> Worker<'a> {
    /// This thread begins to work. Until the worker is dropped, also by a panic, the line is its own.
    fn start(shared: &'a Arc<Shared>, core: &'a mut Core) -> Self {
        Line::exchange(&mut core.tasks);
        let _is_worker = context::start_working(WorkerId { runtime: shared.id, index: 0 });
        Worker { shared, core, glanced: Instant::now(), _is_worker }
    }

    /// Runs tasks until the root is ready. `poll_root` polls it, and says whether it is.
    fn work(&mut self, root: &Root, poll_root: &mut dyn FnMut() -> bool) {
        loop {
            if root.take_woken() && poll_root() {
                return;
            }
            let all_done = self.run_round();
            if all_done && !root.is_woken() {
                self.sleep(root);
            } else {
                self.glance();
            }
        }
    }

    /// Polls up to 61 tasks. Returns whether none is left.
    fn run_round(&mut self) -> bool {
        for turn in 0..ROUND {
            let Some(task) = self.next_task(turn) else { return true };
            match poll_task(task) {
                Turn::Again(task) => Line::push(task),
                Turn::Rest => {}
                Turn::Ended => self.core.ended += 1,
            }
        }
        false
    }

    /// The next in line: from the worker's own, but first of all in a round from the injector.
    fn next_task(&self, turn: usize) -> Option<Arc<dyn Runnable>> {
        let injector = &self.shared.injector;
        if turn == 0 {
            injector.pop().or_else(Line::pop)
        } else {
            Line::pop().or_else(|| injector.pop())
        }
    }

    /// Looks at timers and sockets without sleeping, unless it did so a moment ago.
    fn glance(&mut self) {
        // With a paused clock each time: what happens must not depend on how fast this machine is.
        if self.shared.driver.clock.is_paused() || self.glanced.elapsed() >= GLANCE_EVERY {
            self.shared.driver.poll(&mut self.core.seat);
            self.glanced = Instant::now();
        }
    }

    /// Nothing is left to do.
    fn sleep(&mut self, root: &Root) {
        let Shared { driver, live, injector, .. } = &**self.shared;
        live.sweep_when_idle(&mut self.core.ended);
        Line::shrink();
        // The race. Worker: looks, "nothing to do" … Foreign thread: pushes a task, looks, "the worker is
        // awake, it will see it" … Worker: sleeps, and the task lies there for ever. So the worker
        // *announces first and looks second*, the other *pushes first and calls second*. Announcement
        // and call are swaps of one word: whichever comes second sees the first. Either the call finds
        // the announcement, and rings; or the announcement finds the call, and what was pushed before.
        if !driver.announce_sleep() {
            return self.glance();
        }
        if root.is_woken() || !injector.is_empty() || !Line::is_empty() {
            driver.stay_up();
            return self.glance();
        }
        driver.sleep(&mut self.core.seat);
        self.glanced = Instant::now();
    }
}

impl Drop for Worker<'_> {
    fn drop(&mut self) {
        Line::exchange(&mut self.core.tasks);
    }
}
