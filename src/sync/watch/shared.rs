//! How does a task learn that a value has changed, without looking at it all the time?
//!
//! The value has a **version**, a number that each change increments. A receiver remembers the version that it has
//! seen. If the two differ, there is something new; if they are equal, the receiver waits.
//!
//! ```text
//!   sender:    lock the value, change it, increment the version, unlock ──▶ wake all receivers that wait
//!   receiver:  has the version changed? ── no ──▶ store the waker, unless it has changed meanwhile
//! ```
//!
//! The value has a reader-writer lock. The version is incremented under it, so that the value that a receiver sees
//! and the version that it remembers belong together. The user's closures do run under this lock: `send_modify` and
//! `wait_for` say so. The wakers have locks of their own.
//!
//! Next: `receiver.rs`.

use std::ops::Deref;
use std::task::Poll;

use super::error::RecvError;
use crate::engine::prim::atomic::AtomicUsize;
use crate::engine::prim::atomic::Ordering::{Acquire, Release};
use crate::engine::prim::{RwLock, RwLockReadGuard};
use crate::sync::notify::Notify;
use crate::sync::waker_set::WakerSet;

/// What all senders and receivers share.
pub(super) struct Shared<T> {
    value: RwLock<T>,
    /// How often the value has changed. It changes under the value's lock, held for writing.
    version: AtomicUsize,
    pub(super) senders: AtomicUsize,
    pub(super) receivers: AtomicUsize,
    /// Receivers that wait for a change, or until there is no sender.
    pub(super) changed: WakerSet<()>,
    /// Senders that wait until there is no receiver.
    pub(super) closed: Notify,
}

impl<T> Shared<T> {
    /// With one sender, and no receiver.
    pub(super) fn new(value: T) -> Self {
        Shared {
            value: RwLock::new(value),
            version: AtomicUsize::new(0),
            senders: AtomicUsize::new(1),
            receivers: AtomicUsize::new(0),
            changed: WakerSet::new(()),
            closed: Notify::new(),
        }
    }

    pub(super) fn version(&self) -> usize {
        self.version.load(Acquire)
    }

    /// The value, for a receiver that has seen this version, or a sender.
    pub(super) fn borrow(&self, seen: Option<usize>) -> Ref<'_, T> {
        let value = self.value.read();
        Ref { value, has_changed: seen.is_some_and(|seen| seen != self.version()) }
    }

    /// The value, for a receiver, which has then seen it.
    pub(super) fn borrow_and_update(&self, seen: &mut usize) -> Ref<'_, T> {
        let value = self.borrow(Some(*seen));
        *seen = self.version();
        value
    }

    /// Changes the value by a closure. If that returns true, wakes all receivers.
    pub(super) fn modify(&self, modify: impl FnOnce(&mut T) -> bool) -> bool {
        let mut value = self.value.write();
        // If it panics, the value stays as it is then, and no receiver is woken.
        let is_modified = modify(&mut value);
        if is_modified {
            // Release: matches the Acquire in `version`. A receiver that sees the change sees what its sender did
            // before.
            self.version.fetch_add(1, Release);
            drop(value);
            self.changed.change_and_wake(|()| ());
        }
        is_modified
    }

    /// What a receiver that has seen this version waits for: another version, or the end.
    pub(super) fn check(&self, seen: usize) -> Poll<Result<usize, RecvError>> {
        // In this order: a sender that is dropped in between has incremented the version before.
        let is_closed = self.is_closed();
        match self.version() {
            version if version != seen => Poll::Ready(Ok(version)),
            _ if is_closed => Poll::Ready(Err(RecvError(()))),
            _ => Poll::Pending,
        }
    }

    /// Whether all senders are dropped.
    pub(super) fn is_closed(&self) -> bool {
        // Acquire: matches the Release of the last sender, and makes its last version visible.
        self.senders.load(Acquire) == 0
    }

    pub(super) fn receiver_count(&self) -> usize {
        // Acquire: matches the Release in the drop of a receiver.
        self.receivers.load(Acquire)
    }
}

/// A reference to the value. A sender waits with its thread until it is dropped: keep it short, and never across an
/// `.await`.
#[derive(Debug)]
pub struct Ref<'a, T> {
    value: RwLockReadGuard<'a, T>,
    has_changed: bool,
}

impl<T> Ref<'_, T> {
    /// Whether the receiver had not seen the value before. False for a sender.
    pub fn has_changed(&self) -> bool {
        self.has_changed
    }
}

impl<T> Deref for Ref<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}
