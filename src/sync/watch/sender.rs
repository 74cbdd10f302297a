//! The sending end: it changes the value, and can wait until nobody is there to see it.
//!
//! Next: `cancellation`, where there is no value at all.

use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::error::SendError;
use super::receiver::Receiver;
use super::shared::{Ref, Shared};
use crate::engine::coop;
use crate::engine::prim::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use crate::sync::wait_queue::Key;

/// A channel that holds one value, at first this one, which counts as seen.
pub fn channel<T>(value: T) -> (Sender<T>, Receiver<T>) {
    let sender = Sender::new(value);
    let receiver = sender.subscribe();
    (sender, receiver)
}

/// Changes the value. From [`channel`].
///
/// It can be cloned; the channel ends when the last clone is dropped.
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Sender<T> {
    /// A channel without a receiver. [`subscribe`](Sender::subscribe) makes one.
    pub fn new(value: T) -> Self {
        Sender { shared: Arc::new(Shared::new(value)) }
    }

    /// Replaces the value, and wakes those who wait for a change.
    ///
    /// # Errors
    ///
    /// With the new value, if there is no receiver; the old one stays.
    /// [`send_replace`](Sender::send_replace) replaces it also then.
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        if self.is_closed() {
            return Err(SendError(value));
        }
        drop(self.send_replace(value));
        Ok(())
    }

    /// Changes the value in place, and wakes those who wait for a change. `modify` is called while the
    /// value is locked: it must not use this channel. If it panics, the value stays as it was left, and
    /// nobody is told.
    pub fn send_modify<F: FnOnce(&mut T)>(&self, modify: F) {
        self.send_if_modified(|value| {
            modify(value);
            true
        });
    }

    /// As [`send_modify`](Sender::send_modify), but those who wait are woken only if `modify` says that the
    /// value has changed. Returns what it said.
    pub fn send_if_modified<F: FnOnce(&mut T) -> bool>(&self, modify: F) -> bool {
        self.shared.modify(modify)
    }

    /// Replaces the value, wakes those who wait for a change, and returns the old value.
    pub fn send_replace(&self, mut value: T) -> T {
        self.send_modify(|old| mem::swap(old, &mut value));
        value
    }

    /// The value. See [`Receiver::borrow`] for how long to keep it.
    pub fn borrow(&self) -> Ref<'_, T> {
        self.shared.borrow_as_sender()
    }

    /// Whether there is no receiver. [`subscribe`](Sender::subscribe) changes that.
    pub fn is_closed(&self) -> bool {
        self.receiver_count() == 0
    }

    /// Waits until there is no receiver. Cancel safe.
    pub fn closed(&self) -> Closed<'_, T> {
        Closed { shared: &self.shared, place: None }
    }

    /// One more receiver, for which the present value counts as seen.
    pub fn subscribe(&self) -> Receiver<T> {
        Receiver::new(self.shared.clone(), self.shared.version())
    }

    /// How many receivers there are.
    pub fn receiver_count(&self) -> usize {
        self.shared.receiver_count()
    }

    /// How many senders there are.
    pub fn sender_count(&self) -> usize {
        self.shared.senders.load(Acquire)
    }

    /// Whether both change the same value.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl<T: Default> Default for Sender<T> {
    fn default() -> Self {
        Sender::new(T::default())
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        // Relaxed: the count cannot come to zero while we have a sender.
        self.shared.senders.fetch_add(1, Relaxed);
        Sender { shared: self.shared.clone() }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        // AcqRel: matches the load in `Shared::is_closed`.
        if self.shared.senders.fetch_sub(1, AcqRel) == 1 {
            self.shared.wake_receivers();
        }
    }
}

/// Waits until there is no receiver. From [`Sender::closed`].
#[must_use = "futures do nothing unless awaited"]
pub struct Closed<'a, T> {
    shared: &'a Shared<T>,
    /// Where it stands in line, once it does.
    place: Option<Key>,
}

impl<T> Future for Closed<'_, T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        ready!(coop::poll_proceed(cx));
        ready!(self.shared.poll_closed(cx, &mut self.place));
        coop::made_progress();
        Poll::Ready(())
    }
}

impl<T> Drop for Closed<'_, T> {
    fn drop(&mut self) {
        self.shared.leave_closed(self.place);
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("receivers", &self.receiver_count())
            .field("version", &self.shared.version())
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Closed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Closed").field("place", &self.place).finish_non_exhaustive()
    }
}
