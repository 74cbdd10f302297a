//! Work that computes for long, and where to put it.
//!
//! A task that does not await holds its thread, and with it every other task that should run there. So
//! long computations go to the *blocking pool*: `spawn_blocking` runs a plain closure on a thread that
//! runs no tasks, and the handle that it returns is awaited like a task's.
//!
//! What you will see: a heart that should beat every 10 ms, on a runtime of one thread, while primes are
//! counted in three ways: by a task that does not yield, by one that yields after each bit of work, and on
//! the blocking pool, in four parts at once. In the first there is not one beat; in the others there are
//! about as many as fit into the time that your computer takes.
//!
//!     cargo run --example cpu_work

use std::future::Future;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use openwork::task::{JoinSet, spawn_blocking, yield_now};
use openwork::time::{Duration, Instant, MissedTickBehavior, interval, sleep};

const LIMIT: u32 = 100_000;

fn main() {
    openwork::block_on(async {
        beside_a_heart("in a task", async { primes(0..LIMIT) }).await;

        let giving_way = async {
            let mut count = 0;
            for from in (0..LIMIT).step_by(1000) {
                count += primes(from..from + 1000);
                // Whoever is ready has its turn now.
                yield_now().await;
            }
            count
        };
        beside_a_heart("in a task that gives way", giving_way).await;

        let on_the_pool = async {
            let mut parts = JoinSet::new();
            for part in 0..4 {
                parts.spawn_blocking(move || primes(part * LIMIT / 4..(part + 1) * LIMIT / 4));
            }
            parts.join_all().await.into_iter().sum()
        };
        beside_a_heart("on the blocking pool", on_the_pool).await;

        // One closure, one value. Once it runs it cannot be aborted: a thread cannot be stopped.
        let largest = spawn_blocking(|| (0..LIMIT).rev().find(|&n| is_prime(n)));
        let largest = largest.await.expect("it does not panic");
        println!("the largest of them is {}", largest.expect("2 is one"));
    });
}

/// Awaits the count, and says how often the heart of another task has beaten meanwhile.
async fn beside_a_heart(how: &str, count: impl Future<Output = usize>) {
    static BEATS: AtomicUsize = AtomicUsize::new(0);
    let mut heart = JoinSet::new();
    heart.spawn(async {
        let mut ticks = interval(Duration::from_millis(10));
        // What is missed is not made up for.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            BEATS.fetch_add(1, Relaxed);
        }
    });
    sleep(Duration::from_millis(25)).await;
    println!("before: the heart beats: {}", BEATS.swap(0, Relaxed) > 0);
    let start = Instant::now();
    let count = count.await;
    let (beats, took) = (BEATS.swap(0, Relaxed), start.elapsed().as_millis());
    println!("{count} primes, counted {how}, in {took} ms; meanwhile {beats} beats\n");
}

fn primes(range: Range<u32>) -> usize {
    range.filter(|&number| is_prime(number)).count()
}

/// The slow way, as it shall take a while.
fn is_prime(number: u32) -> bool {
    number > 1 && (2..).take_while(|n| n * n <= number).all(|n| !number.is_multiple_of(n))
}
