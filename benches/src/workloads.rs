//! The workloads of Tokio's own scheduler benchmarks, and two more.
//!
//! Counts and shapes are those of `benches/rt_multi_threaded.rs` and `benches/rt_current_thread.rs` in Tokio's
//! repository, except that the default is 2 workers instead of 4. The workloads that Tokio runs only on the
//! multi-thread runtime run on a current-thread runtime too. `fork_join` and `block_on_spawn_join` are our own.
//!
//! [`prepare`] does the work that is not measured and returns a closure: one iteration, which is repeated and
//! timed.
//!
//! Next: `transfers.rs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use crate::finish::Finish;
use crate::rt::{Flavour, Rt};

/// Tasks that yield, and the yields of each; Tokio's figures.
const YIELDING_TASKS: usize = 200;
const YIELDS: usize = 1_000;

/// Pairs of tasks that exchange two messages; Tokio's figure.
const PINGS: usize = 1_000;

/// Length of a chain of tasks in which each task spawns the next; Tokio's figure.
const CHAIN: usize = 1_000;

/// Depth of a tree of tasks in which each task joins its two children: 1,024 leaves, 2,047 tasks. Arbitrary.
const TREE_DEPTH: usize = 10;

/// How long a background task occupies its worker in one poll; Tokio's figure.
const STALL: Duration = Duration::from_micros(10);

/// Tasks that a `spawn_many` workload spawns; Tokio's figures.
fn many(flavour: Flavour) -> usize {
    match flavour {
        Flavour::MultiThread => 10_000,
        Flavour::CurrentThread => 1_000,
    }
}

/// The same for `busy2`, in which a spawn takes longer; Tokio's figure.
const MANY_IN_BUSY2: usize = 1_000;

/// A row of the tables `scheduler` and `busy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workload {
    SpawnManyLocal,
    SpawnManyRemoteIdle,
    SpawnManyRemoteBusy,
    SpawnManyRemoteBusy1,
    SpawnManyRemoteBusy2,
    YieldMany,
    PingPong,
    ChainedSpawn,
    ForkJoin,
    BlockOnSpawnJoin,
}

impl Workload {
    /// The rows of the table `scheduler`.
    pub const SCHEDULER: [Workload; 7] = [
        Workload::SpawnManyLocal,
        Workload::SpawnManyRemoteIdle,
        Workload::YieldMany,
        Workload::PingPong,
        Workload::ChainedSpawn,
        Workload::ForkJoin,
        Workload::BlockOnSpawnJoin,
    ];

    /// The rows of the table `busy`. Tokio has the first for one thread only.
    pub fn busy(flavour: Flavour) -> &'static [Workload] {
        const BUSY: [Workload; 3] = [
            Workload::SpawnManyRemoteBusy,
            Workload::SpawnManyRemoteBusy1,
            Workload::SpawnManyRemoteBusy2,
        ];
        match flavour {
            Flavour::MultiThread => &BUSY[1..],
            Flavour::CurrentThread => &BUSY,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Workload::SpawnManyLocal => "spawn_many_local",
            Workload::SpawnManyRemoteIdle => "spawn_many_remote_idle",
            Workload::SpawnManyRemoteBusy => "spawn_many_remote_busy",
            Workload::SpawnManyRemoteBusy1 => "spawn_many_remote_busy1",
            Workload::SpawnManyRemoteBusy2 => "spawn_many_remote_busy2",
            Workload::YieldMany => "yield_many",
            Workload::PingPong => "ping_pong",
            Workload::ChainedSpawn => "chained_spawn",
            Workload::ForkJoin => "fork_join",
            Workload::BlockOnSpawnJoin => "block_on_spawn_join",
        }
    }

    pub fn parse(name: &str) -> Option<Workload> {
        let mut all = Self::SCHEDULER.iter().chain(Self::busy(Flavour::CurrentThread));
        all.find(|workload| workload.name() == name).copied()
    }
}

