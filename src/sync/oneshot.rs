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
//! No lock guards the value and the two wakers, but four bits do, by these **rules**.
//!
//! - **Rule 8.** The value belongs to the sender until it sets `DONE`, which it does not do once the
//!   receiver has set `CLOSED`. After `DONE` it belongs to the receiver.
//! - **Rule 9.** A half's waker belongs to that half while its `WAITS` is down. Whoever ends while it is up
//!   has got the other's waker with that.
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

use crate::engine::block_on::block_on;
use crate::engine::context;
use crate::engine::coop;
use crate::engine::prim::atomic::AtomicU8;
use crate::engine::prim::atomic::Ordering::{AcqRel, Acquire};
use crate::engine::prim::{UnsafeCell, discard, wake};
use crate::engine::trace::{self, Waiting};

use error::{RecvError, TryRecvError};

/// The sender has sent the value, or is gone.
const DONE: u8 = 0b0001;
/// The receiver wants no value any more. Set by the receiver only, and if it is set first, `DONE` never is.
const CLOSED: u8 = 0b0010;
/// The receiver has left its waker, for the one who sets `DONE`.
const RECEIVER_WAITS: u8 = 0b0100;
/// The sender has left its waker, for the one who sets `CLOSED`.
const SENDER_WAITS: u8 = 0b1000;

/// What both halves share.
///
/// A lock in the place of the bits was a page shorter, and of a value that is sent and found took 57 ns and
/// not 39, for three more atomic operations.
struct Channel<T> {
    /// AcqRel throughout, each step the partner of the other half's: what one of them wrote into a cell before
    /// its step is seen by the other after it.
    state: AtomicU8,
    /// Rule 8.
    value: UnsafeCell<Option<T>>,
    /// Rule 9.
    receiver: Slot,
    sender: Slot,
}

// SAFETY: by rules 8 and 9 a value moves from one thread to the other (`Send`), and is never seen by both.
unsafe impl<T: Send> Sync for Channel<T> {}

impl<T> Channel<T> {
    /// The sender's last step. False if the receiver has closed: then the value is the sender's still.
    fn finish(&self) -> bool {
        let done = |state| (state & CLOSED == 0).then_some(state | DONE);
        let Ok(before) = self.state.fetch_update(AcqRel, Acquire, done) else { return false };
        if before & RECEIVER_WAITS != 0 {
            // SAFETY: rule 9.
            wake(unsafe { self.receiver.take() });
        }
        if before & SENDER_WAITS != 0 {
            // SAFETY: rule 9. The receiver did not end before us, and so does not get it.
            discard(unsafe { self.sender.take() });
        }
        true
    }

    /// The receiver's last step, if it is not `DONE` before.
    fn close(&self) {
        let before = self.state.fetch_or(CLOSED, AcqRel);
        if before & (DONE | CLOSED) != 0 {
            return;
        }
        if before & SENDER_WAITS != 0 {
            // SAFETY: rule 9.
            wake(unsafe { self.sender.take() });
        }
        if before & RECEIVER_WAITS != 0 {
            // SAFETY: rule 9, as in `finish`.
            discard(unsafe { self.receiver.take() });
        }
    }

    fn is(&self, flag: u8) -> bool {
        self.state.load(Acquire) & flag != 0
    }

    /// Ready once the other half has set `end`; else leaves the task's waker.
    fn poll_end(&self, end: u8, waits: u8, slot: &Slot, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.load(Acquire);
        if state & (end | waits) == waits {
            // Back to us, to be looked at, if the other does not end just now.
            state = self.state.fetch_and(!waits, AcqRel);
        }
        if state & end != 0 {
            return Poll::Ready(());
        }
        // SAFETY: rule 9, the bit is down.
        unsafe { slot.keep(cx.waker()) };
        // The race. We: look, "not ended" … Other: ends, finds no waker … We: leave it, and wait for ever.
        // But this swap shows whether the end came first; else the other's swap shows it our bit.
        if self.state.fetch_or(waits, AcqRel) & end == 0 {
            return Poll::Pending;
        }
        // SAFETY: rule 9, the other ended while the bit was down.
        discard(unsafe { slot.take() });
        Poll::Ready(())
    }

    /// What the receiver finds: the value, or none for ever.
    fn outcome(&self) -> Poll<Option<T>> {
        match self.state.load(Acquire) & (DONE | CLOSED) {
            0 => Poll::Pending,
            CLOSED => Poll::Ready(None),
            // SAFETY: rule 8, and only the receiver calls this.
            _ => Poll::Ready(self.value.with_mut(|value| unsafe { (*value).take() })),
        }
    }
}

/// A place for a waker, by rule 9.
struct Slot(UnsafeCell<Option<Waker>>);

impl Slot {
    /// # Safety
    ///
    /// By rule 9 it is the caller's.
    unsafe fn take(&self) -> Option<Waker> {
        // SAFETY: as our caller promises.
        self.0.with_mut(|slot| unsafe { (*slot).take() })
    }

