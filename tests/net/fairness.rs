//! Fairness: sockets beside busy tasks, busy sockets beside tasks, and a runtime with nothing to do.

use std::future::poll_fn;
use std::io::{Read, Write};
use std::net::TcpStream as StdStream;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use futures::FutureExt;
use futures::channel::oneshot;
use openwork::io::{AsyncReadExt, AsyncWriteExt};
use openwork::net::TcpListener;
use openwork::task::yield_now;
use openwork::time::{Instant, sleep, timeout};
use openwork::trace::{Cause, Event, Outcome, WaitReason};

use crate::common::sockets::Turns;
use crate::common::{Flavour, ends, on_every_flavour};
use crate::harness::{MORE_THAN_FITS, Trace, from_std, pair, std_pair};

/// Behaviour 7.
#[test]
fn sockets_are_served_while_a_hundred_tasks_wake_themselves_for_ever() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            for _ in 0..100 {
                drop(openwork::spawn(poll_fn(|cx| {
                    cx.waker().wake_by_ref();
                    Poll::<()>::Pending
                })));
            }
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let foreign = thread::spawn(move || {
                let mut far = StdStream::connect(address).unwrap();
                let mut echo = [0; 8];
                for turn in 0..100_u64 {
                    far.write_all(&turn.to_ne_bytes()).unwrap();
                    far.read_exact(&mut echo).unwrap();
                    assert_eq!(u64::from_ne_bytes(echo), turn);
                }
            });
            let (mut near, _) = listener.accept().await.unwrap();
            let echo = openwork::spawn(async move {
                let mut buf = [0; 8];
                while near.read_exact(&mut buf).await.is_ok() {
                    near.write_all(&buf).await.unwrap();
                }
            });
            echo.await.unwrap();
            foreign.join().unwrap();
        });
    });
}

/// With one thread: of several, the others sleep meanwhile, as they should.
#[test]
fn tasks_run_while_others_wait_for_sockets() {
    ends(|| {
        let (runtime, trace) = Trace::of(Flavour::CurrentThread);
        runtime.block_on(async {
            let (mut near, _far) = pair();
            drop(openwork::spawn(async move { near.read(&mut [0; 8]).await }));
            let mark = trace.len();
            let busy = openwork::spawn(async {
                for _ in 0..10_000 {
                    yield_now().await;
                }
            });
            let busy_id = busy.id().to_string();
            busy.await.unwrap();
            let events = trace.since(mark);
            let is_end = |event: &Event| matches!(event, Event::PollEnds { task, outcome: Outcome::Returned } if task.to_string() == busy_id);
            let end = events.iter().position(is_end).unwrap();
            let sleeps = |event: &&Event| matches!(event, Event::Park { .. });
            assert_eq!(events[..end].iter().filter(sleeps).count(), 0);
        });
    });
}

#[test]
fn an_idle_runtime_sleeps_even_if_its_sockets_have_unread_data() {
    on_every_flavour(|flavour| {
        let (runtime, trace) = Trace::of(flavour);
        runtime.block_on(async {
            let turns = Turns::new();
            let sockets: Vec<_> = (0..50).map(|_| pair()).collect();
            // Unread data, an end of a stream that is not read, free room that is not written.
            for (index, (_, far)) in sockets.iter().enumerate() {
                match index % 3 {
                    0 => (&mut &*far).write_all(b"unread").unwrap(),
                    1 => far.shutdown(std::net::Shutdown::Both).unwrap(),
                    _ => {}
                }
            }
            turns.turn().await;
            if flavour != Flavour::CurrentThread {
                trace.wait_until_asleep(|_| true);
            }
            let mark = trace.len();
            sleep(Duration::from_millis(200)).await;
            let events = trace.since(mark);
            let wakes = events.iter().filter(|event| matches!(event, Event::Unpark)).count();
            match flavour {
                Flavour::CurrentThread => assert_eq!(wakes, 1, "{events:?}"),
                // One poll learns of the deadline, one is woken by it; and a few workers that were about to park may
                // have polled once more.
                Flavour::Workers(_) => assert!(wakes < 20, "{events:?}"),
            }
        });
    });
}

#[test]
fn a_paused_clock_does_not_wait_for_sockets_on_which_nothing_happens() {
    ends(|| {
        let (runtime, trace) = Trace::paused();
        runtime.block_on(async {
            let (mut near, mut far) = pair();
            let (unread, mut far_from_unread) = pair();
            far_from_unread.write_all(b"unread").unwrap();
            let start = Instant::now();
            let hour = Duration::from_secs(3600);
            assert!(timeout(hour, near.read(&mut [0; 8])).await.is_err());
            assert_eq!(start.elapsed(), hour);
            assert_eq!(trace.count(|event| *event == Event::ClockJumped { by: hour }), 1);
            // An event that is there comes before the jump.
            far.write_all(b"now").unwrap();
            assert_eq!(timeout(hour, near.read(&mut [0; 8])).await.unwrap().unwrap(), 3);
            assert_eq!(start.elapsed(), hour);
            drop(unread);
        });
    });
}

// ---- the budget (behaviour 12) ----

/// How often task `id` yielded although it could have continued.
fn gave_way(trace: &Trace, id: &str) -> usize {
    trace.count(
        |event| matches!(event, Event::Woken { task, by } if task.to_string() == id && *by == Cause::Task(*task)),
    )
}

