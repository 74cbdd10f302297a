//! Descriptors that are closed, reused or handed over, and descriptors that outlive their runtime.

use std::future::{Future, poll_fn};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream as StdStream;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::pin::pin;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll};
use std::thread;

use futures::channel::oneshot;
use futures::executor::block_on as block_on_elsewhere;
use openwork::io::unix::AsyncFd;
use openwork::io::{AsyncReadExt, AsyncWriteExt};
use openwork::net::{TcpListener, TcpStream, UnixStream};
use openwork::runtime::Handle;
use openwork::trace::{Event, WaitReason};

use crate::common::sockets::Turns;
use crate::common::{Flavour, Wakes, alone, on_every_flavour, until};
use crate::harness::{PeerListener, Trace, from_std, pair, poll_read, std_pair};

fn watched(handle: &Handle) -> usize {
    handle.metrics().io_driver_fd_registered_count()
}

/// How often the descriptor `fd` was reported as readable.
fn reads_reported(events: &[Event], fd: i32) -> usize {
    let is_it =
        |event: &&Event| matches!(event, Event::Ready { fd: of, readable: true, .. } if *of == fd);
    events.iter().filter(is_it).count()
}

#[test]
fn a_closed_descriptor_is_forgotten_before_its_number_comes_back() {
    // In a process of its own: other tests would take the number.
    const NAME: &str = "a_closed_descriptor_is_forgotten_before_its_number_comes_back";
    alone(NAME, || {
        on_every_flavour(|flavour| {
            let (runtime, trace) = Trace::of(flavour);
            runtime.block_on(async {
                let (turns, peers) = (Turns::new(), PeerListener::open());
                let (near, mut old_far) = peers.pair();
                let fd = near.as_raw_fd();
                // The connection itself stays open, so that closing the descriptor is not enough to end
                // the system's interest in it.
                let _keeps_it_open = near.try_clone().unwrap();
                let near = from_std(near);
                let old_wakes = Wakes::new();
                assert!(poll_read(&near, &old_wakes, &mut [0; 8]).is_pending());
                turns.turn().await;
                drop(near);
                assert_eq!(old_wakes.kept(), 0);

                let (near, mut far) = peers.pair_with_number(fd);
                let wakes = Wakes::new();
                assert!(poll_read(&near, &wakes, &mut [0; 8]).is_pending());
                let mark = trace.len();
                old_far.write_all(b"for the one before").unwrap();
                turns.turn().await;
                assert_eq!(reads_reported(&trace.since(mark), fd), 0);
                assert_eq!((old_wakes.count(), wakes.count()), (0, 0));

                far.write_all(b"mine").unwrap();
                turns.until(|| wakes.count() > 0).await;
                assert_eq!(reads_reported(&trace.since(mark), fd), 1);
                assert_eq!((old_wakes.count(), wakes.count()), (0, 1));
            });
        })
    });
}

/// Closes its descriptor when it is dropped, and watches another one, which then has the number.
struct Replaced {
    near: Option<StdUnixStream>,
    next: Arc<Mutex<Option<(UnixStream, StdUnixStream)>>>,
}

impl AsFd for Replaced {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.near.as_ref().unwrap().as_fd()
    }
}

impl Drop for Replaced {
    fn drop(&mut self) {
        let number = self.as_fd().as_raw_fd();
        self.near = None;
        let (near, far) = StdUnixStream::pair().unwrap();
        assert_eq!(near.as_raw_fd(), number);
        near.set_nonblocking(true).unwrap();
        let near = UnixStream::from_std(near).unwrap();
        *self.next.lock().unwrap() = Some((near, far));
    }
}

#[test]
fn a_descriptor_is_closed_after_the_poller_has_forgotten_it() {
    // In a process of its own: other tests would take the number.
    alone("a_descriptor_is_closed_after_the_poller_has_forgotten_it", || {
        on_every_flavour(|flavour| {
            flavour.block_on(async {
                let (near, _far) = StdUnixStream::pair().unwrap();
                near.set_nonblocking(true).unwrap();
                let next = Arc::default();
                let replaced = Replaced { near: Some(near), next: Arc::clone(&next) };
                drop(AsyncFd::new(replaced).unwrap());
                let (mut near, mut far) = next.lock().unwrap().take().unwrap();
                far.write_all(b"mine").unwrap();
                let mut text = [0; 4];
                near.read_exact(&mut text).await.unwrap();
                assert_eq!(&text, b"mine");
            });
        });
    });
}

