//! The owner of a runtime: runs futures on it, and ends it.
//!
//! Next: `builder.rs`, which makes one.

use std::panic::Location;
use std::thread;
use std::time::{Duration, Instant};

use super::handle::{EnterGuard, Handle, spawn_methods};
use super::inner::Inner;
use super::join_handle::JoinHandle;
use super::metrics::RuntimeMetrics;
use crate::engine::context::{self, RuntimeThread};
use crate::engine::large::box_if_large;
use crate::engine::root;

/// Runs tasks, timers, sockets, and threads for blocking work.
///
/// ```
/// use openwork::runtime::Runtime;
///
/// let runtime = Runtime::new()?;
/// let task = runtime.spawn(async { 1 + 2 });
/// assert_eq!(runtime.block_on(task).unwrap(), 3);
/// # std::io::Result::Ok(())
/// ```
///
/// Dropping the runtime drops all of its tasks, and then waits for the blocking pool. The pool first runs the
/// closures that [`spawn_blocking`](crate::task::spawn_blocking) has accepted, unless they were aborted, and
/// carries out each write to a file or to standard output that has returned `Ok`. What is spawned after the drop
/// has begun is cancelled. A closure that waits for a task of the same runtime never ends, and then the drop
/// does not return either: use [`shutdown_timeout`](Runtime::shutdown_timeout) there.
///
/// In a destructor of a thread-local, on a thread that the runtime has started, the drop does not wait. A
/// runtime that one of its own workers owns, for instance in a thread-local, does not end: that worker would
/// have to exit first.
///
/// # Panics
///
/// Dropping it panics where it must not wait: inside an `async` context, and on a thread that this runtime has
/// started, such as in a closure of `spawn_blocking` or in a hook. Use
/// [`shutdown_background`](Runtime::shutdown_background) there. The runtime ends in any case.
#[derive(Debug)]
pub struct Runtime {
    pub(super) handle: Handle,
    /// The limit of the wait for the blocking pool. `None`: no limit.
    pub(super) wait_at_drop: Option<Duration>,
}

impl Runtime {
    spawn_methods!(|self| self.handle);

    /// Runs a future to completion on this thread. On a current-thread runtime this also runs the tasks, timers and
    /// sockets.
    ///
    /// Several threads may call this at once on a current-thread runtime; one of them runs the tasks of all. A thread
    /// may also call it at intervals, for instance once a frame: each call whose future is not ready at once wakes
    /// the tasks whose timers or sockets are ready.
    ///
    /// # Panics
    ///
    /// If this thread already runs a runtime, and if the future panics.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let seeds = &self.handle.inner.shared.rng_seeds;
        let _running = context::enter_runtime("Runtime::block_on", || seeds.next_rng());
        let _entered = self.handle.save_and_enter();
        let location = Location::caller();
        box_if_large!(F, future = Box::pin(future) => self.block_on_entered(future, location))
    }

    /// Runs a future on this thread, which has entered the runtime.
    fn block_on_entered<F: Future>(
        &self,
        future: F,
        location: &'static Location<'static>,
    ) -> F::Output {
        match &self.handle.inner.worker_threads {
            None => root::block_on(&self.handle.inner.shared, future, location),
            Some(_) => self.handle.block_on_entered(future, location),
        }
    }

    /// Returns a handle to this runtime.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Returns the metrics of this runtime.
    pub fn metrics(&self) -> RuntimeMetrics {
        self.handle.metrics()
    }

    /// Makes this the runtime that `spawn`, `sleep` and the like find on this thread, until the guard is dropped;
    /// see [`Handle::enter`].
    ///
    /// # Panics
    ///
    /// Dropping a guard before another that was made later panics.
    pub fn enter(&self) -> EnterGuard<'_> {
        self.handle.enter()
    }

    /// Ends the runtime like a drop, but waits for the blocking pool at most this long. After that its threads
    /// continue on their own: they run the closures that were accepted, until the process exits.
    ///
    /// # Panics
    ///
    /// Where dropping the runtime panics, unless the duration is zero.
    #[track_caller]
    pub fn shutdown_timeout(mut self, duration: Duration) {
        self.wait_at_drop = Some(duration);
    }

    /// Ends the runtime without waiting, like [`shutdown_timeout`](Runtime::shutdown_timeout) with zero. May be
    /// called anywhere.
    pub fn shutdown_background(self) {
        self.shutdown_timeout(Duration::ZERO);
    }

    /// Accepts no more tasks and closures, and drops all tasks.
    fn shut_down(&self) {
        let _entered = self.handle.save_and_enter();
        let Inner { shared, worker_threads, pool } = &*self.handle.inner;
        // Before `stop`, after which a worker may drop tasks at any time: closures that their destructors spawn
        // are cancelled, on a current-thread and on a multi-thread runtime alike.
        pool.close();
        shared.stop();
        // On a multi-thread runtime the last worker to stop does this.
        if worker_threads.is_none() {
            shared.shut_down();
        }
    }

    /// Waits for the workers, and for the blocking pool.
    fn wait(&self) {
        let thread = context::runtime_thread();
        let Inner { shared, worker_threads, pool } = &*self.handle.inner;
        if self.wait_at_drop == Some(Duration::ZERO) || thread == RuntimeThread::Exiting(shared.id)
        {
            return;
        }
        let refused = if context::drives_runtime() {
            Some("in a context where blocking is not allowed: this thread runs a runtime's tasks")
        } else if thread == RuntimeThread::Working(shared.id) {
            Some("on one of its own threads: it would wait for that thread to exit")
        } else {
            None
        };
        if let Some(refused) = refused {
            // A second panic would end the process.
            if thread::panicking() {
                return;
            }
            panic!(
                "Cannot drop a runtime {refused}; use `shutdown_background` here, or drop the runtime \
                 elsewhere"
            );
        }
        let until = self.wait_at_drop.and_then(|limit| Instant::now().checked_add(limit));
        if let Some(worker_threads) = worker_threads {
            worker_threads.wait_for_end(until);
        }
        pool.wait_for_end(until);
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.shut_down();
        self.wait();
    }
}
