//! TCP streams, Unix streams and pipes are read and written in the same way.
//!
//! They differ in how they are made; everything after that is written here once. `AsyncRead` and `AsyncWrite` are
//! implemented for a *reference* too: one task may read while another writes, with no lock between them.
//!
//! TCP and Unix streams connect in the same way. The system begins at once, and the socket becomes writable when
//! the connect has succeeded or failed. A Unix connect ends at once, but the listener may go away before it
//! accepts: that is the error of the socket then.
//!
//! Next: `halves.rs`, a stream in two parts.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BufMut;
use futures_io::{AsyncRead, AsyncWrite};
use rustix::io::Errno;
use rustix::net::addr::SocketAddrArg;
use rustix::net::{AddressFamily, RecvFlags, SocketType};

use super::socket::{Connected, Socket, StdSocket};
use crate::engine::reactor::Direction;
use crate::io::Interest;
use crate::io::delegate::{read_from, write_to};
use crate::io::descriptor::Descriptor;
use crate::io::read::read_into_buf;
use crate::runtime::Handle;

/// Std's streams and pipe ends that are read.
pub trait Readable: StdSocket {
    /// Whether a short read means that the stream is drained.
    const SHORT_IS_DRAINED: bool = false;

    /// A reader through a shared reference.
    fn reader(&self) -> impl Read;
}

/// Std's streams and pipe ends that are written.
pub trait Writable: StdSocket {
    /// Whether a short write means that the stream is full.
    const SHORT_IS_FULL: bool = false;

    /// A writer through a shared reference.
    fn writer(&self) -> impl Write;

    /// Tells the other side that the stream ends. Done by dropping it, if it has one direction only.
    fn end(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Std's streams with two directions.
pub trait Stream: Connected + Readable + Writable + From<OwnedFd> {}

macro_rules! std_stream {
    ($stream:ty, short_is_drained: $short_is_drained:literal) => {
        impl Readable for $stream {
            const SHORT_IS_DRAINED: bool = $short_is_drained;

            fn reader(&self) -> impl Read {
                self
            }
        }

        impl Writable for $stream {
            const SHORT_IS_FULL: bool = $short_is_drained;

            fn writer(&self) -> impl Write {
                self
            }

            fn end(&self) -> io::Result<()> {
                match self.shutdown(Shutdown::Write) {
                    // The other side has closed the connection already: the stream has ended.
                    Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
                    result => result,
                }
            }
        }

        impl Stream for $stream {}
    };
}

std_stream!(std::net::TcpStream, short_is_drained: true);
// A read stops behind bytes that came with descriptors, and no event reports that.
std_stream!(std::os::unix::net::UnixStream, short_is_drained: false);

/// Reading without waiting. For reading with waiting see [`AsyncReadExt`](crate::io::AsyncReadExt).
impl<S: Readable> Socket<S> {
    /// Reads the bytes that have arrived. 0 is the end of the stream, or an empty `buf`.
    ///
    /// # Errors
    ///
    /// The system's; [`io::ErrorKind::WouldBlock`] if nothing has arrived.
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.try_io(Interest::READABLE, |stream| stream.reader().read(buf))
    }

    /// Reads the bytes that have arrived, and appends them to a buffer that grows.
    ///
    /// # Errors
    ///
    /// Those of [`try_read`](Socket::try_read).
    pub fn try_read_buf<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
        read_into_buf(buf, |room| self.try_read(room))
    }

    /// Reads the bytes that have arrived into several buffers, one after the other.
    ///
    /// # Errors
    ///
    /// Those of [`try_read`](Socket::try_read).
    pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.io.try_io(Interest::READABLE, |stream| stream.reader().read_vectored(bufs))
    }

    /// The poll form of [`readable`](Socket::readable). It keeps one waker, the last.
    ///
    /// # Errors
    ///
    /// If the runtime has shut down.
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.poll_ready(Direction::Read, cx).map_ok(drop)
    }
}

