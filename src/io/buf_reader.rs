//! Many small reads, of which each would be a system call.
//!
//! Read once as much as there is into a buffer, and serve the small reads from there. A read that is at
//! least as large as the buffer goes past it, when it is empty: the copy would buy nothing.
//!
//! ```text
//!   buf   [ used . . . | shown to the reader | room . . . ]
//!                      pos                   end
//! ```
//!
//! What is in the buffer is lost to whoever takes the stream out of here: ask
//! [`buffer`](BufReader::buffer) first.
//!
//! Next: `buf_writer.rs`, the same for the other direction.

use std::fmt;
use std::io::{self, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite};
use pin_project_lite::pin_project;

use super::forward::write_to;

/// Tokio's size, and std's. A socket's usual bite.
const CAPACITY: usize = 8 * 1024;

pin_project! {
    /// A reader with a buffer, so that small reads are cheap. What is written goes straight to the stream.
    ///
    /// It does nothing for reads that are large already, or from memory.
    pub struct BufReader<R> {
        #[pin]
        pub(super) inner: R,
        pub(super) buf: Box<[u8]>,
        // What was read and not yet used lies between the two.
        pub(super) pos: usize,
        pub(super) end: usize,
    }
}

impl<R> BufReader<R> {
    /// With a buffer of 8 KiB.
    pub fn new(inner: R) -> Self {
        Self::with_capacity(CAPACITY, inner)
    }

    /// With a buffer of so many bytes.
    ///
    /// # Panics
    ///
    /// If that is 0.
    #[track_caller]
    pub fn with_capacity(capacity: usize, inner: R) -> Self {
        // A read into no room would look like the end of the stream.
        assert!(capacity > 0, "capacity must be greater than zero");
        BufReader { inner, buf: vec![0; capacity].into_boxed_slice(), pos: 0, end: 0 }
    }

    /// The stream.
    pub fn get_ref(&self) -> &R {
        &self.inner
    }

    /// The stream. What is read from it directly comes out of order.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// The stream, pinned.
    pub fn get_pin_mut(self: Pin<&mut Self>) -> Pin<&mut R> {
        self.project().inner
    }

    /// The stream. What is in the buffer is lost.
    pub fn into_inner(self) -> R {
        self.inner
    }

    /// What was read and not yet used.
    pub fn buffer(&self) -> &[u8] {
        &self.buf[self.pos..self.end]
    }

    fn discard_buffer(self: Pin<&mut Self>) {
        let this = self.project();
        (*this.pos, *this.end) = (0, 0);
    }
}

impl<R: AsyncRead> AsyncRead for BufReader<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if self.pos == self.end && buf.len() >= self.buf.len() {
            return self.get_pin_mut().poll_read(cx, buf);
        }
        let shown = ready!(self.as_mut().poll_fill_buf(cx))?;
        let count = shown.len().min(buf.len());
        buf[..count].copy_from_slice(&shown[..count]);
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
    /// The position is the reader's here, not the stream's, which is ahead. The buffer is thrown away, also
    /// by a move within it: the stream is then where this is.
    fn poll_seek(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        position: SeekFrom,
    ) -> Poll<io::Result<u64>> {
        let mut to = position;
        if let SeekFrom::Current(by) = position {
            let ahead = (self.end - self.pos) as i64;
            to = match by.checked_sub(ahead) {
                Some(by) => SeekFrom::Current(by),
                None => {
                    // Further back than a number can say: in two moves. After the first the buffer is
                    // empty, so a poll that comes back here does not make it again.
                    ready!(self.as_mut().get_pin_mut().poll_seek(cx, SeekFrom::Current(-ahead)))?;
                    self.as_mut().discard_buffer();
                    position
                }
            };
        }
        let moved = ready!(self.as_mut().get_pin_mut().poll_seek(cx, to))?;
        self.discard_buffer();
        Poll::Ready(Ok(moved))
    }
}

impl<R: AsyncWrite> AsyncWrite for BufReader<R> {
    write_to!(inner);
}

impl<R: fmt::Debug> fmt::Debug for BufReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufReader")
            .field("reader", &self.inner)
            .field("buffer", &format_args!("{}/{}", self.end - self.pos, self.buf.len()))
            .finish()
    }
}
