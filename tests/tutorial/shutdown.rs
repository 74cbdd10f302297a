//! Graceful shutdown.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use openwork::signal;
use openwork::sync::{CancellationToken, broadcast, mpsc};
use openwork::task::TaskTracker;
use openwork::time::sleep;

use crate::common::{alone, until};
use crate::program;

/// A process of its own, because a signal goes to the whole process.
#[test]
fn ctrl_c_or_a_message_ends_the_program() {
    alone("ctrl_c_or_a_message_ends_the_program", || {
        program(|| async {
            let (shutdown_send, mut shutdown_recv) = mpsc::unbounded_channel::<()>();
            // The handler is installed when this has been polled.
            let waits = openwork::spawn(async { signal::ctrl_c().await });
            let polled = || {
                let tasks = openwork::runtime::Handle::current().tasks();
                tasks.iter().all(|task| task.polls > 0)
            };
            until(polled).await;
            openwork::task::spawn_blocking(|| {
                Command::new("sh").args(["-c", "kill -INT $PPID"]).status().unwrap();
            });
            openwork::select! {
                result = waits => match result.unwrap() {
                    Ok(()) => {}
                    Err(err) => panic!("Unable to listen for shutdown signal: {err}"),
                },
                _ = shutdown_recv.recv() => unreachable!(),
            }
            drop(shutdown_send);
            assert_eq!(shutdown_recv.recv().await, None);
        });
    });
}

#[test]
fn a_token_tells_all_its_clones_to_stop() {
    program(|| async {
        let token = CancellationToken::new();
        let cloned_token = token.clone();
        let task1_handle = openwork::spawn(async move {
            openwork::select! {
                _ = cloned_token.cancelled() => 5,
                _ = sleep(Duration::from_secs(9999)) => 0,
            }
        });
        let task2_handle = openwork::spawn(async move {
            sleep(Duration::from_millis(1)).await;
            token.cancel();
        });
        assert_eq!(task1_handle.await.unwrap(), 5);
        task2_handle.await.unwrap();
    });
}

async fn background_task(token: CancellationToken, stopped: Arc<AtomicUsize>) {
    let _child = token.child_token().drop_guard();
    match token.run_until_cancelled(sleep(Duration::from_secs(9999))).await {
        Some(()) => unreachable!(),
        None => stopped.fetch_add(1, Ordering::SeqCst),
    };
}

#[test]
fn a_tracker_waits_until_all_tasks_have_cleaned_up() {
    program(|| async {
        let tracker = TaskTracker::new();
        let (token, stopped) = (CancellationToken::new(), Arc::new(AtomicUsize::new(0)));
        for _ in 0..10 {
            tracker.spawn(background_task(token.clone(), stopped.clone()));
        }
        {
            let (tracker, token) = (tracker.clone(), token.clone());
            openwork::spawn(async move {
                sleep(Duration::from_millis(1)).await;
                tracker.close();
                token.cancel();
            });
        }
        tracker.wait().await;
        assert_eq!(stopped.load(Ordering::SeqCst), 10);
        assert!(tracker.is_closed() && tracker.is_empty());
    });
}

/// As in the tutorial's store: a broadcast requests the shutdown, and a channel whose last sender is dropped says that
/// all tasks have ended.
#[test]
fn a_broadcast_requests_shutdown_and_a_closed_channel_says_that_all_tasks_ended() {
    program(|| async {
        let (notify_shutdown, _) = broadcast::channel::<()>(1);
        let (shutdown_complete_tx, mut shutdown_complete_rx) = mpsc::channel::<()>(1);
        for _ in 0..10 {
            let mut shutdown = notify_shutdown.subscribe();
            let complete = shutdown_complete_tx.clone();
            openwork::spawn(async move {
                openwork::select! {
                    _ = std::future::pending::<()>() => {}
                    _ = shutdown.recv() => {}
                }
                drop(complete);
            });
        }
        drop(notify_shutdown);
        drop(shutdown_complete_tx);
        let _ = shutdown_complete_rx.recv().await;
    });
}
