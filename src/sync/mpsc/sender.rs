//! The senders, of bounded and unbounded channels.
//!
//! A send has two steps: acquire a permit, and push the message. The sender of a bounded channel waits for the permit.
//! An unbounded channel always has a permit, so its `send` is an ordinary function. That is the only difference. The
//! type parameter `B` of a sender and of a receiver is [`Bounded`] or [`Unbounded`].
//!
//! The senders are counted: when the last one is dropped, the channel ends. A weak sender is not counted, and can be
//! upgraded only while there is a sender.
//!
//! Next: `permit.rs`, a permit between the two steps.

use std::future::Future;
use std::marker::PhantomData;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use super::chan::Chan;
use super::error::{SendError, SendTimeoutError, TrySendError};
use crate::engine::prim::OnDrop;
use crate::engine::prim::atomic::Ordering::Relaxed;
use crate::sync::acquire::{AcquirePermits, blocking};
use crate::sync::error::TryAcquireError;
use crate::sync::fmt::debug_fields;
use crate::time::timeout;

/// Marks the sender and the receiver of a bounded channel: `send` waits while the channel is full. See [`Sender`].
#[derive(Debug)]
pub enum Bounded {}

/// Marks the sender and the receiver of an unbounded channel: `send` never waits. See [`UnboundedSender`].
#[derive(Debug)]
pub enum Unbounded {}

/// Sends messages to a [`Receiver`](super::Receiver). From [`channel`](super::channel).
///
/// A sender can be cloned. The channel ends when the last clone is dropped.
///
/// ```
/// # use openwork::sync::mpsc;
/// # openwork::block_on(async {
/// let (sender, mut receiver) = mpsc::channel(1);
/// sender.send("first").await.unwrap();
/// assert!(sender.try_send("second").is_err(), "the channel is full");
/// assert_eq!(receiver.recv().await, Some("first"));
/// # });
/// ```
pub struct Sender<T, B = Bounded> {
    pub(super) chan: Arc<Chan<T>>,
    bound: PhantomData<fn() -> B>,
}

/// A handle that does not keep the channel open, and can be upgraded to a sender. From [`Sender::downgrade`].
pub struct WeakSender<T, B = Bounded> {
    chan: Arc<Chan<T>>,
    bound: PhantomData<fn() -> B>,
}

/// Sends messages without waiting. From [`unbounded_channel`](super::unbounded_channel).
///
/// ```
/// # use openwork::sync::mpsc;
/// # openwork::block_on(async {
/// let (sender, mut receiver) = mpsc::unbounded_channel();
/// sender.send("message").unwrap();
/// assert_eq!(receiver.recv().await, Some("message"));
/// # });
/// ```
pub type UnboundedSender<T> = Sender<T, Unbounded>;

/// A handle that does not keep an unbounded channel open, and can be upgraded to a sender. From [`Sender::downgrade`].
pub type WeakUnboundedSender<T> = WeakSender<T, Unbounded>;

impl<T, B> Sender<T, B> {
    /// A sender that the caller has counted in `strong`.
    pub(super) fn new(chan: Arc<Chan<T>>) -> Self {
        Sender { chan, bound: PhantomData }
    }

    /// Waits until the receiver is closed or dropped, so that a task can stop producing messages.
    ///
    /// Cancel safe.
    pub fn closed(&self) -> impl Future<Output = ()> {
        self.chan.notify_closed.wait_until("the end of a channel's receiver", || self.is_closed())
    }

    /// Whether the receiver is closed or dropped, so that a send fails.
    pub fn is_closed(&self) -> bool {
        self.chan.semaphore.is_closed()
    }

    /// Whether both senders send to the same receiver.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.chan, &other.chan)
    }

    /// Makes a weak sender, which does not keep the channel open.
    #[must_use = "this makes another handle, and leaves the sender as it is"]
    pub fn downgrade(&self) -> WeakSender<T, B> {
        // Relaxed, as at each access to `weak`: the number is reported, and nothing else depends on it.
        self.chan.weak.fetch_add(1, Relaxed);
        WeakSender { chan: self.chan.clone(), bound: PhantomData }
    }

    /// The number of senders.
    pub fn strong_count(&self) -> usize {
        self.chan.strong_count()
    }

    /// The number of weak senders.
    pub fn weak_count(&self) -> usize {
        self.chan.weak.load(Relaxed)
    }
}

impl<T> Sender<T> {
    /// Sends a message, and waits while the channel is full. Senders that wait are served in order.
    ///
    /// Cancel safe except for the message: if the future is dropped before it is ready, nothing is sent, the message is
    /// dropped, and the place in the queue is lost. To keep the message, wait with [`reserve`](Sender::reserve).
    ///
    /// # Errors
    ///
    /// If the receiver is closed or dropped. The error contains the message.
    pub async fn send(&self, message: T) -> Result<(), SendError<T>> {
        match self.acquire().await {
            Ok(()) => self.chan.push(message),
            Err(_) => return Err(SendError(message)),
        }
        Ok(())
    }

