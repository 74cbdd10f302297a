//! UDP: datagrams, whole, cut and empty, and which sockets receive them. Everything stays on this machine.

use std::future::{Future, poll_fn};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket as StdSocket};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::Poll;
use std::time::Duration;

use openwork::io::{Interest, Ready};
use openwork::net::UdpSocket;
use openwork::time::timeout;

use crate::common::Flavour::CurrentThread;
use crate::common::sockets::Turns;
use crate::common::{Probe, Wakes, ends, on_every_flavour, panic_of, real};

const LOCAL: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// Two sockets, each connected to the other.
async fn pair() -> (UdpSocket, UdpSocket) {
    let (near, far) =
        (UdpSocket::bind(LOCAL).await.unwrap(), UdpSocket::bind(LOCAL).await.unwrap());
    near.connect(far.local_addr().unwrap()).await.unwrap();
    far.connect(near.local_addr().unwrap()).await.unwrap();
    (near, far)
}

#[test]
fn a_datagram_comes_whole_and_what_finds_no_room_is_lost() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (near, far) = pair().await;
            for text in ["first", "second", "third"] {
                assert_eq!(near.send(text.as_bytes()).await.unwrap(), text.len());
            }
            let mut buf = [0; 64];
            assert_eq!(far.recv(&mut buf).await.unwrap(), 5);
            assert_eq!(far.recv(&mut buf[..3]).await.unwrap(), 3);
            assert_eq!(&buf[..5], b"secst");
            let (len, from) = far.recv_from(&mut buf).await.unwrap();
            assert_eq!((&buf[..len], from), (&b"third"[..], near.local_addr().unwrap()));
        });
    });
}

#[test]
fn an_empty_datagram_is_one_and_no_end() {
    ends(|| {
        real().block_on(async {
            let (near, far) = pair().await;
            assert_eq!(near.send(b"").await.unwrap(), 0);
            assert_eq!(near.send(b"more").await.unwrap(), 4);
            let mut buf = [0; 8];
            assert_eq!(far.recv(&mut buf).await.unwrap(), 0);
            assert_eq!(far.recv(&mut buf).await.unwrap(), 4);
            // An empty buffer takes a datagram too.
            near.send(b"lost").await.unwrap();
            near.send(b"kept!").await.unwrap();
            assert_eq!(far.recv(&mut []).await.unwrap(), 0);
            assert_eq!(far.recv(&mut buf).await.unwrap(), 5);
        });
    });
}

