//! How does one task wait for a thousand futures, when one of them is woken?
//!
//! If all of them were given the task's own waker, the task would know no more than that *some* future
//! should be polled, and would have to poll all: a thousand futures that end one after the other would
//! cost half a million polls. So each future gets a waker of its own, which puts the future's number on a
//! **list of the woken** and then wakes the task. The task polls whom it finds on the list.
//!
//! ```text
//!   future 7 ─ its Call ─▶ list: 3, 7 ─▶ the task's waker
//!                             │
//!                 poll_next ──┘ polls 3, then 7, each with its own Call as the waker
//! ```
//!
//! The price is two allocations for each future, its box and its waker. For two or three futures whose
//! number is known when the program is written, the lists of `join.rs` and `select.rs` are better.
//!
//! A future that wakes itself while it is polled goes to the back of the list; and when a whole turn has
//! brought no output, the task gives way to others, though the list is not empty.
//!
//! Next: `join_all.rs`.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_task::{ArcWake, waker_ref};
use slab::Slab;

use crate::engine::prim::Mutex;
use crate::engine::prim::atomic::{AtomicBool, Ordering};

/// Futures of one type, of which only those are polled that were woken.
pub(crate) struct Group<F> {
    members: Slab<Member<F>>,
    /// Whom to poll next.
    turn: VecDeque<usize>,
    woken: Arc<Mutex<Woken>>,
}

struct Member<F> {
    future: Pin<Box<F>>,
    call: Arc<Call>,
}

/// What the members' wakers share with the group.
struct Woken {
    keys: Vec<usize>,
    /// The task that polls the group. None: it was woken, and has not come yet.
    task: Option<Waker>,
}

/// The waker of one member.
struct Call {
    key: usize,
    /// Its key is on the list, or in the group's turn.
    listed: AtomicBool,
    woken: Arc<Mutex<Woken>>,
}

impl ArcWake for Call {
    fn wake_by_ref(call: &Arc<Self>) {
        // A swap, so that also a wake that changes nothing publishes what was written before it. AcqRel:
        // matches the swap in `Group::poll_next`, after which the member sees that.
        if call.listed.swap(true, Ordering::AcqRel) {
            return;
        }
        let task = {
            let mut woken = call.woken.lock();
            woken.keys.push(call.key);
            woken.task.take()
        };
        if let Some(task) = task {
            task.wake();
        }
    }
}

impl<F: Future> Group<F> {
    pub(crate) fn new() -> Self {
        let woken = Woken { keys: Vec::new(), task: None };
        Group { members: Slab::new(), turn: VecDeque::new(), woken: Arc::new(Mutex::new(woken)) }
    }

    /// Adds a future, which is polled by the next `poll_next`. Returns the number by which it is known; in a
    /// new group they count from 0.
    pub(crate) fn insert(&mut self, future: F) -> usize {
        let place = self.members.vacant_entry();
        let key = place.key();
        let listed = AtomicBool::new(true);
        let call = Arc::new(Call { key, listed, woken: self.woken.clone() });
        place.insert(Member { future: Box::pin(future), call });
        self.turn.push_back(key);
        key
    }

    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// The next output, and whose it is; none if no future is left. After an output, ask again: others may
    /// be woken too.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<(usize, F::Output)>> {
        if self.members.is_empty() {
            return Poll::Ready(None);
        }
        self.listen(cx);
        while let Some(key) = self.turn.pop_front() {
            // None: a late wake of one that is done. If there is a new one in its place, a poll too many
            // does no harm.
            let Some(Member { future, call }) = self.members.get_mut(key) else { continue };
            // Before the poll: a wake during it comes after what it has looked at.
            call.listed.swap(false, Ordering::AcqRel);
            let polled = future.as_mut().poll(&mut Context::from_waker(&waker_ref(call)));
            if let Poll::Ready(output) = polled {
                drop(self.members.remove(key));
                return Poll::Ready(Some((key, output)));
            }
        }
        Poll::Pending
    }

    /// Leaves the task's waker, and takes the list. The race. We: take the list … Member: puts itself on it,
    /// finds no waker … We: leave ours, and sleep for ever. Under one lock there is no such moment.
    fn listen(&mut self, cx: &mut Context<'_>) {
        let mut ours = None;
        loop {
            let mut woken = self.woken.lock();
            // Also behind what an earlier call has left of its turn: the task was told of these once, and
            // is not told again.
            self.turn.extend(woken.keys.drain(..));
            if woken.task.as_ref().is_some_and(|task| task.will_wake(cx.waker())) {
                return;
            }
            if ours.is_some() {
                let old = mem::replace(&mut woken.task, ours);
                drop(woken);
                drop(old);
                return;
            }
            drop(woken);
            // Outside of the lock: a waker's `clone` is a stranger's code.
            ours = Some(cx.waker().clone());
        }
    }
}

impl<F> Drop for Group<F> {
    /// Lets go of the task's waker. Somebody may keep the waker of a member for long, and with it the list;
    /// but not the task.
    fn drop(&mut self) {
        let task = self.woken.lock().task.take();
        drop(task);
    }
}

impl<F> fmt::Debug for Group<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group")
            .field("members", &self.members.len())
            .field("turn", &self.turn)
            .finish_non_exhaustive()
    }
}
