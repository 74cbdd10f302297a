//! UDP: datagrams from machine to machine.
//!
//! A socket is bound to an address of its own. It sends to whom one says, or, once it is connected, to that
//! one alone, from whom it then hears alone, too; "connected" is a word for a filter here, nothing is sent.
//! `recv`, `send` and their like are in `datagram.rs`.
//!
//! To peek is to look at the next datagram without taking it.
//!
//! Next: `unix`, where the other side is a process of the same machine.

use std::future::{Future, ready};
use std::io;
use std::net::{self, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::panic::Location;
use std::task::{Context, Poll};

use super::addr::{ToSocketAddrs, first_that};
use super::datagram::Datagram;
use super::socket::{Connected, Socket, StdSocket};
use crate::engine::reactor::Direction;
use crate::io::Interest;
use crate::runtime::Handle;

/// A UDP socket. All of its methods take `&self`: to send in one task and receive in another, share it in
/// an `Arc`.
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
pub type UdpSocket = Socket<net::UdpSocket>;

impl StdSocket for net::UdpSocket {
    const NAME: &'static str = "UdpSocket";

    type Addr = SocketAddr;

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.local_addr()
    }
}

impl Connected for net::UdpSocket {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.peer_addr()
    }
}

impl Datagram for net::UdpSocket {
    fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.send(buf)
    }

    fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.recv(buf)
    }

    fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.recv_from(buf)
    }
}

impl UdpSocket {
    /// Takes the first address that can be had. Port 0 lets the system choose one.
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
    pub fn bind<A: ToSocketAddrs>(address: A) -> impl Future<Output = io::Result<UdpSocket>> {
        let place = Location::caller();
        async move {
            let runtime = Handle::current_at("UdpSocket::bind", place);
            let bind =
                |address| Self::adopt(net::UdpSocket::bind::<SocketAddr>(address)?, &runtime);
            first_that(address.resolve(), |address| ready(bind(address))).await
        }
    }

    /// Connects to the first address that can be had: from now on [`send`](Socket::send) sends there, and
    /// what others send is not received.
    ///
    /// # Errors
    ///
    /// The error of the last address, or the resolver's.
    ///
    /// # Panics
    ///
    /// If it is polled outside of a runtime, and `address` is a name.
    #[track_caller]
    pub fn connect<A: ToSocketAddrs>(&self, address: A) -> impl Future<Output = io::Result<()>> {
        let addresses = address.resolve();
        async move {
            let connect = |address: SocketAddr| ready(self.io.get_ref().connect(address));
            first_that(addresses, connect).await
        }
    }

    /// Sends a datagram to an address; of several, to the first. Cancel safe.
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
        let targets = target.resolve();
        async move {
            let send = |target| async move {
                self.io.io(Interest::WRITABLE, |socket| socket.send_to(buf, target)).await
            };
            match targets.await?.next() {
                Some(target) => send(target).await,
                None => Err(io::Error::new(io::ErrorKind::InvalidInput, "no address to send to")),
            }
        }
    }

    /// Sends a datagram to an address now.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] if there is no room for it.
    pub fn try_send_to(&self, buf: &[u8], target: SocketAddr) -> io::Result<usize> {
        self.io.try_io(Interest::WRITABLE, |socket| socket.send_to(buf, target))
    }

    /// The poll form of [`send_to`](UdpSocket::send_to). It keeps one waker, the last.
    pub fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        buf: &[u8],
        target: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        self.io.poll_io(Direction::Write, cx, |socket| socket.send_to(buf, target))
    }

    /// Receives a datagram without taking it: the same is received again. Cancel safe.
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.io(Interest::READABLE, |socket| socket.peek(buf)).await
    }

    /// The same if there is one now.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] if there is none.
    pub fn try_peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.try_io(Interest::READABLE, |socket| socket.peek(buf))
    }

    /// The poll form of [`peek`](UdpSocket::peek). It keeps one waker, the last.
    pub fn poll_peek(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.io.poll_io(Direction::Read, cx, |socket| socket.peek(buf))
    }

    /// Receives a datagram without taking it, and says where it comes from. Cancel safe.
    pub async fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.io.io(Interest::READABLE, |socket| socket.peek_from(buf)).await
    }

    /// The same if there is one now.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] if there is none.
    pub fn try_peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.io.try_io(Interest::READABLE, |socket| socket.peek_from(buf))
    }

    /// The poll form of [`peek_from`](UdpSocket::peek_from). It keeps one waker, the last.
    pub fn poll_peek_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        self.io.poll_io(Direction::Read, cx, |socket| socket.peek_from(buf))
    }

    /// Where the next datagram comes from, without taking it. Cancel safe.
    pub async fn peek_sender(&self) -> io::Result<SocketAddr> {
        self.peek_from(&mut []).await.map(|(_, sender)| sender)
    }

    /// The same if there is one now.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] if there is none.
    pub fn try_peek_sender(&self) -> io::Result<SocketAddr> {
        self.try_peek_from(&mut []).map(|(_, sender)| sender)
    }

    /// The poll form of [`peek_sender`](UdpSocket::peek_sender). It keeps one waker, the last.
    pub fn poll_peek_sender(&self, cx: &mut Context<'_>) -> Poll<io::Result<SocketAddr>> {
        self.poll_peek_from(cx, &mut []).map_ok(|(_, sender)| sender)
    }
}

