//! Where a worker waits when there is nothing to run: for a deadline, a socket or a wake.
//!
//! A runtime that has nothing to do must use no processor, and yet run at once at the next deadline, when a socket
//! becomes ready, or when another thread brings work. A thread can wait in one place only. That place is the
//! kernel's poller, which knows the sockets, is told the deadline, and has a notifier that any thread can write to.
//!
//! ```text
//!   timers ── next deadline ──▶ ┌────────────────┐ ──▶ what is ready ─▶ wake
//!  reactor ── descriptors ────▶ │  Poller::wait  │ ──▶ what is due ───▶ wake
//! notifier ── a wake ─────────▶ └────────────────┘
//! ```
//!
//! One **tick** is: wait; collect what is ready; release the driver's lock; wake what is ready and what is due. User
//! code (a waker) never runs under the lock, so another worker can take the driver while this one wakes.
//!
//! **With a paused clock** there is one more case. If no descriptor is ready and no blocking task is at work, then
//! nothing can happen before the next deadline; so the driver does not wait for it, but moves the clock there.
//!
//! The driver does not decide whether to wait: `worker.rs` does, which knows the queues. Next: `idle.rs`.

use std::io;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use super::clock::{Clock, Nanos};
use super::context;
use super::park::Parker;
use super::poller::PollerEvent;
use super::prim::atomic::{AtomicUsize, Ordering, fence};
use super::prim::{Mutex, MutexGuard, discard, poll_or_register_clone, wake};
use super::random::{RngSeedGenerator, Shuffle};
use super::reactor::Reactor;
use super::timer::{Closed, Fired, Timers};
use super::trace::{self, Event, Tracer, WaitReason, emit};

/// Timers that fire under one hold of their lock. Arbitrary; it bounds how long a task that wants to set a timer
/// waits for a runtime that fires a million.
const FIRE_AT_ONCE: usize = 256;

/// The timers and sockets of a runtime, and the right to wait for them.
#[derive(Debug)]
pub(crate) struct Driver {
    pub(crate) tracer: Arc<Tracer>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) reactor: Reactor,
    timers: Mutex<Timers>,
    /// Only the thread that holds this calls the poller.
    inner: Mutex<DriverInner>,
    /// Ticks so far, for the monitor.
    ticks: AtomicUsize,
    /// Closures in the pool, in its queue or on its threads. While there are any, a paused clock does not jump: they
    /// may be about to wake a task.
    pub(crate) blocking_tasks: AtomicUsize,
}

/// What the driver's lock guards.
#[derive(Debug)]
pub(crate) struct DriverInner {
    events: Vec<PollerEvent>,
    shuffle: Shuffle,
}

/// What a tick has collected and not woken yet: buffers, which a thread uses again.
#[derive(Debug, Default)]
pub(crate) struct Ready {
    wakers: Vec<(RawFd, Waker)>,
    fired: Vec<Fired>,
}

impl Driver {
    pub(crate) fn new(tracer: Arc<Tracer>, rng_seeds: &RngSeedGenerator) -> io::Result<Self> {
        Ok(Driver {
            clock: tracer.clock.clone(),
            tracer,
            reactor: Reactor::new()?,
            timers: Mutex::new(Timers::new(rng_seeds.next_shuffle())),
            inner: Mutex::new(DriverInner {
                events: Vec::new(),
                shuffle: rng_seeds.next_shuffle(),
            }),
            ticks: AtomicUsize::new(0),
            blocking_tasks: AtomicUsize::new(0),
        })
    }

    fn is_traced(&self) -> bool {
        self.tracer.is_on
    }

    fn tracer(&self) -> &Tracer {
        &self.tracer
    }

    // ---- for the worker that drives ----

    /// The driver, unless another thread has it.
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, DriverInner>> {
        self.inner.try_lock()
    }

