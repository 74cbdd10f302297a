//! The receiver, of bounded and unbounded channels.
//!
//! It has a queue of its own: the messages that it took last, all at once. It receives from that, releases the permit
//! of each message, and takes the shared queue when its own is empty. Only then does it contend with the senders,
//! and only then does it wait.
//!
//! Its own queue is in a mutex although no other thread contends for it: through `&mut` it needs no lock. The mutex
//! is there for `len` and `is_empty`, and so that a receiver can be shared although its messages cannot.
//!
//! This is the last file of `mpsc`. Next: `broadcast`, for many receivers.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::chan::Chan;
use super::error::TryRecvError;
use super::sender::{Bounded, Sender, Unbounded, UnboundedSender};
use crate::engine::prim::atomic::Ordering::Relaxed;
use crate::engine::prim::{Mutex, discard};
use crate::sync::acquire::blocking;
use crate::sync::fmt::debug_fields;
use crate::sync::permits::Permits;
use crate::sync::waker_set::poll_leaf;

/// A queue with room for more messages than this is freed when it is empty, so that a burst does not keep its memory.
/// Arbitrary; it costs an allocation for each 256 messages that are received at once.
const KEEP_CAPACITY: usize = 256;

/// What a receiver waits for.
const A_MESSAGE: &str = "a message";

/// A channel that holds up to `capacity` messages.
///
/// # Panics
///
/// If `capacity` is 0, or more than `usize::MAX >> 3`.
#[track_caller]
pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    assert!(capacity > 0, "a bounded channel has room for at least one message");
    ends(capacity)
}

/// A channel without a bound. If messages are received more slowly than they are sent, they fill the memory.
pub fn unbounded_channel<T>() -> (UnboundedSender<T>, UnboundedReceiver<T>) {
    ends(Permits::MAX)
}

#[track_caller]
fn ends<T, B>(capacity: usize) -> (Sender<T, B>, Receiver<T, B>) {
    let chan = Arc::new(Chan::new(capacity));
    let taken = Mutex::new(VecDeque::new());
    (Sender::new(chan.clone()), Receiver { chan, taken, bound: PhantomData })
}

/// Receives messages, in the order in which they were sent. From [`channel`].
///
/// When it is dropped, the channel is closed and the messages that are in it are dropped.
pub struct Receiver<T, B = Bounded> {
    chan: Arc<Chan<T>>,
    /// Messages that were taken out of the channel. Their permits are not released yet.
    taken: Mutex<VecDeque<T>>,
    bound: PhantomData<fn() -> B>,
}

/// Receives messages of an unbounded channel. From [`unbounded_channel`].
pub type UnboundedReceiver<T> = Receiver<T, Unbounded>;

// A message is never pinned here.
impl<T, B> Unpin for Receiver<T, B> {}

impl<T, B> Receiver<T, B> {
    /// Waits for the next message. `None` when all messages were received and no more can come: all senders are
    /// dropped, or the receiver was closed and there is no permit left.
    ///
    /// Cancel safe: no message is lost.
    pub fn recv(&mut self) -> impl Future<Output = Option<T>> {
        poll_fn(|cx| self.poll_recv(cx))
    }

