//! Who polls?
//!
//! Everything is in place: tasks that say whether they are ready, lines in which they stand, one place
//! in which to sleep. What is left is the loop that ties them together, and it is short:
//!
//! ```text
//!   ┌─▶ is the goal reached? ──▶ return
//!   │      │
//!   │   a round: tasks from the injector, then up to 61 from the line
//!   │      │
//!   │      ├── only one that has just yielded is left ──▶ poll the driver
//!   │      ├── more are left, or found elsewhere ───────▶ poll the driver, if it is time
//!   │      └── nothing is left ─────────────────────────▶ announce, look again, sleep
//!   └─────────────────────────────────────────────────────────────┘
//! ```
//!
//! A worker of a multi-thread runtime works until the runtime stops. That of a current-thread runtime is
//! the thread in `block_on`, and works until its future is ready. That is the **goal**, and the only
//! difference: there is one loop to read. Who is alone has nobody to steal from, and finds nothing.
//!
//! A **round** is the unit of fairness. First come up to 128 tasks from the injector, so that wakes from
//! outside get through while tasks here wake each other for ever; then up to 61 from the worker's own
//! line, and fewer if they take long, or if more wait in the injector. It ends early when the only task left
//! is one that has just yielded. Between two rounds the worker checks its goal, and polls the driver if it has
//! not done so for 50 µs: so timers and sockets wait for at most 189 polls longer than that, and a task for
//! those that stand before it.
//!
//! Next: `root.rs`, the goal of a current-thread runtime.

use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::context::{self, WorkerGuard, WorkerId};
use super::driver::Seat;
use super::idle::Awake;
use super::park::Announce;
use super::prim::MutexGuard;
use super::prim::atomic::Ordering::{AcqRel, Relaxed, SeqCst};
use super::prim::atomic::fence;
use super::queue::{Line, Pushed, Ring};
use super::random::Random;
use super::shared::{Figures, Shared, Station, call_hook};
use super::task::{PollOutcome, Runnable};
use super::trace::{self, Event};

/// Polls in a round, of tasks from the worker's own line. Tokio's number; its effect is the share of time
/// spent on looking elsewhere.
const ROUND: usize = 61;

/// Polls in a round, before those, of tasks from the injector. Half a ring; its effect is how fast many
/// tasks from outside get through to workers that are busy with their own.
const INJECTED: usize = 128;

/// A round should not take longer than this: of tasks that need long for a poll, fewer make a round, down to
/// the shortest. The idea and the number are Tokio's.
const ROUND_TIME: Duration = Duration::from_micros(200);
const SHORTEST_ROUND: usize = 2;

/// To poll the driver is a system call, measured at 0.12 µs (1.05 µs where there is no short way); a poll of a
/// task may be 20 ns. With this between two of them a busy worker spends at most two per cent on the driver.
const GLANCE_EVERY: Duration = Duration::from_micros(50);

/// How often a worker that sleeps looks whether the driver is alone. It bounds for how long a task that
/// blocks its thread can hold up the timers and sockets of all others; and a hundred looks a second, only
/// while the runtime is busy, cost nothing that could be measured.
const WATCH_EVERY: Duration = Duration::from_millis(10);

/// The first of the two functions at which to set a breakpoint: each poll of each task is a call of this.
#[inline(never)]
pub(crate) fn poll_task(task: Arc<dyn Runnable>) -> PollOutcome {
    task.run()
}

/// What a worker works for.
pub(crate) trait Goal {
    /// Something happened: look whether the goal is reached. Asked again after a sleep was announced.
    fn is_called(&self) -> bool;

    /// Whether it is reached. Asked once a round.
    fn is_reached(&mut self) -> bool;
}

/// What a round leaves to do.
enum Left {
    /// Nothing, and no task was polled.
    NothingRan,
    /// Nothing.
    Nothing,
    /// A single task, which has just yielded.
    Yielded,
    /// Tasks.
    Tasks,
}

/// A thread that runs tasks.
pub(crate) struct Worker<'a> {
    shared: &'a Arc<Shared>,
    index: usize,
    /// Its line, while the thread has another one: before the work and after it.
    kept: &'a mut Line,
    /// It counts among those who look around for work.
    searching: bool,
    /// Polls in a round, at the moment.
    round: usize,
    /// When the round began.
    began: Instant,
    /// When the worker last polled the driver. None: not yet. A loop that calls `block_on` once a frame makes
    /// a new worker each time; if that one counted as having just polled the driver, timers and sockets would
    /// wait for ever (`tests/engine/short_block_on.rs`).
    glanced: Option<Instant>,
    /// Whom to steal from. Not from the thread's stream: how often a worker looks around depends on the
    /// moment, and would shift what its tasks draw.
    random: Random,
    _is_worker: WorkerGuard,
}

impl<'a> Worker<'a> {
    /// This thread begins to work. Until the worker is dropped, also by a panic, `line` is its own.
    pub(crate) fn start(shared: &'a Arc<Shared>, index: usize, line: &'a mut Line) -> Self {
        Line::exchange(line);
        Worker {
            shared,
            index,
            kept: line,
            searching: false,
            round: ROUND,
            began: Instant::now(),
            glanced: None,
            random: shared.stations[index].steals,
            _is_worker: context::start_working(WorkerId {
                runtime: shared.id,
                index: index as u32,
            }),
        }
    }

