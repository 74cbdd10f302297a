//! TCP: options that are set before there is a connection, and methods of a connection that have no other test.

use std::future::poll_fn;
use std::io::{ErrorKind, IoSlice, IoSliceMut, Read};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::time::Duration;

use openwork::io::{AsyncReadExt, AsyncWriteExt, Interest, Ready};
use openwork::net::{TcpListener, TcpSocket, TcpStream};

use crate::common::sockets::Turns;
use crate::common::{Probe, Wakes, ends, on_every_flavour, panic_of, real};

fn local() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(local()).await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (near, listener.accept().await.unwrap().0)
}

#[test]
fn a_socket_becomes_a_listener_or_a_stream() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let socket = TcpSocket::new_v4().unwrap();
            socket.set_reuseaddr(true).unwrap();
            socket.bind(local()).unwrap();
            let address = socket.local_addr().unwrap();
            let listener = socket.listen(16).unwrap();
            assert_eq!(listener.local_addr().unwrap(), address);

            let socket = TcpSocket::new_v4().unwrap();
            socket.bind(local()).unwrap();
            let from = socket.local_addr().unwrap();
            let mut near = socket.connect(address).await.unwrap();
            let (mut far, peer) = listener.accept().await.unwrap();
            assert_eq!((peer, near.local_addr().unwrap()), (from, from));
            near.write_all(b"hello").await.unwrap();
            drop(near);
            let mut text = String::new();
            far.read_to_string(&mut text).await.unwrap();
            assert_eq!(text, "hello");
        });
    });
}

#[test]
fn a_descriptor_becomes_a_socket() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let socket = rustix::net::socket(
                rustix::net::AddressFamily::INET,
                rustix::net::SocketType::STREAM,
                None,
            );
            let fd = socket.unwrap();
            let raw = fd.as_raw_fd();
            let socket = TcpSocket::from_std_stream(fd.into());
            assert_eq!(socket.as_raw_fd(), raw);
            socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
            let listener = socket.listen(1).unwrap();
            let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (_, peer) = listener.accept().await.unwrap();
            assert_eq!(peer, client.local_addr().unwrap());
        });
    });
}

#[test]
fn it_keeps_its_options_and_hands_them_on() {
    ends(|| {
        real().block_on(async {
            let socket = TcpSocket::new_v4().unwrap();
            for on in [true, false] {
                socket.set_reuseaddr(on).unwrap();
                assert_eq!(socket.reuseaddr().unwrap(), on);
                socket.set_reuseport(on).unwrap();
                assert_eq!(socket.reuseport().unwrap(), on);
                socket.set_keepalive(on).unwrap();
                assert_eq!(socket.keepalive().unwrap(), on);
                socket.set_nodelay(!on).unwrap();
                assert_eq!(socket.nodelay().unwrap(), !on);
            }
            socket.set_send_buffer_size(20_000).unwrap();
            assert!((20_000..=40_000).contains(&socket.send_buffer_size().unwrap()));
            socket.set_recv_buffer_size(20_000).unwrap();
            assert!((20_000..=40_000).contains(&socket.recv_buffer_size().unwrap()));
            let listener = TcpListener::bind(local()).await.unwrap();
            let stream = socket.connect(listener.local_addr().unwrap()).await.unwrap();
            assert!(stream.nodelay().unwrap());
            stream.set_zero_linger().unwrap();
            // An option that has no method here, by the descriptor.
            let linger = rustix::net::sockopt::socket_linger(&stream).unwrap();
            assert_eq!(linger, Some(Duration::ZERO));
            stream.set_ttl(9).unwrap();
            assert_eq!(stream.ttl().unwrap(), 9);
        });
    });
}

#[test]
fn two_listeners_share_a_port_if_both_agree() {
    ends(|| {
        real().block_on(async {
            let share = |address| {
                let socket = TcpSocket::new_v4().unwrap();
                socket.set_reuseport(true).unwrap();
                socket.bind(address).map(|()| socket.listen(16).unwrap())
            };
            let one = share(local()).unwrap();
            let address = one.local_addr().unwrap();
            let other = share(address).unwrap();
            assert_eq!(other.local_addr().unwrap(), address);
            let alone = TcpSocket::new_v4().unwrap();
            assert_eq!(alone.bind(address).unwrap_err().kind(), ErrorKind::AddrInUse);
        });
    });
}

#[test]
fn an_address_of_the_other_family_is_refused() {
    ends(|| {
        real().block_on(async {
            let v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
            assert!(TcpSocket::new_v4().unwrap().bind(v6).is_err());
            // Not every machine has IPv6.
            let Ok(socket) = TcpSocket::new_v6() else { return };
            if socket.bind(v6).is_err() {
                return;
            }
            let listener = socket.listen(16).unwrap();
            let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            assert!(listener.accept().await.unwrap().1.is_ipv6());
            assert!(near.peer_addr().unwrap().is_ipv6());
        });
    });
}

