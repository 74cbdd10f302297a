//! Which workers search or are parked, and which worker is notified when there is work.
//!
//! A worker that finds nothing in its local queue searches: it looks at the injector and at the queues of the
//! other workers. If it finds nothing there either, it parks. When a task is pushed that another worker could
//! run, one parked worker should be notified; not all of them, and none if a worker is searching, since that one
//! will find the task.
//!
//! ```text
//!             transition_to_searching           transition_to_parked
//!   running ──────────────────────────▶ searching ──────────────────▶ parked
//!     ▲ ▲                                 │    ▲                       │ │
//!     │ └──── transition_from_searching ──┘    └─ notify_any (a push) ─┘ │
//!     └─ transition_from_parked (a deadline, a socket, or other work) ───┘
//! ```
//!
//! A worker that was notified counts as searching from that moment, so pushes notify one worker at a time. The
//! price is a duty. A push that saw a searching worker notified none, so **the last searcher** must make sure
//! that nothing is left: if it found a task it notifies the next worker ([`Idle::transition_from_searching`]), and
//! if it found none it looks once more after it has announced that it parks.
//!
//! The park state itself is in each worker's [`Parker`]; this file keeps the counts. Next: `scheduler.rs`.

use super::park::{ParkedIn, Parker};
use super::prim::atomic::Ordering::{AcqRel, Relaxed, SeqCst};
use super::prim::atomic::{AtomicU32, fence};

/// A searching worker, in the count's lower half.
const SEARCHING: u32 = 1;
/// A parked worker, in its upper half.
const PARKED: u32 = 1 << 16;
/// The most workers that a runtime can have: as many as 16 bits can count.
pub(crate) const MAX_WORKERS: usize = PARKED as usize - 1;

/// How many of a runtime's workers are searching, and how many are parked.
#[derive(Debug)]
pub(crate) struct Idle {
    workers: u32,
    count: AtomicU32,
}

fn searching(count: u32) -> u32 {
    count % PARKED
}

fn parked(count: u32) -> u32 {
    count / PARKED
}

impl Idle {
    pub(crate) fn new(workers: usize) -> Self {
        assert!(workers <= MAX_WORKERS, "`Builder::worker_threads` checks it");
        Idle { workers: workers as u32, count: AtomicU32::new(0) }
    }

    /// Counts a worker as searching. Returns false, without counting it, if half of the workers are searching: more
    /// would only contend.
    #[must_use]
    pub(crate) fn transition_to_searching(&self) -> bool {
        // Relaxed: one worker more or less does no harm.
        if 2 * searching(self.count.load(Relaxed)) >= self.workers {
            return false;
        }
        self.count.fetch_add(SEARCHING, AcqRel);
        true
    }

    /// A searching worker has found a task. Returns whether it was the last searcher. That one must notify another
    /// worker if there is more work: a push during the search notified none.
    #[must_use]
    pub(crate) fn transition_from_searching(&self) -> bool {
        searching(self.count.fetch_sub(SEARCHING, AcqRel)) == 1
    }

    /// A worker announces that it parks. Returns whether no worker is searching any more: then it must look once more
    /// at all queues before it parks.
    #[must_use]
    pub(crate) fn transition_to_parked(
        &self,
        parker: &Parker,
        place: ParkedIn,
        was_searching: bool,
    ) -> bool {
        parker.prepare_park(place);
        let search = if was_searching { SEARCHING } else { 0 };
        // The order that the race below needs comes from the fences. AcqRel is for `notify`, which puts the count back.
        let before = self.count.fetch_add(PARKED - search, AcqRel);
        // The race. Worker: looks, "nothing" … Other thread: pushes, looks, "no worker is parked, or one is
        // searching" … Worker: parks, and the task stays there for ever. Therefore the worker announces first and
        // looks second, and the other thread pushes first and looks at the count second in `notify_any`,
        // with a fence between the two on both sides. Sequentially consistent fences have one order. What stands
        // before the first fence is seen by what stands after the second: either the worker sees the push, or
        // the push sees the announcement.
        fence(SeqCst);
        searching(before) == search
    }

    /// A worker runs again. Returns whether it was notified, and so counts as searching.
    pub(crate) fn transition_from_parked(&self, parker: &Parker) -> bool {
        let was_notified = parker.finish_park();
        if !was_notified {
            self.count.fetch_sub(PARKED, AcqRel);
        }
        was_notified
    }

    /// Whether some worker may be parked. Relaxed: a hint.
    pub(crate) fn has_parked(&self) -> bool {
        parked(self.count.load(Relaxed)) > 0
    }

    /// There is a task in a queue that any of these workers could run. Notifies a parked one, unless a worker is
    /// searching already, which will find the task. Returns where the notified worker must be woken.
    #[must_use]
    pub(crate) fn notify_any<'a>(
        &self,
        parkers: impl Iterator<Item = &'a Parker> + Clone,
    ) -> Option<(&'a Parker, ParkedIn)> {
        self.notify_if(parkers, |count| searching(count) == 0)
    }

    /// There is something for this worker alone. Returns where it must be woken, if it is parked.
    #[must_use]
    pub(crate) fn notify_worker<'a>(&self, parker: &'a Parker) -> Option<(&'a Parker, ParkedIn)> {
        self.notify_if(std::iter::once(parker), |_| true)
    }

    fn notify_if<'a>(
        &self,
        parkers: impl Iterator<Item = &'a Parker> + Clone,
        is_needed: impl Fn(u32) -> bool,
    ) -> Option<(&'a Parker, ParkedIn)> {
        loop {
            // See `transition_to_parked`.
            fence(SeqCst);
            let count = self.count.load(Relaxed);
            // The count lags behind the parkers: a worker that wakes up by itself is counted a moment longer.
            let is_parked = |parker: &Parker| parker.parked_in().is_some();
            if !is_needed(count) || parked(count) == 0 || !parkers.clone().any(is_parked) {
                return None;
            }
            if let Some(notified) = self.notify(parkers.clone()) {
                return Some(notified);
            }
        }
    }

    /// Notifies one of these workers. A worker in the driver is chosen only if no other is parked: its wake is a system
    /// call, and leaves the driver without a worker.
    ///
    /// The worker is counted as searching before it is notified: it may find a task at once, and then reads in the
    /// count whether it is the last searcher. If no worker is parked after all, because one has woken up by itself, the
    /// count is put back, and the caller looks again: a push in between may have relied on that search.
    fn notify<'a>(
        &self,
        parkers: impl Iterator<Item = &'a Parker> + Clone,
    ) -> Option<(&'a Parker, ParkedIn)> {
        self.count.fetch_sub(PARKED - SEARCHING, AcqRel);
        let notified = [ParkedIn::Condvar, ParkedIn::Driver].into_iter().find_map(|place| {
            let parker = parkers.clone().find(|parker| parker.notify_if_parked_in(place))?;
            Some((parker, place))
        });
        if notified.is_none() {
            self.count.fetch_add(PARKED - SEARCHING, AcqRel);
        }
        notified
    }
}
