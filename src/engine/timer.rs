//! The timers: which waker is called at which deadline.
//!
//! A million tasks may sleep at once, and most timers are time-outs that never fire: they are dropped long before. So
//! three operations must be cheap: to add a deadline, to find the earliest, and above all to *cancel*. A binary heap is
//! good at the first two and bad at the third, since it cannot find an entry in its middle. So the heap is never
//! searched. Each timer has a **slot**, found by its key; the heap holds small entries that point at slots. To cancel a
//! timer is to empty its slot. The entry stays behind, **stale**, until it comes to the top and is skipped; when more
//! than half of the heap is stale, it is rebuilt without the stale entries.
//!
//! ```text
//!       heap, earliest first                       slots, by key
//!   ┌──────────────────────────┐              0 │ generation 7 │ waker │
//!   │ 12 ms  generation 7  key 0 │            1 │ generation 9 │ fired │
//!   │ 15 ms  generation 8  key 1 │            2 │ generation 6 │ waker │
//!   │ 40 ms  generation 6  key 2 │    the entry of 15 ms is stale: slot 1 has generation 9 now
//!   └──────────────────────────┘
//! ```
//!
//! A slot and its entry carry the same **generation**, a number that is never used twice. It tells a stale entry
//! from a live one after the slot was given to another timer, and it orders timers with equal deadlines: the older
//! fires first, unless the runtime shuffles.
//!
//! A timer fires in [`Timers::expire`] and nowhere else: this file does not read the clock. It calls no
//! waker but hands them out, since its caller holds a lock. Next: `poller.rs`, where a thread waits for sockets.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::num::NonZeroU64;
use std::task::{Poll, Waker};

use slab::Slab;

use super::clock::Nanos;
use super::random::Shuffle;

/// Heaps smaller than this are not worth rebuilding or shrinking. Arbitrary; a kilobyte or two.
const SMALL: usize = 64;

/// The deadlines of one runtime.
#[derive(Debug)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<Entry>>,
    slots: Slab<Slot>,
    /// Entries in the heap whose slot was removed or has a newer generation.
    stale: usize,
    next_generation: NonZeroU64,
    shuffle: Shuffle,
    /// The time of the last `expire`: a deadline up to then is past.
    now: Nanos,
    /// A thread waits in the driver until the earliest deadline, or is about to.
    is_parked: bool,
    /// The runtime has ended.
    closed: bool,
}

/// Ordered by its fields from top to bottom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    deadline: Nanos,
    generation: NonZeroU64,
    key: u32,
}

#[derive(Debug)]
struct Slot {
    generation: NonZeroU64,
    /// `None`: the timer has fired.
    waker: Option<Waker>,
}

/// A timer that has fired, and whose waker is to be called.
#[derive(Debug)]
pub(crate) struct Fired {
    pub(crate) key: u32,
    pub(crate) deadline: Nanos,
    pub(crate) waker: Waker,
}

/// The runtime has ended, and no deadline will come.
#[derive(Debug)]
pub(crate) struct Closed;

impl Timers {
    pub(crate) fn new(shuffle: Shuffle) -> Self {
        Timers {
            heap: BinaryHeap::new(),
            slots: Slab::new(),
            stale: 0,
            next_generation: NonZeroU64::MIN,
            shuffle,
            now: 0,
            is_parked: false,
            closed: false,
        }
    }

    /// Ready if the deadline has passed, by the last `expire`.
    pub(crate) fn poll(&self, deadline: Nanos) -> Poll<Result<(), Closed>> {
        match self.closed {
            true => Poll::Ready(Err(Closed)),
            false if deadline <= self.now => Poll::Ready(Ok(())),
            false => Poll::Pending,
        }
    }

    /// Adds a timer, without its waker. The flag says whether a thread is parked in the driver until a later deadline,
    /// and must be unparked.
    pub(crate) fn insert(&mut self, deadline: Nanos) -> (u32, bool) {
        let generation = self.take_generation();
        let slot = self.slots.insert(Slot { generation, waker: None });
        let key = u32::try_from(slot).expect("fewer than 2^32 timers at a time");
        (key, self.push(Entry { deadline, generation, key }))
    }

