//! Many small writes, of which each would be a system call.
//!
//! Collect them in a buffer, and write that when the next one does not fit. One that is at least as large as
//! the buffer goes past it, after what came before.
//!
//! Nothing leaves the buffer by itself. A destructor cannot wait, so what is in it when it is dropped is
//! lost: whoever wants it sent must `flush` or `shutdown`.
//!
//! Next: `buf_stream.rs`, both in one.

use std::fmt;
use std::io::{self, IoSlice, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite};
use pin_project_lite::pin_project;

use super::forward::{buf_read_from, read_from};
use super::whole::poll_write_all;

/// Tokio's size, and std's.
const CAPACITY: usize = 8 * 1024;

pin_project! {
    /// A writer with a buffer, so that small writes are cheap. What is read comes straight from the stream.
    ///
    /// **Flush it**, or shut it down, at the end: what is in the buffer when this is dropped is lost.
    ///
    /// After an error the buffer keeps what the stream has not taken, and the next flush writes it. What the
    /// stream has taken and then lost, as [`fs::File`](crate::fs::File) may, it reports at each flush.
    pub struct BufWriter<W> {
        #[pin]
        pub(super) inner: W,
        pub(super) buf: Vec<u8>,
        // The first so many are written already, by a flush that had to wait.
        pub(super) written: usize,
    }
}

impl<W> BufWriter<W> {
    /// With a buffer of 8 KiB.
    pub fn new(inner: W) -> Self {
        Self::with_capacity(CAPACITY, inner)
    }

    /// With a buffer of so many bytes.
    pub fn with_capacity(capacity: usize, inner: W) -> Self {
        BufWriter { inner, buf: Vec::with_capacity(capacity), written: 0 }
    }

    /// The stream.
    pub fn get_ref(&self) -> &W {
        &self.inner
    }

    /// The stream. What is written to it directly comes out of order.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.inner
    }

    /// The stream, pinned.
    pub fn get_pin_mut(self: Pin<&mut Self>) -> Pin<&mut W> {
        self.project().inner
    }

    /// The stream. What is in the buffer is lost.
    pub fn into_inner(self) -> W {
        self.inner
    }

    /// What is not yet written.
    pub fn buffer(&self) -> &[u8] {
        &self.buf[self.written..]
    }
}

impl<W: AsyncWrite> BufWriter<W> {
    /// Writes what is in the buffer. After an error the buffer has what was not written.
    fn poll_empty_buffer(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.project();
        let result = ready!(poll_write_all(this.inner, this.buf, this.written, cx));
        this.buf.drain(..*this.written);
        *this.written = 0;
        Poll::Ready(result)
    }

    /// Makes room for `len` bytes, and says whether there is.
    fn poll_room(
        mut self: Pin<&mut Self>,
        len: usize,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<bool>> {
        if len > self.buf.capacity() - self.buf.len() {
            ready!(self.as_mut().poll_empty_buffer(cx))?;
        }
        Poll::Ready(Ok(len < self.buf.capacity()))
    }
}

impl<W: AsyncWrite> AsyncWrite for BufWriter<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if !ready!(self.as_mut().poll_room(buf.len(), cx))? {
            return self.get_pin_mut().poll_write(cx, buf);
        }
        self.project().buf.extend_from_slice(buf);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let len = bufs.iter().fold(0_usize, |len, buf| len.saturating_add(buf.len()));
        if !ready!(self.as_mut().poll_room(len, cx))? {
            // Whether the stream really takes several at once, nobody can ask it: one that does not takes
            // the first of them.
            return self.get_pin_mut().poll_write_vectored(cx, bufs);
        }
        let this = self.project();
        bufs.iter().for_each(|buf| this.buf.extend_from_slice(buf));
        Poll::Ready(Ok(len))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_empty_buffer(cx))?;
        self.get_pin_mut().poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_empty_buffer(cx))?;
        self.get_pin_mut().poll_close(cx)
    }
}

impl<W: AsyncWrite + AsyncSeek> AsyncSeek for BufWriter<W> {
    /// What is in the buffer is written first, where it belongs.
    fn poll_seek(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        position: SeekFrom,
    ) -> Poll<io::Result<u64>> {
        ready!(self.as_mut().poll_empty_buffer(cx))?;
        self.get_pin_mut().poll_seek(cx, position)
    }
}

impl<W: AsyncRead> AsyncRead for BufWriter<W> {
    read_from!(inner);
}

impl<W: AsyncBufRead> AsyncBufRead for BufWriter<W> {
    buf_read_from!(inner);
}

impl<W: fmt::Debug> fmt::Debug for BufWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufWriter")
            .field("writer", &self.inner)
            .field("buffer", &format_args!("{}/{}", self.buffer().len(), self.buf.capacity()))
            .finish()
    }
}
