//! How does one task hand another exactly one value, once?
//!
//! For instance the answer to a request: the request carries the sending half with it, and whoever asked
//! awaits the other. Each half can go away first, and the other one wants to know.
//!
//! ```text
//!                     send
//!            ┌───────────────────▶ Sent(value) ──── taken ────┐
//!            │                                                ▼
//!        ┌──────┐   the sender is dropped                 ┌───────┐
//!        │ Open │ ──────────────────────────────────────▶ │ Ended │
//!        └──────┘                                         └───────┘
//!            │   close, the receiver is dropped
//!            └───────────────────▶ Closed: `send` gives the value back
//! ```
//!
//! The stage and the wakers of both halves lie under one lock. It is taken two or three times in a
//! channel's life, hardly ever by both at once, and never while a value or a waker is dropped.
//!
//! ```
//! use openwork::sync::oneshot;
//!
//! # openwork::block_on(async {
//! let (sender, receiver) = oneshot::channel();
//! openwork::spawn(async move { sender.send(6 * 7) });
//! assert_eq!(receiver.await, Ok(42));
//! # });
//! ```
//!
//! Next: `mpsc`, for more than one value.

use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use super::waiters::look_or_wait;
use crate::engine::block_on::block_on;
use crate::engine::context;
use crate::engine::prim::Mutex;
use crate::engine::trace::{self, Waiting};

use error::{RecvError, TryRecvError};

/// What both halves share, under a lock.
///
/// An atomic stage and cells of `unsafe` in the lock's place would save three atomic operations of six:
/// of a value that is sent and found, 18 ns of 57. To wake a task for it costs several times that.
struct Channel<T> {
    stage: Stage<T>,
    /// Who awaits `closed`; only while the stage is `Open`.
    sender: Option<Waker>,
    /// Who awaits the value; only while the stage is `Open`.
    receiver: Option<Waker>,
}

enum Stage<T> {
    /// Nothing has happened yet.
    Open,
    /// The value is here, and stays if the receiver is closed now. The sender is gone.
    Sent(T),
    /// The sender is gone, and there is no value, or none any more.
    Ended,
    /// The receiver wants no value. The sender may still be there.
    Closed,
}

impl<T> Channel<T> {
    /// Enters a stage in which nobody waits. Of the wakers, the sender's and the receiver's, the caller
    /// wakes that of the other half, and drops its own, outside of the lock.
    #[must_use]
    fn leave_open(&mut self, stage: Stage<T>) -> (Option<Waker>, Option<Waker>) {
        self.stage = stage;
        (self.sender.take(), self.receiver.take())
    }

    /// What the receiver finds: the value, or none for ever.
    fn outcome(&mut self) -> Poll<Option<T>> {
        match self.stage {
            Stage::Open => Poll::Pending,
            Stage::Ended | Stage::Closed => Poll::Ready(None),
            Stage::Sent(_) => match mem::replace(&mut self.stage, Stage::Ended) {
                Stage::Sent(value) => Poll::Ready(Some(value)),
                _ => unreachable!("it was there a line above"),
            },
        }
    }
}

/// A channel for one value.
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let channel = Channel { stage: Stage::Open, sender: None, receiver: None };
    let shared = Arc::new(Mutex::new(channel));
    (Sender { shared: Some(shared.clone()) }, Receiver { shared: Some(shared) })
}

/// Sends the value. If it is dropped instead, the receiver learns that none will come.
pub struct Sender<T> {
    /// None only within `send`.
    shared: Option<Arc<Mutex<Channel<T>>>>,
}

impl<T> Sender<T> {
    /// Sends the value, without waiting. It may still not be received: the receiver can be dropped at any
    /// time, and the value with it.
    ///
    /// # Errors
    ///
    /// The value, if the receiver is closed or dropped.
    pub fn send(mut self, value: T) -> Result<(), T> {
        let shared = self.shared.take().expect("only `send` takes it");
        let mut channel = shared.lock();
        if matches!(channel.stage, Stage::Closed) {
            return Err(value);
        }
        let (_sender, receiver) = channel.leave_open(Stage::Sent(value));
        drop(channel);
        if let Some(receiver) = receiver {
            receiver.wake();
        }
        Ok(())
    }

