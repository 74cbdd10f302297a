//! The first pages of `task`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use openwork::task::{self, JoinHandle, JoinSet};
use openwork::time;

use crate::common::ends;
use crate::program;

#[test]
fn blocking_work_has_threads_of_its_own() {
    program(|| async {
        let mut v = "Hello, ".to_string();
        let res = task::spawn_blocking(move || {
            v.push_str("world");
            v
        })
        .await?;
        assert_eq!(res.as_str(), "Hello, world");
        Result::<(), task::JoinError>::Ok(())
    });
}

#[test]
fn a_set_gives_each_output_as_it_comes() {
    program(|| async {
        let mut set = JoinSet::new();
        for i in 0..10 {
            set.spawn(async move { i });
        }
        let mut seen = [false; 10];
        while let Some(res) = set.join_next().await {
            let idx = res.unwrap();
            seen[idx] = true;
        }
        for i in 0..10 {
            assert!(seen[i]);
        }
        let mut all: Vec<i32> =
            (0..5).map(|i| async move { i }).collect::<JoinSet<_>>().join_all().await;
        all.sort();
        assert_eq!(all, [0, 1, 2, 3, 4]);
    });
}

#[test]
fn a_set_is_aborted_early_and_drained() {
    program(|| async {
        let mut set: JoinSet<Result<u32, String>> = JoinSet::new();
        let count = Arc::new(AtomicU32::new(0));
        for n in 0..20 {
            let count = count.clone();
            set.spawn(async move {
                if n == 7 {
                    return Err(format!("number {n}"));
                }
                time::sleep(Duration::from_secs(9999)).await;
                count.fetch_add(1, Ordering::SeqCst);
                Ok(n)
            });
        }
        let extra = set.spawn(async { std::future::pending().await });
        set.spawn_blocking(|| Err("blocking".into()));
        let Some(Ok(Err(first_error))) = set.join_next().await else { panic!("an error is first") };
        assert!(first_error == "number 7" || first_error == "blocking");
        extra.abort();
        set.abort_all();
        while let Some(end) = set.join_next().await {
            match end {
                Ok(result) => assert!(result.is_err()),
                Err(error) => assert!(error.is_cancelled()),
            }
        }
        assert!(extra.is_finished());
        set.spawn(async { Ok(1) });
        set.shutdown().await;
        assert!(set.is_empty() && set.try_join_next().is_none());
        assert_eq!(count.load(Ordering::SeqCst), 0);
    });
}

#[test]
fn a_task_is_aborted_by_its_handle() {
    program(|| async {
        let mut handles = Vec::new();
        handles.push(openwork::spawn(async {
            time::sleep(Duration::from_secs(10)).await;
            true
        }));
        handles.push(openwork::spawn(async {
            time::sleep(Duration::from_secs(10)).await;
            false
        }));
        let abort_handles: Vec<task::AbortHandle> =
            handles.iter().map(|h| h.abort_handle()).collect();
        for handle in abort_handles {
            handle.abort();
        }
        for handle in handles {
            assert!(handle.await.unwrap_err().is_cancelled());
        }
    });
}

async fn my_background_op(id: i32) -> String {
    task::yield_now().await;
    format!("Finished background task {id}.")
}

#[test]
fn many_operations_go_on_at_once() {
    program(|| async {
        let ops = vec![1, 2, 3];
        let mut tasks = Vec::with_capacity(ops.len());
        for op in ops {
            tasks.push(openwork::spawn(my_background_op(op)));
        }
        let mut outputs = Vec::with_capacity(tasks.len());
        for task in tasks {
            outputs.push(task.await.unwrap());
        }
        assert_eq!(outputs[2], "Finished background task 3.");
        let all = futures::future::join_all((0..3).map(|n| openwork::spawn(my_background_op(n))));
        assert_eq!(all.await.len(), 3);
    });
}

#[test]
fn a_handle_in_a_select_is_taken_by_reference() {
    program(|| async {
        let mut task: JoinHandle<i32> = openwork::spawn(async {
            time::sleep(Duration::from_millis(5)).await;
            3
        });
        let mut ticks = time::interval(Duration::from_millis(1));
        let out = loop {
            openwork::select! {
                out = &mut task => break out,
                _ = ticks.tick() => {}
            }
        };
        assert_eq!(out.unwrap(), 3);
        assert!(task.is_finished());
    });
}

openwork::task_local! {
    static ONE: u32;

    #[allow(unused)]
    static TWO: f32;
}

#[test]
fn a_task_local_value_follows_its_task() {
    program(|| async {
        ONE.scope(1, async move {
            assert_eq!(ONE.get(), 1);
            ONE.scope(2, async { assert_eq!(ONE.with(|n| *n), 2) }).await;
        })
        .await;
        assert!(ONE.try_with(|_| ()).is_err());
    });
}

/// Not in Tokio: tasks that borrow from their caller.
#[test]
fn tasks_of_a_scope_borrow() {
    ends(|| {
        let numbers = vec![1, 2, 3];
        let runtime = openwork::runtime::Runtime::new().unwrap();
        let sum = runtime.scope(|s| {
            let halves =
                [s.spawn(async { numbers[0] }), s.spawn(async { numbers[1] + numbers[2] })];
            drop(halves);
            numbers.len()
        });
        assert_eq!(sum, 3);
    });
}
