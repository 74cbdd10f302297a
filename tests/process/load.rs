//! Ten thousand connections, each in the middle of a frame; half of them are reset. What is left?
//!
//! Two processes: a process may have twenty thousand descriptors on many machines, and a connection has two.
//! The server is this test, in a process of its own. It starts itself once more as the peers, which are tasks
//! of this library too and in the middle of a frame as well: each has half a frame from the other side, and
//! waits for the rest. A first connection carries what the two processes say to each other.
//!
//! ```text
//!   peer n:   one frame, then half of one ──▶ server       ◀── half a frame
//!             … until all are there, on both sides. Then, by its number:
//!      0, 1   resets the connection                         an error: reset
//!      2      closes it                                     an error: the stream ended inside a frame
//!      3      sends the other half                          the frame; sends its other half, and closes
//! ```

use std::io::{ErrorKind, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};
use std::{env, io};

use bytes::{Bytes, BytesMut};
use openwork::io::AsyncWriteExt;
use openwork::io::framed::{Decoder, Framed, FramedRead, LengthDelimitedCodec, LinesCodec};
use openwork::net::{TcpListener, TcpStream};
use openwork::select;
use openwork::sync::CancellationToken;
use openwork::task::JoinSet;
use openwork::time::timeout;

use crate::allocator::allocated;
use crate::common::{again, ends, until};
use crate::counts::{Usage, most_descriptors, open_descriptors};
use crate::{alone_under, flavour_of};

const CONNECTIONS: usize = 10_000;
/// For what a process has open anyway.
const SPARE: usize = 50;
/// No test comes near it. Each wait is inside a time-out, because that is part of the load.
const HOUR: Duration = Duration::from_secs(3600);
/// The two halves of a frame.
const HALF: usize = 500;
/// The variable that makes the second process play the peers.
const PEER: &str = "OPENWORK_TEST_LOAD_PEER";

// ---- frames ----

/// A codec that reports the first time that it has a part of a frame and waits for the rest.
struct Halfway {
    codec: LengthDelimitedCodec,
    tell: Option<Arc<AtomicUsize>>,
}

impl Decoder for Halfway {
    type Item = BytesMut;
    type Error = io::Error;

    fn decode(&mut self, src: &mut BytesMut) -> io::Result<Option<BytesMut>> {
        let frame = self.codec.decode(src)?;
        if frame.is_none()
            && src.len() == HALF
            && let Some(tell) = self.tell.take()
        {
            tell.fetch_add(1, SeqCst);
        }
        Ok(frame)
    }

    fn decode_eof(&mut self, src: &mut BytesMut) -> io::Result<Option<BytesMut>> {
        self.codec.decode_eof(src)
    }
}

fn frames(stream: &TcpStream, tell: Arc<AtomicUsize>) -> FramedRead<&TcpStream, Halfway> {
    FramedRead::new(stream, Halfway { codec: LengthDelimitedCodec::new(), tell: Some(tell) })
}

/// Connection `id`'s frame, and with its length before it.
fn frame(id: usize) -> (Bytes, Vec<u8>) {
    let body: Vec<u8> = (0..2 * HALF).map(|n| (n * 31 + id * 17 + (id >> 8)) as u8).collect();
    let mut bytes = (body.len() as u32).to_be_bytes().to_vec();
    bytes.extend_from_slice(&body);
    (body.into(), bytes)
}

async fn next(frames: &mut FramedRead<&TcpStream, Halfway>) -> io::Result<Option<BytesMut>> {
    timeout(HOUR, frames.next()).await.expect("within the hour").transpose()
}

// ---- the peers ----

async fn peer(id: usize, stream: TcpStream, halfway: Arc<AtomicUsize>, go: CancellationToken) {
    let (body, bytes) = frame(id);
    let (begin, rest) = bytes.split_at(4 + HALF);
    let mut to = &stream;
    to.write_all(&8_u32.to_be_bytes()).await.unwrap();
    to.write_all(&(id as u64).to_be_bytes()).await.unwrap();
    to.write_all(begin).await.unwrap();

    let mut frames = frames(&stream, halfway);
    select! {
        biased;
        _ = go.cancelled() => {}
        answer = next(&mut frames) => panic!("peer {id} has got {answer:?} already"),
    }
    match id % 4 {
        0 | 1 => stream.set_zero_linger().unwrap(),
        2 => {}
        _ => {
            to.write_all(rest).await.unwrap();
            assert_eq!(next(&mut frames).await.unwrap().unwrap(), body);
            assert!(next(&mut frames).await.unwrap().is_none());
        }
    }
}

