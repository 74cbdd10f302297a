//! The memory of a task, in bytes that the system has really given.
//!
//! A server holds a hundred thousand tasks that wait, most of them in some time-out; so what one of
//! them weighs decides how many there can be. Each measurement is made in a process of its own, as
//! memory that another test has used and freed would be used again and not be seen.

use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use crate::alone;
use crate::common::Flavour::{CurrentThread, Workers};
use crate::common::{ends, on_each_of, paused, real};
use crate::counts::resident;
use openwork::runtime::Handle;
use openwork::task::yield_now;
use openwork::time::{sleep, timeout};

const HOUR: Duration = Duration::from_secs(3600);
const TASKS: usize = 100_000;

/// Bytes for each of [`TASKS`] tasks, which are spawned, polled, and wait. Their handles are dropped.
fn bytes_of_a_task<F: Future<Output = ()> + Send + 'static>(wait: impl Fn() -> F) -> usize {
    paused().block_on(async {
        // Memory that is allocated once, for any number of tasks, is allocated now.
        drop(openwork::spawn(wait()));
        yield_now().await;
        let before = resident();
        for _ in 0..TASKS {
            drop(openwork::spawn(wait()));
        }
        // With a paused clock this is over when all of them have been polled.
        sleep(Duration::from_nanos(1)).await;
        let bytes = (resident() - before) / TASKS;
        assert_eq!(Handle::current().metrics().num_alive_tasks(), TASKS + 1);
        bytes
    })
}

#[test]
fn a_sleeping_task_weighs_at_most_250_bytes() {
    alone("a_sleeping_task_weighs_at_most_250_bytes", || {
        let bytes = bytes_of_a_task(|| async { sleep(HOUR).await });
        println!("a sleeping task: {bytes} bytes");
        assert!(bytes <= 250, "a sleeping task weighs {bytes} bytes");
    });
}

#[test]
fn a_pending_task_weighs_at_most_180_bytes() {
    alone("a_pending_task_weighs_at_most_180_bytes", || {
        let bytes = bytes_of_a_task(|| async { pending::<()>().await });
        println!("a pending task: {bytes} bytes");
        assert!(bytes <= 180, "a pending task weighs {bytes} bytes");
    });
}

/// How much more memory `again` takes when it has been running for a while.
fn growth(again: impl AsyncFn()) -> usize {
    real().block_on(async {
        again().await;
        let before = resident();
        for _ in 0..4 {
            again().await;
        }
        resident().saturating_sub(before)
    })
}

/// Arbitrary: an allocator may keep that much. The leaks that this test looks for are far larger.
pub const NOISE: usize = 2 << 20;

#[test]
fn a_million_cancelled_time_outs_leave_nothing_behind() {
    alone("a_million_cancelled_time_outs_leave_nothing_behind", || {
        ends(|| {
            let grown = growth(async || {
                // One that stays at the top of the heap: cancelled timers below it are not popped.
                let mut first = pin!(sleep(HOUR / 2));
                assert!(futures::poll!(&mut first).is_pending());
                for _ in 0..200_000 {
                    timeout(HOUR, yield_now()).await.unwrap();
                }
                assert_eq!(Handle::current().metrics().num_timers(), 1);
            });
            println!("a million time-outs later: {grown} bytes more");
            assert!(grown < NOISE, "grown by {grown} bytes");
        });
    });
}

#[test]
fn a_million_tasks_leave_nothing_behind() {
    alone("a_million_tasks_leave_nothing_behind", || {
        ends(|| {
            let grown = growth(async || {
                for _ in 0..20 {
                    // A burst, and then a pause, in which an idle worker prunes the list of tasks.
                    let tasks: Vec<_> =
                        (0..10_000).map(|n| openwork::spawn(async move { n })).collect();
                    for (n, task) in tasks.into_iter().enumerate() {
                        assert_eq!(task.await.unwrap(), n);
                    }
                    sleep(Duration::from_nanos(1)).await;
                }
            });
            println!("a million tasks later: {grown} bytes more");
            assert!(grown < NOISE, "grown by {grown} bytes");
        });
    });
}

/// The runtime is never idle, so it never prunes the list of tasks for that reason.
#[test]
fn tasks_that_end_while_the_runtime_is_never_idle_leave_nothing_behind() {
    alone("tasks_that_end_while_the_runtime_is_never_idle_leave_nothing_behind", || {
        on_each_of(&[CurrentThread, Workers(1)], |flavour| {
            let runtime = flavour.build();
            let task = runtime.spawn(async {
                let again = async || {
                    for _ in 0..200_000 {
                        drop(openwork::spawn(async {}));
                        yield_now().await;
                    }
                };
                again().await;
                let before = resident();
                again().await;
                resident().saturating_sub(before)
            });
            let grown = runtime.block_on(task).unwrap();
            println!("{flavour:?}, 200,000 tasks later: {grown} bytes more");
            assert!(grown < NOISE, "grown by {grown} bytes");
        });
    });
}

#[test]
fn a_burst_gives_its_memory_back() {
    alone("a_burst_gives_its_memory_back", || {
        ends(|| {
            real().block_on(async {
                let burst = async || {
                    let tasks: Vec<_> = (0..TASKS).map(|_| openwork::spawn(sleep(HOUR))).collect();
                    while Handle::current().metrics().num_timers() < TASKS {
                        yield_now().await;
                    }
                    let most = resident();
                    for task in &tasks {
                        task.abort();
                    }
                    for task in tasks {
                        assert!(task.await.unwrap_err().is_cancelled());
                    }
                    sleep(Duration::from_nanos(1)).await;
                    assert_eq!(Handle::current().metrics().num_timers(), 0);
                    most
                };
                let before = resident();
                let most = burst().await;
                // The allocator keeps pages. That they can be reused shows in the next bursts, which would otherwise
                // need new ones.
                for _ in 0..3 {
                    let next = burst().await;
                    println!("from {before} to {most}, then to {next}");
                    assert!(next < most + most / 2, "the first burst left memory behind");
                }
            });
        });
    });
}

/// Between two sleeps only a few tasks end, so that pruning a long list never seems worth it; at the end all have ended.
#[test]
fn a_burst_that_ends_little_by_little_gives_its_memory_back() {
    alone("a_burst_that_ends_little_by_little_gives_its_memory_back", || {
        ends(|| {
            paused().block_on(async {
                let before = resident();
                for n in 0..TASKS as u32 {
                    drop(openwork::spawn(sleep(n / 100 * Duration::from_millis(1))));
                }
                sleep(HOUR).await;
                assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
                // The allocator keeps pages. That they can be reused shows when other code does so.
                let others: Vec<_> = (0..TASKS).map(|_| vec![1_u8; 200]).collect();
                let grown = (resident() - before) / others.len();
                println!("{grown} bytes for each 200 that took the place of a task");
                assert!(grown < 320, "{grown} bytes for each 200: the tasks are still there");
            });
        });
    });
}
