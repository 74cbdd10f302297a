//! What does every receiver do, bounded or not?
//!
//! It has a part of the queue to itself: what it took last, all at once. It receives from that, putting
//! the permit of each message back as it goes, and takes again when there is nothing left. Only then does
//! it meet the senders, and only then does it wait.
//!
//! The part lies in a mutex although nobody contends for it: the way in is `&mut`, which needs no lock.
//! The mutex is there for `len` and `is_empty`, and so that a receiver can be shared although its messages
//! cannot.
//!
//! Next: `sender.rs`, the sender of a channel with a bound.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::error::TryRecvError;
use super::queue::Queue;
use crate::engine::coop;
use crate::engine::prim::{Mutex, discard};
use crate::engine::trace::{self, Waiting};

/// A part of the queue with room for more than so many messages is let go when it is used up, so that a
/// burst does not leave its memory behind. Arbitrary; its effect is an allocation for each 256 messages
/// that are received at one go.
const KEEP_ROOM: usize = 256;

/// The receiving end. There is one.
pub(super) struct Rx<T> {
    pub(super) queue: Arc<Queue<T>>,
    /// Messages that only we know of. Their permits are still out.
    taken: Mutex<VecDeque<T>>,
}

// A message is never pinned here.
impl<T> Unpin for Rx<T> {}

impl<T> Rx<T> {
    pub(super) fn new(queue: Arc<Queue<T>>) -> Self {
        Rx { queue, taken: Mutex::new(VecDeque::new()) }
    }

    pub(super) fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        ready!(coop::poll_proceed(cx));
        if self.taken.get_mut().is_empty() {
            ready!(self.poll_take(cx));
        }
        coop::made_progress();
        Poll::Ready(self.next())
    }

    pub(super) fn poll_recv_many(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<T>,
        limit: usize,
    ) -> Poll<usize> {
        ready!(coop::poll_proceed(cx));
        if limit > 0 && self.taken.get_mut().is_empty() {
            ready!(self.poll_take(cx));
        }
        coop::made_progress();
        Poll::Ready(self.drain(buffer, limit))
    }

    pub(super) fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let taken = self.taken.get_mut();
        if taken.is_empty() && self.queue.try_take(taken).is_pending() {
            return Err(TryRecvError::Empty);
        }
        self.next().ok_or(TryRecvError::Disconnected)
    }

    /// Ready when there is something to receive, or nothing ever again.
    fn poll_take(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.queue.poll_take(cx, self.taken.get_mut()).is_pending() {
            trace::waiting(Waiting::On { what: "a message" });
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    /// The next of the messages that were taken.
    fn next(&mut self) -> Option<T> {
        let message = self.taken.get_mut().pop_front()?;
        self.received(1);
        Some(message)
    }

    /// Moves up to `limit` messages, of those that were taken and then of the queue.
    fn drain(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
        let mut count = 0;
        while count < limit {
            let taken = self.taken.get_mut();
            if taken.is_empty() && self.queue.try_take(taken) != Poll::Ready(true) {
                break;
            }
            let some = taken.len().min(limit - count);
            buffer.extend(taken.drain(..some));
            count += some;
        }
        if count > 0 {
            self.received(count);
        }
        count
    }

    /// Makes room for as many messages as were received.
    fn received(&mut self, messages: usize) {
        let taken = self.taken.get_mut();
        if taken.is_empty() && taken.capacity() > KEEP_ROOM {
            *taken = VecDeque::new();
        }
        self.queue.room.add(messages);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.queue.room.is_closed() || self.queue.strong_count() == 0
    }

    pub(super) fn len(&self) -> usize {
        self.taken.lock().len() + self.queue.len()
    }

    /// How many messages are still to come: at least, and at most once nobody can send any more. What is
    /// reserved may be sent, and counts.
    pub(super) fn size_hint(&self) -> (usize, Option<usize>) {
        let queue = &self.queue;
        let most = self.is_closed().then(|| queue.capacity - queue.room.available());
        (self.len(), most)
    }

    pub(super) fn recv(&mut self) -> Recv<'_, T> {
        Recv { rx: self }
    }

    pub(super) fn recv_many<'a>(
        &'a mut self,
        buffer: &'a mut Vec<T>,
        limit: usize,
    ) -> RecvMany<'a, T> {
        RecvMany { rx: self, buffer, limit }
    }
}

impl<T> Drop for Rx<T> {
    fn drop(&mut self) {
        let (left, waker) = self.queue.abandon();
        // They are dropped at the end, in order and outside of the lock, all of them even if one panics.
        let messages = (mem::take(self.taken.get_mut()), left);
        self.queue.close();
        self.queue.room.add(messages.0.len() + messages.1.len());
        discard(waker);
    }
}

/// Waits for the next message. From `recv` of a receiver.
#[must_use = "futures do nothing unless awaited"]
pub struct Recv<'a, T> {
    rx: &'a mut Rx<T>,
}

impl<T> Future for Recv<'_, T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.rx.poll_recv(cx)
    }
}

/// Waits for messages, and takes several. From `recv_many` of a receiver.
#[must_use = "futures do nothing unless awaited"]
pub struct RecvMany<'a, T> {
    rx: &'a mut Rx<T>,
    buffer: &'a mut Vec<T>,
    limit: usize,
}

impl<T> Future for RecvMany<'_, T> {
    type Output = usize;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<usize> {
        let this = &mut *self;
        this.rx.poll_recv_many(cx, this.buffer, this.limit)
    }
}

impl<T> fmt::Debug for Rx<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rx").field("queue", &self.queue).field("len", &self.len()).finish()
    }
}

impl<T> fmt::Debug for Recv<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recv").field("rx", &self.rx).finish()
    }
}

impl<T> fmt::Debug for RecvMany<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecvMany")
            .field("rx", &self.rx)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
