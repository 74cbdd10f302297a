//! What the tasks do.
//!
//! All but two kinds complete by themselves, whatever is aborted around them. The two are the keepers of gates,
//! and the tasks that are never ready.

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use openwork::sync::{mpsc, oneshot};
use openwork::task::yield_now;
use openwork::time::{sleep, timeout};

use crate::gate::{Gate, Keeper};
use crate::random::Random;
use crate::together;
use crate::world::{Deliberate, Object, World};

/// The limit of the wakers that are kept for other threads.
const KEPT_WAKERS: usize = 64;

pub type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Work of any kind that completes by itself. Its tasks spawn tasks, down to `depth`.
pub fn any(world: &Arc<World>, random: &mut Random, depth: usize) -> Work {
    let (world, mut random) = (world.clone(), random.fork());
    match random.below(if depth == 0 { 6 } else { 16 }) {
        0 => Box::pin(nap(random)),
        1 => Box::pin(hurry(random)),
        2 => Box::pin(yield_often(random)),
        3 => Box::pin(block(world, random)),
        4 => Box::pin(end_itself(world)),
        5 => Box::pin(async { Deliberate::panic() }),
        6 | 7 => Box::pin(join_children(world, random, depth)),
        8 => Box::pin(ask(world, random)),
        9 | 10 => Box::pin(stream(world, random)),
        11..15 => together::any(&world, &mut random, depth),
        _ => Box::pin(leave_a_will(world, random, depth)),
    }
}

/// Timers: none fires early.
pub async fn nap(mut random: Random) {
    for _ in 0..=random.below(3) {
        let (start, duration) = (Instant::now(), random.micros(400));
        sleep(duration).await;
        assert!(start.elapsed() >= duration, "a sleep of {duration:?} was over early");
    }
}

/// Time-outs: what cannot be ready is not.
async fn hurry(mut random: Random) {
    for _ in 0..=random.below(3) {
        let limit = random.micros(300);
        match random.below(3) {
            0 => assert!(timeout(limit, pending::<()>()).await.is_err()),
            1 => drop(timeout(limit, sleep(random.micros(300))).await),
            _ => drop(timeout(limit, yield_often(random.fork())).await),
        }
    }
}

/// Wakes itself, for more than one tick of the worker.
pub async fn yield_often(mut random: Random) {
    for _ in 0..random.below(150) {
        yield_now().await;
    }
}

/// Blocking threads, and wakes from them.
pub async fn block(world: Arc<World>, mut random: Random) {
    let ticket = random.next();
    let job = {
        let (world, object, mut random) = (world.clone(), world.objects.another(), random.fork());
        move || {
            thread::sleep(random.micros(200));
            open_one(&world, &mut random);
            drop(object);
            ticket
        }
    };
    let job = world.handle.spawn_blocking(job);
    if random.one_in(4) {
        world.abort(&job.abort_handle());
    }
    if random.one_in(3) {
        world.aborts.lock().unwrap().push(job.abort_handle());
    }
    let id = job.id();
    if random.one_in(8) {
        return;
    }
    let outcome = job.await;
    world.check_join(ticket, id, outcome);
}

/// A task that aborts itself does not continue after its next wait.
async fn end_itself(world: Arc<World>) {
    let (send, receive) = oneshot::channel();
    let inner = world.clone();
    let (_, task) = world.spawn(async move {
        let Ok(me) = receive.await else { return };
        inner.abort(&me);
        yield_now().await;
        unreachable!("it was aborted by itself");
    });
    let sent = send.send(task.abort_handle()).is_ok();
    let outcome = task.await;
    if sent {
        assert!(outcome.unwrap_err().is_cancelled());
    }
}

/// Children that are joined, joined with time-outs, aborted, or detached.
async fn join_children(world: Arc<World>, mut random: Random, depth: usize) {
    let mut children = Vec::new();
    for _ in 0..=random.below(3) {
        let (ticket, child) = world.spawn(any(&world, &mut random, depth - 1));
        match random.below(6) {
            0 => continue,
            1 => world.abort(&child.abort_handle()),
            2 => world.aborts.lock().unwrap().push(child.abort_handle()),
            3 => {
                world.joins.lock().unwrap().push((ticket, child));
                continue;
            }
            _ => {}
        }
        children.push((ticket, child));
    }
    while !children.is_empty() {
        let (ticket, mut child) = children.swap_remove(random.below(children.len()));
        let outcome = loop {
            if random.one_in(2) {
                break (&mut child).await;
            }
            if let Ok(outcome) = timeout(random.micros(100), &mut child).await {
                break outcome;
            }
        };
        assert!(child.is_finished());
        world.check_join(ticket, child.id(), outcome);
    }
}

/// Requests with a channel for the reply: each reply belongs to its request.
async fn ask(world: Arc<World>, mut random: Random) {
    type Question = (u64, oneshot::Sender<u64>, Object);
    let (ask, mut questions) = mpsc::channel::<Question>(1 + random.below(2));
    let mut delays = random.fork();
    let (_, oracle) = world.spawn(async move {
        while let Some((number, answer, _)) = questions.recv().await {
            if delays.one_in(4) {
                yield_now().await;
            }
            let _ = answer.send(number + 1);
        }
    });
    if random.one_in(2) {
        world.aborts.lock().unwrap().push(oracle.abort_handle());
    }
    drop(oracle);
    for _ in 0..=random.below(2) {
        let (ask, mut random, inner) = (ask.clone(), random.fork(), world.clone());
        world.spawn(async move {
            for number in 0..random.below(6) as u64 {
                let (answer, mut response) = oneshot::channel();
                if ask.send((number, answer, inner.objects.another())).await.is_err() {
                    return;
                }
                let response = match random.one_in(3) {
                    true => match timeout(random.micros(100), &mut response).await {
                        Ok(response) => response,
                        Err(_) => continue,
                    },
                    false => response.await,
                };
                let Ok(response) = response else { return };
                assert_eq!(response, number + 1, "the answer to another question");
            }
        });
    }
}

