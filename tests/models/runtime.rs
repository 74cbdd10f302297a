//! A runtime in miniature, for loom.
//!
//! Who sleeps and who is called is decided by the engine's own `idle.rs` and `park.rs`. What lies around
//! them stands on the kernel's poller and on crossbeam's queues, into which loom cannot see. So this is a
//! copy: of `shared.rs`, of the loop in `worker.rs` and of the turn in `driver.rs`, call by call. What is
//! left out: traces, figures, the list of live tasks, the slot, the length of a round.
//!
//! What stands for the rest is less than the rest, so that the protocol stands alone:
//!
//! - A **task** is a number, and what its poll does is the model's business.
//! - A **queue** is a set of them in one word, without any ordering. A real queue would hand over what was
//!   written before a push, and hide that a fence does not.
//! - The **poller** is a bell that goes on ringing until somebody hears it, under a lock.
//! - **Time** passes when somebody waits for it: who sleeps until a deadline is up at once, and then the
//!   first timer is due. Who only glances finds none that is.
//!
//! A wake that gets lost leaves everybody asleep: a deadlock, which loom reports. Once all tasks have run
//! the runtime stops. Then [`Shared::check_at_rest`] knows what must be left: nothing.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicIsize as Count;
use std::sync::atomic::Ordering::SeqCst as Counting;

use loom::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use loom::sync::atomic::{AtomicBool, AtomicUsize, fence};
use loom::thread;

use crate::engine::idle::{Awake, Idle};
use crate::engine::park::{Announce, Notify, Parker, Permit};
use crate::engine::prim::{Condvar, Mutex};

/// A task: its bit in a queue.
pub type Task = usize;

/// A run queue.
#[derive(Default)]
pub struct Queue(AtomicUsize);

impl Queue {
    pub fn push(&self, task: Task) {
        let before = self.0.fetch_or(1 << task, Relaxed);
        assert_eq!(before & 1 << task, 0, "a task stands in a queue once");
    }

    fn pop(&self) -> Option<Task> {
        loop {
            let task = self.0.load(Relaxed).trailing_zeros() as Task;
            if task == usize::BITS as Task {
                return None;
            }
            if self.0.fetch_and(!(1 << task), Relaxed) & 1 << task != 0 {
                return Some(task);
            }
        }
    }

    fn len(&self) -> usize {
        self.0.load(Relaxed).count_ones() as usize
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Moves so many tasks, and returns how many there were.
    fn give(&self, count: usize, thief: &Queue) -> usize {
        (0..count).map_while(|_| self.pop()).map(|task| thief.push(task)).count()
    }
}

// ---- the driver ----

/// `driver::Driver`.
pub struct Driver {
    /// Somebody drives. No mutex, since with loom's a `try_lock` waits.
    taken: AtomicBool,
    pub permit: Permit,
    turns: AtomicUsize,
    /// How often the poller was asked.
    pub waits: Count,
    /// Tasks that sleep, in the order of their deadlines.
    timers: Mutex<VecDeque<Task>>,
    /// The poller's bell.
    rung: Mutex<bool>,
    ringing: Condvar,
}

/// The right to drive.
pub struct Seat<'a> {
    driver: &'a Driver,
    /// Its owner has slept until a deadline.
    slept_until_due: bool,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.driver.taken.store(false, Release);
    }
}

impl Driver {
    pub fn new() -> Self {
        Driver {
            taken: AtomicBool::new(false),
            permit: Permit::new(),
            turns: AtomicUsize::new(0),
            waits: Count::new(0),
            timers: Mutex::default(),
            rung: Mutex::new(false),
            ringing: Condvar::new(),
        }
    }

