//! The root future: the one that `block_on` is given.
//!
//! It need not be `Send`, and lives on the stack of its caller; so it is not a task, and is in no queue. The worker
//! of a current-thread runtime runs until the root is ready, and polls it once a tick if it was woken.
//!
//! That worker is the thread in `block_on`, and several threads may be. One of them takes the worker's queue out of
//! its `Core`, and runs the loop. The others poll their own roots, park in between, and are unparked to take the
//! queue when it is put back.
//!
//! Next: `monitor.rs`, which attends to the driver while every worker is busy.

use std::any::type_name;
use std::panic::Location;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use futures_task::{ArcWake, waker_ref};

use super::context;
use super::header::take_id;
use super::park::Parker;
use super::prim::atomic::Ordering::{Acquire, Relaxed, Release};
use super::prim::atomic::{AtomicBool, fence};
use super::prim::{Mutex, wake};
use super::queue::LocalQueue;
use super::scheduler::Shared;
use super::trace::{self, Event, Outcome, TaskKind, Tracer, emit};
use super::worker::{RunUntil, Worker};

/// The events of a root future, which are those of a task. `None`: its runtime has no subscriber.
pub(crate) struct RootTrace(Option<Arc<TracedWaker>>);

/// The waker of a root future whose polls are reported.
struct TracedWaker {
    id: u64,
    tracer: Arc<Tracer>,
    is_woken: AtomicBool,
    /// The engine's own, never user code.
    waker: Mutex<Option<Waker>>,
}

impl RootTrace {
    pub(crate) fn new<F>(tracer: &Arc<Tracer>, location: &'static Location<'static>) -> Self {
        RootTrace(tracer.is_on.then(|| {
            let (id, kind, parent) = (take_id(), TaskKind::Root, trace::current_task());
            let name = type_name::<F>();
            emit!(tracer, Event::Spawned { task: id, kind, parent, location, name });
            let (is_woken, waker) = (AtomicBool::new(false), Mutex::default());
            Arc::new(TracedWaker { id, tracer: tracer.clone(), is_woken, waker })
        }))
    }

    /// A poll begins.
    pub(crate) fn start_poll(&self, waker: &Waker) -> RootPoll<'_> {
        let Some(traced) = &self.0 else { return RootPoll { traced: None, waker: None } };
        *traced.waker.lock() = Some(waker.clone());
        traced.is_woken.store(false, Relaxed);
        let outer = trace::replace_root(Some(traced.id));
        emit!(traced.tracer, Event::PollBegins { task: traced.id });
        let waker = Some(waker_ref(traced).clone());
        RootPoll { traced: Some((traced, outer, Outcome::Panicked)), waker }
    }
}

/// One poll of a root future. Ends when it is dropped, even by a panic.
pub(crate) struct RootPoll<'a> {
    traced: Option<(&'a Arc<TracedWaker>, Option<u64>, Outcome)>,
    waker: Option<Waker>,
}

impl RootPoll<'_> {
    /// The waker to poll with, where `own` is that of the untraced future.
    pub(crate) fn waker<'a>(&'a self, own: &'a Waker) -> &'a Waker {
        self.waker.as_ref().unwrap_or(own)
    }

    pub(crate) fn end(&mut self, is_ready: bool) {
        if let Some((.., outcome)) = &mut self.traced {
            *outcome = if is_ready { Outcome::Returned } else { Outcome::Pending };
        }
    }
}

impl Drop for RootPoll<'_> {
    fn drop(&mut self) {
        if let Some((traced, outer, outcome)) = self.traced {
            emit!(traced.tracer, Event::PollEnds { task: traced.id, outcome });
            // The references that are not wakers: `RootTrace` and this poll. The fence: a waker that was dropped before
            // it was counted may have been called, and then that is seen.
            let has_waker = Arc::strong_count(traced) > 2;
            fence(Acquire);
            if outcome == Outcome::Pending && !has_waker && !traced.is_woken.load(Relaxed) {
                emit!(traced.tracer, Event::WakerLost { task: traced.id });
            }
            trace::replace_root(outer);
        }
    }
}