#[test]
fn one_of_stds_may_be_connected_as_ours() {
    ends(|| {
        real().block_on(async {
            let socket = rustix::net::socket(
                rustix::net::AddressFamily::INET,
                rustix::net::SocketType::STREAM,
                None,
            );
            let socket = TcpSocket::from_std_stream(socket.unwrap().into());
            let listener = TcpListener::bind(local()).await.unwrap();
            let near = socket.connect(listener.local_addr().unwrap()).await.unwrap();
            let _far = listener.accept().await.unwrap();
            // It does not block.
            let mut near = near.into_std().unwrap();
            assert_eq!(near.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
        });
    });
}

/// Behaviour 40.
#[test]
fn outside_of_a_runtime_it_panics_at_the_callers_line() {
    ends(|| {
        let socket = TcpSocket::new_v4().expect("this needs no runtime");
        socket.bind(local()).unwrap();
        let address = socket.local_addr().unwrap();
        let panicked = panic_of(|| socket.listen(1)).unwrap();
        assert!(panicked.message.contains("TcpSocket::listen"), "{}", panicked.message);
        assert_eq!(panicked.file, file!());
        let connect = TcpSocket::new_v4().unwrap().connect(address);
        let panicked = panic_of(|| futures::executor::block_on(connect)).unwrap();
        assert!(panicked.message.contains(file!()), "{}", panicked.message);
    });
}

#[test]
fn ready_says_which_directions_and_an_end_or_error_is_ready() {
    ends(|| {
        real().block_on(async {
            let (turns, (near, mut far)) = (Turns::new(), pair().await);
            let both = Interest::READABLE | Interest::WRITABLE;
            assert_eq!(near.ready(both).await.unwrap(), Ready::WRITABLE);
            far.write_all(b"last").await.unwrap();
            far.shutdown().await.unwrap();
            turns.turn().await;
            let ready = near.ready(both).await.unwrap();
            assert_eq!(ready, Ready::READABLE | Ready::WRITABLE);
            assert_eq!(near.ready(Interest::WRITABLE).await.unwrap(), Ready::WRITABLE);
            // Data unread, closed: the other side is reset.
            far.set_zero_linger().unwrap();
            drop(far);
            let ready = near.ready(Interest::WRITABLE).await.unwrap();
            assert_eq!(ready, Ready::WRITABLE);
            // That is how Linux reports a reset after the end of the stream.
            assert_eq!(near.take_error().unwrap().unwrap().kind(), ErrorKind::BrokenPipe);
        });
    });
}

#[test]
fn the_poll_forms_wake_the_last_that_asked() {
    ends(|| {
        real().block_on(async {
            let (turns, (near, mut far)) = (Turns::new(), pair().await);
            let (first, last) = (Wakes::new(), Wakes::new());
            let mut buf = [0; 8];
            assert!(first.poll_fn(|cx| near.poll_read_ready(cx)).is_pending());
            assert!(last.poll_fn(|cx| near.poll_peek(cx, &mut buf)).is_pending());
            assert_eq!((first.kept(), last.kept()), (0, 1));
            assert!(last.poll_fn(|cx| near.poll_write_ready(cx)).is_ready());
            far.write_all(b"twice").await.unwrap();
            turns.until(|| last.count() > 0).await;
            assert_eq!((first.take(), last.take()), (0, 1));
            assert_eq!(poll_fn(|cx| near.poll_peek(cx, &mut buf)).await.unwrap(), 5);
            assert_eq!(near.try_read(&mut buf).unwrap(), 5);
        });
    });
}

#[test]
fn several_buffers_go_with_one_call() {
    ends(|| {
        real().block_on(async {
            let (near, far) = pair().await;
            let pieces = [IoSlice::new(b"scatter"), IoSlice::new(b", gather")];
            assert_eq!(near.try_write_vectored(&pieces).unwrap(), 15);
            far.readable().await.unwrap();
            let (mut left, mut right) = ([0; 7], [0; 16]);
            let mut pieces = [IoSliceMut::new(&mut left), IoSliceMut::new(&mut right)];
            assert_eq!(far.try_read_vectored(&mut pieces).unwrap(), 15);
            assert_eq!((&left, &right[..8]), (b"scatter", &b", gather"[..]));
            let mut pieces = [IoSliceMut::new(&mut right)];
            let error = far.try_read_vectored(&mut pieces).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
        });
    });
}

/// Operations without a method here use the system's calls.
#[test]
fn an_operation_without_a_method_here_can_be_waited_for_too() {
    use rustix::net::{RecvFlags, SendFlags, recv, send};
    ends(|| {
        real().block_on(async {
            let (turns, (near, far)) = (Turns::new(), pair().await);
            let mut buf = [0; 8];
            let mut receive =
                Probe::new(near.async_io(Interest::READABLE, || {
                    Ok(recv(&near, &mut buf, RecvFlags::empty())?.0)
                }));
            receive.assert_pending();
            let sent =
                far.try_io(Interest::WRITABLE, || Ok(send(&far, b"now", SendFlags::empty())?));
            assert_eq!(sent.unwrap(), 3);
            turns.until(|| receive.is_woken()).await;
            assert_eq!(receive.assert_ready().unwrap(), 3);
            drop(receive);
            // A try that would block clears the readiness.
            let empty = near
                .try_io(Interest::READABLE, || Ok(recv(&near, &mut [0; 8], RecvFlags::empty())?.0));
            assert_eq!(empty.unwrap_err().kind(), ErrorKind::WouldBlock);
            assert!(Probe::new(near.readable()).poll().is_pending());
        });
    });
}

#[test]
fn a_listener_is_readable_when_a_connection_waits() {
    ends(|| {
        real().block_on(async {
            let listener = TcpListener::bind(local()).await.unwrap();
            let mut readable = Probe::new(listener.readable());
            readable.assert_pending();
            let _near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            listener.readable().await.unwrap();
            assert!(readable.is_woken());
            listener.accept().await.unwrap();
        });
    });
}
