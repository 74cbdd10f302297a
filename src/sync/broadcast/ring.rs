//! How do many receive the same values, each at its own pace, without one holding up the others?
//!
//! Number the values. The channel keeps the newest of them in a queue, and each receiver is nothing but
//! the number of the value that it receives next: its **cursor**. One whose cursor has fallen off the
//! front of the queue has lagged, and the distance says by how much.
//!
//! ```text
//!        lagged by 2                              received all
//!             ▼                                        ▼
//!   number    3    4  │  5    6    7    8    9   │     10
//!                     │ [2]  [2]  [3]  [3]  [3]  │
//!                     └ values, and by how many    └ next
//!                       receivers each is awaited
//! ```
//!
//! A value goes when it is pushed off the front by a new one, or when the last receiver that was to have
//! it did. That is always the first in the queue: who waits for a value waits for all that came later.
//!
//! What protects what. The queue and the cursors' counts lie under the channel's lock. A value's `clone`
//! and `drop` are user code: they may panic, take their time, or use this very channel. So receivers take a
//! reference to the value under the channel's lock, and do the rest after it. The value need not be `Sync`,
//! so one thread at a time clones it: each value has a lock of its own. That lock is reentrant, as a `clone`
//! may receive the same value through another receiver. The access follows a **rule**.
//!
//! - **Rule 13.** A thread has a reference to a value only while the value's `owner` is this thread. It becomes
//!   the owner under the value's lock, and is not the owner any more when it unlocks.
//!
//! Next: `receiver.rs`.

use std::collections::VecDeque;
use std::ptr;
use std::sync::Arc;

use super::error::TryRecvError;
use crate::engine::prim::atomic::{AtomicUsize, Ordering::Relaxed};
use crate::engine::prim::{Mutex, UnsafeCell};
use crate::sync::wait_queue::WaitQueue;

/// A queue with room for more than so many values is let go when it is empty, so that a burst does not
/// leave its memory behind. Arbitrary; its effect is an allocation for each 256 values of a burst.
const KEEP_ROOM: usize = 256;

/// What all senders and receivers share.
pub(super) type Shared<T> = Mutex<Ring<T>>;

/// A value, which receivers clone by rule 13.
pub(super) struct Value<T> {
    lock: Mutex<()>,
    /// The thread that clones the value, as [`this_thread`] names it; 0 is none. Relaxed: only a thread that
    /// has written its own name here can read it back.
    owner: AtomicUsize,
    value: UnsafeCell<T>,
}

// SAFETY: by rule 13 the value is seen by one thread at a time, which the lock makes an exchange of messages:
// it is sent (`Send`), and never shared.
unsafe impl<T: Send> Sync for Value<T> {}

/// A number that no other thread has as long as this one lives, and that is not 0.
fn this_thread() -> usize {
    #[cfg(not(loom))]
    thread_local! {
        static ADDRESS: u8 = const { 0 };
    }
    #[cfg(loom)]
    loom::thread_local! {
        static ADDRESS: u8 = 0;
    }
    ADDRESS.with(|place| ptr::from_ref(place).addr())
}

impl<T: Clone> Value<T> {
    /// A clone of the value. Waits while another thread makes one.
    pub(super) fn cloned(&self) -> T {
        /// The thread gives the value up, even if the `clone` panics.
        struct Disown<'a>(&'a AtomicUsize);
        impl Drop for Disown<'_> {
            fn drop(&mut self) {
                self.0.store(0, Relaxed);
            }
        }
        let this_thread = this_thread();
        // If it is the owner, this is a receive within the `clone` of this very value.
        let locked = (self.owner.load(Relaxed) != this_thread).then(|| {
            let lock = self.lock.lock();
            self.owner.store(this_thread, Relaxed);
            (Disown(&self.owner), lock)
        });
        // SAFETY: rule 13. Nothing changes the value but its destructor.
        let clone = self.value.with(|value| unsafe { (*value).clone() });
        drop(locked);
        clone
    }
}

