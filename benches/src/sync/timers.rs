//! Time-outs, sleeps by the million, and the way to a blocking thread and back.
//!
//! (Compiled for each peer: see `mod.rs`.)

use std::future::poll_fn;
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use super::super::{Course, Workloads, turns};
use super::{Peer, peer};
use crate::finish::Finish;
use crate::instruments::Stopwatch;
use crate::rt::{Flavour, Rt};
use peer::runtime::Runtime;
use peer::task::spawn_blocking;
use peer::time::{Instant, Sleep, sleep, sleep_until, timeout};

/// Time-outs of a task in a turn. Arbitrary: there is a spawn in the turn, which shall not count.
const TIMEOUTS: usize = 1_000;

/// That nobody waits for.
const SECOND: Duration = Duration::from_secs(1);

/// In a measurement of about this time or more it is a million sleeps, and fewer in a trial.
const FULL: Duration = Duration::from_millis(100);

/// Jobs of a batch, and batches of a turn; Tokio's figures, but for a tenth of the batches.
const BATCH: usize = 16;
const BATCHES: usize = 10;

pub const WORKLOADS: &Workloads<Runtime> = &[
    ("timeout", |rt, flavour, _| in_tasks(rt, flavour, time_out)),
    ("sleep_unpolled", |rt, flavour, _| in_tasks(rt, flavour, drop_sleeps)),
    ("million_sleeps_cancelled", |rt, _, time| cancel(rt, sleeps(time))),
    ("million_sleeps_fired", |rt, flavour, time| fire(rt, flavour, sleeps(time))),
    ("spawn_blocking", |rt, _, _| job(rt)),
    ("spawn_blocking_batches", |rt, flavour, _| in_tasks(rt, flavour, batches)),
    ("runtime_start_and_drop", |_, flavour, _| start_and_drop(flavour)),
];

fn sleeps(time: Duration) -> usize {
    if time >= FULL { 1_000_000 } else { 1_000 }
}

/// A task for each thread does it.
fn in_tasks<F>(rt: &Runtime, flavour: Flavour, what: fn() -> F) -> Course<'_>
where
    F: Future<Output = ()> + Send + 'static,
{
    turns(move || {
        rt.block_on(async {
            let tasks: Vec<_> = (0..flavour.threads()).map(|_| peer::spawn(what())).collect();
            for task in tasks {
                task.await.expect("it does not panic");
            }
        })
    })
}

/// What is done at once has a time-out.
async fn time_out() {
    for _ in 0..TIMEOUTS {
        black_box(timeout(SECOND, async { 1 }).await).expect("it is ready at once");
    }
}

async fn drop_sleeps() {
    for _ in 0..TIMEOUTS {
        drop(black_box(sleep(SECOND)));
    }
}

/// Sleeps that have been polled once, all of them at a time, and are dropped.
fn cancel(rt: &Runtime, number: usize) -> Course<'_> {
    turns(move || {
        rt.block_on(async {
            let mut sleeps: Vec<Pin<Box<Sleep>>> = Vec::with_capacity(number);
            poll_fn(|context| {
                for index in 0..number {
                    let mut sleep = Box::pin(sleep(some_time(index)));
                    assert!(sleep.as_mut().poll(context).is_pending());
                    sleeps.push(sleep);
                }
                Poll::Ready(())
            })
            .await;
        })
    })
}

/// From a minute to an hour, in no order.
fn some_time(index: usize) -> Duration {
    // Multiplied by a large odd number, the index scatters (Knuth).
    let scattered = (index as u32).wrapping_mul(2_654_435_761);
    Duration::from_secs(60) + Duration::from_micros(scattered.into())
}

/// Tasks that all sleep until the same moment. What counts is the time from there to the end of the last.
fn fire(rt: &Runtime, flavour: Flavour, number: usize) -> Course<'_> {
    Course::Once(Box::new(move || {
        // Twice as long as it should take to lay them all to sleep; longer, if it was not enough.
        let mut patience = Duration::from_micros(2) * number as u32;
        loop {
            let deadline = Instant::now() + patience;
            if let Some(stopwatch) = fire_at(rt, flavour, number, deadline) {
                return stopwatch.stop(1);
            }
            patience *= 2;
        }
    }))
}

/// None if the moment came before all of them slept. Else they are done now.
fn fire_at(rt: &Runtime, flavour: Flavour, number: usize, deadline: Instant) -> Option<Stopwatch> {
    let (asleep, awake) = (Countdown::new(flavour, number), Countdown::new(flavour, number));
    for _ in 0..number {
        let (asleep, awake) = (asleep.clone(), awake.clone());
        rt.spawn(async move {
            let mut sleep = pin!(sleep_until(deadline));
            let mut asleep = Some(asleep);
            poll_fn(|context| {
                let polled = sleep.as_mut().poll(context);
                // Not again at the second poll.
                asleep.take().inspect(|countdown| countdown.one());
                polled
            })
            .await;
            awake.one();
        });
    }
    rt.block_on(asleep.finish.wait(1));
    let in_time = Instant::now() < deadline;
    // No thread has anything to do until then.
    thread::sleep(deadline.saturating_duration_since(Instant::now()));
    let stopwatch = Stopwatch::start();
    rt.block_on(awake.finish.wait(1));
    in_time.then_some(stopwatch)
}

/// The last of so many tasks says that they are done.
struct Countdown {
    left: AtomicUsize,
    finish: Arc<Finish>,
}

impl Countdown {
    fn new(flavour: Flavour, number: usize) -> Arc<Countdown> {
        let left = AtomicUsize::new(number);
        Arc::new(Countdown { left, finish: Finish::new(flavour, 1) })
    }

    fn one(&self) {
        if self.left.fetch_sub(1, Relaxed) == 1 {
            self.finish.signal();
        }
    }
}

fn job(rt: &Runtime) -> Course<'_> {
    turns(move || {
        rt.block_on(async {
            spawn_blocking(|| black_box(0)).await.expect("it does not panic");
        })
    })
}

async fn batches() {
    for _ in 0..BATCHES {
        let jobs: Vec<_> = (0..BATCH).map(|_| spawn_blocking(|| black_box(0))).collect();
        for job in jobs {
            job.await.expect("it does not panic");
        }
    }
}

/// A runtime beside the one that is there: it starts its threads, runs one future, and is dropped.
fn start_and_drop(flavour: Flavour) -> Course<'static> {
    turns(move || Peer::build(flavour).expect("the system gives threads").block_on(async {}))
}