/// Options: std's methods of the same names.
impl UdpSocket {
    /// Whether it may send to everybody on the network.
    pub fn broadcast(&self) -> io::Result<bool> {
        self.io.get_ref().broadcast()
    }

    /// Lets it send to everybody on the network.
    pub fn set_broadcast(&self, on: bool) -> io::Result<()> {
        self.io.get_ref().set_broadcast(on)
    }

    /// How many routers a datagram may pass.
    pub fn ttl(&self) -> io::Result<u32> {
        self.io.get_ref().ttl()
    }

    /// Sets how many routers a datagram may pass.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.io.get_ref().set_ttl(ttl)
    }

    /// Whether what it sends to a group of IPv4 comes back to this machine.
    pub fn multicast_loop_v4(&self) -> io::Result<bool> {
        self.io.get_ref().multicast_loop_v4()
    }

    /// Sets whether what it sends to a group of IPv4 comes back to this machine.
    pub fn set_multicast_loop_v4(&self, on: bool) -> io::Result<()> {
        self.io.get_ref().set_multicast_loop_v4(on)
    }

    /// How many routers a datagram to a group of IPv4 may pass.
    pub fn multicast_ttl_v4(&self) -> io::Result<u32> {
        self.io.get_ref().multicast_ttl_v4()
    }

    /// Sets how many routers a datagram to a group of IPv4 may pass.
    pub fn set_multicast_ttl_v4(&self, ttl: u32) -> io::Result<()> {
        self.io.get_ref().set_multicast_ttl_v4(ttl)
    }

    /// Whether what it sends to a group of IPv6 comes back to this machine.
    pub fn multicast_loop_v6(&self) -> io::Result<bool> {
        self.io.get_ref().multicast_loop_v6()
    }

    /// Sets whether what it sends to a group of IPv6 comes back to this machine.
    pub fn set_multicast_loop_v6(&self, on: bool) -> io::Result<()> {
        self.io.get_ref().set_multicast_loop_v6(on)
    }

    /// Joins a group of IPv4, on the interface with this address; unspecified: on one that fits.
    pub fn join_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.io.get_ref().join_multicast_v4(&group, &interface)
    }

    /// Leaves a group of IPv4.
    pub fn leave_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.io.get_ref().leave_multicast_v4(&group, &interface)
    }

    /// Joins a group of IPv6, on the interface with this number; 0: on one that fits.
    pub fn join_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.io.get_ref().join_multicast_v6(group, interface)
    }

    /// Leaves a group of IPv6.
    pub fn leave_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.io.get_ref().leave_multicast_v6(group, interface)
    }
}

impl TryFrom<net::UdpSocket> for UdpSocket {
    type Error = io::Error;

    /// As [`from_std`](Socket::from_std).
    #[track_caller]
    fn try_from(socket: net::UdpSocket) -> io::Result<UdpSocket> {
        UdpSocket::from_std(socket)
    }
}
