//! Of a thousand tasks one has ended. Which?
//!
//! Whoever awaits many with one waker learns that *something* happened, and must look at all of them to
//! find out what: a thousand looks for each of a thousand ends. So each task gets a waker of its own, which
//! knows its number, and writes it into a list before it wakes the one who waits for the whole.
//!
//! ```text
//!   task 7 ends ─▶ waker of 7 ─┐
//!                              ├─▶ the finished: 7, 2 ─▶ who waits takes the first
//!   task 2 ends ─▶ waker of 2 ─┘
//! ```
//!
//! A task calls its joiner's waker once, when it has ended and its output is there. So no number comes
//! twice, and who takes one need not ask whether it is true. Under the lock only numbers and wakers are
//! moved about; nothing of a stranger's is called, cloned or dropped there.
//!
//! Next: `join_set.rs`, which holds the tasks.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_task::{ArcWake, waker};

use crate::engine::prim::{Mutex, poll_or_register, wake};

/// A list with room for more than so many is let go when it is empty. Arbitrary; its effect is that a burst
/// leaves a kilobyte behind.
const KEEP_ROOM: usize = 128;

/// The numbers of the tasks that have ended, in that order, and who waits for the next.
#[derive(Debug, Default)]
pub(super) struct Finished(Mutex<List>);

#[derive(Debug, Default)]
struct List {
    keys: VecDeque<usize>,
    waiter: Option<Waker>,
}

impl Finished {
    /// A new list with the one who waits at this one, which is of interest no more: whoever is entered here
    /// from now on wakes nobody.
    pub(super) fn renew(&self) -> Arc<Self> {
        let waiter = self.0.lock().waiter.take();
        Arc::new(Finished(Mutex::new(List { keys: VecDeque::new(), waiter })))
    }

    /// The waker for the task of this number.
    pub(super) fn waker_of(self: &Arc<Self>, key: usize) -> Waker {
        waker(Arc::new(Child { key, finished: self.clone() }))
    }

    /// Enters a task that has ended.
    pub(super) fn push(&self, key: usize) {
        let mut list = self.0.lock();
        list.keys.push_back(key);
        let waiter = list.waiter.take();
        drop(list);
        wake(waiter);
    }

    /// Takes the first.
    pub(super) fn pop(&self) -> Option<usize> {
        self.0.lock().pop()
    }

    /// Takes the first, or waits for it.
    pub(super) fn poll_pop(&self, cx: &mut Context<'_>) -> Poll<usize> {
        let look = |list: &mut List| list.pop().map_or(Poll::Pending, Poll::Ready);
        poll_or_register(&self.0, cx, look, |list| &mut list.waiter)
    }
}

impl List {
    fn pop(&mut self) -> Option<usize> {
        let key = self.keys.pop_front();
        if self.keys.is_empty() && self.keys.capacity() > KEEP_ROOM {
            self.keys = VecDeque::new();
        }
        key
    }
}

/// What a task wakes when it ends.
#[derive(Debug)]
struct Child {
    key: usize,
    finished: Arc<Finished>,
}

impl ArcWake for Child {
    fn wake_by_ref(child: &Arc<Self>) {
        child.finished.push(child.key);
    }
}
