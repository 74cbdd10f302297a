//! The receiver: a cursor.
//!
//! It looks at its slot first, and takes the tail's lock only if there is no value for it.
//!
//! Next: `sender.rs`.

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::buffer::{Shared, Tail};
use super::error::{RecvError, TryRecvError};
use crate::sync::acquire::blocking;
use crate::sync::fmt::debug_fields;
use crate::sync::waker_set::{Key, Receive, Recv, poll_leaf};

/// Receives every value that is sent, in order. From [`channel`](super::channel) and
/// [`Sender::subscribe`](super::Sender::subscribe).
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    /// The number of the value that it receives next.
    cursor: u64,
    /// The task's waker, while a `recv` waits.
    key: Option<Key>,
}

impl<T> Receiver<T> {
    /// A receiver of what is sent from now on.
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        let cursor = shared.tail.with(|tail| {
            tail.receivers += 1;
            shared.next()
        });
        Receiver { shared, cursor, key: None }
    }

    /// How many values there are to receive. Values that were overwritten count until [`recv`](Receiver::recv) has
    /// returned `Lagged`.
    pub fn len(&self) -> usize {
        (self.shared.next() - self.cursor) as usize
    }

    /// Whether there is no value to receive.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether both receive from the same senders.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// The number of senders.
    pub fn sender_strong_count(&self) -> usize {
        self.shared.tail.with(|tail| tail.senders)
    }

    /// The number of weak senders.
    pub fn sender_weak_count(&self) -> usize {
        self.shared.tail.with(|tail| tail.weak_senders)
    }

    /// Whether all senders are dropped. There may still be values.
    pub fn is_closed(&self) -> bool {
        self.sender_strong_count() == 0
    }
}

impl<T: Clone> Receiver<T> {
    /// Another receiver, of what is sent from now on.
    pub fn resubscribe(&self) -> Self {
        Receiver::new(self.shared.clone())
    }

    /// Waits for the next value.
    ///
    /// Cancel safe: no value is lost. If `T::clone` panics, the value counts as received. While `T::clone` runs, other
    /// threads wait if they receive or overwrite the same value.
    ///
    /// # Errors
    ///
    /// `Lagged` if values were overwritten before they were received, with their number; the next call returns the
    /// oldest value that is kept. `Closed` if all senders are dropped and all values received.
    ///
    /// # Panics
    ///
    /// If `T::clone` uses the channel to receive or overwrite the very value that it clones.
    pub fn recv(&mut self) -> impl Future<Output = Result<T, RecvError>> {
        Recv(self)
    }

    /// The next value, if there is one now.
    ///
    /// # Errors
    ///
    /// `Empty` if a value may still come, otherwise as [`recv`](Receiver::recv).
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        loop {
            if let Some(value) = self.shared.receive(&mut self.cursor) {
                return Ok(value);
            }
            self.shared.tail.with(|tail| self.shared.check(tail, &mut self.cursor))?;
        }
    }

    /// Blocks the thread until the next value.
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
        blocking("broadcast::Receiver::blocking_recv", self.recv())
    }
}

impl<T: Clone> Receive for &mut Receiver<T> {
    type Output = Result<T, RecvError>;

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Receiver { shared, cursor, key } = &mut **self;
        poll_leaf(cx, "a broadcast value", |cx| {
            loop {
                if let Some(value) = shared.receive(cursor) {
                    return Poll::Ready(Ok(value));
                }
                let check = |tail: &mut Tail| match shared.check(tail, cursor) {
                    Ok(()) => Poll::Ready(Ok(())),
                    Err(TryRecvError::Empty) => Poll::Pending,
                    Err(TryRecvError::Closed) => Poll::Ready(Err(RecvError::Closed)),
                    Err(TryRecvError::Lagged(missed)) => {
                        Poll::Ready(Err(RecvError::Lagged(missed)))
                    }
                };
                // Ok: it was sent just now.
                if let Err(error) = ready!(shared.tail.poll(cx, key, check)) {
                    return Poll::Ready(Err(error));
                }
            }
        })
    }

    fn cancel(&mut self) {
        self.shared.tail.remove(&mut self.key);
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.shared.tail.remove(&mut self.key);
        drop(self.shared.remove_receiver(self.cursor));
    }
}

debug_fields!(Receiver<T>: cursor);
