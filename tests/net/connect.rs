//! Connections that succeed, fail or are cancelled, and the runtime that a socket needs.

use std::future::{Future, poll_fn};
use std::io::{ErrorKind, Write as _};
use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::net::{TcpListener as StdListener, TcpStream as StdStream};
use std::os::fd::AsFd;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::thread;
use std::time::Duration;

use futures::executor::block_on as block_on_elsewhere;
use openwork::io::AsyncReadExt as _;
use openwork::net::{TcpListener, TcpStream, lookup_host};
use openwork::runtime::Handle;
use openwork::time::timeout;

use crate::common::{Flavour, Panicked, on_every_flavour, panic_of, paused, without_threads};
use crate::harness::{bound_but_not_listening, full_backlog, pair, std_pair};

#[test]
fn an_address_in_use_is_an_error_of_that_kind() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let taken = listener.local_addr().unwrap();
            let error = TcpListener::bind(taken).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AddrInUse);
            // Of a list, the first address that accepts is taken.
            let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            let other = TcpListener::bind([taken, free]).await.unwrap();
            assert_ne!(other.local_addr().unwrap(), taken);
            assert_eq!(Handle::current().metrics().io_driver_fd_registered_count(), 2);
        });
    });
}

#[test]
fn a_refused_connection_is_an_error_of_that_kind() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (_nobody, address) = bound_but_not_listening();
            let error = TcpStream::connect(address).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
            assert_eq!(Handle::current().metrics().io_driver_fd_registered_count(), 0);
        });
    });
}

#[test]
fn a_name_that_cannot_be_resolved_is_the_error_that_std_has() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            // A label has at most 63 letters, so the resolver asks no server.
            let name = format!("{}.invalid:80", "x".repeat(64));
            let expected = name.to_socket_addrs().unwrap_err();
            for error in [
                lookup_host(name.clone()).await.unwrap_err(),
                TcpStream::connect(name.clone()).await.unwrap_err(),
                TcpListener::bind(name.as_str()).await.unwrap_err(),
            ] {
                assert_eq!(error.kind(), expected.kind());
                assert_eq!(error.to_string(), expected.to_string());
            }
        });
    });
}

#[test]
fn what_is_no_address_at_all_is_invalid_input() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            for no_address in ["", "localhost", "127.0.0.1", "localhost:port", "localhost:65536"] {
                let error = TcpStream::connect(no_address).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::InvalidInput, "{no_address:?}");
            }
            let none: &[SocketAddr] = &[];
            assert_eq!(TcpStream::connect(none).await.unwrap_err().kind(), ErrorKind::InvalidInput);
        });
    });
}

/// Behaviour 34.
#[test]
fn an_address_may_be_given_in_every_form() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let listener = TcpListener::bind("localhost:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            assert!(address.ip().is_loopback());
            let port = address.port();
            let SocketAddr::V4(v4) = address else { panic!("localhost is 127.0.0.1 here") };
            let text = address.to_string();

            let mut streams = vec![
                TcpStream::connect(address).await.unwrap(),
                TcpStream::connect(&address).await.unwrap(),
                TcpStream::connect(v4).await.unwrap(),
                TcpStream::connect((address.ip(), port)).await.unwrap(),
                TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap(),
                TcpStream::connect(("localhost", port)).await.unwrap(),
                TcpStream::connect(("127.0.0.1", port)).await.unwrap(),
                TcpStream::connect(("localhost".to_owned(), port)).await.unwrap(),
                TcpStream::connect(format!("localhost:{port}")).await.unwrap(),
                TcpStream::connect(text.as_str()).await.unwrap(),
                TcpStream::connect(&text).await.unwrap(),
                TcpStream::connect([address]).await.unwrap(),
                TcpStream::connect(&[address][..]).await.unwrap(),
            ];
            for stream in streams.drain(..) {
                let (accepted, peer) = listener.accept().await.unwrap();
                assert_eq!(stream.peer_addr().unwrap(), address);
                assert_eq!(stream.local_addr().unwrap(), peer);
                assert_eq!(accepted.peer_addr().unwrap(), peer);
                assert_eq!(accepted.local_addr().unwrap(), address);
            }
        });
    });
}

#[test]
fn of_a_list_the_first_that_accepts_is_taken_and_else_the_last_error() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (_nobody, refuses) = bound_but_not_listening();
            let (_nobody, refuses_too) = bound_but_not_listening();
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let accepts = listener.local_addr().unwrap();
            let stream = TcpStream::connect([refuses, refuses_too, accepts]).await.unwrap();
            assert_eq!(stream.peer_addr().unwrap(), accepts);

            let error = TcpStream::connect([refuses, refuses_too]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        });
    });
}

#[test]
fn a_connect_that_takes_too_long_can_be_given_up() {
    on_every_flavour(|flavour| {
        let (runtime, limit) = match flavour {
            Flavour::CurrentThread => (paused(), Duration::from_secs(3600)),
            Flavour::Workers(_) => (flavour.build(), Duration::from_millis(5)),
        };
        runtime.block_on(async {
            let (_listener, address) = full_backlog();
            let before = Handle::current().metrics().io_driver_fd_registered_count();
            assert!(timeout(limit, TcpStream::connect(address)).await.is_err());
            assert_eq!(Handle::current().metrics().io_driver_fd_registered_count(), before);
        });
    });
}

