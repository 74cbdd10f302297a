//! Unix sockets: paths, names, pairs, and who is at the other end.

mod common;
mod sockets;

use std::future::poll_fn;
use std::io::ErrorKind;
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream as StdStream;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::{fs, thread};

use openwork::io::{AsyncReadExt, AsyncWriteExt, Interest};
use openwork::net::unix::SocketAddr;
use openwork::net::{UnixListener, UnixStream};

use common::{Probe, Wakes, ends, on_every_flavour, panic_of, real};
use sockets::{Directory, Turns};

#[test]
fn what_is_said_at_a_path_comes_back() {
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
            UnixStream::connect_addr(&address).await.unwrap();
            listener.accept().await.unwrap();
            assert_eq!(UnixListener::bind(&path).unwrap_err().kind(), ErrorKind::AddrInUse);
            drop((listener, near));
            // It is gone with its socket.
            let error = UnixStream::connect(&path).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
            let bound = UnixListener::bind_addr(&SocketAddr::from_abstract_name(b"").unwrap());
            bound.expect("the system finds a name");
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
            let unnamed = UnixStream::pair().unwrap().0.local_addr().unwrap();
            let error = UnixStream::connect_addr(&unnamed).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
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
            Turns::new().turn().await;
            assert!(connect.is_woken());
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
            turns.turn().await;
            assert!(by_future.is_woken() && by_poll.is_woken());
            let (stream, _) = by_poll.assert_ready().unwrap();
            assert_eq!(stream.local_addr().unwrap().as_pathname(), Some(Path::new(&path)));
            by_future.assert_pending();
            let _second = StdStream::connect(&path).unwrap();
            turns.turn().await;
            assert!(by_future.is_woken());
            by_future.assert_ready().unwrap();
        });
    });
}

#[test]
fn each_of_a_pair_is_the_others_other_side() {
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

#[cfg(target_os = "linux")]
#[test]
fn the_other_end_was_made_by_this_process() {
    ends(|| {
        real().block_on(async {
            let (near, far) = UnixStream::pair().unwrap();
            let myself = fs::metadata("/proc/self").unwrap();
            for credentials in [near.peer_cred().unwrap(), far.peer_cred().unwrap()] {
                assert_eq!(credentials.pid(), Some(std::process::id() as i32));
                assert_eq!(credentials.uid(), myself.uid());
                assert_eq!(credentials.gid(), myself.gid());
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

// ---- the rest of the house ----

#[test]
fn ready_tells_of_the_end() {
    ends(|| {
        real().block_on(async {
            let (turns, (near, mut far)) = (Turns::new(), UnixStream::pair().unwrap());
            far.write_all(b"last").await.unwrap();
            turns.turn().await;
            let both = Interest::READABLE | Interest::WRITABLE;
            let ready = near.ready(both).await.unwrap();
            assert!(ready.is_readable() && ready.is_writable() && !ready.is_read_closed());
            // One direction has ended, and the other goes on.
            far.shutdown().await.unwrap();
            let ready = near.ready(both).await.unwrap();
            assert!(ready.is_readable() && ready.is_read_closed() && !ready.is_write_closed());
            assert!(!near.ready(Interest::WRITABLE).await.unwrap().is_read_closed());
            drop(far);
            let ready = near.ready(both).await.unwrap();
            assert!(ready.is_read_closed() && ready.is_write_closed());
            assert_eq!((&near).read(&mut [0; 8]).await.unwrap(), 4);
        });
    });
}

#[test]
fn outside_of_a_runtime_they_panic_at_the_callers_line() {
    ends(|| {
        let directory = Directory::new();
        let path = directory.path("listener");
        let (std, _other) = StdStream::pair().unwrap();
        type Call = (&'static str, Box<dyn FnOnce()>);
        let calls: [Call; 3] = [
            ("UnixListener::bind", Box::new(move || drop(UnixListener::bind(path)))),
            ("UnixStream::pair", Box::new(|| drop(UnixStream::pair()))),
            ("UnixStream::from_std", Box::new(move || drop(UnixStream::from_std(std)))),
        ];
        for (name, call) in calls {
            let panicked = panic_of(call).expect("there is no runtime here");
            assert!(panicked.message.contains(name), "{name}: {}", panicked.message);
            assert!(panicked.file.ends_with("net_unix.rs"), "{name}: {}", panicked.file);
        }
    });
}

#[test]
fn at_the_end_of_the_runtime_who_waits_is_woken() {
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
