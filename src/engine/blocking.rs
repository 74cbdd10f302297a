//! Blocking tasks: closures that must not run on a worker.
//!
//! A task that reads a file, asks the resolver for a name or computes for a second holds its worker meanwhile, and
//! every other task of that worker waits. Such work goes to threads that may block: a pool that grows by a thread
//! whenever all are busy, up to a limit, and whose threads end when they have had nothing to do for a while.
//!
//! A closure in the pool is a task with a state, an id and a join handle. Its one poll calls the closure. To abort it
//! is to drop the closure, as long as it has not begun. Once it runs, nothing can stop it.
//!
//! When a runtime ends, the pool accepts no more closures, and its threads run those that it accepted before: a write
//! to a file is such a closure, and has been reported as done. Dropping the runtime waits for all of them;
//! `shutdown_timeout` and `shutdown_background` leave the rest to the threads.
//!
//! A job is in the queue only while there is a thread that will take it, or one that is starting. If the system gives
//! none, all jobs in the queue fail.
//!
//! This is the last file of the engine. Next: `trace`, which records its events.

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use super::context::AnyRuntime;
use super::coop;
use super::prim::atomic::{AtomicUsize, Ordering, fence};
use super::prim::{Condvar, Mutex, now};
use super::scheduler::{SchedulerHandle, Shared};
use super::task::{Join, Runnable, Task};
use super::threads::ThreadConfig;
use super::trace::{Event, Queue, TaskKind, emit};
use super::worker::poll_task;

/// Threads for work that blocks.
pub(crate) struct Pool {
    config: ThreadConfig,
    shared: Arc<SchedulerHandle>,
    /// The number of the next thread, for its name.
    started: AtomicUsize,
    state: Mutex<State>,
    /// A job was pushed, or the pool was closed.
    changed: Condvar,
    /// A thread has ended, or could not be started.
    ended: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    /// Threads that were asked for and have not begun: the system may refuse them.
    starting: usize,
    /// Threads that take jobs.
    threads: usize,
    /// Those of them that wait for one.
    idle: usize,
    /// Threads that take no more jobs, and have not ended yet.
    leaving: usize,
    closed: bool,
}

/// Why a closure was not accepted.
pub(crate) enum Refused<T> {
    /// The pool is closed. The task is cancelled.
    Closed(Arc<dyn Join<T>>),
    /// The pool has no thread, and none could be started.
    NoThread(io::Error),
}

/// A closure, as a task. While it is queued or runs, a paused clock does not jump.
struct Job {
    task: Arc<dyn Runnable>,
    shared: Arc<Shared>,
}

impl Job {
    fn new(task: Arc<dyn Runnable>, shared: Arc<Shared>) -> Self {
        // Relaxed: made on the thread that drives, or on one whose wake the driver still awaits.
        shared.driver.blocking_tasks.fetch_add(1, Ordering::Relaxed);
        Job { task, shared }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        // Release: matches the load in `Driver::park_paused`, which then sees the task that the closure has woken.
        self.shared.driver.blocking_tasks.fetch_sub(1, Ordering::Release);
        // Only a paused clock waits for it. The fence: see `Driver::park_paused`.
        fence(Ordering::SeqCst);
        if self.shared.driver.clock.is_paused() {
            self.shared.driver.unpark();
        }
    }
}

/// A closure as a future that is ready when it is polled.
struct BlockingTask<F>(Option<F>);

// The closure is moved out and called, so pinning does not matter.
impl<F> Unpin for BlockingTask<F> {}

impl<F: FnOnce() -> T, T> Future for BlockingTask<F> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<T> {
        let closure = self.0.take().expect("a job is polled once");
        Poll::Ready(coop::with_unconstrained(closure))
    }
}

/// A thread is being started for job `id`. Undoes the start if the function that names the thread panics.
struct Starting<'a> {
    pool: &'a Pool,
    id: u64,
}

impl Drop for Starting<'_> {
    fn drop(&mut self) {
        // The caller gets a panic in the place of the handle: the job must not run.
        let _taken_back = self.pool.start_failed(self.id, false);
    }
}

impl Pool {
    pub(crate) fn new(config: ThreadConfig, shared: Arc<SchedulerHandle>) -> Arc<Self> {
        let state = Mutex::new(State::default());
        let started = AtomicUsize::new(0);
        let (changed, ended) = (Condvar::new(), Condvar::new());
        Arc::new(Pool { config, shared, started, state, changed, ended })
    }