#[test]
fn options_reach_the_socket() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (near, _far) = pair();
            for on in [true, false] {
                near.set_nodelay(on).unwrap();
                assert_eq!(near.nodelay().unwrap(), on);
            }
            near.set_ttl(42).unwrap();
            assert_eq!(near.ttl().unwrap(), 42);
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            listener.set_ttl(43).unwrap();
            assert_eq!(listener.ttl().unwrap(), 43);
            assert!(near.take_error().unwrap().is_none());
        });
    });
}

#[test]
fn no_socket_of_ours_is_inherited_by_child_processes() {
    fn is_private(socket: &impl AsFd) -> bool {
        let flags = rustix::io::fcntl_getfd(socket).unwrap();
        flags.contains(rustix::io::FdFlags::CLOEXEC)
    }
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (accepted, _) = listener.accept().await.unwrap();
            assert!(is_private(&listener) && is_private(&stream) && is_private(&accepted));
        });
    });
}

// ---- outside of a runtime ----

/// Behaviour 34.
#[test]
fn a_socket_from_std_outside_a_runtime_panics_at_the_callers_line() {
    let (near, far) = std_pair();
    let listener = StdListener::bind("127.0.0.1:0").unwrap();
    let other = listener.try_clone().unwrap();
    let line = line!();
    let panics = [
        panic_of(|| TcpStream::from_std(near)),
        panic_of(|| TcpStream::try_from(far)),
        panic_of(|| TcpListener::from_std(listener)),
        panic_of(|| TcpListener::try_from(other)),
    ];
    let calls = ["TcpStream::from_std", "TcpListener::from_std"];
    for ((panicked, after), call) in panics.into_iter().zip(2..).zip([0, 0, 1, 1]) {
        let panicked = panicked.expect("there is no runtime here");
        assert_eq!((panicked.file.as_str(), panicked.line), (file!(), line + after));
        assert!(panicked.message.contains("no runtime"), "{}", panicked.message);
        assert!(panicked.message.contains(calls[call]), "{}", panicked.message);
        assert!(panicked.message.contains("openwork::block_on"), "{}", panicked.message);
    }
}

/// A future is polled elsewhere than it was made, so the message names both places.
#[test]
fn a_connect_or_bind_outside_a_runtime_names_itself_and_the_callers_line() {
    let (_nobody, address) = bound_but_not_listening();
    let port = address.port();
    let named = |panicked: Option<Panicked>, call: &str, line: u32| {
        let message = panicked.unwrap().message;
        assert!(message.contains(&format!("`{call}`")), "{message}");
        assert!(message.contains(&format!("{}:{line}:", file!())), "{message}");
    };
    for host in [address.to_string(), format!("localhost:{port}")] {
        let panicked = panic_of(|| block_on_elsewhere(TcpStream::connect(&host)));
        named(panicked, "TcpStream::connect", line!() - 1);
    }
    for host in ["127.0.0.1:0", "localhost:0"] {
        let panicked = panic_of(|| block_on_elsewhere(TcpListener::bind(host)));
        named(panicked, "TcpListener::bind", line!() - 1);
    }
    let panicked = panic_of(|| block_on_elsewhere(lookup_host("localhost:80")));
    named(panicked, "net::lookup_host", line!() - 1);
}

#[test]
fn an_address_that_is_known_is_looked_up_without_a_runtime() {
    let mut found = block_on_elsewhere(lookup_host("127.0.0.1:80")).unwrap();
    assert_eq!(found.next(), Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 80))));
    assert_eq!(found.next(), None);
}

/// A connection belongs to the runtime of its listener, whichever thread polls.
#[test]
fn an_accept_needs_no_runtime_but_the_listeners() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = futures::channel::oneshot::channel::<()>();
        let driver = thread::spawn(move || runtime.block_on(stopped).unwrap());
        let far = StdStream::connect(address).unwrap();
        let (mut near, peer) = block_on_elsewhere(listener.accept()).unwrap();
        assert_eq!(peer, far.local_addr().unwrap());
        (&far).write_all(b"hello").unwrap();
        let mut hello = [0; 5];
        block_on_elsewhere(near.read_exact(&mut hello)).unwrap();
        assert_eq!(&hello, b"hello");

        let _more = StdStream::connect(address).unwrap();
        block_on_elsewhere(poll_fn(|cx| listener.poll_accept(cx))).unwrap();
        stop.send(()).unwrap();
        driver.join().unwrap();
    });
}

// ---- the types ----

/// Behaviour 41.
#[test]
fn sockets_and_their_futures_go_to_other_threads() {
    fn socket<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe>() {}
    fn future<F: Future + Send + Sync>(_: &F) {}
    socket::<TcpStream>();
    socket::<TcpListener>();
    fn all(stream: &TcpStream, listener: &TcpListener, address: SocketAddr) {
        future(&TcpStream::connect(address));
        future(&TcpListener::bind(address));
        future(&lookup_host(address));
        future(&listener.accept());
        future(&stream.readable());
        future(&stream.writable());
        future(&stream.peek(&mut [0]));
    }
    let _ = all;
}

#[test]
fn a_name_that_gets_no_thread_to_look_it_up_is_an_error() {
    without_threads().block_on(async {
        lookup_host("localhost:80").await.unwrap_err();
        TcpStream::connect("localhost:80").await.unwrap_err();
    });
}
