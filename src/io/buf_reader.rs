//! A buffer for reading, so that not every small read is a system call.
//!
//! The reader reads as much as there is into the buffer, and serves small reads from it. A read that is at least as
//! large as the buffer bypasses it when it is empty: the copy would gain nothing.
//!
//! ```text
//!   buf   [ used . . . | not yet used | free . . . ]
//!                      pos            end
//! ```
//!
//! Taking the stream out of the `BufReader` drops the bytes in the buffer: look at
//! [`buffer`](BufReader::buffer) first.
//!
//! Next: `buf_writer.rs`, the same for the other direction.

use std::fmt;
use std::io::{self, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite};
use pin_project_lite::pin_project;

use super::delegate::{accessors, write_to};

/// Tokio's size, and std's.
const CAPACITY: usize = 8 * 1024;

pin_project! {
    /// A reader with a buffer, which makes small reads cheap. Writes go straight to the stream.
    ///
    /// It gains nothing where reads are large already, or from memory.
    ///
    /// ```
    /// use openwork::io::{AsyncBufReadExt, BufReader};
    ///
    /// # openwork::block_on(async {
    /// let stream: &[u8] = b"first\nsecond\n";
    /// let mut line = String::new();
    /// BufReader::new(stream).read_line(&mut line).await.unwrap();
    /// assert_eq!(line, "first\n");
    /// # });
    /// ```
    pub struct BufReader<R> {
        #[pin]
        inner: R,
        buf: Box<[u8]>,
        // The bytes between these two were read and not yet used.
        pos: usize,
        end: usize,
    }
}

impl<R> BufReader<R> {
    /// Creates a reader with a buffer of 8 KiB.
    pub fn new(inner: R) -> Self {
        Self::with_capacity(CAPACITY, inner)
    }

    /// Creates a reader with a buffer of `capacity` bytes.
    ///
    /// # Panics
    ///
    /// If `capacity` is 0.
    #[track_caller]
    pub fn with_capacity(capacity: usize, inner: R) -> Self {
        // A read into an empty buffer would look like the end of the stream.
        assert!(capacity > 0, "capacity must be greater than zero");
        BufReader { inner, buf: vec![0; capacity].into_boxed_slice(), pos: 0, end: 0 }
    }

    accessors!(R => inner);

    /// Returns the bytes that were read and not yet used.
    pub fn buffer(&self) -> &[u8] {
        &self.buf[self.pos..self.end]
    }
}

impl<R: AsyncRead> AsyncRead for BufReader<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if self.pos == self.end && buf.len() >= self.buf.len() {
            return self.project().inner.poll_read(cx, buf);
        }
        let available = ready!(self.as_mut().poll_fill_buf(cx))?;
        let count = available.len().min(buf.len());
        buf[..count].copy_from_slice(&available[..count]);
        self.consume(count);
        Poll::Ready(Ok(count))
    }
}

impl<R: AsyncRead> AsyncBufRead for BufReader<R> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.project();
        if this.pos == this.end {
            let count = ready!(this.inner.poll_read(cx, this.buf))?;
            (*this.pos, *this.end) = (0, count);
        }
        Poll::Ready(Ok(&this.buf[*this.pos..*this.end]))
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        let this = self.project();
        *this.pos = this.pos.saturating_add(amount).min(*this.end);
    }
}

impl<R: AsyncRead + AsyncSeek> AsyncSeek for BufReader<R> {
    /// Moves to a position that counts from the bytes that were used, not from those that were read. Every seek
    /// empties the buffer, even one within it: the stream's position is then this reader's.
    fn poll_seek(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        position: SeekFrom,
    ) -> Poll<io::Result<u64>> {
        let to = match position {
            // Saturating: from any position, this is a move to before the start.
            SeekFrom::Current(by) => {
                SeekFrom::Current(by.saturating_sub(self.buffer().len() as i64))
            }
            to => to,
        };
        let moved = ready!(self.as_mut().project().inner.poll_seek(cx, to))?;
        let this = self.project();
        (*this.pos, *this.end) = (0, 0);
        Poll::Ready(Ok(moved))
    }
}

impl<R: AsyncWrite> AsyncWrite for BufReader<R> {
    write_to!(self => self.project().inner);
}

impl<R: fmt::Debug> fmt::Debug for BufReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufReader")
            .field("reader", &self.inner)
            .field("buffer", &format_args!("{}/{}", self.end - self.pos, self.buf.len()))
            .finish()
    }
}
