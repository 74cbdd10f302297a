//! The first pages of `time`.

use std::time::Duration;

use openwork::sync::{mpsc, oneshot};
use openwork::time::{self, Instant, interval, sleep, sleep_until, timeout, timeout_at};

use crate::program;

#[test]
fn sleep_waits_at_least_its_duration() {
    program(|| async {
        let now = Instant::now();
        sleep(Duration::from_millis(2)).await;
        assert!(now.elapsed() >= Duration::from_millis(2));
        sleep_until(now + Duration::from_millis(4)).await;
        assert!(Instant::now() - now >= Duration::from_millis(4));
        assert_eq!(now.saturating_duration_since(Instant::now()), Duration::ZERO);
    });
}

async fn long_future() {
    std::future::pending().await
}

#[test]
fn an_operation_that_takes_too_long_is_cancelled() {
    program(|| async {
        let res = timeout(Duration::from_millis(1), long_future()).await;
        assert!(res.is_err());
        assert_eq!(res.unwrap_err().to_string(), "deadline has elapsed");
        let (tx, rx) = oneshot::channel::<()>();
        if let Err(_) = timeout(Duration::from_millis(1), rx).await {
            assert!(tx.is_closed());
        }
        let (tx, mut rx) = mpsc::channel::<i32>(1);
        match timeout(Duration::from_millis(1), rx.recv()).await {
            Err(_elapsed) => {}
            Ok(got) => panic!("{got:?}"),
        }
        tx.send(1).await.unwrap();
        assert_eq!(timeout(Duration::from_secs(60), rx.recv()).await, Ok(Some(1)));
        let at = Instant::now() + Duration::from_secs(60);
        timeout_at(at, async { 3 }).await?;
        fn is_io(error: time::error::Elapsed) -> std::io::Error {
            error.into()
        }
        let elapsed = timeout(Duration::ZERO, long_future()).await.unwrap_err();
        assert_eq!(is_io(elapsed).kind(), std::io::ErrorKind::TimedOut);
        Ok::<(), Box<dyn std::error::Error>>(())
    });
}

async fn task_that_takes_a_moment() {
    sleep(Duration::from_millis(2)).await
}

#[test]
fn an_interval_counts_the_time_that_the_work_takes() {
    program(|| async {
        let mut interval = interval(Duration::from_millis(4));
        let start = Instant::now();
        for _i in 0..3 {
            interval.tick().await;
            task_that_takes_a_moment().await;
        }
        assert!(start.elapsed() >= Duration::from_millis(10));
        assert_eq!(interval.period(), Duration::from_millis(4));
        interval.reset();
        let first = interval.tick().await;
        assert!(first > start);
    });
}

#[test]
fn a_sleep_in_a_struct_is_reset_after_each_message() {
    struct Idle {
        sleep: std::pin::Pin<Box<time::Sleep>>,
    }
    program(|| async {
        let (tx, mut rx) = mpsc::channel(1);
        openwork::spawn(async move {
            for n in 0..3 {
                tx.send(n).await.unwrap();
            }
            std::future::pending::<()>().await;
            drop(tx);
        });
        let limit = Duration::from_millis(10);
        let mut idle = Idle { sleep: Box::pin(sleep(limit)) };
        let mut got = Vec::new();
        loop {
            openwork::select! {
                Some(n) = rx.recv() => {
                    got.push(n);
                    idle.sleep.as_mut().reset(Instant::now() + limit);
                }
                () = &mut idle.sleep => break,
            }
        }
        assert_eq!(got, [0, 1, 2]);
        assert!(idle.sleep.is_elapsed());
    });
}
