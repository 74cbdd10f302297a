//! A TCP listener is bound to an address, and connections to that address come to it.
//!
//! Next: `socket.rs`, to set options before there is a connection.

use std::future::{Future, ready};
use std::io;
use std::net::{self, SocketAddr};
use std::os::fd::OwnedFd;
use std::panic::Location;

use rustix::net::sockopt;

use super::stream::family;
use crate::io::descriptor::Descriptor;
use crate::net::addr::{ToSocketAddrs, lookup_host, try_each};
use crate::net::listener::Listener;
use crate::net::socket::{Socket, options};
use crate::net::stream::new_socket;
use crate::runtime::Handle;

/// Connections that the system accepts and queues until the program does. Mio's number; the system has a limit
/// of its own, often 4096.
const BACKLOG: i32 = 1024;

/// A TCP socket that accepts connections.
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

impl Listener for net::TcpListener {
    type Stream = net::TcpStream;

    #[cfg(not(target_vendor = "apple"))]
    fn accept(&self) -> io::Result<(net::TcpStream, SocketAddr)> {
        use rustix::net::{SocketFlags, acceptfrom_with};

        // One system call instead of two: the new socket does not block from the beginning.
        let (socket, peer) = acceptfrom_with(self, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC)?;
        let peer = peer.ok_or(io::ErrorKind::ConnectionAborted)?.try_into()?;
        Ok((socket.into(), peer))
    }

    #[cfg(target_vendor = "apple")]
    fn accept(&self) -> io::Result<(net::TcpStream, SocketAddr)> {
        let (stream, peer) = self.accept()?;
        stream.set_nonblocking(true)?;
        Ok((stream, peer))
    }
}

impl TcpListener {
    /// Listens on the first address that is free. Port 0 lets the system choose one.
    ///
    /// # Errors
    ///
    /// That of the last address, with the system's kind (for instance [`io::ErrorKind::AddrInUse`]); or the
    /// resolver's.
    ///
    /// # Panics
    ///
    /// If it is polled outside of a runtime.
    #[track_caller]
    pub fn bind<A: ToSocketAddrs>(address: A) -> impl Future<Output = io::Result<TcpListener>> {
        let caller = Location::caller();
        async move {
            let runtime = Handle::current_at("TcpListener::bind", caller);
            let bind = |address| ready(Self::bind_one(address, &runtime));
            try_each(lookup_host(address), bind).await
        }
    }

    fn bind_one(address: SocketAddr, runtime: &Handle) -> io::Result<TcpListener> {
        let socket = new_socket(family(&address))?;
        // The same as std: without it a server that restarts waits until the system has forgotten its old
        // connections.
        sockopt::set_socket_reuseaddr(&socket, true)?;
        rustix::net::bind(&socket, &address)?;
        Self::listen_on(socket, BACKLOG, runtime)
    }

    /// Lets a socket that has an address accept connections.
    pub(super) fn listen_on(
        socket: OwnedFd,
        backlog: i32,
        runtime: &Handle,
    ) -> io::Result<TcpListener> {
        rustix::net::listen(&socket, backlog)?;
        Ok(Socket { io: Descriptor::new(socket.into(), runtime, false)? })
    }

    options! {
        /// The number of routers that a packet may pass.
        ttl, set_ttl: u32 = sockopt::ip_ttl, sockopt::set_ip_ttl;
    }
}
