//! A pipe: bytes in one direction, and each end is a thing of its own.
//!
//! One makes a pipe and gives an end of it to another process; or opens one that has a place in the file
//! system (a *FIFO*, as `mkfifo` makes them), whose other end a stranger opens. A [`Sender`] writes, a
//! [`Receiver`] reads, and that is all there is to it: no addresses, no options.
//!
//! A descriptor that comes from elsewhere is looked at first, whether it is a pipe and open for this
//! direction: to anything else the waiting does not fit.
//!
//! This is the last file of `net`. Next: `fs`.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BufMut;
use futures_io::{AsyncRead, AsyncWrite};
use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat};

use crate::engine::reactor::Direction;
use crate::io::descriptor::Descriptor;
use crate::io::read::read_into_buf;
use crate::io::{Interest, Ready};
use crate::runtime::Handle;

/// A new pipe.
///
/// ```
/// use openwork::io::{AsyncReadExt, AsyncWriteExt};
/// use openwork::net::unix::pipe;
///
/// # openwork::block_on(async {
/// let (mut sender, mut receiver) = pipe::pipe()?;
/// sender.write_all(b"hello").await?;
/// drop(sender);
/// let mut text = String::new();
/// receiver.read_to_string(&mut text).await?;
/// assert_eq!(text, "hello");
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
///
/// # Errors
///
/// The system's, for instance at the limit of descriptors.
///
/// # Panics
///
/// Outside of a runtime.
#[track_caller]
pub fn pipe() -> io::Result<(Sender, Receiver)> {
    let runtime = Handle::current_for("pipe::pipe");
    let (reader, writer) = io::pipe()?;
    Ok((Sender::adopt(writer.into(), &runtime)?, Receiver::adopt(reader.into(), &runtime)?))
}

/// How a pipe in the file system is opened.
#[derive(Debug, Clone, Default)]
pub struct OpenOptions {
    read_write: bool,
    unchecked: bool,
}

impl OpenOptions {
    /// For one direction, and only if it is a pipe.
    pub fn new() -> OpenOptions {
        OpenOptions::default()
    }

    /// Opens it for both directions, of which one is used: so there is always somebody at the other end. A
    /// sender can be opened before its reader, and a receiver does not end when the last sender leaves.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn read_write(&mut self, value: bool) -> &mut Self {
        self.read_write = value;
        self
    }

    /// Does not look whether it is a pipe.
    pub fn unchecked(&mut self, value: bool) -> &mut Self {
        self.unchecked = value;
        self
    }

    /// Opens the end that reads. It does not wait for a sender: until there is one, there is nothing to read.
    ///
    /// # Errors
    ///
    /// The system's; [`io::ErrorKind::InvalidInput`] if it is no pipe.
    ///
    /// # Panics
    ///
    /// Outside of a runtime; here and below.
    #[track_caller]
    pub fn open_receiver<P: AsRef<Path>>(&self, path: P) -> io::Result<Receiver> {
        let runtime = Handle::current_for("OpenOptions::open_receiver");
        Receiver::adopt(self.open(path.as_ref(), Direction::Read)?, &runtime)
    }

    /// Opens the end that writes.
    ///
    /// # Errors
    ///
    /// As above; and the system's `ENXIO` if nobody has opened the other end.
    #[track_caller]
    pub fn open_sender<P: AsRef<Path>>(&self, path: P) -> io::Result<Sender> {
        let runtime = Handle::current_for("OpenOptions::open_sender");
        Sender::adopt(self.open(path.as_ref(), Direction::Write)?, &runtime)
    }

    fn open(&self, path: &Path, direction: Direction) -> io::Result<OwnedFd> {
        let file = File::options()
            .read(self.read_write || direction == Direction::Read)
            .write(self.read_write || direction == Direction::Write)
            // Or it would wait, here and now, until somebody opens the other end.
            .custom_flags(OFlags::NONBLOCK.bits() as i32)
            .open(path)?;
        if !self.unchecked {
            check_is_pipe(&file)?;
        }
        Ok(file.into())
    }
}

