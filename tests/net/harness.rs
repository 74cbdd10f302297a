//! A trace that threads can wait for, and connections whose other side is std's.

use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener, TcpStream as StdStream};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex};
use std::task::Poll;

use futures::io::{AsyncRead, AsyncWrite};
use openwork::net::TcpStream;
use openwork::runtime::{Builder, Runtime};
use openwork::trace::{Event, Record, WaitReason};
use rustix::net::{AddressFamily, SocketType};

use crate::common::sockets::Turns;
use crate::common::{Flavour, Wakes};

/// The events of a runtime, to be read or waited for.
#[derive(Clone)]
pub struct Trace {
    seen: Arc<(Mutex<Seen>, Condvar)>,
    workers: usize,
}

#[derive(Default)]
struct Seen {
    events: Vec<Event>,
    /// Workers that are parked.
    asleep: usize,
}

impl Trace {
    /// A runtime with the real clock, and its trace.
    pub fn of(flavour: Flavour) -> (Runtime, Trace) {
        Trace::listen(&mut flavour.builder())
    }

    /// A runtime whose clock is paused, and its trace.
    pub fn paused() -> (Runtime, Trace) {
        Trace::listen(Builder::new_current_thread().start_paused(true))
    }

    fn listen(builder: &mut Builder) -> (Runtime, Trace) {
        let seen = Arc::<(Mutex<Seen>, Condvar)>::default();
        let ours = seen.clone();
        let listen = move |record: &Record| {
            let mut seen = ours.0.lock().unwrap();
            seen.events.push(record.event);
            match record.event {
                Event::Park { .. } => seen.asleep += 1,
                Event::Unpark => seen.asleep -= 1,
                _ => {}
            }
            drop(seen);
            ours.1.notify_all();
        };
        let runtime = builder.on_event(listen).build().unwrap();
        let workers = runtime.handle().metrics().num_workers();
        (runtime, Trace { seen, workers })
    }

    /// The number of events up to now.
    pub fn len(&self) -> usize {
        self.seen.0.lock().unwrap().events.len()
    }

    /// The events since [`len`](Trace::len) was `mark`.
    pub fn since(&self, mark: usize) -> Vec<Event> {
        self.seen.0.lock().unwrap().events[mark..].to_vec()
    }

    pub fn count(&self, is_meant: impl Fn(&Event) -> bool) -> usize {
        self.since(0).iter().filter(|event| is_meant(event)).count()
    }

    /// Waits, on a thread outside the runtime, until `is_so` is true of the events.
    pub fn wait_until(&self, is_so: impl Fn(&[Event]) -> bool) {
        self.wait(|seen| is_so(&seen.events));
    }

    /// The same, and until all workers are parked.
    pub fn wait_until_asleep(&self, is_so: impl Fn(&[Event]) -> bool) {
        self.wait(|seen| seen.asleep == self.workers && is_so(&seen.events));
    }

    /// Waits, on a thread outside the runtime, until all workers are parked and tasks wait for all of these.
    pub fn wait_until_asleep_over(&self, what: &[WaitReason]) {
        self.wait_until_asleep(|events| what.iter().all(|waiting| is_awaited(events, *waiting)));
    }

    fn wait(&self, is_so: impl Fn(&Seen) -> bool) {
        let (seen, changed) = &*self.seen;
        drop(changed.wait_while(seen.lock().unwrap(), |seen| !is_so(seen)).unwrap());
    }
}

/// Whether a task waits for this, and no event has reported it since.
fn is_awaited(events: &[Event], waiting: WaitReason) -> bool {
    let decides = |event: &Event| match (*event, waiting) {
        (Event::Waits(other), _) if other == waiting => Some(true),
        (Event::Ready { fd, readable: true, .. }, WaitReason::Readable { fd: ours })
        | (Event::Ready { fd, writable: true, .. }, WaitReason::Writable { fd: ours })
            if fd == ours =>
        {
            Some(false)
        }
        _ => None,
    };
    events.iter().rev().find_map(decides) == Some(true)
}

