//! How does one tell another task that something happened, when there is nothing to hand over?
//!
//! The data lies elsewhere, in a lock or in an atomic, and whoever changed it says so: to one of those who
//! wait, or to all. What makes this more than a list of wakers is the moment between looking at the data
//! and waiting. So there are two memories:
//!
//! - `notify_one` that finds nobody leaves **one permit**, and the next wait ends at once. There is never
//!   more than one: it says "look again", not how often.
//! - `notify_waiters` leaves nothing, but reaches every wait that **was created before it**, also one that
//!   nobody has polled yet. Each wait remembers in which round it was created, and each such call begins
//!   the next round.
//!
//! ```text
//!               created ── polled, or enabled ──▶ in line ── notified ──▶ done
//!                  │                                 │          ▲
//!                  └── a permit, or a later round ───┼──────────┘
//!                                                    └── dropped: nothing is lost; what was given to
//!                                                        it alone goes on to the next
//! ```
//!
//! Everything lies under one lock. An atomic word for the permit would save one of the two atomic
//! operations of a `notify_one` that finds nobody, and make two protocols of one.
//!
//! Next: `cancellation`, a notification that stays.

use std::fmt;
use std::future::Future;
use std::marker::PhantomPinned;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use pin_project_lite::pin_project;

use super::waiters::{Key, Waiters, Wakers, look_or_line_up};
use crate::engine::coop;
use crate::engine::prim::atomic::{AtomicUsize, Ordering};
use crate::engine::prim::{Mutex, discard, wake};
use crate::engine::trace::{self, Waiting};

/// Tells tasks that something happened.
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
    /// How often all were notified. It changes under the lock only.
    round: AtomicUsize,
    state: Mutex<State>,
}

struct State {
    /// The next wait ends at once.
    permit: bool,
    /// The note at each place is what it was given.
    line: Waiters<Gift>,
}

#[derive(Debug, Clone, Copy, Default)]
enum Gift {
    /// Nothing yet: it is in the line.
    #[default]
    None,
    /// A notification for one, which had to go to one end of the line.
    One(End),
    /// A notification that everybody got.
    All,
}

/// An end of the line: who came first, or who came last.
#[derive(Debug, Clone, Copy)]
enum End {
    First,
    Last,
}

impl Notify {
    /// With no permit.
    #[cfg(not(loom))]
    pub const fn new() -> Notify {
        let state = State { permit: false, line: Waiters::new() };
        Notify { round: AtomicUsize::new(0), state: Mutex::new(state) }
    }

    /// With no permit.
    #[cfg(loom)]
    pub fn new() -> Notify {
        let state = State { permit: false, line: Waiters::new() };
        Notify { round: AtomicUsize::new(0), state: Mutex::new(state) }
    }

    /// With no permit, for a `static`.
    #[cfg(not(loom))]
    pub const fn const_new() -> Notify {
        Notify::new()
    }

    /// Waits for a notification, or takes the permit. Those who wait are served in the order of their first
    /// polls; [`notify_waiters`](Notify::notify_waiters) reaches this from now on, polled or not.
    ///
    /// Cancel safe; the place in line is lost, and a notification for one is passed on.
    pub fn notified(&self) -> Notified<'_> {
        Notified { notify: self, wait: Wait::begin(self), not_unpin: PhantomPinned }
    }

    /// The same, for a future that holds the [`Notify`].
    pub fn notified_owned(self: Arc<Self>) -> OwnedNotified {
        let wait = Wait::begin(&self);
        OwnedNotified { notify: self, wait, not_unpin: PhantomPinned }
    }

    /// Notifies the one who waits longest. If nobody waits, leaves a permit, of which there is one at most.
    pub fn notify_one(&self) {
        self.notify(End::First);
    }

    /// Notifies the one who came last, otherwise as [`notify_one`](Notify::notify_one).
    pub fn notify_last(&self) {
        self.notify(End::Last);
    }

    /// Notifies all whose [`notified`](Notify::notified) was called before. Leaves no permit.
    pub fn notify_waiters(&self) {
        let mut wakers = Wakers::default();
        let mut state = self.state.lock();
        // Release: matches the load in `Wait::begin`. A wait that sees this round was created after it,
        // and is not meant.
        self.round.fetch_add(1, Ordering::Release);
        while let Some(gift) = state.line.first() {
            *gift = Gift::All;
            wakers.extend(state.line.serve());
        }
        drop(state);
        wakers.wake_all();
    }

    fn notify(&self, end: End) {
        let waker = self.state.lock().notify(end);
        wake(waker);
    }

    fn round(&self) -> usize {
        self.round.load(Ordering::Acquire)
    }
}

