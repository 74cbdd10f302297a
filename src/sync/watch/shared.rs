//! How does one learn that a value has changed, without looking at it all the time?
//!
//! Beside the value stands its **version**, a number that each change raises. Whoever looks remembers the
//! version it has seen; if the two differ, there is something new. Only who finds them equal has to wait,
//! and whoever raises the version wakes all who do.
//!
//! ```text
//!   sender:    lock the value, change it, raise the version, unlock ──▶ wake all in line
//!   receiver:  has the version changed? ── no ──▶ stand in line, unless it has changed meanwhile
//! ```
//!
//! What protects what. The value has a lock that many may hold for reading; the version is raised under
//! it, so that what one sees and the version one remembers belong together. The two lines, of receivers
//! and of senders, have another, which nobody holds while a stranger's code runs. A closure of the user's
//! does run under the value's: that is what `send_modify` promises.
//!
//! Next: `receiver.rs`.

use std::fmt;
use std::ops::Deref;
use std::task::{Context, Poll};

use super::error::RecvError;
use crate::engine::prim::atomic::{AtomicUsize, Ordering};
use crate::engine::prim::{Mutex, RwLock, RwLockReadGuard};
use crate::engine::trace::{self, Waiting};
use crate::sync::wait_queue::{Key, WaitQueue, WakeList, dequeue, poll_or_enqueue};

/// What all senders and receivers share.
pub(super) struct Shared<T> {
    value: RwLock<T>,
    /// How often the value has changed. It does so under the value's lock, held for writing.
    version: AtomicUsize,
    pub(super) senders: AtomicUsize,
    pub(super) receivers: AtomicUsize,
    lines: Mutex<Lines>,
}

struct Lines {
    /// Receivers, until the value changes or there is no sender.
    changed: WaitQueue<()>,
    /// Senders, until there is no receiver.
    closed: WaitQueue<()>,
}

impl<T> Shared<T> {
    pub(super) fn new(value: T) -> Self {
        Shared {
            value: RwLock::new(value),
            version: AtomicUsize::new(0),
            senders: AtomicUsize::new(1),
            receivers: AtomicUsize::new(0),
            lines: Mutex::new(Lines { changed: WaitQueue::new(), closed: WaitQueue::new() }),
        }
    }

    pub(super) fn version(&self) -> usize {
        self.version.load(Ordering::Acquire)
    }

    /// The value, for a sender, to whom nothing is new.
    pub(super) fn borrow_as_sender(&self) -> Ref<'_, T> {
        Ref { value: self.value.read(), has_changed: false }
    }

    /// The value, for who has seen this version of it.
    pub(super) fn borrow(&self, seen: usize) -> Ref<'_, T> {
        let value = self.value.read();
        let has_changed = self.version() != seen;
        Ref { value, has_changed }
    }

    /// The same, and with it is seen.
    pub(super) fn borrow_and_update(&self, seen: &mut usize) -> Ref<'_, T> {
        let value = self.borrow(*seen);
        *seen = self.version();
        value
    }

    /// Lets a closure change the value. If it says so, the change is announced.
    pub(super) fn modify(&self, modify: impl FnOnce(&mut T) -> bool) -> bool {
        let mut value = self.value.write();
        // If it panics, the value stays as it is then, and nobody is told.
        if !modify(&mut value) {
            return false;
        }
        // Release: matches the load in `version`. Who sees that there is a change sees also what its
        // sender did before.
        self.version.fetch_add(1, Ordering::Release);
        drop(value);
        self.wake_receivers();
        true
    }

    /// What there is for a receiver that has seen this version: another one, or none ever again. Under the
    /// lock of the lines.
    fn look(&self, seen: usize) -> Poll<Result<usize, RecvError>> {
        match self.version() {
            version if version != seen => Poll::Ready(Ok(version)),
            // And that was the last version: no sender can have raised it since we looked, and be gone.
            // Before it goes, it comes for the lock that we hold, to wake us.
            _ if self.is_closed() => Poll::Ready(Err(RecvError(()))),
            _ => Poll::Pending,
        }
    }

    /// The same, and stands in line until there is something.
    pub(super) fn poll_changed(
        &self,
        cx: &mut Context<'_>,
        seen: usize,
        place: &mut Option<Key>,
    ) -> Poll<Result<usize, RecvError>> {
        let look = |_: &mut Lines| self.look(seen);
        let changed = poll_or_enqueue(&self.lines, cx, place, look, |lines| &mut lines.changed);
        if changed.is_pending() {
            trace::waiting(Waiting::On { what: "a change of a watched value" });
        }
        changed
    }

    /// Stands in line until there is no receiver.
    pub(super) fn poll_closed(&self, cx: &mut Context<'_>, place: &mut Option<Key>) -> Poll<()> {
        let look = |_: &mut Lines| match self.receiver_count() {
            0 => Poll::Ready(()),
            _ => Poll::Pending,
        };
        let closed = poll_or_enqueue(&self.lines, cx, place, look, |lines| &mut lines.closed);
        if closed.is_pending() {
            trace::waiting(Waiting::On { what: "the end of all watching receivers" });
        }
        closed
    }

    /// A future that waited for a change goes away.
    pub(super) fn leave_changed(&self, place: Option<Key>) {
        dequeue(&self.lines, place, |lines| &mut lines.changed);
    }

    /// A future that waited for the end of the receivers goes away.
    pub(super) fn leave_closed(&self, place: Option<Key>) {
        dequeue(&self.lines, place, |lines| &mut lines.closed);
    }

    /// After the version was raised, or the last sender counted out: who looked before that stands in the
    /// line now, as it looked under this lock.
    pub(super) fn wake_receivers(&self) {
        let mut wakers = WakeList::default();
        self.lines.lock().changed.pop_all(&mut wakers);
        wakers.wake_all();
    }

    /// After the last receiver was counted out.
    pub(super) fn wake_senders(&self) {
        let mut wakers = WakeList::default();
        self.lines.lock().closed.pop_all(&mut wakers);
        wakers.wake_all();
    }

    /// Whether there is no sender, and never will be.
    pub(super) fn is_closed(&self) -> bool {
        // Acquire: matches the last sender's AcqRel, and makes its last version visible.
        self.senders.load(Ordering::Acquire) == 0
    }

    pub(super) fn receiver_count(&self) -> usize {
        self.receivers.load(Ordering::Acquire)
    }
}

/// The value, as long as this lives. Senders wait for it, with their threads: keep it short, and never
/// across an `.await`.
pub struct Ref<'a, T> {
    value: RwLockReadGuard<'a, T>,
    has_changed: bool,
}

impl<T> Ref<'_, T> {
    /// Whether the receiver that this was borrowed from had not seen the value before. Never so for a
    /// sender.
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

impl<T: fmt::Debug> fmt::Debug for Ref<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ref")
            .field("value", &*self.value)
            .field("has_changed", &self.has_changed)
            .finish()
    }
}
