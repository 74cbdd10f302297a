//! A reader that ends after a number of bytes, even if the stream goes on.
//!
//! Next: `chain.rs`, two readers one after the other.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncBufRead, AsyncRead};
use pin_project_lite::pin_project;

use super::delegate::accessors;

pin_project! {
    /// A reader with a limit. From [`AsyncReadExt::take`](super::AsyncReadExt::take).
    #[derive(Debug)]
    pub struct Take<R> {
        #[pin]
        inner: R,
        remaining: u64,
    }
}

impl<R> Take<R> {
    pub(super) fn new(inner: R, limit: u64) -> Self {
        Take { inner, remaining: limit }
    }

    /// Returns how many more bytes may be read.
    pub fn limit(&self) -> u64 {
        self.remaining
    }

    /// Sets how many more bytes may be read.
    pub fn set_limit(&mut self, limit: u64) {
        self.remaining = limit;
    }

    accessors!(R => inner);
}

/// As many of `len` bytes as the limit allows.
fn allowed(len: usize, limit: u64) -> usize {
    usize::try_from(limit).map_or(len, |limit| len.min(limit))
}

impl<R: AsyncRead> AsyncRead for Take<R> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.project();
        // At the limit the reader is not polled: it might wait for bytes that are not wanted.
        if *this.remaining == 0 {
            return Poll::Ready(Ok(0));
        }
        let allowed = allowed(buf.len(), *this.remaining);
        let count = ready!(this.inner.poll_read(cx, &mut buf[..allowed]))?;
        assert!(count <= allowed, "the reader returned more bytes than its buffer holds");
        *this.remaining -= count as u64;
        Poll::Ready(Ok(count))
    }
}

impl<R: AsyncBufRead> AsyncBufRead for Take<R> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.project();
        if *this.remaining == 0 {
            return Poll::Ready(Ok(&[]));
        }
        let available = ready!(this.inner.poll_fill_buf(cx))?;
        Poll::Ready(Ok(&available[..allowed(available.len(), *this.remaining)]))
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        let this = self.project();
        // A caller that consumes too much must not make the limit negative.
        let amount = allowed(amount, *this.remaining);
        *this.remaining -= amount as u64;
        this.inner.consume(amount);
    }
}