    /// # Safety
    ///
    /// By rule 9 it is the caller's.
    unsafe fn keep(&self, waker: &Waker) {
        // SAFETY: as our caller promises.
        let kept = self.0.with(|slot| unsafe { (*slot).as_ref() });
        if kept.is_some_and(|kept| kept.will_wake(waker)) {
            return;
        }
        let ours = Some(waker.clone());
        // SAFETY: as our caller promises. The old one is dropped when it is out.
        let old = self.0.with_mut(|slot| unsafe { mem::replace(&mut *slot, ours) });
        discard(old);
    }
}

/// A channel for one value.
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let channel = Arc::new(Channel {
        state: AtomicU8::new(0),
        value: UnsafeCell::new(None),
        receiver: Slot(UnsafeCell::new(None)),
        sender: Slot(UnsafeCell::new(None)),
    });
    (Sender { channel: Some(channel.clone()) }, Receiver { channel: Some(channel) })
}

/// Sends the value. If it is dropped instead, the receiver learns that none will come.
pub struct Sender<T> {
    /// None only within `send`.
    channel: Option<Arc<Channel<T>>>,
}

impl<T> Sender<T> {
    /// Sends the value, without waiting. It may still not be received: the receiver can be dropped at any
    /// time, and the value with it.
    ///
    /// # Errors
    ///
    /// The value, if the receiver is closed or dropped.
    pub fn send(mut self, value: T) -> Result<(), T> {
        let channel = self.channel.take().expect("only `send` takes it");
        // SAFETY: rule 8, it is not `DONE`.
        channel.value.with_mut(|place| unsafe { *place = Some(value) });
        if channel.finish() {
            return Ok(());
        }
        // SAFETY: rule 8, it is not `DONE`, and will not be.
        let value = channel.value.with_mut(|place| unsafe { (*place).take() });
        Err(value.expect("it was put there a line above"))
    }

    /// Waits until the receiver is closed or dropped: then work for it can stop.
    ///
    /// Cancel safe.
    pub fn closed(&mut self) -> Closed<'_, T> {
        Closed { sender: self }
    }

    /// Whether the receiver is closed or dropped, so that `send` would fail.
    pub fn is_closed(&self) -> bool {
        self.channel().is(CLOSED)
    }

    /// As [`closed`](Sender::closed), for a `poll` function. The waker of the last call is woken.
    pub fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        ready!(coop::poll_proceed(cx));
        let channel = self.channel();
        if channel.poll_end(CLOSED, SENDER_WAITS, &channel.sender, cx).is_pending() {
            trace::waiting(Waiting::On { what: "the end of a oneshot receiver" });
            return Poll::Pending;
        }
        coop::made_progress();
        Poll::Ready(())
    }

    fn channel(&self) -> &Channel<T> {
        self.channel.as_ref().expect("only `send` takes it")
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if let Some(channel) = &self.channel {
            channel.finish();
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
    channel: Option<Arc<Channel<T>>>,
}

impl<T> Receiver<T> {
    /// Wants no value any more: a later `send` fails. One that was sent before can still be received.
    pub fn close(&mut self) {
        if let Some(channel) = &self.channel {
            channel.close();
        }
    }

    /// Whether the result was given, the value or an error: then there is nothing left to await.
    pub fn is_terminated(&self) -> bool {
        self.channel.is_none()
    }

    /// Whether there is no value here now.
    pub fn is_empty(&self) -> bool {
        let Some(channel) = self.channel.as_ref().filter(|channel| channel.is(DONE)) else {
            return true;
        };
        // SAFETY: rule 8, it is `DONE` and we are the receiver.
        channel.value.with(|value| unsafe { (*value).is_none() })
    }

    /// The value, if it is here.
    ///
    /// # Errors
    ///
    /// `Empty` if the value may still come, `Closed` if it will not, or was received before.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let Some(channel) = &self.channel else { return Err(TryRecvError::Closed) };
        match channel.outcome() {
            Poll::Pending => Err(TryRecvError::Empty),
            Poll::Ready(value) => {
                self.channel = None;
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
        context::assert_may_block("oneshot::Receiver::blocking_recv");
        block_on(self)
    }
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, RecvError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let channel =
            self.channel.as_ref().expect("a oneshot receiver was polled after its result");
        ready!(coop::poll_proceed(cx));
        let slot = &channel.receiver;
        let outcome = match channel.outcome() {
            Poll::Pending if channel.poll_end(DONE, RECEIVER_WAITS, slot, cx).is_ready() => {
                channel.outcome()
            }
            first_look => first_look,
        };
        match outcome {
            Poll::Pending => {
                trace::waiting(Waiting::On { what: "the value of a oneshot" });
                Poll::Pending
            }
            Poll::Ready(value) => {
                coop::made_progress();
                self.channel = None;
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