async fn peers(address: SocketAddr, connections: usize) {
    let control = TcpStream::connect(address).await.unwrap();
    let mut control = Framed::new(control, LinesCodec::new());
    let (halfway, go) = (Arc::new(AtomicUsize::new(0)), CancellationToken::new());
    control.send("here I am").await.unwrap();
    let before = Usage::now();

    let mut peers = JoinSet::new();
    for id in 0..connections {
        let stream = TcpStream::connect(address).await.unwrap();
        peers.spawn(peer(id, stream, halfway.clone(), go.clone()));
    }
    until(|| halfway.load(SeqCst) == connections).await;
    let most = Usage::now();
    most.assert_more_by(connections, before);
    control.send("all of us wait").await.unwrap();
    assert_eq!(control.next().await.unwrap().unwrap(), "go");
    go.cancel();
    while let Some(peer) = peers.join_next().await {
        peer.unwrap();
    }
    drop(peers);
    Usage::settle(most, before).await;
    control.send("all of us are gone").await.unwrap();
}

// ---- the server ----

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Reset,
    Cut,
    Whole,
}

async fn serve(stream: TcpStream, halfway: Arc<AtomicUsize>) -> (usize, End) {
    let mut frames = frames(&stream, halfway);
    let first = next(&mut frames).await.unwrap().unwrap();
    let id = u64::from_be_bytes(first[..].try_into().unwrap()) as usize;
    let (body, bytes) = frame(id);
    let (begin, rest) = bytes.split_at(4 + HALF);
    let mut to = &stream;
    to.write_all(begin).await.unwrap();
    let end = match next(&mut frames).await {
        Ok(got) => {
            assert_eq!(got.unwrap(), body);
            to.write_all(rest).await.unwrap();
            End::Whole
        }
        Err(error) if error.kind() == ErrorKind::ConnectionReset => End::Reset,
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => End::Cut,
        Err(error) => panic!("connection {id}: {error}"),
    };
    (id, end)
}

async fn server(start_peers: impl FnOnce(SocketAddr), connections: usize) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    start_peers(listener.local_addr().unwrap());
    let mut control = Framed::new(listener.accept().await.unwrap().0, LinesCodec::new());
    assert_eq!(control.next().await.unwrap().unwrap(), "here I am");
    let halfway = Arc::new(AtomicUsize::new(0));
    let before = Usage::now();

    let mut tasks = JoinSet::new();
    for _ in 0..connections {
        tasks.spawn(serve(listener.accept().await.unwrap().0, halfway.clone()));
    }
    assert_eq!(control.next().await.unwrap().unwrap(), "all of us wait");
    until(|| halfway.load(SeqCst) == connections).await;
    let most = Usage::now();
    most.assert_more_by(connections, before);
    control.send("go").await.unwrap();
    while let Some(ended) = tasks.join_next().await {
        let (id, end) = ended.unwrap();
        assert_eq!(end, [End::Reset, End::Reset, End::Cut, End::Whole][id % 4], "connection {id}");
    }
    drop(tasks);
    Usage::settle(most, before).await;
    assert_eq!(control.next().await.unwrap().unwrap(), "all of us are gone");
    assert!(control.next().await.is_none());
}

fn begin(name: &'static str, workers: usize, connections: usize) {
    let (before, bytes) = (open_descriptors(), allocated());
    let started = Instant::now();
    let mut child = None;
    flavour_of(workers).block_on(server(
        |address| {
            let mut command = again(name);
            command.env(PEER, format!("{address} {connections} {workers}"));
            child = Some(command.spawn().unwrap());
        },
        connections,
    ));
    assert!(child.unwrap().wait().unwrap().success(), "the peers have failed");
    println!("{:?} in {:?}", flavour_of(workers), started.elapsed());
    assert_eq!(open_descriptors(), before);
    let left = allocated() - bytes;
    assert!(left < 64 << 10, "when the runtime is gone {left} bytes are left");
}

#[test]
fn ten_thousand_connections_in_mid_frame_leave_nothing_when_half_of_them_are_reset() {
    const NAME: &str =
        "ten_thousand_connections_in_mid_frame_leave_nothing_when_half_of_them_are_reset";
    if let Ok(peer) = env::var(PEER) {
        let [address, connections, workers] =
            peer.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let (address, connections) = (address.parse().unwrap(), connections.parse().unwrap());
        let flavour = flavour_of(workers.parse().unwrap());
        return ends(move || flavour.block_on(peers(address, connections)));
    }
    let most = most_descriptors().map_or(CONNECTIONS, |most| most.saturating_sub(SPARE));
    let connections = CONNECTIONS.min(most);
    assert!(connections > 0);
    if connections < CONNECTIONS {
        // Past the test's own capture, so that it is seen.
        let said = format!("the limit of descriptors allows {connections} connections\n");
        io::stdout().write_all(said.as_bytes()).unwrap();
    }
    alone_under(NAME, "ulimit -n \"$(ulimit -Hn)\"", || {
        for workers in [0, 2] {
            ends(move || begin(NAME, workers, connections));
        }
    });
}