#[test]
fn a_task_that_could_read_for_ever_gives_way_after_128_reads() {
    on_every_flavour(|flavour| {
        let (runtime, trace) = Trace::of(flavour);
        runtime.block_on(async {
            let (turns, (mut near, mut far)) = (Turns::new(), pair());
            far.write_all(&[0; 1000]).unwrap();
            turns.turn().await;
            let reads = openwork::spawn(async move {
                for _ in 0..1000 {
                    near.read(&mut [0; 1]).await.unwrap();
                }
            });
            let id = reads.id().to_string();
            reads.await.unwrap();
            assert_eq!(gave_way(&trace, &id), 1000 / 128);
        });
    });
}

#[test]
fn a_task_that_could_write_or_peek_or_accept_for_ever_gives_way_too() {
    on_every_flavour(|flavour| {
        let (runtime, trace) = Trace::of(flavour);
        runtime.block_on(async {
            let turns = Turns::new();
            let (near, _far) = pair();
            // Its first event is handled now, and does not come in between.
            turns.turn().await;
            let writes = openwork::spawn(async move {
                for _ in 0..1000 {
                    (&near).write_all(b"!").await.unwrap();
                }
            });
            let (near, mut far) = pair();
            far.write_all(b"!").unwrap();
            turns.turn().await;
            let peeks = openwork::spawn(async move {
                for _ in 0..1000 {
                    near.peek(&mut [0; 1]).await.unwrap();
                }
            });
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let far: Vec<_> = (0..150).map(|_| StdStream::connect(address).unwrap()).collect();
            turns.turn().await;
            let accepts = openwork::spawn(async move {
                for _ in 0..150 {
                    listener.accept().await.unwrap();
                }
            });
            for (task, times) in [(writes, 1000), (peeks, 1000), (accepts, 150)] {
                let id = task.id().to_string();
                task.await.unwrap();
                assert_eq!(gave_way(&trace, &id), times / 128, "{times}");
            }
            drop(far);
        });
    });
}

#[test]
fn a_task_for_which_a_socket_is_readable_for_ever_gives_way_too() {
    on_every_flavour(|flavour| {
        let (runtime, trace) = Trace::of(flavour);
        runtime.block_on(async {
            let (turns, (near, mut far)) = (Turns::new(), pair());
            far.write_all(&[0; 1000]).unwrap();
            turns.turn().await;
            let reads = openwork::spawn(async move {
                for _ in 0..1000 {
                    near.readable().await.unwrap();
                    near.try_read(&mut [0; 1]).unwrap();
                }
            });
            let id = reads.id().to_string();
            reads.await.unwrap();
            assert_eq!(gave_way(&trace, &id), 1000 / 128);
        });
    });
}

#[test]
fn without_a_poll_of_the_runtimes_there_is_no_budget() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let (near, mut far) = runtime.block_on(async {
            let (turns, (near, far)) = (Turns::new(), pair());
            (&far).write_all(&[0; 1000]).unwrap();
            turns.turn().await;
            (near, far)
        });
        for _ in 0..1000 {
            (&near).read(&mut [0; 1]).now_or_never().expect("all is there").unwrap();
        }
        far.flush().unwrap();
    });
}

/// Behaviour 13.
#[test]
fn a_timeout_gets_through_to_a_task_that_is_never_without_data() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (near, mut far) = pair();
            far.write_all(b"!").unwrap();
            let others_turns = Arc::new(AtomicUsize::new(0));
            let others = openwork::spawn({
                let turns = others_turns.clone();
                async move {
                    loop {
                        turns.fetch_add(1, SeqCst);
                        yield_now().await;
                    }
                }
            });
            // A peek leaves the data: each poll spends its whole budget.
            let looks = openwork::spawn(async move {
                let look = async { while near.peek(&mut [0; 1]).await.is_ok() {} };
                timeout(Duration::from_millis(20), look).await.unwrap_err();
            });
            looks.await.unwrap();
            assert!(others_turns.load(SeqCst) > 1);
            others.abort();
        });
    });
}

#[test]
fn a_large_write_does_not_keep_others_from_their_turn() {
    on_every_flavour(|flavour| {
        let (runtime, trace) = Trace::of(flavour);
        let (near, mut far) = std_pair();
        let fd = near.as_raw_fd();
        let ((stuck, is_stuck), (tell, go)) = (oneshot::channel(), mpsc::channel());
        let foreign = thread::spawn({
            let trace = trace.clone();
            move || {
                trace.wait_until_asleep_over(&[WaitReason::Writable { fd }]);
                stuck.send(()).unwrap();
                go.recv().unwrap();
                std::io::copy(&mut far, &mut std::io::sink()).unwrap()
            }
        });
        runtime.block_on(async {
            let mut near = from_std(near);
            let writes = openwork::spawn(async move {
                near.write_all(&vec![0; MORE_THAN_FITS]).await.unwrap();
            });
            // The other task runs at once, even while the writer waits.
            openwork::spawn(async {}).await.unwrap();
            assert!(!writes.is_finished());
            is_stuck.await.unwrap();
            openwork::spawn(async {}).await.unwrap();
            assert!(!writes.is_finished());
            tell.send(()).unwrap();
            writes.await.unwrap();
        });
        assert_eq!(foreign.join().unwrap(), MORE_THAN_FITS as u64);
    });
}
