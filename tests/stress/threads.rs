//! What the threads outside of the runtime do.

use std::future::Future;
use std::hint;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use openwork::sync::oneshot;
use openwork::task::yield_now;

use crate::random::Random;
use crate::tasks::{
    abort_one, any, block, idle, keep_gate, nap, open_one, pick, visit, yield_often,
};
use crate::together;
use crate::world::World;

/// More tasks than this are not spawned from outside: the workers could not keep up.
const ENOUGH_TASKS: usize = 300;

/// How many tasks meet, at most.
const MEET: usize = 4;

/// One thread, until the round ends.
pub fn meddle(world: &Arc<World>, mut random: Random) {
    while !world.is_stopping() {
        world.moved();
        match random.below(20) {
            // Mostly too little happens for the workers to stay awake: a wake-up is lost, if at all, while a worker
            // parks.
            0..5 => thread::sleep(random.micros(300)),
            5..9 => open_and_wait(world, &mut random),
            9 => open_one(world, &mut random),
            10 => drop(pick(world, &mut random).inspect(|gate| gate.poke())),
            11 => wake_an_idler(world, &mut random),
            12 | 13 => spawn(world, &mut random),
            14 => abort_one(world, &mut random),
            15 => drop(World::take(&world.joins, &mut random)),
            16 => join(world, &mut random),
            17 => call(world),
            18 => block_on(world, &mut random),
            _ => look(world),
        }
    }
    world.threads.fetch_sub(1, SeqCst);
    world.root.open(&mut random);
}

/// One thread alone, for some time: it gives one thing to do to a runtime that is about to park, and waits until
/// that is done. As nothing else happens, no other wake can repair a lost one.
pub fn wake_alone(world: &Arc<World>, mut random: Random, length: Duration) {
    let start = Instant::now();
    while start.elapsed() < length {
        world.moved();
        let (now, moment) = (Instant::now(), random.micros(40));
        while now.elapsed() < moment {
            hint::spin_loop();
        }
        match random.below(11) {
            0 => call(world),
            6 => meet(world, &mut random),
            7 | 8 => join_new(world, together::any(world, &mut random, 0)),
            1 => join_new(world, nap(random.fork())),
            2 => join_new(world, yield_often(random.fork())),
            3 => join_new(world, block(world.clone(), random.fork())),
            4 => {
                let opening = world.root.open(&mut random);
                wait_until(&mut random, || world.root.is_answered(opening));
            }
            5 => {
                idle(world);
                let idler = world.idlers.lock().unwrap().pop().expect("no other thread takes one");
                world.abort(&idler);
                wait_until(&mut random, || idler.is_finished());
            }
            _ => open_and_wait(world, &mut random),
        }
    }
    world.stopping.store(true, SeqCst);
    world.threads.fetch_sub(1, SeqCst);
    world.root.open(&mut random);
}

/// Tasks that block their threads until all of them run: while one worker is blocked, another must steal from
/// its queue. This is not promised for more tasks than workers.
fn meet(world: &Arc<World>, random: &mut Random) {
    let party = 1 + random.below(world.handle.metrics().num_workers().min(MEET));
    let barrier = Arc::new(Barrier::new(party));
    let tasks = (0..party).map(|_| {
        let (barrier, world, mut random) = (barrier.clone(), world.clone(), random.fork());
        world.clone().spawn(async move {
            for _ in 0..random.below(4) {
                yield_now().await;
            }
            barrier.wait();
            world.moved();
        })
    });
    for (ticket, task) in tasks.collect::<Vec<_>>() {
        let id = task.id();
        world.check_join(ticket, id, world.handle.block_on(task));
    }
}

fn join_new(world: &Arc<World>, future: impl Future<Output = ()> + Send + 'static) {
    let (ticket, task) = world.spawn(future);
    let id = task.id();
    world.check_join(ticket, id, world.handle.block_on(task));
}

fn wait_until(random: &mut Random, condition: impl Fn() -> bool) {
    while !condition() {
        if random.one_in(2) {
            thread::yield_now()
        } else {
            thread::sleep(Duration::from_micros(20))
        }
    }
}

/// Opens a gate, and continues only after its task has seen that: no later wake can hide a lost one.
fn open_and_wait(world: &Arc<World>, random: &mut Random) {
    let Some(gate) = pick(world, random) else { return };
    let opening = gate.open(random);
    wait_until(random, || gate.is_answered(opening));
    // Its task may be gone.
    if gate.is_answered(u64::MAX) {
        world.gates.lock().unwrap().retain(|other| !Arc::ptr_eq(other, &gate));
        keep_gate(world, random);
    }
}

fn wake_an_idler(world: &Arc<World>, random: &mut Random) {
    match World::take(&world.wakers, random) {
        None if world.idlers.lock().unwrap().len() < 16 => idle(world),
        None => {}
        Some(waker) => match random.below(4) {
            0 => drop(waker),
            1 => waker.wake(),
            2 => {
                waker.wake_by_ref();
                waker.wake();
            }
            _ => {
                let clone = waker.clone();
                drop(waker);
                clone.wake();
            }
        },
    }
}

fn spawn(world: &Arc<World>, random: &mut Random) {
    if world.tasks.load(SeqCst) > ENOUGH_TASKS {
        return;
    }
    let (ticket, task) = world.spawn(any(world, random, 2));
    match random.below(3) {
        0 => drop(task),
        1 => world.abort(&task.abort_handle()),
        _ => {
            world.aborts.lock().unwrap().push(task.abort_handle());
            world.joins.lock().unwrap().push((ticket, task));
        }
    }
}

/// Awaits a task from outside.
fn join(world: &World, random: &mut Random) {
    if let Some((ticket, task)) = World::take(&world.joins, random) {
        let id = task.id();
        let outcome = world.handle.block_on(task);
        world.check_join(ticket, id, outcome);
    }
}

/// A message to a task, and one back.
fn call(world: &Arc<World>) {
    let (ask, question) = oneshot::channel();
    let (answer, response) = oneshot::channel();
    world.spawn(async move {
        if let Ok(number) = question.await {
            let _ = answer.send(number);
        }
    });
    let _ = ask.send(7);
    match response.blocking_recv() {
        Ok(number) => assert_eq!(number, 7),
        Err(_) => assert!(world.ending.load(SeqCst), "nothing could have aborted it"),
    }
}

/// Runs `block_on`; on a current-thread runtime this thread may drive the runtime.
fn block_on(world: &Arc<World>, random: &mut Random) {
    if let Some(runtime) = &*world.runtime.read().unwrap() {
        runtime.block_on(visit(world, random.fork()));
    }
}

/// Reads the metrics while they change.
fn look(world: &World) {
    let tasks = world.handle.tasks();
    assert!(tasks.iter().all(|task| !task.future.is_empty()));
    let metrics = world.handle.metrics();
    assert!(metrics.num_workers() > 0);
}
