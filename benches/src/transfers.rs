//! Large amounts of bytes, and many short connections, with both ends in the same process.
//!
//! The echo servers (`server/`) answer small requests on connections that stay open. The workloads here are the
//! two others: one connection with as many bytes as it takes, and connections without any bytes. All of it is
//! loopback TCP, so half of the work or more is done by the kernel and is the same for every runtime.
//!
//! Next: `instruments.rs`, which measures.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use crate::rt::Rt;
use crate::workloads::Iteration;

/// Bytes of a transfer, and bytes of one write. The second is arbitrary: with much less, system calls alone would
/// be measured, which `echo` does.
const TRANSFER: usize = 16 << 20;
const PIECE: usize = 64 << 10;

/// Connections of an iteration. Few, because the port of each stays in TIME_WAIT.
const CONNECTIONS: usize = 64;

/// Clients that connect at the same time.
const CLIENTS: usize = 8;

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transfer {
    /// Loops of `read` and `write_all`.
    Loops,
    /// The same through a task that copies from one connection to another.
    Copy,
    /// Connect, read the end of the stream, close; one connection after the other.
    Connect,
    /// The same by several clients.
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

/// Sets up a transfer on a runtime.
pub fn prepare<R: Rt>(transfer: Transfer, rt: &R) -> Iteration<'_> {
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

/// Runs the work in a task, because on a multi-thread runtime no worker runs the root future.
fn in_a_task<R: Rt, F>(rt: &R, work: impl Fn() -> F + 'static) -> Iteration<'_>
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    Box::new(move || {
        let worked = rt.block_on(async { R::join(R::spawn(work())).await });
        worked.expect("loopback TCP works");
    })
}

/// A listener on a free port of the loopback address. Called inside the runtime.
fn listen<R: Rt>() -> io::Result<(R::Listener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((R::listen(listener)?, address))
}

/// Both ends of a connection.
async fn pair<R: Rt>() -> io::Result<(R::Stream, R::Stream)> {
    let (listener, address) = listen::<R>()?;
    // The kernel completes the connection without `accept`, which only takes it from the backlog.
    let client = R::connect(address).await?;
    Ok((client, R::accept(&listener).await?))
}

/// Sends a transfer to a task, directly or through a task that copies.
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

/// Reads to the end of the stream and returns the number of bytes.
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

/// Spawns a task that accepts and closes connections until the process ends.
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

/// Makes connections one after the other, and reads each until the other end has closed it.
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
