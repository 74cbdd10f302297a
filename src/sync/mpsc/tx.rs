//! What does every handle do that can send, bounded or not?
//!
//! It counts: when the last one goes, the receiver must learn of it. A weak handle does not count, and
//! can become a sender only as long as there is another. Beyond that there are the two things for which a
//! sender waits: for room ([`Reserve`]), and for the end of the receiver ([`Closed`]).
//!
//! What is particular to the two kinds of channel stands in `sender.rs` and `unbounded.rs`.
//!
//! Next: `rx.rs`, the receiving end.

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::error::SendError;
use super::queue::{Queue, State};
use crate::engine::coop;
use crate::engine::prim::atomic::Ordering::Relaxed;
use crate::engine::trace::{self, Waiting};
use crate::sync::acquire::AcquirePermits;
use crate::sync::wait_queue::{Key, dequeue, poll_or_enqueue};

/// A handle that can send. There is at least one as long as a message can be sent.
pub(super) struct Tx<T>(Arc<Queue<T>>);

/// A handle that can become one that can send.
pub(super) struct WeakTx<T>(Arc<Queue<T>>);

impl<T> Tx<T> {
    /// The first one, which the queue has counted already.
    pub(super) fn first(queue: Arc<Queue<T>>) -> Self {
        Tx(queue)
    }

    pub(super) fn downgrade(&self) -> WeakTx<T> {
        // Relaxed, as everywhere with this number: it is only looked at.
        self.weak.fetch_add(1, Relaxed);
        WeakTx(self.0.clone())
    }

    pub(super) fn is_same(&self, other: &Tx<T>) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Waits until the receiver is closed or dropped.
    pub(super) fn closed(&self) -> Closed<'_, T> {
        Closed { queue: self, place: None }
    }

    /// Waits for room for some messages.
    pub(super) fn reserve(&self, permits: usize) -> Reserve<'_, T> {
        Reserve { queue: self, acquire: AcquirePermits::new(&**self, permits) }
    }
}

impl<T> WeakTx<T> {
    pub(super) fn upgrade(&self) -> Option<Tx<T>> {
        self.add_strong().then(|| Tx(self.0.clone()))
    }
}

impl<T> Deref for Tx<T> {
    type Target = Queue<T>;

    fn deref(&self) -> &Queue<T> {
        &self.0
    }
}

impl<T> Deref for WeakTx<T> {
    type Target = Queue<T>;

    fn deref(&self) -> &Queue<T> {
        &self.0
    }
}

impl<T> Clone for Tx<T> {
    fn clone(&self) -> Self {
        // Relaxed: the count cannot come to zero while we have a handle.
        self.strong.fetch_add(1, Relaxed);
        Tx(self.0.clone())
    }
}

impl<T> Clone for WeakTx<T> {
    fn clone(&self) -> Self {
        self.weak.fetch_add(1, Relaxed);
        WeakTx(self.0.clone())
    }
}

impl<T> Drop for Tx<T> {
    fn drop(&mut self) {
        self.remove_strong();
    }
}

impl<T> Drop for WeakTx<T> {
    fn drop(&mut self) {
        self.weak.fetch_sub(1, Relaxed);
    }
}

/// Waits for room. Once it is ready the permits are the caller's, to push messages on or to put back.
#[must_use = "futures do nothing unless awaited"]
pub(super) struct Reserve<'a, T> {
    queue: &'a Queue<T>,
    acquire: AcquirePermits<&'a Queue<T>>,
}

impl<T> Future for Reserve<'_, T> {
    type Output = Result<(), SendError<()>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match ready!(self.acquire.poll_acquire(cx)) {
            Ok(permits) => permits.forget(),
            Err(_) => {
                // What it had been given before the channel was closed is back now.
                self.queue.wake_if_finished();
                return Poll::Ready(Err(SendError(())));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<T> Drop for Reserve<'_, T> {
    fn drop(&mut self) {
        if self.acquire.cancel() {
            self.queue.wake_if_finished();
        }
    }
}

/// Waits until the receiver is closed or dropped. From `closed` of a sender.
#[must_use = "futures do nothing unless awaited"]
pub struct Closed<'a, T> {
    queue: &'a Queue<T>,
    /// Where it stands among those who wait for this, once it does.
    place: Option<Key>,
}

impl<T> Future for Closed<'_, T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        ready!(coop::poll_proceed(cx));
        let this = &mut *self;
        // Under the lock under which `close` closes the room and wakes those who stand here.
        let look = |_: &mut State<T>| match this.queue.room.is_closed() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        };
        let (state, place) = (&this.queue.state, &mut this.place);
        if poll_or_enqueue(state, cx, place, look, |state| &mut state.watchers).is_pending() {
            trace::waiting(Waiting::On { what: "the end of a channel's receiver" });
            return Poll::Pending;
        }
        coop::made_progress();
        Poll::Ready(())
    }
}

impl<T> Drop for Closed<'_, T> {
    fn drop(&mut self) {
        dequeue(&self.queue.state, self.place, |state| &mut state.watchers);
    }
}

impl<T> fmt::Debug for Closed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Closed").field("place", &self.place).finish_non_exhaustive()
    }
}
