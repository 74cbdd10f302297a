//! Where does the whole thing sleep?
//!
//! A runtime that has nothing to do must use no processor, and yet be there at once: at the next
//! deadline, when a socket becomes ready, or when another thread brings work. Three reasons to wake up,
//! and a thread can sleep in one place only. That place is here, in the kernel's poller, which knows
//! descriptors by itself, is told the deadline, and has a bell that any thread can ring.
//!
//! ```text
//!    timers ── next deadline ──▶ ┌────────────────┐ ──▶ what is due ──▶ wake
//!   reactor ── descriptors ────▶ │  Poller::wait  │ ──▶ what is ready ─▶ wake
//!    permit ── a notification ─▶ └────────────────┘
//! ```
//!
//! One turn is: wait; hand the reports to their sources; let the timers that are due fire; and then call the
//! wakers, under no lock but the driver's own, which no waker waits for.
//!
//! **With a paused clock** there is a fourth reason. If no descriptor is ready and no thread of the
//! blocking pool is at work, then nothing can happen before the next deadline; so instead of waiting for
//! it the driver moves the clock there.
//!
//! The driver never decides *whether* to sleep. That is `worker.rs`, which knows the queues.
//!
//! Next: `idle.rs`, who sleeps.

use std::io;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use super::clock::{Clock, Nanos};
use super::context;
use super::park::{Announce, Notify, Permit};
use super::poller;
use super::prim::atomic::{AtomicUsize, Ordering};
use super::prim::{Mutex, MutexGuard, discard, wake};
use super::reactor::Reactor;
use super::timer::{Closed, TimerState, Timers};
use super::trace::{self, Event, Waiting};

/// Timers that fire under one hold of their lock. Arbitrary; its effect is how long a task that wants to
/// set a timer may have to wait for one that fires a million.
const FIRE_AT_ONCE: usize = 256;

/// What a runtime waits for.
#[derive(Debug)]
pub(crate) struct Driver {
    runtime: u32,
    pub(crate) clock: Arc<Clock>,
    pub(crate) reactor: Reactor,
    timers: Mutex<Timers>,
    /// Who holds this drives. Wakers are called while it is held; no waker can want it.
    seat: Mutex<Seat>,
    /// Whether the one who drives sleeps, or was called.
    permit: Permit,
    /// Turns so far, for who wants to know whether anything happens here.
    turns: AtomicUsize,
    /// Closures that run on blocking threads. While there are any, time does not jump: they may be
    /// about to wake somebody.
    pub(crate) blocking_jobs: AtomicUsize,
}

/// The right to drive, and the buffers for it.
#[derive(Debug, Default)]
pub(crate) struct Seat {
    events: Vec<poller::Event>,
    wakers: Vec<Waker>,
    fired: Vec<(Nanos, Waker)>,
}

impl Driver {
    pub(crate) fn new(runtime: u32, clock: Arc<Clock>) -> io::Result<Self> {
        Ok(Driver {
            runtime,
            clock,
            reactor: Reactor::new()?,
            timers: Mutex::new(Timers::new()),
            seat: Mutex::new(Seat::default()),
            turns: AtomicUsize::new(0),
            permit: Permit::new(),
            blocking_jobs: AtomicUsize::new(0),
        })
    }

    // ---- for the one who drives ----

