//! A trace that others can wait for, connections with a foreign side, and a turn of the reactor.

use std::io::{ErrorKind, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener, TcpStream as StdStream};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex};
use std::task::Poll;

use futures::io::{AsyncRead, AsyncWrite};
use openwork::net::TcpStream;
use openwork::runtime::{Builder, Runtime};
use openwork::trace::{Event, Record, Waiting};
use rustix::net::{AddressFamily, SocketType};

use crate::common::{Flavour, Wakes};

/// What a runtime reports, for whoever wants to see it or to wait for it.
#[derive(Clone)]
pub struct Trace {
    told: Arc<(Mutex<Told>, Condvar)>,
    workers: usize,
}

#[derive(Default)]
struct Told {
    events: Vec<Event>,
    /// Workers that have said that they sleep.
    asleep: usize,
}

impl Trace {
    /// A runtime with the real clock, and its trace.
    pub fn of(flavour: Flavour) -> (Runtime, Trace) {
        Trace::listen(&mut flavour.builder())
    }

    /// A runtime whose clock stands still, and its trace.
    pub fn paused() -> (Runtime, Trace) {
        Trace::listen(Builder::new_current_thread().start_paused(true))
    }

    fn listen(builder: &mut Builder) -> (Runtime, Trace) {
        let told = Arc::<(Mutex<Told>, Condvar)>::default();
        let ours = told.clone();
        let listen = move |record: &Record| {
            let mut told = ours.0.lock().unwrap();
            told.events.push(record.event);
            match record.event {
                Event::Park { .. } => told.asleep += 1,
                Event::Unpark => told.asleep -= 1,
                _ => {}
            }
            drop(told);
            ours.1.notify_all();
        };
        let runtime = builder.on_event(listen).build().unwrap();
        let workers = runtime.handle().metrics().num_workers();
        (runtime, Trace { told, workers })
    }

    /// How much was reported up to now.
    pub fn len(&self) -> usize {
        self.told.0.lock().unwrap().events.len()
    }

    /// What was reported since [`len`](Trace::len) was `mark`.
    pub fn since(&self, mark: usize) -> Vec<Event> {
        self.told.0.lock().unwrap().events[mark..].to_vec()
    }

    pub fn count(&self, is_meant: impl Fn(&Event) -> bool) -> usize {
        self.since(0).iter().filter(|event| is_meant(event)).count()
    }

    /// Waits, on a foreign thread, until what was reported is as `is_so` says.
    pub fn wait_until(&self, is_so: impl Fn(&[Event]) -> bool) {
        self.wait(|told| is_so(&told.events));
    }

    /// The same, and until all of the runtime sleeps.
    pub fn wait_until_asleep(&self, is_so: impl Fn(&[Event]) -> bool) {
        self.wait(|told| told.asleep == self.workers && is_so(&told.events));
    }

    /// Waits, on a foreign thread, until the runtime sleeps and somebody in it waits for all of these.
    pub fn wait_until_asleep_over(&self, what: &[Waiting]) {
        self.wait_until_asleep(|events| what.iter().all(|waiting| is_awaited(events, *waiting)));
    }

    fn wait(&self, is_so: impl Fn(&Told) -> bool) {
        let (told, changed) = &*self.told;
        drop(changed.wait_while(told.lock().unwrap(), |told| !is_so(told)).unwrap());
    }
}

/// Whether somebody waits for this, and it was not reported since.
fn is_awaited(events: &[Event], waiting: Waiting) -> bool {
    let decides = |event: &Event| match (*event, waiting) {
        (Event::Waiting(other), _) if other == waiting => Some(true),
        (Event::Ready { fd, readable: true, .. }, Waiting::Readable { fd: ours })
        | (Event::Ready { fd, writable: true, .. }, Waiting::Writable { fd: ours })
            if fd == ours =>
        {
            Some(false)
        }
        _ => None,
    };
    events.iter().rev().find_map(decides) == Some(true)
}

/// A connection: this runtime's side, and a foreign one that blocks.
pub fn pair() -> (TcpStream, StdStream) {
    let (near, far) = std_pair();
    (adopt(near), far)
}

pub fn adopt(stream: StdStream) -> TcpStream {
    stream.set_nonblocking(true).unwrap();
    TcpStream::from_std(stream).unwrap()
}

/// A connection with two foreign sides.
pub fn std_pair() -> (StdStream, StdStream) {
    Door::open().pair()
}

/// A foreign listener, from which any number of connections can be had.
pub struct Door(StdListener);

impl Door {
    pub fn open() -> Door {
        Door(StdListener::bind("127.0.0.1:0").unwrap())
    }

    pub fn pair(&self) -> (StdStream, StdStream) {
        let far = StdStream::connect(self.0.local_addr().unwrap()).unwrap();
        (self.0.accept().unwrap().0, far)
    }

    /// A connection whose near side has this number, which must be free. The smaller ones that are free
    /// come first, and are taken out of the way.
    pub fn pair_with_number(&self, fd: RawFd) -> (TcpStream, StdStream) {
        let mut others = Vec::new();
        for _ in 0..100 {
            match self.pair() {
                (near, far) if near.as_raw_fd() == fd => return (adopt(near), far),
                (far, near) if near.as_raw_fd() == fd => return (adopt(near), far),
                other => others.push(other),
            }
        }
        panic!("the number {fd} does not come back");
    }
}

/// A socket with an address, at which nobody listens. As long as it lives nobody else can have it.
pub fn nobody_home() -> (OwnedFd, SocketAddr) {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    rustix::net::bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let address = rustix::net::getsockname(&socket).unwrap();
    (socket, address.try_into().unwrap())
}

/// A door where one may wait, and one does: who knocks is not heard, and gets no answer.
pub fn full_door() -> (impl Sized, SocketAddr) {
    let (socket, address) = nobody_home();
    rustix::net::listen(&socket, 0).unwrap();
    ((StdStream::connect(address).unwrap(), socket), address)
}

/// Turns of the reactor, on demand.
///
/// A byte goes through a connection of its own. The system reports in the order in which things
/// happened: when that byte has come, what happened before has been reported too.
///
/// With workers, one who drives takes several reports at once, and calls the wakers one after the other;
/// whoever looks meanwhile may find the byte before somebody else is woken. So a second byte follows the
/// first: nobody takes its report before all is done that came with the first.
pub struct Turns {
    near: TcpStream,
    far: StdStream,
}

impl Turns {
    pub fn new() -> Turns {
        let (near, far) = pair();
        Turns { near, far }
    }

    pub async fn turn(&self) {
        for _ in 0..2 {
            (&self.far).write_all(b"t").unwrap();
            self.near.readable().await.unwrap();
            assert_eq!(self.near.try_read(&mut [0; 2]).unwrap(), 1);
            // Or it would still count as readable, and the next turn would be none.
            assert_eq!(self.near.try_read(&mut [0; 2]).unwrap_err().kind(), ErrorKind::WouldBlock);
        }
    }
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

/// Writes until there is no room, and no report of any is under way. Returns how much that was. The next
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

/// More than the two sides of a connection hold between them.
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
