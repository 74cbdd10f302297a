//! Errors of sockets reach the caller with their kind; and results that look like an error or an end, and are
//! neither.

use std::fs::File;
use std::future::Future;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream as StdStream, UdpSocket as StdUdp};
use std::os::fd::OwnedFd;
use std::process::Command;
use std::sync::mpsc;
use std::task::Poll;
use std::time::Duration;

use openwork::io::framed::{FramedRead, LengthDelimitedCodec, LinesCodec, LinesCodecError};
use openwork::io::{
    AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, copy, copy_bidirectional, duplex,
    sink, split,
};
use openwork::net::unix::pipe;
use openwork::net::{
    TcpListener, TcpSocket, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream,
};
use openwork::runtime::Handle;
use openwork::time::timeout;
use rustix::io::Errno;

use crate::common::sockets::{Directory, Turns};
use crate::common::{Flavour, Probe, alone, alone_under, on_every_flavour, real};

const LOCAL: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(LOCAL).await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (near, listener.accept().await.unwrap().0)
}

fn watched() -> usize {
    Handle::current().metrics().io_driver_fd_registered_count()
}

/// The error of an operation that fails.
async fn kind<T: std::fmt::Debug>(operation: impl Future<Output = io::Result<T>>) -> ErrorKind {
    operation.await.expect_err("it fails").kind()
}

// ---- kinds ----

#[test]
fn to_bind_and_to_connect_fail_with_the_kinds_of_the_system() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            // An address that is reserved for documentation.
            let nobodys = SocketAddr::from(([192, 0, 2, 1], 9));
            assert_eq!(kind(TcpListener::bind(nobodys)).await, ErrorKind::AddrNotAvailable);
            assert_eq!(kind(UdpSocket::bind(nobodys)).await, ErrorKind::AddrNotAvailable);

            let listener = TcpListener::bind(LOCAL).await.unwrap();
            let address = listener.local_addr().unwrap();
            assert_eq!(kind(TcpListener::bind(address)).await, ErrorKind::AddrInUse);
            drop(listener);
            assert_eq!(kind(TcpStream::connect(address)).await, ErrorKind::ConnectionRefused);
            // The system knows at once that it cannot be reached: which error it gives depends on the machine.
            let broadcast = SocketAddr::from(([255, 255, 255, 255], 9));
            let expected = StdStream::connect(broadcast).unwrap_err();
            let error = TcpStream::connect(broadcast).await.unwrap_err();
            assert_eq!(error.raw_os_error(), expected.raw_os_error());
            let expected = StdUdp::bind(LOCAL).unwrap().connect(broadcast).map_err(|e| e.kind());
            let socket = UdpSocket::bind(LOCAL).await.unwrap();
            assert_eq!(socket.connect(broadcast).await.map_err(|e| e.kind()), expected);
            drop(socket);
            assert_eq!(watched(), 0);
        });
    });
}

#[test]
fn a_reset_is_told_to_the_reader_and_to_the_writer() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (mut near, far) = pair().await;
            far.set_zero_linger().unwrap();
            drop(far);
            assert_eq!(kind(near.read(&mut [0; 8])).await, ErrorKind::ConnectionReset);
            // It is reported once.
            assert_eq!(near.read(&mut [0; 8]).await.unwrap(), 0);
            assert_eq!(kind(near.write(b"!")).await, ErrorKind::BrokenPipe);

            let (mut near, far) = pair().await;
            far.set_zero_linger().unwrap();
            drop(far);
            let mut written = Ok(0);
            while written.is_ok() {
                written = near.write(b"!").await;
            }
            assert_eq!(written.unwrap_err().kind(), ErrorKind::ConnectionReset);

            let (mut near, _far) = pair().await;
            near.shutdown().await.unwrap();
            assert_eq!(kind(near.write(b"!")).await, ErrorKind::BrokenPipe);
            let (mut near, far) = UnixStream::pair().unwrap();
            drop(far);
            assert_eq!(kind(near.write(b"!")).await, ErrorKind::BrokenPipe);
            assert_eq!(near.read(&mut [0; 8]).await.unwrap(), 0);
        });
    });
}

#[test]
fn an_error_ends_all_that_wait_each_in_its_turn() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let turns = Turns::new();
            let (near, far) = pair().await;
            while near.try_write(&[0; 1 << 16]).is_ok() {}
            let (mut peek_buf, mut read_buf) = ([0; 8], [0; 8]);
            let (mut reads, mut writes) = (&near, &near);
            let mut peek = Probe::new(near.peek(&mut peek_buf));
            let mut read = Probe::new(reads.read(&mut read_buf));
            let mut write = Probe::new(writes.write(b"!"));
            peek.assert_pending();
            read.assert_pending();
            write.assert_pending();
            far.set_zero_linger().unwrap();
            drop(far);
            turns.until(|| peek.is_woken()).await;
            turns.until(|| read.is_woken()).await;
            turns.until(|| write.is_woken()).await;
            // The first operation gets the reset.
            assert_eq!(write.assert_ready().unwrap_err().kind(), ErrorKind::ConnectionReset);
            assert_eq!(read.assert_ready().unwrap(), 0);
            assert_eq!(peek.assert_ready().unwrap(), 0);
        });
    });
}

