//! How does a task tell other tasks that something has changed, when there is no value to send?
//!
//! The data is elsewhere, in a lock or in an atomic. The task that changes it notifies one of the tasks that wait,
//! or all of them. A notification must not be lost if it comes between a waiting task's look at the data and its
//! wait. So a `Notify` remembers two things:
//!
//! - `notify_one` without a waiter stores **one permit**, and the next wait is over at once. There is never more
//!   than one: a permit says "look again", not how often.
//! - `notify_waiters` stores nothing, but it reaches each wait that **was created before the call**, even if it has
//!   not been polled. Each call begins a new **epoch**, and each wait knows the epoch in which it was created.
//!
//! ```text
//!               created ── polled, or enabled ──▶ in the queue ── notified ──▶ done
//!                  │                                 │              ▲
//!                  └── a permit, or a later epoch ───┼──────────────┘
//!                                                    └── dropped: a notification for this wait alone
//!                                                        goes to the next waiter
//! ```
//!
//! The permit, the epoch and the flag that there may be waiters share one atomic word. So a notification costs one
//! compare-and-swap while the flag is not set. Otherwise it takes the lock of the queue.
//!
//! Other parts of the crate wait for conditions with the same inner future: see [`Wait::poll_until`].
//!
//! Next: `waker_set.rs`.

use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomPinned;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use pin_project_lite::pin_project;

use super::wait_queue::{Key, WaitQueue, WakeList, const_fn, poll_or_enqueue};
use crate::engine::coop;
use crate::engine::prim::atomic::{AtomicUsize, Ordering};
use crate::engine::prim::{Mutex, discard, wake};
use crate::engine::trace::{self, WaitReason};

/// A permit is stored. Never together with `WAITING`.
const PERMIT: usize = 0b01;
/// The queue may have waiters. It changes under the queue's lock only; the first notification that finds none there
/// clears it.
const WAITING: usize = 0b10;
/// One epoch. The bits from here on count the calls of `notify_waiters`.
const EPOCH: usize = 0b100;
const EPOCHS: usize = !(PERMIT | WAITING);

/// Notifies one task, or all tasks, that something has changed.
///
/// ```
/// use std::sync::Arc;
/// use openwork::sync::Notify;
///
/// # openwork::block_on(async {
/// let notify = Arc::new(Notify::new());
/// let task = openwork::spawn({
///     let notify = notify.clone();
///     async move { notify.notified().await }
/// });
/// notify.notify_one();
/// task.await.unwrap();
/// # });
/// ```
pub struct Notify {
    state: AtomicUsize,
    /// The note of each waiter is the notification that it was given.
    waiters: Mutex<WaitQueue<Notification>>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Notification {
    /// None yet: the waiter is in the queue.
    #[default]
    None,
    /// For one waiter, at this end of the queue.
    One(End),
    /// For all waiters.
    All,
}

/// An end of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Front,
    Back,
}

impl Notify {
    const_fn! {
        /// A `Notify` without a permit.
        pub fn new, const_new() -> Notify {
            Notify { state: AtomicUsize::new(0), waiters: Mutex::new(WaitQueue::new()) }
        }
    }

