//! What a runtime does with bytes and connections in bulk: both ends of them are in the same process.
//!
//! The echo servers answer small requests on connections that stay. Here it is the other two: a connection
//! with as much in it as it takes, and as many connections as can be had with nothing in them. All of it is
//! loopback TCP, so half of the work or more is the kernel's, and the same for everybody.
//!
//! Next: `instruments.rs`, which times it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use crate::rt::Rt;
use crate::workloads::Turn;

/// Bytes of a transfer, and what is given to the socket at a time. The second is arbitrary: much less would
/// measure system calls alone, which `echo` does.
const TRANSFER: usize = 16 << 20;
const PIECE: usize = 64 << 10;

/// Connections of a turn. Each leaves a port behind that is not free for a while, so it is not more.
const CONNECTIONS: usize = 64;

/// Clients that connect at the same time.
const CLIENTS: usize = 8;

/// A row of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transfer {
    /// Loops of `read` and `write_all`.
    Loops,
    /// The same, and a task in the middle that takes from one connection and gives to another.
    Copy,
    /// Connect, see the other end close, close; one after the other.
    Connect,
    /// The same, by several clients.
    ConnectAtOnce,
}

impl Transfer {
    pub const ALL: [Transfer; 4] =
        [Transfer::Loops, Transfer::Copy, Transfer::Connect, Transfer::ConnectAtOnce];

    pub fn name(self) -> &'static str {
        match self {
            Transfer::Loops => "read_write_16_MiB",
            Transfer::Copy => "io_copy_16_MiB",
            Transfer::Connect => "connect_close_64",
            Transfer::ConnectAtOnce => "connect_close_64_by_8",
        }
    }

    pub fn parse(name: &str) -> Option<Transfer> {
        Self::ALL.into_iter().find(|transfer| transfer.name() == name)
    }
}

/// Sets a transfer up on a runtime.
pub fn prepare<R: Rt>(transfer: Transfer, rt: &R) -> Turn<'_> {
    match transfer {
        Transfer::Loops => in_a_task(rt, || through::<R>(false)),
        Transfer::Copy => in_a_task(rt, || through::<R>(true)),
        Transfer::Connect => {
            let address = accept_and_close(rt);
            in_a_task(rt, move || connect::<R>(address, CONNECTIONS))
        }
        Transfer::ConnectAtOnce => {
            let address = accept_and_close(rt);
            in_a_task(rt, move || connect_at_once::<R>(address))
        }
    }
}

/// On a multi-thread runtime the root future is on no worker; what does the work should be.
fn in_a_task<R: Rt, F>(rt: &R, work: impl Fn() -> F + 'static) -> Turn<'_>
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    Box::new(move || {
        let worked = rt.block_on(async { R::join(R::spawn(work())).await });
        worked.expect("loopback TCP works");
    })
}

/// A listener on a free port of this machine alone. Inside of the runtime.
fn listen<R: Rt>() -> io::Result<(R::Listener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((R::listen(listener)?, address))
}

/// Both ends of a connection.
async fn pair<R: Rt>() -> io::Result<(R::Stream, R::Stream)> {
    let (listener, address) = listen::<R>()?;
    // The kernel has accepted it when `connect` is done; `accept` only fetches it.
    let client = R::connect(address).await?;
    Ok((client, R::accept(&listener).await?))
}

/// Sends a transfer to a task, or to it by way of another.
async fn through<R: Rt>(by_copy: bool) -> io::Result<()> {
    let (mut source, mut sink) = pair::<R>().await?;
    if by_copy {
        let (mut onwards, end) = pair::<R>().await?;
        let mut middle = std::mem::replace(&mut sink, end);
        R::detach(R::spawn(async move { R::copy(&mut middle, &mut onwards).await }));
    }
    let received = R::spawn(async move { receive::<R>(&mut sink).await });
    let piece = vec![0; PIECE];
    for _ in 0..TRANSFER / PIECE {
        R::write_all(&mut source, &piece).await?;
    }
    drop(source);
    assert_eq!(R::join(received).await?, TRANSFER);
    Ok(())
}

/// To the end; returns how much it was.
async fn receive<R: Rt>(sink: &mut R::Stream) -> io::Result<usize> {
    let mut piece = vec![0; PIECE];
    let mut received = 0;
    loop {
        match R::read(sink, &mut piece).await? {
            0 => return Ok(received),
            length => received += length,
        }
    }
}

/// A task that accepts, and closes at once. It goes on until the process ends.
fn accept_and_close<R: Rt>(rt: &R) -> SocketAddr {
    rt.block_on(async {
        let (listener, address) = listen::<R>().expect("there is a free port");
        R::detach(R::spawn(async move {
            loop {
                drop(R::accept(&listener).await.expect("there are descriptors enough"));
            }
        }));
        address
    })
}

/// Connections one after the other, each until the other end has closed it.
async fn connect<R: Rt>(address: SocketAddr, number: usize) -> io::Result<()> {
    for _ in 0..number {
        let mut stream = R::connect(address).await?;
        assert_eq!(R::read(&mut stream, &mut [0]).await?, 0);
    }
    Ok(())
}

async fn connect_at_once<R: Rt>(address: SocketAddr) -> io::Result<()> {
    let client = |_| R::spawn(connect::<R>(address, CONNECTIONS / CLIENTS));
    let clients: Vec<_> = (0..CLIENTS).map(client).collect();
    for client in clients {
        R::join(client).await?;
    }
    Ok(())
}
