//! A thread waits until another thread wakes it, and no wake is lost.
//!
//! "Sleep until you are woken" has a hole: the wake may come just before the thread sleeps, and then none
//! comes again. So a wake is remembered. The park state is one word; a thread **announces** that it will
//! park, looks once more for work, and then parks. A wake that comes after the announcement changes the
//! word, and the thread finds it changed.
//!
//! ```text
//!                  prepare_park                  notify_if_parked_in, unpark
//!    ┌─────────┐ ───────────────▶ ┌───────────────────┐ ─────────────▶ ┌──────────┐
//!    │ RUNNING │                  │ PARKED_CONDVAR or │                │ NOTIFIED │
//!    └─────────┘ ◀─────────────── │ PARKED_DRIVER     │                └──────────┘
//!      ▲  │           finish_park └───────────────────┘                  ▲   │
//!      │  └───────────────────────── unpark ─────────────────────────────┘   │
//!      └──────────────────────────── finish_park ────────────────────────────┘
//! ```
//!
//! A worker parks in one of two places: on the condition variable here, or in the driver, which waits in the kernel.
//! The word says in which, so the notifier knows how to wake it. Threads in `block_on` and the monitor park on the
//! condition variable only. The word does not say what the wake was for: the thread looks again.
//!
//! Next: `block_on.rs`, where a [`Parker`] becomes a `Waker`.

use std::time::{Duration, Instant};

use super::prim::atomic::AtomicU8;
use super::prim::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use super::prim::{Condvar, Mutex, now};

/// The thread runs, and no wake is pending.
const RUNNING: u8 = 0;
/// The thread has announced that it parks on the condition variable, or is parked there.
const PARKED_CONDVAR: u8 = 1;
/// The thread has announced that it parks in the driver, or is parked there.
const PARKED_DRIVER: u8 = 2;
/// A wake came that the thread has not seen yet.
const NOTIFIED: u8 = 3;

/// Where a thread parks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum ParkedIn {
    Condvar = PARKED_CONDVAR,
    Driver = PARKED_DRIVER,
}

/// The park state of one thread, and the condition variable that it parks on.
///
/// Every change is a read-modify-write, which both releases and acquires. So what the notifier wrote before
/// [`unpark`](Parker::unpark) is visible to the thread after [`finish_park`](Parker::finish_park), even if the word was
/// `NOTIFIED` already. [`notify_if_parked_in`](Parker::notify_if_parked_in) writes nothing if it fails: its caller has
/// a fence.
#[derive(Debug)]
pub(crate) struct Parker {
    state: AtomicU8,
    /// Guards no data: it covers the time between the last look at the word and the wait.
    lock: Mutex<()>,
    condvar: Condvar,
}

impl Parker {
    pub(crate) fn new() -> Self {
        Parker { state: AtomicU8::new(RUNNING), lock: Mutex::new(()), condvar: Condvar::new() }
    }

    /// Announces that this thread will park. Afterwards it looks once more for work, parks, and calls
    /// [`finish_park`](Parker::finish_park). One thread at a time may call this.
    pub(crate) fn prepare_park(&self, place: ParkedIn) {
        // A failure means NOTIFIED: the word stays, and the thread will not wait.
        let _ = self.state.compare_exchange(RUNNING, place as u8, AcqRel, Relaxed);
    }

    /// Waits on the condition variable until there is a wake, at most until this moment, after an announcement.
    pub(crate) fn wait(&self, until: Option<Instant>) {
        let mut guard = self.lock.lock();
        let mut has_time = true;
        // A loop, since a condition variable may return for no reason.
        while has_time && !self.is_notified() {
            (guard, has_time) = self.condvar.wait_until(guard, until);
        }
    }

    /// This thread runs again. Returns whether there was a wake.
    pub(crate) fn finish_park(&self) -> bool {
        // AcqRel: matches the read-modify-write of the notifier; what it wrote before is visible now.
        self.state.swap(RUNNING, AcqRel) == NOTIFIED
    }

    /// Parks until there is a wake.
    pub(crate) fn park(&self) {
        self.prepare_park(ParkedIn::Condvar);
        self.wait(None);
        self.finish_park();
    }

    /// Parks until there is a wake, or for so long. Returns whether there was a wake.
    pub(crate) fn park_timeout(&self, limit: Duration) -> bool {
        self.prepare_park(ParkedIn::Condvar);
        self.wait(now().checked_add(limit));
        self.finish_park()
    }

    /// Whether a wake has come that the thread has not seen yet.
    pub(crate) fn is_notified(&self) -> bool {
        self.state.load(Acquire) == NOTIFIED
    }

    /// Where the thread is parked, or is about to be. `None` if it runs or has a wake. Relaxed: the caller has a fence,
    /// or needs no more than a hint.
    pub(crate) fn parked_in(&self) -> Option<ParkedIn> {
        match self.state.load(Relaxed) {
            PARKED_CONDVAR => Some(ParkedIn::Condvar),
            PARKED_DRIVER => Some(ParkedIn::Driver),
            _ => None,
        }
    }

    /// Sets `NOTIFIED`, if the thread has announced that it parks in this place. If so, the caller must wake the thread
    /// there: by [`notify_condvar`](Parker::notify_condvar), or through the driver. Any other thread has yet to look
    /// for work, so it needs no wake.
    #[must_use]
    pub(crate) fn notify_if_parked_in(&self, place: ParkedIn) -> bool {
        self.state.compare_exchange(place as u8, NOTIFIED, AcqRel, Relaxed).is_ok()
    }

    /// Sets `NOTIFIED`, and wakes the thread if it is parked on the condition variable.
    pub(crate) fn unpark(&self) {
        // AcqRel: releases what this thread wrote, to the swap in `finish_park`.
        if self.state.swap(NOTIFIED, AcqRel) == PARKED_CONDVAR {
            self.notify_condvar();
        }
    }

    /// Wakes the thread. The caller has set `NOTIFIED`.
    pub(crate) fn notify_condvar(&self) {
        // The race. Thread: "not notified" … Notifier: NOTIFIED, notify_one … Thread: waits. The signal came
        // while no thread waited, the word says NOTIFIED, and the thread waits for ever. The thread holds the
        // lock from its look until `Condvar::wait` has released it. So taking the lock here, even for
        // nothing, puts the signal before the look (which finds the word changed) or after the wait has
        // begun (which receives it). Without this line the model `park_is_woken` finds the schedule.
        drop(self.lock.lock());
        self.condvar.notify_one();
    }
}
