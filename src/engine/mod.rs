//! The executor: tasks, wakers, run queues, timers, reactor, driver, workers. Read it from top to bottom.
//!
//! **The life of a task**, with the function at each step:
//!
//! ```text
//!   spawn      SchedulerHandle::spawn      Task::new allocates it, OwnedTasks::add lists it
//!   schedule   CurrentWorker::schedule     on a worker: LocalQueue::push_lifo if a task woke it, else push_back
//!              SchedulerHandle::schedule_outside   on another thread: into the injector; Idle::notify_any
//!   poll       Worker::tick ─▶ poll_tasks ─▶ poll_task ─▶ Task::run ─▶ State::start_poll ─▶ Task::poll_future
//!   pending    State::end_poll             the task is idle: only its wakers can reach it
//!   wake       Task::wake ─▶ State::wake ─▶ schedule, as above
//!   complete   Task::complete              the future is dropped, the output stored; the join waker is called
//!   join       JoinHandle::poll ─▶ Task::poll_join, take_output
//! ```
//!
//! **How a task waits for a socket**, from `.await` to the kernel and back:
//!
//! ```text
//!   try        if the source is ready: the operation answers `WouldBlock`; Source::clear
//!   register   Source::poll_or_register stores the waker, and looks again; Pending
//!   park       Worker::park ─▶ Idle::transition_to_parked ─▶ one more look ─▶ Driver::tick ─▶ Poller::wait
//!   event      Source::set_readiness takes the waker; the driver's lock is released
//!   wake       prim::wake ─▶ Task::wake ─▶ the task is scheduled; Worker::tick polls it, and it tries again
//! ```
//!
//! For a sleep, `Driver::poll_timer` replaces the first two steps, and `Timers::expire` replaces the event. A task that
//! blocks its worker delays the others' sockets and timers by at most 20 ms: see `monitor.rs`.

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
pub(crate) mod header;
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
