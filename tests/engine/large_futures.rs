//! A large future is spawned, combined with others and run on a stack of 2 MiB, the default for a thread.
//!
//! A function that passes a future on by value may hold a copy in its frame, and a few copies overflow the
//! stack. The sizes here are the largest that Tokio takes; `benches` finds both (`stack`). An overflow ends the
//! process, so each test has a process of its own.

use std::any::type_name_of_val;
use std::future::pending;
use std::hint::black_box;
use std::thread;

use crate::common::{Flavour, alone, on_every_flavour};
use openwork::runtime::{Handle, Runtime};
use openwork::task::{JoinSet, TaskTracker, spawn, spawn_blocking, yield_now};
use openwork::time::{Duration, timeout};

const STACK: usize = 2 << 20;

/// In bytes: without optimisation, and with it.
const fn kib(debug: usize, release: usize) -> usize {
    (if cfg!(debug_assertions) { debug } else { release }) << 10
}

/// A future that is `BYTES` large.
async fn large<const BYTES: usize>() -> usize {
    let bytes = [1_u8; BYTES];
    yield_now().await;
    black_box(&bytes).len()
}

/// A closure that is `BYTES` large.
fn closure<const BYTES: usize>() -> impl FnOnce() -> usize + Send + 'static {
    let bytes = [1_u8; BYTES];
    move || black_box(&bytes).len()
}

/// Calls `row` with a runtime whose threads have a stack of 2 MiB, on a thread with such a stack.
#[track_caller]
fn fits(name: &str, row: fn(&Runtime)) {
    alone(name, || {
        for flavour in [Flavour::CurrentThread, Flavour::Workers(2)] {
            let run = move || row(&flavour.builder().thread_stack_size(STACK).build().unwrap());
            thread::Builder::new().stack_size(STACK).spawn(run).unwrap().join().unwrap();
        }
    });
}

#[test]
fn spawn_takes_a_large_future() {
    const BYTES: usize = kib(1000, 2000);
    fits("spawn_takes_a_large_future", |runtime| {
        let task = async { spawn(large::<BYTES>()).await.unwrap() };
        assert_eq!(runtime.block_on(task), BYTES);
    });
}

#[test]
fn a_handle_spawns_a_large_future() {
    const BYTES: usize = kib(1000, 2000);
    fits("a_handle_spawns_a_large_future", |runtime| {
        let task = async { Handle::current().spawn(large::<BYTES>()).await.unwrap() };
        assert_eq!(runtime.block_on(task), BYTES);
    });
}

#[test]
fn a_runtime_spawns_a_large_future() {
    const BYTES: usize = kib(1000, 2000);
    fits("a_runtime_spawns_a_large_future", |runtime| {
        let task = runtime.spawn(large::<BYTES>());
        assert_eq!(runtime.block_on(task).unwrap(), BYTES);
    });
}

#[test]
fn a_join_set_spawns_a_large_future() {
    const BYTES: usize = kib(650, 2000);
    fits("a_join_set_spawns_a_large_future", |runtime| {
        runtime.block_on(async {
            let mut set = JoinSet::new();
            set.spawn(large::<BYTES>());
            assert_eq!(set.join_next().await.unwrap().unwrap(), BYTES);
        });
    });
}

#[test]
fn a_tracker_spawns_a_large_future() {
    const BYTES: usize = kib(500, 1000);
    fits("a_tracker_spawns_a_large_future", |runtime| {
        let task = TaskTracker::new().spawn_on(large::<BYTES>(), runtime.handle());
        assert_eq!(runtime.block_on(task).unwrap(), BYTES);
    });
}

#[test]
fn a_scope_spawns_a_large_future() {
    const BYTES: usize = kib(1000, 2000);
    fits("a_scope_spawns_a_large_future", |runtime| {
        let spawned = runtime.scope(|scope| scope.spawn(large::<BYTES>()).join().unwrap());
        assert_eq!(spawned, BYTES);
    });
}

