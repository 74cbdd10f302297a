//! The sending end: a send never waits.
//!
//! All it does is to push, and to wake whoever waits for a value. Beside that the senders count
//! themselves, as the receivers want to know when there are none, and can wait until there are no
//! receivers, in order not to work for nobody. That may change: a receiver that was added before they
//! looked again is a reason to go on waiting.
//!
//! Next: `watch`, which keeps one value only.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::error::SendError;
use super::receiver::Receiver;
use super::ring::{Ring, Shared};
use crate::engine::coop;
use crate::engine::prim::Mutex;
use crate::engine::trace::{self, Waiting};
use crate::sync::wait_queue::{Key, WakeList, dequeue, poll_or_enqueue};

/// A channel that keeps `capacity` values for receivers that are slow; rounded up to a power of two.
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
    /// A channel without a receiver, otherwise as [`channel`]. [`subscribe`](Sender::subscribe) makes one.
    ///
    /// # Panics
    ///
    /// As [`channel`].
    #[track_caller]
    pub fn new(capacity: usize) -> Self {
        Sender { shared: Arc::new(Mutex::new(Ring::new(capacity))) }
    }

    /// Sends a value, and never waits. Returns how many receivers there are for it, of which each may
    /// still be dropped or lag before it comes for it.
    ///
    /// # Errors
    ///
    /// With the value, if there is no receiver.
    pub fn send(&self, value: T) -> Result<usize, SendError<T>> {
        let mut wakers = WakeList::default();
        let mut ring = self.shared.lock();
        let receivers = ring.receivers;
        if receivers == 0 {
            return Err(SendError(value));
        }
        let pushed_off = ring.push(value);
        ring.waiting.pop_all(&mut wakers);
        drop(ring);
        wakers.wake_all();
        drop(pushed_off);
        Ok(receivers)
    }

    /// One more receiver, for what is sent from now on.
    pub fn subscribe(&self) -> Receiver<T> {
        Receiver::new(self.shared.clone())
    }

    /// A sender that does not keep the channel open.
    #[must_use = "this makes another handle, and leaves the sender as it is"]
    pub fn downgrade(&self) -> WeakSender<T> {
        self.shared.lock().weak_senders += 1;
        WeakSender { shared: self.shared.clone() }
    }

    /// How many values are kept: those that some receiver has still to receive.
    pub fn len(&self) -> usize {
        self.shared.lock().len()
    }

    /// Whether every value was received by all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many receivers there are.
    pub fn receiver_count(&self) -> usize {
        self.shared.lock().receivers
    }

    /// Whether both send to the same receivers.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Waits until there is no receiver: then work for them can stop. Cancel safe.
    pub fn closed(&self) -> Closed<'_, T> {
        Closed { shared: &self.shared, place: None }
    }

    /// How many senders there are.
    pub fn strong_count(&self) -> usize {
        self.shared.lock().senders
    }

    /// How many weak senders there are.
    pub fn weak_count(&self) -> usize {
        self.shared.lock().weak_senders
    }
}

impl<T> WeakSender<T> {
    /// A sender, if there is still another one.
    #[must_use = "this makes another handle, and leaves the weak sender as it is"]
    pub fn upgrade(&self) -> Option<Sender<T>> {
        let mut ring = self.shared.lock();
        if ring.senders == 0 {
            return None;
        }
        ring.senders += 1;
        Some(Sender { shared: self.shared.clone() })
    }

    /// How many senders there are.
    pub fn strong_count(&self) -> usize {
        self.shared.lock().senders
    }

    /// How many weak senders there are.
    pub fn weak_count(&self) -> usize {
        self.shared.lock().weak_senders
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.shared.lock().senders += 1;
        Sender { shared: self.shared.clone() }
    }
}

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> Self {
        self.shared.lock().weak_senders += 1;
        WeakSender { shared: self.shared.clone() }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut wakers = WakeList::default();
        let mut ring = self.shared.lock();
        ring.senders -= 1;
        if ring.senders == 0 {
            ring.waiting.pop_all(&mut wakers);
        }
        drop(ring);
        wakers.wake_all();
    }
}

impl<T> Drop for WeakSender<T> {
    fn drop(&mut self) {
        self.shared.lock().weak_senders -= 1;
    }
}

/// Waits until there is no receiver. From [`Sender::closed`].
#[must_use = "futures do nothing unless awaited"]
pub struct Closed<'a, T> {
    shared: &'a Shared<T>,
    /// Where it stands among those who wait for this, once it does.
    place: Option<Key>,
}

impl<T> Future for Closed<'_, T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        ready!(coop::poll_proceed(cx));
        let look = |ring: &mut Ring<T>| match ring.receivers {
            0 => Poll::Ready(()),
            _ => Poll::Pending,
        };
        let shared = self.shared;
        if poll_or_enqueue(shared, cx, &mut self.place, look, |ring| &mut ring.watchers)
            .is_pending()
        {
            trace::waiting(Waiting::On { what: "the end of all broadcast receivers" });
            return Poll::Pending;
        }
        coop::made_progress();
        Poll::Ready(())
    }
}

impl<T> Drop for Closed<'_, T> {
    fn drop(&mut self) {
        dequeue(self.shared, self.place, |ring| &mut ring.watchers);
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("receivers", &self.receiver_count()).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakSender").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Closed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Closed").field("place", &self.place).finish_non_exhaustive()
    }
}