    pub fn try_seat(&self) -> Option<Seat<'_>> {
        let is_ours = self.taken.compare_exchange(false, true, Acquire, Relaxed).is_ok();
        is_ours.then(|| Seat { driver: self, slept_until_due: false })
    }

    fn is_asleep(&self) -> bool {
        self.permit.is_announced()
    }

    fn turns(&self) -> usize {
        self.turns.load(Relaxed)
    }

    fn has_deadline(&self) -> bool {
        !self.timers.lock().is_empty()
    }

    pub fn sleep(&self, seat: &mut Seat<'_>) {
        if self.permit.announce() == Announce::StayUp {
            return self.collect();
        }
        // After the announcement, as in the engine.
        seat.slept_until_due = self.has_deadline();
        self.wait(seat.slept_until_due);
        self.permit.take();
    }

    fn collect(&self) {
        self.wait(true);
    }

    /// `Poller::wait`, with a limit that is reached at once, or without one.
    fn wait(&self, limited: bool) {
        self.waits.fetch_add(1, Counting);
        let mut rung = self.rung.lock();
        while !*rung && !limited {
            rung = self.ringing.wait(rung);
        }
        *rung = false;
    }

    /// One turn. Returns who is to be woken.
    pub fn turn(&self, seat: &mut Seat<'_>) -> Option<Task> {
        self.turns.fetch_add(1, Relaxed);
        let due = std::mem::take(&mut seat.slept_until_due);
        if due { self.timers.lock().pop_front() } else { None }
    }

    fn ring(&self) {
        *self.rung.lock() = true;
        self.ringing.notify_one();
    }

    pub fn call(&self) {
        if self.permit.notify() == Notify::WakeOwner {
            self.ring();
        }
    }

    /// `poll_timer` and `tell_deadline`: a task will sleep until a deadline that is later than all others.
    pub fn set_timer(&self, task: Task) {
        let mut timers = self.timers.lock();
        timers.push_back(task);
        let earliest = timers.len() == 1;
        drop(timers);
        if earliest && self.permit.notify_sleeper() == Notify::WakeOwner {
            self.ring();
        }
    }
}

// ---- what is shared ----

/// What the poll of a task does. It is on a worker, and it must not wait for the same worker.
type Poll = Box<dyn Fn(&Worker<'_>, Task) + Send + Sync>;

/// `shared::Shared`.
pub struct Shared {
    pub driver: Driver,
    pub injector: Queue,
    pub idle: Idle,
    pub stations: Box<[Station]>,
    watched: AtomicBool,
    closed: AtomicBool,
    poll: Poll,
    /// Tasks that have not run. The last one stops the runtime.
    to_run: Count,
    /// Workers that a push has called, and that still search because of that.
    called: Count,
}

/// `shared::Station`.
pub struct Station {
    ring: Option<Queue>,
    pub parker: Parker,
    at_driver: AtomicBool,
    /// Calls that it has not heard of.
    calls: Count,
}

impl Shared {
    /// With no workers it has the one that is in `block_on`.
    pub fn new(
        workers: usize,
        tasks: usize,
        poll: impl Fn(&Worker<'_>, Task) + Send + Sync + 'static,
    ) -> Arc<Self> {
        let stations = (0..workers.max(1)).map(|_| Station {
            ring: (workers > 0).then(Queue::default),
            parker: Parker::new(),
            at_driver: AtomicBool::new(false),
            calls: Count::new(0),
        });
        Arc::new(Shared {
            driver: Driver::new(),
            injector: Queue::default(),
            idle: Idle::new(workers.max(1)),
            stations: stations.collect(),
            watched: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            poll: Box::new(poll),
            to_run: Count::new(tasks as isize),
            called: Count::new(0),
        })
    }

    pub fn call_one(&self) {
        if let Some(worker) = self.idle.call_one() {
            let called = self.called.fetch_add(1, Counting) + 1;
            assert!(called <= 1, "pushes call one worker at a time");
            self.wake_called(worker);
        }
    }

    pub fn call(&self, worker: usize) {
        if self.idle.call(worker) {
            self.called.fetch_add(1, Counting);
            self.wake_called(worker);
        }
    }

    fn wake_called(&self, worker: usize) {
        // It may have heard of it before we count it, but never of one call less than there were.
        let calls = self.stations[worker].calls.fetch_add(1, Counting) + 1;
        assert!(calls <= 1, "nobody is called twice");
        self.wake_worker(worker);
    }

    pub fn wake_worker(&self, worker: usize) {
        let station = &self.stations[worker];
        if station.parker.permit.notify() == Notify::WakeOwner {
            if station.at_driver.load(Relaxed) {
                self.driver.call();
            } else {
                station.parker.signal();
            }
        }
    }

    pub fn stop(&self) {
        self.closed.store(true, Relaxed);
        for worker in 0..self.stations.len() {
            self.wake_worker(worker);
        }
    }

    pub fn is_stopped(&self) -> bool {
        self.closed.load(Relaxed)
    }

    /// The queues' part of `shut_down`.
    pub fn shut_down(&self) {
        fence(SeqCst);
        self.drain();
    }

    fn drain(&self) {
        while self.injector.pop().is_some() {}
        for ring in self.rings() {
            while ring.pop().is_some() {}
        }
    }

    /// `Schedule::schedule`, on a thread that is no worker.
    pub fn schedule(&self, task: Task) {
        self.injector.push(task);
        self.call_one();
        if self.is_stopped() {
            self.drain();
        }
    }

    fn rings(&self) -> impl Iterator<Item = &Queue> {
        self.stations.iter().filter_map(|station| station.ring.as_ref())
    }

    /// Nobody is at work any more: then nothing is in the queues, and nobody is counted.
    pub fn check_at_rest(&self) {
        assert!(self.injector.is_empty() && self.rings().all(Queue::is_empty), "a task is left");
        assert!(self.idle.call_one().is_none(), "nobody sleeps");
        assert!(self.idle.announce(0, false, false), "nobody searches");
        assert_eq!(self.idle.retract(0), Awake::ByItself);
        assert_eq!(self.called.load(Counting), 0);
        assert!(self.stations.iter().all(|station| station.calls.load(Counting) == 0));
    }
}

// ---- the worker ----

/// `worker::Goal`.
pub trait Goal {
    fn is_called(&self) -> bool;
    fn is_reached(&mut self) -> bool;
}

/// `threads::UntilStopped`.
pub struct UntilStopped<'a>(pub &'a Shared);

impl Goal for UntilStopped<'_> {
    fn is_called(&self) -> bool {
        self.0.is_stopped()
    }

    fn is_reached(&mut self) -> bool {
        self.0.is_stopped()
    }
}