#[test]
fn what_is_not_connected_says_so() {
    crate::common::ends(|| {
        real().block_on(async {
            let unbound = UnixDatagram::unbound().unwrap();
            assert_eq!(kind(unbound.send(b"!")).await, ErrorKind::NotConnected);
            assert_eq!(unbound.peer_addr().unwrap_err().kind(), ErrorKind::NotConnected);
            let socket = UdpSocket::bind(LOCAL).await.unwrap();
            let error = socket.send(b"!").await.unwrap_err();
            assert_eq!(error.raw_os_error(), Some(Errno::DESTADDRREQ.raw_os_error()));
        });
    });
}

/// Takes about a second: after that time the system tries again, and finds the time-out.
#[cfg(target_os = "linux")]
#[test]
fn a_connect_that_the_system_gives_up_has_timed_out() {
    crate::common::ends(|| {
        real().block_on(async {
            // A backlog of one that is full: the system drops the next connect.
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind(SocketAddr::from(LOCAL)).unwrap();
            let listener = socket.listen(0).unwrap();
            let address = listener.local_addr().unwrap();
            let _waits = TcpStream::connect(address).await.unwrap();
            let socket = TcpSocket::new_v4().unwrap();
            rustix::net::sockopt::set_tcp_user_timeout(&socket, 100).unwrap();
            assert_eq!(kind(socket.connect(address)).await, ErrorKind::TimedOut);
        });
    });
}

#[test]
fn what_the_system_has_a_number_for_and_std_no_name_keeps_its_number() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            // No socket at all.
            let (reader, mut writer) = io::pipe().unwrap();
            writer.write_all(b"!").unwrap();
            let stream = StdStream::from(OwnedFd::from(reader));
            stream.set_nonblocking(true).unwrap();
            let mut stream = TcpStream::from_std(stream).unwrap();
            let error = stream.read(&mut [0; 8]).await.unwrap_err();
            assert_eq!(error.raw_os_error(), Some(Errno::NOTSOCK.raw_os_error()));

            // An address of the other family, and a network that is far away, or none.
            let socket = UdpSocket::bind(LOCAL).await.unwrap();
            let (six, far) = ("[::1]:9".parse::<SocketAddr>().unwrap(), "[100::1]:9");
            let error = socket.send_to(b"!", six).await.unwrap_err();
            assert_eq!(error.raw_os_error(), Some(Errno::AFNOSUPPORT.raw_os_error()));
            if let Err(expected) = StdUdp::bind("[::]:0").and_then(|socket| socket.connect(far)) {
                let error = TcpStream::connect(far).await.unwrap_err();
                assert_eq!(error.raw_os_error(), expected.raw_os_error());
            }
        });
    });
}

#[test]
fn a_task_that_waits_for_a_listener_that_is_shut_down_gets_an_error() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let turns = Turns::new();
            let listener = TcpListener::bind(LOCAL).await.unwrap();
            let mut first = Probe::new(listener.accept());
            let mut second = Probe::new(listener.accept());
            first.assert_pending();
            second.assert_pending();
            rustix::net::shutdown(&listener, rustix::net::Shutdown::Both).unwrap();
            turns.until(|| first.is_woken()).await;
            turns.until(|| second.is_woken()).await;
            assert_eq!(first.assert_ready().unwrap_err().kind(), ErrorKind::InvalidInput);
            assert_eq!(second.assert_ready().unwrap_err().kind(), ErrorKind::InvalidInput);
        });
    });
}

#[test]
fn a_unix_stream_that_is_closed_over_what_was_not_read_is_reset() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (mut near, far) = UnixStream::pair().unwrap();
            near.write_all(b"never read").await.unwrap();
            drop(far);
            assert_eq!(kind(near.read(&mut [0; 8])).await, ErrorKind::ConnectionReset);
            assert_eq!(near.read(&mut [0; 8]).await.unwrap(), 0);
            assert_eq!(kind(near.write(b"!")).await, ErrorKind::BrokenPipe);
        });
    });
}

// ---- through the layers ----

