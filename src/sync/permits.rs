//! How does a program let in a limited number of tasks at once, and the others in the order in which they came?
//!
//! Count **permits**. A task takes some to enter and releases them when it leaves. If there are too few, it waits in
//! the queue. Released permits are assigned to the first waiter before any other task may take them, so that tasks
//! which want few permits cannot overtake for ever a task that wants many.
//!
//! ```text
//!              enough                                        all that it wants
//!   acquire ──────────▶ has them      ┌──────────────┐ ───────────────────────▶ popped and woken;
//!      │                              │ in the queue │                          the next poll is ready
//!      └──── takes what there is ────▶│ lacks some   │
//!                                     └──────────────┘ ── dropped ──▶ what it had is assigned
//!                                                                     to the next waiter
//! ```
//!
//! The number and two flags share one atomic word, so that acquiring and releasing cost one compare-and-swap while
//! there is no waiter. While there is one, the number is zero, and the flag `WAITING` sends each release to the lock
//! of the queue. The flag changes under that lock only.
//!
//! This is the core of the semaphore, the locks and the channels of `mpsc`. It counts, and does not know what the
//! permits are for.
//!
//! Next: `acquire.rs`.

use std::cell::Cell;
use std::fmt;
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};

use super::error::{AcquireError, TryAcquireError};
use super::wait_queue::{Key, WaitQueue, WakeList, const_fn, poll_or_enqueue_with};
use crate::engine::prim::atomic::{AtomicUsize, Ordering};
use crate::engine::prim::{Mutex, discard};
use crate::engine::trace::{self, Event, WaitReason};

/// No permits are assigned any more.
const CLOSED: usize = 0b01;
/// The queue has waiters, and the number is zero.
const WAITING: usize = 0b10;
/// One permit.
const ONE: usize = 0b100;

/// What has permits: a semaphore, a lock, a channel.
pub trait HasPermits {
    /// What a task waits for when it waits for permits.
    const WHAT: &'static str;

    /// The permits.
    fn permits(&self) -> &Permits;
}

/// A number of permits, and the waiters that lack some.
pub struct Permits {
    word: AtomicUsize,
    /// How many permits a lock has: a task with all of them holds it exclusively. `usize::MAX` if this is not a lock.
    all: usize,
    /// The task that holds a lock exclusively; 0 if there is none, or the holder is not a task. It is cleared before
    /// the permits are released, and set after they are taken; under the queue's lock if they are assigned to a
    /// waiter. It is shown in the trace and in a debugger, and nothing else depends on it. So it is std's atomic (the
    /// models need not know of it), and relaxed.
    holder: AtomicU64,
    queue: Mutex<WaitQueue<Request>>,
}

/// What is noted of each waiter.
#[derive(Debug)]
struct Request {
    /// How many permits it still lacks.
    lacking: usize,
    /// The holder, once it has all that it wants: the task that polled last.
    holder: u64,
}

impl Permits {
    /// Tokio's limit. It leaves three bits of the word for flags; two are used.
    pub(crate) const MAX: usize = usize::MAX >> 3;

    const_fn! {
        #[track_caller]
        pub(crate) fn new(permits: usize) -> Self {
            assert_not_too_many(permits);
            Permits {
                word: AtomicUsize::new(permits * ONE),
                all: usize::MAX,
                holder: AtomicU64::new(0),
                queue: Mutex::new(WaitQueue::new()),
            }
        }
    }

    const_fn! {
        /// The permits of a lock.
        pub(super) fn of_lock(all: usize) -> Self {
            let mut permits = Permits::new(all);
            permits.all = all;
            permits
        }
    }

    /// How many permits of a lock a guard takes.
    pub(super) fn wanted(&self, all: bool) -> usize {
        if all { self.all } else { 1 }
    }

    /// Reports what the task waits for: `what`.
    #[track_caller]
    fn report_wait(&self, what: &'static str, wanted: usize, lacking: usize) {
        if !self.is_lock() {
            return trace::waits(WaitReason::Permits { what, wanted, lacking });
        }
        // Once more if the holder has changed: its report may have come before this one.
        loop {
            let holder = self.holder();
            trace::waits(WaitReason::Lock { what, lock: self.address(), holder });
            if self.holder() == holder {
                return;
            }
        }
    }

