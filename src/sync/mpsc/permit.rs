//! Permits, which reserve capacity for a message that does not exist yet.
//!
//! A message may be expensive to make, or impossible to make again if the send is cancelled. So a task can wait for
//! capacity first, and make the message afterwards. A [`Permit`] is capacity for one message: a send with it does not
//! wait and returns no error. If the permit is dropped, its capacity is free again.
//!
//! While a permit exists the receiver waits for its message, even if the channel is closed.
//!
//! Next: `receiver.rs`.

use std::mem;

use super::chan::Chan;
use super::error::{SendError, TrySendError};
use super::sender::Sender;
use crate::sync::fmt::debug_fields;

impl<T> Sender<T> {
    /// Waits until there is capacity for one message, and reserves it. Tasks that wait are served in order.
    ///
    /// Cancel safe: the place in the queue is lost, and capacity that was assigned goes to the next waiter.
    ///
    /// ```
    /// # use openwork::sync::mpsc;
    /// # openwork::block_on(async {
    /// let (sender, mut receiver) = mpsc::channel(1);
    /// let permit = sender.reserve().await.unwrap();
    /// assert!(sender.try_send("second").is_err(), "the capacity is reserved");
    /// permit.send("first");
    /// assert_eq!(receiver.recv().await, Some("first"));
    /// # });
    /// ```
    ///
    /// # Errors
    ///
    /// If the receiver is closed or dropped.
    pub async fn reserve(&self) -> Result<Permit<'_, T>, SendError<()>> {
        self.acquire().await?;
        Ok(Permit { chan: &self.chan })
    }

    /// Waits until there is capacity for one message, and returns a permit that owns the sender. Tasks that wait are
    /// served in order.
    ///
    /// Not cancel safe: if this future is dropped, so is the sender. To keep a sender, clone it first.
    ///
    /// # Errors
    ///
    /// If the receiver is closed or dropped. The sender is dropped then.
    pub async fn reserve_owned(self) -> Result<OwnedPermit<T>, SendError<()>> {
        self.acquire().await?;
        Ok(OwnedPermit { sender: Some(self) })
    }

    /// Reserves capacity for one message if the channel is not full.
    ///
    /// # Errors
    ///
    /// `Full` if the channel is full, `Closed` if the receiver is closed or dropped.
    pub fn try_reserve(&self) -> Result<Permit<'_, T>, TrySendError<()>> {
        self.try_acquire().map(|()| Permit { chan: &self.chan })
    }

    /// Reserves capacity for one message if the channel is not full, and returns a permit that owns the sender.
    ///
    /// # Errors
    ///
    /// `Full` if the channel is full, `Closed` if the receiver is closed or dropped. The error contains the sender.
    pub fn try_reserve_owned(self) -> Result<OwnedPermit<T>, TrySendError<Self>> {
        match self.try_acquire() {
            Ok(()) => Ok(OwnedPermit { sender: Some(self) }),
            Err(TrySendError::Full(())) => Err(TrySendError::Full(self)),
            Err(TrySendError::Closed(())) => Err(TrySendError::Closed(self)),
        }
    }
}

/// Capacity for one message. From [`Sender::reserve`].
#[must_use = "a permit that is not used keeps other senders waiting"]
pub struct Permit<'a, T> {
    chan: &'a Chan<T>,
}

impl<T> Permit<'_, T> {
    /// Sends a message, without waiting. If the receiver is dropped, so is the message.
    pub fn send(self, message: T) {
        let chan = self.chan;
        // The semaphore's permit goes with the message, and is released when the message is received.
        mem::forget(self);
        chan.push(message);
    }
}

impl<T> Drop for Permit<'_, T> {
    fn drop(&mut self) {
        self.chan.release();
    }
}

/// Capacity for one message, together with a sender. From [`Sender::reserve_owned`].
///
/// It counts as a sender: while it exists, the channel does not end.
#[must_use = "a permit that is not used keeps other senders waiting"]
pub struct OwnedPermit<T> {
    /// None once `send` or `release` has taken it.
    sender: Option<Sender<T>>,
}

impl<T> OwnedPermit<T> {
    /// Sends a message, without waiting, and returns the sender. If the receiver is dropped, so is the message.
    pub fn send(mut self, message: T) -> Sender<T> {
        let sender = self.sender.take().expect(CONSUMED);
        sender.chan.push(message);
        sender
    }

    /// Releases the capacity without a message, and returns the sender.
    pub fn release(mut self) -> Sender<T> {
        let sender = self.sender.take().expect(CONSUMED);
        sender.chan.release();
        sender
    }

    /// Whether both permits send to the same receiver.
    pub fn same_channel(&self, other: &Self) -> bool {
        other.sender.as_ref().is_some_and(|sender| self.same_channel_as_sender(sender))
    }

    /// Whether the permit and `sender` send to the same receiver.
    pub fn same_channel_as_sender(&self, sender: &Sender<T>) -> bool {
        self.sender.as_ref().expect(CONSUMED).same_channel(sender)
    }
}

const CONSUMED: &str = "only the methods that consume the permit take the sender";

impl<T> Drop for OwnedPermit<T> {
    fn drop(&mut self) {
        if let Some(sender) = &self.sender {
            sender.chan.release();
        }
    }
}

debug_fields!(Permit<'a, T>: chan);
debug_fields!(OwnedPermit<T>: sender);
