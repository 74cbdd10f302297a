//! Datagrams between the processes of one machine.
//!
//! Unlike UDP's, none is lost: who sends more than the receiver takes has to wait. `recv`, `send` and their
//! like are in `net/datagram.rs`.
//!
//! Next: `pipe.rs`.

use std::io;
use std::net::Shutdown;
use std::os::unix::net::{self, SocketAddr};
use std::path::Path;
use std::task::{Context, Poll};

use super::addr::address;
use crate::engine::reactor::Direction;
use crate::io::Interest;
use crate::net::datagram::Datagram;
use crate::net::socket::{Connected, Socket, StdSocket};
use crate::runtime::Handle;

/// A Unix socket for datagrams. All of its methods take `&self`: to send in one task and receive in
/// another, share it in an `Arc`.
///
/// Where a path is asked for, one that begins with a NUL byte is, on Linux, an abstract name.
///
/// ```
/// use openwork::net::UnixDatagram;
///
/// # openwork::block_on(async {
/// let (near, far) = UnixDatagram::pair()?;
/// near.send(b"hello").await?;
/// let mut buf = [0; 8];
/// assert_eq!(far.recv(&mut buf).await?, 5);
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub type UnixDatagram = Socket<net::UnixDatagram>;

impl StdSocket for net::UnixDatagram {
    const NAME: &'static str = "UnixDatagram";

    type Addr = SocketAddr;

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.local_addr()
    }
}

impl Connected for net::UnixDatagram {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.peer_addr()
    }
}

impl Datagram for net::UnixDatagram {
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

impl UnixDatagram {
    /// A socket at a path.
    ///
    /// # Errors
    ///
    /// The system's, for instance [`io::ErrorKind::AddrInUse`] if the path exists.
    ///
    /// # Panics
    ///
    /// Outside of a runtime; here and in the next two.
    #[track_caller]
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixDatagram> {
        let runtime = Handle::current_for("UnixDatagram::bind");
        Self::adopt(net::UnixDatagram::bind_addr(&address(path.as_ref())?)?, &runtime)
    }

    /// A socket without an address: nobody can send to it.
    #[track_caller]
    pub fn unbound() -> io::Result<UnixDatagram> {
        let runtime = Handle::current_for("UnixDatagram::unbound");
        Self::adopt(net::UnixDatagram::unbound()?, &runtime)
    }

    /// Two sockets that are connected to each other.
    #[track_caller]
    pub fn pair() -> io::Result<(UnixDatagram, UnixDatagram)> {
        let runtime = Handle::current_for("UnixDatagram::pair");
        let (one, other) = net::UnixDatagram::pair()?;
        Ok((Self::adopt(one, &runtime)?, Self::adopt(other, &runtime)?))
    }

    /// From now on [`send`](Socket::send) sends to this path, and what others send is not received.
    ///
    /// # Errors
    ///
    /// The system's, for instance [`io::ErrorKind::NotFound`].
    pub fn connect<P: AsRef<Path>>(&self, path: P) -> io::Result<()> {
        self.io.get_ref().connect_addr(&address(path.as_ref())?)
    }

    /// Sends a datagram to a path. Cancel safe.
    ///
    /// If there is no room, it waits until the receiver has taken something that *this* socket sent: of the
    /// room that others leave, Linux tells those only who are [connected](UnixDatagram::connect).
    ///
    /// # Errors
    ///
    /// The system's, for instance [`io::ErrorKind::NotFound`].
    pub async fn send_to<P: AsRef<Path>>(&self, buf: &[u8], target: P) -> io::Result<usize> {
        let target = address(target.as_ref())?;
        self.io.io(Interest::WRITABLE, |socket| socket.send_to_addr(buf, &target)).await
    }

    /// Sends a datagram to a path now.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] if there is no room for it.
    pub fn try_send_to<P: AsRef<Path>>(&self, buf: &[u8], target: P) -> io::Result<usize> {
        let target = address(target.as_ref())?;
        self.io.try_io(Interest::WRITABLE, |socket| socket.send_to_addr(buf, &target))
    }

    /// The poll form of [`send_to`](UnixDatagram::send_to). It keeps one waker, the last.
    pub fn poll_send_to<P: AsRef<Path>>(
        &self,
        cx: &mut Context<'_>,
        buf: &[u8],
        target: P,
    ) -> Poll<io::Result<usize>> {
        let target = address(target.as_ref())?;
        self.io.poll_io(Direction::Write, cx, |socket| socket.send_to_addr(buf, &target))
    }

    /// Ends one direction, or both: to send in one that has ended is an error
    /// ([`io::ErrorKind::BrokenPipe`]).
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.io.get_ref().shutdown(how)
    }
}

impl TryFrom<net::UnixDatagram> for UnixDatagram {
    type Error = io::Error;

    /// As [`from_std`](Socket::from_std).
    #[track_caller]
    fn try_from(socket: net::UnixDatagram) -> io::Result<UnixDatagram> {
        UnixDatagram::from_std(socket)
    }
}