/// `worker::Worker`.
pub struct Worker<'a> {
    pub shared: &'a Shared,
    pub index: usize,
    searching: bool,
    /// It searches because it was called.
    was_called: bool,
}

impl<'a> Worker<'a> {
    pub fn start(shared: &'a Shared, index: usize) -> Self {
        Worker { shared, index, searching: false, was_called: false }
    }

    pub fn work(&mut self, goal: &mut impl Goal) {
        while !goal.is_reached() {
            self.run_round();
            if goal.is_called() {
                self.glance();
            } else if !self.search() {
                self.sleep(goal);
            }
        }
    }

    /// A round as long as it takes.
    fn run_round(&mut self) {
        while let Some(task) = self.next_task() {
            self.stop_searching();
            (self.shared.poll)(self, task);
            if self.shared.to_run.fetch_sub(1, Counting) == 1 {
                self.shared.stop();
            }
        }
    }

    fn next_task(&self) -> Option<Task> {
        let ring = self.station().ring.as_ref();
        self.shared.injector.pop().or_else(|| ring.and_then(Queue::pop))
    }

    fn station(&self) -> &'a Station {
        &self.shared.stations[self.index]
    }

    /// `Schedule::schedule`, on a worker's own thread.
    pub fn schedule(&self, task: Task) {
        match &self.station().ring {
            Some(ring) => {
                ring.push(task);
                self.shared.call_one();
            }
            // The line of one who is alone. In a model nobody else pushes, and the injector will do.
            None => self.shared.injector.push(task),
        }
    }

    /// `Worker::glance` when it is time, and `Driver::poll`.
    pub fn glance(&self) {
        if let Some(mut seat) = self.shared.driver.try_seat() {
            self.shared.driver.collect();
            self.dispatch(&mut seat);
        }
    }

    /// `Driver::dispatch`.
    fn dispatch(&self, seat: &mut Seat<'_>) {
        if let Some(task) = self.shared.driver.turn(seat) {
            self.schedule(task);
        }
    }

    // ---- looking elsewhere ----

    fn search(&mut self) -> bool {
        let Some(ring) = &self.station().ring else { return false };
        if !self.searching && !self.shared.idle.start_search() {
            return false;
        }
        self.searching = true;
        let injector = &self.shared.injector;
        let share = injector.len() / self.shared.stations.len() + 1;
        let found = injector.give(share, ring) > 0 || self.steal(ring);
        if found {
            self.stop_searching();
        }
        found
    }

    fn steal(&self, ring: &Queue) -> bool {
        let others = self.shared.stations.iter().enumerate().filter(|(who, _)| *who != self.index);
        let mut rings = others.filter_map(|(_, station)| station.ring.as_ref());
        rings.any(|victim| victim.give(victim.len().div_ceil(2), ring) > 0)
    }

    fn stop_searching(&mut self) {
        self.stop_counting();
        if std::mem::take(&mut self.searching) && self.shared.idle.end_search() {
            fence(SeqCst);
            if self.work_in_sight() {
                self.shared.call_one();
            }
        }
    }

    /// It will not search any more because it was called.
    fn stop_counting(&mut self) {
        if std::mem::take(&mut self.was_called) {
            self.shared.called.fetch_sub(1, Counting);
        }
    }

    // ---- sleeping ----

    fn sleep(&mut self, goal: &impl Goal) {
        let idle = &self.shared.idle;
        self.stop_counting();
        let mut seat = self.shared.driver.try_seat();
        let was_searching = std::mem::take(&mut self.searching);
        let last = idle.announce(self.index, was_searching, seat.is_some());
        let stays_up = goal.is_called() || !self.is_line_empty() || (last && self.work_in_sight());
        if stays_up {
            seat = None;
        } else {
            self.lie_down(&mut seat);
        }
        self.was_called = idle.retract(self.index) == Awake::Called;
        if self.was_called {
            self.station().calls.fetch_sub(1, Counting);
        }
        self.searching = self.was_called || (stays_up && idle.start_search());
        match seat {
            Some(seat) => self.leave_driver(seat),
            None if stays_up => self.glance(),
            None => {}
        }
    }

    fn is_line_empty(&self) -> bool {
        self.station().ring.as_ref().is_none_or(Queue::is_empty)
    }

    fn work_in_sight(&self) -> bool {
        !self.shared.injector.is_empty() || self.shared.rings().any(|ring| !ring.is_empty())
    }

    fn lie_down(&self, seat: &mut Option<Seat<'_>>) {
        let Station { parker, at_driver, .. } = self.station();
        at_driver.store(seat.is_some(), Relaxed);
        if parker.permit.announce() == Announce::Sleep {
            match seat {
                Some(seat) => self.shared.driver.sleep(seat),
                None => self.sleep_beside(),
            }
            parker.permit.take();
        } else if seat.is_some() {
            self.shared.driver.collect();
        }
    }

    fn leave_driver(&self, mut seat: Seat<'_>) {
        self.dispatch(&mut seat);
        drop(seat);
        if !self.is_line_empty() {
            fence(SeqCst);
            if !self.shared.watched.load(Relaxed) {
                self.shared.call_one();
            }
        }
    }

    fn sleep_beside(&self) {
        let Shared { driver, watched, .. } = self.shared;
        let parker = &self.station().parker;
        while !watched.swap(true, AcqRel) {
            let mut turns = driver.turns();
            let called = loop {
                if sleep_a_moment(&parker.permit) || driver.try_seat().is_some() {
                    break true;
                }
                match driver.turns() {
                    now if now == turns && driver.is_asleep() => break false,
                    now => turns = now,
                }
                thread::yield_now();
            };
            watched.store(false, Relaxed);
            if called {
                return;
            }
            fence(SeqCst);
            if driver.turns() == turns {
                break;
            }
        }
        parker.sleep(None);
    }
}

