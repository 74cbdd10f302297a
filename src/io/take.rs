//! A reader that ends after so many bytes, whatever comes after them.
//!
//! Next: `chain.rs`, two readers one after the other.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncBufRead, AsyncRead};
use pin_project_lite::pin_project;

pin_project! {
    /// A reader with a limit. From [`AsyncReadExt::take`](super::AsyncReadExt::take).
    #[derive(Debug)]
    pub struct Take<R> {
        #[pin]
        inner: R,
        // Not `limit`, which is the method.
        left: u64,
    }
}

impl<R> Take<R> {
    pub(super) fn new(inner: R, limit: u64) -> Self {
        Take { inner, left: limit }
    }

    /// How many bytes may still be read.
    pub fn limit(&self) -> u64 {
        self.left
    }

    /// Lets so many bytes be read from now on.
    pub fn set_limit(&mut self, limit: u64) {
        self.left = limit;
    }

    /// The reader.
    pub fn get_ref(&self) -> &R {
        &self.inner
    }

    /// The reader. What is read from it directly does not count.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// The reader, pinned.
    pub fn get_pin_mut(self: Pin<&mut Self>) -> Pin<&mut R> {
        self.project().inner
    }

    /// The reader, without the limit.
    pub fn into_inner(self) -> R {
        self.inner
    }
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
        // At the limit nobody is asked: the reader might wait for what nobody wants.
        if *this.left == 0 {
            return Poll::Ready(Ok(0));
        }
        let allowed = allowed(buf.len(), *this.left);
        let count = ready!(this.inner.poll_read(cx, &mut buf[..allowed]))?;
        assert!(count <= allowed, "a reader claims to have read more than it was given room for");
        *this.left -= count as u64;
        Poll::Ready(Ok(count))
    }
}

impl<R: AsyncBufRead> AsyncBufRead for Take<R> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.project();
        if *this.left == 0 {
            return Poll::Ready(Ok(&[]));
        }
        let available = ready!(this.inner.poll_fill_buf(cx))?;
        Poll::Ready(Ok(&available[..allowed(available.len(), *this.left)]))
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        let this = self.project();
        // Who claims more than there was must not move the limit past its end.
        let amount = allowed(amount, *this.left);
        *this.left -= amount as u64;
        this.inner.consume(amount);
    }
}
