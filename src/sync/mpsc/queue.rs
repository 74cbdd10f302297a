//! What do the two ends of a channel share?
//!
//! A queue of messages, and room in it. The room is counted by permits: whoever holds one may push one
//! message, and the permit is put back when that message is received. A channel without a bound is one
//! whose room nobody can fill. So every message, wherever it is, and every promise of one, is a permit
//! that is out. And that makes it easy to say when a channel is at its end:
//!
//! ```text
//!   finished  =  all senders are dropped, or (closed, and all permits are back)
//! ```
//!
//! The receiver does not take messages one by one. It swaps the whole queue for an empty one, and then
//! receives from what it has, without a lock, until that is used up. So the two ends seldom meet.
//!
//! Under the lock nothing is woken, and no message or waker dropped.
//!
//! Next: `tx.rs`, the sending end.

use std::collections::VecDeque;
use std::fmt;
use std::mem;
use std::task::{Context, Poll, Waker};

use crate::engine::prim::atomic::AtomicUsize;
use crate::engine::prim::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use crate::engine::prim::{Mutex, poll_or_register, wake};
use crate::sync::permits::{HasPermits, Permits};
use crate::sync::wait_queue::WaitQueue;

/// What both ends share.
pub(super) struct Queue<T> {
    /// A permit for each message that may be pushed.
    pub(super) room: Permits,
    /// How many permits there are in all.
    pub(super) capacity: usize,
    /// Handles that can send, and handles that can become such.
    pub(super) strong: AtomicUsize,
    pub(super) weak: AtomicUsize,
    pub(super) state: Mutex<State<T>>,
}

pub(super) struct State<T> {
    /// What was pushed since the receiver came last.
    messages: VecDeque<T>,
    /// Who awaits a message.
    receiver: Option<Waker>,
    /// The receiver was dropped. What arrives now is dropped too.
    abandoned: bool,
    /// Who awaits the end of the receiver.
    pub(super) watchers: WaitQueue<()>,
}

impl<T> Queue<T> {
    #[track_caller]
    pub(super) fn new(capacity: usize) -> Self {
        let state = State {
            messages: VecDeque::new(),
            receiver: None,
            abandoned: false,
            watchers: WaitQueue::new(),
        };
        Queue {
            room: Permits::new(capacity),
            capacity,
            strong: AtomicUsize::new(1),
            weak: AtomicUsize::new(0),
            state: Mutex::new(state),
        }
    }

    // ---- the sending end ----

    /// Pushes a message, on a permit that the caller has, and that now goes with it.
    pub(super) fn push(&self, message: T) {
        let mut state = self.state.lock();
        if state.abandoned {
            drop(state);
            return self.put_back(1);
        }
        state.messages.push_back(message);
        let receiver = state.receiver.take();
        drop(state);
        wake(receiver);
    }

    /// Puts back permits that no message was sent on.
    pub(super) fn put_back(&self, permits: usize) {
        self.room.add(permits);
        self.wake_if_finished();
    }

    /// Wakes the receiver if it waits for a permit that has just come back, and was the last.
    ///
    /// The race. Receiver: the queue is empty, a permit is out … Sender: puts it back, finds no waker …
    /// Receiver: leaves its waker, and waits for ever. But the receiver looks at the permits and leaves
    /// its waker under one lock, which the sender takes after it has put the permit back. So either the
    /// receiver sees the permit, or the sender finds the waker.
    pub(super) fn wake_if_finished(&self) {
        if self.is_closed_and_idle() {
            self.wake_receiver();
        }
    }

    pub(super) fn wake_receiver(&self) {
        let receiver = self.state.lock().receiver.take();
        wake(receiver);
    }

    /// One more handle that can send. False: there is none any more, and so it stays.
    #[must_use]
    pub(super) fn add_strong(&self) -> bool {
        let one_more = |strong| if strong == 0 { None } else { Some(strong + 1) };
        self.strong.fetch_update(Relaxed, Relaxed, one_more).is_ok()
    }

    /// One less. The last one ends the channel.
    pub(super) fn remove_strong(&self) {
        // Release: matches the load in `is_finished`; who sees zero sees all that was pushed. The lock
        // in `wake_receiver` then closes the same race as in `wake_if_finished`.
        if self.strong.fetch_sub(1, AcqRel) == 1 {
            self.wake_receiver();
        }
    }

    pub(super) fn strong_count(&self) -> usize {
        self.strong.load(Acquire)
    }

    pub(super) fn weak_count(&self) -> usize {
        self.weak.load(Relaxed)
    }

    // ---- the receiving end ----

    /// Takes all messages, in exchange for an empty queue. False: there are none, and none will come.
    pub(super) fn poll_take(&self, cx: &mut Context<'_>, taken: &mut VecDeque<T>) -> Poll<bool> {
        let look = |state: &mut State<T>| self.take(state, taken);
        poll_or_register(&self.state, cx, look, |state| &mut state.receiver)
    }

    /// As `poll_take`, without waiting.
    pub(super) fn try_take(&self, taken: &mut VecDeque<T>) -> Poll<bool> {
        self.take(&mut self.state.lock(), taken)
    }

    fn take(&self, state: &mut State<T>, taken: &mut VecDeque<T>) -> Poll<bool> {
        assert!(taken.is_empty(), "what was taken comes first");
        if !state.messages.is_empty() {
            mem::swap(&mut state.messages, taken);
            return Poll::Ready(true);
        }
        if self.is_finished() { Poll::Ready(false) } else { Poll::Pending }
    }

    /// Whether nothing can be pushed any more.
    fn is_finished(&self) -> bool {
        self.strong_count() == 0 || self.is_closed_and_idle()
    }

    fn is_closed_and_idle(&self) -> bool {
        // In this order: once it is closed, permits only come back. The other way round, a permit could
        // be taken in between, and the receiver be woken for nothing.
        self.room.is_closed() && self.room.available() == self.capacity
    }

    /// How many messages were pushed since the receiver came last.
    pub(super) fn len(&self) -> usize {
        self.state.lock().messages.len()
    }

    /// No more permits. Wakes who waits for one, and who waits for this.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        // Both under our lock, so that nobody sees the one without the other.
        let mut wakers = self.room.close();
        state.watchers.pop_all(&mut wakers);
        drop(state);
        wakers.wake_all();
    }

    /// The receiver goes: it leaves with the messages, and its own waker.
    pub(super) fn abandon(&self) -> (VecDeque<T>, Option<Waker>) {
        let mut state = self.state.lock();
        state.abandoned = true;
        (mem::take(&mut state.messages), state.receiver.take())
    }
}

impl<T> HasPermits for Queue<T> {
    const WHAT: &'static str = "room in a channel";

    fn permits(&self) -> &Permits {
        &self.room
    }
}

impl<T> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("room", &self.room)
            .field("capacity", &self.capacity)
            .field("strong", &self.strong)
            .field("weak", &self.weak)
            .finish_non_exhaustive()
    }
}