    /// Runs tasks until the goal is reached.
    pub(crate) fn work(&mut self, goal: &mut impl Goal) {
        while !goal.is_reached() {
            let left = self.run_round();
            let called = goal.is_called();
            match left {
                // One future is ready, a task or the root, and it has just yielded: it waits for an event that
                // the driver may hold already.
                Left::NothingRan if called => self.poll_driver(),
                Left::Yielded if !called => self.poll_driver(),
                Left::Tasks | Left::Yielded => self.glance(),
                // Poll the driver even when all work comes from stealing.
                _ if called || self.search() => self.glance(),
                _ => self.sleep(goal),
            }
        }
    }

    /// Polls a round of tasks: some from the injector first, then from the worker's own line.
    fn run_round(&mut self) -> Left {
        let shared = self.shared;
        let injector = &shared.injector;
        // Those that are there now. Whoever takes each as it comes meets the one who pushes at every step.
        let injected = injector.len().min(INJECTED);
        let (from_injector, yielded) = self.run(injected, || injector.pop());
        if from_injector > 0 {
            self.began = Instant::now();
        }
        if yielded {
            return Left::Yielded;
        }
        // If more wait there, each task here has one turn before it is theirs again. Two tasks that yield and
        // work without end would else have the whole round, time and again, beside a thousand others.
        let own = if injector.is_empty() { self.round } else { Line::len().clamp(1, self.round) };
        let (polled, yielded) = self.run(own, || Line::pop().or_else(|| injector.pop()));
        self.measure_round(polled);
        match polled {
            _ if yielded => Left::Yielded,
            _ if polled == own => Left::Tasks,
            0 if from_injector == 0 => Left::NothingRan,
            _ => Left::Nothing,
        }
    }

    /// Polls up to `limit` tasks; fewer if one has yielded and no other is ready. Returns how many it has
    /// polled, and whether it stopped at such a task.
    fn run(&mut self, limit: usize, next: impl Fn() -> Option<Arc<dyn Runnable>>) -> (usize, bool) {
        let (mut polled, mut ended, mut yielded) = (0, 0, false);
        while polled < limit && !yielded {
            let Some(task) = next() else { break };
            self.stop_searching();
            polled += 1;
            match poll_task(task) {
                PollOutcome::Yielded(task) => match Line::push_back(task, &self.shared.injector) {
                    Pushed::Here => yielded = self.shared.injector.is_empty(),
                    Pushed::Behind => {}
                    // One of those ahead of it may block this thread: then another worker runs it.
                    Pushed::ForAnybody => self.shared.offer(),
                },
                PollOutcome::Pending => {}
                PollOutcome::Complete => ended += 1,
            }
        }
        let figures = &self.station().figures;
        Figures::add(&figures.polls, polled as u64);
        Figures::add(&figures.ended, ended);
        (polled, yielded)
    }

    /// Sets the length of the next round by how long so many polls took.
    fn measure_round(&mut self, polled: usize) {
        // With a paused clock what happens must not depend on how fast this machine is.
        if self.shared.driver.clock.is_paused() {
            return;
        }
        let began = mem::replace(&mut self.began, Instant::now());
        let took = (self.began - began).as_nanos() as usize;
        let fitting = ROUND_TIME.as_nanos() as usize * polled / took.max(1);
        self.round = fitting.clamp(SHORTEST_ROUND, ROUND);
    }

