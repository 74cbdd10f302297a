//! Who comes in, of the processes of this machine?
//!
//! As with TCP, but at a path. The path stays when the listener is gone, and keeps the next one from being
//! bound there; who binds removes it first, if he knows that nobody listens.
//!
//! Next: `datagram.rs`.

use std::io;
use std::os::unix::net::{self, SocketAddr};
use std::path::Path;
use std::task::{Context, Poll, ready};

use super::addr::address;
use super::stream::UnixStream;
use crate::engine::reactor::Direction;
use crate::io::Interest;
use crate::io::descriptor::Descriptor;
use crate::net::socket::{Socket, StdSocket};
use crate::runtime::Handle;

/// A Unix socket that takes connections.
///
/// Its path is not removed when it is dropped.
pub type UnixListener = Socket<net::UnixListener>;

impl StdSocket for net::UnixListener {
    const NAME: &'static str = "UnixListener";

    type Addr = SocketAddr;

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.local_addr()
    }
}

impl UnixListener {
    /// Listens at a path. On Linux a path that begins with a NUL byte is an abstract name, which is in no
    /// directory.
    ///
    /// # Errors
    ///
    /// The system's, for instance [`io::ErrorKind::AddrInUse`] if the path exists.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixListener> {
        let runtime = Handle::current_for("UnixListener::bind");
        Self::bind_one(&address(path.as_ref())?, &runtime)
    }

    /// The same with an address.
    #[track_caller]
    pub fn bind_addr(address: &SocketAddr) -> io::Result<UnixListener> {
        Self::bind_one(address, &Handle::current_for("UnixListener::bind_addr"))
    }

    fn bind_one(address: &SocketAddr, runtime: &Handle) -> io::Result<UnixListener> {
        let listener = net::UnixListener::bind_addr(address)?;
        listener.set_nonblocking(true)?;
        Ok(Socket { io: Descriptor::new(listener, runtime, false)? })
    }

    /// The next connection, and where it comes from: mostly from a socket without a name.
    ///
    /// Cancel safe: an `accept` that is dropped has taken none. Any number of tasks at once.
    ///
    /// # Errors
    ///
    /// As [`TcpListener::accept`](crate::net::TcpListener::accept).
    pub async fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        let (stream, address) = self.io.io(Interest::READABLE, accept).await?;
        Ok((self.watch(stream)?, address))
    }

    /// The poll form of [`accept`](UnixListener::accept). It keeps one waker, the last.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(UnixStream, SocketAddr)>> {
        let (stream, address) = ready!(self.io.poll_io(Direction::Read, cx, accept))?;
        Poll::Ready(self.watch(stream).map(|stream| (stream, address)))
    }

    /// A new connection belongs to the runtime of its listener, whoever polls.
    fn watch(&self, stream: net::UnixStream) -> io::Result<UnixStream> {
        Ok(Socket { io: self.io.beside(stream)? })
    }
}

fn accept(listener: &net::UnixListener) -> io::Result<(net::UnixStream, SocketAddr)> {
    let (stream, address) = listener.accept()?;
    stream.set_nonblocking(true)?;
    Ok((stream, address))
}

impl TryFrom<net::UnixListener> for UnixListener {
    type Error = io::Error;

    /// As [`from_std`](Socket::from_std).
    #[track_caller]
    fn try_from(listener: net::UnixListener) -> io::Result<UnixListener> {
        UnixListener::from_std(listener)
    }
}
