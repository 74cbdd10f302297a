//! Timeouts around every operation that waits for bytes. A dropped operation leaves no registration, calls no waker, and
//! loses no byte.

use std::env;
use std::fs::File as StdFile;
use std::future::Future;
use std::io::{ErrorKind, Read, Write};
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::process::{Command, Stdio};
use std::task::Poll;
use std::time::Duration;

use openwork::fs::File;
use openwork::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, copy, sink, stdin};
use openwork::net::unix::pipe;
use openwork::net::{
    TcpListener, TcpSocket, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream,
};
use openwork::runtime::Handle;
use openwork::signal;
use openwork::time::timeout;

use crate::common::sockets::{Directory, Turns};
use crate::common::{Flavour, Wakes, again, alone, ends, on_every_flavour, until};

const LOCAL: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);
/// Long enough to be sure that the operation waits: no event that these operations wait for happens meanwhile.
const SHORT: Duration = Duration::from_millis(1);

fn watched() -> usize {
    Handle::current().metrics().io_driver_fd_registered_count()
}

/// Cancels an operation by a timeout. The same descriptors are registered afterwards as before, and no timer is left.
async fn times_out<T>(operation: impl Future<Output = T>) {
    let before = watched();
    assert!(timeout(SHORT, operation).await.is_err(), "there was nothing to come");
    assert_eq!(watched(), before);
    assert_eq!(Handle::current().metrics().num_timers(), 0);
}

/// Two connected streams.
async fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(LOCAL).await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (near, listener.accept().await.unwrap().0)
}

/// A listener whose backlog is full.
async fn full_listener() -> (impl Sized, std::net::SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(LOCAL.into()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let waits = TcpStream::connect(address).await.unwrap();
    ((waits, listener), address)
}

// ---- timeouts ----

#[test]
fn a_timeout_ends_every_wait_of_a_stream_and_loses_nothing() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (mut near, mut far) = tcp_pair().await;
            let mut buf = [0; 4];
            times_out(near.readable()).await;
            times_out(near.peek(&mut buf)).await;
            times_out(near.read(&mut buf)).await;
            times_out(near.read_exact(&mut buf)).await;
            times_out(near.read_to_end(&mut Vec::new())).await;
            times_out(copy(&mut near, &mut sink())).await;
            times_out(BufReader::new(&mut near).read_line(&mut String::new())).await;
            far.write_all(b"more").await.unwrap();
            near.read_exact(&mut buf).await.unwrap();
            assert_eq!(&buf, b"more");

            // The bytes of the writes that returned have been written.
            let mut count = 0_usize;
            while let Ok(written) = timeout(SHORT, near.write(&[7; 1 << 16])).await {
                count += written.unwrap();
            }
            times_out(near.writable()).await;
            times_out(near.write_all(b"!")).await;
            let mut room = vec![0; count];
            far.read_exact(&mut room).await.unwrap();
            assert!(room == vec![7; count]);
            near.write_all(b"!").await.unwrap();
            assert_eq!(far.read(&mut buf).await.unwrap(), 1);

            let (mut reads, mut writes) = near.into_split();
            times_out(reads.read(&mut buf)).await;
            writes.write_all(b"half").await.unwrap();
            far.read_exact(&mut buf).await.unwrap();
        });
    });
}

#[test]
fn a_timeout_ends_an_accept_and_a_connect() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let listener = TcpListener::bind(LOCAL).await.unwrap();
            times_out(listener.accept()).await;
            let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (_, peer) = listener.accept().await.unwrap();
            assert_eq!(peer, near.local_addr().unwrap());

            let (_listener, address) = full_listener().await;
            times_out(TcpStream::connect(address)).await;
            let socket = TcpSocket::new_v4().unwrap();
            times_out(socket.connect(address)).await;

            let directory = Directory::new();
            let path = directory.path("listener");
            let listener = UnixListener::bind(&path).unwrap();
            times_out(listener.accept()).await;
            let _near = UnixStream::connect(&path).await.unwrap();
            listener.accept().await.unwrap();
        });
    });
}