/// The newest values, and who is there.
pub(super) struct Ring<T> {
    /// How many values are kept.
    capacity: usize,
    /// Oldest first.
    values: VecDeque<Kept<T>>,
    /// The number of the value that is sent next.
    next: u64,
    pub(super) receivers: usize,
    /// Handles that can send, and handles that can become such.
    pub(super) senders: usize,
    pub(super) weak_senders: usize,
    /// Who awaits a value.
    pub(super) waiting: WaitQueue<()>,
    /// Who awaits the end of all receivers.
    pub(super) watchers: WaitQueue<()>,
}

struct Kept<T> {
    value: Arc<Value<T>>,
    /// How many receivers have it still to come; at least one.
    awaited_by: usize,
}

impl<T> Ring<T> {
    #[track_caller]
    pub(super) fn new(capacity: usize) -> Self {
        assert!(capacity > 0, "broadcast channel capacity cannot be zero");
        assert!(capacity <= usize::MAX / 2, "broadcast channel capacity exceeded `usize::MAX / 2`");
        Ring {
            // As in Tokio, where it makes a mask of it. Nothing is allocated for it here.
            capacity: capacity.next_power_of_two(),
            values: VecDeque::new(),
            next: 0,
            receivers: 0,
            senders: 1,
            weak_senders: 0,
            waiting: WaitQueue::new(),
            watchers: WaitQueue::new(),
        }
    }

    /// How many values are kept.
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// Appends a value, for every receiver that there is; at least one. Drop the one that made room for
    /// it outside of the lock.
    #[must_use]
    pub(super) fn push(&mut self, value: T) -> Option<Arc<Value<T>>> {
        let pushed_off = if self.len() == self.capacity { self.values.pop_front() } else { None };
        let value = Arc::new(Value {
            lock: Mutex::new(()),
            owner: AtomicUsize::new(0),
            value: UnsafeCell::new(value),
        });
        self.values.push_back(Kept { value, awaited_by: self.receivers });
        self.next += 1;
        pushed_off.map(|kept| kept.value)
    }

    /// One more receiver, with its cursor.
    pub(super) fn add_receiver(&mut self) -> u64 {
        self.receivers += 1;
        self.next
    }

    /// One receiver less. Drop what only it had still to receive outside of the lock.
    #[must_use]
    pub(super) fn remove_receiver(&mut self, cursor: u64) -> Vec<Arc<Value<T>>> {
        self.receivers -= 1;
        let received = cursor.saturating_sub(self.oldest()) as usize;
        self.values.iter_mut().skip(received).for_each(|kept| kept.awaited_by -= 1);
        let gone = self.values.iter().take_while(|kept| kept.awaited_by == 0).count();
        let gone = self.values.drain(..gone).map(|kept| kept.value).collect();
        self.shrink();
        gone
    }

    /// The value at the cursor, which moves on. Clone it, and drop it, outside of the lock.
    pub(super) fn receive(&mut self, cursor: &mut u64) -> Result<Arc<Value<T>>, TryRecvError> {
        let oldest = self.oldest();
        if *cursor < oldest {
            let missed = oldest - *cursor;
            *cursor = oldest;
            return Err(TryRecvError::Lagged(missed));
        }
        let Some(kept) = self.values.get_mut((*cursor - oldest) as usize) else {
            return Err(if self.senders == 0 { TryRecvError::Closed } else { TryRecvError::Empty });
        };
        *cursor += 1;
        kept.awaited_by -= 1;
        if kept.awaited_by > 0 {
            return Ok(kept.value.clone());
        }
        let kept = self.values.pop_front().expect("a value that nobody awaits is the first");
        self.shrink();
        Ok(kept.value)
    }

    /// How many values there are for this cursor, with those that it has missed.
    pub(super) fn len_from(&self, cursor: u64) -> usize {
        (self.next - cursor) as usize
    }

    /// The number of the first value that is kept.
    fn oldest(&self) -> u64 {
        self.next - self.values.len() as u64
    }

    fn shrink(&mut self) {
        if self.values.is_empty() && self.values.capacity() > KEEP_ROOM {
            self.values = VecDeque::new();
        }
    }
}