#[test]
fn to_peek_is_not_to_take() {
    ends(|| {
        real().block_on(async {
            let (near, far) = pair().await;
            let sender = near.local_addr().unwrap();
            let mut peeks = Probe::new(far.peek_from(&mut []));
            peeks.assert_pending();
            near.send(b"twice").await.unwrap();
            far.readable().await.unwrap();
            assert!(peeks.is_woken());
            assert_eq!(peeks.assert_ready().unwrap(), (0, sender));

            let mut buf = [0; 8];
            assert_eq!(far.peek(&mut buf).await.unwrap(), 5);
            assert_eq!(far.peek_from(&mut buf).await.unwrap(), (5, sender));
            assert_eq!(far.try_recv_from(&mut buf).unwrap(), (5, sender));
            assert_eq!(far.try_recv_from(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
        });
    });
}

#[test]
fn a_connected_socket_receives_from_its_peer_only() {
    ends(|| {
        real().block_on(async {
            let (near, far) = pair().await;
            let other = UdpSocket::bind(LOCAL).await.unwrap();
            other.send_to(b"other", far.local_addr().unwrap()).await.unwrap();
            near.send(b"peer").await.unwrap();
            let mut buf = [0; 8];
            assert_eq!(far.recv(&mut buf).await.unwrap(), 4);
            assert_eq!(far.try_recv(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
            assert_eq!(far.peer_addr().unwrap(), near.local_addr().unwrap());
            assert_eq!(other.peer_addr().unwrap_err().kind(), ErrorKind::NotConnected);
        });
    });
}

/// Behaviour 34.
#[test]
fn an_address_may_be_given_in_every_form() {
    ends(|| {
        real().block_on(async {
            let far = UdpSocket::bind("localhost:0").await.unwrap();
            let near = UdpSocket::bind(("127.0.0.1", 0)).await.unwrap();
            let address = far.local_addr().unwrap();
            let mut buf = [0; 8];
            assert_eq!(near.send_to(b"1", address).await.unwrap(), 1);
            assert_eq!(near.send_to(b"2", ("localhost", address.port())).await.unwrap(), 1);
            assert_eq!(near.send_to(b"3", address.to_string()).await.unwrap(), 1);
            // Of several addresses, the first.
            assert_eq!(
                near.send_to(b"4", &[address, near.local_addr().unwrap()][..]).await.unwrap(),
                1
            );
            assert_eq!(near.try_send_to(b"5", address).unwrap(), 1);
            let polled = poll_fn(|cx| near.poll_send_to(cx, b"6", address)).await;
            assert_eq!(polled.unwrap(), 1);
            for expected in b"123456" {
                assert_eq!(far.recv_from(&mut buf).await.unwrap(), (1, near.local_addr().unwrap()));
                assert_eq!(buf[0], *expected);
            }
            let none: &[SocketAddr] = &[];
            let error = near.send_to(b"!", none).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert_eq!(near.connect(none).await.unwrap_err().kind(), ErrorKind::InvalidInput);
        });
    });
}

#[test]
fn what_cannot_be_done_is_an_error_of_its_kind() {
    ends(|| {
        real().block_on(async {
            let (near, far) = pair().await;
            let taken = far.local_addr().unwrap();
            let error = UdpSocket::bind(taken).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AddrInUse);

            let error = near.send(&vec![0; 1 << 17]).await.unwrap_err();
            assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::MSGSIZE.raw_os_error()));

            // All addresses of the loopback network.
            let broadcast = SocketAddr::from(([127, 255, 255, 255], taken.port()));
            let unbound = UdpSocket::bind(LOCAL).await.unwrap();
            let error = unbound.send_to(b"all!", broadcast).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PermissionDenied);
            unbound.set_broadcast(true).unwrap();
            assert!(unbound.broadcast().unwrap());
            unbound.send_to(b"all!", broadcast).await.unwrap();

            // The peer is closed, and the machine says so.
            drop(far);
            near.send(b"hello?").await.unwrap();
            let error = near.recv(&mut [0; 8]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
            // It is reported once.
            assert_eq!(near.try_recv(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
            near.send(b"hello?").await.unwrap();
            near.readable().await.unwrap();
            let stored = near.take_error().unwrap().expect("stored, and not told");
            assert_eq!(stored.kind(), ErrorKind::ConnectionRefused);
            assert!(near.take_error().unwrap().is_none());
        });
    });
}

#[test]
fn one_task_sends_and_another_receives_through_one_socket() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let sockets = [pair().await, pair().await].map(|(near, far)| [near, far].map(Arc::new));
            let mut tasks = Vec::new();
            for [near, far] in sockets {
                // An echo, and a caller that sends and receives at once: one datagram is in flight at a time.
                tasks.push(openwork::spawn(async move {
                    let mut buf = [0; 8];
                    for _ in 0..100 {
                        let len = far.recv(&mut buf).await.unwrap();
                        far.send(&buf[..len]).await.unwrap();
                    }
                }));
                let (give, mut take) = openwork::sync::mpsc::channel(1);
                let sender = near.clone();
                tasks.push(openwork::spawn(async move {
                    for number in 0_u64..100 {
                        sender.send(&number.to_le_bytes()).await.unwrap();
                        take.recv().await.unwrap();
                    }
                }));
                tasks.push(openwork::spawn(async move {
                    let mut buf = [0; 8];
                    for number in 0_u64..100 {
                        assert_eq!(near.recv(&mut buf).await.unwrap(), 8);
                        assert_eq!(u64::from_le_bytes(buf), number);
                        give.send(()).await.unwrap();
                    }
                }));
            }
            for task in tasks {
                task.await.unwrap();
            }
        });
    });
}

