//! Copying from a reader to a writer, until the reader ends.
//!
//! The copy has one buffer. It reads whenever the buffer has room and writes whenever the buffer has bytes. Three cases are
//! easily forgotten:
//!
//! - **The reader waits, and the writer has a buffer of its own.** The copied bytes may still be in that buffer, and the
//!   peer may wait for them before it sends more. So the copy flushes the writer before it waits for the reader.
//! - **The writer waits.** Then there is time to fill the copy's buffer, which makes the next write larger.
//! - **Neither ever waits.** Then the copy yields when the budget is used up: from `repeat` to `sink` nothing else ends
//!   its poll.
//!
//! Next: `copy_bidirectional.rs`, two of these at once.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};

use super::exact::{poll_write_some, uninterrupted};
use crate::engine::coop;

/// Tokio's size, and std's.
pub(super) const CAPACITY: usize = 8 * 1024;

/// Copies everything from `reader` to `writer`, flushes `writer`, and returns the number of bytes. Uses a buffer of
/// 8 KiB, and repeats interrupted reads and writes.
///
/// Not cancel safe: bytes that were read and not yet written are lost.
///
/// # Errors
///
/// The first error of either side; and [`io::ErrorKind::WriteZero`] if the writer takes no more.
///
/// ```
/// # openwork::block_on(async {
/// let mut written = Vec::new();
/// let count = openwork::io::copy(&mut &b"all of it"[..], &mut written).await.unwrap();
/// assert_eq!((count, &written[..]), (9, &b"all of it"[..]));
/// # });
/// ```
pub fn copy<R, W>(reader: &mut R, writer: &mut W) -> impl Future<Output = io::Result<u64>>
where
    R: AsyncRead + Unpin + ?Sized,
    W: AsyncWrite + Unpin + ?Sized,
{
    let mut copying = Copying::new(CAPACITY);
    poll_fn(move |cx| copying.poll(Pin::new(&mut *reader), Pin::new(&mut *writer), cx))
}

/// The progress of a copy.
#[derive(Debug)]
pub(super) struct Copying {
    buf: Box<[u8]>,
    /// The bytes between these two were read and not yet written.
    pos: usize,
    end: usize,
    /// The reader has ended.
    ended: bool,
    /// Bytes were written since the last flush.
    unflushed: bool,
    copied: u64,
}

impl Copying {
    pub(super) fn new(capacity: usize) -> Self {
        let buf = vec![0; capacity].into_boxed_slice();
        Copying { buf, pos: 0, end: 0, ended: false, unflushed: false, copied: 0 }
    }

    pub(super) fn poll<R, W>(
        &mut self,
        mut reader: Pin<&mut R>,
        mut writer: Pin<&mut W>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<u64>>
    where
        R: AsyncRead + ?Sized,
        W: AsyncWrite + ?Sized,
    {
        loop {
            ready!(coop::poll_proceed(cx));
            if self.poll_fill(reader.as_mut(), cx)?.is_pending() && self.pos == self.end {
                if self.unflushed {
                    ready!(writer.as_mut().poll_flush(cx))?;
                    self.unflushed = false;
                }
                return Poll::Pending;
            }
            if self.pos < self.end {
                ready!(self.poll_write(reader.as_mut(), writer.as_mut(), cx))?;
            }
            if self.pos == self.end {
                (self.pos, self.end) = (0, 0);
                if self.ended {
                    ready!(writer.as_mut().poll_flush(cx))?;
                    return Poll::Ready(Ok(self.copied));
                }
            }
        }
    }

    /// Reads once, if the buffer has room and the reader has not ended.
    fn poll_fill<R: AsyncRead + ?Sized>(
        &mut self,
        mut reader: Pin<&mut R>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let room = &mut self.buf[self.end..];
        if !room.is_empty() && !self.ended {
            let count = ready!(uninterrupted(|| reader.as_mut().poll_read(cx, room)))?;
            coop::made_progress();
            self.end += count;
            self.ended = count == 0;
        }
        Poll::Ready(Ok(()))
    }

    /// Writes once.
    fn poll_write<R: AsyncRead + ?Sized, W: AsyncWrite + ?Sized>(
        &mut self,
        reader: Pin<&mut R>,
        writer: Pin<&mut W>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let written = poll_write_some(writer, &self.buf[self.pos..self.end], cx)?;
        let Poll::Ready(count) = written else {
            // The writer has the task's waker, which is enough: the next step is a write.
            let _ = self.poll_fill(reader, cx)?;
            return Poll::Pending;
        };
        coop::made_progress();
        self.pos += count;
        self.copied += count as u64;
        self.unflushed = true;
        Poll::Ready(Ok(()))
    }
}