/// One iteration of a workload. The measurement repeats it.
pub type Iteration<'a> = Box<dyn FnMut() + 'a>;

/// Sets up a workload on a runtime.
pub fn prepare<R: Rt>(workload: Workload, flavour: Flavour, rt: &R) -> Iteration<'_> {
    match (workload, flavour) {
        (Workload::SpawnManyLocal, Flavour::MultiThread) => spawn_and_count(rt, flavour),
        (Workload::SpawnManyLocal, Flavour::CurrentThread) => spawn_and_join(rt, flavour),
        (Workload::SpawnManyRemoteIdle, _) => spawn_from_outside(rt, many(flavour), None),
        (Workload::SpawnManyRemoteBusy, _) => {
            spawn_from_outside(rt, many(flavour), Some(Background::chains(rt, 1, || ())))
        }
        (Workload::SpawnManyRemoteBusy1, _) => {
            let tasks = 2 * flavour.threads();
            spawn_from_outside(rt, many(flavour), Some(Background::yielding(rt, tasks)))
        }
        (Workload::SpawnManyRemoteBusy2, _) => {
            let chains = Background::chains(rt, flavour.threads(), stall);
            spawn_from_outside(rt, MANY_IN_BUSY2, Some(chains))
        }
        (Workload::YieldMany, _) => yield_many(rt, flavour),
        (Workload::PingPong, _) => ping_pong(rt, flavour),
        (Workload::ChainedSpawn, _) => chained_spawn(rt, flavour),
        (Workload::ForkJoin, _) => fork_join(rt),
        (Workload::BlockOnSpawnJoin, _) => block_on_spawn_join(rt),
    }
}

/// The root future spawns tasks that decrement a counter. The last task signals the end.
fn spawn_and_count<R: Rt>(rt: &R, flavour: Flavour) -> Iteration<'_> {
    let finish = Finish::new(flavour, 1);
    let left = Arc::new(AtomicUsize::new(0));
    Box::new(move || {
        left.store(many(flavour), Relaxed);
        rt.block_on(async {
            for _ in 0..many(flavour) {
                let (finish, left) = (finish.clone(), left.clone());
                R::detach(R::spawn(async move { count_down(&left, &finish) }));
            }
            finish.wait(1).await;
        });
    })
}

fn count_down(left: &AtomicUsize, finish: &Finish) {
    if left.fetch_sub(1, Relaxed) == 1 {
        finish.signal();
    }
}

/// The root future spawns tasks and joins them.
fn spawn_and_join<R: Rt>(rt: &R, flavour: Flavour) -> Iteration<'_> {
    let mut tasks = Vec::with_capacity(many(flavour));
    Box::new(move || {
        rt.block_on(async {
            tasks.extend((0..many(flavour)).map(|_| R::spawn(async {})));
            for task in tasks.drain(..) {
                R::join(task).await;
            }
        });
    })
}

/// A thread outside the runtime spawns tasks and then joins them.
fn spawn_from_outside<R: Rt>(
    rt: &R,
    number: usize,
    background: Option<Background>,
) -> Iteration<'_> {
    let mut tasks = Vec::with_capacity(number);
    Box::new(move || {
        // The closure owns the background tasks, so that they run until the last iteration.
        let _background = &background;
        tasks.extend((0..number).map(|_| rt.spawn_from_outside(async {})));
        rt.block_on(async {
            for task in tasks.drain(..) {
                R::join(task).await;
            }
        });
    })
}

/// Tasks that keep the runtime busy until this value is dropped.
struct Background {
    running: Arc<AtomicBool>,
}

impl Drop for Background {
    fn drop(&mut self) {
        self.running.store(false, Relaxed);
    }
}

impl Background {
    fn new() -> Background {
        Background { running: Arc::new(AtomicBool::new(true)) }
    }

    /// Tasks that compute and yield.
    fn yielding<R: Rt>(rt: &R, tasks: usize) -> Background {
        let background = Self::new();
        for _ in 0..tasks {
            let running = background.running.clone();
            R::detach(rt.spawn_from_outside(async move {
                while running.load(Relaxed) {
                    R::yield_now().await;
                    stall();
                }
            }));
        }
        background
    }

