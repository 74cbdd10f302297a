//! Unix sockets: paths, names, pairs and datagrams.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::net::Shutdown;
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::UnixStream as StdStream;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::thread;

use openwork::io::{AsyncReadExt, AsyncWriteExt};
use openwork::net::{UnixDatagram, UnixListener, UnixStream};

use crate::common::sockets::{Directory, Turns};
use crate::common::{Probe, Wakes, ends, on_every_flavour, panic_of, real};

#[test]
fn bytes_sent_to_a_path_come_back() {
    on_every_flavour(|flavour| {
        let directory = Directory::new();
        let path = directory.path("echo");
        flavour.block_on(async move {
            let listener = UnixListener::bind(&path).unwrap();
            let server = openwork::spawn(async move {
                for _ in 0..20 {
                    let (mut stream, from) = listener.accept().await.unwrap();
                    assert!(from.is_unnamed());
                    openwork::spawn(async move {
                        let mut text = Vec::new();
                        stream.read_to_end(&mut text).await.unwrap();
                        stream.write_all(&text).await.unwrap();
                    });
                }
            });
            let clients = [(); 20].map(|()| {
                let path = path.clone();
                openwork::spawn(async move {
                    let mut stream = UnixStream::connect(&path).await.unwrap();
                    assert_eq!(stream.peer_addr().unwrap().as_pathname(), Some(&*path));
                    let sent = vec![7; 300_000];
                    stream.write_all(&sent).await.unwrap();
                    stream.shutdown().await.unwrap();
                    let mut text = Vec::new();
                    stream.read_to_end(&mut text).await.unwrap();
                    assert!(text == sent);
                })
            });
            for client in clients {
                client.await.unwrap();
            }
            server.await.unwrap();
        });
    });
}

/// Behaviour 34.
#[cfg(target_os = "linux")]
#[test]
fn a_name_that_begins_with_nul_is_in_no_directory() {
    ends(|| {
        real().block_on(async {
            let name = format!("openwork-test-{}", std::process::id());
            let path = format!("\0{name}");
            let listener = UnixListener::bind(&path).unwrap();
            let address = listener.local_addr().unwrap();
            assert_eq!(address.as_abstract_name(), Some(name.as_bytes()));
            assert_eq!(address.as_pathname(), None);
            let near = UnixStream::connect(&path).await.unwrap();
            listener.accept().await.unwrap();
            assert_eq!(near.peer_addr().unwrap().as_abstract_name(), Some(name.as_bytes()));
            assert_eq!(UnixListener::bind(&path).unwrap_err().kind(), ErrorKind::AddrInUse);
            drop((listener, near));
            // The name vanishes with its socket, and is free for any other kind.
            let error = UnixStream::connect(&path).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
            let datagrams = UnixDatagram::bind(&path).unwrap();
            let sender = UnixDatagram::unbound().unwrap();
            sender.send_to(b"!", &path).await.unwrap();
            assert_eq!(datagrams.recv(&mut [0; 8]).await.unwrap(), 1);
        });
    });
}

#[test]
fn what_cannot_be_done_is_an_error_of_its_kind() {
    ends(|| {
        real().block_on(async {
            let directory = Directory::new();
            let path = directory.path("listener");
            let error = UnixStream::connect(&path).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound);
            let listener = UnixListener::bind(&path).unwrap();
            assert_eq!(UnixListener::bind(&path).unwrap_err().kind(), ErrorKind::AddrInUse);
            assert_eq!(UnixDatagram::bind(&path).unwrap_err().kind(), ErrorKind::AddrInUse);
            drop(listener);
            let error = UnixStream::connect(&path).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
            for no_path in ["with a \0 inside".to_owned(), "x".repeat(200)] {
                let error = UnixStream::connect(&no_path).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::InvalidInput);
                assert_eq!(
                    UnixListener::bind(&no_path).unwrap_err().kind(),
                    ErrorKind::InvalidInput
                );
            }
        });
    });
}

