//! Room first, the message later.
//!
//! A message is often dear to make, or cannot be made again if the send is cancelled. So one can wait for
//! room, and make the message when it is there: a permit is room for one message, and to send on it
//! neither waits nor fails. A permit that is dropped makes room again.
//!
//! As long as a permit is out, the receiver must expect a message, also when the channel is closed.
//!
//! Next: `receiver.rs`.

use std::fmt;
use std::iter::FusedIterator;
use std::mem;

use super::error::{SendError, TrySendError};
use super::queue::Queue;
use super::sender::Sender;
use crate::sync::error::TryAcquireError;

impl<T> Sender<T> {
    /// Waits for room for one message. Those who wait are served in order.
    ///
    /// Cancel safe; the place in line is lost, and what was given to it passed on.
    ///
    /// ```
    /// # use openwork::sync::mpsc;
    /// # openwork::block_on(async {
    /// let (sender, mut receiver) = mpsc::channel(1);
    /// let permit = sender.reserve().await.unwrap();
    /// assert!(sender.try_send("too late").is_err());
    /// permit.send("in time");
    /// assert_eq!(receiver.recv().await, Some("in time"));
    /// # });
    /// ```
    ///
    /// # Errors
    ///
    /// If the receiver is closed or dropped.
    pub async fn reserve(&self) -> Result<Permit<'_, T>, SendError<()>> {
        self.tx.reserve(1).await?;
        Ok(Permit { queue: &self.tx })
    }

    /// Waits for room for `n` messages at once. Cancel safe as [`reserve`](Sender::reserve).
    ///
    /// # Errors
    ///
    /// If the receiver is closed or dropped; and at once if `n` is more than the channel's capacity.
    pub async fn reserve_many(&self, n: usize) -> Result<PermitIterator<'_, T>, SendError<()>> {
        if n > self.max_capacity() {
            return Err(SendError(()));
        }
        self.tx.reserve(n).await?;
        Ok(PermitIterator { queue: &self.tx, n })
    }

    /// Waits for room for one message, with a permit that holds the sender instead of borrowing it. If
    /// this is dropped the sender is, too; clone it before to keep one.
    ///
    /// # Errors
    ///
    /// If the receiver is closed or dropped.
    pub async fn reserve_owned(self) -> Result<OwnedPermit<T>, SendError<()>> {
        self.tx.reserve(1).await?;
        Ok(OwnedPermit { sender: Some(self) })
    }

    /// Takes room for one message if there is some now.
    ///
    /// # Errors
    ///
    /// `Full` if there is no room, `Closed` if the receiver is closed or dropped.
    pub fn try_reserve(&self) -> Result<Permit<'_, T>, TrySendError<()>> {
        self.try_take_room(1)?;
        Ok(Permit { queue: &self.tx })
    }

    /// Takes room for `n` messages if there is enough now.
    ///
    /// # Errors
    ///
    /// `Full` if there is not enough room, `Closed` if the receiver is closed or dropped.
    pub fn try_reserve_many(&self, n: usize) -> Result<PermitIterator<'_, T>, TrySendError<()>> {
        if n > self.max_capacity() {
            return Err(TrySendError::Full(()));
        }
        self.try_take_room(n)?;
        Ok(PermitIterator { queue: &self.tx, n })
    }

    /// Takes room for one message if there is some now, with a permit that holds the sender.
    ///
    /// # Errors
    ///
    /// With the sender: `Full` if there is no room, `Closed` if the receiver is closed or dropped.
    pub fn try_reserve_owned(self) -> Result<OwnedPermit<T>, TrySendError<Self>> {
        match self.try_take_room(1) {
            Ok(()) => Ok(OwnedPermit { sender: Some(self) }),
            Err(TrySendError::Full(())) => Err(TrySendError::Full(self)),
            Err(TrySendError::Closed(())) => Err(TrySendError::Closed(self)),
        }
    }

    fn try_take_room(&self, n: usize) -> Result<(), TrySendError<()>> {
        self.tx.room.try_acquire(n).map_err(|refused| match refused {
            TryAcquireError::NoPermits => TrySendError::Full(()),
            TryAcquireError::Closed => TrySendError::Closed(()),
        })
    }
}

/// Room for one message. From [`Sender::reserve`].
#[must_use = "room that is not used is held back from others"]
pub struct Permit<'a, T> {
    queue: &'a Queue<T>,
}

impl<T> Permit<'_, T> {
    /// Sends a message, without waiting. The receiver may be gone meanwhile; then it is dropped.
    pub fn send(self, message: T) {
        let queue = self.queue;
        // The permit goes with the message, and is put back when that is received.
        mem::forget(self);
        queue.push(message);
    }
}

impl<T> Drop for Permit<'_, T> {
    fn drop(&mut self) {
        self.queue.put_back(1);
    }
}

/// Room for several messages, as an iterator of permits. From [`Sender::reserve_many`].
#[must_use = "room that is not used is held back from others"]
pub struct PermitIterator<'a, T> {
    queue: &'a Queue<T>,
    n: usize,
}

impl<'a, T> Iterator for PermitIterator<'a, T> {
    type Item = Permit<'a, T>;

    fn next(&mut self) -> Option<Permit<'a, T>> {
        self.n = self.n.checked_sub(1)?;
        Some(Permit { queue: self.queue })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.n, Some(self.n))
    }
}

impl<T> ExactSizeIterator for PermitIterator<'_, T> {}
impl<T> FusedIterator for PermitIterator<'_, T> {}

impl<T> Drop for PermitIterator<'_, T> {
    fn drop(&mut self) {
        if self.n > 0 {
            self.queue.put_back(self.n);
        }
    }
}

/// Room for one message, with the sender. From [`Sender::reserve_owned`].
///
/// It counts as a sender: as long as there is one, the channel does not end.
#[must_use = "room that is not used is held back from others"]
pub struct OwnedPermit<T> {
    /// None once it was taken out, with or without a message.
    sender: Option<Sender<T>>,
}

impl<T> OwnedPermit<T> {
    /// Sends a message, without waiting, and gives the sender back.
    pub fn send(mut self, message: T) -> Sender<T> {
        let sender = self.take_sender();
        sender.tx.push(message);
        sender
    }

    /// Makes room again, and gives the sender back.
    pub fn release(mut self) -> Sender<T> {
        let sender = self.take_sender();
        sender.tx.put_back(1);
        sender
    }

    /// Whether both send to the same receiver.
    pub fn same_channel(&self, other: &Self) -> bool {
        self.sender().same_channel(other.sender())
    }

    /// Whether the sender sends to the same receiver.
    pub fn same_channel_as_sender(&self, sender: &Sender<T>) -> bool {
        self.sender().same_channel(sender)
    }

    fn sender(&self) -> &Sender<T> {
        self.sender.as_ref().expect("only the methods that consume the permit take it")
    }

    fn take_sender(&mut self) -> Sender<T> {
        self.sender.take().expect("only the methods that consume the permit take it")
    }
}

impl<T> Drop for OwnedPermit<T> {
    fn drop(&mut self) {
        if let Some(sender) = self.sender.take() {
            sender.tx.put_back(1);
        }
    }
}

impl<T> fmt::Debug for Permit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("queue", &self.queue).finish()
    }
}

impl<T> fmt::Debug for PermitIterator<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PermitIterator")
            .field("queue", &self.queue)
            .field("capacity", &self.n)
            .finish()
    }
}

impl<T> fmt::Debug for OwnedPermit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedPermit").field("sender", &self.sender).finish()
    }
}
