//! One future on its caller's stack, and the tasks beside it.
//!
//! The future that `block_on` is given need not be `Send`, and lives on the stack of its caller; so it is
//! no task, and stands in no line. It is the **root**: the goal for which the worker of a current-thread
//! runtime works, polled once a round if it was woken.
//!
//! That worker is whoever is in `block_on`, and several threads may be. One of them has the **post** and
//! runs the loop, with the line that belongs to the post. The others poll their own roots, sleep in their
//! parkers meanwhile, and are woken to take the post when it becomes vacant.
//!
//! Next: `threads.rs`, the workers of a multi-thread runtime.

use std::pin::pin;
use std::sync::Arc;
use std::task::Context;

use futures_task::{ArcWake, waker_ref};

use super::context;
use super::park::Parker;
use super::prim::Mutex;
use super::prim::atomic::{AtomicBool, Ordering};
use super::queue::Line;
use super::shared::Shared;
use super::worker::{Goal, Worker};

/// What wakes the future that `block_on` runs.
struct Root {
    woken: AtomicBool,
    /// Where its thread sleeps while another one works.
    parker: Parker,
    shared: Arc<Shared>,
}

impl Root {
    fn take_woken(&self) -> bool {
        // AcqRel: matches the swap in `wake_by_ref`; what was written before the wake is seen by the poll.
        self.woken.swap(false, Ordering::AcqRel)
    }
}

impl ArcWake for Root {
    fn wake_by_ref(root: &Arc<Self>) {
        // A swap, as in `State::update`: a second wake publishes too.
        root.woken.swap(true, Ordering::AcqRel);
        root.parker.unpark();
        if !root.shared.is_own_worker() {
            root.shared.call(0);
        }
    }
}

/// The root as a worker sees it.
struct UntilReady<'a, P> {
    root: &'a Root,
    poll: P,
}

impl<P: FnMut() -> bool> Goal for UntilReady<'_, P> {
    fn is_called(&self) -> bool {
        // Acquire: as in `take_woken`, which comes next.
        self.root.woken.load(Ordering::Acquire)
    }

    fn is_reached(&mut self) -> bool {
        self.root.take_woken() && (self.poll)()
    }
}

/// The one worker's post of a current-thread runtime.
pub(crate) struct Post(Mutex<State>);

struct State {
    /// The worker's line while nobody works. None: the post is taken.
    vacant: Option<Line>,
    /// Those in `block_on` who did not get it.
    candidates: Vec<Arc<Root>>,
}

impl Post {
    pub(crate) fn new() -> Self {
        Post(Mutex::new(State { vacant: Some(Line::alone()), candidates: Vec::new() }))
    }

    /// Runs a future to its end, and the runtime's tasks meanwhile. The caller has entered the runtime.
    pub(crate) fn block_on<F: Future>(&self, shared: &Arc<Shared>, future: F) -> F::Output {
        let root = Arc::new(Root {
            woken: AtomicBool::new(true),
            parker: Parker::new(),
            shared: shared.clone(),
        });
        let waker = waker_ref(&root);
        let mut cx = Context::from_waker(&waker);
        let mut entered = Vec::new();
        let mut future = pin!(future);
        let mut output = None;
        let poll = || {
            let poll = context::poll_root(&mut entered, || future.as_mut().poll(&mut cx));
            poll.map(|ready| output = Some(ready)).is_ready()
        };
        let mut goal = UntilReady { root: &root, poll };
        let mut candidate = Candidate { post: self, root: &root, line: None };
        let mut is_pending = false;
        loop {
            if let Some(line) = candidate.apply() {
                let mut worker = Worker::start(shared, 0, line);
                if is_pending {
                    // `work` polls the driver after its first poll of the root; this root has had that poll,
                    // and the thread that had the post need not have polled the driver since.
                    worker.glance();
                }
                worker.work(&mut goal);
                break;
            }
            if goal.is_reached() {
                break;
            }
            is_pending = true;
            root.parker.park();
        }
        output.expect("both ways out are that the root is ready")
    }

    /// The runtime has ended: the tasks in line are done.
    pub(crate) fn close(&self) {
        let line = self.0.lock().vacant.take();
        drop(line);
    }
}

/// One thread in `block_on`. It leaves the post when it is dropped, also by a panic.
struct Candidate<'a> {
    post: &'a Post,
    root: &'a Arc<Root>,
    /// The worker's line, if it got the post.
    line: Option<Line>,
}

impl Candidate<'_> {
    /// Takes the post if it is vacant; else stands among the candidates, and is unparked when it may be.
    fn apply(&mut self) -> Option<&mut Line> {
        let mut state = self.post.0.lock();
        self.line = state.vacant.take();
        if self.line.is_none() && !state.candidates.iter().any(|root| Arc::ptr_eq(root, self.root))
        {
            state.candidates.push(self.root.clone());
        }
        self.line.as_mut()
    }
}

impl Drop for Candidate<'_> {
    fn drop(&mut self) {
        let mut state = self.post.0.lock();
        state.candidates.retain(|root| !Arc::ptr_eq(root, self.root));
        let Some(line) = self.line.take() else { return };
        state.vacant = Some(line);
        // All of them, and not just the first: that one may be in the midst of a long poll, or about to
        // leave, and the others would sleep beside a vacant post.
        let candidates = state.candidates.clone();
        drop(state);
        for root in candidates {
            root.parker.unpark();
        }
    }
}