/// Runs an operation on a stream whose other side has sent this, and then reset the connection.
async fn after_a_reset<T: std::fmt::Debug>(
    sent: &[u8],
    operation: impl AsyncFnOnce(TcpStream) -> io::Result<T>,
) {
    let (near, mut far) = pair().await;
    far.write_all(sent).await.unwrap();
    // Otherwise the reset would discard bytes that are still in flight.
    while near.peek(&mut [0; 8]).await.unwrap() < sent.len() {}
    let reading = operation(near);
    let mut reading = Probe::new(reading);
    reading.assert_pending();
    far.set_zero_linger().unwrap();
    drop(far);
    let error = loop {
        openwork::task::yield_now().await;
        if reading.is_woken()
            && let Poll::Ready(result) = reading.poll()
        {
            break result.expect_err("it was reset");
        }
    };
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn a_reset_reaches_the_caller_through_every_layer() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            after_a_reset(b"abc", async |mut s| s.read_exact(&mut [0; 8]).await).await;
            after_a_reset(b"abc", async |mut s| s.read_to_end(&mut Vec::new()).await).await;
            after_a_reset(b"abc", async |mut s| s.read_to_string(&mut String::new()).await).await;
            after_a_reset(b"abc", async |s| BufReader::new(s).read_line(&mut String::new()).await)
                .await;
            after_a_reset(b"abc", async |s| BufReader::new(s).lines().next_line().await).await;
            after_a_reset(b"abc", async |s| {
                BufReader::new(s).take(8).read_until(b'!', &mut Vec::new()).await
            })
            .await;
            after_a_reset(b"abc", async |mut s| copy(&mut s, &mut sink()).await).await;
            after_a_reset(b"abc", async |mut s| {
                let (mut other, _kept) = duplex(64);
                copy_bidirectional(&mut s, &mut other).await
            })
            .await;
            after_a_reset(b"abc", async |s| {
                FramedRead::new(s, LengthDelimitedCodec::new()).next().await.unwrap()
            })
            .await;
            after_a_reset(b"abc", async |s| {
                match FramedRead::new(s, LinesCodec::new()).next().await.unwrap() {
                    Ok(line) => Ok(line),
                    Err(LinesCodecError::Io(error)) => Err(error),
                    Err(other) => panic!("{other}"),
                }
            })
            .await;
            after_a_reset(b"abc", async |s| {
                let (mut reads, _writes) = split(s);
                reads.read_exact(&mut [0; 4]).await
            })
            .await;
            after_a_reset(b"abc", async |s| {
                let (mut reads, _writes) = s.into_split();
                reads.read_u64().await
            })
            .await;
            after_a_reset(b"abc", async |mut s| {
                s.read_exact(&mut [0; 3]).await?;
                let limit = Duration::from_secs(3600);
                timeout(limit, s.read(&mut [0; 8])).await.expect("there is time")
            })
            .await;
        });
    });
}

// ---- no descriptors left ----

#[test]
fn at_the_limit_of_descriptors_every_way_to_a_socket_says_so_and_leaves_nothing() {
    const NAME: &str =
        "at_the_limit_of_descriptors_every_way_to_a_socket_says_so_and_leaves_nothing";
    alone_under(NAME, "ulimit -n 64", || {
        for flavour in [Flavour::CurrentThread, Flavour::Workers(2)] {
            at_the_limit(flavour);
        }
    });
}

fn at_the_limit(flavour: Flavour) {
    flavour.block_on(async {
        let directory = Directory::new();
        let path = directory.path("listener");
        let listener = TcpListener::bind(LOCAL).await.unwrap();
        let unix_listener = UnixListener::bind(&path).unwrap();
        let address = listener.local_addr().unwrap();
        // They wait to be accepted.
        let near = TcpStream::connect(address).await.unwrap();
        let unix_near = UnixStream::connect(&path).await.unwrap();
        let before = watched();

        let mut hoard = Vec::new();
        while let Ok(file) = File::open("/dev/null") {
            hoard.push(file);
        }
        fn is_full<T: std::fmt::Debug>(result: io::Result<T>) {
            let error = result.expect_err("there is no room");
            assert_eq!(error.raw_os_error(), Some(Errno::MFILE.raw_os_error()), "{error}");
        }
        for _ in 0..3 {
            is_full(TcpStream::connect(address).await);
            is_full(TcpListener::bind(LOCAL).await);
            is_full(TcpSocket::new_v4());
            is_full(listener.accept().await);
            is_full(UdpSocket::bind(LOCAL).await);
            is_full(UnixStream::connect(&path).await);
            is_full(UnixStream::pair());
            is_full(unix_listener.accept().await);
            is_full(UnixDatagram::unbound());
            is_full(pipe::pipe());
        }
        assert_eq!(watched(), before);

        // With room again accept goes on, without a new event.
        drop(hoard);
        let (mut far, peer) = listener.accept().await.unwrap();
        assert_eq!(peer, near.local_addr().unwrap());
        let (mut unix_far, _) = unix_listener.accept().await.unwrap();
        drop((near, unix_near));
        assert_eq!(far.read(&mut [0; 8]).await.unwrap(), 0);
        assert_eq!(unix_far.read(&mut [0; 8]).await.unwrap(), 0);
        TcpStream::connect(address).await.unwrap();
    });
}