    fn station(&self) -> &'a Station {
        &self.shared.stations[self.index]
    }

    /// Polls the driver, unless this worker did so a moment ago.
    pub(crate) fn glance(&mut self) {
        let is_time = |glanced| self.began - glanced >= GLANCE_EVERY;
        if self.shared.driver.clock.is_paused() || self.glanced.is_none_or(is_time) {
            self.poll_driver();
        }
    }

    /// Polls the driver without blocking, unless another worker drives.
    fn poll_driver(&mut self) {
        let driver = &self.shared.driver;
        if let Some(mut seat) = driver.try_seat() {
            driver.poll(&mut seat);
        }
        self.glanced = Some(self.began);
    }

    // ---- looking elsewhere ----

    /// Takes work from the injector or from another worker's line into its own, which is empty. Returns
    /// whether it found some.
    fn search(&mut self) -> bool {
        let Some(ring) = &self.station().ring else { return false };
        if !self.searching && !self.shared.idle.start_search() {
            return false;
        }
        self.searching = true;
        let workers = self.shared.stations.len();
        let found = self.shared.injector.share_with(ring, workers) > 0 || self.steal(ring) > 0;
        if found {
            self.stop_searching();
        }
        found
    }

    /// Takes half of another worker's line, beginning with any of them. Returns how many tasks that were.
    fn steal(&mut self, ring: &Ring) -> usize {
        let stations = &self.shared.stations;
        let first = self.random.below(stations.len() as u32) as usize;
        let victims =
            (first..stations.len()).chain(0..first).filter(|victim| *victim != self.index);
        let rings = victims.filter_map(|victim| stations[victim].ring.as_deref());
        let stolen = rings.map(|victim| victim.give_half_to(ring)).find(|count| *count > 0);
        let stolen = stolen.unwrap_or(0);
        Figures::add(&self.station().figures.steals, stolen as u64);
        stolen
    }

    /// It has found something. Who searched last calls another, if there is more to find.
    fn stop_searching(&mut self) {
        if mem::take(&mut self.searching) && self.shared.idle.end_search() {
            // A push that saw this searcher told nobody. It stands before its fence, and so before this look
            // if it did; else it sees that nobody searches, and calls by itself. See `Idle::announce`.
            fence(SeqCst);
            if self.work_in_sight() {
                self.shared.call_one();
            }
        }
    }

    // ---- sleeping ----

    /// Nothing is left to do: sleeps in the driver if nobody else does, and otherwise beside it. The race
    /// with those who push is told in `Idle::announce`.
    fn sleep(&mut self, goal: &impl Goal) {
        let shared = self.shared;
        shared.sweep_when_idle();
        Line::shrink();
        // Told before the last look, and not after: who listens may wake a task of this very thread.
        let until = shared.driver.next_deadline().map(Duration::from_nanos);
        trace::emit(shared.id, Event::Sleeps { until });
        call_hook(&shared.hooks.on_park);
        let mut seat = shared.driver.try_seat();
        let was_searching = mem::take(&mut self.searching);
        let last = shared.idle.announce(self.index, was_searching, seat.is_some());
        let stays_up = goal.is_called() || Line::len() > 0 || (last && self.work_in_sight());
        if stays_up {
            seat = None;
        } else {
            self.lie_down(&mut seat);
        }
        trace::emit(shared.id, Event::Wakes);
        let called = shared.idle.retract(self.index) == Awake::Called;
        // The race. Two tasks are pushed while this worker searches, so nobody is called for them. It finds
        // nothing, announces, looks, sees both, and takes the first, which blocks: nobody comes for the
        // second. So who stays up for what it saw searches again, and when it has found the first it has the
        // duty of the last searcher, to call another.
        self.searching = called || (stays_up && shared.idle.start_search());
        self.began = Instant::now();
        match seat {
            Some(seat) => self.leave_driver(seat),
            None if stays_up => self.glance(),
            None => {}
        }
        // Here the driver is let go of, which no stranger should hold.
        call_hook(&shared.hooks.on_unpark);
    }

    /// Whether anybody has work that this worker could take.
    fn work_in_sight(&self) -> bool {
        let mut rings = self.shared.stations.iter().filter_map(|station| station.ring.as_deref());
        !self.shared.injector.is_empty() || rings.any(|ring| !ring.is_empty())
    }

    /// Sleeps until it is woken.
    fn lie_down(&self, seat: &mut Option<MutexGuard<'_, Seat>>) {
        let Station { parker, at_driver, figures, .. } = self.station();
        Figures::add(&figures.parks, 1);
        at_driver.store(seat.is_some(), Relaxed);
        if parker.permit.announce() == Announce::Sleep {
            match seat {
                Some(seat) => self.shared.driver.sleep(seat),
                None => self.sleep_beside(),
            }
            parker.permit.take();
        } else if let Some(seat) = seat {
            self.shared.driver.collect(seat);
        }
    }

    /// Wakes whom the driver has waited for. (Now that this worker does not count as asleep any more: it
    /// would be called itself.) From here on the driver is alone. If somebody watches, that is as good; else
    /// one who sleeps is woken, and will sit there or watch. The fence: see `sleep_beside`.
    fn leave_driver(&mut self, mut seat: MutexGuard<'_, Seat>) {
        self.shared.driver.dispatch(&mut seat);
        self.glanced = Some(self.began);
        drop(seat);
        if Line::len() > 0 {
            fence(SeqCst);
            if !self.shared.watched.load(Relaxed) {
                self.shared.call_one();
            }
        }
    }

    /// Sleeps while another worker has the driver. The first to do so watches: it looks now and then
    /// whether the driver is alone, because a task blocks the thread of the one who had it.
    fn sleep_beside(&self) {
        let Shared { driver, watched, .. } = &**self.shared;
        let parker = &self.station().parker;
        while !watched.swap(true, AcqRel) {
            let mut turns = driver.turns();
            let called = loop {
                if parker.sleep(Some(WATCH_EVERY)) {
                    break true;
                }
                if driver.try_seat().is_some() {
                    break true;
                }
                // Nobody asleep there, and yet somebody there: one who is busy glances, and will be gone.
                match driver.turns() {
                    now if now == turns && driver.is_asleep() => break false,
                    now => turns = now,
                }
            };
            watched.store(false, Relaxed);
            if called {
                return;
            }
            // Nothing happens there, and an idle runtime must not wake up a hundred times a second. The
            // race. We: "no turn since" … Driver: a turn, "somebody watches", a task that blocks … We: no
            // longer watch, and nobody does. Flag, fence, look here; turn, fence, look there.
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
        Line::exchange(self.kept);
    }
}
