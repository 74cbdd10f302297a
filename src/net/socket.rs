//! What is a socket of ours?
//!
//! One of std's that does not block, and that a runtime watches. Everything that the system knows of it, std
//! can tell already, so nothing is said twice: a [`Socket`] holds std's socket and adds the waiting.
//! `TcpStream` is `Socket<std::net::TcpStream>`, and the others likewise.
//!
//! Here stands what can be done with every kind: to make one from std's and to take it apart again, to
//! wait until it is ready, and to do with it what std and this crate have no word for ([`Socket::async_io`]).
//!
//! Next: `stream.rs`, for those that carry a stream of bytes.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use rustix::io::Errno;

use crate::io::descriptor::Descriptor;
use crate::io::{Interest, Ready};
use crate::runtime::Handle;

/// Std's sockets. Sealed: the module is private.
pub trait StdSocket: AsFd + 'static {
    /// How our socket is called, for messages.
    const NAME: &'static str;

    /// An address of this kind of socket.
    type Addr;

    /// As std's method.
    fn local_addr(&self) -> io::Result<Self::Addr>;
}

/// Std's sockets that have another side.
pub trait Connected: StdSocket {
    /// As std's method.
    fn peer_addr(&self) -> io::Result<Self::Addr>;
}

/// One of std's sockets, watched by a runtime. [`TcpStream`](super::TcpStream),
/// [`UdpSocket`](super::UdpSocket) and their siblings are this, each with a socket of its kind inside.
///
/// To drop it closes it.
pub struct Socket<S: StdSocket> {
    pub(super) io: Descriptor<S>,
}

impl<S: StdSocket> Socket<S> {
    /// A socket that was made elsewhere. From now on it does not block.
    ///
    /// # Errors
    ///
    /// If the reactor cannot watch it.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn from_std(socket: S) -> io::Result<Self> {
        Self::adopt(socket, &Handle::current_for(&format!("{}::from_std", S::NAME)))
    }

    pub(super) fn adopt(socket: S, runtime: &Handle) -> io::Result<Self> {
        // One that blocks would hold up the whole runtime.
        rustix::io::ioctl_fionbio(&socket, true)?;
        Ok(Socket { io: Descriptor::new(socket, runtime, true)? })
    }

    /// The socket as std's, no longer watched, and still in non-blocking mode.
    ///
    /// # Errors
    ///
    /// None; it is Tokio's signature.
    pub fn into_std(self) -> io::Result<S> {
        Ok(self.io.into_inner())
    }

    /// The address of this side.
    pub fn local_addr(&self) -> io::Result<S::Addr> {
        self.io.get_ref().local_addr()
    }

    /// The error that the socket has stored, which is then cleared.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        Ok(rustix::net::sockopt::socket_error(&self.io)?.err().map(Errno::into))
    }

    /// Waits until reading (or receiving, or accepting) is worth a try. So it is at the end of a stream, too. It
    /// stays so until an operation shows that nothing is left: a try that answers `WouldBlock`, or an `AsyncRead`
    /// that returns less than its buffer holds. Cancel safe; any number of tasks at once.
    ///
    /// # Errors
    ///
    /// If the runtime has ended; here and below.
    pub async fn readable(&self) -> io::Result<()> {
        self.io.ready(Interest::READABLE).await.map(drop)
    }

    /// Waits until writing (or to send) is worth a try; otherwise as [`readable`](Socket::readable).
    pub async fn writable(&self) -> io::Result<()> {
        self.io.ready(Interest::WRITABLE).await.map(drop)
    }

    /// Waits until one of some directions is worth a try, and says which. Cancel safe; any number of tasks
    /// at once.
    pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        let found = self.io.ready(interest).await?;
        Ok(self.io.describe(found))
    }

    /// Does `operation`, something with this socket that has no method here, if it is worth a try.
    ///
    /// # Errors
    ///
    /// Those of `operation`. If it answers [`io::ErrorKind::WouldBlock`], the socket is not ready any more,
    /// so it must do so only when the socket said it. The same error if it was not ready before.
    pub fn try_io<R>(
        &self,
        interest: Interest,
        operation: impl FnOnce() -> io::Result<R>,
    ) -> io::Result<R> {
        self.io.try_io(interest, |_| operation())
    }

    /// Does `operation` as soon as it does not answer [`io::ErrorKind::WouldBlock`]. It is tried again after
    /// a signal ([`io::ErrorKind::Interrupted`]).
    ///
    /// Cancel safe as far as `operation` is. Any number of tasks at once.
    pub async fn async_io<R>(
        &self,
        interest: Interest,
        mut operation: impl FnMut() -> io::Result<R>,
    ) -> io::Result<R> {
        self.io.io(interest, |_| operation()).await
    }
}

impl<S: Connected> Socket<S> {
    /// The address of the other side.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotConnected`] if there is none.
    pub fn peer_addr(&self) -> io::Result<S::Addr> {
        self.io.get_ref().peer_addr()
    }
}

impl<S: StdSocket> AsRef<Socket<S>> for Socket<S> {
    fn as_ref(&self) -> &Socket<S> {
        self
    }
}

impl<S: StdSocket> AsFd for Socket<S> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.io.as_fd()
    }
}

impl<S: StdSocket> AsRawFd for Socket<S> {
    fn as_raw_fd(&self) -> RawFd {
        self.io.as_raw_fd()
    }
}

impl<S: StdSocket + fmt::Debug> fmt::Debug for Socket<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.fmt(f)
    }
}
