//! Some options must be set before there is a connection.
//!
//! The size of a buffer decides what the two sides negotiate when they connect, and the port to connect from must
//! be chosen before. A [`TcpSocket`] is neither a stream nor a listener yet: it takes options and, if wanted, an
//! address, and then becomes one of the two.
//!
//! ```text
//!   TcpSocket::new_v4() ── set_…, bind ──┬── connect ──▶ TcpStream
//!                                        └── listen ───▶ TcpListener
//! ```
//!
//! No runtime watches it yet, since there is nothing to wait for.
//!
//! This is the last file of `tcp`. Next: `udp.rs`.

use std::future::Future;
use std::io;
use std::net::{self, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::panic::Location;

use rustix::net::{AddressFamily, getsockname, sockopt};

use super::listener::TcpListener;
use super::stream::TcpStream;
use crate::io::delegate::as_fd_from;
use crate::net::socket::options;
use crate::net::stream::new_socket;
use crate::runtime::Handle;

/// A TCP socket that is neither a [`TcpStream`] nor a [`TcpListener`] yet.
///
/// ```
/// use openwork::net::{TcpSocket, TcpStream};
///
/// # openwork::block_on(async {
/// let socket = TcpSocket::new_v4()?;
/// socket.set_reuseaddr(true)?;
/// socket.bind("127.0.0.1:0".parse().unwrap())?;
/// let listener = socket.listen(1024)?;
/// TcpStream::connect(listener.local_addr()?).await?;
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
///
/// Rarer options are left to `rustix` or `socket2`, which take any socket (`AsFd`).
#[derive(Debug)]
pub struct TcpSocket {
    socket: OwnedFd,
}

as_fd_from!(TcpSocket, socket);

impl TcpSocket {
    /// Makes a socket for IPv4.
    ///
    /// # Errors
    ///
    /// The system's, for instance at the limit of descriptors.
    pub fn new_v4() -> io::Result<TcpSocket> {
        Ok(TcpSocket { socket: new_socket(AddressFamily::INET)? })
    }

    /// Makes a socket for IPv6.
    ///
    /// # Errors
    ///
    /// The system's, for instance at the limit of descriptors.
    pub fn new_v6() -> io::Result<TcpSocket> {
        Ok(TcpSocket { socket: new_socket(AddressFamily::INET6)? })
    }

    /// Takes over a socket of std's, which need not be connected in fact, and sets it to non-blocking mode.
    ///
    /// # Panics
    ///
    /// If the system cannot set that.
    #[track_caller]
    pub fn from_std_stream(stream: net::TcpStream) -> TcpSocket {
        stream.set_nonblocking(true).expect("any socket can be set to non-blocking mode");
        TcpSocket { socket: stream.into() }
    }

    /// Gives the socket an address. Port 0 lets the system choose one.
    ///
    /// # Errors
    ///
    /// The system's, for instance [`io::ErrorKind::AddrInUse`].
    pub fn bind(&self, address: SocketAddr) -> io::Result<()> {
        Ok(rustix::net::bind(&self.socket, &address)?)
    }

    /// Connects.
    ///
    /// Cancel safe: the connection is closed.
    ///
    /// # Errors
    ///
    /// The system's, for instance [`io::ErrorKind::ConnectionRefused`].
    ///
    /// # Panics
    ///
    /// If it is polled outside of a runtime.
    #[track_caller]
    pub fn connect(self, address: SocketAddr) -> impl Future<Output = io::Result<TcpStream>> {
        let caller = Location::caller();
        async move {
            let runtime = Handle::current_at("TcpSocket::connect", caller);
            TcpStream::connect_to(self.socket, &address, &runtime).await
        }
    }

    /// Makes a listener. The system queues up to `backlog` connections for it, and has a limit of its own.
    ///
    /// # Errors
    ///
    /// The system's.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn listen(self, backlog: u32) -> io::Result<TcpListener> {
        let runtime = Handle::current_for("TcpSocket::listen");
        TcpListener::listen_on(self.socket, backlog.try_into().unwrap_or(i32::MAX), &runtime)
    }

    /// The address of this side.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(getsockname(&self.socket)?.try_into()?)
    }

    options! {
        /// Whether the socket may take an address that was in use a moment ago.
        reuseaddr, set_reuseaddr: bool = sockopt::socket_reuseaddr, sockopt::set_socket_reuseaddr;
        /// Whether several sockets may share the address, if all of them set this.
        reuseport, set_reuseport: bool = sockopt::socket_reuseport, sockopt::set_socket_reuseport;
        /// Whether the system asks from time to time whether the other side is still there.
        keepalive, set_keepalive: bool = sockopt::socket_keepalive, sockopt::set_socket_keepalive;
        /// Whether small writes are sent at once, instead of with later ones.
        nodelay, set_nodelay: bool = sockopt::tcp_nodelay, sockopt::set_tcp_nodelay;
        /// The size of the buffer for bytes that are not sent yet. Linux doubles the number that is set.
        send_buffer_size, set_send_buffer_size: u32
            = sockopt::socket_send_buffer_size, sockopt::set_socket_send_buffer_size;
        /// The size of the buffer for bytes that are not read yet. Linux doubles the number that is set.
        recv_buffer_size, set_recv_buffer_size: u32
            = sockopt::socket_recv_buffer_size, sockopt::set_socket_recv_buffer_size;
    }
}