/// Behaviour 33.
#[test]
fn a_connect_whose_listener_goes_away_ends_with_an_error() {
    ends(|| {
        real().block_on(async {
            let directory = Directory::new();
            let path = directory.path("listener");
            let listener = UnixListener::bind(&path).unwrap();
            let mut connect = Probe::new(UnixStream::connect(&path));
            connect.assert_pending();
            drop(listener);
            Turns::new().until(|| connect.is_woken()).await;
            assert_eq!(connect.assert_ready().unwrap_err().kind(), ErrorKind::ConnectionReset);
        });
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_connect_where_too_many_wait_says_so() {
    ends(|| {
        real().block_on(async {
            let directory = Directory::new();
            let path = directory.path("listener");
            let listener = UnixListener::bind(&path).unwrap();
            rustix::net::listen(&listener, 0).unwrap();
            let _waits = UnixStream::connect(&path).await.unwrap();
            let error = UnixStream::connect(&path).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
            listener.accept().await.unwrap();
            UnixStream::connect(&path).await.unwrap();
        });
    });
}

#[test]
fn accept_and_its_poll_form_wait_side_by_side() {
    ends(|| {
        real().block_on(async {
            let directory = Directory::new();
            let path = directory.path("listener");
            let (turns, listener) = (Turns::new(), UnixListener::bind(&path).unwrap());
            let mut by_future = Probe::new(listener.accept());
            let mut by_poll = Probe::new(poll_fn(|cx| listener.poll_accept(cx)));
            by_future.assert_pending();
            by_poll.assert_pending();
            let _first = StdStream::connect(&path).unwrap();
            turns.until(|| by_future.is_woken()).await;
            turns.until(|| by_poll.is_woken()).await;
            let (stream, _) = by_poll.assert_ready().unwrap();
            assert_eq!(stream.local_addr().unwrap().as_pathname(), Some(Path::new(&path)));
            by_future.assert_pending();
            let _second = StdStream::connect(&path).unwrap();
            turns.until(|| by_future.is_woken()).await;
            by_future.assert_ready().unwrap();
        });
    });
}

#[test]
fn each_stream_of_a_pair_is_connected_to_the_other() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (near, far) = UnixStream::pair().unwrap();
            let mut tasks = Vec::new();
            for stream in [near, far].map(Arc::new) {
                let reads = stream.clone();
                tasks.push(openwork::spawn(async move {
                    (&*stream).write_all(&vec![3; 1 << 20]).await.unwrap();
                    (&*stream).shutdown().await.unwrap();
                }));
                tasks.push(openwork::spawn(async move {
                    let mut got = Vec::new();
                    (&*reads).read_to_end(&mut got).await.unwrap();
                    assert!(got == vec![3; 1 << 20]);
                }));
            }
            for task in tasks {
                task.await.unwrap();
            }
        });
    });
}

#[test]
fn a_stream_can_be_looked_into() {
    ends(|| {
        real().block_on(async {
            let (near, mut far) = UnixStream::pair().unwrap();
            let mut buf = [0; 8];
            let mut peeks = Probe::new(poll_fn(|cx| near.poll_peek(cx, &mut buf)));
            peeks.assert_pending();
            far.write_all(b"twice").await.unwrap();
            near.readable().await.unwrap();
            assert!(peeks.is_woken());
            assert_eq!(peeks.assert_ready().unwrap(), 5);
            drop(peeks);
            assert_eq!(near.peek(&mut buf[..2]).await.unwrap(), 2);
            assert_eq!((&near).read(&mut buf).await.unwrap(), 5);
            assert_eq!(&buf[..5], b"twice");
            drop(far);
            assert_eq!(near.peek(&mut buf).await.unwrap(), 0);
        });
    });
}

// ---- datagrams ----

#[test]
fn datagrams_find_their_way_by_path() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let directory = Directory::new();
            let (here, there) = (directory.path("here"), directory.path("there"));
            let near = UnixDatagram::bind(&here).unwrap();
            let far = UnixDatagram::bind(&there).unwrap();
            assert_eq!(near.send_to(b"hello", &there).await.unwrap(), 5);
            let mut buf = [0; 8];
            let (len, from) = far.recv_from(&mut buf).await.unwrap();
            assert_eq!((&buf[..len], from.as_pathname()), (&b"hello"[..], Some(&*here)));
            assert_eq!(far.try_send_to(b"back", &here).unwrap(), 4);
            assert_eq!(poll_fn(|cx| far.poll_send_to(cx, b"again", &here)).await.unwrap(), 5);
            assert_eq!(near.recv(&mut buf).await.unwrap(), 4);
            assert_eq!(near.recv(&mut buf).await.unwrap(), 5);
            assert_eq!(near.try_recv_from(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);

            near.connect(&there).unwrap();
            assert_eq!(near.peer_addr().unwrap().as_pathname(), Some(&*there));
            near.send(b"by name").await.unwrap();
            assert_eq!(far.recv(&mut buf).await.unwrap(), 7);
            let missing = directory.path("missing");
            assert_eq!(near.connect(&missing).unwrap_err().kind(), ErrorKind::NotFound);
            let error = far.send_to(b"!", &missing).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound);
            drop(far);
            let error = near.send(b"!").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        });
    });
}

