//! How does a thread wait for another one without missing the moment?
//!
//! "Sleep until you are woken" has a hole: whoever wakes may come *just before* the sleeper lies down,
//! and then nobody comes again. The remedy is a **permit**, a token of which there is at most one. A
//! wake leaves the token; a sleeper that finds it takes it and does not sleep. So a wake that comes
//! early is kept, and ten wakes in a row are as good as one.
//!
//! ```text
//!                 announce                     notify: "wake the sleeper"
//!    ┌───────┐ ───────────────▶ ┌──────────┐ ─────────────────────────────┐
//!    │ Empty │                  │ Sleeping │                              ▼
//!    └───────┘ ◀─────────────── └──────────┘                        ┌──────────┐
//!        ▲  │        take                                           │ Notified │
//!        │  └──────────────────────── notify ─────────────────────▶ └──────────┘
//!        └─────────────────────── announce ("stay up"), take ────────────┘
//! ```
//!
//! [`Permit`] is the token alone: the driver uses it around its sleep in the kernel. [`Parker`] adds
//! a condition variable to sleep on. Neither says what the wake was *for*: who wakes up looks.
//!
//! Next: `block_on.rs`, where the permit becomes a `Waker`.

use std::time::Duration;

use super::prim::atomic::AtomicU8;
use super::prim::atomic::Ordering::{AcqRel, Relaxed};
use super::prim::{Condvar, Mutex};

/// Nobody sleeps, and no wake is owed.
const EMPTY: u8 = 0;
/// The owner has said that it will sleep, or sleeps. A wake must now reach it.
const SLEEPING: u8 = 1;
/// A wake came that the owner has not seen yet.
const NOTIFIED: u8 = 2;

/// A token that makes sure that a wake before the sleep is not lost.
///
/// One thread at a time is the owner, which announces and takes; any thread notifies.
///
/// Every change is a swap, never a look and a store, because a swap both publishes and receives: what
/// the waker wrote before [`notify`](Permit::notify) is visible to the owner after it has taken the
/// token, also when the token already lay there and the waker's swap changed nothing.
#[derive(Debug)]
pub(crate) struct Permit(AtomicU8);

/// What the owner does after [`Permit::announce`].
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Announce {
    /// Look once more for work, and then sleep: whoever notifies from now on will wake you.
    Sleep,
    /// A wake was already here, and is now taken. Do not sleep.
    StayUp,
}

/// What the waker does after [`Permit::notify`].
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Notify {
    /// The owner sleeps, or is about to. Wake it by the means it sleeps on.
    WakeOwner,
    /// The owner is up, and takes the token before it would sleep.
    Nothing,
}

impl Permit {
    pub(crate) fn new() -> Self {
        Permit(AtomicU8::new(EMPTY))
    }

    /// The owner is going to sleep.
    pub(crate) fn announce(&self) -> Announce {
        if self.0.compare_exchange(EMPTY, SLEEPING, AcqRel, Relaxed).is_ok() {
            return Announce::Sleep;
        }
        self.take();
        Announce::StayUp
    }

    /// Whether the owner sleeps, or is about to, and nobody has notified it. For who is curious.
    pub(crate) fn is_announced(&self) -> bool {
        self.0.load(Relaxed) == SLEEPING
    }

    /// The owner is up. Returns whether there was a token.
    pub(crate) fn take(&self) -> bool {
        // AcqRel: matches the swap in `notify`; the owner now looks for what the waker left.
        self.0.swap(EMPTY, AcqRel) == NOTIFIED
    }

    /// Takes the token if there is one, and otherwise leaves the announcement standing.
    fn take_if_notified(&self) -> bool {
        self.0.compare_exchange(NOTIFIED, EMPTY, AcqRel, Relaxed).is_ok()
    }

    /// Leaves the token, but only for an owner who has announced its sleep: for what the owner looks at
    /// after its announcement, under a lock that the caller has held. One who is up will see it by itself.
    pub(crate) fn notify_sleeper(&self) -> Notify {
        match self.0.compare_exchange(SLEEPING, NOTIFIED, AcqRel, Relaxed) {
            Ok(_) => Notify::WakeOwner,
            Err(_) => Notify::Nothing,
        }
    }

    /// Leaves the token.
    pub(crate) fn notify(&self) -> Notify {
        // AcqRel: releases what the waker wrote, to the swap in `announce` or `take`.
        match self.0.swap(NOTIFIED, AcqRel) {
            SLEEPING => Notify::WakeOwner,
            _ => Notify::Nothing,
        }
    }
}

/// A thread's place to sleep, with a [`Permit`].
#[derive(Debug)]
pub(crate) struct Parker {
    pub(crate) permit: Permit,
    /// Guards nothing but the moment between the last look at the permit and the sleep.
    lock: Mutex<()>,
    woken: Condvar,
}

impl Parker {
    pub(crate) fn new() -> Self {
        Parker { permit: Permit::new(), lock: Mutex::new(()), woken: Condvar::new() }
    }

    /// Sleeps until there is a token, and takes it. One thread at a time may call this.
    pub(crate) fn park(&self) {
        if self.permit.announce() == Announce::Sleep {
            self.sleep(None);
        }
    }

    /// Sleeps, after an announcement, until there is a token or the limit is reached. Returns whether it
    /// took a token; if not, the announcement still stands.
    pub(crate) fn sleep(&self, limit: Option<Duration>) -> bool {
        let mut guard = self.lock.lock();
        // A loop, since a condition variable may return for no reason.
        while !self.permit.take_if_notified() {
            guard = match limit {
                None => self.woken.wait(guard),
                Some(limit) => match self.woken.wait_timeout(guard, limit) {
                    (_, true) => return self.permit.take_if_notified(),
                    (guard, false) => guard,
                },
            };
        }
        true
    }

    /// Leaves a token, and wakes the thread if it sleeps.
    pub(crate) fn unpark(&self) {
        if self.permit.notify() == Notify::WakeOwner {
            self.signal();
        }
    }

    /// Wakes the thread, after its permit has asked for that.
    pub(crate) fn signal(&self) {
        // The race. Owner: "no token" … Waker: token, notify_one … Owner: wait. The signal came
        // while nobody waited, the token lies there, and the owner sleeps for ever. The owner holds
        // the lock from its look until `wait` has let go of it; so taking the lock here, even for
        // nothing, puts our signal before the look (which finds the token) or after the `wait`
        // (which hears it). Without this line the model `park_is_woken` finds the schedule.
        drop(self.lock.lock());
        self.woken.notify_one();
    }
}