#[test]
fn a_report_that_is_under_way_does_not_reach_the_next_socket_of_that_number() {
    // In a process of its own: other tests would take the number.
    const NAME: &str = "a_report_that_is_under_way_does_not_reach_the_next_socket_of_that_number";
    alone(NAME, || {
        on_every_flavour(|flavour| {
            // Two sockets are reported together. The waker of the first closes the second and opens another with its
            // number, before the second event is handled.
            let second = Arc::new(Mutex::new(None::<TcpStream>));
            let trigger = Arc::new(Mutex::new(None::<i32>));
            let replaced = Arc::new(Mutex::new(None));
            let reports = Arc::new(Mutex::new(Vec::new()));
            // A worker would fetch the first event before there is a second. So the event of a third socket delays it
            // until both have come.
            let held_by = Arc::new(Mutex::new(None::<i32>));
            let ((hold, is_held), (let_go, is_dropped_with_its_future)) =
                (mpsc::channel(), mpsc::channel());
            let is_dropped_with_its_future = Mutex::new(is_dropped_with_its_future);
            let peers = PeerListener::open();
            let mut builder = flavour.builder();
            builder.on_event({
                let held_by = held_by.clone();
                let (second, trigger) = (second.clone(), trigger.clone());
                let (replaced, reports) = (replaced.clone(), reports.clone());
                move |record| {
                    let Event::Ready { fd, readable: true, .. } = record.event else { return };
                    reports.lock().unwrap().push(fd);
                    if held_by.lock().unwrap().take_if(|third| *third == fd).is_some() {
                        hold.send(()).unwrap();
                        is_dropped_with_its_future.lock().unwrap().recv().unwrap();
                    }
                    if *trigger.lock().unwrap() == Some(fd) {
                        *trigger.lock().unwrap() = None;
                        let number = second.lock().unwrap().take().unwrap().as_raw_fd();
                        *replaced.lock().unwrap() = Some(peers.pair_with_number(number));
                    }
                }
            });

            builder.build().unwrap().block_on(async {
                let turns = Turns::new();
                let ((first, mut far_from_first), (near, mut far_from_second)) = (pair(), pair());
                let (third, mut far_from_third) = pair();
                let fd = near.as_raw_fd();
                turns.turn().await;
                if flavour != Flavour::CurrentThread {
                    *held_by.lock().unwrap() = Some(third.as_raw_fd());
                    far_from_third.write_all(b"!").unwrap();
                    is_held.recv().unwrap();
                }
                *trigger.lock().unwrap() = Some(first.as_raw_fd());
                *second.lock().unwrap() = Some(near);
                far_from_first.write_all(b"!").unwrap();
                far_from_second.write_all(b"!").unwrap();
                let_go.send(()).unwrap();
                turns.turn().await;

                let (near, mut far) =
                    replaced.lock().unwrap().take().expect("the first was reported");
                assert_eq!(near.as_raw_fd(), fd);
                let reported = || reports.lock().unwrap().iter().filter(|of| **of == fd).count();
                assert_eq!(reported(), 0, "it was told of the other's data");
                let wakes = Wakes::new();
                assert!(poll_read(&near, &wakes, &mut [0; 8]).is_pending());
                far.write_all(b"!").unwrap();
                turns.until(|| wakes.count() > 0).await;
                assert_eq!((reported(), wakes.count()), (1, 1));
            });
        })
    });
}

#[test]
fn ten_thousand_sockets_one_after_the_other_leave_nothing() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        runtime.block_on(async {
            let (near, _far) = std_pair();
            let mut near = near;
            for _ in 0..10_000 {
                near = from_std(near).into_std().unwrap();
            }
        });
        assert_eq!(watched(runtime.handle()), 0);
    });
}

// ---- from std, and back ----