/// Numbered messages through a channel that is too small: of each sender all arrive, in order, once.
async fn stream(world: Arc<World>, mut random: Random) {
    let (tx, mut rx) = mpsc::channel::<(usize, u64, Object)>(1 + random.below(3));
    let senders = 1 + random.below(3);
    let sent: Arc<Vec<AtomicU64>> = Arc::new((0..senders).map(|_| AtomicU64::new(0)).collect());
    for sender in 0..senders {
        let (tx, sent, inner) = (tx.clone(), sent.clone(), world.clone());
        let mut own = random.fork();
        let (_, task) = world.spawn(async move {
            let end = own.below(20) as u64;
            while sent[sender].load(SeqCst) < end {
                let message = (sender, sent[sender].load(SeqCst), inner.objects.another());
                // No await between what the channel took and what is counted.
                let taken = match own.below(3) {
                    0 => timeout(own.micros(50), tx.send(message)).await.is_ok_and(|r| r.is_ok()),
                    1 => tx.try_send(message).is_ok(),
                    _ => tx.send(message).await.is_ok(),
                };
                if taken {
                    sent[sender].fetch_add(1, SeqCst);
                } else if tx.is_closed() {
                    return;
                } else {
                    yield_now().await;
                }
            }
        });
        if random.one_in(3) {
            world.aborts.lock().unwrap().push(task.abort_handle());
        }
    }
    drop(tx);
    let mut received = vec![0; senders];
    loop {
        let message = match random.one_in(4) {
            true => match timeout(random.micros(100), rx.recv()).await {
                Ok(message) => message,
                Err(_) => continue,
            },
            false => rx.recv().await,
        };
        let Some((sender, number, _)) = message else { break };
        assert_eq!(number, received[sender], "of sender {sender}");
        received[sender] += 1;
    }
    let sent: Vec<u64> = sent.iter().map(|count| count.load(SeqCst)).collect();
    assert_eq!(received, sent);
}

/// Its destructor does something.
async fn leave_a_will(world: Arc<World>, mut random: Random, depth: usize) {
    let _will = Will { world: world.clone(), random: random.fork(), depth: depth - 1 };
    match random.below(3) {
        0 => {}
        1 => sleep(random.micros(200)).await,
        _ => drop(timeout(random.micros(200), pending::<()>()).await),
    }
}

struct Will {
    world: Arc<World>,
    random: Random,
    depth: usize,
}

impl Drop for Will {
    fn drop(&mut self) {
        let Will { world, random, depth } = self;
        match random.below(4) {
            0 => drop(world.spawn(any(world, random, *depth))),
            1 => open_one(world, random),
            2 => abort_one(world, random),
            _ => drop(World::take(&world.joins, random)),
        }
    }
}

pub fn open_one(world: &World, random: &mut Random) {
    if random.one_in(8) {
        world.root.open(random);
        return;
    }
    if let Some(gate) = pick(world, random) {
        gate.open(random);
    }
}

pub fn abort_one(world: &World, random: &mut Random) {
    World::take(&world.aborts, random).inspect(|task| world.abort(task));
}

/// One of the gates.
pub fn pick(world: &World, random: &mut Random) -> Option<Arc<Gate>> {
    let gates = world.gates.lock().unwrap();
    if gates.is_empty() { None } else { Some(gates[random.below(gates.len())].clone()) }
}

/// A new gate, and a task that waits there until the round ends.
pub fn keep_gate(world: &Arc<World>, random: &mut Random) {
    /// However the keeper ends.
    struct Leave(Arc<Gate>);
    impl Drop for Leave {
        fn drop(&mut self) {
            self.0.leave();
        }
    }
    let (gate, inner) = (Arc::new(Gate::default()), world.clone());
    let leave = Leave(gate.clone());
    world.gates.lock().unwrap().push(gate);
    let (_, keeper) = world.spawn(async move {
        let until = || {
            inner.moved();
            inner.is_stopping()
        };
        Keeper { gate: &leave.0, until }.await;
    });
    if random.one_in(3) {
        world.aborts.lock().unwrap().push(keeper.abort_handle());
    }
}

/// A task that is never ready, and whose wakers all threads may call.
pub fn idle(world: &Arc<World>) {
    struct Idle(Arc<World>);
    impl Future for Idle {
        type Output = ();

        fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            let mut wakers = self.0.wakers.lock().unwrap();
            if wakers.len() < KEPT_WAKERS {
                wakers.push(cx.waker().clone());
            }
            Poll::Pending
        }
    }
    let (_, idler) = world.spawn(Idle(world.clone()));
    world.idlers.lock().unwrap().push(idler.abort_handle());
}

/// What a thread runs in `block_on`.
pub async fn visit(world: &Arc<World>, mut random: Random) {
    let (ticket, task) = world.spawn(any(world, &mut random, 1));
    let id = task.id();
    if random.one_in(2) {
        sleep(Duration::from_micros(100)).await;
    }
    let outcome = task.await;
    world.check_join(ticket, id, outcome);
}
