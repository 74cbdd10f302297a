//! Where does a future wait for another task, and what happens if it is dropped meanwhile?
//!
//! A future that waits for a lock, a permit or a message leaves its waker in a queue, and the task that unlocks,
//! releases or sends takes the first one. A future may be dropped at any moment: in the middle of the queue, or
//! just after a permit was assigned to it. Hence two rules for everything that waits in this crate:
//!
//! - A waiter has a **key**. With it the future finds its waiter anywhere in the queue, and removes it before it
//!   is dropped itself ([`WaitQueue::remove`]).
//! - A waiter that is popped **stays in the slab until its future removes it**. What the future was given is
//!   noted in the waiter. If the future is dropped instead of polled, its destructor finds the note and passes
//!   the permit on.
//!
//! ```text
//!                       head                                          tail
//!   pop_front ◀── waiter 4: waker, note ◀─▶ waiter 9 ◀─▶ waiter 2: waker, note ◀── push
//! ```
//!
//! The waiters are a linked list within a slab: no allocation for each, and no pointers. The queue is not a lock:
//! it lies within the lock of its primitive. User code must not run under such a lock, since it could call back
//! into the primitive and deadlock; and a waker's `clone`, `wake` and `drop` are user code. They may panic, too.
//! So a waker is cloned before anything is taken, and called and dropped after the state is settled.
//! [`poll_or_register`](crate::engine::prim::poll_or_register), [`poll_or_enqueue`], [`dequeue`] and
//! [`WakeList`] do so.
//!
//! Next: `notify.rs`, the simplest primitive with a wait queue.

use std::mem;
use std::task::{Context, Poll, Waker};

use slab::Slab;

use crate::engine::prim::{Mutex, discard, wake};

/// A slab with room for more waiters than this is freed when the last waiter is removed. Arbitrary: a burst of
/// waiters leaves at most some kilobytes behind.
const KEEP_CAPACITY: usize = 64;

/// Identifies a waiter until it is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key(usize);

/// Waiters in the order in which they came. `T` is a note about each, under the same lock.
#[derive(Debug)]
pub(crate) struct WaitQueue<T> {
    waiters: Slab<Waiter<T>>,
    head: Option<Key>,
    tail: Option<Key>,
}

#[derive(Debug)]
struct Waiter<T> {
    note: T,
    /// Some while the waiter is in the queue, none once it was popped.
    waker: Option<Waker>,
    /// Its neighbours, while it is in the queue.
    prev: Option<Key>,
    next: Option<Key>,
}

impl<T> WaitQueue<T> {
    pub(crate) const fn new() -> Self {
        WaitQueue { waiters: Slab::new(), head: None, tail: None }
    }

    /// Adds a waiter at the tail.
    pub(crate) fn push(&mut self, note: T, waker: Waker) -> Key {
        let prev = self.tail;
        let key = Key(self.waiters.insert(Waiter { note, waker: Some(waker), prev, next: None }));
        match prev {
            Some(prev) => self.waiter(prev).next = Some(key),
            None => self.head = Some(key),
        }
        self.tail = Some(key);
        key
    }

    /// The first waiter in the queue.
    pub(crate) fn head(&self) -> Option<Key> {
        self.head
    }

    /// The last waiter in the queue.
    pub(crate) fn tail(&self) -> Option<Key> {
        self.tail
    }

    /// Takes all waiters out of the queue, in order.
    pub(crate) fn pop_all(&mut self, wakers: &mut WakeList) {
        self.pop_all_with(|_| {}, wakers);
    }

    /// Takes all waiters out of the queue, in order, and changes their notes.
    pub(crate) fn pop_all_with(&mut self, change: impl Fn(&mut T), wakers: &mut WakeList) {
        if self.head != self.tail {
            // At once: growing step by step costs three per cent of a `notify_waiters` to 500 tasks.
            wakers.more.reserve(self.waiters.len());
        }
        let mut next = self.head.take();
        self.tail = None;
        while let Some(key) = next {
            let waiter = self.waiter(key);
            change(&mut waiter.note);
            next = waiter.next;
            wakers.extend(waiter.waker.take());
        }
    }

    /// The note of a waiter, in the queue or popped.
    pub(crate) fn note(&mut self, key: Key) -> &mut T {
        &mut self.waiter(key).note
    }

    /// The waker of a waiter; none if it was popped.
    pub(crate) fn waker(&mut self, key: Key) -> &mut Option<Waker> {
        &mut self.waiter(key).waker
    }

    /// Removes a waiter, in the queue or popped. The caller drops the waker outside of the lock.
    #[must_use]
    pub(crate) fn remove(&mut self, key: Key) -> (T, Option<Waker>) {
        let waiter = self.waiters.remove(key.0);
        if waiter.waker.is_some() {
            self.link(waiter.prev, waiter.next);
        }
        if self.waiters.is_empty() && self.waiters.capacity() > KEEP_CAPACITY {
            self.waiters = Slab::new();
        }
        (waiter.note, waiter.waker)
    }

