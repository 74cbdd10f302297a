//! How does one come by a TCP connection, and what can be set on it?
//!
//! By name or by address: names are looked up, and addresses tried one after the other. What a connection
//! can do then is in `net/stream.rs`, and is the same for Unix streams.
//!
//! Next: `listener.rs`, the other side.

use std::future::Future;
use std::io::{self, Read, Write};
use std::net::{self, Shutdown, SocketAddr};
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::{AddressFamily, sockopt};

use crate::net::addr::{ToSocketAddrs, first_that};
use crate::net::halves::{self, Ends};
use crate::net::socket::{Connected, Socket, StdSocket};
use crate::net::stream::{Stream, new_socket};
use crate::runtime::Handle;

/// A TCP connection: a stream of bytes in each direction.
///
/// Read and written by the methods of [`AsyncReadExt`](crate::io::AsyncReadExt) and
/// [`AsyncWriteExt`](crate::io::AsyncWriteExt), also through a shared reference: one task may read while
/// another writes. Of two tasks that wait for the same direction through these traits, the one that came
/// last is woken; [`readable`](TcpStream::readable) and its siblings serve any number.
///
/// Dropping it closes the connection.
pub type TcpStream = Socket<net::TcpStream>;

/// The half that reads. From [`TcpStream::split`].
pub type ReadHalf<'a> = halves::ReadHalf<&'a TcpStream>;
/// The half that writes. From [`TcpStream::split`].
pub type WriteHalf<'a> = halves::WriteHalf<&'a TcpStream>;
/// The half that reads. From [`TcpStream::into_split`].
pub type OwnedReadHalf = halves::ReadHalf<Arc<TcpStream>>;
/// The half that writes, and ends the stream when it is dropped. From [`TcpStream::into_split`].
pub type OwnedWriteHalf = halves::WriteHalf<Ends<net::TcpStream>>;
/// Two halves are not of the same stream. From [`OwnedReadHalf::reunite`]; it gives them back.
pub type ReuniteError = halves::ReuniteError<net::TcpStream>;

impl StdSocket for net::TcpStream {
    const NAME: &'static str = "TcpStream";

    type Addr = SocketAddr;

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.local_addr()
    }
}

impl Connected for net::TcpStream {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.peer_addr()
    }
}

impl Stream for net::TcpStream {
    const SHORT_IS_DRAINED: bool = true;

    fn bytes(&self) -> impl Read + Write {
        self
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.shutdown(how)
    }
}

impl TcpStream {
    /// Connects to the first address that accepts.
    ///
    /// Cancel safe: the connection is given up.
    ///
    /// # Errors
    ///
    /// The error of the last address, with the kind that the system gave it, for instance
    /// [`io::ErrorKind::ConnectionRefused`]; or the resolver's.
    ///
    /// # Panics
    ///
    /// If it is polled outside of a runtime.
    #[track_caller]
    pub fn connect<A: ToSocketAddrs>(address: A) -> impl Future<Output = io::Result<TcpStream>> {
        let place = Location::caller();
        async move {
            let runtime = &Handle::current_at("TcpStream::connect", place);
            let attempt = |address| async move {
                TcpStream::connect_to(new_socket(family(&address))?, &address, runtime).await
            };
            first_that(address.resolve(), attempt).await
        }
    }

    /// Whether small writes are sent at once.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.io.get_ref().nodelay()
    }

    /// Sends small writes at once, instead of waiting for more to send with them.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.io.get_ref().set_nodelay(nodelay)
    }

    /// How many routers a packet may pass.
    pub fn ttl(&self) -> io::Result<u32> {
        self.io.get_ref().ttl()
    }

    /// Sets how many routers a packet may pass.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.io.get_ref().set_ttl(ttl)
    }

    /// How long closing the connection waits for what is not sent yet; none if it does not wait.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        Ok(sockopt::socket_linger(&self.io)?)
    }

    /// Sets how long closing the connection waits for what is not sent yet.
    #[deprecated = "the wait blocks the thread that drops the connection"]
    pub fn set_linger(&self, duration: Option<Duration>) -> io::Result<()> {
        Ok(sockopt::set_socket_linger(&self.io, duration)?)
    }

    /// From now on to close the connection is to reset it: what is not sent yet is lost, and the other side
    /// gets an error ([`io::ErrorKind::ConnectionReset`]).
    pub fn set_zero_linger(&self) -> io::Result<()> {
        Ok(sockopt::set_socket_linger(&self.io, Some(Duration::ZERO))?)
    }

    /// Whether what arrives is acknowledged at once.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn quickack(&self) -> io::Result<bool> {
        Ok(sockopt::tcp_quickack(&self.io)?)
    }

    /// Acknowledges at once what arrives, instead of waiting for something to send with it. The system may
    /// change it by itself.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn set_quickack(&self, quickack: bool) -> io::Result<()> {
        Ok(sockopt::set_tcp_quickack(&self.io, quickack)?)
    }
}

pub(super) fn family(address: &SocketAddr) -> AddressFamily {
    if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 }
}

impl TryFrom<net::TcpStream> for TcpStream {
    type Error = io::Error;

    /// As [`from_std`](Socket::from_std).
    #[track_caller]
    fn try_from(stream: net::TcpStream) -> io::Result<TcpStream> {
        TcpStream::from_std(stream)
    }
}
