//! A stream of bytes in each direction, whether to another machine or to the next process.
//!
//! TCP and Unix streams differ in how one is made. From then on they are read, written, peeked at and split in
//! the same way, which is written here for both. The traits of the ecosystem are implemented for a *reference*
//! too: one task may read while another writes, with nothing in between.
//!
//! They connect in the same way. The system begins at once, and the socket becomes writable when the attempt has
//! succeeded or failed. So it is with Unix streams, where the attempt ends at once: a listener that has gone in
//! the meantime shows as an error.
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

use super::socket::{Connected, Socket};
use crate::engine::reactor::Direction;
use crate::io::Interest;
use crate::io::descriptor::Descriptor;
use crate::io::read::read_into_buf;
use crate::runtime::Handle;

/// Std's sockets that carry a stream.
pub trait Stream: Connected + From<OwnedFd> {
    /// Whether a short read or write means that the socket is drained or full.
    const SHORT_IS_DRAINED: bool;

    /// What reads and writes.
    fn bytes(&self) -> impl Read + Write;

    /// As std's method.
    fn shutdown(&self, how: Shutdown) -> io::Result<()>;
}

/// Reading and writing, without waiting. With waiting, see [`AsyncReadExt`](crate::io::AsyncReadExt) and
/// [`AsyncWriteExt`](crate::io::AsyncWriteExt).
impl<S: Stream> Socket<S> {
    /// Reads what has arrived. 0 is the end of the stream, or an empty `buf`.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] if there is nothing.
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.try_io(Interest::READABLE, |stream| stream.bytes().read(buf))
    }

    /// The same, and appends it to a growing buffer.
    pub fn try_read_buf<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
        read_into_buf(buf, |room| self.try_read(room))
    }

    /// The same into several buffers, one after the other.
    pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.io.try_io(Interest::READABLE, |stream| stream.bytes().read_vectored(bufs))
    }

    /// Writes what there is room for now.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] if there is none.
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.io.try_io(Interest::WRITABLE, |stream| stream.bytes().write(buf))
    }

    /// The same from several buffers, one after the other.
    pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.io.try_io(Interest::WRITABLE, |stream| stream.bytes().write_vectored(bufs))
    }

    /// Reads without taking: the same bytes are read again. Cancel safe; any number of tasks at once.
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.io(Interest::READABLE, |stream| peek(stream, buf)).await
    }

    /// The poll form of [`peek`](Socket::peek). It keeps one waker, the last.
    pub fn poll_peek(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.io.poll_io(Direction::Read, cx, |stream| peek(stream, buf))
    }

    /// The poll form of [`readable`](Socket::readable). It keeps one waker, the last.
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.poll_ready(Direction::Read, cx).map_ok(drop)
    }

    /// The poll form of [`writable`](Socket::writable). It keeps one waker, the last.
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.poll_ready(Direction::Write, cx).map_ok(drop)
    }

    /// Writes nothing more: the other side reads the end of the stream.
    pub(super) fn end(&self) -> io::Result<()> {
        match self.io.get_ref().shutdown(Shutdown::Write) {
            // The other side has closed the connection already: it is what we want.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            result => result,
        }
    }

    /// Waits for the end of a connect that begins now.
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

/// A socket for a stream that does not block and is not inherited by child processes.
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

impl<S: Stream> AsyncRead for &Socket<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let len = S::SHORT_IS_DRAINED.then_some(buf.len());
        self.io.poll_bytes(Direction::Read, cx, len, |stream| stream.bytes().read(buf))
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        self.io.poll_io(Direction::Read, cx, |stream| stream.bytes().read_vectored(bufs))
    }
}

impl<S: Stream> AsyncWrite for &Socket<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let len = S::SHORT_IS_DRAINED.then_some(buf.len());
        self.io.poll_bytes(Direction::Write, cx, len, |stream| stream.bytes().write(buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.io.poll_io(Direction::Write, cx, |stream| stream.bytes().write_vectored(bufs))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // What was written is the kernel's.
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.end())
    }
}

impl<S: Stream> AsyncRead for Socket<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self).poll_read(cx, buf)
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self).poll_read_vectored(cx, bufs)
    }
}

impl<S: Stream> AsyncWrite for Socket<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self).poll_close(cx)
    }
}
