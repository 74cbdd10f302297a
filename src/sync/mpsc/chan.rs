//! What do the senders and the receiver of a channel share?
//!
//! A queue of messages, and a semaphore that counts its free capacity. A sender acquires a permit, pushes one message,
//! and the permit is released when that message is received. An unbounded channel has more permits than memory has
//! room for messages. So every message that is in the channel, and every message that may still be sent, is a
//! permit that is missing from the semaphore. It follows when the channel has ended:
//!
//! ```text
//!   finished  =  all senders are dropped, or (closed, and all permits are released)
//! ```
//!
//! The receiver does not pop messages one by one. It swaps the whole queue for an empty one, and then receives from
//! its own queue without a lock until that is empty. So the two ends seldom contend for the lock.
//!
//! No waker is called, and no message or waker dropped, under the lock.
//!
//! Next: `sender.rs`.

use std::collections::VecDeque;
use std::mem;
use std::task::{Context, Poll, Waker};

use crate::engine::prim::atomic::AtomicUsize;
use crate::engine::prim::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use crate::engine::prim::{Mutex, poll_or_register, wake};
use crate::sync::fmt::debug_fields;
use crate::sync::notify::Notify;
use crate::sync::permits::{HasPermits, Permits};

/// What the senders and the receiver share.
pub(super) struct Chan<T> {
    /// A permit for each message that may be pushed.
    pub(super) semaphore: Permits,
    /// How many permits there are in all.
    pub(super) max_capacity: usize,
    /// Senders, and weak senders.
    pub(super) strong: AtomicUsize,
    pub(super) weak: AtomicUsize,
    queue: Mutex<Queue<T>>,
    /// Tasks that wait until the semaphore is closed.
    pub(super) closed: Notify,
}

struct Queue<T> {
    /// What was pushed since the receiver took the queue last.
    messages: VecDeque<T>,
    rx_waker: Option<Waker>,
    /// The receiver was dropped: a message that is pushed now is dropped.
    rx_dropped: bool,
}

impl<T> Chan<T> {
    /// With one sender.
    #[track_caller]
    pub(super) fn new(capacity: usize) -> Self {
        let queue = Queue { messages: VecDeque::new(), rx_waker: None, rx_dropped: false };
        Chan {
            semaphore: Permits::new(capacity),
            max_capacity: capacity,
            strong: AtomicUsize::new(1),
            weak: AtomicUsize::new(0),
            queue: Mutex::new(queue),
            closed: Notify::new(),
        }
    }

    // ---- the senders ----

    /// Pushes a message. The caller has a permit for it, which is released when the message is received.
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

    /// Releases a permit with which no message was sent.
    pub(super) fn release(&self) {
        self.semaphore.release(1);
        self.wake_if_finished();
    }

    /// Wakes the receiver if the permit that was just released was the last that it waited for.
    ///
    /// The race. Receiver: the queue is empty, a permit is missing … Sender: releases it, finds no waker …
    /// Receiver: stores its waker and waits for ever. It cannot happen: the receiver checks the permits and stores
    /// its waker under one lock, which the sender takes after it has released the permit. Either the receiver sees
    /// the permit, or the sender finds the waker.
    pub(super) fn wake_if_finished(&self) {
        if self.is_closed_and_idle() {
            self.wake_receiver();
        }
    }

    fn wake_receiver(&self) {
        let waker = self.queue.lock().rx_waker.take();
        wake(waker);
    }

    /// Counts one more sender. False if there is none, which is final.
    #[must_use]
    pub(super) fn add_strong(&self) -> bool {
        let add_one = |strong| if strong == 0 { None } else { Some(strong + 1) };
        self.strong.fetch_update(Relaxed, Relaxed, add_one).is_ok()
    }

    /// Counts one sender less. The last one ends the channel.
    pub(super) fn remove_strong(&self) {
        // Release: matches the Acquire in `strong_count`; the receiver that reads zero sees all that was pushed. The
        // lock in `wake_receiver` then closes the same race as in `wake_if_finished`.
        if self.strong.fetch_sub(1, AcqRel) == 1 {
            self.wake_receiver();
        }
    }

    pub(super) fn strong_count(&self) -> usize {
        self.strong.load(Acquire)
    }

    // ---- the receiver ----

    /// Swaps the queue for `taken`, which is empty. False if there is no message and none will come.
    pub(super) fn poll_take(&self, cx: &mut Context<'_>, taken: &mut VecDeque<T>) -> Poll<bool> {
        let take = |queue: &mut Queue<T>| self.take(queue, taken);
        poll_or_register(&self.queue, cx, take, |queue| &mut queue.rx_waker)
    }

    /// Swaps the queue for `taken`, which is empty, if there is a message now.
    pub(super) fn try_take(&self, taken: &mut VecDeque<T>) -> Poll<bool> {
        self.take(&mut self.queue.lock(), taken)
    }

    fn take(&self, queue: &mut Queue<T>, taken: &mut VecDeque<T>) -> Poll<bool> {
        assert!(taken.is_empty(), "the messages that were taken come first");
        if !queue.messages.is_empty() {
            mem::swap(&mut queue.messages, taken);
            return Poll::Ready(true);
        }
        let is_finished = self.strong_count() == 0 || self.is_closed_and_idle();
        if is_finished { Poll::Ready(false) } else { Poll::Pending }
    }

    fn is_closed_and_idle(&self) -> bool {
        // In this order: once the semaphore is closed, permits are only released. In the other order a permit could
        // be acquired in between, and the receiver be woken for nothing.
        self.semaphore.is_closed() && self.semaphore.available() == self.max_capacity
    }

    /// How many messages were pushed since the receiver took the queue last.
    pub(super) fn len(&self) -> usize {
        self.queue.lock().messages.len()
    }

    /// Gives no more permits. Wakes the tasks that wait for a permit, and those that wait for this.
    pub(super) fn close(&self) {
        self.semaphore.close().wake_all();
        self.closed.notify_waiters();
    }

    /// The receiver is dropped: takes the messages and its waker.
    pub(super) fn drop_receiver(&self) -> (VecDeque<T>, Option<Waker>) {
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
