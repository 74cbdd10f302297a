//! Readers and writers with nothing behind them.
//!
//! They never wait, and so a task that reads or writes them in a loop would never give way, were it not for
//! the budget: they are leaves, and pay like a socket.
//!
//! Next: `forward.rs`.

use std::io::{self, IoSlice, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite};

use crate::engine::coop;

/// Ready, with this, at the price of one operation.
fn poll_once<T>(cx: &mut Context<'_>, value: T) -> Poll<io::Result<T>> {
    ready!(coop::poll_proceed(cx));
    coop::made_progress();
    Poll::Ready(Ok(value))
}

/// Reads as the end of the stream, and takes whatever is written. From [`empty`].
#[derive(Debug, Default, Clone, Copy)]
pub struct Empty(());

/// A stream that has ended; what is written to it is gone.
pub const fn empty() -> Empty {
    Empty(())
}

/// Takes whatever is written. From [`sink`].
#[derive(Debug, Default, Clone, Copy)]
pub struct Sink(());

/// A writer that takes everything; what is written to it is gone.
pub const fn sink() -> Sink {
    Sink(())
}

/// Reads as the same byte for ever. From [`repeat`].
#[derive(Debug, Clone, Copy)]
pub struct Repeat {
    byte: u8,
}

/// A reader that fills every buffer with `byte`.
pub const fn repeat(byte: u8) -> Repeat {
    Repeat { byte }
}

impl AsyncRead for Repeat {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        ready!(poll_once(cx, ()))?;
        buf.fill(self.byte);
        Poll::Ready(Ok(buf.len()))
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

impl AsyncSeek for Empty {
    /// Wherever one goes, it is the start.
    fn poll_seek(self: Pin<&mut Self>, cx: &mut Context<'_>, _: SeekFrom) -> Poll<io::Result<u64>> {
        poll_once(cx, 0)
    }
}

macro_rules! takes_everything {
    ($writer:ident) => {
        impl AsyncWrite for $writer {
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
    };
}

takes_everything!(Empty);
takes_everything!(Sink);