    /// The right to drive, unless another worker has it.
    pub(crate) fn try_seat(&self) -> Option<MutexGuard<'_, Seat>> {
        self.seat.try_lock()
    }

    /// Whether the one who drives sleeps.
    pub(crate) fn is_asleep(&self) -> bool {
        self.permit.is_announced()
    }

    /// How many turns the driver has made. Relaxed: it is looked at every few milliseconds.
    pub(crate) fn turns(&self) -> usize {
        self.turns.load(Ordering::Relaxed)
    }

    /// The earliest deadline.
    pub(crate) fn next_deadline(&self) -> Option<Nanos> {
        self.timers.lock().next_deadline()
    }

    /// Sleeps until a deadline, readiness or a call; not at all if there was a call since the last time. What
    /// came, even if it did not sleep, is then to be [dispatched](Driver::dispatch). The second of the two
    /// functions at which to set a breakpoint: this worker has found nothing to run.
    #[inline(never)]
    pub(crate) fn sleep(&self, seat: &mut Seat) {
        if self.permit.announce() == Announce::StayUp {
            return self.collect(seat);
        }
        // After the announcement: who sets an earlier deadline from now on will call us.
        let deadline = self.next_deadline();
        if self.clock.is_paused() {
            self.sleep_paused(seat, deadline);
        } else {
            let limit = deadline.map(|due| due.saturating_sub(self.clock.now()));
            self.wait(seat, limit.map(Duration::from_nanos));
            self.permit.take();
        }
    }

    /// A sleep while the clock stands still.
    fn sleep_paused(&self, seat: &mut Seat, deadline: Option<Nanos>) {
        let jobs = self.blocking_jobs.load(Ordering::Acquire);
        let Some(due) = deadline.filter(|_| jobs == 0) else {
            self.wait(seat, None);
            self.permit.take();
            return;
        };
        let reports = self.wait(seat, Some(Duration::ZERO));
        let called = self.permit.take();
        if reports == 0 && !called {
            let by = Duration::from_nanos(due.saturating_sub(self.clock.now()));
            // False if another thread has let the clock go meanwhile. Then time passes by itself.
            if self.clock.advance(by) {
                trace::emit(self.runtime, Event::ClockJumped { by });
            }
        }
    }

    /// Finds what is ready, without sleeping. It is then to be [dispatched](Driver::dispatch).
    pub(crate) fn collect(&self, seat: &mut Seat) {
        self.wait(seat, Some(Duration::ZERO));
    }

    /// Wakes what is ready and due, without sleeping: for a runtime that is never idle.
    pub(crate) fn poll(&self, seat: &mut Seat) {
        self.collect(seat);
        self.dispatch(seat);
    }

    fn wait(&self, seat: &mut Seat, limit: Option<Duration>) -> usize {
        // An error here is no condition of the program but a poller that does not work any more.
        self.reactor
            .wait(self.runtime, &mut seat.events, limit, &mut seat.wakers)
            .expect("the system's poller can wait")
    }

    /// Calls the wakers of what is ready, then those of what is due.
    pub(crate) fn dispatch(&self, seat: &mut Seat) {
        self.turns.fetch_add(1, Ordering::Relaxed);
        // A waker may be user code.
        let _context = context::save();
        wake(seat.wakers.drain(..));
        self.fire_timers(&mut seat.fired);
    }

    /// Calls the wakers of what is due by now. `fired` is a buffer.
    pub(crate) fn fire_timers(&self, fired: &mut Vec<(Nanos, Waker)>) {
        let now = self.clock.now();
        loop {
            let more = self.timers.lock().expire(now, FIRE_AT_ONCE, fired);
            for (due, waker) in fired.drain(..) {
                trace::emit(self.runtime, Event::TimerFired { due: Duration::from_nanos(due) });
                wake([waker]);
            }
            if !more {
                return;
            }
        }
    }

    // ---- for everybody else ----

    /// Calls the one who drives: it wakes up, or does not lie down. Whatever was written before the
    /// call, it sees.
    pub(crate) fn call(&self) {
        if self.permit.notify() == Notify::WakeOwner {
            self.reactor.notify();
        }
    }

    /// Polls a timer, which is made by its first poll and removed by the one that is ready.
    pub(crate) fn poll_timer(
        &self,
        timer: &mut Option<u32>,
        due: Nanos,
        waker: &Waker,
    ) -> Result<bool, Closed> {
        // Outside of the lock: a stranger's `clone` may come back here. A timer that there is keeps one
        // already, and mostly the right one.
        let mut ours = timer.is_none().then(|| waker.clone());
        let (mut earliest, mut last) = (false, None);
        let fired = loop {
            let mut timers = self.timers.lock();
            let past = timers.is_past(due)?;
            let state = match *timer {
                _ if past => TimerState::Fired,
                Some(key) => timers.poll(key, waker, &mut ours)?,
                None => {
                    let ours = ours.take().expect("it was cloned above, and is for a new timer");
                    let key;
                    (key, earliest) = timers.insert(due, ours);
                    *timer = Some(key);
                    TimerState::Waits
                }
            };
            match state {
                TimerState::Waits => break false,
                TimerState::Fired => {
                    last = timer.take().and_then(|key| timers.cancel(key));
                    break true;
                }
                TimerState::IsAnothers => {}
            }
            drop(timers);
            ours = Some(waker.clone());
        };
        discard([ours, last].into_iter().flatten());
        if earliest {
            self.tell_deadline();
        }
        if !fired {
            trace::waiting(Waiting::Sleep { due: Duration::from_nanos(due) });
        }
        Ok(fired)
    }

    /// Lets a paused clock go on. False if it was not paused.
    pub(crate) fn resume_clock(&self) -> bool {
        let resumed = self.clock.resume();
        // While the clock stood, the one who drives may have gone to sleep without a limit.
        self.call();
        resumed
    }

    /// Gives a timer another deadline. One that has fired, or was never polled, is made anew by its
    /// next poll.
    pub(crate) fn reset_timer(&self, timer: &mut Option<u32>, due: Nanos) {
        let Some(key) = *timer else { return };
        let mut timers = self.timers.lock();
        if timers.has_fired(key) {
            timers.cancel(key);
            *timer = None;
            return;
        }
        let earliest = timers.reset(key, due);
        drop(timers);
        if earliest {
            self.tell_deadline();
        }
    }

    /// There is a new earliest deadline. One who sleeps must hear of it; one who is about to sleep announces
    /// that first and takes the timers' lock second, so it finds the deadline, or we find the announcement.
    fn tell_deadline(&self) {
        if self.permit.notify_sleeper() == Notify::WakeOwner {
            self.reactor.notify();
        }
    }

    /// Whether a timer has fired that was not polled since.
    pub(crate) fn has_timer_fired(&self, key: u32) -> bool {
        self.timers.lock().has_fired(key)
    }

    /// Removes a timer. Its waker is dropped now; its entry in the heap when it surfaces.
    pub(crate) fn cancel_timer(&self, key: u32) {
        let waker = self.timers.lock().cancel(key);
        discard(waker);
    }

    /// How many timers there are.
    pub(crate) fn timers_len(&self) -> usize {
        self.timers.lock().len()
    }

    /// The runtime has ended. Who waits for a deadline or a socket is woken, to find that it will not come.
    pub(crate) fn close(&self) {
        let sleepers = self.timers.lock().close();
        wake(sleepers.into_iter().chain(self.reactor.close()));
    }
}
