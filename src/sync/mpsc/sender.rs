//! The sending end of a channel with a bound: a send waits for room.
//!
//! To send is two steps: to get a permit for the room, and to push on it. Here they are one call;
//! the next file takes them apart. Next: `permit.rs`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::error::{SendError, SendTimeoutError, TrySendError};
use super::queue::Queue;
use super::tx::{Closed, Tx, WeakTx};
use crate::engine::block_on::block_on;
use crate::engine::context;
use crate::sync::error::TryAcquireError;
use crate::time::timeout;

/// Sends messages, and waits while there is no room. From [`channel`](super::channel).
///
/// It can be cloned; the channel ends when the last clone is dropped.
pub struct Sender<T> {
    pub(super) tx: Tx<T>,
}

/// A sender that does not keep the channel open. From [`Sender::downgrade`].
pub struct WeakSender<T> {
    tx: WeakTx<T>,
}

impl<T> Sender<T> {
    pub(super) fn first(queue: Arc<Queue<T>>) -> Self {
        Sender { tx: Tx::first(queue) }
    }

    /// Sends a message, and waits for room if there is none. Those who wait are served in order.
    ///
    /// Cancel safe in this sense: a send that is dropped has sent nothing, but the message is dropped
    /// with it, and the place in line lost. [`reserve`](Sender::reserve) keeps the message out of it.
    ///
    /// # Errors
    ///
    /// With the message, if the receiver is closed or dropped.
    pub async fn send(&self, message: T) -> Result<(), SendError<T>> {
        match self.tx.reserve(1).await {
            Ok(()) => self.tx.push(message),
            Err(_) => return Err(SendError(message)),
        }
        Ok(())
    }

    /// Sends a message if there is room now.
    ///
    /// # Errors
    ///
    /// With the message: `Full` if there is no room, `Closed` if the receiver is closed or dropped.
    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        match self.tx.room.try_acquire(1) {
            Ok(()) => self.tx.push(message),
            Err(TryAcquireError::NoPermits) => return Err(TrySendError::Full(message)),
            Err(TryAcquireError::Closed) => return Err(TrySendError::Closed(message)),
        }
        Ok(())
    }

    /// Sends a message, and waits for room at most for `limit`. Cancel safe as [`send`](Sender::send).
    ///
    /// # Errors
    ///
    /// With the message: `Timeout` if there was no room for all that time, `Closed` if the receiver is
    /// closed or dropped.
    ///
    /// # Panics
    ///
    /// Outside of a runtime, whose clock it needs.
    pub async fn send_timeout(
        &self,
        message: T,
        limit: Duration,
    ) -> Result<(), SendTimeoutError<T>> {
        match timeout(limit, self.tx.reserve(1)).await {
            Ok(Ok(())) => self.tx.push(message),
            Ok(Err(_)) => return Err(SendTimeoutError::Closed(message)),
            Err(_) => return Err(SendTimeoutError::Timeout(message)),
        }
        Ok(())
    }

    /// Sends a message from a thread of its own, and waits for room if there is none.
    ///
    /// # Errors
    ///
    /// As [`send`](Sender::send).
    ///
    /// # Panics
    ///
    /// On a thread that runs a runtime's tasks.
    #[track_caller]
    pub fn blocking_send(&self, message: T) -> Result<(), SendError<T>> {
        context::assert_may_block("mpsc::Sender::blocking_send");
        block_on(self.send(message))
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

    /// How many messages there is room for now. What is reserved is not counted.
    pub fn capacity(&self) -> usize {
        self.tx.room.available()
    }

    /// How many messages there is room for in all.
    pub fn max_capacity(&self) -> usize {
        self.tx.capacity
    }

    /// A sender that does not keep the channel open.
    #[must_use = "this makes another handle, and leaves the sender as it is"]
    pub fn downgrade(&self) -> WeakSender<T> {
        WeakSender { tx: self.tx.downgrade() }
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

impl<T> WeakSender<T> {
    /// A sender, if there is still another one. An [`OwnedPermit`](super::OwnedPermit) counts as one.
    pub fn upgrade(&self) -> Option<Sender<T>> {
        self.tx.upgrade().map(|tx| Sender { tx })
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

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Sender { tx: self.tx.clone() }
    }
}

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> Self {
        WeakSender { tx: self.tx.clone() }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("queue", &*self.tx).finish()
    }
}

impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakSender").finish()
    }
}
