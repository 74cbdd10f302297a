//! The receiver: the version that it has seen.
//!
//! To wait for a change is to wait until the version is another one. To wait for a condition is to check the present
//! value and then each version that the receiver comes across, until the user's closure accepts one; the value stays
//! locked until the caller has looked at it.
//!
//! Next: `sender.rs`.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::{Context, Poll};

use super::error::RecvError;
use super::shared::{Ref, Shared};
use crate::engine::coop;
use crate::engine::prim::atomic::Ordering::{Relaxed, Release};
use crate::sync::fmt::debug_fields;
use crate::sync::waker_set::{Key, Receive, Recv, poll_leaf};

/// Sees the value, and waits for its changes. From [`channel`](super::channel) and
/// [`Sender::subscribe`](super::Sender::subscribe).
///
/// It can be cloned; the clone has seen what this one has seen.
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    /// The version that it has seen last.
    seen: usize,
    /// The task's waker, while a `changed` waits.
    key: Option<Key>,
}

impl<T> Receiver<T> {
    /// A receiver that has seen this version.
    pub(super) fn new(shared: Arc<Shared<T>>, seen: usize) -> Self {
        // Relaxed: nothing waits for it.
        shared.receivers.fetch_add(1, Relaxed);
        Receiver { shared, seen, key: None }
    }

    /// The value. It does not count as seen; see [`borrow_and_update`](Receiver::borrow_and_update).
    ///
    /// While the [`Ref`] exists, a sender waits with its thread; and while a sender waits, so does another `borrow`.
    /// So a task that holds two at once may block for ever.
    pub fn borrow(&self) -> Ref<'_, T> {
        self.shared.borrow(Some(self.seen))
    }

    /// The value, which counts as seen. See [`borrow`](Receiver::borrow) for how long to keep it.
    pub fn borrow_and_update(&mut self) -> Ref<'_, T> {
        self.shared.borrow_and_update(&mut self.seen)
    }

    /// Whether there is a value that was not seen.
    ///
    /// # Errors
    ///
    /// All senders are dropped, even if the last value was not seen.
    pub fn has_changed(&self) -> Result<bool, RecvError> {
        match self.is_closed() {
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
    /// All senders are dropped, and the last value was seen.
    pub fn changed(&mut self) -> impl Future<Output = Result<(), RecvError>> {
        Recv(self.as_changed())
    }

    /// The part of it that waits for a change.
    pub(crate) fn as_changed(&mut self) -> Changed<'_, T> {
        let Receiver { shared, seen, key } = self;
        Changed { shared, seen, key }
    }

    /// Waits until `condition` accepts the value, which then counts as seen. It is called with the present value
    /// first, and then with later ones; some may be replaced before.
    ///
    /// Cancel safe. See [`borrow`](Receiver::borrow) for how long to keep the value; `condition` is called under
    /// the same lock.
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
    /// All senders are dropped, and `condition` did not accept the last value.
    pub async fn wait_for<F: FnMut(&T) -> bool>(
        &mut self,
        mut condition: F,
    ) -> Result<Ref<'_, T>, RecvError> {
        let Changed { shared, seen, key } = self.as_changed();
        loop {
            poll_fn(coop::poll_proceed).await;
            {
                // In a block: while the value is locked there is no `.await`, so the future is `Send`.
                let value = shared.borrow_and_update(seen);
                if condition(&value) {
                    coop::made_progress();
                    return Ok(value);
                }
            }
            // The next value is new to the caller, so `seen` stays.
            let mut latest = *seen;
            Recv(Changed { shared, seen: &mut latest, key }).await?;
        }
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

/// What waits for a change.
pub(crate) struct Changed<'a, T> {
    shared: &'a Shared<T>,
    seen: &'a mut usize,
    key: &'a mut Option<Key>,
}

impl<T> Receive for Changed<'_, T> {
    type Output = Result<(), RecvError>;

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Changed { shared, seen, key } = self;
        let changed =
            poll_leaf(cx, "a change of a watched value", |cx| match shared.check(**seen) {
                Poll::Pending => shared.changed.poll(cx, key, |()| shared.check(**seen)),
                changed => changed,
            });
        changed.map_ok(|version| **seen = version)
    }

    fn cancel(&mut self) {
        self.shared.changed.remove(self.key);
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Receiver::new(self.shared.clone(), self.seen)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.shared.changed.remove(&mut self.key);
        // Release: matches the load in `Shared::receiver_count`. A sender that sees zero sees what the receivers did.
        if self.shared.receivers.fetch_sub(1, Release) == 1 {
            self.shared.closed.notify_waiters();
        }
    }
}

debug_fields!(Receiver<T>: seen);
