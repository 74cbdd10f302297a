//! Methods of a reader that can be awaited.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::AsyncRead;

use super::read_to_end::{ReadToEnd, ReadToString};

/// Methods of every [`AsyncRead`].
pub trait AsyncReadExt: AsyncRead {
    /// Reads what is there, at most as much as `buf` holds; waits only if nothing is there. 0 is the end
    /// of the stream, or an empty `buf`.
    ///
    /// Cancel safe: a read that is dropped has read nothing.
    fn read<'a>(&'a mut self, buf: &'a mut [u8]) -> Read<'a, Self>
    where
        Self: Unpin,
    {
        Read { reader: self, buf }
    }

    /// Fills `buf`, and returns its length.
    ///
    /// Not cancel safe: what was read before the drop is lost.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::UnexpectedEof`] if the stream ends before.
    fn read_exact<'a>(&'a mut self, buf: &'a mut [u8]) -> ReadExact<'a, Self>
    where
        Self: Unpin,
    {
        ReadExact { reader: self, buf, filled: 0 }
    }

    /// Reads up to the end of the stream, appends it to `buf`, and returns how much that was. What was
    /// read stays in `buf` also when an error comes, or the future is dropped.
    fn read_to_end<'a>(&'a mut self, buf: &'a mut Vec<u8>) -> ReadToEnd<'a, Self>
    where
        Self: Unpin,
    {
        ReadToEnd::new(self, buf)
    }

    /// Reads up to the end of the stream, appends it to `buf`, and returns how much that was.
    ///
    /// Not cancel safe: what was read before the drop is lost.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidData`] if it is not UTF-8; `buf` is then as it was. After another error
    /// `buf` has what was read before, as far as it is UTF-8.
    fn read_to_string<'a>(&'a mut self, buf: &'a mut String) -> ReadToString<'a, Self>
    where
        Self: Unpin,
    {
        ReadToString::new(self, buf)
    }
}

impl<R: AsyncRead + ?Sized> AsyncReadExt for R {}

/// Reads once. From [`AsyncReadExt::read`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Read<'a, R: ?Sized> {
    reader: &'a mut R,
    buf: &'a mut [u8],
}

impl<R: AsyncRead + Unpin + ?Sized> Future for Read<'_, R> {
    type Output = io::Result<usize>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Read { reader, buf } = &mut *self;
        Pin::new(&mut **reader).poll_read(cx, buf)
    }
}

/// Fills a buffer. From [`AsyncReadExt::read_exact`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct ReadExact<'a, R: ?Sized> {
    reader: &'a mut R,
    buf: &'a mut [u8],
    filled: usize,
}

impl<R: AsyncRead + Unpin + ?Sized> Future for ReadExact<'_, R> {
    type Output = io::Result<usize>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let ReadExact { reader, buf, filled } = &mut *self;
        while *filled < buf.len() {
            match ready!(Pin::new(&mut **reader).poll_read(cx, &mut buf[*filled..]))? {
                0 => return Poll::Ready(Err(early_eof())),
                count => *filled += count,
            }
        }
        Poll::Ready(Ok(buf.len()))
    }
}

fn early_eof() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the stream ended before the buffer was full")
}
