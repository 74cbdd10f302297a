//! Who sleeps, and who is woken when there is work?
//!
//! A worker that finds nothing in its own line looks at those of the others, and takes half of one. If it
//! finds nothing there either, it sleeps. When a task is pushed that anybody might run, somebody should
//! wake up; but not everybody, and nobody if one is looking around already: it will find it.
//!
//! ```text
//!             start_search              announce (found nothing)
//!   working ───────────────▶ searching ────────────────────────▶ asleep
//!      ▲                      │     ▲                             │   │
//!      └──── end_search ──────┘     └────────── call_one ─────────┘   │
//!      ▲       (found)                        (by a push)             │
//!      └──────────────────── retract (by itself: a deadline, a socket) ┘
//! ```
//!
//! So at most one worker is woken by pushes at a time: who is called counts as searching from that moment,
//! and while somebody searches nobody is called. The price is a duty. A push that saw a searcher has told
//! nobody, so **the last searcher** must not stop without making sure: if it found work, it calls the next
//! ([`Idle::end_search`]); if it did not, it looks once more after it has announced its sleep.
//!
//! This file keeps count and picks; it wakes nobody. Next: `shared.rs`, where it lies.

use super::prim::Mutex;
use super::prim::atomic::Ordering::{AcqRel, Relaxed, SeqCst};
use super::prim::atomic::{AtomicU32, fence};

/// One who searches, in the count's lower half.
const SEARCHER: u32 = 1;
/// One who sleeps, in its upper half.
const SLEEPER: u32 = 1 << 16;
/// How many workers a runtime can have: so many fit into a half of the count.
pub(crate) const MAX_WORKERS: usize = SLEEPER as usize - 1;

/// Who of a runtime's workers sleeps, and how many search.
#[derive(Debug)]
pub(crate) struct Idle {
    workers: u32,
    /// [`SEARCHER`]s and [`SLEEPER`]s. Who searches changes it at any time, who sleeps under the lock.
    count: AtomicU32,
    sleepers: Mutex<Vec<usize>>,
}

/// What a worker finds when it is awake again.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Awake {
    /// It was called because of a push, and counts as searching.
    Called,
    /// It woke up by itself.
    ByItself,
}

fn searchers(count: u32) -> u32 {
    count % SLEEPER
}

fn sleepers(count: u32) -> u32 {
    count / SLEEPER
}

impl Idle {
    pub(crate) fn new(workers: usize) -> Self {
        assert!(workers <= MAX_WORKERS, "`Builder::worker_threads` sees to it");
        let sleepers = Mutex::new(Vec::with_capacity(workers));
        Idle { workers: workers as u32, count: AtomicU32::new(0), sleepers }
    }

    /// A worker wants to look into the lines of others. No if half of them do so already: more would only
    /// get in each other's way.
    #[must_use]
    pub(crate) fn start_search(&self) -> bool {
        // Relaxed: a worker too many or too few does no harm.
        if 2 * searchers(self.count.load(Relaxed)) >= self.workers {
            return false;
        }
        self.count.fetch_add(SEARCHER, AcqRel);
        true
    }

    /// A worker has found something. True if nobody searches any more: then call another if there is more,
    /// since for each push during the search nobody was called.
    #[must_use]
    pub(crate) fn end_search(&self) -> bool {
        searchers(self.count.fetch_sub(SEARCHER, AcqRel)) == 1
    }

    /// A worker is going to sleep. True if nobody searches any more: then look once more, everywhere. One who
    /// drives is called last: its wake-up is the dearest, and leaves the driver alone.
    #[must_use]
    pub(crate) fn announce(&self, worker: usize, was_searching: bool, drives: bool) -> bool {
        let mut sleeping = self.sleepers.lock();
        let place = if drives { 0 } else { sleeping.len() };
        sleeping.insert(place, worker);
        let search = if was_searching { SEARCHER } else { 0 };
        let before = self.count.fetch_add(SLEEPER - search, AcqRel);
        drop(sleeping);
        // The race. Worker: looks, "nothing" … Other: pushes, looks, "nobody sleeps, or one searches" …
        // Worker: sleeps, and the task lies there for ever. Therefore: announce first and look second
        // here, push first and look at the count second in `call_one`, with a fence between the two on
        // both sides. Of two such fences one comes first, and what stands before it is seen by what
        // stands after the other: the push by the look, or the announcement by the call.
        fence(SeqCst);
        searchers(before) == search
    }

    /// A worker is up.
    pub(crate) fn retract(&self, worker: usize) -> Awake {
        let mut sleeping = self.sleepers.lock();
        match sleeping.iter().position(|sleeper| *sleeper == worker) {
            Some(place) => {
                sleeping.remove(place);
                self.count.fetch_sub(SLEEPER, AcqRel);
                Awake::ByItself
            }
            None => Awake::Called,
        }
    }

    /// Whether a push might have somebody to call. Relaxed: a glance.
    pub(crate) fn has_sleepers(&self) -> bool {
        sleepers(self.count.load(Relaxed)) > 0
    }

    /// There is work for anybody, and it can be seen already. Returns whom to wake for it.
    #[must_use]
    pub(crate) fn call_one(&self) -> Option<usize> {
        // See `announce`.
        fence(SeqCst);
        let count = self.count.load(Relaxed);
        if searchers(count) > 0 || sleepers(count) == 0 {
            return None;
        }
        let mut sleeping = self.sleepers.lock();
        if searchers(self.count.load(Relaxed)) > 0 {
            return None;
        }
        let worker = sleeping.pop()?;
        self.become_searcher();
        Some(worker)
    }

    /// There is something for this worker alone. True if it sleeps: wake it.
    #[must_use]
    pub(crate) fn call(&self, worker: usize) -> bool {
        fence(SeqCst);
        if sleepers(self.count.load(Relaxed)) == 0 {
            return false;
        }
        let mut sleeping = self.sleepers.lock();
        let place = sleeping.iter().position(|sleeper| *sleeper == worker);
        let Some(place) = place else { return false };
        sleeping.remove(place);
        self.become_searcher();
        true
    }

    /// One who slept is called. Its place in the list is gone already.
    fn become_searcher(&self) {
        self.count.fetch_sub(SLEEPER - SEARCHER, AcqRel);
    }
}
