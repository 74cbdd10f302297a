//! One runtime, and everything that the tests know about its tasks.

use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;
use std::future::Future;
use std::io::{self, Write};
use std::panic;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, RwLock};
use std::task::{Context, Poll, Waker, ready};
use std::thread;

use openwork::runtime::{Builder, Handle, Runtime};
use openwork::task::{AbortHandle, Id, JoinError, JoinHandle};

use crate::gate::Gate;
use crate::random::Random;

/// Threads for blocking work. Few, so that closures have to wait.
const BLOCKING: usize = 4;

pub struct World {
    pub flavour: &'static str,
    pub seed: u64,
    /// `None`: it was dropped. A thread in `block_on` holds the lock for reading.
    pub runtime: RwLock<Option<Runtime>>,
    pub handle: Handle,
    /// Tasks and messages that are not dropped.
    pub objects: Objects,
    pub tasks: AtomicUsize,
    /// Each has a keeper, or had one.
    pub gates: Mutex<Vec<Arc<Gate>>>,
    /// Tasks that end only if they are aborted.
    pub idlers: Mutex<Vec<AbortHandle>>,
    /// Opened when a thread exits, and when the last task is dropped.
    pub root: Gate,
    pub threads: AtomicUsize,
    /// All tasks and threads shall end.
    pub stopping: AtomicBool,
    /// The runtime is being dropped: tasks may be cancelled now without an abort.
    pub ending: AtomicBool,
    /// Tasks that any thread may abort.
    pub aborts: Mutex<Vec<AbortHandle>>,
    aborted: Mutex<HashSet<Id>>,
    /// Tasks that complete by themselves and can be awaited, with the output that they must return.
    pub joins: Mutex<Vec<(u64, JoinHandle<u64>)>>,
    /// Wakers of tasks that are never ready.
    pub wakers: Mutex<Vec<Waker>>,
    /// Shared with the watchdog.
    progress: Arc<AtomicU64>,
    tickets: AtomicU64,
    /// A task failed an assertion. Its message was printed where it happened.
    failed: AtomicBool,
}

impl World {
    /// Its runtime drops `canary` when nothing is left of it.
    pub fn new(
        workers: Option<usize>,
        seed: u64,
        canary: Arc<()>,
        progress: Arc<AtomicU64>,
    ) -> Arc<World> {
        let mut builder = match workers {
            None => Builder::new_current_thread(),
            Some(_) => Builder::new_multi_thread(),
        };
        let runtime = builder
            .worker_threads(workers.unwrap_or(1))
            .max_blocking_threads(BLOCKING)
            .on_thread_start(move || drop(canary.clone()))
            .build()
            .unwrap();
        Arc::new(World {
            flavour: if workers.is_none() { "current-thread" } else { "multi-thread" },
            seed,
            handle: runtime.handle().clone(),
            runtime: RwLock::new(Some(runtime)),
            objects: Objects::default(),
            tasks: AtomicUsize::new(0),
            gates: Mutex::default(),
            idlers: Mutex::default(),
            root: Gate::default(),
            threads: AtomicUsize::new(0),
            stopping: AtomicBool::new(false),
            ending: AtomicBool::new(false),
            aborts: Mutex::default(),
            aborted: Mutex::default(),
            joins: Mutex::default(),
            wakers: Mutex::default(),
            progress,
            tickets: AtomicU64::new(0),
            failed: AtomicBool::new(false),
        })
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.load(SeqCst)
    }

    /// Something happened.
    pub fn moved(&self) {
        self.progress.fetch_add(1, SeqCst);
    }