#[test]
fn a_timeout_takes_a_large_future() {
    const BYTES: usize = kib(500, 1000);
    fits("a_timeout_takes_a_large_future", |runtime| {
        let task = async { spawn(timeout(Duration::MAX, large::<BYTES>())).await.unwrap() };
        assert_eq!(runtime.block_on(task), Ok(BYTES));
    });
}

#[test]
fn join_takes_a_large_future() {
    const BYTES: usize = kib(250, 2000);
    fits("join_takes_a_large_future", |runtime| {
        let task = runtime.spawn(async { openwork::join!(large::<BYTES>(), yield_now()).0 });
        assert_eq!(runtime.block_on(task).unwrap(), BYTES);
    });
}

#[test]
fn try_join_takes_a_large_future() {
    const BYTES: usize = kib(250, 1000);
    fits("try_join_takes_a_large_future", |runtime| {
        let task = runtime.spawn(async {
            openwork::try_join!(async { Ok(large::<BYTES>().await) }, async {
                yield_now().await;
                Err::<(), _>("failed")
            })
        });
        assert_eq!(runtime.block_on(task).unwrap(), Err("failed"));
    });
}

#[test]
fn select_takes_a_large_future() {
    const BYTES: usize = kib(500, 2000);
    fits("select_takes_a_large_future", |runtime| {
        let task = async {
            let task = spawn(async {
                openwork::select! {
                    bytes = large::<BYTES>() => bytes,
                    () = pending() => 0,
                }
            });
            task.await.unwrap()
        };
        assert_eq!(runtime.block_on(task), BYTES);
    });
}

#[test]
fn block_on_takes_a_large_future() {
    const BYTES: usize = kib(1000, 2000);
    fits("block_on_takes_a_large_future", |_| {
        assert_eq!(openwork::block_on(large::<BYTES>()), BYTES);
    });
}

#[test]
fn a_runtime_blocks_on_a_large_future() {
    const BYTES: usize = kib(1000, 2000);
    fits("a_runtime_blocks_on_a_large_future", |runtime| {
        assert_eq!(runtime.block_on(large::<BYTES>()), BYTES);
    });
}

#[test]
fn a_handle_blocks_on_a_large_future() {
    const BYTES: usize = kib(1000, 2000);
    fits("a_handle_blocks_on_a_large_future", |runtime| {
        assert_eq!(runtime.handle().block_on(large::<BYTES>()), BYTES);
    });
}

#[test]
fn spawn_blocking_takes_a_large_closure() {
    const BYTES: usize = kib(400, 2000);
    fits("spawn_blocking_takes_a_large_closure", |runtime| {
        let task = async { spawn_blocking(closure::<BYTES>()).await.unwrap() };
        assert_eq!(runtime.block_on(task), BYTES);
    });
}

#[test]
fn a_handle_takes_a_large_closure() {
    const BYTES: usize = kib(650, 2000);
    fits("a_handle_takes_a_large_closure", |runtime| {
        let task = runtime.handle().spawn_blocking(closure::<BYTES>());
        assert_eq!(runtime.block_on(task).unwrap(), BYTES);
    });
}

#[test]
fn a_runtime_takes_a_large_closure() {
    const BYTES: usize = kib(650, 2000);
    fits("a_runtime_takes_a_large_closure", |runtime| {
        let task = runtime.spawn_blocking(closure::<BYTES>());
        assert_eq!(runtime.block_on(task).unwrap(), BYTES);
    });
}

#[test]
fn a_task_returns_a_large_output() {
    const BYTES: usize = kib(100, 300);
    fits("a_task_returns_a_large_output", |runtime| {
        let task = runtime.spawn(async {
            yield_now().await;
            [1_u8; BYTES]
        });
        assert_eq!(runtime.block_on(async { task.await.unwrap().len() }), BYTES);
    });
}

/// Large enough to be boxed, with optimisation too.
#[test]
fn a_large_task_is_listed_under_its_own_type() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let future = async {
                let bytes = [1_u8; 64 << 10];
                pending::<()>().await;
                black_box(bytes);
            };
            let name = type_name_of_val(&future);
            drop(spawn(future));
            let tasks = Handle::current().tasks();
            assert_eq!(tasks.iter().map(|task| task.future).collect::<Vec<_>>(), [name]);
        });
    });
}
