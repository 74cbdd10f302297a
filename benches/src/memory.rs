//! The memory of a waiting task: a server has a hundred thousand of them, most of them in a time-out.
//!
//! The measurement is the difference of the resident memory before and after the spawns. So it includes all that a
//! runtime keeps for a task (the timer, the entry in a list, the growth of a queue) and the allocator's overhead.
//!
//! Next: `stack.rs`.

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use crate::instruments::resident;
use crate::rt::Rt;

/// No task wakes during the measurement.
const LONG: Duration = Duration::from_secs(3600);

/// What a waiting task waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    Nothing,
    Sleep,
}

impl Wait {
    pub fn name(self) -> &'static str {
        match self {
            Wait::Nothing => "pending",
            Wait::Sleep => "sleeping",
        }
    }
}

/// The number of tasks that have been polled. A static, so that a task contains nothing but its wait.
static POLLED: AtomicUsize = AtomicUsize::new(0);

/// Returns the bytes of a waiting, detached task.
pub fn bytes_of_a_task<R: Rt>(rt: &R, wait: Wait, tasks: usize) -> f64 {
    rt.block_on(async {
        // The first spawn allocates what the runtime needs only once.
        spawn_waiting::<R>(wait, 1).await;
        let before = resident();
        spawn_waiting::<R>(wait, tasks).await;
        resident().saturating_sub(before) as f64 / tasks as f64
    })
}

/// Spawns tasks and returns when all of them wait.
async fn spawn_waiting<R: Rt>(wait: Wait, tasks: usize) {
    POLLED.store(0, Relaxed);
    for _ in 0..tasks {
        match wait {
            Wait::Nothing => R::detach(R::spawn(async {
                POLLED.fetch_add(1, Relaxed);
                pending::<()>().await;
            })),
            Wait::Sleep => R::detach(R::spawn(async {
                POLLED.fetch_add(1, Relaxed);
                R::sleep(LONG).await;
            })),
        }
    }
    while POLLED.load(Relaxed) < tasks {
        R::yield_now().await;
    }
}