#[test]
fn a_timeout_ends_every_wait_of_a_datagram_socket_a_unix_stream_and_a_pipe() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let mut buf = [0; 8];
            let (here, there) =
                (UdpSocket::bind(LOCAL).await.unwrap(), UdpSocket::bind(LOCAL).await.unwrap());
            times_out(here.recv_from(&mut buf)).await;
            times_out(here.peek_from(&mut buf)).await;
            times_out(here.readable()).await;
            here.connect(there.local_addr().unwrap()).await.unwrap();
            times_out(here.recv(&mut buf)).await;
            there.send_to(b"datagram", here.local_addr().unwrap()).await.unwrap();
            assert_eq!(here.recv(&mut buf).await.unwrap(), 8);

            let (here, there) = UnixDatagram::pair().unwrap();
            times_out(here.recv(&mut buf)).await;
            let mut sent = 0;
            while here.try_send(b"datagram").is_ok() {
                sent += 1;
            }
            times_out(here.send(b"too much")).await;
            for _ in 0..sent {
                assert_eq!(there.recv(&mut buf).await.unwrap(), 8);
            }
            times_out(there.recv(&mut buf)).await;
            here.send(b"again").await.unwrap();
            assert_eq!(there.recv(&mut buf).await.unwrap(), 5);

            let (mut near, mut far) = UnixStream::pair().unwrap();
            times_out(near.read(&mut buf)).await;
            while near.try_write(&[0; 1 << 16]).is_ok() {}
            times_out(near.write(b"!")).await;
            far.write_all(b"!").await.unwrap();
            assert_eq!(near.read(&mut buf).await.unwrap(), 1);

            let (mut sender, mut receiver) = pipe::pipe().unwrap();
            times_out(receiver.read(&mut buf)).await;
            while sender.try_write(&[0; 1 << 12]).is_ok() {}
            times_out(sender.write_all(&[0; 1 << 12])).await;
            assert_eq!(receiver.read(&mut buf).await.unwrap(), 8);
        });
    });
}

/// A read of a file cannot be cancelled once it runs on the pool. The next read returns its bytes.
#[test]
fn a_timeout_ends_the_wait_for_a_file_and_the_running_operation_loses_nothing() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (reader, mut writer) = std::io::pipe().unwrap();
            let mut file = File::from_std(StdFile::from(OwnedFd::from(reader)));
            let mut buf = [0; 8];
            times_out(file.read(&mut buf)).await;
            times_out(file.read(&mut buf)).await;
            times_out(file.read_exact(&mut buf)).await;
            writer.write_all(b"one two three").unwrap();
            file.read_exact(&mut buf).await.unwrap();
            assert_eq!(&buf, b"one two ");
            drop(writer);
            let mut rest = String::new();
            file.read_to_string(&mut rest).await.unwrap();
            assert_eq!(rest, "three");

            // A write to a full pipe: its flush is cancelled, and called again.
            let (mut reader, writer) = std::io::pipe().unwrap();
            let mut file = File::from_std(StdFile::from(OwnedFd::from(writer)));
            let all = vec![7; 1 << 20];
            file.write_all(&all).await.unwrap();
            times_out(file.flush()).await;
            let reading = openwork::task::spawn_blocking(move || {
                let mut got = Vec::new();
                reader.read_to_end(&mut got).unwrap();
                got
            });
            file.flush().await.unwrap();
            drop(file);
            assert!(reading.await.unwrap() == all);
        });
    });
}

/// A process of its own, with a pipe as its input.
#[test]
fn a_timeout_ends_the_wait_for_standard_input_and_no_byte_is_lost() {
    const INNER: &str = "OPENWORK_TEST_CANCEL_STDIN";
    if env::var_os(INNER).is_some() {
        for flavour in [Flavour::CurrentThread, Flavour::Workers(2)] {
            flavour.block_on(async {
                let mut buf = [0; 3];
                times_out(stdin().read(&mut buf)).await;
                let mut input = stdin();
                times_out(input.read_exact(&mut buf)).await;
                println!("asks");
                input.read_exact(&mut buf).await.unwrap();
                assert_eq!(&buf, b"abc");
            });
        }
        return;
    }
    ends(|| {
        let name = "a_timeout_ends_the_wait_for_standard_input_and_no_byte_is_lost";
        let mut command = again(name);
        command.env(INNER, "yes");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        for _ in 0..2 {
            let mut seen = Vec::new();
            while !seen.ends_with(b"asks\n") {
                let mut byte = [0];
                output.read_exact(&mut byte).expect("it ended early");
                seen.push(byte[0]);
            }
            input.write_all(b"abc").unwrap();
        }
        // Read to the end, or the child would write to a closed pipe.
        output.read_to_end(&mut Vec::new()).unwrap();
        assert!(child.wait().unwrap().success());
    });
}

/// In a process of its own, since it handles the process's signals.
#[test]
fn a_timeout_ends_the_wait_for_a_signal() {
    alone("a_timeout_ends_the_wait_for_a_signal", || {
        for flavour in [Flavour::CurrentThread, Flavour::Workers(2)] {
            ends(move || {
                flavour.block_on(async {
                    // The first wait installs the handler and registers its pipe.
                    assert!(timeout(SHORT, signal::ctrl_c()).await.is_err());
                    times_out(signal::ctrl_c()).await;
                    let waits = openwork::spawn(signal::ctrl_c());
                    let polled = || Handle::current().tasks().iter().all(|task| task.polls > 0);
                    until(polled).await;
                    let kill = "kill -INT $PPID";
                    assert!(Command::new("sh").args(["-c", kill]).status().unwrap().success());
                    waits.await.unwrap().unwrap();
                });
            });
        }
    });
}

// ---- which task is woken ----

