//! Time-outs, a million sleeps, the blocking pool, and the start of a runtime.
//!
//! (Compiled for each peer: see `mod.rs`.)
//!
//! Next: `memory.rs`.

use std::future::poll_fn;
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use super::super::{Run, Workloads, repeated};
use super::channels::join_all;
use super::{Peer, peer};
use crate::finish::Finish;
use crate::instruments::Stopwatch;
use crate::rt::{Flavour, Rt};
use peer::runtime::Runtime;
use peer::task::spawn_blocking;
use peer::time::{Instant, Sleep, sleep, sleep_until, timeout};

/// Time-outs of a task in an iteration. Arbitrary, but many, because the iteration includes a spawn.
const TIMEOUTS: usize = 1_000;

/// Longer than the measurement: no time-out or sleep ends.
const SECOND: Duration = Duration::from_secs(1);

/// A measurement of this time or longer makes a million sleeps; a shorter one, for `smoke`, makes fewer.
const FULL: Duration = Duration::from_millis(100);

/// Jobs of a batch, and batches of an iteration; Tokio's figure, and a tenth of Tokio's.
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

/// Spawns one task for each thread.
fn in_tasks<F>(rt: &Runtime, flavour: Flavour, what: fn() -> F) -> Run<'_>
where
    F: Future<Output = ()> + Send + 'static,
{
    repeated(move || {
        rt.block_on(async {
            join_all((0..flavour.threads()).map(|_| peer::spawn(what())).collect()).await;
        })
    })
}

/// Time-outs around a future that is ready at once.
async fn time_out() {
    for _ in 0..TIMEOUTS {
        black_box(timeout(SECOND, async { 1 }).await).expect("the future is ready at once");
    }
}

async fn drop_sleeps() {
    for _ in 0..TIMEOUTS {
        drop(black_box(sleep(SECOND)));
    }
}

/// Polls all sleeps once, then drops them.
fn cancel(rt: &Runtime, number: usize) -> Run<'_> {
    repeated(move || {
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

/// A minute to an hour, in no order.
fn some_time(index: usize) -> Duration {
    // The product with a large odd number scatters the index (Knuth).
    let scattered = (index as u32).wrapping_mul(2_654_435_761);
    Duration::from_secs(60) + Duration::from_micros(scattered.into())
}

/// Tasks that sleep until the same deadline. Measures the time from the deadline to the end of the last task.
fn fire(rt: &Runtime, flavour: Flavour, number: usize) -> Run<'_> {
    Run::Once(Box::new(move || {
        // Twice the time in which all tasks should begin to sleep; doubled if it was not enough.
        let mut delay = Duration::from_micros(2) * number as u32;
        loop {
            let deadline = Instant::now() + delay;
            if let Some(stopwatch) = fire_at(rt, flavour, number, deadline) {
                return stopwatch.stop(1);
            }
            delay *= 2;
        }
    }))
}

/// Returns none if the deadline passed before all tasks slept, otherwise a stopwatch started at the deadline.
fn fire_at(rt: &Runtime, flavour: Flavour, number: usize, deadline: Instant) -> Option<Stopwatch> {
    let (asleep, awake) = (Countdown::new(flavour, number), Countdown::new(flavour, number));
    for _ in 0..number {
        let (asleep, awake) = (asleep.clone(), awake.clone());
        rt.spawn(async move {
            let mut sleep = pin!(sleep_until(deadline));
            let mut asleep = Some(asleep);
            poll_fn(|context| {
                let polled = sleep.as_mut().poll(context);
                // Only at the first poll.
                asleep.take().inspect(|countdown| countdown.decrement());
                polled
            })
            .await;
            awake.decrement();
        });
    }
    rt.block_on(asleep.finish.wait(1));
    let in_time = Instant::now() < deadline;
    // All threads of the runtime are idle until the deadline.
    thread::sleep(deadline.saturating_duration_since(Instant::now()));
    let stopwatch = Stopwatch::start();
    rt.block_on(awake.finish.wait(1));
    in_time.then_some(stopwatch)
}

/// Counts tasks down. The last one signals the end.
struct Countdown {
    left: AtomicUsize,
    finish: Arc<Finish>,
}

impl Countdown {
    fn new(flavour: Flavour, number: usize) -> Arc<Countdown> {
        let left = AtomicUsize::new(number);
        Arc::new(Countdown { left, finish: Finish::new(flavour, 1) })
    }

    fn decrement(&self) {
        if self.left.fetch_sub(1, Relaxed) == 1 {
            self.finish.signal();
        }
    }
}

fn job(rt: &Runtime) -> Run<'_> {
    repeated(move || {
        rt.block_on(async {
            spawn_blocking(|| black_box(0)).await.expect("the job does not panic");
        })
    })
}

async fn batches() {
    for _ in 0..BATCHES {
        join_all((0..BATCH).map(|_| spawn_blocking(|| black_box(0))).collect()).await;
    }
}

/// Builds a runtime, runs a future that is ready at once, and drops the runtime.
fn start_and_drop(flavour: Flavour) -> Run<'static> {
    repeated(move || Peer::build(flavour).expect("the system gives threads").block_on(async {}))
}
