//! The receiver, of bounded and unbounded channels.
//!
//! A receiver has a queue of its own, with the messages that it has taken from the channel. It receives the messages of
//! its own queue one by one, and releases the permit of each. When its own queue is empty, it takes all messages of the
//! shared queue. Only then does it contend with the senders, and only then does it wait.
//!
//! The receiver's own queue is in a mutex because `len` and `is_empty` read it through `&self`. Because of the mutex a
//! `Receiver<T>` is `Sync` even if `T` is not. Methods with `&mut self` need not lock it.
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
use crate::engine::coop;
use crate::engine::prim::atomic::Ordering::Relaxed;
use crate::engine::prim::{Mutex, discard};
use crate::engine::trace::{self, WaitReason};
use crate::sync::acquire::blocking;
use crate::sync::fmt::debug_fields;
use crate::sync::permits::Permits;

/// A queue with room for more messages than this is freed when it is empty, so that no memory is kept after a burst.
/// Arbitrary; a queue that was freed grows again, in steps, if the next burst is as long.
const KEEP_CAPACITY: usize = 256;

/// Makes a channel that holds at most `capacity` messages. While it is full, senders wait.
///
/// # Panics
///
/// If `capacity` is 0, or more than `usize::MAX >> 3`.
#[track_caller]
pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    assert!(capacity > 0, "a bounded channel has room for at least one message");
    new_channel(capacity)
}

/// Makes a channel without a bound. If messages are received more slowly than they are sent, they fill the memory.
pub fn unbounded_channel<T>() -> (UnboundedSender<T>, UnboundedReceiver<T>) {
    new_channel(Permits::MAX)
}

#[track_caller]
fn new_channel<T, B>(capacity: usize) -> (Sender<T, B>, Receiver<T, B>) {
    let chan = Arc::new(Chan::new(capacity));
    let taken = Mutex::new(VecDeque::new());
    (Sender::new(chan.clone()), Receiver { chan, taken, bound: PhantomData })
}

/// Receives messages, in the order in which they were sent. From [`channel`].
///
/// When the receiver is dropped, the channel is closed and the messages in it are dropped.
pub struct Receiver<T, B = Bounded> {
    chan: Arc<Chan<T>>,
    /// The messages that were taken from the channel and are not received yet. Their permits are not released yet.
    taken: Mutex<VecDeque<T>>,
    bound: PhantomData<fn() -> B>,
}

/// Receives messages of an unbounded channel. From [`unbounded_channel`].
pub type UnboundedReceiver<T> = Receiver<T, Unbounded>;

// A message is never pinned here.
impl<T, B> Unpin for Receiver<T, B> {}

impl<T, B> Receiver<T, B> {
    /// Waits for the next message. Returns `None` when all messages were received and no more can come: all senders
    /// are dropped, or the receiver is closed and no [`Permit`](super::Permit) is left that could send one.
    ///
    /// Cancel safe: no message is lost.
    pub fn recv(&mut self) -> impl Future<Output = Option<T>> {
        poll_fn(|cx| self.poll_recv(cx))
    }

