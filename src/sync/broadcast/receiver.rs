//! The receiving end: a cursor, and a place in line while there is nothing at it.
//!
//! Two steps, of which only the first is under the channel's lock: to take a reference to the value, and
//! to clone it. If the `clone` panics, the value counts as received, as in Tokio.
//!
//! Next: `sender.rs`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::error::{RecvError, TryRecvError};
use super::ring::{Ring, Shared, Value};
use crate::engine::block_on::block_on;
use crate::engine::context;
use crate::engine::coop;
use crate::engine::prim::catch_and_drop_panic;
use crate::engine::trace::{self, Waiting};
use crate::sync::wait_queue::{Key, WakeList, dequeue, poll_or_enqueue};

/// Receives every value that is sent, in order. From [`channel`](super::channel) and
/// [`Sender::subscribe`](super::Sender::subscribe).
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    /// The number of the value that it receives next.
    cursor: u64,
}

impl<T> Receiver<T> {
    /// One that receives what is sent from now on.
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        let cursor = shared.lock().add_receiver();
        Receiver { shared, cursor }
    }

    /// How many values there are to receive, with those that were overwritten, as long as
    /// [`recv`](Receiver::recv) has not said so.
    pub fn len(&self) -> usize {
        self.shared.lock().len_from(self.cursor)
    }

    /// Whether there is no value to receive.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether both receive from the same senders.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// How many senders there are.
    pub fn sender_strong_count(&self) -> usize {
        self.shared.lock().senders
    }

    /// How many weak senders there are.
    pub fn sender_weak_count(&self) -> usize {
        self.shared.lock().weak_senders
    }

    /// Whether all senders are dropped. There may still be values.
    pub fn is_closed(&self) -> bool {
        self.sender_strong_count() == 0
    }
}

impl<T: Clone> Receiver<T> {
    /// Another receiver, for what is sent from now on; not for what this one has still to receive.
    pub fn resubscribe(&self) -> Self {
        Receiver::new(self.shared.clone())
    }

    /// Waits for the next value.
    ///
    /// Cancel safe: no value is lost. If `T::clone` panics, the value counts as received. While `T::clone`
    /// runs it may use the channel, and even receive the same value; a receive of that value on another
    /// thread blocks until it returns.
    ///
    /// # Errors
    ///
    /// `Lagged` if values were overwritten before they were received, with their number; the next call
    /// gives the oldest one that is kept. `Closed` if all senders are dropped and all values received.
    pub fn recv(&mut self) -> Recv<'_, T> {
        Recv { receiver: self, place: None }
    }

    /// The next value, if there is one now.
    ///
    /// # Errors
    ///
    /// `Empty` if one may still come, otherwise as [`recv`](Receiver::recv).
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let received = self.shared.lock().receive(&mut self.cursor);
        received.map(cloned)
    }

    /// Waits for the next value on a thread of its own.
    ///
    /// # Errors
    ///
    /// As [`recv`](Receiver::recv).
    ///
    /// # Panics
    ///
    /// On a thread that runs a runtime's tasks.
    #[track_caller]
    pub fn blocking_recv(&mut self) -> Result<T, RecvError> {
        context::assert_may_block("broadcast::Receiver::blocking_recv");
        block_on(self.recv())
    }
}

impl<T> Receiver<T> {
    /// The next value, for somebody who keeps our place in line and gives it back.
    pub(crate) fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
        place: &mut Option<Key>,
    ) -> Poll<Result<T, RecvError>>
    where
        T: Clone,
    {
        ready!(coop::poll_proceed(cx));
        let Receiver { shared, cursor } = self;
        let look = |ring: &mut Ring<T>| match ring.receive(cursor) {
            Ok(value) => Poll::Ready(Ok(value)),
            Err(TryRecvError::Lagged(missed)) => Poll::Ready(Err(RecvError::Lagged(missed))),
            Err(TryRecvError::Closed) => Poll::Ready(Err(RecvError::Closed)),
            Err(TryRecvError::Empty) => Poll::Pending,
        };
        match poll_or_enqueue(shared, cx, place, look, |ring| &mut ring.waiting) {
            Poll::Pending => {
                trace::waiting(Waiting::On { what: "a broadcast value" });
                Poll::Pending
            }
            Poll::Ready(received) => {
                coop::made_progress();
                Poll::Ready(received.map(cloned))
            }
        }
    }

    /// Gives the place back.
    pub(crate) fn leave_line(&self, place: Option<Key>) {
        dequeue(&self.shared, place, |ring| &mut ring.waiting);
    }
}

/// The receiver's own copy. The value is dropped here if this was the last receiver to receive it; if its
/// destructor panics, the copy is not lost.
fn cloned<T: Clone>(value: Arc<Value<T>>) -> T {
    let clone = value.cloned();
    catch_and_drop_panic(|| drop(value));
    clone
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut watchers = WakeList::default();
        let mut ring = self.shared.lock();
        let gone = ring.remove_receiver(self.cursor);
        if ring.receivers == 0 {
            ring.watchers.pop_all(&mut watchers);
        }
        drop(ring);
        watchers.wake_all();
        drop(gone);
    }
}

/// Waits for the next value. From [`Receiver::recv`].
#[must_use = "futures do nothing unless awaited"]
pub struct Recv<'a, T> {
    receiver: &'a mut Receiver<T>,
    /// Where it stands in line, once it does.
    place: Option<Key>,
}

impl<T: Clone> Future for Recv<'_, T> {
    type Output = Result<T, RecvError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Recv { receiver, place } = &mut *self;
        receiver.poll_recv(cx, place)
    }
}

impl<T> Drop for Recv<'_, T> {
    fn drop(&mut self) {
        self.receiver.leave_line(self.place);
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("cursor", &self.cursor).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Recv<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recv")
            .field("receiver", &self.receiver)
            .field("place", &self.place)
            .finish()
    }
}