#[test]
fn a_sender_that_is_faster_than_the_receiver_waits_and_nothing_is_lost() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (near, far) = UnixDatagram::pair().unwrap();
            let sends = openwork::spawn(async move {
                for number in 0_u32..5000 {
                    near.send(&number.to_le_bytes()).await.unwrap();
                }
            });
            let mut buf = [0; 8];
            for number in 0_u32..5000 {
                assert_eq!(far.recv(&mut buf).await.unwrap(), 4);
                assert_eq!(buf[..4], number.to_le_bytes());
            }
            sends.await.unwrap();
        });
    });
}

#[test]
fn a_sender_without_room_is_woken_when_there_is_some() {
    ends(|| {
        real().block_on(async {
            let (turns, (near, far)) = (Turns::new(), UnixDatagram::pair().unwrap());
            while near.try_send(b"!").is_ok() {}
            let mut send = Probe::new(near.send(b"!"));
            send.assert_pending();
            let mut writable = Probe::new(near.writable());
            writable.assert_pending();
            // Linux reports it when three quarters of the room are free again.
            turns.turn().await;
            while far.try_recv(&mut [0; 8]).is_ok() {}
            turns.until(|| send.is_woken()).await;
            turns.until(|| writable.is_woken()).await;
            writable.assert_ready().unwrap();
            assert_eq!(send.assert_ready().unwrap(), 1);
        });
    });
}

#[test]
fn a_connected_sender_is_woken_by_the_room_that_another_leaves() {
    ends(|| {
        real().block_on(async {
            let directory = Directory::new();
            let path = directory.path("receiver");
            let (turns, receiver) = (Turns::new(), UnixDatagram::bind(&path).unwrap());
            let [greedy, modest] = [(); 2].map(|()| UnixDatagram::unbound().unwrap());
            modest.connect(&path).unwrap();
            while greedy.try_send_to(b"!", &path).is_ok() {}
            let mut send = Probe::new(modest.send(b"!"));
            send.assert_pending();
            turns.turn().await;
            assert!(!send.is_woken());
            receiver.recv(&mut [0; 8]).await.unwrap();
            turns.until(|| send.is_woken()).await;
            assert_eq!(send.assert_ready().unwrap(), 1);
        });
    });
}

#[test]
fn a_direction_that_was_ended_takes_nothing() {
    ends(|| {
        real().block_on(async {
            let (near, far) = UnixDatagram::pair().unwrap();
            near.send(b"last").await.unwrap();
            near.shutdown(Shutdown::Write).unwrap();
            assert_eq!(near.send(b"!").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
            assert_eq!(far.recv(&mut [0; 8]).await.unwrap(), 4);
            // The other direction continues.
            far.send(b"still").await.unwrap();
            assert_eq!(near.recv(&mut [0; 8]).await.unwrap(), 5);
        });
    });
}

// ---- the runtime ----

#[test]
fn outside_of_a_runtime_they_panic_at_the_callers_line() {
    ends(|| {
        let directory = Directory::new();
        let path = directory.path("listener");
        let (std, _other) = StdStream::pair().unwrap();
        type Call = (&'static str, Box<dyn FnOnce()>);
        let calls: [Call; 6] = [
            (
                "UnixListener::bind",
                Box::new({
                    let path = path.clone();
                    move || drop(UnixListener::bind(path))
                }),
            ),
            ("UnixStream::pair", Box::new(|| drop(UnixStream::pair()))),
            ("UnixStream::from_std", Box::new(move || drop(UnixStream::from_std(std)))),
            ("UnixDatagram::pair", Box::new(|| drop(UnixDatagram::pair()))),
            ("UnixDatagram::unbound", Box::new(|| drop(UnixDatagram::unbound()))),
            ("UnixDatagram::bind", Box::new(move || drop(UnixDatagram::bind(path)))),
        ];
        for (name, call) in calls {
            let panicked = panic_of(call).expect("there is no runtime here");
            assert!(panicked.message.contains(name), "{name}: {}", panicked.message);
            assert_eq!(panicked.file, file!(), "{name}");
        }
    });
}

#[test]
fn at_the_end_of_the_runtime_every_wait_is_woken() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let directory = Directory::new();
        let path = directory.path("listener");
        let (listener, (near, _far)) = runtime
            .block_on(async { (UnixListener::bind(&path).unwrap(), UnixStream::pair().unwrap()) });
        let wakes = Wakes::new();
        let (mut accept, mut readable) = (pin!(listener.accept()), pin!(near.readable()));
        assert!(wakes.poll(accept.as_mut()).is_pending());
        assert!(wakes.poll(readable.as_mut()).is_pending());
        thread::scope(|scope| scope.spawn(|| drop(runtime)).join().unwrap());
        assert_eq!((wakes.count(), wakes.kept()), (2, 0));
        assert!(matches!(wakes.poll(accept), Poll::Ready(Err(_))));
        assert!(matches!(wakes.poll(readable), Poll::Ready(Err(_))));
    });
}