    /// Waits until there are messages, and appends them to `buffer`, at most `limit` of them. Returns their number: 0
    /// if `limit` is 0, or if [`recv`](Receiver::recv) would return `None`.
    ///
    /// Cancel safe: no message is lost, and the buffer is unchanged until this is ready.
    pub fn recv_many<'a>(
        &'a mut self,
        buffer: &'a mut Vec<T>,
        limit: usize,
    ) -> impl Future<Output = usize> + use<'a, T, B> {
        poll_fn(move |cx| self.poll_recv_many(cx, buffer, limit))
    }

    /// Receives the next message, if there is one now.
    ///
    /// # Errors
    ///
    /// `Empty` if there is no message but one may still come, `Disconnected` if [`recv`](Receiver::recv) would return
    /// `None`.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let taken = self.taken.get_mut();
        if taken.is_empty() && self.chan.try_take(taken).is_pending() {
            return Err(TryRecvError::Empty);
        }
        self.pop_taken().ok_or(TryRecvError::Disconnected)
    }

    /// Receives the next message, and blocks the thread until there is one; see [`recv`](Receiver::recv).
    ///
    /// # Panics
    ///
    /// On a thread that runs a runtime's tasks.
    #[track_caller]
    pub fn blocking_recv(&mut self) -> Option<T> {
        blocking("mpsc::Receiver::blocking_recv", self.recv())
    }

    /// Receives messages, and blocks the thread until there are some; see [`recv_many`](Receiver::recv_many).
    ///
    /// # Panics
    ///
    /// On a thread that runs a runtime's tasks.
    #[track_caller]
    pub fn blocking_recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
        blocking("mpsc::Receiver::blocking_recv_many", self.recv_many(buffer, limit))
    }

    /// Closes the channel: nothing more can be sent, except with a [`Permit`](super::Permit) that exists already.
    /// Messages that were sent can still be received, until [`recv`](Receiver::recv) returns `None`.
    pub fn close(&mut self) {
        self.chan.close();
    }

    /// Whether the receiver is closed, or all senders are dropped. There may still be messages.
    pub fn is_closed(&self) -> bool {
        self.chan.semaphore.is_closed() || self.chan.strong_count() == 0
    }

    /// Whether there is no message in the channel now.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many messages are in the channel now.
    pub fn len(&self) -> usize {
        self.taken.lock().len() + self.chan.len()
    }

    /// Polls for the next message; see [`recv`](Receiver::recv). While it is pending, only the waker of the last call
    /// will be woken.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll_leaf(cx, |receiver, cx| {
            ready!(receiver.poll_take(cx));
            Poll::Ready(receiver.pop_taken())
        })
    }

    /// Polls for messages; see [`recv_many`](Receiver::recv_many). While it is pending, only the waker of the last call
    /// will be woken.
    pub fn poll_recv_many(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<T>,
        limit: usize,
    ) -> Poll<usize> {
        self.poll_leaf(cx, |receiver, cx| {
            if limit > 0 {
                ready!(receiver.poll_take(cx));
            }
            Poll::Ready(receiver.drain(buffer, limit))
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

    /// The bounds of how many messages will still be received: at least those in the channel. There is an upper bound
    /// only if the channel is closed; it counts each permit that exists as a message.
    pub(crate) fn size_hint(&self) -> (usize, Option<usize>) {
        // First: a sender may send and be dropped meanwhile, and after the close only fewer permits are in use.
        let is_closed = self.is_closed();
        let most = self.chan.max_capacity - self.chan.semaphore.available();
        (self.len(), is_closed.then_some(most))
    }

    /// Ready when `taken` has a message, or the channel is finished.
    /// Uses up the budget when `poll` is ready, and tells the trace what the task waits for while it is pending.
    fn poll_leaf<R>(
        &mut self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Self, &mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        ready!(coop::poll_proceed(cx));
        let result = poll(self, cx);
        match result {
            Poll::Ready(_) => coop::made_progress(),
            Poll::Pending => {
                trace::waits(WaitReason::Message { senders: self.chan.strong_count() });
            }
        }
        result
    }

    fn poll_take(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let taken = self.taken.get_mut();
        if taken.is_empty() {
            ready!(self.chan.poll_take(cx, taken));
        }
        Poll::Ready(())
    }

    /// Pops the first of the messages that were taken, and releases its permit.
    fn pop_taken(&mut self) -> Option<T> {
        let message = self.taken.get_mut().pop_front()?;
        self.release_permits(1);
        Some(message)
    }

    /// Moves at most `limit` messages to `buffer`: those that were taken, and then those in the shared queue. Returns
    /// how many.
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
            self.release_permits(count);
        }
        count
    }

    /// Releases the permits of messages that were received. Frees the memory of `taken` if that is empty and large.
    fn release_permits(&mut self, messages: usize) {
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
        let (left, waker) = self.chan.set_rx_dropped();
        // Dropped at the end of this function: in order, outside of the lock, and all of them even if one destructor
        // panics.
        let messages = (mem::take(self.taken.get_mut()), left);
        self.chan.close();
        self.chan.semaphore.release(messages.0.len() + messages.1.len());
        discard(waker);
    }
}

debug_fields!(Receiver<T, B>: chan);