// ---- signals ----

/// A process that was stopped and continued finds its waits interrupted. It must wait again, and miss nothing.
#[cfg(target_os = "linux")]
#[test]
fn a_runtime_that_is_interrupted_while_it_sleeps_sleeps_on() {
    alone("a_runtime_that_is_interrupted_while_it_sleeps_sleeps_on", || {
        for flavour in [Flavour::CurrentThread, Flavour::Workers(2)] {
            for limit in [None, Some(Duration::from_secs(3600)), Some(Duration::from_micros(900))] {
                interrupted(flavour, limit);
            }
        }
    });
}

/// With a deadline or without: the driver sleeps in different ways.
#[cfg(target_os = "linux")]
fn interrupted(flavour: Flavour, limit: Option<Duration>) {
    let (runtime, asleep) = flavour.sleepy();
    let (tell, told) = mpsc::channel();
    let foreign = std::thread::spawn(move || {
        let mut far: StdStream = told.recv().unwrap();
        asleep.recv().unwrap();
        // The shell is our child: it stops its parent, and continues it.
        let stop = "for n in 1 2 3 4 5; do kill -STOP $PPID; kill -CONT $PPID; done";
        assert!(Command::new("sh").args(["-c", stop]).status().unwrap().success());
        far.write_all(b"awake").unwrap();
        let mut answer = String::new();
        far.read_to_string(&mut answer).unwrap();
        answer
    });
    runtime.block_on(async {
        let ticks = limit.map(|limit| {
            openwork::spawn(async move {
                loop {
                    openwork::time::sleep(limit).await;
                }
            })
        });
        let listener = TcpListener::bind(LOCAL).await.unwrap();
        let far = StdStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut near, _) = listener.accept().await.unwrap();
        tell.send(far).unwrap();
        let mut buf = [0; 5];
        near.read_exact(&mut buf).await.unwrap();
        near.write_all(&buf).await.unwrap();
        drop(near);
        if let Some(ticks) = ticks {
            ticks.abort();
        }
    });
    assert_eq!(foreign.join().unwrap(), "awake");
}

// ---- nothing at all, and a part ----

#[test]
fn nothing_can_be_read_and_written_and_is_no_end() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (mut near, mut far) = pair().await;
            assert_eq!(near.write(b"").await.unwrap(), 0);
            near.write_all(b"").await.unwrap();
            near.write_all(b"something").await.unwrap();
            far.readable().await.unwrap();
            assert_eq!(far.read(&mut []).await.unwrap(), 0);
            assert_eq!(far.read_exact(&mut []).await.unwrap(), 0);
            assert_eq!(far.try_read(&mut []).unwrap(), 0);
            let mut buf = [0; 9];
            assert_eq!(far.read_exact(&mut buf).await.unwrap(), 9);
            assert_eq!(&buf, b"something");

            let (mut near, mut far) = UnixStream::pair().unwrap();
            assert_eq!(near.write(b"").await.unwrap(), 0);
            near.write_all(b"something").await.unwrap();
            assert_eq!(far.read(&mut []).await.unwrap(), 0);
            assert_eq!(far.read(&mut buf).await.unwrap(), 9);

            let (mut sender, mut receiver) = pipe::pipe().unwrap();
            assert_eq!(sender.write(b"").await.unwrap(), 0);
            sender.write_all(b"something").await.unwrap();
            assert_eq!(receiver.read(&mut []).await.unwrap(), 0);
            assert_eq!(receiver.read(&mut buf).await.unwrap(), 9);
        });
    });
}

#[test]
fn of_what_finds_no_room_a_part_is_written_and_the_rest_is_the_callers() {
    crate::common::ends(|| {
        real().block_on(async {
            // A different number in each place, so that a lost or doubled piece shows.
            let all: Vec<u8> = (0..16_u32 << 20).map(|n| (n ^ n >> 8 ^ n >> 16) as u8).collect();
            let (mut near, mut far) = pair().await;
            let part = near.write(&all).await.unwrap();
            assert!(0 < part && part < all.len());
            let rest = &all[part..];
            let writes = async {
                near.write_all(rest).await.unwrap();
                near.shutdown().await.unwrap();
            };
            let reads = async {
                let mut got = Vec::new();
                far.read_to_end(&mut got).await.unwrap();
                got
            };
            let ((), got) = futures::join!(writes, reads);
            assert!(got == all);
        });
    });
}
