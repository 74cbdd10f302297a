//! Select.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use openwork::io;
use openwork::net::{TcpListener, TcpStream};
use openwork::sync::{mpsc, oneshot};
use openwork::time::{self, sleep};

use crate::program;

#[test]
fn the_first_of_two_wins_and_the_other_is_dropped() {
    program(|| async {
        let (mut tx1, rx1) = oneshot::channel::<&str>();
        let (tx2, rx2) = oneshot::channel();
        openwork::spawn(async move {
            let _ = tx2.send("two");
        });
        openwork::select! {
            val = rx1 => panic!("rx1 completed first with {val:?}"),
            val = rx2 => assert_eq!(val, Ok("two")),
        }
        // The other receiver was dropped, so its sender gets an error.
        tx1.closed().await;
        assert!(tx1.is_closed());
    });
}

async fn some_operation() -> String {
    std::future::pending().await
}

#[test]
fn an_operation_is_cancelled_when_its_receiver_is_dropped() {
    program(|| async {
        let (mut tx1, rx1) = oneshot::channel();
        let (tx2, rx2) = oneshot::channel();
        let task = openwork::spawn(async move {
            openwork::select! {
                val = some_operation() => {
                    let _ = tx1.send(val);
                }
                _ = tx1.closed() => {}
            }
        });
        openwork::spawn(async {
            let _ = tx2.send("two");
        });
        openwork::select! {
            val = rx1 => panic!("{val:?}"),
            val = rx2 => assert_eq!(val.unwrap(), "two"),
        }
        task.await.unwrap();
    });
}

struct MySelect {
    rx1: oneshot::Receiver<&'static str>,
    rx2: oneshot::Receiver<&'static str>,
}

impl Future for MySelect {
    type Output = &'static str;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<&'static str> {
        if let Poll::Ready(val) = Pin::new(&mut self.rx1).poll(cx) {
            return Poll::Ready(val.unwrap());
        }
        if let Poll::Ready(val) = Pin::new(&mut self.rx2).poll(cx) {
            return Poll::Ready(val.unwrap());
        }
        Poll::Pending
    }
}

#[test]
fn a_select_written_by_hand() {
    program(|| async {
        let (_tx1, rx1) = oneshot::channel();
        let (tx2, rx2) = oneshot::channel();
        openwork::spawn(async move { tx2.send("two") });
        assert_eq!(MySelect { rx1, rx2 }.await, "two");
    });
}

async fn accept_until_told() -> io::Result<usize> {
    let (tx, rx) = oneshot::channel();
    let listener = TcpListener::bind("localhost:0").await?;
    let address = listener.local_addr()?;
    openwork::spawn(async move {
        for _ in 0..3 {
            TcpStream::connect(address).await.unwrap();
        }
        tx.send(()).unwrap();
    });
    let mut count = 0;
    openwork::select! {
        res = async {
            loop {
                let (socket, _) = listener.accept().await?;
                openwork::spawn(async move { drop(socket) });
                count += 1;
            }
            // Helps to infer the type of the error.
            #[allow(unreachable_code)]
            Ok::<_, io::Error>(())
        } => {
            res?;
        }
        _ = rx => {}
    }
    Ok(count)
}

#[test]
fn a_branch_may_be_a_block_that_borrows_and_fails() {
    program(|| async {
        assert!(accept_until_told().await? <= 3);
        io::Result::Ok(())
    });
}

async fn computation1() -> String {
    "first".into()
}

async fn computation2() -> String {
    "second".into()
}

#[test]
fn what_a_handler_evaluates_to_is_what_select_evaluates_to() {
    program(|| async {
        let out = openwork::select! {
            res1 = computation1() => res1,
            res2 = computation2() => res2,
        };
        assert!(out == "first" || out == "second");
    });
}

#[test]
fn a_pattern_that_does_not_match_leaves_the_rest_or_else() {
    program(|| async {
        let (tx1, mut rx1) = mpsc::channel(128);
        let (tx2, mut rx2) = mpsc::channel(128);
        openwork::spawn(async move {
            tx1.send(1).await.unwrap();
        });
        openwork::spawn(async move {
            tx2.send(2).await.unwrap();
        });
        let mut sum = 0;
        loop {
            openwork::select! {
                Some(v) = rx1.recv() => sum += v,
                Some(v) = rx2.recv() => { sum += v }
                else => break,
            }
        }
        assert_eq!(sum, 3);
    });
}

async fn write_to_either(data: &[u8], a: &mut Vec<u8>, b: &mut Vec<u8>) -> io::Result<()> {
    use openwork::io::AsyncWriteExt;
    openwork::select! {
        Ok(_) = async { a.write_all(data).await } => {}
        Ok(_) = async { b.write_all(data).await } => {}
        else => {}
    };
    Ok(())
}

#[test]
fn branches_may_borrow_the_same_and_handlers_may_change_it() {
    program(|| async {
        let (mut a, mut b) = (Vec::new(), Vec::new());
        write_to_either(b"data", &mut a, &mut b).await.unwrap();
        assert_eq!(a.len() + b.len(), 4);

        let (tx1, mut rx1) = oneshot::channel::<String>();
        let (tx2, mut rx2) = oneshot::channel::<String>();
        let mut out = String::new();
        openwork::spawn(async move {
            tx1.send("one".into()).unwrap();
            tx2.send("two".into()).unwrap();
        });
        openwork::select! {
            Ok(v) = &mut rx1 => out.push_str(&v),
            Ok(v) = &mut rx2 => out.push_str(&v),
        }
        assert_eq!(out.len(), 3);
    });
}