/// Writing without waiting. For writing with waiting see [`AsyncWriteExt`](crate::io::AsyncWriteExt).
impl<S: Writable> Socket<S> {
    /// Writes the bytes for which there is room now.
    ///
    /// # Errors
    ///
    /// The system's; [`io::ErrorKind::WouldBlock`] if there is no room.
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.io.try_io(Interest::WRITABLE, |stream| stream.writer().write(buf))
    }

    /// Writes from several buffers, one after the other, the bytes for which there is room now.
    ///
    /// # Errors
    ///
    /// Those of [`try_write`](Socket::try_write).
    pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.io.try_io(Interest::WRITABLE, |stream| stream.writer().write_vectored(bufs))
    }

    /// The poll form of [`writable`](Socket::writable). It keeps one waker, the last.
    ///
    /// # Errors
    ///
    /// If the runtime has shut down.
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.poll_ready(Direction::Write, cx).map_ok(drop)
    }
}

impl<S: Stream> Socket<S> {
    /// Waits for bytes and copies them to `buf`; the next read returns them again. Cancel safe; any number of
    /// tasks at once.
    ///
    /// # Errors
    ///
    /// The system's; or the runtime has shut down.
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.io(Interest::READABLE, |stream| peek(stream, buf)).await
    }

    /// The poll form of [`peek`](Socket::peek). It keeps one waker, the last.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn poll_peek(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.io.poll_io(Direction::Read, cx, |stream| peek(stream, buf))
    }

    /// Begins to connect, and waits for the result.
    pub(super) async fn connect_to(
        socket: OwnedFd,
        address: &impl SocketAddrArg,
        runtime: &Handle,
    ) -> io::Result<Self> {
        match rustix::net::connect(&socket, address) {
            // A signal does not stop a connect that has begun.
            Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let socket = Socket { io: Descriptor::new(S::from(socket), runtime, false)? };
        socket.writable().await?;
        match socket.take_error()? {
            Some(error) => Err(error),
            None => Ok(socket),
        }
    }
}

fn peek(stream: &impl Stream, buf: &mut [u8]) -> io::Result<usize> {
    let (count, _) = rustix::net::recv(stream, buf, RecvFlags::PEEK)?;
    Ok(count)
}

/// Makes a socket for a stream, which does not block and is not inherited by child processes.
pub(super) fn new_socket(family: AddressFamily) -> io::Result<OwnedFd> {
    #[cfg(not(target_vendor = "apple"))]
    let socket = {
        use rustix::net::SocketFlags;
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        rustix::net::socket_with(family, SocketType::STREAM, flags, None)?
    };
    #[cfg(target_vendor = "apple")]
    let socket = {
        let socket = rustix::net::socket(family, SocketType::STREAM, None)?;
        rustix::io::ioctl_fioclex(&socket)?;
        rustix::io::ioctl_fionbio(&socket, true)?;
        rustix::net::sockopt::set_socket_nosigpipe(&socket, true)?;
        socket
    };
    Ok(socket)
}

impl<S: Readable> AsyncRead for &Socket<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let len = S::SHORT_IS_DRAINED.then_some(buf.len());
        self.io.poll_bytes(Direction::Read, cx, len, |stream| stream.reader().read(buf))
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        self.io.poll_io(Direction::Read, cx, |stream| stream.reader().read_vectored(bufs))
    }
}

impl<S: Writable> AsyncWrite for &Socket<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let len = S::SHORT_IS_FULL.then_some(buf.len());
        self.io.poll_bytes(Direction::Write, cx, len, |stream| stream.writer().write(buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.io.poll_io(Direction::Write, cx, |stream| stream.writer().write_vectored(bufs))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The kernel has everything that was written.
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.io.get_ref().end())
    }
}

impl<S: Readable> AsyncRead for Socket<S> {
    read_from!(self => Pin::new(&mut &*self));
}

impl<S: Writable> AsyncWrite for Socket<S> {
    write_to!(self => Pin::new(&mut &*self));
}
