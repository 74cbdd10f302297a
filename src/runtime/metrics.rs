//! What one can ask of a runtime while it runs.
//!
//! Next: `handle.rs`.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::inner::Inner;
use crate::engine::state::Lifecycle;
use crate::engine::task::Runnable;

/// Figures of a runtime, each read when it is asked for. From [`Handle::metrics`](super::Handle::metrics).
#[derive(Clone)]
pub struct RuntimeMetrics {
    pub(super) inner: Arc<Inner>,
}

impl RuntimeMetrics {
    /// Tasks that are not done.
    pub fn num_alive_tasks(&self) -> usize {
        self.inner.shared.tasks().len()
    }

    /// Workers; a current-thread runtime has one.
    pub fn num_workers(&self) -> usize {
        self.inner.shared.remotes.len()
    }

    /// Polls that a worker has made.
    ///
    /// # Panics
    ///
    /// If there is no worker of this number, here and below.
    #[track_caller]
    pub fn worker_poll_count(&self, worker: usize) -> u64 {
        self.inner.shared.remotes[worker].metrics.polls.load(Ordering::Relaxed)
    }

    /// Tasks that a worker has stolen from others.
    #[track_caller]
    pub fn worker_steal_count(&self, worker: usize) -> u64 {
        self.inner.shared.remotes[worker].metrics.steals.load(Ordering::Relaxed)
    }

    /// How often a worker has gone to sleep.
    #[track_caller]
    pub fn worker_park_count(&self, worker: usize) -> u64 {
        self.inner.shared.remotes[worker].metrics.parks.load(Ordering::Relaxed)
    }

    /// Tasks in the local queue of a worker, which others could steal.
    #[track_caller]
    pub fn worker_local_queue_depth(&self, worker: usize) -> usize {
        self.inner.shared.remotes[worker].stealer.as_ref().map_or(0, |stealer| stealer.len())
    }

    /// Tasks that were woken from outside and wait for a worker to take them.
    pub fn global_queue_depth(&self) -> usize {
        self.inner.shared.injector.len()
    }

    /// Threads for blocking work, idle ones included.
    pub fn num_blocking_threads(&self) -> usize {
        self.inner.pool.len()
    }

    /// Descriptors that the runtime watches.
    pub fn io_driver_fd_registered_count(&self) -> usize {
        self.inner.shared.driver.reactor.len()
    }

    /// Timers that wait, or have fired and were not polled since.
    pub fn num_timers(&self) -> usize {
        self.inner.shared.driver.timers_len()
    }
}

impl fmt::Debug for RuntimeMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuntimeMetrics")
            .field("num_workers", &self.num_workers())
            .field("num_alive_tasks", &self.num_alive_tasks())
            .field("global_queue_depth", &self.global_queue_depth())
            .field("num_blocking_threads", &self.num_blocking_threads())
            .field("io_driver_fd_registered_count", &self.io_driver_fd_registered_count())
            .field("num_timers", &self.num_timers())
            .finish()
    }
}

/// What can be said of a live task. From [`Handle::tasks`](super::Handle::tasks).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskInfo {
    /// Its number.
    pub id: u64,
    /// The task that spawned it; none if that was no task.
    pub parent: Option<u64>,
    /// The type of its future, which names the `async` block or function.
    pub future: &'static str,
    /// Where it was spawned.
    pub place: &'static Location<'static>,
    /// How often it was polled.
    pub polls: u32,
    /// `"idle"`, `"scheduled"`, `"running"`, or `"woken"` (while running).
    pub state: &'static str,
    /// The worker that polls it now.
    pub worker: Option<u32>,
}

impl TaskInfo {
    pub(super) fn of(task: &dyn Runnable) -> Self {
        let header = task.header();
        TaskInfo {
            id: header.id,
            parent: (header.parent != 0).then_some(header.parent),
            future: task.future_type(),
            place: header.location,
            polls: header.polls.load(Ordering::Relaxed),
            state: match header.state.load().lifecycle {
                Lifecycle::Idle => "idle",
                Lifecycle::Scheduled => "scheduled",
                Lifecycle::Running => "running",
                Lifecycle::RunningNotified => "woken",
                Lifecycle::Complete => "done",
            },
            worker: header.running_on.load(Ordering::Relaxed).checked_sub(1),
        }
    }
}