    /// Tasks that compute, spawn the next task, and end.
    fn chains<R: Rt>(rt: &R, chains: usize, work: fn()) -> Background {
        let background = Self::new();
        for _ in 0..chains {
            let running = background.running.clone();
            R::detach(rt.spawn_from_outside(async move { next_of_chain::<R>(running, work) }));
        }
        background
    }
}

fn next_of_chain<R: Rt>(running: Arc<AtomicBool>, work: fn()) {
    R::detach(R::spawn(async move {
        if running.load(Relaxed) {
            work();
            next_of_chain::<R>(running, work);
        }
    }));
}

/// Occupies the thread, but yields the core to other threads.
fn stall() {
    let begin = Instant::now();
    while begin.elapsed() < STALL {
        thread::yield_now();
    }
}

fn yield_many<R: Rt>(rt: &R, flavour: Flavour) -> Iteration<'_> {
    let finish = Finish::new(flavour, YIELDING_TASKS);
    Box::new(move || {
        for _ in 0..YIELDING_TASKS {
            let finish = finish.clone();
            R::detach(rt.spawn_from_outside(async move {
                for _ in 0..YIELDS {
                    R::yield_now().await;
                }
                finish.signal();
            }));
        }
        rt.block_on(finish.wait(YIELDING_TASKS));
    })
}

fn ping_pong<R: Rt>(rt: &R, flavour: Flavour) -> Iteration<'_> {
    let finish = Finish::new(flavour, 1);
    let left = Arc::new(AtomicUsize::new(0));
    Box::new(move || {
        let (pairs_finish, pairs_left) = (finish.clone(), left.clone());
        left.store(PINGS, Relaxed);
        rt.block_on(async {
            R::detach(R::spawn(async move {
                for _ in 0..PINGS {
                    let (finish, left) = (pairs_finish.clone(), pairs_left.clone());
                    R::detach(R::spawn(async move {
                        ping::<R>().await;
                        count_down(&left, &finish);
                    }));
                }
            }));
            finish.wait(1).await;
        });
    })
}

/// Sends a message to a new task and awaits the answer.
async fn ping<R: Rt>() {
    let (question, asked) = R::oneshot();
    let (answer, answered) = R::oneshot();
    R::detach(R::spawn(async move {
        R::receive(asked).await;
        R::send(answer);
    }));
    R::send(question);
    R::receive(answered).await;
}

fn chained_spawn<R: Rt>(rt: &R, flavour: Flavour) -> Iteration<'_> {
    let finish = Finish::new(flavour, 1);
    Box::new(move || {
        let first = finish.clone();
        rt.block_on(async {
            R::detach(R::spawn(async move { chain::<R>(first, CHAIN) }));
            finish.wait(1).await;
        });
    })
}

fn chain<R: Rt>(finish: Arc<Finish>, length: usize) {
    if length == 0 {
        return finish.signal();
    }
    R::detach(R::spawn(async move { chain::<R>(finish, length - 1) }));
}

fn fork_join<R: Rt>(rt: &R) -> Iteration<'_> {
    Box::new(move || {
        let leaves = rt.block_on(async { R::join(fork::<R>(TREE_DEPTH)).await });
        assert_eq!(leaves, 1 << TREE_DEPTH);
    })
}

/// A tree of tasks that counts its leaves.
fn fork<R: Rt>(depth: usize) -> R::Join<usize> {
    R::spawn(async move {
        if depth == 0 {
            return 1;
        }
        let (left, right) = (fork::<R>(depth - 1), fork::<R>(depth - 1));
        R::join(left).await + R::join(right).await
    })
}

fn block_on_spawn_join<R: Rt>(rt: &R) -> Iteration<'_> {
    Box::new(move || rt.block_on(async { R::join(R::spawn(async {})).await }))
}
