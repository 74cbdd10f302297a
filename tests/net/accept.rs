//! Taking connections: several at once, many behind one report, and none when descriptors run out.

use std::fs::File;
use std::net::{TcpListener as StdListener, TcpStream as StdStream};
use std::os::fd::AsRawFd;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use openwork::net::TcpListener;
use openwork::time::{Instant, sleep};
use openwork::trace::{Event, WaitReason};

use crate::common::sockets::Turns;
use crate::common::{Wakes, alone_under, ends, on_every_flavour, until, with_workers};
use crate::harness::Trace;

#[test]
fn several_tasks_wait_for_one_listener_and_each_accepts_one_connection() {
    on_every_flavour(|flavour| {
        let (runtime, trace) = Trace::of(flavour);
        let listener = Arc::new(runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap());
        let (address, fd) = (listener.local_addr().unwrap(), listener.as_raw_fd());
        let foreign = thread::spawn(move || {
            trace.wait_until_asleep(|events| {
                let waits = Event::Waits(WaitReason::Readable { fd });
                events.iter().filter(|event| **event == waits).count() == 3
            });
            let far = [(); 3].map(|()| StdStream::connect(address).unwrap());
            far.map(|far| far.local_addr().unwrap())
        });
        let mut peers = runtime.block_on(async {
            let tasks = [(); 3].map(|()| {
                let listener = listener.clone();
                openwork::spawn(async move { listener.accept().await.unwrap().1 })
            });
            let mut peers = Vec::new();
            for task in tasks {
                peers.push(task.await.unwrap());
            }
            peers
        });
        let mut expected = foreign.join().unwrap();
        peers.sort();
        expected.sort();
        assert_eq!(peers, expected);
    });
}

#[test]
fn an_accept_that_is_woken_and_then_dropped_leaves_the_connection_to_the_others() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (turns, listener) = (Turns::new(), TcpListener::bind("127.0.0.1:0").await.unwrap());
            let (first, second) = (Wakes::new(), Wakes::new());
            let mut survivor = pin!(listener.accept());
            {
                let mut dropped = pin!(listener.accept());
                assert!(first.poll(dropped.as_mut()).is_pending());
                assert!(second.poll(survivor.as_mut()).is_pending());
                let _far = StdStream::connect(listener.local_addr().unwrap()).unwrap();
                turns.until(|| first.count() > 0 && second.count() > 0).await;
                assert_eq!((first.count(), second.count()), (1, 1));
            }
            assert!(second.poll(survivor).is_ready());
        });
    });
}

#[test]
fn many_connections_behind_one_report_are_all_accepted() {
    on_every_flavour(|flavour| {
        let (runtime, trace) = Trace::of(flavour);
        runtime.block_on(async {
            // The connections are queued before a task waits for them.
            let listener = StdListener::bind("127.0.0.1:0").unwrap();
            let (address, fd) = (listener.local_addr().unwrap(), listener.as_raw_fd());
            let far = [(); 50].map(|()| StdStream::connect(address).unwrap());
            listener.set_nonblocking(true).unwrap();
            let listener = TcpListener::from_std(listener).unwrap();
            for far in &far {
                assert_eq!(listener.accept().await.unwrap().1, far.local_addr().unwrap());
            }
            let is_report =
                |event: &Event| matches!(event, Event::Ready { fd: of, .. } if *of == fd);
            assert_eq!(trace.count(is_report), 1);
            // The next accept finds the queue empty.
            assert!(Wakes::new().poll(pin!(listener.accept())).is_pending());
        });
    });
}

/// Opens descriptors until the limit, and returns the error of the next one.
fn take_all_descriptors() -> (Vec<File>, Option<i32>) {
    let mut hoard = Vec::new();
    loop {
        match File::open("/dev/null") {
            Ok(file) => hoard.push(file),
            Err(error) => break (hoard, error.raw_os_error()),
        }
    }
}