impl ArcWake for TracedWaker {
    fn wake_by_ref(traced: &Arc<Self>) {
        if !traced.is_woken.swap(true, Relaxed) {
            let by = trace::cause();
            emit!(traced.tracer, Event::Woken { task: traced.id, by });
        }
        let waker = traced.waker.lock().clone();
        wake(waker);
    }
}

/// The waker of a root future.
struct RootWaker {
    is_woken: AtomicBool,
    /// Where its thread parks while another thread is the worker.
    parker: Arc<Parker>,
    shared: Arc<Shared>,
}

impl ArcWake for RootWaker {
    fn wake_by_ref(root: &Arc<Self>) {
        // Release: matches the Acquire in `poll_done`. A swap, as in `State::wake`: a second wake publishes too.
        root.is_woken.swap(true, Release);
        root.parker.unpark();
        if !root.shared.is_current_worker() {
            root.shared.notify_worker(0);
        }
    }
}

/// A worker runs until the root is ready.
struct UntilReady<'a, P> {
    root: &'a RootWaker,
    poll: P,
}

impl<P: FnMut() -> bool> RunUntil for UntilReady<'_, P> {
    fn is_notified(&self) -> bool {
        // Relaxed: `poll_done` acquires.
        self.root.is_woken.load(Relaxed)
    }

    fn poll_done(&mut self) -> bool {
        // Acquire: what was written before the wake is visible to the poll.
        self.root.is_woken.swap(false, Acquire) && (self.poll)()
    }
}

/// Runs a future to its end, and the tasks of a current-thread runtime meanwhile. The caller has entered the runtime.
pub(crate) fn block_on<F: Future>(
    shared: &Arc<Shared>,
    future: F,
    location: &'static Location<'static>,
) -> F::Output {
    let traced = RootTrace::new::<F>(&shared.driver.tracer, location);
    let root = Arc::new(RootWaker {
        is_woken: AtomicBool::new(true),
        parker: Arc::new(Parker::new()),
        shared: shared.clone(),
    });
    let waker = waker_ref(&root);
    let mut entered = Vec::new();
    let mut future = pin!(future);
    let mut output = None;
    let poll = || {
        let mut traced = traced.start_poll(&waker);
        let mut cx = Context::from_waker(traced.waker(&waker));
        let polled = context::poll_root(&mut entered, || future.as_mut().poll(&mut cx));
        traced.end(polled.is_ready());
        polled.map(|ready| output = Some(ready)).is_ready()
    };
    let mut until = UntilReady { root: &root, poll };
    let waiting = QueueWaiter(&root);
    let mut was_polled = false;
    loop {
        if let Some(queue) = waiting.take_queue() {
            let mut worker = Worker::start(shared, 0, queue, shared.rng_seeds.next_rng());
            if was_polled {
                // This root was polled before, so `run` would park without a look at the driver.
                worker.poll_driver_if_due();
            }
            worker.run(&mut until);
            break;
        }
        if until.poll_done() {
            break;
        }
        was_polled = true;
        root.parker.park();
    }
    output.expect("the loop ends only when the root is ready")
}

/// A thread in `block_on` that waits for the queue until this is dropped, even by a panic.
struct QueueWaiter<'a>(&'a Arc<RootWaker>);

impl QueueWaiter<'_> {
    /// Takes the queue if no thread has it. Else this thread is unparked when it is put back.
    fn take_queue(&self) -> Option<LocalQueue> {
        let RootWaker { shared, parker, .. } = &**self.0;
        let mut core = shared.remotes[0].core.lock();
        let queue = core.queue.take();
        if queue.is_none() && !core.waiting.iter().any(|waiting| Arc::ptr_eq(waiting, parker)) {
            core.waiting.push(parker.clone());
        }
        queue
    }
}

impl Drop for QueueWaiter<'_> {
    fn drop(&mut self) {
        let RootWaker { shared, parker, .. } = &**self.0;
        shared.remotes[0].core.lock().waiting.retain(|waiting| !Arc::ptr_eq(waiting, parker));
    }
}
