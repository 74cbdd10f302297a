//! A channel without a bound: a send never waits.
//!
//! It is the same channel, with more room than there is memory. So nobody waits for room, and sending is
//! an ordinary function. What holds a fast producer back is then nothing but the memory.
//!
//! This is the last file of `mpsc`. Next: `broadcast`, for many receivers.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::error::{SendError, TryRecvError};
use super::queue::Queue;
use super::rx::{Recv, RecvMany, Rx};
use super::tx::{Closed, Tx, WeakTx};
use crate::engine::block_on::block_on;
use crate::engine::context;
use crate::sync::permits::Permits;

/// A channel without a bound. If its messages are received more slowly than they are sent, they fill the
/// memory.
pub fn unbounded_channel<T>() -> (UnboundedSender<T>, UnboundedReceiver<T>) {
    let queue = Arc::new(Queue::new(Permits::MAX));
    (UnboundedSender { tx: Tx::first(queue.clone()) }, UnboundedReceiver { rx: Rx::new(queue) })
}

/// Sends messages, and never waits. From [`unbounded_channel`].
///
/// It can be cloned; the channel ends when the last clone is dropped.
pub struct UnboundedSender<T> {
    tx: Tx<T>,
}

/// A sender that does not keep the channel open. From [`UnboundedSender::downgrade`].
pub struct WeakUnboundedSender<T> {
    tx: WeakTx<T>,
}

/// Receives messages, in the order in which they were sent. From [`unbounded_channel`].
///
/// Dropping it closes the channel and drops the messages that are in it.
pub struct UnboundedReceiver<T> {
    rx: Rx<T>,
}

impl<T> UnboundedSender<T> {
    /// Sends a message, without waiting.
    ///
    /// # Errors
    ///
    /// With the message, if the receiver is closed or dropped.
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        // TryAcquireError only if it is closed: there is not that much memory.
        if self.tx.room.try_acquire(1).is_err() {
            return Err(SendError(message));
        }
        self.tx.push(message);
        Ok(())
    }

    /// Waits until the receiver is closed or dropped: then work for it can stop. Cancel safe.
    pub fn closed(&self) -> Closed<'_, T> {
        self.tx.closed()
    }

    /// Whether the receiver is closed or dropped, so that a send would fail.
    pub fn is_closed(&self) -> bool {
        self.tx.room.is_closed()
    }

    /// Whether both send to the same receiver.
    pub fn same_channel(&self, other: &Self) -> bool {
        self.tx.is_same(&other.tx)
    }

    /// A sender that does not keep the channel open.
    #[must_use = "this makes another handle, and leaves the sender as it is"]
    pub fn downgrade(&self) -> WeakUnboundedSender<T> {
        WeakUnboundedSender { tx: self.tx.downgrade() }
    }

    /// How many senders there are.
    pub fn strong_count(&self) -> usize {
        self.tx.strong_count()
    }

    /// How many weak senders there are.
    pub fn weak_count(&self) -> usize {
        self.tx.weak_count()
    }
}

impl<T> WeakUnboundedSender<T> {
    /// A sender, if there is still another one.
    pub fn upgrade(&self) -> Option<UnboundedSender<T>> {
        self.tx.upgrade().map(|tx| UnboundedSender { tx })
    }

    /// How many senders there are.
    pub fn strong_count(&self) -> usize {
        self.tx.strong_count()
    }

    /// How many weak senders there are.
    pub fn weak_count(&self) -> usize {
        self.tx.weak_count()
    }
}

impl<T> UnboundedReceiver<T> {
    /// Waits for the next message. None: there are no senders any more, or the receiver was closed; and
    /// all messages were received.
    ///
    /// Cancel safe: no message is lost.
    pub fn recv(&mut self) -> Recv<'_, T> {
        self.rx.recv()
    }

    /// Waits for messages, and appends to `buffer` those that are here, up to `limit`. Returns how many; 0
    /// if `limit` is 0, or where [`recv`](UnboundedReceiver::recv) says none.
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
        context::assert_may_block("mpsc::UnboundedReceiver::blocking_recv");
        block_on(self.recv())
    }

    /// As [`recv_many`](UnboundedReceiver::recv_many), on a thread of its own.
    ///
    /// # Panics
    ///
    /// On a thread that runs a runtime's tasks.
    #[track_caller]
    pub fn blocking_recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
        context::assert_may_block("mpsc::UnboundedReceiver::blocking_recv_many");
        block_on(self.recv_many(buffer, limit))
    }

    /// Lets nobody send any more. Messages that were sent can still be received: go on until
    /// [`recv`](UnboundedReceiver::recv) says none.
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

    pub(crate) fn size_hint(&self) -> (usize, Option<usize>) {
        self.rx.size_hint()
    }

    /// As [`recv`](UnboundedReceiver::recv), for a `poll` function. The waker of the last call is woken.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.rx.poll_recv(cx)
    }

    /// As [`recv_many`](UnboundedReceiver::recv_many), for a `poll` function. The waker of the last call
    /// is woken.
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

impl<T> Clone for UnboundedSender<T> {
    fn clone(&self) -> Self {
        UnboundedSender { tx: self.tx.clone() }
    }
}

impl<T> Clone for WeakUnboundedSender<T> {
    fn clone(&self) -> Self {
        WeakUnboundedSender { tx: self.tx.clone() }
    }
}

impl<T> fmt::Debug for UnboundedSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnboundedSender").field("queue", &*self.tx).finish()
    }
}

impl<T> fmt::Debug for WeakUnboundedSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakUnboundedSender").finish()
    }
}

impl<T> fmt::Debug for UnboundedReceiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnboundedReceiver").field("rx", &self.rx).finish()
    }
}
