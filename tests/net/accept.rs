//! Taking connections: several at once, many behind one report, and none when descriptors run out.

use std::fs::File;
use std::net::TcpStream as StdStream;
use std::os::fd::AsRawFd;
use std::pin::pin;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::Poll;
use std::time::Duration;
use std::{env, thread};

use openwork::net::TcpListener;
use openwork::time::{Instant, sleep};
use openwork::trace::{Event, Waiting};

use crate::common::{Wakes, ends, real};
use crate::harness::{Trace, Turns};

#[test]
fn several_may_wait_at_one_door_and_each_lets_one_in() {
    ends(|| {
        let (runtime, trace) = Trace::real();
        let listener = Arc::new(runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap());
        let (address, fd) = (listener.local_addr().unwrap(), listener.as_raw_fd());
        let foreign = thread::spawn(move || {
            let all_wait = |events: &[Event]| {
                let waits = Event::Waiting(Waiting::Readable { fd });
                events.iter().filter(|event| **event == waits).count() == 3
                    && matches!(events.last(), Some(Event::Sleeps { .. }))
            };
            trace.wait_until(all_wait);
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
    ends(|| {
        real().block_on(async {
            let (turns, listener) = (Turns::new(), TcpListener::bind("127.0.0.1:0").await.unwrap());
            let (first, second) = (Wakes::new(), Wakes::new());
            let mut survivor = pin!(listener.accept());
            {
                let mut dropped = pin!(listener.accept());
                assert!(first.poll(dropped.as_mut()).is_pending());
                assert!(second.poll(survivor.as_mut()).is_pending());
                let _far = StdStream::connect(listener.local_addr().unwrap()).unwrap();
                turns.turn().await;
                assert_eq!((first.count(), second.count()), (1, 1));
            }
            assert!(second.poll(survivor).is_ready());
        });
    });
}

#[test]
fn many_connections_behind_one_report_are_all_accepted() {
    ends(|| {
        let (runtime, trace) = Trace::real();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let (address, fd) = (listener.local_addr().unwrap(), listener.as_raw_fd());
            let far = [(); 50].map(|()| StdStream::connect(address).unwrap());
            for far in &far {
                assert_eq!(listener.accept().await.unwrap().1, far.local_addr().unwrap());
            }
            let is_report =
                |event: &Event| matches!(event, Event::Ready { fd: of, .. } if *of == fd);
            assert_eq!(trace.count(is_report), 1);
            // And that there are no more is seen, too.
            assert!(Wakes::new().poll(pin!(listener.accept())).is_pending());
        });
    });
}

/// Runs this very test again, in a process that may have so many descriptors. True: this is it.
fn with_few_descriptors(test: &str, limit: usize) -> bool {
    const INNER: &str = "OPENWORK_TEST_FEW_DESCRIPTORS";
    if env::var_os(INNER).is_some() {
        return true;
    }
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("ulimit -n {limit} && exec \"$0\" \"$@\""));
    shell.arg(env::current_exe().unwrap());
    shell.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(INNER, "yes");
    let output = shell.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("1 passed"), "there is no test called {test}");
    false
}

#[test]
fn at_the_limit_of_descriptors_accept_fails_and_goes_on_when_there_is_room() {
    const NAME: &str =
        "accept::at_the_limit_of_descriptors_accept_fails_and_goes_on_when_there_is_room";
    if !with_few_descriptors(NAME, 64) {
        return;
    }
    ends(|| {
        const TRIES: usize = 5;
        let (runtime, trace) = Trace::paused();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let (address, fd) = (listener.local_addr().unwrap(), listener.as_raw_fd());
            let far = [(); 3].map(|()| StdStream::connect(address).unwrap());
            let mut hoard: Vec<File> = Vec::new();
            let full = loop {
                match File::open("/dev/null") {
                    Ok(file) => hoard.push(file),
                    Err(error) => break error.raw_os_error(),
                }
            };
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
            let start = Instant::now();
            sleep(Duration::from_millis(1000 * TRIES as u64 - 500)).await;
            assert_eq!(failed.load(SeqCst), TRIES);
            drop(hoard);

            // Nobody else knocks, and nothing is reported: the door itself was never "not ready".
            let peers = server.await.unwrap();
            assert_eq!(start.elapsed(), Duration::from_secs(TRIES as u64));
            for (far, (_, peer)) in far.iter().zip(&peers) {
                assert_eq!(far.local_addr().unwrap(), *peer);
            }
            let is_report =
                |event: &Event| matches!(event, Event::Ready { fd: of, .. } if *of == fd);
            assert_eq!(trace.count(is_report), 1);
            // One poll that waits for the report, one for each second, and no others.
            let is_poll = |event: &Event| matches!(event, Event::PollBegins { .. });
            assert_eq!(trace.count(is_poll), 2 + TRIES);
        });
    });
}

#[test]
fn accept_and_its_poll_form_wait_side_by_side() {
    ends(|| {
        real().block_on(async {
            let (turns, listener) = (Turns::new(), TcpListener::bind("127.0.0.1:0").await.unwrap());
            let (by_future, by_poll) = (Wakes::new(), Wakes::new());
            let mut accept = pin!(listener.accept());
            assert!(by_future.poll(accept.as_mut()).is_pending());
            let mut polled = pin!(std::future::poll_fn(|cx| listener.poll_accept(cx)));
            assert!(by_poll.poll(polled.as_mut()).is_pending());

            let address = listener.local_addr().unwrap();
            let first = StdStream::connect(address).unwrap();
            turns.turn().await;
            assert_eq!((by_future.count(), by_poll.count()), (1, 1));
            let Poll::Ready(accepted) = by_poll.poll(polled) else { panic!("it was woken") };
            assert_eq!(accepted.unwrap().1, first.local_addr().unwrap());
            // The other finds nobody there any more, and waits on.
            assert!(by_future.poll(accept.as_mut()).is_pending());
            let second = StdStream::connect(address).unwrap();
            turns.turn().await;
            let Poll::Ready(accepted) = by_future.poll(accept) else { panic!("it was woken") };
            assert_eq!(accepted.unwrap().1, second.local_addr().unwrap());
        });
    });
}