impl Drop for Worker<'_> {
    fn drop(&mut self) {
        self.stop_searching();
    }
}

/// `Parker::sleep` with a limit, after an announcement. Loom's condition variables know no time, so the
/// limit is reached at once: the announcement is taken back, and made again.
fn sleep_a_moment(permit: &Permit) -> bool {
    permit.take() || permit.announce() == Announce::StayUp
}

/// Runs a runtime's workers, each on a thread of its own, until all tasks have run; and meanwhile, on this
/// thread, something else.
pub fn run(shared: &Arc<Shared>, meanwhile: impl FnOnce()) {
    let workers = (0..shared.stations.len()).map(|index| {
        let shared = shared.clone();
        thread::spawn(move || Worker::start(&shared, index).work(&mut UntilStopped(&shared)))
    });
    let workers: Vec<_> = workers.collect();
    meanwhile();
    for worker in workers {
        worker.join().unwrap();
    }
    shared.check_at_rest();
}

/// What one task does and another waits for, and with it the thread that it is on.
#[derive(Default)]
pub struct Gate(Mutex<bool>, Condvar);

impl Gate {
    pub fn open(&self) {
        *self.0.lock() = true;
        self.1.notify_all();
    }

    pub fn wait(&self) {
        let mut open = self.0.lock();
        while !*open {
            open = self.1.wait(open);
        }
    }
}
