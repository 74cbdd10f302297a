//! Bytes in memory, with a position.
//!
//! Next: `nothing.rs`, no bytes at all.

use std::io::{self, BufRead, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite};

/// Bytes in memory, read and written from a position on. It never waits.
///
/// This is [`std::io::Cursor`], for which the traits, being another crate's, cannot be implemented here.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Cursor<T> {
    std: io::Cursor<T>,
}

impl<T> Cursor<T> {
    /// At the start of `inner`.
    pub const fn new(inner: T) -> Cursor<T> {
        Cursor { std: io::Cursor::new(inner) }
    }

    /// The memory.
    pub fn into_inner(self) -> T {
        self.std.into_inner()
    }

    /// The memory.
    pub const fn get_ref(&self) -> &T {
        self.std.get_ref()
    }

    /// The memory.
    pub fn get_mut(&mut self) -> &mut T {
        self.std.get_mut()
    }

    /// The position. It may lie behind the end.
    pub const fn position(&self) -> u64 {
        self.std.position()
    }

    /// Moves to a position.
    pub fn set_position(&mut self, position: u64) {
        self.std.set_position(position);
    }
}

impl<T> From<io::Cursor<T>> for Cursor<T> {
    fn from(std: io::Cursor<T>) -> Cursor<T> {
        Cursor { std }
    }
}

impl<T: AsRef<[u8]> + Unpin> AsyncRead for Cursor<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(self.std.read(buf))
    }

    fn poll_read_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(self.std.read_vectored(bufs))
    }
}

impl<T: AsRef<[u8]> + Unpin> AsyncBufRead for Cursor<T> {
    fn poll_fill_buf(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        Poll::Ready(self.get_mut().std.fill_buf())
    }

    fn consume(mut self: Pin<&mut Self>, amount: usize) {
        self.std.consume(amount);
    }
}

impl<T: AsRef<[u8]> + Unpin> AsyncSeek for Cursor<T> {
    fn poll_seek(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        position: SeekFrom,
    ) -> Poll<io::Result<u64>> {
        Poll::Ready(self.std.seek(position))
    }
}

/// For what std's cursor writes to: a vector, which grows, or a slice or an array, which does not.
impl<T: Unpin> AsyncWrite for Cursor<T>
where
    io::Cursor<T>: Write,
{
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(self.std.write(buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(self.std.write_vectored(bufs))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