fn check_is_pipe(fd: &impl AsFd) -> io::Result<()> {
    match FileType::from_raw_mode(fstat(fd)?.st_mode) {
        FileType::Fifo => Ok(()),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "not a pipe")),
    }
}

/// Whether a descriptor is a pipe, and open for this direction.
fn check(fd: &impl AsFd, only: OFlags) -> io::Result<()> {
    check_is_pipe(fd)?;
    match fcntl_getfl(fd)? & OFlags::RWMODE {
        mode if mode == only || mode == OFlags::RDWR => Ok(()),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "not open for this direction")),
    }
}

/// The end of a pipe that writes.
///
/// When nobody has the other end any more, to write gives [`io::ErrorKind::BrokenPipe`].
#[derive(Debug)]
pub struct Sender {
    io: Descriptor<PipeWriter>,
}

impl Sender {
    fn adopt(fd: OwnedFd, runtime: &Handle) -> io::Result<Sender> {
        rustix::io::ioctl_fionbio(&fd, true)?;
        Ok(Sender { io: Descriptor::new(fd.into(), runtime, true)? })
    }

    /// The end of a pipe that was made elsewhere. From now on it does not block.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidInput`] if it is no pipe, or not open for writing.
    ///
    /// # Panics
    ///
    /// Outside of a runtime; here and below.
    #[track_caller]
    pub fn from_owned_fd(fd: OwnedFd) -> io::Result<Sender> {
        check(&fd, OFlags::WRONLY)?;
        Self::from_owned_fd_unchecked(fd)
    }

    /// The same without a look at what it is.
    #[track_caller]
    pub fn from_owned_fd_unchecked(fd: OwnedFd) -> io::Result<Sender> {
        Self::adopt(fd, &Handle::current_for("pipe::Sender::from_owned_fd"))
    }

    /// As [`from_owned_fd`](Sender::from_owned_fd).
    #[track_caller]
    pub fn from_file(file: File) -> io::Result<Sender> {
        Self::from_owned_fd(file.into())
    }

    /// As [`from_owned_fd_unchecked`](Sender::from_owned_fd_unchecked).
    #[track_caller]
    pub fn from_file_unchecked(file: File) -> io::Result<Sender> {
        Self::from_owned_fd_unchecked(file.into())
    }

    /// The descriptor, no longer watched, and still in non-blocking mode.
    pub fn into_nonblocking_fd(self) -> io::Result<OwnedFd> {
        Ok(self.io.into_inner().into())
    }

    /// The descriptor, no longer watched, and in blocking mode.
    pub fn into_blocking_fd(self) -> io::Result<OwnedFd> {
        let fd = self.into_nonblocking_fd()?;
        rustix::io::ioctl_fionbio(&fd, false)?;
        Ok(fd)
    }

    /// As [`TcpStream::writable`](crate::net::TcpStream::writable).
    pub async fn writable(&self) -> io::Result<()> {
        self.io.ready(Interest::WRITABLE).await.map(drop)
    }

    /// As [`TcpStream::ready`](crate::net::TcpStream::ready).
    pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        let found = self.io.ready(interest).await?;
        Ok(self.io.describe(found))
    }

    /// As [`TcpStream::poll_write_ready`](crate::net::TcpStream::poll_write_ready).
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.poll_ready(Direction::Write, cx).map_ok(drop)
    }

    /// As [`TcpStream::try_write`](crate::net::TcpStream::try_write).
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.io.try_io(Interest::WRITABLE, |mut pipe| pipe.write(buf))
    }

    /// As [`TcpStream::try_write_vectored`](crate::net::TcpStream::try_write_vectored).
    pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.io.try_io(Interest::WRITABLE, |mut pipe| pipe.write_vectored(bufs))
    }

    /// As [`TcpStream::try_io`](crate::net::TcpStream::try_io), for writing.
    pub fn try_io<R>(&self, operation: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        self.io.try_io(Interest::WRITABLE, |_| operation())
    }
}

/// The end of a pipe that reads.
///
/// When nobody has the other end any more, the stream is at its end.
#[derive(Debug)]
pub struct Receiver {
    io: Descriptor<PipeReader>,
}