impl State {
    /// Gives a notification to whoever stands at this end, or leaves it as the permit.
    fn notify(&mut self, end: End) -> Option<Waker> {
        let gift = match end {
            End::First => self.line.first(),
            End::Last => self.line.last(),
        };
        let Some(gift) = gift else {
            self.permit = true;
            return None;
        };
        *gift = Gift::One(end);
        match end {
            End::First => self.line.serve(),
            End::Last => self.line.serve_last(),
        }
    }
}

impl Default for Notify {
    fn default() -> Notify {
        Notify::new()
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notify").field("permit", &self.state.lock().permit).finish_non_exhaustive()
    }
}

/// One wait, without saying on whom: the two futures below add that.
#[derive(Debug)]
struct Wait {
    /// The round in which it was created.
    round: usize,
    /// Where it stands in line, once it does.
    place: Option<Key>,
    /// What it was given and has not said yet. Afterwards `All`, of which nothing is to be passed on.
    gift: Gift,
}

impl Wait {
    fn begin(notify: &Notify) -> Wait {
        Wait { round: notify.round(), place: None, gift: Gift::None }
    }

    fn poll(&mut self, notify: &Notify, cx: &mut Context<'_>) -> Poll<()> {
        if self.look(notify, cx).is_pending() {
            trace::waiting(Waiting::On { what: "a notification" });
            return Poll::Pending;
        }
        // Last, and not at the head: who has no budget left still gets a place in line.
        ready!(coop::poll_proceed(cx));
        coop::made_progress();
        self.gift = Gift::All;
        Poll::Ready(())
    }

    /// Stands in line from now on, unless there is something for it. Whether there was.
    fn enable(&mut self, notify: &Notify) -> bool {
        let still_waits = |place| matches!(notify.state.lock().line.note(place), Gift::None);
        if self.place.is_some_and(still_waits) {
            // With the waker of an earlier poll, which has to stay.
            return false;
        }
        // Nobody is to be woken yet. A later poll brings a waker.
        let is_notified = self.look(notify, &mut Context::from_waker(Waker::noop())).is_ready();
        if is_notified {
            self.gift = Gift::All;
        }
        is_notified
    }

    fn look(&mut self, notify: &Notify, cx: &mut Context<'_>) -> Poll<()> {
        if !matches!(self.gift, Gift::None) {
            return Poll::Ready(());
        }
        let (place, round) = (self.place, self.round);
        let look = |state: &mut State| {
            let gift = match place {
                Some(place) => *state.line.note(place),
                None if notify.round() != round => Gift::All,
                None if mem::take(&mut state.permit) => Gift::One(End::First),
                None => Gift::None,
            };
            if matches!(gift, Gift::None) { Poll::Pending } else { Poll::Ready(gift) }
        };
        self.gift =
            ready!(
                look_or_line_up(&notify.state, cx, &mut self.place, look, |state| &mut state.line)
            );
        Poll::Ready(())
    }

    /// Leaves the line. A notification that it was given alone goes on, to the same end of the line.
    fn give_up(&mut self, notify: &Notify) {
        if self.place.is_none() && !matches!(self.gift, Gift::One(_)) {
            return;
        }
        let mut state = notify.state.lock();
        let (gift, ours) = match self.place.take() {
            Some(place) => state.line.remove(place),
            None => (self.gift, None),
        };
        let next = match gift {
            Gift::One(end) => state.notify(end),
            Gift::None | Gift::All => None,
        };
        drop(state);
        wake(next);
        discard(ours);
    }
}

pin_project! {
    /// Waits for a notification. From [`Notify::notified`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct Notified<'a> {
        notify: &'a Notify,
        wait: Wait,
        // As in Tokio, so that code moves from one to the other either way.
        #[pin]
        not_unpin: PhantomPinned,
    }

    impl PinnedDrop for Notified<'_> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            this.wait.give_up(this.notify);
        }
    }
}

pin_project! {
    /// Waits for a notification, and holds the [`Notify`]. From [`Notify::notified_owned`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct OwnedNotified {
        notify: Arc<Notify>,
        wait: Wait,
        #[pin]
        not_unpin: PhantomPinned,
    }

    impl PinnedDrop for OwnedNotified {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            this.wait.give_up(this.notify);
        }
    }
}

impl Notified<'_> {
    /// Takes the permit, or a place in line, without a poll: from now on `notify_one` reaches this. Says
    /// whether it is notified already.
    pub fn enable(self: Pin<&mut Self>) -> bool {
        let this = self.project();
        this.wait.enable(this.notify)
    }
}

impl OwnedNotified {
    /// As [`Notified::enable`].
    pub fn enable(self: Pin<&mut Self>) -> bool {
        let this = self.project();
        this.wait.enable(this.notify)
    }
}

impl Future for Notified<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        this.wait.poll(this.notify, cx)
    }
}

impl Future for OwnedNotified {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        this.wait.poll(this.notify, cx)
    }
}