    /// How many ticks there were. Relaxed: the monitor needs no more than a hint.
    pub(crate) fn ticks(&self) -> usize {
        self.ticks.load(Ordering::Relaxed)
    }

    /// The earliest deadline.
    pub(crate) fn next_deadline(&self) -> Option<Nanos> {
        self.timers.lock().next_deadline()
    }

    /// One tick: waits, collects what is ready, releases the lock, wakes what is ready and due.
    ///
    /// With a `parker`, which has announced that its thread parks in the driver, the tick waits until the next
    /// deadline, readiness or wake; without one it does not wait. `lock_released` is called after
    /// the lock is released, and before any waker.
    pub(crate) fn tick(
        &self,
        mut inner: MutexGuard<'_, DriverInner>,
        parker: Option<&Parker>,
        ready: &mut Ready,
        lock_released: impl FnOnce(),
    ) {
        emit!(self, Event::DriverAcquired);
        match parker {
            Some(parker) => self.park(&mut inner, parker, &mut ready.wakers),
            None => drop(self.wait(&mut inner, Some(Duration::ZERO), &mut ready.wakers)),
        }
        if let Some(rng) = &mut inner.shuffle {
            rng.shuffle(&mut ready.wakers);
        }
        drop(inner);
        emit!(self, Event::DriverReleased);
        self.ticks.fetch_add(1, Ordering::Relaxed);
        lock_released();
        // A waker may be user code.
        let _context = context::save();
        for (fd, waker) in ready.wakers.drain(..) {
            trace::wakes_of_descriptor(fd);
            wake([waker]);
        }
        self.fire_timers(&mut ready.fired);
    }

    /// Waits for a deadline, readiness or a wake. A place for a breakpoint: this worker has found nothing to run.
    #[inline(never)]
    fn park(&self, inner: &mut DriverInner, parker: &Parker, wakers: &mut Vec<(RawFd, Waker)>) {
        // From here on a thread that sets an earlier deadline must end this wait.
        let deadline = self.timers.lock().prepare_park();
        if self.clock.is_paused() {
            self.park_paused(inner, deadline.is_some(), parker, wakers);
        } else {
            let limit = deadline.map(|deadline| deadline.saturating_sub(self.clock.now()));
            self.wait(inner, limit.map(Duration::from_nanos), wakers);
        }
        self.timers.lock().finish_park();
    }

    /// Parks with a paused clock.
    fn park_paused(
        &self,
        inner: &mut DriverInner,
        has_deadline: bool,
        parker: &Parker,
        wakers: &mut Vec<(RawFd, Waker)>,
    ) {
        // After `prepare_park`, and with a fence after the pause. A blocking task that ends now is either not counted
        // here any more, or sees that the clock is paused and unparks this thread.
        fence(Ordering::SeqCst);
        if !has_deadline || self.blocking_tasks.load(Ordering::Acquire) > 0 {
            self.wait(inner, None, wakers);
            return;
        }
        let events = self.wait(inner, Some(Duration::ZERO), wakers);
        // Read now: another thread may have set an earlier deadline, and that wait has used up its notification.
        let deadline = self.next_deadline();
        if let Some(deadline) = deadline.filter(|_| events == 0 && !parker.is_notified()) {
            let by = Duration::from_nanos(deadline.saturating_sub(self.clock.now()));
            // False if another thread has resumed the clock meanwhile. Then time passes by itself.
            if self.clock.advance(by) {
                emit!(self, Event::ClockJumped { by });
            }
        }
    }

    fn wait(
        &self,
        inner: &mut DriverInner,
        limit: Option<Duration>,
        wakers: &mut Vec<(RawFd, Waker)>,
    ) -> usize {
        // An error means that the poller is broken.
        self.reactor
            .wait(&self.tracer, &mut inner.events, limit, wakers)
            .expect("the system's poller can wait")
    }

