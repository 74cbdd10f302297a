//! Random tasks and threads, for any length of time: nothing is lost, doubled, stuck or left behind.
//!
//! Each round has a world: a runtime, tasks of a dozen kinds, and threads outside that open gates, wake,
//! spawn, abort, join and drop. A round ends in one of three ways: all tasks complete; or the runtime is dropped with
//! tasks in it; or it is dropped while the threads continue to use it. Then everything that was counted must be gone.
//!
//! A wake-up that is lost stops a task, and so the round does not end; then a watchdog prints the state of the
//! runtime. But among many tasks, a worker that is parked beside a task in its queue is soon unparked for
//! another one, and finds both. So in every fourth round a single thread wakes one task at a time, while the
//! workers are about to park.
//!
//! ```text
//! OPENWORK_STRESS_SECONDS=600 cargo test --release --test stress -- --nocapture --test-threads=1
//! OPENWORK_STRESS_SEED=…      the same random numbers again; but the system schedules the threads
//! OPENWORK_STRESS_STAY=1      after a hang wait for a debugger
//! ```

mod gate;
mod random;
mod tasks;
mod threads;
mod together;
mod watchdog;
mod world;

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::{Duration, Instant};

use openwork::time::timeout;

use random::Random;
use watchdog::Watchdog;
use world::World;

/// The number of tests below.
const FLAVOURS: u32 = 5;

/// Threads outside of the runtime. With the workers these are more than the machine has cores, so that the
/// system preempts them anywhere.
const THREADS: usize = 3;

#[test]
fn one_thread_in_block_on_loses_nothing() {
    stress(None);
}

#[test]
fn one_worker_loses_nothing() {
    stress(Some(1));
}

#[test]
fn two_workers_lose_nothing() {
    stress(Some(2));
}

#[test]
fn four_workers_lose_nothing() {
    stress(Some(4));
}

#[test]
fn sixty_four_workers_lose_nothing() {
    stress(Some(64));
}

fn stress(workers: Option<usize>) {
    let (start, seed) = (Instant::now(), random::seed());
    println!("workers {workers:?}, OPENWORK_STRESS_SEED={seed}");
    let watchdog = Watchdog::new();
    let mut rounds = 0;
    while start.elapsed() < random::duration() / FLAVOURS {
        round(workers, seed, Random::new(seed + rounds), &watchdog);
        rounds += 1;
    }
    let events = watchdog.progress().load(SeqCst);
    println!("{rounds} rounds, {events} polls and the like, in {:?}", start.elapsed());
}

/// The course of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    /// One thread wakes one task at a time, and the workers park in between. Then all tasks complete.
    Lonely,
    /// All threads exit, and all tasks complete.
    Quiet,
    /// All threads exit, and the runtime is dropped with tasks in it.
    Early,
    /// The runtime is dropped while tasks and threads run.
    Sudden,
}

fn round(workers: Option<usize>, seed: u64, mut random: Random, watchdog: &Watchdog) {
    let canary = Arc::new(());
    let world = World::new(workers, seed, canary.clone(), watchdog.progress());
    watchdog.look_at(&world);
    let courses = [Course::Lonely, Course::Quiet, Course::Early, Course::Sudden];
    let course = courses[random.below(courses.len())];
    let length = Duration::from_millis(random.below(40) as u64);
    for _ in 0..4 {
        tasks::keep_gate(&world, &mut random);
        tasks::idle(&world);
    }
    let threads = if course == Course::Lonely { 1 } else { THREADS };
    world.threads.store(threads, SeqCst);
    thread::scope(|scope| {
        for _ in 0..threads {
            let (world, random) = (&world, random.fork());
            scope.spawn(move || match course {
                Course::Lonely => threads::wake_alone(world, random, length),
                _ => threads::meddle(world, random),
            });
        }
        let runtime = world.runtime.read().unwrap();
        let root = preside(&world, course, length, &mut random);
        runtime.as_ref().expect("it is taken below").block_on(root);
        drop(runtime);
        // The threads in `block_on` return first.
        let runtime = world.runtime.write().unwrap().take();
        world.ending.store(true, SeqCst);
        drop(runtime);
        if course != Course::Sudden {
            assert_eq!(world.objects.count(), 0, "{course:?}, {world}");
        }
        world.stopping.store(true, SeqCst);
    });
    world.assert_sound();
    assert_eq!(world.objects.count(), 0, "{course:?}, {world}");
    assert_eq!(world.tasks.load(SeqCst), 0);
    world.clear();
    assert_eq!(Arc::strong_count(&world), 1, "something still refers to {world}");
    drop(world);
    // A thread that has reported its exit may still drop what it owns.
    while Arc::strong_count(&canary) > 1 {
        thread::yield_now();
    }
}

/// The root future: it lasts as long as the round.
async fn preside(world: &Arc<World>, course: Course, length: Duration, random: &mut Random) {
    let start = Instant::now();
    // Not in a lonely round: this wakes a worker.
    while course != Course::Lonely && start.elapsed() < length {
        let _ = timeout(random.micros(2000), world.root.opened()).await;
    }
    if course == Course::Sudden {
        return;
    }
    if course != Course::Lonely {
        world.stopping.store(true, SeqCst);
    }
    while world.threads.load(SeqCst) > 0 {
        world.root.opened().await;
    }
    if course == Course::Early {
        return;
    }
    let gates = world.gates.lock().unwrap().clone();
    for gate in gates {
        gate.open(random);
    }
    let idlers = world.idlers.lock().unwrap().clone();
    for idler in idlers {
        world.abort(&idler);
    }
    while world.tasks.load(SeqCst) > 0 {
        world.root.opened().await;
    }
}
