//! What do the senders and the receiver of a channel share?
//!
//! A queue of messages, and a semaphore that counts the free capacity. A sender acquires a permit and pushes one
//! message; the permit is released when the message is received. The semaphore of an unbounded channel has more permits
//! than memory has room for messages.
//!
//! So a permit is acquired and not yet released for each message in the channel, and for each message that a sender may
//! still push. To close the channel is to close the semaphore: no permit can be acquired any more. `recv` returns
//! `None` when the channel is **finished**:
//!
//! ```text
//!   finished  =  no message is left, and (all senders are dropped, or (closed, and all permits are released))
//! ```
//!
//! The receiver does not pop messages one by one. It swaps the shared queue for an empty one of its own, and receives
//! from its own queue, without a lock, until that is empty. So senders and receiver seldom contend for the lock.
//!
//! Under the lock no waker is called, and no message or waker is dropped.
//!
//! Next: `sender.rs`.

use std::collections::VecDeque;
use std::mem;
use std::task::{Context, Poll, Waker};

use crate::engine::prim::atomic::AtomicUsize;
use crate::engine::prim::atomic::Ordering::{Acquire, Relaxed, Release};
use crate::engine::prim::{Mutex, poll_or_register, wake};
use crate::sync::fmt::debug_fields;
use crate::sync::notify::Notify;
use crate::sync::permits::{HasPermits, Permits};

/// What the senders and the receiver share.
pub(super) struct Chan<T> {
    /// The free capacity: a permit for each message that may be pushed.
    pub(super) semaphore: Permits,
    /// How many permits there are in all, acquired or not.
    pub(super) max_capacity: usize,
    /// The number of senders.
    pub(super) strong: AtomicUsize,
    /// The number of weak senders.
    pub(super) weak: AtomicUsize,
    queue: Mutex<Queue<T>>,
    /// Notifies the tasks that wait until the semaphore is closed.
    pub(super) notify_closed: Notify,
}

/// What the lock guards.
struct Queue<T> {
    /// The messages that were pushed after the receiver last took the queue.
    messages: VecDeque<T>,
    /// The waker of the receiver, while it waits.
    rx_waker: Option<Waker>,
    /// Whether the receiver is dropped. A message that is pushed afterwards is dropped.
    rx_dropped: bool,
}

impl<T> Chan<T> {
    /// A channel with one sender.
    #[track_caller]
    pub(super) fn new(capacity: usize) -> Self {
        let queue = Queue { messages: VecDeque::new(), rx_waker: None, rx_dropped: false };
        Chan {
            semaphore: Permits::new(capacity),
            max_capacity: capacity,
            strong: AtomicUsize::new(1),
            weak: AtomicUsize::new(0),
            queue: Mutex::new(queue),
            notify_closed: Notify::new(),
        }
    }

    // ---- the senders ----

    /// Pushes a message, and wakes the receiver. The caller has acquired a permit, which goes with the message and is
    /// released when the message is received.
    pub(super) fn push(&self, message: T) {
        let mut queue = self.queue.lock();
        if queue.rx_dropped {
            drop(queue);
            return self.release();
        }
        queue.messages.push_back(message);
        let waker = queue.rx_waker.take();
        drop(queue);
        wake(waker);
    }

    /// Releases a permit with which no message was pushed.
    pub(super) fn release(&self) {
        self.semaphore.release(1);
        self.wake_if_finished();
    }

    /// Wakes the receiver if the channel is closed and all permits are released. A sender calls this after it has
    /// released a permit.
    ///
    /// The race. Receiver: the queue is empty, a permit is missing … Sender: releases it, finds no waker …
    /// Receiver: stores its waker and waits for ever. It cannot happen: the receiver checks the permits and stores
    /// its waker under one hold of the lock, and the sender takes the lock after it has released the permit. Either
    /// the receiver sees the permit, or the sender finds the waker. The receiver needs no wake for a permit that is
    /// released before the channel is closed: the receiver closes the channel itself, and checks afterwards.
    pub(super) fn wake_if_finished(&self) {
        if self.is_closed_and_idle() {
            self.wake_receiver();
        }
    }

