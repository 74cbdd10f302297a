//! What a runtime tells about itself while it runs.
//!
//! Next: `rt.rs`, the owner of a runtime.

use std::sync::atomic::Ordering::Relaxed;

use super::handle::Handle;
use crate::engine::scheduler::{Remote, Shared};
use crate::trace::Tasks;

impl Handle {
    /// Returns the metrics of the runtime.
    pub fn metrics(&self) -> RuntimeMetrics {
        RuntimeMetrics { handle: self.clone() }
    }

    /// Lists the tasks that are not complete, and what they wait for. Tasks that one worker has spawned are in the order
    /// of their spawns. The runtime runs meanwhile.
    ///
    /// ```
    /// use openwork::{runtime::Builder, trace::Recorder};
    ///
    /// let runtime = Builder::new_current_thread().trace(&Recorder::new()).build()?;
    /// runtime.block_on(async {
    ///     openwork::spawn(async { openwork::time::sleep(std::time::Duration::MAX).await });
    ///     openwork::task::yield_now().await;
    ///     println!("{}", openwork::runtime::Handle::current().tasks());
    /// });
    /// # std::io::Result::Ok(())
    /// ```
    pub fn tasks(&self) -> Tasks {
        Tasks::spawned(&self.inner.shared)
    }
}

/// Counts of a runtime, each read when its method is called. From [`Handle::metrics`].
#[derive(Debug, Clone)]
pub struct RuntimeMetrics {
    handle: Handle,
}

impl RuntimeMetrics {
    fn shared(&self) -> &Shared {
        &self.handle.inner.shared
    }

    #[track_caller]
    fn worker(&self, index: usize) -> &Remote {
        &self.shared().remotes[index]
    }

    /// The number of tasks that are not complete.
    pub fn num_alive_tasks(&self) -> usize {
        self.shared().tasks().len()
    }

    /// The number of workers. A current-thread runtime has one.
    pub fn num_workers(&self) -> usize {
        self.shared().remotes.len()
    }

    /// How many polls a worker has made.
    ///
    /// # Panics
    ///
    /// If there is no worker with this index.
    #[track_caller]
    pub fn worker_poll_count(&self, worker: usize) -> u64 {
        self.worker(worker).metrics.polls.load(Relaxed)
    }

    /// How many tasks a worker has stolen from others.
    ///
    /// # Panics
    ///
    /// If there is no worker with this index.
    #[track_caller]
    pub fn worker_steal_count(&self, worker: usize) -> u64 {
        self.worker(worker).metrics.steals.load(Relaxed)
    }

    /// How often a worker has parked.
    ///
    /// # Panics
    ///
    /// If there is no worker with this index.
    #[track_caller]
    pub fn worker_park_count(&self, worker: usize) -> u64 {
        self.worker(worker).metrics.parks.load(Relaxed)
    }

    /// How many tasks in the local queue of a worker other workers could steal.
    ///
    /// # Panics
    ///
    /// If there is no worker with this index.
    #[track_caller]
    pub fn worker_local_queue_depth(&self, worker: usize) -> usize {
        self.worker(worker).stealer.as_ref().map_or(0, |stealer| stealer.len())
    }

    /// How many tasks that threads outside of the runtime have woken wait in the injector.
    pub fn global_queue_depth(&self) -> usize {
        self.shared().injector.len()
    }

    /// The number of threads in the blocking pool, idle ones included.
    pub fn num_blocking_threads(&self) -> usize {
        self.handle.inner.pool.len()
    }

    /// The number of descriptors that are registered with the reactor.
    pub fn io_driver_fd_registered_count(&self) -> usize {
        self.shared().driver.reactor.len()
    }

    /// The number of timers that are pending, or have fired and were not polled since.
    pub fn num_timers(&self) -> usize {
        self.shared().driver.timers_len()
    }
}
