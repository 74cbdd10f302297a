//! Which of a thousand tasks is complete?
//!
//! A future that awaits many tasks with one waker does not learn which of them has woken it, and would have to
//! look at each: a thousand looks for each of a thousand completions. So each task gets a waker of its own,
//! which knows the task's key. It pushes the key to a queue, and then wakes the future that waits for the next
//! task.
//!
//! ```text
//!   task 7 completes ─▶ waker of 7 ─┐
//!                                   ├─▶ queue: 7, 2 ─▶ the joiner pops 7
//!   task 2 completes ─▶ waker of 2 ─┘
//! ```
//!
//! A task calls its join waker once, after its output was stored. So each key comes once, and the task of a key that
//! was popped is complete.
//!
//! Next: `join_set.rs`, which owns the tasks.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_task::{ArcWake, waker};

use crate::engine::prim::{Mutex, poll_or_register, wake};

/// An empty queue frees its memory if it has room for more keys than this. Arbitrary; what remains of a burst is one
/// kilobyte.
const KEEP_ROOM: usize = 128;

/// The keys of the tasks that are complete, in that order. One future may wait for the next key.
#[derive(Debug, Default)]
pub(super) struct CompletionQueue(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    keys: VecDeque<usize>,
    joiner: Option<Waker>,
}

impl CompletionQueue {
    /// A new queue, for which the joiner of this queue waits from now on. Keys that are pushed to this queue wake
    /// nothing any more.
    pub(super) fn replace(&self) -> Arc<Self> {
        let joiner = self.0.lock().joiner.take();
        Arc::new(CompletionQueue(Mutex::new(State { keys: VecDeque::new(), joiner })))
    }

    /// The join waker for the task with this key.
    pub(super) fn waker_of(self: &Arc<Self>, key: usize) -> Waker {
        waker(Arc::new(KeyWaker { key, queue: self.clone() }))
    }

    /// Pushes the key of a complete task.
    pub(super) fn push(&self, key: usize) {
        let mut state = self.0.lock();
        state.keys.push_back(key);
        let joiner = state.joiner.take();
        drop(state);
        wake(joiner);
    }

    /// Pops the first key.
    pub(super) fn pop(&self) -> Option<usize> {
        self.0.lock().pop()
    }

    /// Pops the first key, or waits for it.
    pub(super) fn poll_pop(&self, cx: &mut Context<'_>) -> Poll<usize> {
        let pop = |state: &mut State| state.pop().map_or(Poll::Pending, Poll::Ready);
        poll_or_register(&self.0, cx, pop, |state| &mut state.joiner)
    }
}

impl State {
    fn pop(&mut self) -> Option<usize> {
        let key = self.keys.pop_front();
        if self.keys.is_empty() && self.keys.capacity() > KEEP_ROOM {
            self.keys = VecDeque::new();
        }
        key
    }
}

/// Pushes its key when it is woken.
struct KeyWaker {
    key: usize,
    queue: Arc<CompletionQueue>,
}

impl ArcWake for KeyWaker {
    fn wake_by_ref(waker: &Arc<Self>) {
        waker.queue.push(waker.key);
    }
}