    /// Sends a message if the channel is not full.
    ///
    /// # Errors
    ///
    /// `Full` if the channel is full, `Closed` if the receiver is closed or dropped. The error contains the message.
    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        match self.try_acquire() {
            Ok(()) => self.chan.push(message),
            Err(TrySendError::Full(())) => return Err(TrySendError::Full(message)),
            Err(TrySendError::Closed(())) => return Err(TrySendError::Closed(message)),
        }
        Ok(())
    }

    /// Sends a message, and waits at most for `limit` while the channel is full.
    ///
    /// Cancel safe except for the message, as [`send`](Sender::send) is.
    ///
    /// # Errors
    ///
    /// `Timeout` if no capacity was free for this message before the time was up, `Closed` if the receiver is closed
    /// or dropped. The error contains the message.
    ///
    /// # Panics
    ///
    /// Outside of a runtime, since it needs a timer.
    pub async fn send_timeout(
        &self,
        message: T,
        limit: Duration,
    ) -> Result<(), SendTimeoutError<T>> {
        match timeout(limit, self.acquire()).await {
            Ok(Ok(())) => self.chan.push(message),
            Ok(Err(_)) => return Err(SendTimeoutError::Closed(message)),
            Err(_) => return Err(SendTimeoutError::Timeout(message)),
        }
        Ok(())
    }

    /// Sends a message, and blocks the thread while the channel is full.
    ///
    /// # Errors
    ///
    /// If the receiver is closed or dropped. The error contains the message.
    ///
    /// # Panics
    ///
    /// On a thread that runs a runtime's tasks.
    #[track_caller]
    pub fn blocking_send(&self, message: T) -> Result<(), SendError<T>> {
        blocking("mpsc::Sender::blocking_send", self.send(message))
    }

    /// How many messages can be sent now without waiting. Capacity that is reserved does not count.
    pub fn capacity(&self) -> usize {
        self.chan.semaphore.available()
    }

    /// How many messages the channel can hold.
    pub fn max_capacity(&self) -> usize {
        self.chan.max_capacity
    }

    /// Waits for a permit. The caller then pushes a message, or releases the permit.
    pub(super) async fn acquire(&self) -> Result<(), SendError<()>> {
        // If this is dropped, or the channel is closed, after a permit was assigned, the future below releases the
        // permit. It may be the last one that the receiver waits for.
        let wake_if_not_acquired = OnDrop(|| self.chan.wake_if_finished());
        let permit = AcquirePermits::new(&*self.chan, 1).await.map_err(|_| SendError(()))?;
        permit.forget();
        mem::forget(wake_if_not_acquired);
        Ok(())
    }

    pub(super) fn try_acquire(&self) -> Result<(), TrySendError<()>> {
        self.chan.semaphore.try_acquire(1).map_err(|error| match error {
            TryAcquireError::NoPermits => TrySendError::Full(()),
            TryAcquireError::Closed => TrySendError::Closed(()),
        })
    }
}

impl<T> Sender<T, Unbounded> {
    /// Sends a message, without waiting.
    ///
    /// # Errors
    ///
    /// If the receiver is closed or dropped. The error contains the message.
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        // This fails only if the channel is closed: there are more permits than memory has room for messages.
        if self.chan.semaphore.try_acquire(1).is_err() {
            return Err(SendError(message));
        }
        self.chan.push(message);
        Ok(())
    }
}

impl<T, B> WeakSender<T, B> {
    /// Makes a sender, unless all senders are dropped. An [`OwnedPermit`](super::OwnedPermit) counts as a sender.
    pub fn upgrade(&self) -> Option<Sender<T, B>> {
        self.chan.add_strong().then(|| Sender::new(self.chan.clone()))
    }

    /// The number of senders.
    pub fn strong_count(&self) -> usize {
        self.chan.strong_count()
    }

    /// The number of weak senders.
    pub fn weak_count(&self) -> usize {
        self.chan.weak.load(Relaxed)
    }
}

impl<T, B> Clone for Sender<T, B> {
    fn clone(&self) -> Self {
        // Relaxed: the count cannot become zero meanwhile, since `self` is counted.
        self.chan.strong.fetch_add(1, Relaxed);
        Sender::new(self.chan.clone())
    }
}

impl<T, B> Clone for WeakSender<T, B> {
    fn clone(&self) -> Self {
        self.chan.weak.fetch_add(1, Relaxed);
        WeakSender { chan: self.chan.clone(), bound: PhantomData }
    }
}

impl<T, B> Drop for Sender<T, B> {
    fn drop(&mut self) {
        self.chan.remove_strong();
    }
}

impl<T, B> Drop for WeakSender<T, B> {
    fn drop(&mut self) {
        self.chan.weak.fetch_sub(1, Relaxed);
    }
}

debug_fields!(Sender<T, B>: chan);
debug_fields!(WeakSender<T, B>: chan);