    /// Waits until the receiver is closed or dropped: then work for it can stop.
    ///
    /// Cancel safe.
    pub fn closed(&mut self) -> Closed<'_, T> {
        Closed { sender: self }
    }

    /// Whether the receiver is closed or dropped, so that `send` would fail.
    pub fn is_closed(&self) -> bool {
        matches!(self.shared().lock().stage, Stage::Closed)
    }

    /// As [`closed`](Sender::closed), for a `poll` function. The waker of the last call is woken.
    pub fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        ready!(context::poll_budget(cx));
        let look = |channel: &mut Channel<T>| match channel.stage {
            Stage::Closed => Poll::Ready(()),
            _ => Poll::Pending,
        };
        if look_or_wait(self.shared(), cx, look, |channel| &mut channel.sender).is_pending() {
            trace::waiting(Waiting::On { what: "the end of a oneshot receiver" });
            return Poll::Pending;
        }
        context::spend();
        Poll::Ready(())
    }

    fn shared(&self) -> &Mutex<Channel<T>> {
        self.shared.as_ref().expect("only `send` takes it")
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let Some(shared) = &self.shared else { return };
        let mut channel = shared.lock();
        if matches!(channel.stage, Stage::Closed) {
            return;
        }
        let (_sender, receiver) = channel.leave_open(Stage::Ended);
        drop(channel);
        if let Some(receiver) = receiver {
            receiver.wake();
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("is_closed", &self.is_closed()).finish()
    }
}

/// Waits until the receiver is closed or dropped. From [`Sender::closed`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Closed<'a, T> {
    sender: &'a mut Sender<T>,
}

impl<T> Future for Closed<'_, T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.sender.poll_closed(cx)
    }
}

/// Awaits the value: it is itself the future. To keep it after an attempt, await `&mut receiver`.
///
/// Cancel safe.
///
/// # Panics
///
/// If it is polled after it has given its result.
#[must_use = "futures do nothing unless awaited"]
pub struct Receiver<T> {
    /// None once the result was given.
    shared: Option<Arc<Mutex<Channel<T>>>>,
}

impl<T> Receiver<T> {
    /// Wants no value any more: a later `send` fails. One that was sent before can still be received.
    pub fn close(&mut self) {
        let Some(shared) = &self.shared else { return };
        let mut channel = shared.lock();
        if !matches!(channel.stage, Stage::Open) {
            return;
        }
        let (sender, _receiver) = channel.leave_open(Stage::Closed);
        drop(channel);
        if let Some(sender) = sender {
            sender.wake();
        }
    }

    /// Whether the result was given, the value or an error: then there is nothing left to await.
    pub fn is_terminated(&self) -> bool {
        self.shared.is_none()
    }

    /// Whether there is no value here now.
    pub fn is_empty(&self) -> bool {
        let sent = |shared: &Arc<Mutex<Channel<T>>>| matches!(shared.lock().stage, Stage::Sent(_));
        !self.shared.as_ref().is_some_and(sent)
    }

    /// The value, if it is here.
    ///
    /// # Errors
    ///
    /// `Empty` if the value may still come, `Closed` if it will not, or was received before.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let Some(shared) = &self.shared else { return Err(TryRecvError::Closed) };
        let outcome = shared.lock().outcome();
        match outcome {
            Poll::Pending => Err(TryRecvError::Empty),
            Poll::Ready(value) => {
                self.shared = None;
                value.ok_or(TryRecvError::Closed)
            }
        }
    }

    /// Waits for the value on a thread of its own.
    ///
    /// # Errors
    ///
    /// If the sender was dropped.
    ///
    /// # Panics
    ///
    /// On a thread that runs a runtime's tasks.
    #[track_caller]
    pub fn blocking_recv(self) -> Result<T, RecvError> {
        context::assert_not_running("oneshot::Receiver::blocking_recv");
        block_on(self)
    }
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, RecvError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let shared = self.shared.as_ref().expect("a oneshot receiver was polled after its result");
        ready!(context::poll_budget(cx));
        match look_or_wait(shared, cx, Channel::outcome, |channel| &mut channel.receiver) {
            Poll::Pending => {
                trace::waiting(Waiting::On { what: "the value of a oneshot" });
                Poll::Pending
            }
            Poll::Ready(value) => {
                context::spend();
                self.shared = None;
                Poll::Ready(value.ok_or(RecvError(())))
            }
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.close();
        // A value that was sent goes now, not when the sender's thread happens to let go of the channel.
        drop(self.try_recv());
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("is_terminated", &self.is_terminated())
            .field("is_empty", &self.is_empty())
            .finish()
    }
}

/// The errors of this module.
pub mod error {
    use super::fmt;

    /// The sender was dropped, or the receiver closed, before a value was sent.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct RecvError(pub(super) ());

    /// Why there is no value.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum TryRecvError {
        /// None was sent yet.
        Empty,
        /// None will come, or it was received before.
        Closed,
    }

    impl fmt::Display for RecvError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("channel closed")
        }
    }

    impl fmt::Display for TryRecvError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(match self {
                TryRecvError::Empty => "channel empty",
                TryRecvError::Closed => "channel closed",
            })
        }
    }

    impl std::error::Error for RecvError {}
    impl std::error::Error for TryRecvError {}
}
