//! Who wants to be woken when?
//!
//! A million tasks may sleep at once, and most of them are time-outs that never come: they are dropped
//! long before. So three things must be cheap: to add a deadline, to find the earliest, and above all to
//! *cancel*. A binary heap is good at the first two and bad at the third, as one cannot find an entry in
//! its middle. So the heap is not asked to. Each timer has a **slot**, found by its key; the heap holds
//! little entries that point at slots. To cancel is to empty the slot. The entry stays behind, dead,
//! until it surfaces and is skipped; when more than half of the heap is dead, it is rebuilt without them.
//!
//! ```text
//!     heap, earliest first                     slots, by key
//!   ┌──────────────────────┐              0 │ round 7 │ Waits(waker) │
//!   │ due 12 ms  r7  key 0 │ ───────────▶ 1 │ round 9 │ Fired        │
//!   │ due 15 ms  r8  key 1 │ ──▶ dead:    2 │ round 6 │ Waits(waker) │
//!   │ due 40 ms  r6  key 2 │     round 9 lives there now
//!   └──────────────────────┘
//! ```
//!
//! A slot and its entry carry the same **round** number, never used twice. It tells a dead entry from a
//! live one after the slot has been given to another timer, and it breaks ties: of two timers with the
//! same deadline the older fires first.
//!
//! A timer fires in [`Timers::expire`] and nowhere else: for this file time passes when it is told so.
//! It calls no waker; it hands them out, since who holds the lock around this must not call a stranger.
//!
//! Next: `poller.rs`, where one waits for sockets.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::mem;
use std::num::NonZeroU64;
use std::task::Waker;

use slab::Slab;

use super::clock::Nanos;

/// Heaps smaller than this are not worth rebuilding or shrinking. Arbitrary; a kilobyte or two.
const SMALL: usize = 64;

/// The deadlines of one runtime.
#[derive(Debug)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<Entry>>,
    slots: Slab<Slot>,
    /// Entries in the heap whose slot has gone or has a newer round.
    dead: usize,
    next_round: NonZeroU64,
    /// The time of the last `expire`: what is due by then is past.
    now: Nanos,
    /// The runtime has ended.
    closed: bool,
}

/// Ordered by its fields from top to bottom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    due: Nanos,
    round: NonZeroU64,
    key: u32,
}

#[derive(Debug)]
struct Slot {
    round: NonZeroU64,
    /// None: it has fired.
    waker: Option<Waker>,
}

/// The runtime has ended, and no deadline will come.
#[derive(Debug)]
pub(crate) struct Closed;

/// What [`Timers::poll`] found.
#[derive(Debug)]
pub(crate) enum TimerState {
    Fired,
    /// It waits, and will wake whom it should.
    Waits,
    /// It waits for somebody else, and needs a waker of ours.
    IsAnothers,
}

impl Timers {
    pub(crate) fn new() -> Self {
        Timers {
            heap: BinaryHeap::new(),
            slots: Slab::new(),
            dead: 0,
            next_round: NonZeroU64::MIN,
            now: 0,
            closed: false,
        }
    }

    /// Whether a deadline has passed already, by the last `expire`.
    pub(crate) fn is_past(&self, due: Nanos) -> Result<bool, Closed> {
        if self.closed { Err(Closed) } else { Ok(due <= self.now) }
    }

    /// Adds a timer. The second answer is whether it is now the earliest, so that a driver who sleeps
    /// must be told.
    pub(crate) fn insert(&mut self, due: Nanos, waker: Waker) -> (u32, bool) {
        let round = self.take_round();
        let slot = self.slots.insert(Slot { round, waker: Some(waker) });
        let key = u32::try_from(slot).expect("fewer than 2^32 timers at a time");
        (key, self.push(Entry { due, round, key }))
    }