#[test]
fn any_number_may_wait_to_receive_and_one_is_served() {
    ends(|| {
        real().block_on(async {
            let (turns, (near, far)) = (Turns::new(), pair().await);
            let (mut one_buf, mut other_buf) = ([0; 8], [0; 8]);
            let mut one = Probe::new(far.recv(&mut one_buf));
            let mut other = Probe::new(far.recv(&mut other_buf));
            one.assert_pending();
            other.assert_pending();
            near.send(b"!").await.unwrap();
            turns.until(|| one.is_woken()).await;
            turns.until(|| other.is_woken()).await;
            assert_eq!(other.assert_ready().unwrap(), 1);
            one.assert_pending();
            near.send(b"!").await.unwrap();
            turns.until(|| one.is_woken()).await;
            assert_eq!(one.assert_ready().unwrap(), 1);
        });
    });
}

#[test]
fn a_receive_that_is_given_up_leaves_no_interest_and_takes_nothing() {
    ends(|| {
        let runtime = crate::common::paused();
        runtime.block_on(async {
            let (turns, (near, far)) = (Turns::new(), pair().await);
            let mut buf = [0; 8];
            assert!(timeout(Duration::from_secs(1), far.recv(&mut buf)).await.is_err());
            let given_up = Wakes::new();
            assert!(given_up.poll(pin!(far.recv(&mut buf))).is_pending());
            assert_eq!(given_up.kept(), 0);
            let mut next = Probe::new(far.recv(&mut buf));
            next.assert_pending();
            near.send(b"next").await.unwrap();
            turns.until(|| next.is_woken()).await;
            assert_eq!(given_up.count(), 0);
            assert_eq!(next.assert_ready().unwrap(), 4);
        });
    });
}

#[test]
fn the_poll_forms_wake_the_last_that_asked() {
    ends(|| {
        real().block_on(async {
            let (turns, (near, far)) = (Turns::new(), pair().await);
            let (first, last) = (Wakes::new(), Wakes::new());
            let mut buf = [0; 8];
            assert!(first.poll_fn(|cx| far.poll_recv(cx, &mut buf)).is_pending());
            assert!(last.poll_fn(|cx| far.poll_recv_from(cx, &mut buf)).is_pending());
            assert_eq!((first.kept(), last.kept()), (0, 1));
            assert!(matches!(first.poll_fn(|cx| near.poll_send(cx, b"data")), Poll::Ready(Ok(4))));
            assert!(matches!(first.poll_fn(|cx| near.poll_send_ready(cx)), Poll::Ready(Ok(()))));
            turns.until(|| last.count() > 0).await;
            assert_eq!((first.take(), last.take()), (0, 1));
            assert!(matches!(last.poll_fn(|cx| far.poll_recv_ready(cx)), Poll::Ready(Ok(()))));
            assert!(matches!(last.poll_fn(|cx| far.poll_recv(cx, &mut buf)), Poll::Ready(Ok(4))));
            assert!(last.poll_fn(|cx| far.poll_recv(cx, &mut buf)).is_pending());
            assert!(last.poll_fn(|cx| far.poll_recv_ready(cx)).is_pending());
        });
    });
}

#[test]
fn ready_says_for_what() {
    ends(|| {
        real().block_on(async {
            let (turns, (near, far)) = (Turns::new(), pair().await);
            let both = Interest::READABLE | Interest::WRITABLE;
            assert_eq!(far.ready(both).await.unwrap(), Ready::WRITABLE);
            let mut readable = Probe::new(far.ready(Interest::READABLE));
            readable.assert_pending();
            near.send(b"!").await.unwrap();
            turns.until(|| readable.is_woken()).await;
            assert_eq!(readable.assert_ready().unwrap(), Ready::READABLE);
            assert_eq!(far.ready(both).await.unwrap(), Ready::READABLE | Ready::WRITABLE);
        });
    });
}