    /// Gives a closure to the pool. The threads are inside `runtime`. A closure that is refused is dropped.
    pub(crate) fn spawn<F, T>(
        self: &Arc<Self>,
        closure: F,
        place: &'static Location<'static>,
        runtime: &Arc<dyn AnyRuntime>,
    ) -> Result<Arc<dyn Join<T>>, Refused<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let call = BlockingTask(Some(closure));
        // It stands in this queue from the beginning, and its one poll is the last: it is never scheduled.
        let task = Task::<_, _>::new(call, self.shared.clone(), TaskKind::Blocking, place);
        let job = Job::new(task.clone(), Arc::clone(&self.shared));
        let task: Arc<dyn Join<T>> = task;
        let (id, queue) = (task.header().id, Queue::Blocking);
        emit!(self.shared.driver.tracer, Event::Scheduled { task: id, queue });
        let mut state = self.state.lock();
        if state.closed {
            drop(state);
            job.task.shut_down();
            return Err(Refused::Closed(task));
        }
        state.jobs.push_back(job);
        // More jobs than idle threads need one more thread.
        let one_more = state.jobs.len() > state.idle
            && state.threads + state.starting < self.config.max_blocking;
        if one_more {
            state.starting += 1;
        }
        drop(state);
        self.changed.notify_one();
        if one_more {
            let unwinding = Starting { pool: self, id };
            let started = self.start_thread(runtime.clone());
            mem::forget(unwinding);
            if let Err(error) = started
                && self.start_failed(id, true)
            {
                return Err(Refused::NoThread(error));
            }
        }
        Ok(task)
    }

    /// The thread that job `id` asked for was not started. The job is taken back, unless it `may_stay` for the threads
    /// that have begun. If no thread is left that could take jobs, all jobs in the queue fail. Returns whether the job
    /// was taken back.
    fn start_failed(&self, id: u64, may_stay: bool) -> bool {
        let mut state = self.state.lock();
        state.starting -= 1;
        let mut failed = VecDeque::new();
        if state.threads + state.starting == 0 {
            failed = mem::take(&mut state.jobs);
        } else if state.threads == 0 || !may_stay {
            // None: a thread has taken it already.
            let place = state.jobs.iter().position(|job| job.task.header().id == id);
            failed.extend(place.and_then(|place| state.jobs.remove(place)));
        }
        drop(state);
        self.ended.notify_all();
        failed.iter().for_each(|job| job.task.shut_down());
        failed.iter().any(|job| job.task.header().id == id)
    }

    fn start_thread(self: &Arc<Self>, runtime: Arc<dyn AnyRuntime>) -> io::Result<()> {
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let name = format!("openwork-blocking-{number}");
        let (pool, leaver) = (self.clone(), self.clone());
        let work = move || {
            pool.begin();
            while let Some(job) = pool.next_job() {
                let (task, queue) = (job.task.header().id, Queue::Blocking);
                emit!(pool.shared.driver.tracer, Event::Taken { task, queue });
                // A closure is never pending.
                let _ended = poll_task(job.task.clone());
            }
        };
        let leave = move || {
            leaver.state.lock().leaving -= 1;
            leaver.ended.notify_all();
        };
        self.config.start(name, runtime, work, leave).map(drop)
    }

    /// A thread has begun.
    fn begin(&self) {
        let mut state = self.state.lock();
        state.starting -= 1;
        state.threads += 1;
    }

    /// Waits for a job. None: this thread is not needed any more.
    fn next_job(&self) -> Option<Job> {
        let mut state = self.state.lock();
        // None: the thread waits without a limit.
        let until = now().checked_add(self.config.keep_alive);
        let mut has_time = true;
        loop {
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            if state.closed || !has_time {
                // Under the same lock as the look: a job that is pushed from now on finds this thread gone.
                state.threads -= 1;
                state.leaving += 1;
                return None;
            }
            state.idle += 1;
            (state, has_time) = self.changed.wait_until(state, until);
            state.idle -= 1;
        }
    }

    /// Accepts no more jobs. The threads run those in the queue, and end.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.changed.notify_all();
    }

    /// Waits until all jobs are done and all threads have ended, at most until this moment. Returns whether
    /// they have.
    pub(crate) fn wait_for_end(&self, until: Option<Instant>) -> bool {
        let mut state = self.state.lock();
        let mut has_time = true;
        while state.starting + state.threads + state.leaving > 0 {
            if !has_time {
                return false;
            }
            (state, has_time) = self.ended.wait_until(state, until);
        }
        true
    }

    /// How many threads there are.
    pub(crate) fn len(&self) -> usize {
        self.state.lock().threads
    }
}