    /// Waits for a notification, or takes the permit. Waits are notified in the order of their first polls.
    /// [`notify_waiters`](Notify::notify_waiters) reaches this wait from now on, even before the first poll.
    ///
    /// Cancel safe: the place in the queue is lost, and a notification for this wait alone goes to the next.
    pub fn notified(&self) -> Notified<'_> {
        NotifiedOn { wait: Wait::new(self), not_unpin: PhantomPinned }
    }

    /// Waits for a notification as [`notified`](Notify::notified) does, and owns the `Notify` meanwhile.
    pub fn notified_owned(self: Arc<Self>) -> OwnedNotified {
        NotifiedOn { wait: Wait::new(self), not_unpin: PhantomPinned }
    }

    /// Waits until a condition holds, which must change *before* [`notify_waiters`](Notify::notify_waiters) is called.
    pub(crate) fn wait_until(
        &self,
        what: &'static str,
        condition: impl Fn() -> bool,
    ) -> impl Future<Output = ()> {
        let mut wait = Wait::new(self);
        let check = move |_: &Notify| if condition() { Poll::Ready(()) } else { Poll::Pending };
        poll_fn(move |cx| wait.poll_until(cx, what, &check))
    }

    /// Notifies the task that has waited longest. Without one, stores a permit; there is at most one.
    pub fn notify_one(&self) {
        self.notify(End::Front);
    }

    /// Notifies the task that has waited shortest. Without one, stores a permit; there is at most one.
    pub fn notify_last(&self) {
        self.notify(End::Back);
    }

    /// Notifies all tasks whose [`notified`](Notify::notified) was called before. Stores no permit.
    pub fn notify_waiters(&self) {
        // A wait that was created before this epoch is over, polled or not.
        let without_waiters =
            |state: usize| (state & WAITING == 0).then_some(state.wrapping_add(EPOCH));
        if self.update(without_waiters) {
            return;
        }
        let mut wakers = WakeList::default();
        let mut waiters = self.waiters.lock();
        self.update(|state| Some(state.wrapping_add(EPOCH) & !WAITING));
        waiters.pop_all_with(|note| *note = Notification::All, &mut wakers);
        drop(waiters);
        wakers.wake_all();
    }

    fn notify(&self, end: End) {
        if self.update(|state| (state & WAITING == 0).then_some(state | PERMIT)) {
            return;
        }
        let mut waiters = self.waiters.lock();
        let waker = self.notify_waiter(&mut waiters, end);
        drop(waiters);
        wake(waker);
    }

    /// Notifies the waiter at this end of the queue. If there is none any more, stores the permit.
    fn notify_waiter(&self, waiters: &mut WaitQueue<Notification>, end: End) -> Option<Waker> {
        let waiter = match end {
            End::Front => waiters.head(),
            End::Back => waiters.tail(),
        };
        let Some(key) = waiter else {
            self.update(|state| Some(state & !WAITING | PERMIT));
            return None;
        };
        *waiters.note(key) = Notification::One(end);
        waiters.unlink(key)
    }

    /// Takes what there is for a wait that was created in this epoch and is not in the queue. If there is nothing,
    /// sets the flag.
    fn take_or_set(&self, flag: usize, epoch: usize) -> Notification {
        let mut taken = Notification::None;
        self.update(|state| {
            let (next, found) = match state & PERMIT {
                _ if state & EPOCHS != epoch => (state, Notification::All),
                0 => (state | flag, Notification::None),
                _ => (state & !PERMIT, Notification::One(End::Front)),
            };
            taken = found;
            (next != state).then_some(next)
        });
        taken
    }

    fn epoch(&self) -> usize {
        // Acquire: matches the Release in `update`. A wait that is created in this epoch sees what was done before
        // the call of `notify_waiters` that began it.
        self.state.load(Ordering::Acquire) & EPOCHS
    }

    /// Replaces the state by `next` of it, unless that is none. Returns whether it did.
    fn update(&self, next: impl FnMut(usize) -> Option<usize>) -> bool {
        // AcqRel, and Acquire if nothing is replaced: a wait that finds a permit or a later epoch sees what was done
        // before the call that left it. Each of several calls that leave the same permit replaces the word, so its data is
        // seen, too.
        self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, next).is_ok()
    }
}

impl Default for Notify {
    fn default() -> Notify {
        Notify::new()
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let permit = self.state.load(Ordering::Relaxed) & PERMIT != 0;
        f.debug_struct("Notify").field("permit", &permit).finish_non_exhaustive()
    }
}

/// What contains a [`Notify`] for its state.
pub(crate) trait HasNotify {
    fn notify(&self) -> &Notify;
}

impl HasNotify for Notify {
    fn notify(&self) -> &Notify {
        self
    }
}

/// One wait on a [`Notify`]. `N` is a reference to what contains it, or an `Arc`.
#[derive(Debug)]
pub(crate) struct Wait<N: Deref<Target: HasNotify>> {
    on: N,
    /// The epoch in which it was created.
    epoch: usize,
    /// Its waiter, while there is one.
    key: Option<Key>,
    /// The notification that was taken and is not reported yet; once it is, `All`, which is not passed on.
    notification: Notification,
}

impl<N: Deref<Target: HasNotify>> Wait<N> {
    pub(crate) fn new(on: N) -> Self {
        let epoch = on.notify().epoch();
        Wait { on, epoch, key: None, notification: Notification::None }
    }

