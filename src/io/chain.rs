//! Two readers as one: where the first ends, the second begins.
//!
//! Next: `numbers.rs`.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::AsyncRead;
use pin_project_lite::pin_project;

pin_project! {
    /// Two readers, one after the other. From [`AsyncReadExt::chain`](super::AsyncReadExt::chain).
    ///
    /// To read lines across the two, wrap it in a [`BufReader`](super::BufReader).
    #[derive(Debug)]
    pub struct Chain<T, U> {
        #[pin]
        first: T,
        #[pin]
        second: U,
        // The first has ended, and is not polled again.
        done_first: bool,
    }
}

impl<T, U> Chain<T, U> {
    pub(super) fn new(first: T, second: U) -> Self {
        Chain { first, second, done_first: false }
    }

    /// Returns the readers.
    pub fn into_inner(self) -> (T, U) {
        (self.first, self.second)
    }
}

impl<T: AsyncRead, U: AsyncRead> AsyncRead for Chain<T, U> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.project();
        if !*this.done_first {
            let count = ready!(this.first.poll_read(cx, buf))?;
            // 0 bytes in an empty buffer do not mean the end.
            if count > 0 || buf.is_empty() {
                return Poll::Ready(Ok(count));
            }
            *this.done_first = true;
        }
        this.second.poll_read(cx, buf)
    }
}
