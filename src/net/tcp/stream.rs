//! A TCP connection is made by address or by name.
//!
//! Names are looked up, and addresses tried one after the other. The methods of a connection are in
//! `net/stream.rs`, the same as those of Unix streams; here are its options.
//!
//! Next: `listener.rs`, the other side.

use std::future::Future;
use std::io;
use std::net::{self, SocketAddr};
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::{AddressFamily, sockopt};

use crate::net::addr::{ToSocketAddrs, lookup_host, try_each};
use crate::net::halves::{self, EndOnDrop};
use crate::net::socket::{Socket, options};
use crate::net::stream::new_socket;
use crate::runtime::Handle;

/// A TCP connection: a stream of bytes in each direction.
///
/// It is read and written with the methods of [`AsyncReadExt`](crate::io::AsyncReadExt) and
/// [`AsyncWriteExt`](crate::io::AsyncWriteExt), which work through a shared reference too: one task may read
/// while another writes. Of two tasks that wait for the same direction through these traits, only the one that
/// polled last is woken; [`readable`](TcpStream::readable) and its siblings serve any number.
///
/// Dropping it closes the connection.
///
/// ```no_run
/// use openwork::io::{AsyncReadExt, AsyncWriteExt};
/// use openwork::net::TcpStream;
///
/// # openwork::block_on(async {
/// let mut stream = TcpStream::connect("example.com:80").await?;
/// stream.write_all(b"GET / HTTP/1.0\r\nHost: example.com\r\n\r\n").await?;
/// let mut page = Vec::new();
/// stream.read_to_end(&mut page).await?;
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub type TcpStream = Socket<net::TcpStream>;

/// The half that reads. From [`TcpStream::split`].
pub type ReadHalf<'a> = halves::ReadHalf<&'a TcpStream>;
/// The half that writes. From [`TcpStream::split`].
pub type WriteHalf<'a> = halves::WriteHalf<&'a TcpStream>;
/// The half that reads. From [`TcpStream::into_split`].
pub type OwnedReadHalf = halves::ReadHalf<Arc<TcpStream>>;
/// The half that writes, and ends the stream when it is dropped. From [`TcpStream::into_split`].
pub type OwnedWriteHalf = halves::WriteHalf<EndOnDrop<net::TcpStream>>;
/// Two halves are not of the same stream. From [`OwnedReadHalf::reunite`]; it returns them.
pub type ReuniteError = halves::ReuniteError<net::TcpStream>;

impl TcpStream {
    /// Connects to the first address that accepts.
    ///
    /// Cancel safe: the connection is closed.
    ///
    /// # Errors
    ///
    /// That of the last address, with the system's kind (for instance
    /// [`io::ErrorKind::ConnectionRefused`]); or the resolver's.
    ///
    /// # Panics
    ///
    /// If it is polled outside of a runtime.
    #[track_caller]
    pub fn connect<A: ToSocketAddrs>(address: A) -> impl Future<Output = io::Result<TcpStream>> {
        let caller = Location::caller();
        async move {
            let runtime = &Handle::current_at("TcpStream::connect", caller);
            let connect = |address| async move {
                TcpStream::connect_to(new_socket(family(&address))?, &address, runtime).await
            };
            try_each(lookup_host(address), connect).await
        }
    }

    options! {
        /// Whether small writes are sent at once, instead of with later ones.
        nodelay, set_nodelay: bool = sockopt::tcp_nodelay, sockopt::set_tcp_nodelay;
        /// The number of routers that a packet may pass.
        ttl, set_ttl: u32 = sockopt::ip_ttl, sockopt::set_ip_ttl;
    }

    /// Lets the end of this connection be a reset: bytes that are not sent yet are lost, and the other side gets
    /// an error ([`io::ErrorKind::ConnectionReset`]).
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set_zero_linger(&self) -> io::Result<()> {
        Ok(sockopt::set_socket_linger(self, Some(Duration::ZERO))?)
    }
}

pub(super) fn family(address: &SocketAddr) -> AddressFamily {
    if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 }
}
