//! A runtime that ends must drop all tasks that are left, even one that is in no queue, because its only waker is in
//! some channel. So each worker has a list of the tasks that were spawned there. The obvious list is a map from which
//! each task is removed at its end; that made the removal, a lock and a search, the most expensive part of a spawn.
//!
//! Here it is a vector, and nothing is done at the end of a task. When the vector has doubled since it was last pruned,
//! it is **pruned**: the tasks that are complete are dropped from it. Each pruning is paid for by half
//! as many spawns before it, so a spawn costs the same on average however many tasks there are. The price is memory: up to
//! as many complete tasks as the last pruning left others. A worker that parks prunes too, so that a burst does not
//! leave its memory behind.
//!
//! Next: `queue.rs`, for the tasks that are ready to be polled.

use std::mem;
use std::sync::Arc;

use super::prim::Mutex;
use super::task::Runnable;

/// A shorter list is not worth pruning, and a worker that has completed fewer tasks does not look at the lists.
/// Arbitrary; its effect is a few kilobytes for each worker.
pub(crate) const PRUNE_AT_LEAST: usize = 64;

/// A list of the tasks that are not complete, and of some that are.
pub(crate) struct OwnedTasks(Mutex<TaskList>);

struct TaskList {
    tasks: Vec<Arc<dyn Runnable>>,
    /// The length at which to prune.
    prune_at: usize,
    /// The runtime's count of completed tasks at the last pruning by an idle worker.
    completed: u64,
    /// The runtime has ended, and takes no more tasks.
    is_closed: bool,
}

impl OwnedTasks {
    pub(crate) fn new() -> Self {
        let (tasks, prune_at) = (Vec::new(), PRUNE_AT_LEAST);
        OwnedTasks(Mutex::new(TaskList { tasks, prune_at, completed: 0, is_closed: false }))
    }

    /// Adds a task. False if the list is closed: the caller must cancel the task.
    #[must_use]
    pub(crate) fn add(&self, task: Arc<dyn Runnable>) -> bool {
        let mut list = self.0.lock();
        if list.is_closed {
            return false;
        }
        if list.tasks.len() >= list.prune_at {
            list.prune();
        }
        list.tasks.push(task);
        true
    }

    /// `completed` is the runtime's count. If it grew by a quarter of this list's length, prunes: again a constant cost
    /// for each task. Without this condition a server that holds 10,000 tasks and completes one
    /// before each park would look at 10,000 each time. Each list has a count of its own: with one count for all,
    /// pruning the short lists would forget what the long one still holds.
    pub(crate) fn prune_when_idle(&self, completed: u64) {
        let mut list = self.0.lock();
        let since = completed.saturating_sub(list.completed) as usize;
        if since >= PRUNE_AT_LEAST.max(list.tasks.len() / 4) {
            list.completed = completed;
            list.prune();
        }
    }

    pub(crate) fn snapshot(&self) -> Vec<Arc<dyn Runnable>> {
        let list = self.0.lock();
        list.tasks.iter().filter(|task| !task.header().is_complete()).cloned().collect()
    }

    /// Takes no more tasks, and hands out those it has.
    pub(crate) fn close(&self) -> Vec<Arc<dyn Runnable>> {
        let mut list = self.0.lock();
        list.is_closed = true;
        mem::take(&mut list.tasks)
    }
}

impl TaskList {
    fn prune(&mut self) {
        // A complete task holds nothing of its user's any more, so to drop it runs no user code.
        self.tasks.retain(|task| !task.header().is_complete());
        self.prune_at = (self.tasks.len() * 2).max(PRUNE_AT_LEAST);
        // Less than a quarter full after a burst: give the rest back, but keep room to grow.
        if self.tasks.len() < self.tasks.capacity() / 4 {
            self.tasks.shrink_to(self.prune_at);
        }
    }
}
