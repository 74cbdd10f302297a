//! UDP carries datagrams from machine to machine.
//!
//! A socket is bound to an address of its own. It sends to any address, or, once it is connected, to one address
//! only, and then receives from that one only; "connected" is a filter here, nothing is sent for it. `recv`,
//! `send` and their siblings are in `datagram.rs`.
//!
//! Next: `unix`, where the other side is a process of the same machine.

use std::future::{Future, ready};
use std::io;
use std::net::{self, SocketAddr};
use std::panic::Location;
use std::task::{Context, Poll};

use rustix::net::sockopt;

use super::addr::{ToSocketAddrs, lookup_host, try_each};
use super::socket::{Socket, options};
use crate::engine::reactor::Direction;
use crate::io::Interest;
use crate::runtime::Handle;

/// A UDP socket. All of its methods take `&self`: to send in one task and receive in another, share it in an
/// `Arc`.
///
/// ```
/// use openwork::net::UdpSocket;
///
/// # openwork::block_on(async {
/// let near = UdpSocket::bind("127.0.0.1:0").await?;
/// let far = UdpSocket::bind("127.0.0.1:0").await?;
/// near.send_to(b"hello", far.local_addr()?).await?;
/// let mut buf = [0; 64];
/// let (len, from) = far.recv_from(&mut buf).await?;
/// assert_eq!((&buf[..len], from), (&b"hello"[..], near.local_addr()?));
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
///
/// Multicast is left to `rustix` or `socket2`, which take any socket (`AsFd`).
pub type UdpSocket = Socket<net::UdpSocket>;

impl UdpSocket {
    /// Binds a socket to the first address that is free. Port 0 lets the system choose one.
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
    pub fn bind<A: ToSocketAddrs>(address: A) -> impl Future<Output = io::Result<UdpSocket>> {
        let caller = Location::caller();
        async move {
            let runtime = Handle::current_at("UdpSocket::bind", caller);
            let bind = |address: SocketAddr| {
                ready(net::UdpSocket::bind(address).and_then(|it| Self::from_std_on(it, &runtime)))
            };
            try_each(lookup_host(address), bind).await
        }
    }

    /// Connects to the first address that the system accepts: [`send`](Socket::send) sends there from now on,
    /// and datagrams from elsewhere are not received.
    ///
    /// # Errors
    ///
    /// That of the last address, or the resolver's.
    ///
    /// # Panics
    ///
    /// If it is polled outside of a runtime, and `address` is a name.
    #[track_caller]
    pub fn connect<A: ToSocketAddrs>(&self, address: A) -> impl Future<Output = io::Result<()>> {
        let addresses = lookup_host(address);
        try_each(addresses, |address: SocketAddr| ready(self.io.get_ref().connect(address)))
    }

    /// Sends a datagram to an address, of several to the first. Cancel safe.
    ///
    /// # Errors
    ///
    /// The system's, or the resolver's.
    ///
    /// # Panics
    ///
    /// If it is polled outside of a runtime, and `target` is a name.
    #[track_caller]
    pub fn send_to<A: ToSocketAddrs>(
        &self,
        buf: &[u8],
        target: A,
    ) -> impl Future<Output = io::Result<usize>> {
        let targets = lookup_host(target);
        async move {
            let none = || io::Error::new(io::ErrorKind::InvalidInput, "no address to send to");
            let target = targets.await?.next().ok_or_else(none)?;
            self.io.io(Interest::WRITABLE, |socket| socket.send_to(buf, target)).await
        }
    }

    /// Sends a datagram to an address now.
    ///
    /// # Errors
    ///
    /// The system's; [`io::ErrorKind::WouldBlock`] if there is no room for it.
    pub fn try_send_to(&self, buf: &[u8], target: SocketAddr) -> io::Result<usize> {
        self.io.try_io(Interest::WRITABLE, |socket| socket.send_to(buf, target))
    }

    /// The poll form of [`send_to`](UdpSocket::send_to). It keeps one waker, the last.
    ///
    /// # Errors
    ///
    /// The system's; or the runtime has shut down.
    pub fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        buf: &[u8],
        target: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        self.io.poll_io(Direction::Write, cx, |socket| socket.send_to(buf, target))
    }

    /// Waits for a datagram and copies it to `buf`; the next call receives it again. Cancel safe.
    ///
    /// # Errors
    ///
    /// Those of [`recv`](Socket::recv).
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.io(Interest::READABLE, |socket| socket.peek(buf)).await
    }

    /// The same as [`peek`](UdpSocket::peek), with the sender's address.
    ///
    /// # Errors
    ///
    /// Those of [`recv`](Socket::recv).
    pub async fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.io.io(Interest::READABLE, |socket| socket.peek_from(buf)).await
    }

    options! {
        /// Whether the socket may send to all machines of the network.
        broadcast, set_broadcast: bool = sockopt::socket_broadcast, sockopt::set_socket_broadcast;
        /// The number of routers that a datagram may pass.
        ttl, set_ttl: u32 = sockopt::ip_ttl, sockopt::set_ip_ttl;
    }
}
