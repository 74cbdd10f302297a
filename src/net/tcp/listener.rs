//! Who comes in?
//!
//! The system takes connections on our behalf, as many as the backlog allows, and the listener becomes
//! readable; to accept is to take the first of them, or to be told that there is none. Several tasks may
//! wait at one door.
//!
//! Next: `socket.rs`, for those who want to set something before there is a connection.

use std::future::{Future, ready};
use std::io;
use std::net::{self, SocketAddr};
use std::os::fd::OwnedFd;
use std::panic::Location;
use std::task::{self, Context, Poll};

use super::stream::{TcpStream, family};
use crate::engine::reactor::Direction;
use crate::io::Interest;
use crate::io::descriptor::Descriptor;
use crate::net::addr::{ToSocketAddrs, first_that};
use crate::net::socket::{Socket, StdSocket};
use crate::net::stream::new_socket;
use crate::runtime::Handle;

/// Connections that the system takes on our behalf until we accept them. Mio's number; the system has a
/// limit of its own, often 4096.
const BACKLOG: i32 = 1024;

/// A TCP socket that takes connections.
///
/// ```
/// use openwork::io::{AsyncReadExt, AsyncWriteExt};
/// use openwork::net::{TcpListener, TcpStream};
///
/// # openwork::block_on(async {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let address = listener.local_addr()?;
/// openwork::spawn(async move {
///     let (mut stream, _) = listener.accept().await.unwrap();
///     stream.write_all(b"hello").await.unwrap();
/// });
/// let mut text = String::new();
/// TcpStream::connect(address).await?.read_to_string(&mut text).await?;
/// assert_eq!(text, "hello");
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub type TcpListener = Socket<net::TcpListener>;

impl StdSocket for net::TcpListener {
    const NAME: &'static str = "TcpListener";

    type Addr = SocketAddr;

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.local_addr()
    }
}

impl TcpListener {
    /// Listens on the first address that can be had. Port 0 lets the system choose one.
    ///
    /// # Errors
    ///
    /// The error of the last address, with the kind that the system gave it, for instance
    /// [`io::ErrorKind::AddrInUse`]; or the resolver's.
    ///
    /// # Panics
    ///
    /// If it is polled outside of a runtime.
    #[track_caller]
    pub fn bind<A: ToSocketAddrs>(address: A) -> impl Future<Output = io::Result<TcpListener>> {
        let place = Location::caller();
        async move {
            let runtime = Handle::current_at("TcpListener::bind", place);
            first_that(address.resolve(), |address| ready(Self::bind_one(address, &runtime))).await
        }
    }

    fn bind_one(address: SocketAddr, runtime: &Handle) -> io::Result<TcpListener> {
        let socket = new_socket(family(&address))?;
        // As std does: or a server that is started again waits until its old connections are forgotten.
        rustix::net::sockopt::set_socket_reuseaddr(&socket, true)?;
        rustix::net::bind(&socket, &address)?;
        Self::listen_on(socket, BACKLOG, runtime)
    }

    /// Lets a socket that has an address take connections.
    pub(super) fn listen_on(
        socket: OwnedFd,
        backlog: i32,
        runtime: &Handle,
    ) -> io::Result<TcpListener> {
        rustix::net::listen(&socket, backlog)?;
        Ok(Socket { io: Descriptor::new(socket.into(), runtime, false)? })
    }

    /// The next connection, and where it comes from.
    ///
    /// Cancel safe: an `accept` that is dropped has taken none. Any number of tasks at once.
    ///
    /// # Errors
    ///
    /// Those of the system. Most pass: a connection that was given up before it was accepted, or a limit
    /// of descriptors that is reached. The listener stays usable; wait a little before trying again after
    /// the latter, as the connection still stands in line.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, address) = self.io.io(Interest::READABLE, accept).await?;
        Ok((self.watch(stream)?, address))
    }

    /// The poll form of [`accept`](TcpListener::accept). It keeps one waker, the last.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let (stream, address) = task::ready!(self.io.poll_io(Direction::Read, cx, accept))?;
        Poll::Ready(self.watch(stream).map(|stream| (stream, address)))
    }

    /// A new connection belongs to the runtime of its listener, whoever polls.
    fn watch(&self, stream: net::TcpStream) -> io::Result<TcpStream> {
        Ok(Socket { io: self.io.beside(stream)? })
    }

    /// How many routers a packet may pass.
    pub fn ttl(&self) -> io::Result<u32> {
        self.io.get_ref().ttl()
    }

    /// Sets how many routers a packet may pass.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.io.get_ref().set_ttl(ttl)
    }
}

/// Takes one connection, which does not block either: in one system call where there is one for it.
fn accept(listener: &net::TcpListener) -> io::Result<(net::TcpStream, SocketAddr)> {
    #[cfg(not(target_vendor = "apple"))]
    {
        use rustix::net::{SocketFlags, acceptfrom_with};

        let (socket, peer) =
            acceptfrom_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC)?;
        let peer = peer.ok_or(io::ErrorKind::ConnectionAborted)?.try_into()?;
        Ok((socket.into(), peer))
    }
    #[cfg(target_vendor = "apple")]
    {
        let (stream, peer) = listener.accept()?;
        stream.set_nonblocking(true)?;
        Ok((stream, peer))
    }
}

impl TryFrom<net::TcpListener> for TcpListener {
    type Error = io::Error;

    /// As [`from_std`](Socket::from_std).
    #[track_caller]
    fn try_from(listener: net::TcpListener) -> io::Result<TcpListener> {
        TcpListener::from_std(listener)
    }
}
