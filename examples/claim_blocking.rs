//! The claim: a task that blocks its thread starves the others.
//!
//! Tasks take turns on a thread, and a turn lasts until the next `.await` that has to wait. A task that
//! sits in a system call, or computes, does not come to one; as long as it takes, no other task of that
//! thread gets on.
//!
//! What you will see: a task that wants to tick every 5 ms, while others hold their threads for 200 ms
//! each, and the longest that it had to wait for a tick. Expect 200 ms wherever all workers are held,
//! some 5 ms where one is left, and 5 ms again when the work is given to `spawn_blocking`, whose
//! threads have nothing else to do. A computation may yield now and then, which makes it longer and
//! the ticks punctual.
//!
//!     cargo run --release --example claim_blocking

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{io, thread};

use openwork::runtime::Builder;
use openwork::task::{JoinHandle, spawn_blocking, yield_now};
use openwork::time::{Duration, Instant, sleep};

const TICK: Duration = Duration::from_millis(5);
const HOLD: Duration = Duration::from_millis(200);

type Tasks = Vec<JoinHandle<()>>;

fn main() -> io::Result<()> {
    let none = Vec::new;
    let one_blocks = || vec![blocking_task()];
    let two_block = || vec![blocking_task(), blocking_task()];
    let on_pool = |times| move || (0..times).map(|_| spawn_blocking(block)).collect::<Vec<_>>();
    let computes = || vec![computing_task()];
    let gives_way = || vec![polite_task()];

    println!("{:14} {:32} {:>14}", "", "beside the one that ticks", "longest wait");
    free_row(1, "nothing", none)?;
    let held = held_row(1, "a task blocks", one_blocks)?;
    let free = free_row(1, "spawn_blocking", on_pool(1))?;
    held_row(1, "a task computes", computes)?;
    free_row(1, "a task computes and gives way", gives_way)?;
    free_row(2, "one task blocks", one_blocks)?;
    held_row(2, "two tasks block", two_block)?;
    free_row(2, "20 times spawn_blocking", on_pool(20))?;

    println!(
        "\nSo what blocks the only thread holds the others up for {}, \
         and the same work on the pool for {}.",
        ms(held),
        ms(free)
    );
    Ok(())
}

/// A case in which no tick comes while the threads are held.
fn held_row(workers: usize, what: &str, others: fn() -> Tasks) -> io::Result<Duration> {
    let longest = longest_wait(workers, others)?;
    print_row(workers, what, longest);
    // Two that block need not have begun at the same moment.
    assert!(longest >= HOLD / workers as u32, "no tick while the threads are held");
    Ok(longest)
}

/// A case in which ticks go on. A busy machine may hold us up by itself, so there are some tries.
fn free_row(workers: usize, what: &str, others: impl Fn() -> Tasks) -> io::Result<Duration> {
    let mut longest = longest_wait(workers, &others)?;
    for _ in 0..4 {
        if longest >= HOLD / 2 {
            longest = longest.min(longest_wait(workers, &others)?);
        }
    }
    print_row(workers, what, longest);
    assert!(longest < HOLD / 2, "ticks go on where a thread is free");
    Ok(longest)
}

fn print_row(workers: usize, what: &str, longest: Duration) {
    let threads = if workers == 1 { "one thread" } else { "two workers" };
    println!("{threads:14} {what:32} {:>14}", ms(longest));
}

/// What one must not do in a task: a call that waits by holding its thread.
fn block() {
    thread::sleep(HOLD);
}

fn blocking_task() -> JoinHandle<()> {
    openwork::spawn(async { block() })
}

fn computing_task() -> JoinHandle<()> {
    openwork::spawn(async {
        let start = Instant::now();
        while start.elapsed() < HOLD {
            std::hint::spin_loop();
        }
    })
}

fn polite_task() -> JoinHandle<()> {
    openwork::spawn(async {
        let start = Instant::now();
        while start.elapsed() < HOLD {
            std::hint::spin_loop();
            yield_now().await;
        }
    })
}

/// The longest wait for a tick while these tasks run.
fn longest_wait(workers: usize, others: impl FnOnce() -> Tasks) -> io::Result<Duration> {
    let runtime = match workers {
        1 => Builder::new_current_thread().build()?,
        _ => Builder::new_multi_thread().worker_threads(workers).build()?,
    };
    Ok(runtime.block_on(async {
        let over = Arc::new(AtomicBool::new(false));
        let ticking = openwork::spawn(tick_until(over.clone()));
        // So that it ticks when the others come.
        sleep(4 * TICK).await;
        for other in others() {
            other.await.expect("no task panics");
        }
        over.store(true, Ordering::Relaxed);
        ticking.await.expect("no task panics")
    }))
}

/// The longest that one of its sleeps of a tick took.
async fn tick_until(over: Arc<AtomicBool>) -> Duration {
    let mut longest = Duration::ZERO;
    while !over.load(Ordering::Relaxed) {
        let start = Instant::now();
        sleep(TICK).await;
        longest = longest.max(start.elapsed());
    }
    longest
}

fn ms(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1e3)
}