    /// Spawns a supervised task. Its output is its ticket, which is the first part of what this returns.
    pub fn spawn<F>(self: &Arc<Self>, future: F) -> (u64, JoinHandle<u64>)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (ticket, future) = self.supervised(future);
        (ticket, self.handle.spawn(future))
    }

    /// Returns a supervised task's ticket and future, to be spawned in another way.
    pub fn supervised<F>(
        self: &Arc<Self>,
        future: F,
    ) -> (u64, impl Future<Output = u64> + Send + use<F>)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let ticket = self.tickets.fetch_add(1, SeqCst);
        self.tasks.fetch_add(1, SeqCst);
        self.moved();
        let supervised = Supervised {
            world: self.clone(),
            future: Some(Box::pin(future)),
            ticket,
            in_use: AtomicBool::new(false),
            _object: self.objects.another(),
        };
        (ticket, supervised)
    }

    /// Notes that a task may be cancelled from now on, and aborts it.
    pub fn abort(&self, task: &AbortHandle) {
        self.aborted.lock().unwrap().insert(task.id());
        task.abort();
    }

    /// The round ends: drops all handles, wakers and gates.
    pub fn clear(&self) {
        self.joins.lock().unwrap().clear();
        self.aborts.lock().unwrap().clear();
        self.idlers.lock().unwrap().clear();
        self.wakers.lock().unwrap().clear();
        self.gates.lock().unwrap().clear();
    }

    /// Takes one at random.
    pub fn take<T>(list: &Mutex<Vec<T>>, random: &mut Random) -> Option<T> {
        let mut list = list.lock().unwrap();
        if list.is_empty() {
            return None;
        }
        let place = random.below(list.len());
        Some(list.swap_remove(place))
    }

    /// A task returns its ticket, unless it was aborted or panicked.
    pub fn check_join(&self, ticket: u64, id: Id, outcome: Result<u64, JoinError>) {
        match outcome {
            Ok(answer) => assert_eq!(answer, ticket, "the answer of another task"),
            Err(error) if error.is_panic() => {
                let panic = error.into_panic();
                assert!(panic.is::<Deliberate>(), "a task panicked");
            }
            Err(_) => assert!(
                self.aborted.lock().unwrap().contains(&id) || self.ending.load(SeqCst),
                "cancelled without an abort"
            ),
        }
    }

    /// Panics if a task did.
    pub fn assert_sound(&self) {
        assert!(!self.failed.load(SeqCst), "a task failed an assertion, see above ({self})");
    }

    /// Prints the state of a runtime in which nothing happens. Straight to the terminal: the harness shows the
    /// output of a test when the test ends, and this one will not.
    pub fn print(&self) {
        let mut out = io::stderr().lock();
        let _ = writeln!(out, "{self}\nroot: {}", self.root.describe());
        for gate in self.gates.lock().iter().flat_map(|gates| gates.iter()) {
            let _ = writeln!(out, "gate: {}", gate.describe());
        }
        let metrics = self.handle.metrics();
        let _ = writeln!(out, "{metrics:?}");
        for worker in 0..metrics.num_workers() {
            let _ = writeln!(
                out,
                "worker {worker}: {} polls, {} steals, {} parks, {} tasks in the queue",
                metrics.worker_poll_count(worker),
                metrics.worker_steal_count(worker),
                metrics.worker_park_count(worker),
                metrics.worker_local_queue_depth(worker),
            );
        }
        for task in self.handle.tasks() {
            let _ = writeln!(out, "{task:?}");
        }
    }
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let World { flavour, seed, .. } = self;
        let workers = self.handle.metrics().num_workers();
        let (tasks, threads) = (self.tasks.load(SeqCst), self.threads.load(SeqCst));
        let objects = self.objects.count();
        let (stopping, ending) = (self.is_stopping(), self.ending.load(SeqCst));
        write!(
            f,
            "{flavour}, {workers} workers, OPENWORK_STRESS_SEED={seed}: {tasks} tasks, {threads} threads, \
             {objects} objects, stopping {stopping}, ending {ending}"
        )
    }
}

thread_local! {
    static DELIBERATE: Cell<bool> = const { Cell::new(false) };
}

/// What a task panics with on purpose.
#[derive(Debug)]
pub struct Deliberate;

impl Deliberate {
    /// Panics without a message.
    pub fn panic() -> ! {
        DELIBERATE.set(true);
        panic::resume_unwind(Box::new(Deliberate))
    }
}

/// Counts objects that are not dropped.
#[derive(Clone, Default)]
pub struct Objects(Arc<()>);

impl Objects {
    pub fn count(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }

    /// A new object. It counts until it is dropped.
    pub fn another(&self) -> Object {
        Object { _counted: self.0.clone() }
    }
}

/// One of [`Objects`]; so is its clone.
#[derive(Clone)]
pub struct Object {
    _counted: Arc<()>,
}

/// A task's future, watched: used by one thread at a time, never polled after its end, dropped once.
struct Supervised {
    world: Arc<World>,
    future: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    ticket: u64,
    in_use: AtomicBool,
    _object: Object,
}

impl Future for Supervised {
    type Output = u64;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<u64> {
        let Supervised { world, future, ticket, in_use, .. } = &mut *self;
        let _use = Use::begin(world, in_use);
        world.moved();
        let pinned = future.as_mut().expect("polled after its end");
        ready!(pinned.as_mut().poll(cx));
        *future = None;
        Poll::Ready(*ticket)
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        let Supervised { world, future, ticket, in_use, .. } = self;
        let _use = Use::begin(world, in_use);
        *future = None;
        world.moved();
        if world.tasks.fetch_sub(1, SeqCst) == 1 {
            world.root.open(&mut Random::new(*ticket));
        }
    }
}

/// One thread uses a future. Notes a panic that begins meanwhile.
struct Use<'a> {
    world: &'a World,
    in_use: &'a AtomicBool,
    /// The thread unwinds already: a future that panics in its poll is dropped before the panic is caught.
    unwinding: bool,
}

impl<'a> Use<'a> {
    fn begin(world: &'a World, in_use: &'a AtomicBool) -> Self {
        assert!(!in_use.swap(true, SeqCst), "two threads use one future");
        Use { world, in_use, unwinding: thread::panicking() }
    }
}

impl Drop for Use<'_> {
    fn drop(&mut self) {
        self.in_use.store(false, SeqCst);
        if thread::panicking() && !self.unwinding && !DELIBERATE.take() {
            self.world.failed.store(true, SeqCst);
        }
    }
}
