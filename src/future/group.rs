//! How does one task await many futures at once, and poll only those that can go on?
//!
//! The simple way is to poll all of them whenever the task is woken. With a thousand sockets that are ready
//! one after the other, it makes a million polls of a thousand. So each future gets a waker of its own, a
//! [`Bell`], which notes its number in a list before it wakes the task. The task then polls what is in the
//! list, and nothing else.
//!
//! ```text
//!    a child's waker ──▶ Bell 7 ──┐  number 7 at the end of the list, if it is not there yet
//!    another's       ──▶ Bell 9 ──┼──▶ [ 7, 9 ] ──▶ the task is woken, takes 7 off, polls child 7 …
//!    a new child     ─────────────┘
//! ```
//!
//! The futures belong to the group, and are dropped with it, or as soon as they are ready; the bells belong to
//! whoever was given a waker, may outlive them, and then ring for nobody. So a future need not be `Send` to
//! be here, although its waker is.
//!
//! This is a small executor with one task for all its futures: they share its thread, its budget and its end.
//! For two or three futures whose number is known when the program is written, the lists of `join.rs` and
//! `select.rs` are better: they need no allocation.
//!
//! Next: `join_all.rs`.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker, ready};

use futures_task::{ArcWake, waker_ref};

use crate::engine::coop;
use crate::engine::prim::atomic::{AtomicBool, Ordering};
use crate::engine::prim::{Mutex, discard, wake};

/// Futures that are polled when they were woken, and at their first.
pub(crate) struct Group<F> {
    // First, so that it is dropped first: the end of a child then rings for nobody.
    rung: Arc<Mutex<Rung>>,
    /// Those who get their turn now.
    turn: VecDeque<usize>,
    /// Numbered in the order in which they came. No number comes twice, so that what an old bell
    /// left in the list can be told from a new child's.
    children: BTreeMap<usize, Child<F>>,
    next_number: usize,
}

struct Child<F> {
    future: Pin<Box<F>>,
    bell: Arc<Bell>,
}

/// Who may be polled.
#[derive(Default)]
struct Rung {
    numbers: VecDeque<usize>,
    /// Who awaits the group, while the list is empty.
    task: Option<Waker>,
}

/// A child's waker.
struct Bell {
    number: usize,
    /// The number is in the list. Set by whoever puts it there, reset by the task before it polls.
    is_rung: AtomicBool,
    /// Weak: a bell that somebody keeps keeps nothing else.
    rung: Weak<Mutex<Rung>>,
}

impl ArcWake for Bell {
    fn wake_by_ref(bell: &Arc<Self>) {
        // AcqRel, partner of the swap in `poll_child`. We: change something, find the bell rung, go. Task:
        // resets the bell, polls. The reset reads what we wrote, so the poll sees what we changed.
        if bell.is_rung.swap(true, Ordering::AcqRel) {
            return;
        }
        let Some(rung) = bell.rung.upgrade() else { return };
        let mut state = rung.lock();
        state.numbers.push_back(bell.number);
        let task = state.task.take();
        drop(state);
        wake(task);
    }
}

impl<F: Future> Group<F> {
    pub(crate) fn new() -> Self {
        Group {
            rung: Arc::default(),
            turn: VecDeque::new(),
            children: BTreeMap::new(),
            next_number: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.children.len()
    }

    /// Takes a future in, which the next `poll_next` will poll. Returns its number: 0, 1, 2 …
    pub(crate) fn insert(&mut self, future: F) -> usize {
        let number = self.next_number;
        self.next_number += 1;
        let (is_rung, rung) = (AtomicBool::new(true), Arc::downgrade(&self.rung));
        let bell = Arc::new(Bell { number, is_rung, rung });
        self.children.insert(number, Child { future: Box::pin(future), bell });
        self.rung.lock().numbers.push_back(number);
        number
    }

    /// The next that is ready, with its number. None: no future is left.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<(usize, F::Output)>> {
        if self.children.is_empty() {
            return Poll::Ready(None);
        }
        self.turn.append(&mut self.rung.lock().numbers);
        while !self.turn.is_empty() {
            ready!(coop::poll_proceed(cx));
            let polled = self.turn.pop_front().map(|number| (number, self.poll_child(number)));
            if let Some((number, Poll::Ready(output))) = polled {
                return Poll::Ready(Some((number, output)));
            }
        }
        self.wait(cx);
        Poll::Pending
    }

    fn poll_child(&mut self, number: usize) -> Poll<F::Output> {
        // Taken out, so that a child that panics is gone. None: it was rung in its last poll.
        let Some(mut child) = self.children.remove(&number) else { return Poll::Pending };
        child.bell.is_rung.swap(false, Ordering::AcqRel);
        let polled = child.future.as_mut().poll(&mut Context::from_waker(&waker_ref(&child.bell)));
        if polled.is_pending() {
            self.children.insert(number, child);
        } else {
            // For who is ready nobody need ring any more. Relaxed: nothing is told.
            child.bell.is_rung.store(true, Ordering::Relaxed);
        }
        polled
    }

    /// Leaves the task's waker for whoever rings next.
    fn wait(&self, cx: &mut Context<'_>) {
        let ours = cx.waker().clone();
        let mut rung = self.rung.lock();
        if rung.numbers.is_empty() {
            let old = rung.task.replace(ours);
            drop(rung);
            discard(old);
        } else {
            // Somebody was rung meanwhile, perhaps by itself, in order to give way: then it gives way to the
            // other tasks too, and not to its siblings only.
            drop(rung);
            wake([ours]);
        }
    }
}

impl<F> fmt::Debug for Group<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group").field("len", &self.children.len()).finish_non_exhaustive()
    }
}
