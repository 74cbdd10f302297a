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

use std::pin::pin;
use std::sync::Arc;
use std::task::Context;

use futures_task::{ArcWake, waker_ref};

use super::context;
use super::park::Parker;
use super::prim::atomic::{AtomicBool, Ordering};
use super::queue::LocalQueue;
use super::scheduler::Shared;
use super::worker::{RunUntil, Worker};

/// The waker of a root future.
struct RootWaker {
    is_woken: AtomicBool,
    /// Where its thread parks while another thread is the worker.
    parker: Arc<Parker>,
    shared: Arc<Shared>,
}

impl ArcWake for RootWaker {
    fn wake_by_ref(root: &Arc<Self>) {
        // A swap, as in `State::wake`: a second wake publishes too.
        root.is_woken.swap(true, Ordering::AcqRel);
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
        // Acquire: as in `poll_done`.
        self.root.is_woken.load(Ordering::Acquire)
    }

    fn poll_done(&mut self) -> bool {
        // AcqRel: matches the swap in `wake_by_ref`; what was written before the wake is visible to the poll.
        self.root.is_woken.swap(false, Ordering::AcqRel) && (self.poll)()
    }
}

/// Runs a future to its end, and the tasks of a current-thread runtime meanwhile. The caller has entered the runtime.
pub(crate) fn block_on<F: Future>(shared: &Arc<Shared>, future: F) -> F::Output {
    let root = Arc::new(RootWaker {
        is_woken: AtomicBool::new(true),
        parker: Arc::new(Parker::new()),
        shared: shared.clone(),
    });
    let waker = waker_ref(&root);
    let mut cx = Context::from_waker(&waker);
    let mut entered = Vec::new();
    let mut future = pin!(future);
    let mut output = None;
    let poll = || {
        let polled = context::poll_root(&mut entered, || future.as_mut().poll(&mut cx));
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
    drop(waiting);
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
