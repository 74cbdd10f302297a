//! A socket is one of std's that does not block, and that a runtime watches.
//!
//! std can tell everything that the system knows of a socket, so nothing is said twice: a [`Socket`] holds std's
//! socket and adds the waiting. `TcpStream` is `Socket<std::net::TcpStream>`, and the others likewise.
//!
//! This file has what all kinds can do: be made from std's socket and taken apart again, wait until they are
//! ready, and do operations for which this crate has no method ([`Socket::async_io`]).
//!
//! Next: `listener.rs`.

use std::fmt;
use std::io;
use std::net;
use std::os::fd::AsFd;
use std::os::unix::net as unix;

use rustix::io::Errno;

use crate::io::delegate::as_fd_from;
use crate::io::descriptor::Descriptor;
use crate::io::{Interest, Ready};
use crate::runtime::Handle;

/// Std's sockets and pipe ends. Sealed: the module is private.
pub trait StdSocket: AsFd + 'static {
    /// The name of our type, for messages.
    const NAME: &'static str;
}

/// Std's sockets, which have an address.
pub trait Local: StdSocket {
    /// An address of this kind of socket.
    type Addr;

    /// The same as std's method.
    fn local_addr(&self) -> io::Result<Self::Addr>;
}

/// Std's sockets that have a peer.
pub trait Connected: Local {
    /// The same as std's method.
    fn peer_addr(&self) -> io::Result<Self::Addr>;
}

macro_rules! std_socket {
    ($name:literal, $socket:ty $(, $addr:ty)? $(; $peer:ident)?) => {
        impl StdSocket for $socket {
            const NAME: &'static str = $name;
        }

        $(impl Local for $socket {
            type Addr = $addr;

            fn local_addr(&self) -> io::Result<$addr> {
                self.local_addr()
            }
        })?

        $(impl Connected for $socket {
            fn peer_addr(&self) -> io::Result<Self::Addr> {
                self.$peer()
            }
        })?

        impl TryFrom<$socket> for Socket<$socket> {
            type Error = io::Error;

            /// The same as [`from_std`](Socket::from_std).
            #[track_caller]
            fn try_from(socket: $socket) -> io::Result<Self> {
                Self::from_std(socket)
            }
        }
    };
}

std_socket!("TcpListener", net::TcpListener, net::SocketAddr);
std_socket!("TcpStream", net::TcpStream, net::SocketAddr; peer_addr);
std_socket!("UdpSocket", net::UdpSocket, net::SocketAddr; peer_addr);
std_socket!("UnixListener", unix::UnixListener, unix::SocketAddr);
std_socket!("UnixStream", unix::UnixStream, unix::SocketAddr; peer_addr);
std_socket!("UnixDatagram", unix::UnixDatagram, unix::SocketAddr; peer_addr);
std_socket!("pipe::Sender", io::PipeWriter);
std_socket!("pipe::Receiver", io::PipeReader);

/// One of std's sockets, watched by a runtime. [`TcpStream`](super::TcpStream),
/// [`UdpSocket`](super::UdpSocket) and their siblings are this, each with a socket of its kind inside.
///
/// Dropping it closes the socket.
pub struct Socket<S: StdSocket> {
    pub(super) io: Descriptor<S>,
}

as_fd_from!(Socket<S>, io, S: StdSocket);

impl<S: StdSocket> Socket<S> {
    /// Takes over a socket of std's, and sets it to non-blocking mode.
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
        Self::from_std_on(socket, &Handle::current_for(&format!("{}::from_std", S::NAME)))
    }

    pub(super) fn from_std_on(socket: S, runtime: &Handle) -> io::Result<Self> {
        // A socket that blocks would stop the whole runtime.
        rustix::io::ioctl_fionbio(&socket, true)?;
        Ok(Socket { io: Descriptor::new(socket, runtime, true)? })
    }

    /// Returns std's socket, no longer watched, and still in non-blocking mode.
    ///
    /// # Errors
    ///
    /// None; the signature is Tokio's.
    pub fn into_std(self) -> io::Result<S> {
        Ok(self.io.into_inner())
    }

    /// Takes the error that the socket has stored.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        Ok(rustix::net::sockopt::socket_error(&self.io)?.err().map(Errno::into))
    }

    /// Waits until reading, receiving or accepting is worth a try. The end of a stream counts as readable.
    ///
    /// The socket stays readable until an operation shows that nothing is left: a try that answers `WouldBlock`,
    /// or an `AsyncRead` that returns less than its buffer holds. Cancel safe; any number of tasks at once.
    ///
    /// # Errors
    ///
    /// If the runtime has shut down.
    pub async fn readable(&self) -> io::Result<()> {
        self.ready(Interest::READABLE).await.map(drop)
    }

    /// Waits until writing or sending is worth a try. Cancel safe; any number of tasks at once.
    ///
    /// # Errors
    ///
    /// If the runtime has shut down.
    pub async fn writable(&self) -> io::Result<()> {
        self.ready(Interest::WRITABLE).await.map(drop)
    }

    /// Waits until one of some directions is worth a try, and says which. Cancel safe; any number of tasks at
    /// once.
    ///
    /// # Errors
    ///
    /// If the runtime has shut down.
    pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        Ok(self.io.ready(interest).await?.ready())
    }

    /// Does `operation` on this socket now, if the socket counts as ready.
    ///
    /// # Errors
    ///
    /// Those of `operation`; [`io::ErrorKind::WouldBlock`] if the socket is not ready. If `operation` answers
    /// `WouldBlock` the socket is not ready any more, so it must do so only if the system did.
    pub fn try_io<R>(
        &self,
        interest: Interest,
        operation: impl FnOnce() -> io::Result<R>,
    ) -> io::Result<R> {
        self.io.try_io(interest, |_| operation())
    }

    /// Waits until `operation` on this socket does not answer [`io::ErrorKind::WouldBlock`]. It is tried again
    /// after a signal ([`io::ErrorKind::Interrupted`]).
    ///
    /// Cancel safe if `operation` is. Any number of tasks at once.
    ///
    /// # Errors
    ///
    /// Those of `operation`; or the runtime has shut down.
    pub async fn async_io<R>(
        &self,
        interest: Interest,
        mut operation: impl FnMut() -> io::Result<R>,
    ) -> io::Result<R> {
        self.io.io(interest, |_| operation()).await
    }
}

impl<S: Local> Socket<S> {
    /// The address of this side.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn local_addr(&self) -> io::Result<S::Addr> {
        self.io.get_ref().local_addr()
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

impl<S: StdSocket + fmt::Debug> fmt::Debug for Socket<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.fmt(f)
    }
}

/// Options of a socket: a method that reads each, and one that sets it.
macro_rules! options {
    ($($(#[$doc:meta])* $get:ident, $set:ident: $type:ty = $from_system:path, $to_system:path;)*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        ///
        /// The system's.
        pub fn $get(&self) -> io::Result<$type> {
            $from_system(self)?.try_into().map_err(io::Error::other)
        }

        #[doc = concat!("Sets [`", stringify!($get), "`](Self::", stringify!($get), ").")]
        ///
        /// # Errors
        ///
        /// The system's.
        pub fn $set(&self, value: $type) -> io::Result<()> {
            Ok($to_system(self, value.try_into().map_err(io::Error::other)?)?)
        }
    )*};
}

pub(super) use options;