    /// Wakes what is due by now. `fired` is a buffer.
    pub(crate) fn fire_timers(&self, fired: &mut Vec<Fired>) {
        let now = self.clock.now();
        loop {
            let more = self.timers.lock().expire(now, FIRE_AT_ONCE, fired);
            for Fired { key: timer, deadline, waker } in fired.drain(..) {
                let deadline = Duration::from_nanos(deadline);
                emit!(self, Event::TimerFired { timer, deadline });
                wake([waker]);
            }
            if !more {
                return;
            }
        }
    }

    // ---- for all threads ----

    /// Ends the wait of the thread that is parked here, if one is. It sees all that the caller wrote before.
    pub(crate) fn unpark(&self) {
        if self.timers.lock().is_parked() {
            self.reactor.notify();
        }
    }

    /// Polls a timer. The first poll creates it, and the poll that finds it fired removes it. Returns whether it has
    /// fired.
    pub(crate) fn poll_timer(
        &self,
        timer: &mut Option<u32>,
        deadline: Nanos,
        waker: &Waker,
    ) -> Result<bool, Closed> {
        // A timer that exists has a waker already, and mostly the right one.
        let is_new = timer.is_none();
        let clone = is_new.then(|| waker.clone());
        let mut must_unpark = false;
        let look = |timers: &mut Timers| timers.poll(deadline);
        let polled = poll_or_register_clone(&self.timers, clone, waker, look, |timers| {
            let key = *timer.get_or_insert_with(|| {
                let key;
                (key, must_unpark) = timers.insert(deadline);
                key
            });
            timers.waker(key)
        });
        if must_unpark {
            self.reactor.notify();
        }
        match polled {
            Poll::Pending => {
                let deadline = Duration::from_nanos(deadline);
                if let Some(timer) = timer.filter(|_| is_new) {
                    emit!(self, Event::TimerArmed { timer, deadline });
                }
                trace::waits(WaitReason::Sleep { deadline });
                Ok(false)
            }
            Poll::Ready(past) => {
                past?;
                timer.take().into_iter().for_each(|key| self.cancel_timer(key));
                Ok(true)
            }
        }
    }

    /// Gives a timer another deadline. A timer that has fired, or was never polled, is created anew by its next
    /// poll.
    pub(crate) fn reset_timer(&self, timer: &mut Option<u32>, deadline: Nanos) {
        let Some(key) = *timer else { return };
        let mut timers = self.timers.lock();
        if timers.has_fired(key) {
            timers.cancel(key);
            *timer = None;
            return;
        }
        let must_unpark = timers.reset(key, deadline);
        drop(timers);
        emit!(self, Event::TimerArmed { timer: key, deadline: Duration::from_nanos(deadline) });
        if must_unpark {
            self.reactor.notify();
        }
    }

    /// Whether a timer has fired and was not polled since.
    pub(crate) fn has_timer_fired(&self, key: u32) -> bool {
        self.timers.lock().has_fired(key)
    }

    /// Removes a timer. Its waker is dropped now; its entry in the heap when it comes to the top.
    pub(crate) fn cancel_timer(&self, key: u32) {
        emit!(self, Event::TimerRemoved { timer: key });
        let waker = self.timers.lock().cancel(key);
        discard(waker);
    }

    /// How many timers there are.
    pub(crate) fn timers_len(&self) -> usize {
        self.timers.lock().len()
    }

    /// Resumes a paused clock. False if it was not paused.
    pub(crate) fn resume_clock(&self) -> bool {
        let resumed = self.clock.resume();
        // While the clock was paused, a thread may have parked here without a limit.
        self.unpark();
        resumed
    }

    /// The runtime has ended. What waits for a deadline or a socket is woken, and gets an error.
    pub(crate) fn close(&self) {
        let sleepers = self.timers.lock().close();
        let waiters = self.reactor.close().into_iter().map(|(_, waker)| waker);
        wake(sleepers.into_iter().chain(waiters));
    }
}