/// A connection: this runtime's side, and std's, which blocks.
pub fn pair() -> (TcpStream, StdStream) {
    let (near, far) = std_pair();
    (from_std(near), far)
}

pub fn from_std(stream: StdStream) -> TcpStream {
    stream.set_nonblocking(true).unwrap();
    TcpStream::from_std(stream).unwrap()
}

/// A connection with std's sockets on both sides.
pub fn std_pair() -> (StdStream, StdStream) {
    PeerListener::open().pair()
}

/// A listener of std's, which makes any number of connections.
pub struct PeerListener(StdListener);

impl PeerListener {
    pub fn open() -> PeerListener {
        PeerListener(StdListener::bind("127.0.0.1:0").unwrap())
    }

    pub fn pair(&self) -> (StdStream, StdStream) {
        let far = StdStream::connect(self.0.local_addr().unwrap()).unwrap();
        (self.0.accept().unwrap().0, far)
    }

    /// A connection whose near side has this number, which must be free. Descriptors take the smaller free numbers
    /// first.
    pub fn pair_with_number(&self, fd: RawFd) -> (TcpStream, StdStream) {
        let mut others = Vec::new();
        for _ in 0..100 {
            match self.pair() {
                (near, far) if near.as_raw_fd() == fd => return (from_std(near), far),
                (far, near) if near.as_raw_fd() == fd => return (from_std(near), far),
                other => others.push(other),
            }
        }
        panic!("the number {fd} does not come back");
    }
}

/// A socket with an address that does not listen. As long as it lives no other socket can take the address.
pub fn bound_but_not_listening() -> (OwnedFd, SocketAddr) {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    rustix::net::bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let address = rustix::net::getsockname(&socket).unwrap();
    (socket, address.try_into().unwrap())
}

/// A listener with a backlog of one that is full: the system does not answer the next connect.
pub fn full_backlog() -> (impl Sized, SocketAddr) {
    let (socket, address) = bound_but_not_listening();
    rustix::net::listen(&socket, 0).unwrap();
    ((StdStream::connect(address).unwrap(), socket), address)
}

pub fn poll_read(
    mut stream: &TcpStream,
    wakes: &Wakes,
    buf: &mut [u8],
) -> Poll<std::io::Result<usize>> {
    wakes.poll_fn(|cx| Pin::new(&mut stream).poll_read(cx, buf))
}

pub fn poll_write(
    mut stream: &TcpStream,
    wakes: &Wakes,
    buf: &[u8],
) -> Poll<std::io::Result<usize>> {
    wakes.poll_fn(|cx| Pin::new(&mut stream).poll_write(cx, buf))
}

/// Writes until there is no room, and no event that reports room is in flight. Returns the number of bytes. The next
/// write is pending.
pub async fn fill(turns: &Turns, stream: &TcpStream) -> usize {
    let (piece, wakes) = (vec![0; 64 << 10], Wakes::new());
    let mut total = 0;
    loop {
        let before = total;
        while let Poll::Ready(written) = poll_write(stream, &wakes, &piece) {
            total += written.unwrap();
        }
        if total == before {
            return total;
        }
        turns.turn().await;
    }
}

/// More bytes than the buffers of a connection hold.
pub const MORE_THAN_FITS: usize = 64 << 20;

/// Bytes in which a piece that is missing, doubled or out of place shows.
pub fn pattern(len: usize) -> Vec<u8> {
    // Blocks of a length that no buffer has, each with its number in it.
    let mut block: Vec<u8> =
        (0..4099_u32).map(|n| (n.wrapping_mul(0x9E37_79B9) >> 24) as u8).collect();
    let mut bytes = Vec::with_capacity(len + block.len());
    for number in 0_u64.. {
        if bytes.len() >= len {
            break;
        }
        block[..8].copy_from_slice(&number.to_le_bytes());
        bytes.extend_from_slice(&block);
    }
    bytes.truncate(len);
    bytes
}