    fn wake_receiver(&self) {
        let waker = self.queue.lock().rx_waker.take();
        wake(waker);
    }

    /// Counts one more sender. Returns false if all senders are dropped: then there is never one again.
    #[must_use]
    pub(super) fn add_strong(&self) -> bool {
        let add_one = |strong| if strong == 0 { None } else { Some(strong + 1) };
        self.strong.fetch_update(Relaxed, Relaxed, add_one).is_ok()
    }

    /// Counts one sender less. If it was the last one, wakes the receiver.
    pub(super) fn remove_strong(&self) {
        // Release: matches the Acquire in `strong_count`. A receiver that reads zero sees what all senders did. The race
        // of `wake_if_finished` is excluded in the same way: the count is zero before `wake_receiver` takes the lock.
        if self.strong.fetch_sub(1, Release) == 1 {
            self.wake_receiver();
        }
    }

    pub(super) fn strong_count(&self) -> usize {
        self.strong.load(Acquire)
    }

    // ---- the receiver ----

    /// Waits until there are messages, and swaps the queue for `taken`, which is empty. False if the channel is
    /// finished.
    pub(super) fn poll_take(&self, cx: &mut Context<'_>, taken: &mut VecDeque<T>) -> Poll<bool> {
        let take = |queue: &mut Queue<T>| self.take(queue, taken);
        poll_or_register(&self.queue, cx, take, |queue| &mut queue.rx_waker)
    }

    /// Swaps the queue for `taken`, which is empty, without waiting. Pending if there is no message now; false if the
    /// channel is finished.
    pub(super) fn try_take(&self, taken: &mut VecDeque<T>) -> Poll<bool> {
        self.take(&mut self.queue.lock(), taken)
    }

    fn take(&self, queue: &mut Queue<T>, taken: &mut VecDeque<T>) -> Poll<bool> {
        assert!(taken.is_empty(), "taken messages are received before others are taken");
        if !queue.messages.is_empty() {
            mem::swap(&mut queue.messages, taken);
            return Poll::Ready(true);
        }
        let is_finished = self.strong_count() == 0 || self.is_closed_and_idle();
        if is_finished { Poll::Ready(false) } else { Poll::Pending }
    }

    /// Whether the channel is closed, and no message is in it or may still be pushed.
    fn is_closed_and_idle(&self) -> bool {
        // In this order: once the semaphore is closed, permits are only released. In the other order, a sender that
        // calls this could count the permits, another sender acquire one, and the receiver close the channel; then the
        // receiver would be woken for nothing.
        self.semaphore.is_closed() && self.semaphore.available() == self.max_capacity
    }

    /// How many messages were pushed after the receiver last took the queue.
    pub(super) fn len(&self) -> usize {
        self.queue.lock().messages.len()
    }

    /// Closes the channel: no permit can be acquired any more. Wakes the tasks that wait for a permit, and those that
    /// wait until the channel is closed.
    pub(super) fn close(&self) {
        self.semaphore.close().wake_all();
        self.notify_closed.notify_waiters();
    }

    /// Notes that the receiver is dropped, and returns the messages and the receiver's waker. The caller drops them
    /// outside of the lock, closes the channel, and releases the permits of the messages.
    pub(super) fn set_rx_dropped(&self) -> (VecDeque<T>, Option<Waker>) {
        let mut queue = self.queue.lock();
        queue.rx_dropped = true;
        (mem::take(&mut queue.messages), queue.rx_waker.take())
    }
}

impl<T> HasPermits for Chan<T> {
    const WHAT: &'static str = "room in a channel";

    fn permits(&self) -> &Permits {
        &self.semaphore
    }
}

debug_fields!(Chan<T>: semaphore, max_capacity, strong, weak);