    /// Pops a waiter: takes it out of the queue, if it is there. It stays in the slab until its future removes it.
    pub(crate) fn unlink(&mut self, key: Key) -> Option<Waker> {
        let waiter = self.waiter(key);
        let waker = waiter.waker.take()?;
        let (prev, next) = (waiter.prev, waiter.next);
        self.link(prev, next);
        Some(waker)
    }

    /// Links two waiters. `None` stands for the end of the queue.
    fn link(&mut self, prev: Option<Key>, next: Option<Key>) {
        match prev {
            Some(prev) => self.waiter(prev).next = next,
            None => self.head = next,
        }
        match next {
            Some(next) => self.waiter(next).prev = prev,
            None => self.tail = prev,
        }
    }

    fn waiter(&mut self, key: Key) -> &mut Waiter<T> {
        &mut self.waiters[key.0]
    }
}

/// Wakers that were taken under a lock and are called after it. One is the usual number, and costs no allocation.
#[derive(Debug, Default)]
#[must_use]
pub(crate) struct WakeList {
    first: Option<Waker>,
    more: Vec<Waker>,
}

impl WakeList {
    pub(crate) fn extend(&mut self, wakers: impl IntoIterator<Item = Waker>) {
        for waker in wakers {
            match self.first {
                None => self.first = Some(waker),
                Some(_) => self.more.push(waker),
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Calls all wakers, in order. A panic of one does not keep the others from being called.
    #[inline]
    pub(crate) fn wake_all(self) {
        wake(self.first);
        wake(self.more);
    }
}

/// Checks a condition under the lock. If it does not hold yet, the waker is in the queue before the lock is
/// released: at the tail, or where the future's waiter already is.
///
/// `key` is the future's waiter. While it is some, the future must [`dequeue`] when it is dropped. A waiter that was
/// popped although its condition does not hold (another task was quicker) goes to the tail of the queue.
pub(crate) fn poll_or_enqueue<S, T: Default, R>(
    shared: &Mutex<S>,
    cx: &mut Context<'_>,
    key: &mut Option<Key>,
    check: impl FnMut(&mut S) -> Poll<R>,
    queue: impl Fn(&mut S) -> &mut WaitQueue<T>,
) -> Poll<R> {
    poll_or_enqueue_with(shared, cx, key, check, queue, T::default)
}

/// Does what [`poll_or_enqueue`] does, and calls `note` for the note of a new waiter.
pub(crate) fn poll_or_enqueue_with<S, T, R>(
    shared: &Mutex<S>,
    cx: &mut Context<'_>,
    key: &mut Option<Key>,
    mut check: impl FnMut(&mut S) -> Poll<R>,
    queue: impl Fn(&mut S) -> &mut WaitQueue<T>,
    note: impl FnOnce() -> T,
) -> Poll<R> {
    // A future without a waiter will mostly need one: its condition did not hold when it was checked last. So its
    // waker is cloned before the lock is taken, which saves it the second check.
    let mut ours = key.is_none().then(|| cx.waker().clone());
    let mut old = None;
    let result = loop {
        let mut state = shared.lock();
        let result = check(&mut state);
        let queue = queue(&mut state);
        if result.is_ready() {
            old = key.take().and_then(|key| queue.remove(key).1);
            break result;
        }
        let enqueued = key.and_then(|key| queue.waker(key).as_mut());
        if enqueued.as_ref().is_some_and(|last| last.will_wake(cx.waker())) {
            break Poll::Pending;
        }
        if let Some(waker) = ours.take() {
            old = match enqueued {
                Some(last) => Some(mem::replace(last, waker)),
                None => {
                    let popped = key.take().and_then(|key| queue.remove(key).1);
                    *key = Some(queue.push(note(), waker));
                    popped
                }
            };
            break Poll::Pending;
        }
        drop(state);
        ours = Some(cx.waker().clone());
    };
    discard(old);
    discard(ours);
    result
}

/// Removes the waiter of a future that is dropped, if it has one.
pub(crate) fn dequeue<S, T>(
    shared: &Mutex<S>,
    key: Option<Key>,
    queue: impl FnOnce(&mut S) -> &mut WaitQueue<T>,
) {
    discard(key.and_then(|key| queue(&mut shared.lock()).remove(key).1));
}

/// Declares a function that is `const`, except in the models: loom has no atomics and locks that are made in a
/// constant. With two names, the second is that of the same function for a `static`.
macro_rules! const_fn {
    ($(#[$attribute:meta])* $visibility:vis fn $name:ident, $const_name:ident $($function:tt)*) => {
        const_fn! { $(#[$attribute])* $visibility fn $name $($function)* }

        $(#[$attribute])*
        ///
        /// The same as the function above, for a `static`.
        #[cfg(not(loom))]
        $visibility const fn $const_name $($function)*
    };
    ($(#[$attribute:meta])* $visibility:vis fn $name:ident $($function:tt)*) => {
        #[cfg(not(loom))]
        $(#[$attribute])*
        $visibility const fn $name $($function)*

        #[cfg(loom)]
        $(#[$attribute])*
        $visibility fn $name $($function)*
    };
}

pub(crate) use const_fn;