    fn is_lock(&self) -> bool {
        self.all != usize::MAX
    }

    /// What the trace calls a lock.
    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// The task that holds a lock exclusively.
    fn holder(&self) -> Option<u64> {
        match self.holder.load(Relaxed) {
            0 => None,
            task => Some(task),
        }
    }

    /// How many permits can be taken now.
    pub(crate) fn available(&self) -> usize {
        self.word.load(Ordering::Acquire) / ONE
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.word.load(Ordering::Acquire) & CLOSED != 0
    }

    /// Takes permits, if there are enough now. It does not overtake a waiter: while there is one, the number is zero.
    pub(crate) fn try_acquire(&self, wanted: usize) -> Result<(), TryAcquireError> {
        let enough = |word: usize| word & CLOSED == 0 && word / ONE >= wanted;
        match self.update(|word| enough(word).then(|| word - wanted * ONE)) {
            Ok(_) => self.hold(wanted),
            Err(word) if word & CLOSED != 0 => return Err(TryAcquireError::Closed),
            Err(_) => return Err(TryAcquireError::NoPermits),
        }
        Ok(())
    }

    /// Releases permits that were acquired.
    pub(super) fn release(&self, permits: usize) {
        // Before the permits are added: afterwards it may be the next holder's.
        self.set_holder(0);
        self.add(permits);
    }

    /// Adds permits, new ones or released ones.
    #[track_caller]
    pub(crate) fn add(&self, permits: usize) {
        assert!(
            permits <= Self::MAX,
            "cannot add more than MAX_PERMITS permits ({}), but these are {permits}",
            Self::MAX
        );
        match self.update(|word| if word & WAITING == 0 { plus(word, permits) } else { None }) {
            Ok(_) => {}
            Err(word) if word & WAITING == 0 => too_many(permits),
            Err(_) => {
                let mut wakers = WakeList::default();
                self.assign(&mut self.queue.lock(), permits, &mut wakers);
                self.wake(wakers);
            }
        }
    }

    /// Removes permits for good, as many as can be taken now. Returns how many.
    pub(crate) fn forget(&self, permits: usize) -> usize {
        let removed = |word: usize| permits.min(word / ONE);
        let (Ok(before) | Err(before)) = self.update(|word| Some(word - removed(word) * ONE));
        removed(before)
    }

    /// Assigns no permits any more. The caller wakes the waiters, outside of its own locks.
    pub(crate) fn close(&self) -> WakeList {
        let mut wakers = WakeList::default();
        let mut queue = self.queue.lock();
        _ = self.update(|word| Some((word | CLOSED) & !WAITING));
        queue.pop_all(&mut wakers);
        wakers
    }

    /// Takes permits, or what there is of them and a place in the queue for the rest. `key` is the future's waiter;
    /// while it is some, the future must [`cancel`](Permits::cancel) when it is dropped. `what` is what it waits for.
    #[track_caller]
    pub(super) fn poll_acquire(
        &self,
        key: &mut Option<Key>,
        wanted: usize,
        what: &'static str,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), AcquireError>> {
        if key.is_none() {
            match self.try_acquire(wanted) {
                Ok(()) => return Poll::Ready(Ok(())),
                Err(TryAcquireError::Closed) => return Poll::Ready(Err(AcquireError(()))),
                Err(TryAcquireError::NoPermits) => {}
            }
        }
        let (waiter, holder, lacking) = (*key, self.holder_of(wanted), Cell::new(0));
        let check = |queue: &mut WaitQueue<Request>| {
            if self.is_closed() {
                if let Some(waiter) = waiter {
                    let assigned = wanted - mem::replace(&mut queue.note(waiter).lacking, wanted);
                    // There are no waiters to wake: `close` has popped all of them.
                    self.assign(queue, assigned, &mut WakeList::default());
                }
                return Poll::Ready(Err(AcquireError(())));
            }
            lacking.set(match waiter {
                Some(waiter) => {
                    queue.note(waiter).holder = holder;
                    queue.note(waiter).lacking
                }
                None => self.take_or_set_waiting(wanted),
            });
            if lacking.get() == 0 { Poll::Ready(Ok(())) } else { Poll::Pending }
        };
        let note = || Request { lacking: lacking.get(), holder };
        let polled = poll_or_enqueue_with(&self.queue, cx, key, check, |queue| queue, note);
        if polled.is_pending() {
            self.report_wait(what, wanted, lacking.get());
        }
        polled
    }

