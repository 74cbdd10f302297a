//! A TCP socket that takes connections.

use std::fmt;
use std::future::ready;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::panic::Location;
use std::task::{self, Context, Poll};

use super::addr::{ToSocketAddrs, first_that};
use super::tcp_stream::{TcpStream, new_socket};
use crate::engine::reactor::Direction;
use crate::io::Interest;
use crate::io::descriptor::Descriptor;
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
pub struct TcpListener {
    io: Descriptor<std::net::TcpListener>,
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
        let socket = new_socket(&address)?;
        // As std does: or a server that is started again waits until its old connections are forgotten.
        rustix::net::sockopt::set_socket_reuseaddr(&socket, true)?;
        rustix::net::bind(&socket, &address)?;
        rustix::net::listen(&socket, BACKLOG)?;
        Ok(TcpListener { io: Descriptor::new(socket.into(), runtime, false)? })
    }

    /// A listener that was made elsewhere. From now on it does not block.
    ///
    /// # Errors
    ///
    /// If the reactor cannot watch it.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn from_std(listener: std::net::TcpListener) -> io::Result<TcpListener> {
        let runtime = Handle::current_for("TcpListener::from_std");
        listener.set_nonblocking(true)?;
        Ok(TcpListener { io: Descriptor::new(listener, &runtime, false)? })
    }

    /// The listener as std's, no longer watched, and still in non-blocking mode.
    pub fn into_std(self) -> io::Result<std::net::TcpListener> {
        Ok(self.io.into_inner())
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
    fn watch(&self, stream: std::net::TcpStream) -> io::Result<TcpStream> {
        Ok(TcpStream::new(self.io.beside(stream)?))
    }

    /// The address that it listens on.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.get_ref().local_addr()
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
fn accept(listener: &std::net::TcpListener) -> io::Result<(std::net::TcpStream, SocketAddr)> {
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

impl AsFd for TcpListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.io.get_ref().as_fd()
    }
}

impl AsRawFd for TcpListener {
    fn as_raw_fd(&self) -> RawFd {
        self.io.get_ref().as_raw_fd()
    }
}

impl TryFrom<std::net::TcpListener> for TcpListener {
    type Error = io::Error;

    /// As [`TcpListener::from_std`].
    #[track_caller]
    fn try_from(listener: std::net::TcpListener) -> io::Result<TcpListener> {
        TcpListener::from_std(listener)
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.fmt(f)
    }
}
