//! The executor: tasks, wakers, run queues, timers, reactor, driver, workers. Read it from top to bottom.
//!
//! **The life of a task**, with the function at each step:
//!
//! ```text
//!   spawn      SchedulerHandle::spawn      one allocation, Task::new; the list of owned tasks; then
//!   schedule   CurrentWorker::schedule     into the worker's LIFO slot or queue, LocalQueue::push_lifo
//!              …::schedule_outside         from another thread: into the injector; Idle::notify_any
//!   poll       Worker::tick ─▶ poll_task ─▶ Task::poll_once ─▶ State::start_poll ─▶ Task::poll_future
//!   pending    State::end_poll             the task is idle: only its wakers can reach it
//!   wake       Task::wake ─▶ State::wake ─▶ schedule, as above
//!   complete   Task::complete              the future is dropped, the output stored; the join waker is called
//!   join       JoinHandle::poll ─▶ Task::poll_join, take_output
//! ```
//!
//! **The way of a wait**, from `.await` to the kernel and back:
//!
//! ```text
//!   try        the operation answers `WouldBlock`; Source::clear
//!   register   Source::poll_or_register stores the waker, and looks again; Pending
//!   park       Worker::park ─▶ Idle::transition_to_parked ─▶ one more look ─▶ Driver::tick ─▶ Poller::wait
//!   event      Source::set_readiness takes the waker; the driver's lock is released
//!   wake       prim::wake ─▶ Task::wake ─▶ the task is scheduled; Worker::tick polls it, and it tries again
//! ```
//!
//! A sleep takes the same way with `Driver::poll_timer` in the place of the first two steps, and `Timers::expire` in
//! that of the event. A worker that a task blocks cannot delay either: see `monitor.rs`.

pub(crate) mod prim;
pub(crate) mod large;
pub(crate) mod park;
pub(crate) mod block_on;
pub(crate) mod clock;
pub(crate) mod random;
pub(crate) mod event;
pub(crate) mod context;
pub(crate) mod coop;
pub(crate) mod trace;
pub(crate) mod state;
pub(crate) mod task;
pub(crate) mod owned;
pub(crate) mod queue;
pub(crate) mod timer;
pub(crate) mod poller;
pub(crate) mod reactor;
pub(crate) mod driver;
pub(crate) mod idle;
pub(crate) mod scheduler;
pub(crate) mod worker;
pub(crate) mod root;
pub(crate) mod monitor;
pub(crate) mod threads;
pub(crate) mod blocking;
