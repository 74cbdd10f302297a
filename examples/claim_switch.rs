//! The claim: to switch between tasks takes 100 ns, between threads 1 to 10 µs.
//!
//! A switch of tasks is a return and a call: the one that waits answers "pending", and the loop polls
//! the next. A switch of threads goes through the kernel, which saves the one, chooses the next and
//! loads it; and if the other is to run on another processor, that one may have to be woken up first.
//!
//! What you will see: a token that goes round a ring of tasks, and round a ring of threads. The task or
//! thread that gets it passes it on and waits for it to come back, so every pass is a wake and a switch.
//! Two tasks also yield in turn, which is a switch without a wake. Expect tasks to be some 10 to 30 times
//! faster, in a release build; what a debug build costs on top comes to several times a task's switch,
//! and to nothing of a thread's, for that is the kernel's.
//!
//!     cargo run --release --example claim_switch

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};

use openwork::runtime::{Builder, Runtime};
use openwork::sync::Notify;
use openwork::task::yield_now;
use openwork::time::{Duration, Instant};

/// Long enough for the clock, and short enough to get by between two turns of other programs.
const ENOUGH: Duration = Duration::from_millis(3);
const RUNS: u32 = 25;

fn main() -> std::io::Result<()> {
    let one = Builder::new_current_thread().build()?;
    let two = Builder::new_multi_thread().worker_threads(2).build()?;

    println!("{:54} {:>10} {:>14}", "", "a switch", "in a second");
    row("two tasks give way in turn", |n| yielding_tasks(&one, n));
    row("two threads on one processor give way in turn", |n| {
        on_one_processor(|| yielding_threads(n))
    });
    println!();
    let task = row("a token between 2 tasks on one thread", |n| ring_of_tasks(&one, 2, n));
    row("a token round 100 tasks on one thread", |n| ring_of_tasks(&one, 100, n));
    row("a token round 100 tasks on two workers", |n| ring_of_tasks(&two, 100, n));
    let thread = row("a token between 2 threads on one processor", |n| {
        on_one_processor(|| ring_of_threads(2, n))
    });
    row("a token between 2 threads, where the system likes", |n| ring_of_threads(2, n));
    row("a token round 20 threads, where the system likes", |n| ring_of_threads(20, n));

    println!(
        "\nSo a task hands over {:.1} times as fast as a thread does, \
         even if that need not change its processor.",
        thread.as_secs_f64() / task.as_secs_f64()
    );
    if cfg!(debug_assertions) {
        println!(
            "(This is a debug build; `cargo run --release --example claim_switch` gives the figures.)"
        );
    }
    // Generous. Without optimisation there is nothing to be sure of.
    assert!(cfg!(debug_assertions) || task * 2 < thread, "a task hands over faster than a thread");
    Ok(())
}

/// Prints and answers the time of one switch: that of the best run, as on a busy machine others have
/// their turns in between. How many switches are enough for the clock is found out first.
fn row(what: &str, run: impl Fn(u64) -> u64) -> Duration {
    let timed = |switches| {
        let start = Instant::now();
        let switches = run(switches);
        (start.elapsed(), switches as f64)
    };
    let mut enough = 500;
    while timed(enough).0 < ENOUGH {
        enough *= 2;
    }
    let runs = (0..RUNS).map(|_| timed(enough)).map(|(took, switches)| took.div_f64(switches));
    let best = runs.min().expect("there are some");
    let each = best.as_secs_f64();
    println!("{what:54} {:7.0} ns {:14.0}", each * 1e9, 1.0 / each);
    best
}

fn yielding_tasks(runtime: &Runtime, switches: u64) -> u64 {
    runtime.block_on(async {
        let tasks = [(); 2].map(|()| {
            openwork::spawn(async move {
                for _ in 0..switches / 2 {
                    yield_now().await;
                }
            })
        });
        for task in tasks {
            task.await.expect("no task panics");
        }
    });
    switches
}

fn yielding_threads(switches: u64) -> u64 {
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| (0..switches / 2).for_each(|_| thread::yield_now()));
        }
    });
    switches
}

/// Member `n` waits for its notification, and notifies member `n + 1`. The last one notifies the first.
fn ring_of_tasks(runtime: &Runtime, members: usize, passes: u64) -> u64 {
    let laps = passes.div_ceil(members as u64);
    let bells: Arc<[Notify]> = (0..members).map(|_| Notify::new()).collect();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..members)
            .map(|member| {
                let bells = bells.clone();
                openwork::spawn(async move {
                    for _ in 0..laps {
                        bells[member].notified().await;
                        bells[(member + 1) % members].notify_one();
                    }
                })
            })
            .collect();
        bells[0].notify_one();
        for task in tasks {
            task.await.expect("no task panics");
        }
    });
    laps * members as u64
}

/// The same with threads, which park; a flag tells a thread that was woken for it from one that was
/// not.
fn ring_of_threads(members: usize, passes: u64) -> u64 {
    let laps = passes.div_ceil(members as u64);
    let bells: Vec<_> = (0..members).map(|_| AtomicBool::new(false)).collect();
    let threads = OnceLock::<Vec<Thread>>::new();
    let ring = |member: usize| {
        // Release: matches the Acquire below.
        bells[member].store(true, Ordering::Release);
        threads.get().expect("they are known before the first bell rings")[member].unpark();
    };
    thread::scope(|scope| {
        let (bells, ring) = (&bells, &ring);
        let spawned = (0..members).map(|member| {
            let body = move || {
                for _ in 0..laps {
                    while !bells[member].swap(false, Ordering::Acquire) {
                        thread::park();
                    }
                    ring((member + 1) % members);
                }
            };
            scope.spawn(body).thread().clone()
        });
        threads.set(spawned.collect()).expect("this is the only place that sets them");
        ring(0);
    });
    laps * members as u64
}

/// Runs it on a thread that may use one processor only; so may the threads that are spawned there.
fn on_one_processor(run: impl FnOnce() -> u64 + Send) -> u64 {
    let pinned = || {
        #[cfg(target_os = "linux")]
        {
            use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
            let mut only = CpuSet::new();
            let allowed = sched_getaffinity(None).expect("every thread may use some processor");
            let first = (0..CpuSet::MAX_CPU).find(|cpu| allowed.is_set(*cpu));
            only.set(first.expect("every thread may use some processor"));
            sched_setaffinity(None, &only).expect("a thread may take less than it is allowed");
        }
        run()
    };
    thread::scope(|scope| scope.spawn(pinned).join().expect("no thread panics"))
}