#[test]
fn at_the_limit_of_descriptors_accept_fails_and_goes_on_when_there_is_room() {
    const NAME: &str = "at_the_limit_of_descriptors_accept_fails_and_goes_on_when_there_is_room";
    alone_under(NAME, "ulimit -n 64", || {
        ends(|| {
            const TRIES: usize = 5;
            let (runtime, trace) = Trace::paused();
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let (address, fd) = (listener.local_addr().unwrap(), listener.as_raw_fd());
                let far = [(); 3].map(|()| StdStream::connect(address).unwrap());
                let (hoard, full) = take_all_descriptors();
                assert_eq!(full, Some(rustix::io::Errno::MFILE.raw_os_error()));

                let failed = Arc::new(AtomicUsize::new(0));
                let server = openwork::spawn({
                    let failed = failed.clone();
                    async move {
                        let mut peers = Vec::new();
                        while peers.len() < 3 {
                            match listener.accept().await {
                                Ok((stream, peer)) => peers.push((stream, peer)),
                                Err(error) => {
                                    assert_eq!(error.raw_os_error(), full, "{error}");
                                    failed.fetch_add(1, SeqCst);
                                    sleep(Duration::from_secs(1)).await;
                                }
                            }
                        }
                        peers
                    }
                });
                let id: u64 = server.id().to_string().parse().unwrap();
                let start = Instant::now();
                sleep(Duration::from_millis(1000 * TRIES as u64 - 500)).await;
                assert_eq!(failed.load(SeqCst), TRIES);
                drop(hoard);

                // No connection comes, and no event: the listener counts as ready all the time.
                let peers = server.await.unwrap();
                assert_eq!(start.elapsed(), Duration::from_secs(TRIES as u64));
                for (far, (_, peer)) in far.iter().zip(&peers) {
                    assert_eq!(far.local_addr().unwrap(), *peer);
                }
                let is_report =
                    |event: &Event| matches!(event, Event::Ready { fd: of, .. } if *of == fd);
                assert_eq!(trace.count(is_report), 1);
                // One poll of the server that waits for the event, one for each second, and no others.
                let is_poll =
                    |event: &Event| matches!(event, Event::PollBegins { task, .. } if *task == id);
                assert_eq!(trace.count(is_poll), 2 + TRIES);
            });
        })
    });
}

#[test]
fn workers_too_go_on_when_there_is_room_for_a_connection() {
    const NAME: &str = "workers_too_go_on_when_there_is_room_for_a_connection";
    alone_under(NAME, "ulimit -n 64", || {
        with_workers(|flavour| {
            flavour.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let address = listener.local_addr().unwrap();
                let far = [(); 3].map(|()| StdStream::connect(address).unwrap());
                let (hoard, full) = take_all_descriptors();
                let failed = Arc::new(AtomicUsize::new(0));
                let fails = failed.clone();
                let server = openwork::spawn(async move {
                    let mut peers = Vec::new();
                    while peers.len() < 3 {
                        match listener.accept().await {
                            Ok((stream, peer)) => peers.push((stream, peer)),
                            Err(error) => {
                                assert_eq!(error.raw_os_error(), full, "{error}");
                                fails.fetch_add(1, SeqCst);
                                sleep(Duration::from_millis(1)).await;
                            }
                        }
                    }
                    peers
                });
                until(|| failed.load(SeqCst) >= 3).await;
                drop(hoard);
                for (far, (_, peer)) in far.iter().zip(&server.await.unwrap()) {
                    assert_eq!(far.local_addr().unwrap(), *peer);
                }
            });
        });
    });
}

#[test]
fn accept_and_its_poll_form_wait_side_by_side() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (turns, listener) = (Turns::new(), TcpListener::bind("127.0.0.1:0").await.unwrap());
            let (by_future, by_poll) = (Wakes::new(), Wakes::new());
            let mut accept = pin!(listener.accept());
            assert!(by_future.poll(accept.as_mut()).is_pending());
            let mut polled = pin!(std::future::poll_fn(|cx| listener.poll_accept(cx)));
            assert!(by_poll.poll(polled.as_mut()).is_pending());

            let address = listener.local_addr().unwrap();
            let first = StdStream::connect(address).unwrap();
            turns.until(|| by_future.count() > 0 && by_poll.count() > 0).await;
            assert_eq!((by_future.count(), by_poll.count()), (1, 1));
            let Poll::Ready(accepted) = by_poll.poll(polled) else { panic!("it was woken") };
            assert_eq!(accepted.unwrap().1, first.local_addr().unwrap());
            // The other finds the queue empty, and continues to wait.
            assert!(by_future.poll(accept.as_mut()).is_pending());
            let second = StdStream::connect(address).unwrap();
            turns.until(|| by_future.count() > 1).await;
            let Poll::Ready(accepted) = by_future.poll(accept) else { panic!("it was woken") };
            assert_eq!(accepted.unwrap().1, second.local_addr().unwrap());
        });
    });
}
