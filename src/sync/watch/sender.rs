//! The sender: it changes the value, and can wait until there is no receiver.
//!
//! This is the last channel. Next: `cancellation`.

use std::future::Future;
use std::mem;
use std::sync::Arc;

use super::error::SendError;
use super::receiver::Receiver;
use super::shared::{Ref, Shared};
use crate::engine::prim::atomic::Ordering::{Relaxed, Release};
use crate::sync::fmt::debug_fields;

/// A channel that contains one value, at first this one, which counts as seen.
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
    /// A channel without a receiver; [`subscribe`](Sender::subscribe) makes one.
    pub fn new(value: T) -> Self {
        Sender { shared: Arc::new(Shared::new(value)) }
    }

    /// Replaces the value, and wakes the receivers that wait for a change.
    ///
    /// # Errors
    ///
    /// There is no receiver; the value is not replaced, and the error contains the new one.
    /// [`send_replace`](Sender::send_replace) replaces it in any case.
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        if self.is_closed() {
            return Err(SendError(value));
        }
        drop(self.send_replace(value));
        Ok(())
    }

    /// Changes the value in place, and wakes the receivers that wait for a change. `modify` is called under the
    /// value's lock: it must not use this channel. If it panics, the value stays as it was left, and no receiver is
    /// woken.
    pub fn send_modify<F: FnOnce(&mut T)>(&self, modify: F) {
        self.send_if_modified(|value| {
            modify(value);
            true
        });
    }

    /// Changes the value in place, and wakes the receivers if `modify` returns true. Returns what it returned. See
    /// [`send_modify`](Sender::send_modify).
    pub fn send_if_modified<F: FnOnce(&mut T) -> bool>(&self, modify: F) -> bool {
        self.shared.modify(modify)
    }

    /// Replaces the value, wakes the receivers that wait for a change, and returns the old value.
    pub fn send_replace(&self, mut value: T) -> T {
        self.send_modify(|old| mem::swap(old, &mut value));
        value
    }

    /// The value. See [`Receiver::borrow`] for how long to keep it.
    pub fn borrow(&self) -> Ref<'_, T> {
        self.shared.borrow(None)
    }

    /// Whether there is no receiver. [`subscribe`](Sender::subscribe) changes that.
    pub fn is_closed(&self) -> bool {
        self.receiver_count() == 0
    }

    /// Waits until there is no receiver: work for them can stop then.
    ///
    /// Cancel safe.
    pub fn closed(&self) -> impl Future<Output = ()> {
        self.shared.closed.wait_until("the end of all watching receivers", || self.is_closed())
    }

    /// One more receiver, for which the present value counts as seen.
    pub fn subscribe(&self) -> Receiver<T> {
        Receiver::new(self.shared.clone(), self.shared.version())
    }

    /// The number of receivers.
    pub fn receiver_count(&self) -> usize {
        self.shared.receiver_count()
    }

    /// The number of senders.
    pub fn sender_count(&self) -> usize {
        self.shared.senders.load(Relaxed)
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
        // Relaxed: the count cannot become zero while we have a sender.
        self.shared.senders.fetch_add(1, Relaxed);
        Sender { shared: self.shared.clone() }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        // Release: matches the load in `Shared::is_closed`.
        if self.shared.senders.fetch_sub(1, Release) == 1 {
            self.shared.changed.change_and_wake(|()| ());
        }
    }
}

debug_fields!(Sender<T>:);