    /// Ready once there was a notification. `what` is what the trace shows while there is none.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, what: &'static str) -> Poll<()> {
        if self.poll_take(cx).is_pending() {
            trace::waits(WaitReason::On { what });
            return Poll::Pending;
        }
        // Last, and not at the head: a wait enters the queue even if the poll has no budget left.
        ready!(coop::poll_proceed(cx));
        coop::made_progress();
        self.notification = Notification::All;
        Poll::Ready(())
    }

    /// Ready once `check` is. What `check` looks at must change *before* [`Notify::notify_waiters`] is called.
    ///
    /// The race. This future: not ready … Another thread: changes it, notifies all waiters … This future: enters the
    /// queue, for ever. But the wait was created before `check`, so its epoch is over, and it checks once more.
    pub(crate) fn poll_until<R>(
        &mut self,
        cx: &mut Context<'_>,
        what: &'static str,
        mut check: impl FnMut(&N::Target) -> Poll<R>,
    ) -> Poll<R> {
        ready!(coop::poll_proceed(cx));
        loop {
            if let Poll::Ready(result) = check(&self.on) {
                coop::made_progress();
                return Poll::Ready(result);
            }
            if self.poll_take(cx).is_pending() {
                trace::waits(WaitReason::On { what });
                return Poll::Pending;
            }
            self.epoch = self.on.notify().epoch();
            self.notification = Notification::None;
        }
    }

    /// Enters the queue without a waker, unless there is a notification. Returns whether there was.
    fn enable(&mut self) -> bool {
        let is_waiting = |key| *self.on.notify().waiters.lock().note(key) == Notification::None;
        if self.key.is_some_and(is_waiting) {
            // With the waker of an earlier poll, which has to stay.
            return false;
        }
        let taken = self.poll_take(&mut Context::from_waker(Waker::noop())).is_ready();
        if taken {
            self.notification = Notification::All;
        }
        taken
    }

    /// Takes a notification, or enters the queue.
    fn poll_take(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (notify, epoch) = (self.on.notify(), self.epoch);
        if self.key.is_none() && self.notification == Notification::None {
            // Mostly there is no permit and no later epoch, and the lock is needed.
            if notify.state.load(Ordering::Relaxed) & !WAITING != epoch {
                self.notification = notify.take_or_set(0, epoch);
            }
        }
        if self.notification != Notification::None {
            return Poll::Ready(());
        }
        let key = self.key;
        let check = |waiters: &mut WaitQueue<Notification>| {
            let notification = match key {
                Some(key) => *waiters.note(key),
                None => notify.take_or_set(WAITING, epoch),
            };
            match notification {
                Notification::None => Poll::Pending,
                notification => Poll::Ready(notification),
            }
        };
        self.notification =
            ready!(poll_or_enqueue(&notify.waiters, cx, &mut self.key, check, |waiters| waiters));
        Poll::Ready(())
    }
}

impl<N: Deref<Target: HasNotify>> Drop for Wait<N> {
    /// Leaves the queue. A notification for this wait alone goes to the next waiter, at the same end.
    fn drop(&mut self) {
        if self.key.is_none() && !matches!(self.notification, Notification::One(_)) {
            return;
        }
        let notify = self.on.notify();
        let mut waiters = notify.waiters.lock();
        let (notification, ours) = match self.key {
            Some(key) => waiters.remove(key),
            None => (self.notification, None),
        };
        let next = match notification {
            Notification::One(end) => notify.notify_waiter(&mut waiters, end),
            Notification::None | Notification::All => None,
        };
        drop(waiters);
        wake(next);
        discard(ours);
    }
}

pin_project! {
    /// Waits for a notification. From [`Notify::notified`] and [`Notify::notified_owned`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct NotifiedOn<N: Deref<Target = Notify>> {
        wait: Wait<N>,
        // As in Tokio, so that code can move from one to the other.
        #[pin]
        not_unpin: PhantomPinned,
    }
}

/// Waits for a notification. From [`Notify::notified`].
pub type Notified<'a> = NotifiedOn<&'a Notify>;

/// Waits for a notification, and owns the [`Notify`]. From [`Notify::notified_owned`].
pub type OwnedNotified = NotifiedOn<Arc<Notify>>;

impl<N: Deref<Target = Notify>> NotifiedOn<N> {
    /// Takes the permit, or enters the queue, without a poll: from now on `notify_one` reaches this wait. Returns
    /// whether it is notified.
    pub fn enable(self: Pin<&mut Self>) -> bool {
        self.project().wait.enable()
    }
}

impl<N: Deref<Target = Notify>> Future for NotifiedOn<N> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().wait.poll(cx, "a notification")
    }
}