impl Receiver {
    fn adopt(fd: OwnedFd, runtime: &Handle) -> io::Result<Receiver> {
        rustix::io::ioctl_fionbio(&fd, true)?;
        Ok(Receiver { io: Descriptor::new(fd.into(), runtime, false)? })
    }

    /// The end of a pipe that was made elsewhere. From now on it does not block.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidInput`] if it is no pipe, or not open for reading.
    ///
    /// # Panics
    ///
    /// Outside of a runtime; here and below.
    #[track_caller]
    pub fn from_owned_fd(fd: OwnedFd) -> io::Result<Receiver> {
        check(&fd, OFlags::RDONLY)?;
        Self::from_owned_fd_unchecked(fd)
    }

    /// The same without a look at what it is.
    #[track_caller]
    pub fn from_owned_fd_unchecked(fd: OwnedFd) -> io::Result<Receiver> {
        Self::adopt(fd, &Handle::current_for("pipe::Receiver::from_owned_fd"))
    }

    /// As [`from_owned_fd`](Receiver::from_owned_fd).
    #[track_caller]
    pub fn from_file(file: File) -> io::Result<Receiver> {
        Self::from_owned_fd(file.into())
    }

    /// As [`from_owned_fd_unchecked`](Receiver::from_owned_fd_unchecked).
    #[track_caller]
    pub fn from_file_unchecked(file: File) -> io::Result<Receiver> {
        Self::from_owned_fd_unchecked(file.into())
    }

    /// The descriptor, no longer watched, and still in non-blocking mode.
    pub fn into_nonblocking_fd(self) -> io::Result<OwnedFd> {
        Ok(self.io.into_inner().into())
    }

    /// The descriptor, no longer watched, and in blocking mode.
    pub fn into_blocking_fd(self) -> io::Result<OwnedFd> {
        let fd = self.into_nonblocking_fd()?;
        rustix::io::ioctl_fionbio(&fd, false)?;
        Ok(fd)
    }

    /// As [`TcpStream::readable`](crate::net::TcpStream::readable).
    pub async fn readable(&self) -> io::Result<()> {
        self.io.ready(Interest::READABLE).await.map(drop)
    }

    /// As [`TcpStream::ready`](crate::net::TcpStream::ready).
    pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        let found = self.io.ready(interest).await?;
        Ok(self.io.describe(found))
    }

    /// As [`TcpStream::poll_read_ready`](crate::net::TcpStream::poll_read_ready).
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.poll_ready(Direction::Read, cx).map_ok(drop)
    }

    /// As [`TcpStream::try_read`](crate::net::TcpStream::try_read).
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.try_io(Interest::READABLE, |mut pipe| pipe.read(buf))
    }

    /// As [`TcpStream::try_read_buf`](crate::net::TcpStream::try_read_buf).
    pub fn try_read_buf<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
        read_into_buf(buf, |room| self.try_read(room))
    }

    /// As [`TcpStream::try_read_vectored`](crate::net::TcpStream::try_read_vectored).
    pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.io.try_io(Interest::READABLE, |mut pipe| pipe.read_vectored(bufs))
    }

    /// As [`TcpStream::try_io`](crate::net::TcpStream::try_io), for reading.
    pub fn try_io<R>(&self, operation: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        self.io.try_io(Interest::READABLE, |_| operation())
    }
}

impl AsyncWrite for Sender {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.io.poll_io(Direction::Write, cx, |mut pipe| pipe.write(buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.io.poll_io(Direction::Write, cx, |mut pipe| pipe.write_vectored(bufs))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // What was written is the kernel's.
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A pipe ends when this is dropped, and not before.
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Receiver {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.io.poll_io(Direction::Read, cx, |mut pipe| pipe.read(buf))
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        self.io.poll_io(Direction::Read, cx, |mut pipe| pipe.read_vectored(bufs))
    }
}

impl AsFd for Sender {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.io.as_fd()
    }
}

impl AsRawFd for Sender {
    fn as_raw_fd(&self) -> RawFd {
        self.io.as_raw_fd()
    }
}

impl AsFd for Receiver {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.io.as_fd()
    }
}

impl AsRawFd for Receiver {
    fn as_raw_fd(&self) -> RawFd {
        self.io.as_raw_fd()
    }
}
