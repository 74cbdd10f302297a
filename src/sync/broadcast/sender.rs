//! The sender: a send fills a slot, wakes the receivers, and never waits.
//!
//! The senders are counted, since the receivers must learn when there are none. A sender can wait until there are no
//! receivers, to stop work that no task receives. That may change again: a receiver that is added before the sender
//! is polled is a reason to wait on.
//!
//! Next: `watch`, which keeps one value only.

use std::future::Future;
use std::sync::Arc;

use super::buffer::{Shared, Tail};
use super::error::SendError;
use super::receiver::Receiver;
use crate::sync::fmt::debug_fields;

/// A channel that keeps `capacity` values for slow receivers, rounded up to a power of two.
///
/// # Panics
///
/// If `capacity` is 0, or more than `usize::MAX / 2`.
#[track_caller]
pub fn channel<T: Clone>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let sender = Sender::new(capacity);
    let receiver = sender.subscribe();
    (sender, receiver)
}

/// Sends values to all receivers. From [`channel`].
///
/// It can be cloned; the channel ends when the last clone is dropped.
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

/// A sender that does not keep the channel open. From [`Sender::downgrade`].
pub struct WeakSender<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Sender<T> {
    /// A channel without a receiver; [`subscribe`](Sender::subscribe) makes one.
    ///
    /// # Panics
    ///
    /// If `capacity` is 0, or more than `usize::MAX / 2`.
    #[track_caller]
    pub fn new(capacity: usize) -> Self {
        Sender { shared: Arc::new(Shared::new(capacity)) }
    }

    /// Sends a value, without waiting. Returns the number of receivers. Each may still be dropped or lag
    /// before it receives the value.
    ///
    /// # Errors
    ///
    /// There is no receiver. The error contains the value.
    pub fn send(&self, value: T) -> Result<usize, SendError<T>> {
        self.shared.send(value)
    }

    /// One more receiver, of what is sent from now on.
    pub fn subscribe(&self) -> Receiver<T> {
        Receiver::new(self.shared.clone())
    }

    /// A sender that does not keep the channel open.
    #[must_use = "this makes another handle, and leaves the sender as it is"]
    pub fn downgrade(&self) -> WeakSender<T> {
        WeakSender::new(&self.shared)
    }

    /// How many values there are that a receiver has yet to receive.
    pub fn len(&self) -> usize {
        self.shared.len()
    }

    /// Whether all receivers have received every value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of receivers.
    pub fn receiver_count(&self) -> usize {
        self.shared.tail.with(|tail| tail.receivers)
    }

    /// Whether both send to the same receivers.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Waits until there is no receiver: work for them can stop then.
    ///
    /// Cancel safe.
    pub fn closed(&self) -> impl Future<Output = ()> {
        let is_closed = || self.receiver_count() == 0;
        self.shared.closed.wait_until("the end of all broadcast receivers", is_closed)
    }

    /// The number of senders.
    pub fn strong_count(&self) -> usize {
        self.shared.tail.with(|tail| tail.senders)
    }

    /// The number of weak senders.
    pub fn weak_count(&self) -> usize {
        self.shared.tail.with(|tail| tail.weak_senders)
    }
}

impl<T> WeakSender<T> {
    fn new(shared: &Arc<Shared<T>>) -> Self {
        shared.tail.with(|tail| tail.weak_senders += 1);
        WeakSender { shared: shared.clone() }
    }

    /// A sender, unless all senders are dropped.
    #[must_use = "this makes another handle, and leaves the weak sender as it is"]
    pub fn upgrade(&self) -> Option<Sender<T>> {
        let is_open = self.shared.tail.with(|tail| {
            let is_open = tail.senders > 0;
            tail.senders += usize::from(is_open);
            is_open
        });
        is_open.then(|| Sender { shared: self.shared.clone() })
    }

    /// The number of senders.
    pub fn strong_count(&self) -> usize {
        self.shared.tail.with(|tail| tail.senders)
    }

    /// The number of weak senders.
    pub fn weak_count(&self) -> usize {
        self.shared.tail.with(|tail| tail.weak_senders)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.shared.tail.with(|tail| tail.senders += 1);
        Sender { shared: self.shared.clone() }
    }
}

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> Self {
        WeakSender::new(&self.shared)
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let remove_one = |tail: &mut Tail| {
            tail.senders -= 1;
            tail.senders
        };
        if self.shared.tail.with(remove_one) == 0 {
            self.shared.tail.change_and_wake(|_| ());
        }
    }
}

impl<T> Drop for WeakSender<T> {
    fn drop(&mut self) {
        self.shared.tail.with(|tail| tail.weak_senders -= 1);
    }
}

debug_fields!(Sender<T>:);
debug_fields!(WeakSender<T>:);
