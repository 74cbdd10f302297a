//! What a task weighs that waits: a server holds a hundred thousand of them, most of them in some time-out.
//!
//! Counted are the pages that the system has given, before and after; so all is in it that a runtime
//! holds for a task (its timer, its place in a list, what a queue grew by), and what the allocator adds.
//!
//! Next: `stack.rs`.

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use crate::instruments::resident;
use crate::rt::Rt;

/// No task wakes while it is weighed.
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

/// Tasks that have been polled. A static, so that the task itself holds nothing but its wait.
static POLLED: AtomicUsize = AtomicUsize::new(0);

/// What a task weighs that waits, with all that the runtime holds for it, and nobody its handle.
pub fn bytes_of_a_task<R: Rt>(rt: &R, wait: Wait, tasks: usize) -> f64 {
    rt.block_on(async {
        // What is there once, whatever comes, is there now.
        spawn_waiting::<R>(wait, 1).await;
        let before = resident();
        spawn_waiting::<R>(wait, tasks).await;
        resident().saturating_sub(before) as f64 / tasks as f64
    })
}

/// Spawns tasks, and returns when all of them wait.
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
