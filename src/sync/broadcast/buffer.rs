//! How do many tasks receive the same values, each at its own pace, without one delaying the others?
//!
//! The values are numbered. The channel keeps the newest of them in a ring of slots, and a receiver is the number of
//! the value that it receives next: its **cursor**. A cursor that points before the oldest value has lagged, and the
//! distance is the number of values that it has missed.
//!
//! ```text
//!        lagged by 2                                received all
//!             ▼                                          ▼
//!   number    3    4  │  5     6     7     8     9   │   10
//!                     │ [2]   [2]   [3]   [3]   [3]  │
//!                     └ a slot for each value,       └ next
//!                       with the number of receivers that have yet to receive it
//! ```
//!
//! Each slot has a lock of its own, so receivers at different values do not contend. The **tail**, which is the next
//! number and the counts of receivers and senders, has another. A sender locks the slot that it fills and then the
//! tail; no other code locks the two together.
//!
//! A value is cloned under the lock of its slot: `T` need not be `Sync`, so only one thread at a time may. `clone` is
//! user code. It may use the channel, but it must not receive or overwrite the very value that is being cloned; that
//! panics instead of a deadlock. No other lock is held meanwhile, so only the threads that need this slot wait. To
//! clone it outside of the lock, as a value with a reference count, took six locked instructions for each receiver
//! instead of two, and twice the time.
//!
//! Next: `receiver.rs`.

use std::mem;
use std::ptr;

use super::error::{SendError, TryRecvError};
use crate::engine::prim::atomic::Ordering::{Acquire, Relaxed, Release};
use crate::engine::prim::atomic::{AtomicU64, AtomicUsize};
use crate::engine::prim::{Mutex, MutexGuard, OnDrop, catch_and_drop_panic, thread_local};
use crate::sync::notify::Notify;
use crate::sync::waker_set::WakerSet;

/// What the senders and receivers share.
pub(super) struct Shared<T> {
    slots: Box<[Slot<T>]>,
    /// The number of the value that is sent next. It changes under the tail's lock.
    next: AtomicU64,
    /// With the receivers that wait for a value.
    pub(super) tail: WakerSet<Tail>,
    /// Senders that wait until there is no receiver.
    pub(super) closed: Notify,
}

pub(super) struct Tail {
    pub(super) receivers: usize,
    pub(super) senders: usize,
    pub(super) weak_senders: usize,
}

struct Slot<T> {
    /// None once all receivers have received it.
    value: Mutex<Option<T>>,
    /// The number of the value, and how many receivers have yet to receive it. They change under the lock.
    number: AtomicU64,
    remaining: AtomicUsize,
    /// The thread that clones the value, by [`this_thread`]; 0 is none. Relaxed: a thread looks for itself only.
    cloned_by: AtomicUsize,
}

/// A number that no other live thread has, and that is not 0.
fn this_thread() -> usize {
    thread_local! {
        static MARK: u8 = const { 0 };
    }
    MARK.with(|mark| ptr::from_ref(mark).addr())
}

impl<T> Shared<T> {
    /// With one sender, and no receiver.
    #[track_caller]
    pub(super) fn new(capacity: usize) -> Self {
        assert!(capacity > 0, "broadcast channel capacity cannot be zero");
        assert!(capacity <= usize::MAX / 2, "broadcast channel capacity exceeded `usize::MAX / 2`");
        Shared {
            slots: (0..capacity.next_power_of_two()).map(|_| Slot::new()).collect(),
            next: AtomicU64::new(0),
            tail: WakerSet::new(Tail { receivers: 0, senders: 1, weak_senders: 0 }),
            closed: Notify::new(),
        }
    }

    pub(super) fn next(&self) -> u64 {
        self.next.load(Acquire)
    }

    /// The number of the oldest value that is kept, if this is the next one.
    fn oldest(&self, next: u64) -> u64 {
        next.saturating_sub(self.slots.len() as u64)
    }

    fn slot(&self, number: u64) -> &Slot<T> {
        // The length is a power of two.
        &self.slots[number as usize & (self.slots.len() - 1)]
    }