    /// Takes permits, or what there is of them. Returns how many are lacking. Under the queue's lock; if some are
    /// lacking, a waiter is pushed before it is released.
    fn take_or_set_waiting(&self, wanted: usize) -> usize {
        let (Ok(before) | Err(before)) = self.update(|word| match word / ONE {
            available if available >= wanted => Some(word - wanted * ONE),
            // The race. This task: one permit too few … Another task: releases it, sees no flag, and is done … This
            // task: enters the queue, for ever. But the swap that takes the rest also sets the flag. So the release
            // came before it, and is counted here; or it comes after it, sees the flag, and waits for the lock, which
            // is held until the waiter is in the queue.
            _ => Some(WAITING),
        });
        wanted.saturating_sub(before / ONE)
    }

    /// Removes a waiter, and assigns what it had to the next ones.
    pub(super) fn cancel(&self, key: Key, wanted: usize) {
        let mut wakers = WakeList::default();
        let mut queue = self.queue.lock();
        let (Request { lacking, .. }, waker) = queue.remove(key);
        if lacking == 0 {
            self.set_holder(0);
        }
        self.assign(&mut queue, wanted - lacking, &mut wakers);
        drop(queue);
        self.wake(wakers);
        discard(waker);
    }

    /// Wakes waiters that have all that they want now.
    fn wake(&self, wakers: WakeList) {
        if self.is_lock() && !wakers.is_empty() {
            // Before this task may wait for another lock: a deadlock is a cycle of tasks and of the holders of what
            // they wait for.
            trace::report_here(Event::LockAssigned { lock: self.address(), holder: self.holder() });
        }
        wakers.wake_all();
    }

    /// Assigns permits to the waiters, in order. What is left can be taken by any task.
    fn assign(&self, queue: &mut WaitQueue<Request>, mut permits: usize, wakers: &mut WakeList) {
        while let Some(head) = queue.head() {
            let Request { lacking, holder } = queue.note(head);
            let assigned = permits.min(*lacking);
            *lacking -= assigned;
            permits -= assigned;
            if *lacking > 0 {
                return;
            }
            // Not at its next poll: it holds the permits from now on.
            self.set_holder(*holder);
            wakers.extend(queue.unlink(head));
        }
        if self.update(|word| plus(word & !WAITING, permits)).is_err() {
            too_many(permits);
        }
    }

    /// This task, if so many permits are a lock that is held exclusively; otherwise 0.
    fn holder_of(&self, permits: usize) -> u64 {
        if permits == self.all { trace::current_task().unwrap_or(0) } else { 0 }
    }

    /// This task holds the lock, if so many permits are one.
    pub(super) fn hold(&self, permits: usize) {
        self.set_holder(self.holder_of(permits));
    }

    fn set_holder(&self, holder: u64) {
        self.holder.store(holder, Relaxed);
    }

    /// Replaces the word by `next(word)`. If that is `None`, leaves it and returns `Err`. Returns the previous word.
    fn update(&self, next: impl FnMut(usize) -> Option<usize>) -> Result<usize, usize> {
        // AcqRel matches itself: a release publishes what was done under a permit, and the task that takes the
        // permit, however many swaps later, sees it.
        self.word.fetch_update(Ordering::AcqRel, Ordering::Acquire, next)
    }
}

impl fmt::Debug for Permits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permits").field("available", &self.available()).finish()
    }
}

/// The word with more permits; none if they are too many.
fn plus(word: usize, permits: usize) -> Option<usize> {
    (permits <= Permits::MAX - word / ONE).then(|| word + permits * ONE)
}

#[track_caller]
pub(super) const fn assert_not_too_many(permits: usize) {
    // A constant text: this runs at compile time, too.
    assert!(
        permits <= Permits::MAX,
        "a semaphore may not have more than MAX_PERMITS permits (usize::MAX >> 3)"
    );
}

#[cold]
#[track_caller]
fn too_many(permits: usize) -> ! {
    panic!("number of added permits ({permits}) would overflow MAX_PERMITS ({})", Permits::MAX);
}
