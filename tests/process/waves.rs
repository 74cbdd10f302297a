//! Waves of tasks: memory is flat from one to the next.
//!
//! ```text
//! OPENWORK_WAVES=100 OPENWORK_WAVE_TASKS=1000000 cargo test --release --test process waves -- --nocapture
//! ```

use std::time::{Duration, Instant};

use openwork::runtime::{Handle, Runtime};
use openwork::task::yield_now;
use openwork::time::sleep;

use crate::common::Flavour::{CurrentThread, Workers};
use crate::common::{ends_within, until};
use crate::counts::resident_after_trim;
use crate::memory::NOISE;
use crate::{alone, setting};

/// Bytes that may stay for each task of a wave. A queue keeps its buffer if other workers steal its last tasks, and by the
/// third wave perhaps only one of two queues has held a whole wave. A task is 128 bytes and more.
const ROOM: u64 = 32;

/// The first waves find out how much memory a wave needs.
const WARM_UP: u64 = 3;

/// All tasks of a wave are alive at once. Most end after a yield, each sixteenth sleeps.
async fn wave(tasks: u64) {
    let spawned: Vec<_> = (0..tasks)
        .map(|n| {
            openwork::spawn(async move {
                match n % 16 {
                    0 => sleep(Duration::from_millis(1)).await,
                    _ => yield_now().await,
                }
                n
            })
        })
        .collect();
    for (n, task) in spawned.into_iter().enumerate() {
        assert_eq!(task.await.unwrap(), n as u64);
    }
    // An idle worker prunes the list of tasks.
    sleep(Duration::from_millis(1)).await;
    let metrics = Handle::current().metrics();
    // This task is one.
    until(|| metrics.num_alive_tasks() == 1).await;
    assert_eq!(metrics.num_timers(), 0);
}

/// The memory after the wave number [`WARM_UP`], and after the last one.
///
/// Free pages of the allocator do not count: each worker has an arena of its own, and either worker may spawn a wave.
fn run(runtime: &Runtime, waves: u64, tasks: u64) -> (usize, usize) {
    let mut first = 0;
    for number in 1..=waves {
        // In a task, so that a worker spawns.
        runtime.block_on(runtime.spawn(wave(tasks))).unwrap();
        if number == WARM_UP {
            first = resident_after_trim();
        }
    }
    (first, resident_after_trim())
}

#[test]
fn wave_after_wave_of_tasks_leaves_memory_flat() {
    let waves = setting("OPENWORK_WAVES").unwrap_or(8).max(WARM_UP + 1);
    let tasks = setting("OPENWORK_WAVE_TASKS").unwrap_or(50_000);
    alone("wave_after_wave_of_tasks_leaves_memory_flat", || {
        for flavour in [CurrentThread, Workers(2)] {
            let limit = Duration::from_secs(60) + Duration::from_micros(waves * tasks * 20);
            ends_within(limit, move || {
                let start = Instant::now();
                let (first, last) = run(&flavour.build(), waves, tasks);
                println!(
                    "{flavour:?}: {first} bytes after wave {WARM_UP}, {last} after wave {waves} of \
                     {tasks} tasks, {:?}",
                    start.elapsed()
                );
                let may_grow = NOISE + (tasks * ROOM) as usize;
                assert!(last < first + may_grow, "grown by {} bytes", last - first);
            });
        }
    });
}
