//! The receiving end: a version that was seen.
//!
//! To wait for a change is to wait until the version is another. To wait for a condition is to look at
//! each version that one comes across, first at the present one, until the user's closure says yes; the
//! value then stays locked until the caller has looked at it.
//!
//! Next: `sender.rs`.

use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::error::RecvError;
use super::shared::{Ref, Shared};
use crate::engine::coop;
use crate::engine::prim::atomic::Ordering::{AcqRel, Relaxed};
use crate::sync::wait_queue::Key;

/// Sees the value, and waits for its changes. From [`channel`](super::channel) and
/// [`Sender::subscribe`](super::Sender::subscribe).
///
/// It can be cloned; the clone has seen what this one has seen.
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    /// The version that it has seen last.
    seen: usize,
}

impl<T> Receiver<T> {
    /// One that has seen this version.
    pub(super) fn new(shared: Arc<Shared<T>>, seen: usize) -> Self {
        // Relaxed: nobody is told of it.
        shared.receivers.fetch_add(1, Relaxed);
        Receiver { shared, seen }
    }

    /// The value. It does not count as seen; see [`borrow_and_update`](Receiver::borrow_and_update).
    ///
    /// As long as the [`Ref`] lives, a sender waits for it with its thread; and if a sender does, so does
    /// another `borrow`. So to hold two at once may block for ever.
    pub fn borrow(&self) -> Ref<'_, T> {
        self.shared.borrow(self.seen)
    }

    /// The value, which counts as seen. See [`borrow`](Receiver::borrow) for how long to keep it.
    pub fn borrow_and_update(&mut self) -> Ref<'_, T> {
        self.shared.borrow_and_update(&mut self.seen)
    }

    /// Whether there is a value that was not seen.
    ///
    /// # Errors
    ///
    /// If all senders are dropped, also if the last value was not seen.
    pub fn has_changed(&self) -> Result<bool, RecvError> {
        match self.shared.is_closed() {
            true => Err(RecvError(())),
            false => Ok(self.shared.version() != self.seen),
        }
    }

    /// Waits until there is a value that was not seen, which then counts as seen.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// If all senders are dropped, and the last value was seen.
    pub fn changed(&mut self) -> Changed<'_, T> {
        Changed { receiver: self, place: None }
    }

    /// The same for somebody who keeps our place in line and gives it back.
    pub(crate) fn poll_changed(
        &mut self,
        cx: &mut Context<'_>,
        place: &mut Option<Key>,
    ) -> Poll<Result<(), RecvError>> {
        ready!(coop::poll_proceed(cx));
        let changed = ready!(self.shared.poll_changed(cx, self.seen, place));
        coop::made_progress();
        Poll::Ready(changed.map(|version| self.seen = version))
    }

    /// Gives the place back.
    pub(crate) fn leave_line(&self, place: Option<Key>) {
        self.shared.leave_changed(place);
    }

    /// Waits until `condition` says yes to the value, which then counts as seen. It is asked about the
    /// present value first, and then about later ones; some may be replaced before it is.
    ///
    /// Cancel safe. See [`borrow`](Receiver::borrow) for how long to keep the value; `condition` is called
    /// under the same lock.
    ///
    /// ```
    /// # use openwork::sync::watch;
    /// # openwork::block_on(async {
    /// let (sender, mut receiver) = watch::channel(1);
    /// openwork::spawn(async move { (2..10).for_each(|number| _ = sender.send(number)) });
    /// assert!(*receiver.wait_for(|number| *number > 5).await.unwrap() > 5);
    /// # });
    /// ```
    ///
    /// # Errors
    ///
    /// If all senders are dropped, and it said no to the last value.
    pub fn wait_for<F: FnMut(&T) -> bool>(&mut self, condition: F) -> WaitFor<'_, T, F> {
        let Receiver { shared, seen } = self;
        WaitFor { shared, seen, condition, asked: false, place: None }
    }

    /// The value counts as not seen.
    pub fn mark_changed(&mut self) {
        // Any other version would do.
        self.seen = self.seen.wrapping_sub(1);
    }

    /// The value counts as seen.
    pub fn mark_unchanged(&mut self) {
        self.seen = self.shared.version();
    }

    /// Whether all senders are dropped. The last value may not have been seen.
    pub fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    /// Whether both see the same value.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Receiver::new(self.shared.clone(), self.seen)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        // AcqRel: matches the load in `Shared::receiver_count`. Who sees that nobody looks sees also what
        // those who looked have done.
        if self.shared.receivers.fetch_sub(1, AcqRel) == 1 {
            self.shared.wake_senders();
        }
    }
}

/// Waits for a value that was not seen. From [`Receiver::changed`].
#[must_use = "futures do nothing unless awaited"]
pub struct Changed<'a, T> {
    receiver: &'a mut Receiver<T>,
    /// Where it stands in line, once it does.
    place: Option<Key>,
}

impl<T> Future for Changed<'_, T> {
    type Output = Result<(), RecvError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Changed { receiver, place } = &mut *self;
        receiver.poll_changed(cx, place)
    }
}

impl<T> Drop for Changed<'_, T> {
    fn drop(&mut self) {
        self.receiver.leave_line(self.place);
    }
}

/// Waits for a value that meets a condition. From [`Receiver::wait_for`].
#[must_use = "futures do nothing unless awaited"]
pub struct WaitFor<'a, T, F> {
    shared: &'a Shared<T>,
    seen: &'a mut usize,
    condition: F,
    /// Whether the condition was asked about the version that was seen.
    asked: bool,
    /// Where it stands in line, once it does.
    place: Option<Key>,
}

// The closure is never pinned.
impl<T, F> Unpin for WaitFor<'_, T, F> {}

impl<'a, T, F: FnMut(&T) -> bool> Future for WaitFor<'a, T, F> {
    type Output = Result<Ref<'a, T>, RecvError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            // For each change, as there may always be another one by the time that we have asked.
            ready!(coop::poll_proceed(cx));
            if !mem::replace(&mut this.asked, true) {
                let value = this.shared.borrow_and_update(this.seen);
                if (this.condition)(&value) {
                    coop::made_progress();
                    return Poll::Ready(Ok(value));
                }
            }
            let changed = ready!(this.shared.poll_changed(cx, *this.seen, &mut this.place));
            coop::made_progress();
            if let Err(closed) = changed {
                return Poll::Ready(Err(closed));
            }
            this.asked = false;
        }
    }
}

impl<T, F> Drop for WaitFor<'_, T, F> {
    fn drop(&mut self) {
        self.shared.leave_changed(self.place);
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("seen", &self.seen)
            .field("version", &self.shared.version())
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Changed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changed")
            .field("seen", &self.receiver.seen)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

impl<T, F> fmt::Debug for WaitFor<'_, T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitFor")
            .field("seen", &self.seen)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}
