//! A buffer for writing, so that not every small write is a system call.
//!
//! The writer collects small writes in the buffer, and writes the buffer out when the next one does not fit. A write
//! that is at least as large as the buffer bypasses it, after the bytes that came before.
//!
//! Nothing leaves the buffer by itself. A destructor cannot wait, so bytes that are in the buffer when it is dropped
//! are lost: call `flush` or `shutdown`.
//!
//! Next: `copy.rs`.

use std::fmt;
use std::io::{self, IoSlice, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite};
use pin_project_lite::pin_project;

use super::delegate::{accessors, buf_read_from, read_from};
use super::exact::poll_write_all;

/// Tokio's size, and std's.
const CAPACITY: usize = 8 * 1024;

pin_project! {
    /// A writer with a buffer, which makes small writes cheap. Reads come straight from the stream.
    ///
    /// **Flush it** or shut it down at the end: the bytes in the buffer are lost when it is dropped. To buffer both
    /// directions, use `BufReader<BufWriter<T>>`.
    ///
    /// After an error the buffer keeps the bytes that the stream has not taken, and the next flush writes them. If
    /// the stream has taken bytes and then lost them, as [`fs::File`](crate::fs::File) may, each flush reports it.
    ///
    /// ```
    /// use openwork::io::{AsyncWriteExt, BufWriter};
    ///
    /// # openwork::block_on(async {
    /// let mut writer = BufWriter::new(Vec::new());
    /// writer.write_all(b"one ").await.unwrap();
    /// writer.write_all(b"two").await.unwrap();
    /// writer.flush().await.unwrap();
    /// assert_eq!(writer.get_ref(), b"one two");
    /// # });
    /// ```
    pub struct BufWriter<W> {
        #[pin]
        inner: W,
        buf: Vec<u8>,
        // The number of bytes at the front that were written already, by a flush that had to wait.
        written: usize,
    }
}

impl<W> BufWriter<W> {
    /// Creates a writer with a buffer of 8 KiB.
    pub fn new(inner: W) -> Self {
        Self::with_capacity(CAPACITY, inner)
    }

    /// Creates a writer with a buffer of `capacity` bytes.
    pub fn with_capacity(capacity: usize, inner: W) -> Self {
        BufWriter { inner, buf: Vec::with_capacity(capacity), written: 0 }
    }

    accessors!(W => inner);

    /// Returns the bytes that are not yet written.
    pub fn buffer(&self) -> &[u8] {
        &self.buf[self.written..]
    }
}

impl<W: AsyncWrite> BufWriter<W> {
    /// Writes the buffer out. After an error it keeps the bytes that were not written.
    fn poll_empty_buffer(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.project();
        let result = ready!(poll_write_all(this.inner, this.buf, this.written, cx));
        this.buf.drain(..*this.written);
        *this.written = 0;
        Poll::Ready(result)
    }

    /// Makes room for `len` bytes. Returns whether the buffer is large enough.
    fn poll_reserve(
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
        if !ready!(self.as_mut().poll_reserve(buf.len(), cx))? {
            return self.project().inner.poll_write(cx, buf);
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
        if !ready!(self.as_mut().poll_reserve(len, cx))? {
            // The trait does not tell whether the stream takes several buffers at once. One that does not takes
            // the first.
            return self.project().inner.poll_write_vectored(cx, bufs);
        }
        let this = self.project();
        bufs.iter().for_each(|buf| this.buf.extend_from_slice(buf));
        Poll::Ready(Ok(len))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_empty_buffer(cx))?;
        self.project().inner.poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_empty_buffer(cx))?;
        self.project().inner.poll_close(cx)
    }
}

impl<W: AsyncWrite + AsyncSeek> AsyncSeek for BufWriter<W> {
    /// Writes the buffer out, at the old position, and then moves.
    fn poll_seek(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        position: SeekFrom,
    ) -> Poll<io::Result<u64>> {
        ready!(self.as_mut().poll_empty_buffer(cx))?;
        self.project().inner.poll_seek(cx, position)
    }
}

impl<W: AsyncRead> AsyncRead for BufWriter<W> {
    read_from!(self => self.project().inner);
}

impl<W: AsyncBufRead> AsyncBufRead for BufWriter<W> {
    buf_read_from!(self => self.project().inner);
}

impl<W: fmt::Debug> fmt::Debug for BufWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufWriter")
            .field("writer", &self.inner)
            .field("buffer", &format_args!("{}/{}", self.buffer().len(), self.buf.capacity()))
            .finish()
    }
}
