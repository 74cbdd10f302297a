//! A trace that others can wait for, connections with a foreign side, and a turn of the reactor.

use std::io::{ErrorKind, Write};
use std::net::{TcpListener as StdListener, TcpStream as StdStream};
use std::os::fd::{AsRawFd, RawFd};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex};
use std::task::Poll;

use futures::io::{AsyncRead, AsyncWrite};
use openwork::net::TcpStream;
use openwork::runtime::{Builder, Runtime};
use openwork::trace::{Event, Waiting};

use crate::common::Wakes;

/// What a runtime reports, for whoever wants to see it or to wait for it.
#[derive(Clone, Default)]
pub struct Trace(Arc<(Mutex<Vec<Event>>, Condvar)>);

impl Trace {
    /// A runtime with the real clock, and its trace.
    pub fn real() -> (Runtime, Trace) {
        Trace::of(&mut Builder::new_current_thread())
    }

    /// A runtime whose clock stands still, and its trace.
    pub fn paused() -> (Runtime, Trace) {
        Trace::of(Builder::new_current_thread().start_paused(true))
    }

    fn of(builder: &mut Builder) -> (Runtime, Trace) {
        let trace = Trace::default();
        let ours = trace.clone();
        let listen = move |record: &openwork::trace::Record| {
            ours.0.0.lock().unwrap().push(record.event);
            ours.0.1.notify_all();
        };
        (builder.on_event(listen).build().unwrap(), trace)
    }

    /// How much was reported up to now.
    pub fn len(&self) -> usize {
        self.0.0.lock().unwrap().len()
    }

    /// What was reported since [`len`](Trace::len) was `mark`.
    pub fn since(&self, mark: usize) -> Vec<Event> {
        self.0.0.lock().unwrap()[mark..].to_vec()
    }

    pub fn count(&self, is_meant: impl Fn(&Event) -> bool) -> usize {
        self.since(0).iter().filter(|event| is_meant(event)).count()
    }

    /// Waits, on a foreign thread, until what was reported is as `is_so` says.
    pub fn wait_until(&self, is_so: impl Fn(&[Event]) -> bool) {
        let (events, changed) = &*self.0;
        drop(changed.wait_while(events.lock().unwrap(), |events| !is_so(events)).unwrap());
    }

    /// Waits, on a foreign thread, until the runtime sleeps and somebody in it waits for all of these.
    pub fn wait_until_asleep_over(&self, what: &[Waiting]) {
        self.wait_until(|events| {
            let waits = |waiting: &Waiting| events.contains(&Event::Waiting(*waiting));
            matches!(events.last(), Some(Event::Sleeps { .. })) && what.iter().all(waits)
        });
    }
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

/// Turns of the reactor, on demand.
///
/// A byte goes through a connection of its own. The system reports in the order in which things
/// happened: when that byte has come, what happened before has been reported too.
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
        (&self.far).write_all(b"t").unwrap();
        self.near.readable().await.unwrap();
        assert_eq!(self.near.try_read(&mut [0; 2]).unwrap(), 1);
        // Or it would still count as readable, and the next turn would be none.
        assert_eq!(self.near.try_read(&mut [0; 2]).unwrap_err().kind(), ErrorKind::WouldBlock);
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
