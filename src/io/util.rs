//! Streams that hold nothing: `empty`, `sink` and `repeat`.
//!
//! They never wait. A task that reads or writes them in a loop yields all the same, because they use the
//! budget of the poll as a socket does.
//!
//! Next: `buf_reader.rs`, a buffer for small reads.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncBufRead, AsyncRead, AsyncWrite};

use crate::engine::coop;

/// Is ready with `value`, for one unit of the budget.
fn poll_once<T>(cx: &mut Context<'_>, value: T) -> Poll<io::Result<T>> {
    ready!(coop::poll_proceed(cx));
    coop::made_progress();
    Poll::Ready(Ok(value))
}

/// A stream that has ended and discards what is written. From [`empty`], and as [`Sink`] from [`sink`].
#[derive(Debug, Default, Clone, Copy)]
pub struct Empty(());

/// Creates a stream that has ended and discards what is written.
pub const fn empty() -> Empty {
    Empty(())
}

/// The type of [`sink`].
pub type Sink = Empty;

/// Creates a writer that discards what is written.
pub const fn sink() -> Sink {
    Empty(())
}

/// A reader of one byte, repeated without end. From [`repeat`].
#[derive(Debug, Clone, Copy)]
pub struct Repeat(u8);

/// Creates a reader that fills every buffer with `byte`.
pub const fn repeat(byte: u8) -> Repeat {
    Repeat(byte)
}

impl AsyncRead for Repeat {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        buf.fill(self.0);
        poll_once(cx, buf.len())
    }
}

impl AsyncRead for Empty {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        _: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        poll_once(cx, 0)
    }
}

impl AsyncBufRead for Empty {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        poll_once(cx, &[])
    }

    fn consume(self: Pin<&mut Self>, _: usize) {}
}

impl AsyncWrite for Empty {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        poll_once(cx, buf.len())
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        poll_once(cx, bufs.iter().map(|buf| buf.len()).sum())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        poll_once(cx, ())
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        poll_once(cx, ())
    }
}