    /// Whether the timer has fired; if not, whether it will wake `waker`, and nobody else. For that it may
    /// take `ours`, a clone of it, and leave there what it had before, to be dropped outside of the lock.
    pub(crate) fn poll(
        &mut self,
        key: u32,
        waker: &Waker,
        ours: &mut Option<Waker>,
    ) -> Result<TimerState, Closed> {
        if self.closed {
            return Err(Closed);
        }
        Ok(match (&mut self.slots[key as usize].waker, ours) {
            (None, _) => TimerState::Fired,
            (Some(kept), _) if kept.will_wake(waker) => TimerState::Waits,
            // The sleep was polled by another task than before: from now on it is that task's.
            (Some(kept), Some(ours)) => {
                mem::swap(kept, ours);
                TimerState::Waits
            }
            (Some(_), None) => TimerState::IsAnothers,
        })
    }

    pub(crate) fn has_fired(&self, key: u32) -> bool {
        self.slots[key as usize].waker.is_none()
    }

    /// Gives a timer that has not fired another deadline. True if it is now the earliest.
    pub(crate) fn reset(&mut self, key: u32, due: Nanos) -> bool {
        let round = self.take_round();
        self.slots[key as usize].round = round;
        self.bury();
        self.push(Entry { due, round, key })
    }

    /// Removes a timer, and hands out its waker for the caller to drop outside of the lock.
    pub(crate) fn cancel(&mut self, key: u32) -> Option<Waker> {
        let waker = self.slots.remove(key as usize).waker;
        if waker.is_some() {
            self.bury();
        }
        waker
    }

    /// The earliest deadline.
    pub(crate) fn next_deadline(&mut self) -> Option<Nanos> {
        while let Some(Reverse(entry)) = self.heap.peek() {
            if is_live(&self.slots, entry) {
                return Some(entry.due);
            }
            self.heap.pop();
            self.dead -= 1;
        }
        None
    }

    /// Time has passed: at most `limit` timers that are due by `now` fire, the earliest first. Returns
    /// whether there may be more.
    pub(crate) fn expire(
        &mut self,
        now: Nanos,
        limit: usize,
        fired: &mut Vec<(Nanos, Waker)>,
    ) -> bool {
        self.now = self.now.max(now);
        for _ in 0..limit {
            match self.next_deadline() {
                Some(due) if due <= self.now => {
                    let Reverse(entry) = self.heap.pop().expect("it was just seen");
                    fired.extend(
                        self.slots[entry.key as usize].waker.take().map(|waker| (due, waker)),
                    );
                }
                _ => {
                    self.shrink();
                    return false;
                }
            }
        }
        true
    }

    /// No timer fires any more. Hands out the wakers of those that wait.
    pub(crate) fn close(&mut self) -> Vec<Waker> {
        self.closed = true;
        self.heap = BinaryHeap::new();
        self.dead = 0;
        self.slots.iter_mut().filter_map(|(_, slot)| slot.waker.take()).collect()
    }

    /// Timers that wait or have fired.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    fn take_round(&mut self) -> NonZeroU64 {
        let round = self.next_round;
        self.next_round = round.checked_add(1).expect("2^64 timers are not made in a lifetime");
        round
    }

    /// Returns whether the entry is now on top.
    fn push(&mut self, entry: Entry) -> bool {
        self.heap.push(Reverse(entry));
        self.heap.peek() == Some(&Reverse(entry))
    }

    /// One more entry in the heap is dead.
    fn bury(&mut self) {
        self.dead += 1;
        // Rebuilding costs as much as there are entries, and so many died since the last time: constant
        // on average. Without it a server that sets a time-out of an hour for each request, and cancels
        // it after a millisecond, keeps an hour's worth of entries.
        if self.dead > self.heap.len() / 2 && self.heap.len() > SMALL {
            self.heap.retain(|Reverse(entry)| is_live(&self.slots, entry));
            self.dead = 0;
            self.shrink();
        }
    }

    /// Gives memory back when a burst is over.
    fn shrink(&mut self) {
        if self.heap.capacity() > SMALL && self.heap.len() < self.heap.capacity() / 4 {
            self.heap.shrink_to((self.heap.len() * 2).max(SMALL));
        }
        if self.slots.is_empty() && self.slots.capacity() > SMALL {
            self.slots.shrink_to_fit();
        }
    }
}

/// Whether an entry's timer still waits for this very deadline.
fn is_live(slots: &Slab<Slot>, entry: &Entry) -> bool {
    slots.get(entry.key as usize).is_some_and(|slot| slot.round == entry.round)
}