#[test]
fn a_socket_goes_to_std_and_back_with_its_data() {
    on_every_flavour(|flavour| {
        let (near, mut far) = std_pair();
        let fd = near.as_raw_fd();
        let near = flavour.block_on(async {
            let mut near = from_std(near);
            far.write_all(b"one two three").unwrap();
            let mut word = [0; 4];
            near.read_exact(&mut word).await.unwrap();
            assert_eq!(&word, b"one ");
            assert_eq!(watched(&Handle::current()), 1);
            let near = near.into_std().unwrap();
            assert_eq!(watched(&Handle::current()), 0);
            // The same number again, in the same runtime.
            let mut near = TcpStream::try_from(near).unwrap();
            near.read_exact(&mut word).await.unwrap();
            assert_eq!(&word, b"two ");
            near.into_std().unwrap()
        });

        // In another runtime, and then without one.
        let mut near = flavour.block_on(async {
            let mut near = from_std(near);
            near.read_exact(&mut [0; 5]).await.unwrap();
            near.into_std().unwrap()
        });
        assert_eq!(near.as_raw_fd(), fd);
        assert_eq!(near.read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::WouldBlock);
        near.set_nonblocking(false).unwrap();
        far.write_all(b"four").unwrap();
        assert_eq!(near.read(&mut [0; 8]).unwrap(), 4);
    });
}

#[test]
fn a_listener_goes_to_std_and_back_with_the_connections_in_its_backlog() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let listener = listener.into_std().unwrap();
        assert_eq!(watched(runtime.handle()), 0);
        let far = StdStream::connect(address).unwrap();
        let (_, peer) = flavour
            .block_on(async { TcpListener::try_from(listener).unwrap().accept().await.unwrap() });
        assert_eq!(peer, far.local_addr().unwrap());
    });
}

#[test]
fn a_socket_may_be_awaited_in_another_runtime_while_its_own_is_driven() {
    on_every_flavour(|flavour| {
        let (send, receive) = mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let driver = thread::spawn(move || {
            flavour.block_on(async {
                send.send(pair()).unwrap();
                stopped.await.unwrap();
            });
        });
        let (mut near, mut far) = receive.recv().unwrap();
        let fd = near.as_raw_fd();
        let (runtime, trace) = Trace::of(flavour);
        let foreign = thread::spawn(move || {
            trace.wait_until_asleep_over(&[WaitReason::Readable { fd }]);
            far.write_all(b"hello").unwrap();
        });
        assert_eq!(runtime.block_on(near.read(&mut [0; 8])).unwrap(), 5);
        foreign.join().unwrap();
        stop.send(()).unwrap();
        driver.join().unwrap();
    });
}

// ---- after the end of the runtime ----

/// Behaviour 19.
#[test]
fn at_the_end_of_the_runtime_every_wait_for_a_socket_is_woken_with_an_error() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let handle = runtime.handle().clone();
        let _entered = handle.enter();
        let wakes = Wakes::new();
        let (near, _far, listener) = runtime.block_on(async {
            let ((near, far), listener) = (pair(), TcpListener::bind("127.0.0.1:0").await.unwrap());
            (near, far, listener)
        });
        let mut readable = pin!(near.readable());
        let mut accept = pin!(listener.accept());
        let mut buf = [0; 8];
        assert!(wakes.poll(readable.as_mut()).is_pending());
        assert!(wakes.poll(accept.as_mut()).is_pending());
        assert!(poll_read(&near, &wakes, &mut buf).is_pending());

        drop(runtime);
        assert_eq!((wakes.count(), wakes.kept()), (3, 0));
        for end in [
            block_on_elsewhere(readable),
            block_on_elsewhere(accept).map(drop),
            block_on_elsewhere((&near).read(&mut buf)).map(drop),
            block_on_elsewhere((&near).write(b"!")).map(drop),
            block_on_elsewhere(near.writable()),
            block_on_elsewhere(near.peek(&mut buf)).map(drop),
            near.try_read(&mut buf).map(drop),
            near.try_write(b"!").map(drop),
        ] {
            let error = end.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Other);
            assert!(error.to_string().contains("runtime"), "{error}");
        }
    });
}

#[test]
fn a_thread_that_waits_for_a_socket_outside_is_woken_when_the_runtime_ends() {
    on_every_flavour(|flavour| {
        let (runtime, trace) = Trace::of(flavour);
        let (near, _far) = runtime.block_on(async { pair() });
        let fd = near.as_raw_fd();
        let handle = runtime.handle().clone();
        let waits = thread::spawn(move || handle.block_on(near.readable()));
        trace.wait_until(|events| events.contains(&Event::Waits(WaitReason::Readable { fd })));
        drop(runtime);
        assert!(waits.join().unwrap().is_err());
    });
}

