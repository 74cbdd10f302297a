//! The receiving end of a channel with a bound.
//!
//! All it does is done by `rx.rs`; here is its face. Next: `unbounded.rs`.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::error::TryRecvError;
use super::queue::Queue;
use super::rx::{Recv, RecvMany, Rx};
use super::sender::Sender;
use crate::engine::block_on::block_on;
use crate::engine::context;

/// A channel with room for `capacity` messages.
///
/// # Panics
///
/// If `capacity` is 0, or more than `usize::MAX >> 3`.
#[track_caller]
pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    assert!(capacity > 0, "a bounded channel has room for at least one message");
    let queue = Arc::new(Queue::new(capacity));
    (Sender::first(queue.clone()), Receiver { rx: Rx::new(queue) })
}

/// Receives messages, in the order in which they were sent. From [`channel`].
///
/// Dropping it closes the channel and drops the messages that are in it.
pub struct Receiver<T> {
    rx: Rx<T>,
}

impl<T> Receiver<T> {
    /// Waits for the next message. None: there are no senders any more, or the receiver was closed and no
    /// permit is out; and all messages were received.
    ///
    /// Cancel safe: no message is lost.
    pub fn recv(&mut self) -> Recv<'_, T> {
        self.rx.recv()
    }

    /// Waits for messages, and appends to `buffer` those that are here, up to `limit`. Returns how many; 0
    /// if `limit` is 0, or where [`recv`](Receiver::recv) says none.
    ///
    /// Cancel safe: no message is lost, and none is in the buffer before this is ready.
    pub fn recv_many<'a>(&'a mut self, buffer: &'a mut Vec<T>, limit: usize) -> RecvMany<'a, T> {
        self.rx.recv_many(buffer, limit)
    }

    /// The next message, if there is one now.
    ///
    /// # Errors
    ///
    /// `Empty` if one may still come, `Disconnected` if not.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        self.rx.try_recv()
    }

    /// Waits for the next message on a thread of its own.
    ///
    /// # Panics
    ///
    /// On a thread that runs a runtime's tasks.
    #[track_caller]
    pub fn blocking_recv(&mut self) -> Option<T> {
        context::assert_may_block("mpsc::Receiver::blocking_recv");
        block_on(self.recv())
    }

    /// As [`recv_many`](Receiver::recv_many), on a thread of its own.
    ///
    /// # Panics
    ///
    /// On a thread that runs a runtime's tasks.
    #[track_caller]
    pub fn blocking_recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
        context::assert_may_block("mpsc::Receiver::blocking_recv_many");
        block_on(self.recv_many(buffer, limit))
    }

    /// Lets nobody send any more, except on permits that are out. Messages that were sent can still be
    /// received: go on until [`recv`](Receiver::recv) says none.
    pub fn close(&mut self) {
        self.rx.queue.close();
    }

    /// Whether it was closed, or all senders are dropped. There may still be messages.
    pub fn is_closed(&self) -> bool {
        self.rx.is_closed()
    }

    /// Whether there is no message now.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many messages there are now.
    pub fn len(&self) -> usize {
        self.rx.len()
    }

    /// How many messages there is room for now. What is reserved is not counted.
    pub fn capacity(&self) -> usize {
        self.rx.queue.room.available()
    }

    /// How many messages there is room for in all.
    pub fn max_capacity(&self) -> usize {
        self.rx.queue.capacity
    }

    pub(crate) fn size_hint(&self) -> (usize, Option<usize>) {
        self.rx.size_hint()
    }

    /// As [`recv`](Receiver::recv), for a `poll` function. The waker of the last call is woken.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.rx.poll_recv(cx)
    }

    /// As [`recv_many`](Receiver::recv_many), for a `poll` function. The waker of the last call is woken.
    pub fn poll_recv_many(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<T>,
        limit: usize,
    ) -> Poll<usize> {
        self.rx.poll_recv_many(cx, buffer, limit)
    }

    /// How many senders there are.
    pub fn sender_strong_count(&self) -> usize {
        self.rx.queue.strong_count()
    }

    /// How many weak senders there are.
    pub fn sender_weak_count(&self) -> usize {
        self.rx.queue.weak_count()
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("rx", &self.rx).finish()
    }
}
