//! Which tasks are there?
//!
//! A runtime that ends must drop every task that is left, wherever it waits: in a queue, or in no queue
//! at all, because its only waker lies in some channel. And whoever looks at a runtime wants to see its
//! tasks. So there is a list of them. The plain way, a map from which each task is removed at its end,
//! made that removal the dearest part of a spawn: a lock and a search for every task that ends, on
//! whatever thread it ends.
//!
//! The way taken here: a vector, pushed to at each spawn, and **nothing at the end of a task**. When
//! the vector has doubled since the last time, it is swept: the tasks that are done are let go. Each
//! sweep of *n* entries is paid for by the *n / 2* spawns before it, so a spawn costs the same on
//! average however many tasks there are. What it costs is memory: up to as many finished tasks as there
//! were live ones at the last sweep. A worker that goes to sleep sweeps too, if a quarter of the list may
//! have ended, so that a burst does not leave its memory behind.
//!
//! A finished task holds nothing of its user's any more (its future went at once, its output is the
//! joiner's), so sweeping it is silent.
//!
//! Next: `queue.rs`, for the tasks that are ready to be polled.

use std::mem;
use std::sync::Arc;

use super::prim::Mutex;
use super::task::Runnable;

/// Fewer tasks than this are not worth a sweep. Arbitrary; its effect is a few kilobytes.
const SWEEP_AT_LEAST: usize = 64;

/// The list of the tasks that are not done, and of some that are.
pub(crate) struct Live(Mutex<List>);

struct List {
    tasks: Vec<Arc<dyn Runnable>>,
    /// The length at which to sweep.
    sweep_at: usize,
    /// How many of the runtime's tasks had ended at the last sweep of an idle worker.
    ended: u64,
    /// The runtime has ended, and takes no more tasks.
    closed: bool,
}

impl Live {
    pub(crate) fn new() -> Self {
        Live(Mutex::new(List {
            tasks: Vec::new(),
            sweep_at: SWEEP_AT_LEAST,
            ended: 0,
            closed: false,
        }))
    }

    /// Adds a task. False if the list is closed: the caller must cancel it.
    #[must_use]
    pub(crate) fn add(&self, task: Arc<dyn Runnable>) -> bool {
        let mut list = self.0.lock();
        if list.closed {
            return false;
        }
        if list.tasks.len() >= list.sweep_at {
            list.sweep();
        }
        list.tasks.push(task);
        true
    }

    /// Lets go of finished tasks if they may be a good part of the list: of the runtime's tasks so many have
    /// `ended` by now. For a worker that has nothing else to do.
    pub(crate) fn sweep_when_idle(&self, ended: u64) {
        let mut list = self.0.lock();
        // A sweep of n entries is paid for by n / 4 tasks that have ended: again constant for each task.
        // Without this condition a server that holds 10,000 tasks and ends one before each sleep would look
        // at 10,000 each time. And each list counts for itself: with one count for all, the sweeps of the
        // short lists would forget what the long one still holds.
        let since = ended.saturating_sub(list.ended) as usize;
        if since >= SWEEP_AT_LEAST.max(list.tasks.len() / 4) {
            list.ended = ended;
            list.sweep();
        }
    }

    /// The tasks that are not done.
    pub(crate) fn snapshot(&self) -> Vec<Arc<dyn Runnable>> {
        let list = self.0.lock();
        list.tasks.iter().filter(|task| !task.header().is_complete()).cloned().collect()
    }

    /// Takes no more tasks, and hands out those it has.
    pub(crate) fn close(&self) -> Vec<Arc<dyn Runnable>> {
        let mut list = self.0.lock();
        list.closed = true;
        mem::take(&mut list.tasks)
    }
}

impl List {
    fn sweep(&mut self) {
        self.tasks.retain(|task| !task.header().is_complete());
        self.sweep_at = (self.tasks.len() * 2).max(SWEEP_AT_LEAST);
        // A quarter full after a burst: give the rest back, but keep room to grow.
        if self.tasks.len() < self.tasks.capacity() / 4 {
            self.tasks.shrink_to(self.sweep_at);
        }
    }
}
