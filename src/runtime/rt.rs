//! The runtime as its owner has it: what runs futures, and what ends them.
//!
//! Next: `builder.rs`, which makes one.

use std::time::{Duration, Instant};

use super::handle::{EnterGuard, Handle};
use super::inner::Inner;
use super::join_handle::JoinHandle;
use super::metrics::RuntimeMetrics;
use crate::engine::context::{self, RuntimeThread};
use crate::engine::large::box_if_large;
use crate::engine::root;

/// A runtime: tasks, timers, sockets, and threads for blocking work.
///
/// Dropping it drops every task that is left, wherever it waits, and then waits for the blocking pool: each
/// closure that [`spawn_blocking`](crate::task::spawn_blocking) accepted before the end runs, unless it was
/// aborted, and each write to a file or to standard output that answered `Ok` is carried out. What is spawned
/// later is cancelled. If a closure waits for something that only a task of this runtime could provide, it
/// never ends, and neither does the drop: use [`shutdown_timeout`](Runtime::shutdown_timeout) there.
///
/// On a thread of the runtime that has done its work, where destructors of thread-locals run, it does not wait.
/// A runtime that one of its own workers keeps, for instance in a thread-local, does not end: that worker would
/// have to end first.
///
/// # Panics
///
/// Dropping it panics where it must not wait: inside an `async` context, and on a thread that this runtime has
/// started, as in a closure of `spawn_blocking` or in a hook. Use
/// [`shutdown_background`](Runtime::shutdown_background) there. The runtime ends in any case.
#[derive(Debug)]
pub struct Runtime {
    pub(super) handle: Handle,
    /// How long to wait for the blocking pool. None: until its closures have run.
    pub(super) wait_at_drop: Option<Duration>,
}

impl Runtime {
    /// Runs a future to its end on this thread, and the runtime's tasks meanwhile.
    ///
    /// Several threads may call this at once; one of them drives the tasks, timers and sockets of all. So does
    /// a thread that calls this again and again for a short time, once a frame for instance: each call whose
    /// future is not ready at once wakes what timers and sockets have for the tasks.
    ///
    /// # Panics
    ///
    /// If this thread runs a runtime already, and if the future panics.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let seeds = &self.handle.inner.shared.rng_seeds;
        let _running = context::enter_runtime("Runtime::block_on", || seeds.next_rng());
        let _entered = self.handle.save_and_enter();
        box_if_large!(F, future = Box::pin(future) => self.run(future))
    }

    /// Runs a future on this thread, which has entered the runtime.
    fn run<F: Future>(&self, future: F) -> F::Output {
        match &self.handle.inner.worker_threads {
            None => root::block_on(&self.handle.inner.shared, future),
            Some(_) => self.handle.block_on_beside(future),
        }
    }

    /// Spawns a task; see [`task::spawn`](crate::task::spawn). On a current-thread runtime it makes
    /// progress while some thread is in [`block_on`](Runtime::block_on).
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        box_if_large!(F, future = Box::pin(future) => self.handle.spawn_named::<_, F>(future))
    }

    /// Runs a closure on a thread for blocking work; see
    /// [`task::spawn_blocking`](crate::task::spawn_blocking).
    #[track_caller]
    pub fn spawn_blocking<F, T>(&self, closure: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        box_if_large!(F, closure = Box::new(closure) as Box<dyn FnOnce() -> T + Send> => {
            self.handle.spawn_blocking(closure)
        })
    }

    /// A handle to this runtime.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Figures of this runtime, as they are now.
    pub fn metrics(&self) -> RuntimeMetrics {
        self.handle.metrics()
    }

    /// Makes this the runtime that `spawn`, `sleep` and the like find on this thread, until the guard is
    /// dropped.
    ///
    /// A guard that is leaked counts until the end of the poll, blocking closure or hook in which it was made.
    /// The future of `block_on` may hold one across an `.await`: other tasks on its thread do not see it.
    ///
    /// # Panics
    ///
    /// Guards must be dropped in the reverse of the order in which they were made. To drop one before another
    /// that was made later panics; the thread has left its runtime all the same.
    pub fn enter(&self) -> EnterGuard<'_> {
        self.handle.enter()
    }

    /// Ends the runtime as a drop does, but waits for at most this long. After that the pool's threads go on
    /// by themselves: they run the closures that were accepted before the end, as long as the process lives.
    ///
    /// # Panics
    ///
    /// As to drop it, unless the duration is zero.
    #[track_caller]
    pub fn shutdown_timeout(mut self, duration: Duration) {
        self.wait_at_drop = Some(duration);
    }

    /// Ends the runtime without waiting, as [`shutdown_timeout`](Runtime::shutdown_timeout) of zero does. May be
    /// called anywhere.
    pub fn shutdown_background(self) {
        self.shutdown_timeout(Duration::ZERO);
    }

    /// Accepts no more tasks and closures, and has all tasks dropped.
    fn shut_down(&self) {
        let _entered = self.handle.save_and_enter();
        let Inner { shared, worker_threads, pool, .. } = &*self.handle.inner;
        // Before `stop`, after which a worker may drop tasks at any time: what their destructors give to the
        // pool is cancelled on every flavour.
        pool.close();
        shared.stop();
        // Worker threads do this themselves, when the last one has stopped.
        if worker_threads.is_none() {
            shared.shut_down();
        }
    }

    /// Waits for the workers, and for the blocking closures.
    fn wait(&self) {
        let thread = context::runtime_thread();
        let id = self.handle.inner.shared.id;
        if self.wait_at_drop == Some(Duration::ZERO) || thread == RuntimeThread::Exiting(id) {
            return;
        }
        let is_own_thread = thread == RuntimeThread::Working(id);
        if context::drives_runtime() || is_own_thread {
            // A second panic would end the process.
            if std::thread::panicking() {
                return;
            }
            assert!(
                !context::drives_runtime(),
                "Cannot drop a runtime in a context where blocking is not allowed: this thread runs a \
                 runtime's tasks; use `shutdown_background` here, or drop the runtime outside of \
                 `async` code"
            );
            panic!(
                "Cannot drop a runtime on one of its own threads: it would wait for the end of that \
                 thread; use `shutdown_background` here, or drop the runtime elsewhere"
            );
        }
        let until = self.wait_at_drop.and_then(|limit| Instant::now().checked_add(limit));
        if let Some(worker_threads) = &self.handle.inner.worker_threads {
            worker_threads.wait_for_end(until);
        }
        self.handle.inner.pool.wait_for_end(until);
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.shut_down();
        self.wait();
    }
}