/// The first operation waits and is dropped, the next one waits for the same event, and then the event happens. The next
/// one is woken and completes; the first one's waker is not called.
async fn wakes_the_next<F: Future, G: Future>(
    first: F,
    next: impl FnOnce() -> G,
    happens: impl AsyncFnOnce(),
) -> G::Output {
    let turns = Turns::new();
    let (old, new) = (Wakes::new(), Wakes::new());
    {
        let mut first = pin!(first);
        assert!(old.poll(first.as_mut()).is_pending());
    }
    let mut next = pin!(next());
    assert!(new.poll(next.as_mut()).is_pending());
    assert_eq!(old.kept(), 0, "the waker of the dropped operation is still stored");
    happens().await;
    turns.until(|| new.count() > 0).await;
    assert_eq!(old.count(), 0, "the waker of the dropped operation was called");
    match new.poll(next.as_mut()) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("woken for nothing"),
    }
}

/// The same with two equal operations.
macro_rules! wakes_the_next {
    ($operation:expr, $happens:expr) => {
        wakes_the_next($operation, || $operation, $happens).await
    };
}

#[test]
fn after_a_dropped_operation_only_the_next_one_is_woken() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (near, mut far) = tcp_pair().await;
            let (mut reads, mut again) = (&near, &near);
            let (mut buf, mut other) = ([0; 4], [0; 4]);
            let count = wakes_the_next(
                reads.read(&mut buf),
                || again.read(&mut other),
                async || far.write_all(b"data").await.unwrap(),
            );
            assert_eq!(count.await.unwrap(), 4);
            assert_eq!(&other, b"data");
            // The `poll_` methods and the others each have a waker of their own.
            let (mut reads, again) = (&near, &near);
            let peeked = wakes_the_next(
                again.peek(&mut buf),
                || reads.read(&mut other),
                async || far.write_all(b"more").await.unwrap(),
            );
            assert_eq!(peeked.await.unwrap(), 4);
            // Or it would still count as readable.
            assert_eq!(near.try_read(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
            wakes_the_next!(near.readable(), async || far.write_all(b"!").await.unwrap()).unwrap();

            let (here, there) = UnixDatagram::pair().unwrap();
            let mut send = async || {
                there.send(b"data").await.unwrap();
            };
            let got = wakes_the_next(here.recv(&mut buf), || here.recv(&mut other), &mut send);
            assert_eq!(got.await.unwrap(), 4);
            let here = UdpSocket::bind(LOCAL).await.unwrap();
            let there = UdpSocket::bind(LOCAL).await.unwrap();
            there.connect(here.local_addr().unwrap()).await.unwrap();
            let mut send = async || {
                there.send(b"data").await.unwrap();
            };
            let got =
                wakes_the_next(here.recv_from(&mut buf), || here.recv_from(&mut other), &mut send);
            assert_eq!(got.await.unwrap(), (4, there.local_addr().unwrap()));

            let listener = TcpListener::bind(LOCAL).await.unwrap();
            let address = listener.local_addr().unwrap();
            let mut knocks = Vec::new();
            let knock = async || knocks.push(TcpStream::connect(address).await.unwrap());
            wakes_the_next!(listener.accept(), knock).unwrap();
        });
    });
}

/// The same for a file, whose operation continues on the pool and wakes the next read.
#[test]
fn after_a_dropped_read_of_a_file_only_the_next_one_is_woken() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (reader, mut writer) = std::io::pipe().unwrap();
            let mut file = File::from_std(StdFile::from(OwnedFd::from(reader)));
            let (old, new) = (Wakes::new(), Wakes::new());
            let mut buf = [0; 4];
            assert!(old.poll(pin!(file.read(&mut buf))).is_pending());
            let mut next = pin!(file.read(&mut buf));
            assert!(new.poll(next.as_mut()).is_pending());
            assert_eq!(old.kept(), 0, "the waker of the dropped operation is still stored");
            writer.write_all(b"data").unwrap();
            until(|| new.count() > 0).await;
            assert_eq!(old.count(), 0, "the waker of the dropped operation was called");
            assert!(matches!(new.poll(next.as_mut()), Poll::Ready(Ok(4))));
            assert_eq!(&buf, b"data");
        });
    });
}

#[test]
fn dropping_the_object_drops_the_wakers_of_dropped_operations() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let wakes = Wakes::new();
            let (mut near, _far) = tcp_pair().await;
            assert!(wakes.poll(pin!(near.read(&mut [0; 4]))).is_pending());
            assert!(wakes.poll(pin!(near.read(&mut [0; 4]))).is_pending());
            assert!(wakes.kept() <= 1);
            drop(near);
            assert_eq!(wakes.kept(), 0);
            let (_sender, mut receiver) = pipe::pipe().unwrap();
            assert!(wakes.poll(pin!(receiver.read(&mut [0; 4]))).is_pending());
            drop(receiver);
            assert_eq!((wakes.kept(), wakes.count()), (0, 0));
        });
    });
}