    /// Where the waker of a timer belongs that has not fired.
    pub(crate) fn waker(&mut self, key: u32) -> &mut Option<Waker> {
        &mut self.slots[key as usize].waker
    }

    pub(crate) fn has_fired(&self, key: u32) -> bool {
        self.slots[key as usize].waker.is_none()
    }

    /// Gives a timer that has not fired another deadline. The answer is that of [`insert`](Timers::insert).
    pub(crate) fn reset(&mut self, key: u32, deadline: Nanos) -> bool {
        let generation = self.take_generation();
        self.slots[key as usize].generation = generation;
        self.mark_stale();
        self.push(Entry { deadline, generation, key })
    }

    /// Removes a timer, and hands out its waker for the caller to drop outside of the lock.
    pub(crate) fn cancel(&mut self, key: u32) -> Option<Waker> {
        let waker = self.slots.remove(key as usize).waker;
        if waker.is_some() {
            self.mark_stale();
        }
        waker
    }

    /// The earliest deadline.
    pub(crate) fn next_deadline(&mut self) -> Option<Nanos> {
        while let Some(Reverse(entry)) = self.heap.peek() {
            if is_live(&self.slots, entry) {
                return Some(entry.deadline);
            }
            self.heap.pop();
            self.stale -= 1;
        }
        None
    }

    /// A thread will park in the driver until the earliest deadline, which is returned. From now on an earlier
    /// deadline must unpark it. (Both under one lock: no deadline is set between the two.)
    pub(crate) fn prepare_park(&mut self) -> Option<Nanos> {
        self.is_parked = true;
        self.next_deadline()
    }

    pub(crate) fn finish_park(&mut self) {
        self.is_parked = false;
    }

    pub(crate) fn is_parked(&self) -> bool {
        self.is_parked
    }

    /// Time has passed: at most `limit` timers whose deadline is not after `now` fire, the earliest first. Returns
    /// whether there may be more.
    pub(crate) fn expire(&mut self, now: Nanos, limit: usize, fired: &mut Vec<Fired>) -> bool {
        self.now = self.now.max(now);
        for _ in 0..limit {
            match self.next_deadline() {
                Some(deadline) if deadline <= self.now => {
                    let Reverse(Entry { key, .. }) = self.heap.pop().expect("it was just seen");
                    let waker = self.waker(key).take().expect("a live timer has a waker");
                    fired.push(Fired { key, deadline, waker });
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
        self.stale = 0;
        self.slots.iter_mut().filter_map(|(_, slot)| slot.waker.take()).collect()
    }

    /// Timers that wait or have fired.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    fn take_generation(&mut self) -> NonZeroU64 {
        let generation = self.next_generation;
        self.next_generation =
            generation.checked_add(1).expect("2^64 timers are not made in a lifetime");
        // The lower 40 bits keep the number unique; the upper ones order equal deadlines.
        self.shuffle
            .as_mut()
            .map_or(generation, |rng| generation | u64::from(rng.below(1 << 24)) << 40)
    }

    /// Returns whether a parked thread must be unparked: the entry is now on top.
    fn push(&mut self, entry: Entry) -> bool {
        self.heap.push(Reverse(entry));
        self.is_parked && self.heap.peek() == Some(&Reverse(entry))
    }

    /// One more entry in the heap is stale.
    fn mark_stale(&mut self) {
        self.stale += 1;
        debug_assert!(self.stale <= self.heap.len(), "each stale entry is in the heap");
        // Rebuilding visits all entries, and half of them have become stale since the last time: constant on
        // average. Without it a server that sets a time-out of an hour for each request, and cancels it after a
        // millisecond, keeps the entries of an hour.
        if self.stale > self.heap.len() / 2 && self.heap.len() > SMALL {
            self.heap.retain(|Reverse(entry)| is_live(&self.slots, entry));
            self.stale = 0;
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

/// Whether an entry is not stale.
fn is_live(slots: &Slab<Slot>, entry: &Entry) -> bool {
    slots.get(entry.key as usize).is_some_and(|slot| slot.generation == entry.generation)
}