/// Behaviour 12.
#[test]
fn a_task_that_always_finds_a_datagram_gives_way() {
    ends(|| {
        CurrentThread.in_order().build().unwrap().block_on(async {
            let (near, far) = pair().await;
            for _ in 0..150 {
                near.send(b"!").await.unwrap();
            }
            let greedy = openwork::spawn(async move {
                far.recv(&mut [0; 8]).await.unwrap();
                let others_turn = Arc::new(AtomicBool::new(false));
                let turn = others_turn.clone();
                drop(openwork::spawn(async move { turn.store(true, SeqCst) }));
                let mut alone = 0;
                while !others_turn.load(SeqCst) {
                    assert!(alone < 128, "the budget of a poll");
                    far.recv(&mut [0; 8]).await.unwrap();
                    alone += 1;
                }
            });
            greedy.await.unwrap();
        });
    });
}

#[test]
fn the_options_are_kept() {
    ends(|| {
        real().block_on(async {
            let socket = UdpSocket::bind(LOCAL).await.unwrap();
            socket.set_ttl(7).unwrap();
            assert_eq!(socket.ttl().unwrap(), 7);
            // Those that have no method here, by the descriptor.
            for on in [false, true] {
                rustix::net::sockopt::set_ip_multicast_loop(&socket, on).unwrap();
                assert_eq!(rustix::net::sockopt::ip_multicast_loop(&socket).unwrap(), on);
            }
        });
    });
}

#[test]
fn one_of_stds_becomes_ours_and_stds_again() {
    ends(|| {
        let runtime = real();
        let std = StdSocket::bind(LOCAL).unwrap();
        let address = std.local_addr().unwrap();
        let socket = runtime.block_on(async { UdpSocket::try_from(std).unwrap() });
        assert_eq!(socket.local_addr().unwrap(), address);
        let std = socket.into_std().unwrap();
        // It is not watched any more, and does not block.
        assert_eq!(runtime.handle().metrics().io_driver_fd_registered_count(), 0);
        assert_eq!(std.recv(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);

        let panicked = panic_of(|| UdpSocket::from_std(std)).expect("there is no runtime here");
        assert!(panicked.message.contains("UdpSocket::from_std"), "{}", panicked.message);
        assert_eq!(panicked.file, file!());
    });
}

#[test]
fn after_the_runtime_every_operation_fails_and_every_wait_is_woken() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let (near, far) = runtime.block_on(pair());
        let mut buf = [0; 8];
        let wakes = Wakes::new();
        let mut waits = pin!(far.recv(&mut buf));
        assert!(wakes.poll(waits.as_mut()).is_pending());
        drop(runtime);
        assert_eq!((wakes.count(), wakes.kept()), (1, 0));
        let Poll::Ready(Err(error)) = wakes.poll(waits) else { panic!("it has ended") };
        assert_eq!(error.kind(), ErrorKind::Other);
        assert_eq!(near.try_send(b"!").unwrap_err().kind(), ErrorKind::Other);
    });
}

#[test]
fn sockets_and_what_they_return_may_go_to_other_threads() {
    fn is_send<T: Send>(_: &T) {}
    fn is_sync<T: Send + Sync + Unpin>() {}
    is_sync::<UdpSocket>();
    ends(|| {
        real().block_on(async {
            let (near, far) = pair().await;
            let mut buf = [0; 8];
            is_send(&near.send(b"!"));
            is_send(&near.send_to(b"!", "localhost:9"));
            is_send(&near.connect("localhost:9"));
            is_send(&UdpSocket::bind(LOCAL));
            is_send(&far.recv(&mut buf));
            is_send(&far.ready(Interest::READABLE));
            is_send(&far.async_io(Interest::READABLE, || Ok(())));
            fn futures<F: Future>(_: F) {}
            futures(far.peek_from(&mut []));
        });
    });
}
