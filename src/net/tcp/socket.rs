//! What if something must be set before there is a connection?
//!
//! The size of a buffer decides what the two sides agree on when they connect, and the port that one comes
//! from must be chosen before. So here is the socket as it is before it has become anything: it is given its
//! options and, if one likes, an address, and then becomes a [`TcpStream`] or a [`TcpListener`].
//!
//! ```text
//!   TcpSocket::new_v4() ── set_…, bind ──┬── connect ──▶ TcpStream
//!                                        └── listen ───▶ TcpListener
//! ```
//!
//! No runtime watches it yet, as there is nothing to wait for.
//!
//! This is the last file of `tcp`. Next: `udp.rs`.

use std::future::Future;
use std::io;
use std::net::{self, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::panic::Location;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{AddressFamily, getsockname, sockopt};

use super::listener::TcpListener;
use super::stream::TcpStream;
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
#[derive(Debug)]
pub struct TcpSocket {
    socket: OwnedFd,
}

impl TcpSocket {
    /// A socket for IPv4.
    ///
    /// # Errors
    ///
    /// The system's, for instance at the limit of descriptors.
    pub fn new_v4() -> io::Result<TcpSocket> {
        Ok(TcpSocket { socket: new_socket(AddressFamily::INET)? })
    }

    /// A socket for IPv6.
    ///
    /// # Errors
    ///
    /// The system's, for instance at the limit of descriptors.
    pub fn new_v6() -> io::Result<TcpSocket> {
        Ok(TcpSocket { socket: new_socket(AddressFamily::INET6)? })
    }

    /// One of std's, which need not be connected in fact. From now on it does not block.
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
    /// Cancel safe: the connection is given up.
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
        let place = Location::caller();
        async move {
            let runtime = Handle::current_at("TcpSocket::connect", place);
            TcpStream::connect_to(self.socket, &address, &runtime).await
        }
    }

    /// Takes connections, of which so many may wait to be accepted. The system has a limit of its own.
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
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(getsockname(&self.socket)?.try_into()?)
    }

    /// The error that the socket has stored, which is then cleared.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        Ok(sockopt::socket_error(&self.socket)?.err().map(Errno::into))
    }

    /// Whether an address can be taken that was in use a moment ago.
    pub fn reuseaddr(&self) -> io::Result<bool> {
        Ok(sockopt::socket_reuseaddr(&self.socket)?)
    }

    /// Lets an address be taken that was in use a moment ago.
    pub fn set_reuseaddr(&self, reuseaddr: bool) -> io::Result<()> {
        Ok(sockopt::set_socket_reuseaddr(&self.socket, reuseaddr)?)
    }

    /// Whether several sockets may have this address at once.
    #[cfg(not(any(target_os = "solaris", target_os = "illumos")))]
    pub fn reuseport(&self) -> io::Result<bool> {
        Ok(sockopt::socket_reuseport(&self.socket)?)
    }

    /// Lets several sockets have this address at once, if all of them say so.
    #[cfg(not(any(target_os = "solaris", target_os = "illumos")))]
    pub fn set_reuseport(&self, reuseport: bool) -> io::Result<()> {
        Ok(sockopt::set_socket_reuseport(&self.socket, reuseport)?)
    }

    /// Whether the other side is asked now and then whether it is still there.
    pub fn keepalive(&self) -> io::Result<bool> {
        Ok(sockopt::socket_keepalive(&self.socket)?)
    }

    /// Asks the other side now and then whether it is still there.
    pub fn set_keepalive(&self, keepalive: bool) -> io::Result<()> {
        Ok(sockopt::set_socket_keepalive(&self.socket, keepalive)?)
    }

    /// The bytes of the buffer for what is not sent yet. Linux gives twice of what was asked for.
    pub fn send_buffer_size(&self) -> io::Result<u32> {
        Ok(to_u32(sockopt::socket_send_buffer_size(&self.socket)?))
    }

    /// Sets the bytes of the buffer for what is not sent yet.
    pub fn set_send_buffer_size(&self, size: u32) -> io::Result<()> {
        Ok(sockopt::set_socket_send_buffer_size(&self.socket, size as usize)?)
    }

    /// The bytes of the buffer for what is not read yet. Linux gives twice of what was asked for.
    pub fn recv_buffer_size(&self) -> io::Result<u32> {
        Ok(to_u32(sockopt::socket_recv_buffer_size(&self.socket)?))
    }

    /// Sets the bytes of the buffer for what is not read yet.
    pub fn set_recv_buffer_size(&self, size: u32) -> io::Result<()> {
        Ok(sockopt::set_socket_recv_buffer_size(&self.socket, size as usize)?)
    }

    /// Whether small writes are sent at once.
    pub fn nodelay(&self) -> io::Result<bool> {
        Ok(sockopt::tcp_nodelay(&self.socket)?)
    }

    /// Sends small writes at once, instead of waiting for more to send with them.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        Ok(sockopt::set_tcp_nodelay(&self.socket, nodelay)?)
    }

    /// How long closing the connection waits for what is not sent yet; none if it does not wait.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        Ok(sockopt::socket_linger(&self.socket)?)
    }

    /// Sets how long closing the connection waits for what is not sent yet.
    #[deprecated = "the wait blocks the thread that drops the connection"]
    pub fn set_linger(&self, duration: Option<Duration>) -> io::Result<()> {
        Ok(sockopt::set_socket_linger(&self.socket, duration)?)
    }

    /// To close the connection is to reset it: see [`TcpStream::set_zero_linger`].
    pub fn set_zero_linger(&self) -> io::Result<()> {
        Ok(sockopt::set_socket_linger(&self.socket, Some(Duration::ZERO))?)
    }
}

/// The system keeps these sizes in 32 bits.
fn to_u32(size: usize) -> u32 {
    size.try_into().unwrap_or(u32::MAX)
}

impl AsFd for TcpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for TcpSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

impl IntoRawFd for TcpSocket {
    fn into_raw_fd(self) -> RawFd {
        self.socket.into_raw_fd()
    }
}

/// The socket must not block, as those of [`TcpSocket::new_v4`] do not.
impl FromRawFd for TcpSocket {
    /// # Safety
    ///
    /// As for [`OwnedFd`]: the descriptor is open, and the socket becomes its only owner.
    unsafe fn from_raw_fd(fd: RawFd) -> TcpSocket {
        // SAFETY: rule 12, which the caller keeps.
        TcpSocket { socket: unsafe { OwnedFd::from_raw_fd(fd) } }
    }
}