#[test]
fn a_loop_over_three_channels_ends_when_all_do() {
    program(|| async {
        let (tx1, mut rx1) = mpsc::channel(128);
        let (tx2, mut rx2) = mpsc::channel(128);
        let (tx3, mut rx3) = mpsc::unbounded_channel();
        for n in 0..10 {
            tx1.send(n).await.unwrap();
            tx2.send(n).await.unwrap();
            tx3.send(n).unwrap();
        }
        drop((tx1, tx2, tx3));
        let mut got = 0;
        loop {
            let msg = openwork::select! {
                Some(msg) = rx1.recv() => msg,
                Some(msg) = rx2.recv() => msg,
                Some(msg) = rx3.recv() => msg,
                else => { break }
            };
            got += msg;
        }
        assert_eq!(got, 3 * 45);
    });
}

async fn action(input: Option<i32>) -> Option<String> {
    let i = match input {
        Some(input) => input,
        None => return None,
    };
    openwork::task::yield_now().await;
    Some(i.to_string())
}

#[test]
fn an_operation_goes_on_over_the_turns_of_a_loop() {
    program(|| async {
        let (tx, mut rx) = mpsc::channel(128);
        let operation = async {
            sleep(Duration::from_millis(1)).await;
            "done"
        };
        openwork::pin!(operation);
        let mut seen = 0;
        let out = loop {
            openwork::select! {
                out = &mut operation => break out,
                Some(v) = rx.recv() => {
                    seen += v;
                    if v % 2 == 0 { continue; }
                }
            }
            let _ = tx.try_send(1);
        };
        drop(tx);
        assert_eq!((out, seen), ("done", 0));
    });
}

#[test]
fn an_operation_is_started_anew_with_set_and_a_branch_is_switched_off() {
    program(|| async {
        let (tx, mut rx) = openwork::sync::mpsc::channel(128);
        let mut done = false;
        let operation = action(None);
        openwork::pin!(operation);
        openwork::spawn(async move {
            let _ = tx.send(1).await;
            let _ = tx.send(3).await;
            let _ = tx.send(2).await;
        });
        let result = loop {
            openwork::select! {
                res = &mut operation, if !done => {
                    done = true;
                    if let Some(v) = res {
                        break v;
                    }
                }
                Some(v) = rx.recv() => {
                    if v % 2 == 0 {
                        // `.set` is a method on `Pin`.
                        operation.set(action(Some(v)));
                        done = false;
                    }
                }
            }
        };
        assert_eq!(result, "2");
    });
}

#[test]
fn a_race_against_the_clock() {
    program(|| async {
        let sleep = sleep(Duration::from_millis(5));
        openwork::pin!(sleep);
        let mut interval = time::interval(Duration::from_millis(1));
        let mut ticks = 0;
        loop {
            openwork::select! {
                _ = &mut sleep, if !sleep.is_elapsed() => {}
                _ = interval.tick() => ticks += 1,
            }
            if sleep.is_elapsed() && ticks > 1 {
                break;
            }
        }
        openwork::pin! {
            let later = time::sleep(Duration::from_secs(3600));
            let now = async { 7 };
        }
        openwork::select! {
            biased;
            _ = &mut later => unreachable!(),
            seven = &mut now => assert_eq!(seven, 7),
        }
        later.as_mut().reset(time::Instant::now() + Duration::from_millis(1));
        later.await;
    });
}

#[test]
fn biased_polls_in_the_order_of_the_branches() {
    program(|| async {
        let mut count = 0_u8;
        loop {
            openwork::select! {
                // Without `biased;` the order is a different one each time.
                biased;

                _ = async {}, if count < 1 => {
                    count += 1;
                    assert_eq!(count, 1);
                }
                _ = async {}, if count < 2 => {
                    count += 1;
                    assert_eq!(count, 2);
                }
                _ = async {}, if count < 3 => {
                    count += 1;
                    assert_eq!(count, 3);
                }
                else => break,
            };
        }
        assert_eq!(count, 3);
    });
}

#[test]
fn join_waits_for_all_and_try_join_for_the_first_error() {
    async fn do_stuff_async() -> Result<i32, &'static str> {
        openwork::task::yield_now().await;
        Ok(1)
    }
    async fn more_async_work() -> Result<(), &'static str> {
        Err("failed")
    }
    program(|| async {
        let (first, second) = openwork::join!(do_stuff_async(), more_async_work(),);
        assert_eq!((first, second), (Ok(1), Err("failed")));
        let res = openwork::try_join!(do_stuff_async(), more_async_work());
        match res {
            Ok((_first, _second)) => unreachable!(),
            Err(err) => assert_eq!(err, "failed"),
        }
        let handle1 = openwork::spawn(do_stuff_async());
        let handle2 = openwork::spawn(more_async_work());
        async fn flatten<T>(
            handle: openwork::task::JoinHandle<Result<T, &'static str>>,
        ) -> Result<T, &'static str> {
            match handle.await {
                Ok(Ok(result)) => Ok(result),
                Ok(Err(err)) => Err(err),
                Err(_) => Err("handling failed"),
            }
        }
        match openwork::try_join!(flatten(handle1), flatten(handle2)) {
            Ok(_) => unreachable!(),
            Err(err) => assert_eq!(err, "failed"),
        }
    });
}