    /// Sends a value to all receivers, and returns their number.
    pub(super) fn send(&self, value: T) -> Result<usize, SendError<T>> {
        let mut value = Some(value);
        loop {
            let number = self.next();
            let slot = self.slot(number);
            let mut stored = slot.lock();
            let (sent, wakers) = self.tail.change(|tail| {
                let is_next = self.next() == number;
                if is_next && tail.receivers > 0 {
                    mem::swap(&mut *stored, &mut value);
                    slot.remaining.store(tail.receivers, Relaxed);
                    slot.number.store(number, Relaxed);
                    // Release: matches the Acquire in `next`. A thread without a lock that reads the next number reads
                    // of each slot before it what belongs to that value, or to a later one.
                    self.next.store(number + 1, Release);
                }
                is_next.then_some(tail.receivers)
            });
            drop(stored);
            wakers.wake_all();
            match sent {
                Some(0) => return Err(SendError(value.expect("it was not stored"))),
                // The value that was overwritten is dropped here.
                Some(receivers) => return Ok(receivers),
                // Another sender has sent this number.
                None => {}
            }
        }
    }

    /// A clone of the value at the cursor, which moves on. None if it was overwritten, or not sent yet.
    pub(super) fn receive(&self, cursor: &mut u64) -> Option<T>
    where
        T: Clone,
    {
        let slot = self.slot(*cursor);
        if !slot.has(*cursor) {
            return None;
        }
        let mut stored = slot.lock();
        let is_last = slot.count_one_less(*cursor)?;
        // If the `clone` panics, the value counts as received, as in Tokio.
        *cursor += 1;
        if is_last {
            let mut value = stored.take();
            drop(stored);
            let clone = value.clone();
            // If its destructor panics, the clone is not lost.
            catch_and_drop_panic(|| drop(value.take()));
            return clone;
        }
        slot.cloned_by.store(this_thread(), Relaxed);
        let _end = OnDrop(|| slot.cloned_by.store(0, Relaxed));
        stored.clone()
    }

    /// Counts one receiver less. Returns the values that only it had yet to receive, to be dropped.
    #[must_use]
    pub(super) fn remove_receiver(&self, cursor: u64) -> Vec<Option<T>> {
        let (next, is_last) = self.tail.with(|tail| {
            tail.receivers -= 1;
            (self.next(), tail.receivers == 0)
        });
        let values = (cursor.max(self.oldest(next))..next).filter_map(|number| {
            let slot = self.slot(number);
            let mut stored = slot.lock();
            slot.count_one_less(number)?.then(|| stored.take())
        });
        let values = values.collect();
        if is_last {
            self.closed.notify_waiters();
        }
        values
    }

    /// How many values there are that a receiver has yet to receive.
    pub(super) fn len(&self) -> usize {
        let next = self.next();
        let (mut oldest, mut end) = (self.oldest(next), next);
        // A receiver that has yet to receive a value has yet to receive all later ones: a binary search.
        while oldest < end {
            let middle = oldest + (end - oldest) / 2;
            let slot = self.slot(middle);
            match slot.has(middle) && slot.remaining.load(Relaxed) == 0 {
                true => oldest = middle + 1,
                false => end = middle,
            }
        }
        (next - oldest) as usize
    }

    /// What there is at a cursor, under the tail's lock: Ok if it is a value. A cursor that has lagged is moved to the
    /// oldest value.
    pub(super) fn check(&self, tail: &Tail, cursor: &mut u64) -> Result<(), TryRecvError> {
        let next = self.next();
        let oldest = self.oldest(next);
        if *cursor < oldest {
            let missed = oldest - mem::replace(cursor, oldest);
            return Err(TryRecvError::Lagged(missed));
        }
        match *cursor == next {
            true if tail.senders == 0 => Err(TryRecvError::Closed),
            true => Err(TryRecvError::Empty),
            false => Ok(()),
        }
    }
}

impl<T> Slot<T> {
    /// Without a value, and with a number that no value has.
    fn new() -> Self {
        Slot {
            value: Mutex::new(None),
            number: AtomicU64::new(u64::MAX),
            remaining: AtomicUsize::new(0),
            cloned_by: AtomicUsize::new(0),
        }
    }

    /// # Panics
    ///
    /// If this thread holds the lock: the `clone` of the value needs it once more.
    fn lock(&self) -> MutexGuard<'_, Option<T>> {
        let is_nested = self.cloned_by.load(Relaxed) == this_thread();
        assert!(
            !is_nested,
            "the `clone` of a broadcast value received or overwrote that very value"
        );
        self.value.lock()
    }

    fn has(&self, number: u64) -> bool {
        self.number.load(Relaxed) == number
    }

    /// Under the lock, counts one receiver less. Returns whether it was the last; none if the value is another one.
    fn count_one_less(&self, number: u64) -> Option<bool> {
        let remaining = self.remaining.load(Relaxed);
        self.has(number).then(|| {
            self.remaining.store(remaining - 1, Relaxed);
            remaining == 1
        })
    }
}
