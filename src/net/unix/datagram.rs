//! Unix datagrams go between the processes of one machine.
//!
//! They are not lost, as UDP's may be: a sender waits until the receiver has room. `recv`, `send` and their siblings are
//! in `net/datagram.rs`.
//!
//! Next: `pipe.rs`.

use std::io;
use std::net::Shutdown;
use std::os::unix::net;
use std::path::Path;
use std::task::{Context, Poll};

use super::addr::address;
use crate::engine::reactor::Direction;
use crate::io::Interest;
use crate::net::socket::Socket;
use crate::runtime::Handle;

/// A Unix socket for datagrams. All of its methods take `&self`: to send in one task and receive in another,
/// share it in an `Arc`.
///
/// On Linux a path that begins with a NUL byte is an abstract name.
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

impl UnixDatagram {
    /// Binds a socket to a path.
    ///
    /// # Errors
    ///
    /// The system's, for instance [`io::ErrorKind::AddrInUse`] if the path exists.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixDatagram> {
        let runtime = Handle::current_for("UnixDatagram::bind");
        Self::from_std_on(net::UnixDatagram::bind_addr(&address(path.as_ref())?)?, &runtime)
    }

    /// Makes a socket without an address, to which no other can send.
    ///
    /// # Errors
    ///
    /// The system's, for instance at the limit of descriptors.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn unbound() -> io::Result<UnixDatagram> {
        let runtime = Handle::current_for("UnixDatagram::unbound");
        Self::from_std_on(net::UnixDatagram::unbound()?, &runtime)
    }

    /// Makes two sockets that are connected to each other.
    ///
    /// # Errors
    ///
    /// The system's, for instance at the limit of descriptors.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn pair() -> io::Result<(UnixDatagram, UnixDatagram)> {
        let runtime = Handle::current_for("UnixDatagram::pair");
        let (one, other) = net::UnixDatagram::pair()?;
        Ok((Self::from_std_on(one, &runtime)?, Self::from_std_on(other, &runtime)?))
    }

    /// Connects to a path: [`send`](Socket::send) sends there from now on, and datagrams from elsewhere are not
    /// received.
    ///
    /// # Errors
    ///
    /// The system's, for instance [`io::ErrorKind::NotFound`].
    pub fn connect<P: AsRef<Path>>(&self, path: P) -> io::Result<()> {
        self.io.get_ref().connect_addr(&address(path.as_ref())?)
    }

    /// Sends a datagram to a path. Cancel safe.
    ///
    /// If there is no room, it waits until the receiver has taken a datagram that *this* socket sent: Linux
    /// reports room that other senders leave only to [connected](UnixDatagram::connect) sockets.
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
    /// The system's; [`io::ErrorKind::WouldBlock`] if there is no room for it.
    pub fn try_send_to<P: AsRef<Path>>(&self, buf: &[u8], target: P) -> io::Result<usize> {
        let target = address(target.as_ref())?;
        self.io.try_io(Interest::WRITABLE, |socket| socket.send_to_addr(buf, &target))
    }

    /// The poll form of [`send_to`](UnixDatagram::send_to). It keeps one waker, the last.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn poll_send_to<P: AsRef<Path>>(
        &self,
        cx: &mut Context<'_>,
        buf: &[u8],
        target: P,
    ) -> Poll<io::Result<usize>> {
        let target = address(target.as_ref())?;
        self.io.poll_io(Direction::Write, cx, |socket| socket.send_to_addr(buf, &target))
    }

    /// Ends one direction, or both: sending in a direction that has ended is an error
    /// ([`io::ErrorKind::BrokenPipe`]).
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.io.get_ref().shutdown(how)
    }
}