#[test]
fn a_socket_may_be_dropped_after_its_runtime_here_or_on_another_thread() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let [(here, mut far_from_here), (there, mut far_from_there)] =
            runtime.block_on(async { [pair(), pair()] });
        drop(runtime);
        drop(here);
        assert_eq!(far_from_here.read(&mut [0; 1]).unwrap(), 0, "closed");
        thread::spawn(move || drop(there)).join().unwrap();
        assert_eq!(far_from_there.read(&mut [0; 1]).unwrap(), 0, "closed");
    });
}

#[test]
fn a_socket_may_be_taken_over_by_std_after_its_runtime() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let (near, mut far) = runtime.block_on(async { pair() });
        drop(runtime);
        let mut near = near.into_std().unwrap();
        near.set_nonblocking(false).unwrap();
        far.write_all(b"still").unwrap();
        assert_eq!(near.read(&mut [0; 8]).unwrap(), 5);
        // And another runtime takes it in.
        flavour.block_on(async {
            far.write_all(b"here").unwrap();
            assert_eq!(from_std(near).read(&mut [0; 8]).await.unwrap(), 4);
        });
    });
}

#[test]
fn a_waker_of_a_task_that_waited_for_a_socket_may_be_called_after_the_runtime() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let (give, take) = mpsc::channel();
        runtime.block_on(async {
            let (near, far) = pair();
            let waits = openwork::spawn(async move {
                poll_fn(|cx| {
                    give.send(cx.waker().clone()).unwrap();
                    Poll::Ready(())
                })
                .await;
                near.readable().await.unwrap();
                drop(far);
            });
            drop(waits);
            openwork::task::yield_now().await;
        });
        let waker = take.recv().unwrap();
        drop(runtime);
        waker.wake_by_ref();
        thread::spawn(move || waker.wake()).join().unwrap();
    });
}

#[test]
fn at_the_end_of_the_runtime_the_sockets_in_its_tasks_are_closed() {
    on_every_flavour(|flavour| {
        let (runtime, trace) = Trace::of(flavour);
        let handle = runtime.handle().clone();
        let mut far = runtime.block_on(async {
            let (mut near, far) = pair();
            let fd = near.as_raw_fd();
            drop(openwork::spawn(async move { near.read(&mut [0; 8]).await }));
            until(|| trace.count(|event| *event == Event::Waits(WaitReason::Readable { fd })) == 1)
                .await;
            far
        });
        assert_eq!(watched(&handle), 1);
        drop(runtime);
        assert_eq!(watched(&handle), 0);
        assert_eq!(far.read(&mut [0; 1]).unwrap(), 0, "closed");
    });
}

#[test]
fn a_runtime_that_has_ended_watches_no_new_socket() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let handle = runtime.handle().clone();
        drop(runtime);
        let _entered = handle.enter();
        let (near, mut far) = std_pair();
        near.set_nonblocking(true).unwrap();
        assert_eq!(TcpStream::from_std(near).unwrap_err().kind(), ErrorKind::Other);
        assert_eq!(far.read(&mut [0; 1]).unwrap(), 0, "closed, and not leaked");
        assert!(block_on_elsewhere(TcpListener::bind("127.0.0.1:0")).is_err());
        assert!(block_on_elsewhere(TcpStream::connect("localhost:9")).is_err());
        assert_eq!(watched(&handle), 0);
    });
}

#[test]
fn the_last_wakes_of_a_runtime_may_drop_its_sockets() {
    on_every_flavour(|flavour| {
        use futures::task::{ArcWake, waker};

        struct Drops(Mutex<Option<TcpStream>>);
        impl ArcWake for Drops {
            fn wake_by_ref(drops: &Arc<Self>) {
                drop(drops.0.lock().unwrap().take());
            }
        }

        let runtime = flavour.build();
        let (near, mut far) = runtime.block_on(async { pair() });
        let drops = Arc::new(Drops(Mutex::new(None)));
        let waker = waker(drops.clone());
        let read = pin!((&near).read(&mut [0; 8])).poll(&mut Context::from_waker(&waker));
        assert!(read.is_pending());
        *drops.0.lock().unwrap() = Some(near);
        drop(runtime);
        assert!(drops.0.lock().unwrap().is_none());
        assert_eq!(far.read(&mut [0; 1]).unwrap(), 0, "closed");
    });
}