    /// Waits for messages, and appends to `buffer` those that are there, up to `limit`. Returns their number: 0 if
    /// `limit` is 0, or where [`recv`](Receiver::recv) returns `None`.
    ///
    /// Cancel safe: no message is lost, and the buffer is unchanged until this is ready.
    pub fn recv_many<'a>(
        &'a mut self,
        buffer: &'a mut Vec<T>,
        limit: usize,
    ) -> impl Future<Output = usize> + use<'a, T, B> {
        poll_fn(move |cx| self.poll_recv_many(cx, buffer, limit))
    }

    /// The next message, if there is one now.
    ///
    /// # Errors
    ///
    /// `Empty` if a message may still come, `Disconnected` if not.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let taken = self.taken.get_mut();
        if taken.is_empty() && self.chan.try_take(taken).is_pending() {
            return Err(TryRecvError::Empty);
        }
        self.next().ok_or(TryRecvError::Disconnected)
    }

    /// Blocks the thread until the next message; see [`recv`](Receiver::recv).
    ///
    /// # Panics
    ///
    /// On a thread that runs a runtime's tasks.
    #[track_caller]
    pub fn blocking_recv(&mut self) -> Option<T> {
        blocking("mpsc::Receiver::blocking_recv", self.recv())
    }

    /// Blocks the thread until there are messages; see [`recv_many`](Receiver::recv_many).
    ///
    /// # Panics
    ///
    /// On a thread that runs a runtime's tasks.
    #[track_caller]
    pub fn blocking_recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
        blocking("mpsc::Receiver::blocking_recv_many", self.recv_many(buffer, limit))
    }

    /// Closes the channel: nothing more can be sent, except with permits that exist already. Messages that were sent
    /// can still be received, until [`recv`](Receiver::recv) returns `None`.
    pub fn close(&mut self) {
        self.chan.close();
    }

    /// Whether it was closed, or all senders are dropped. There may still be messages.
    pub fn is_closed(&self) -> bool {
        self.chan.semaphore.is_closed() || self.chan.strong_count() == 0
    }

    /// Whether there is no message now.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many messages there are now.
    pub fn len(&self) -> usize {
        self.taken.lock().len() + self.chan.len()
    }

    /// Waits for the next message in a `poll` function; see [`recv`](Receiver::recv). The waker of the last call is
    /// woken.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        poll_leaf(cx, A_MESSAGE, |cx| {
            ready!(self.poll_take(cx));
            Poll::Ready(self.next())
        })
    }

    /// Waits for messages in a `poll` function; see [`recv_many`](Receiver::recv_many). The waker of the last call
    /// is woken.
    pub fn poll_recv_many(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<T>,
        limit: usize,
    ) -> Poll<usize> {
        poll_leaf(cx, A_MESSAGE, |cx| {
            if limit > 0 {
                ready!(self.poll_take(cx));
            }
            Poll::Ready(self.drain(buffer, limit))
        })
    }

    /// The number of senders.
    pub fn sender_strong_count(&self) -> usize {
        self.chan.strong_count()
    }

    /// The number of weak senders.
    pub fn sender_weak_count(&self) -> usize {
        self.chan.weak.load(Relaxed)
    }

    /// How many messages are still to come: at least, and at most once the channel is closed. A permit counts as a
    /// message that may be sent.
    pub(crate) fn size_hint(&self) -> (usize, Option<usize>) {
        let most = self.chan.max_capacity - self.chan.semaphore.available();
        (self.len(), self.is_closed().then_some(most))
    }

    /// Ready when there is a message to receive, or when none will come.
    fn poll_take(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let taken = self.taken.get_mut();
        if taken.is_empty() {
            ready!(self.chan.poll_take(cx, taken));
        }
        Poll::Ready(())
    }

    /// The next of the messages that were taken.
    fn next(&mut self) -> Option<T> {
        let message = self.taken.get_mut().pop_front()?;
        self.release(1);
        Some(message)
    }

    /// Moves up to `limit` messages, of those that were taken and then of the channel.
    fn drain(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
        let mut count = 0;
        while count < limit {
            let taken = self.taken.get_mut();
            if taken.is_empty() && self.chan.try_take(taken) != Poll::Ready(true) {
                break;
            }
            let some = taken.len().min(limit - count);
            buffer.extend(taken.drain(..some));
            count += some;
        }
        if count > 0 {
            self.release(count);
        }
        count
    }

    /// Releases the permits of messages that were received.
    fn release(&mut self, messages: usize) {
        let taken = self.taken.get_mut();
        if taken.is_empty() && taken.capacity() > KEEP_CAPACITY {
            *taken = VecDeque::new();
        }
        self.chan.semaphore.release(messages);
    }
}

impl<T> Receiver<T> {
    /// How many messages can be sent now without waiting. Capacity that is reserved does not count.
    pub fn capacity(&self) -> usize {
        self.chan.semaphore.available()
    }

    /// How many messages the channel can hold.
    pub fn max_capacity(&self) -> usize {
        self.chan.max_capacity
    }
}

impl<T, B> Drop for Receiver<T, B> {
    fn drop(&mut self) {
        let (left, waker) = self.chan.drop_receiver();
        // Dropped at the end, in order and outside of the lock, all of them even if one panics.
        let messages = (mem::take(self.taken.get_mut()), left);
        self.chan.close();
        self.chan.semaphore.release(messages.0.len() + messages.1.len());
        discard(waker);
    }
}

debug_fields!(Receiver<T, B>: chan);
