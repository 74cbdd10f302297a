//! From a reader to a writer, until the reader ends.
//!
//! One buffer between the two, filled whenever it has room and emptied whenever it has something. Three
//! cases are easily forgotten:
//!
//! - **The reader waits, and the writer has a buffer of its own.** What we wrote may lie there, and may be
//!   what the other side of the reader is waiting for. So before we wait for the reader, we flush the writer.
//! - **The writer waits.** Then there is time to fill our buffer; the next write is larger for it.
//! - **Neither ever waits.** Then the copy gives way by the budget, like a leaf: from `repeat` to `sink` there
//!   is no other end.
//!
//! Next: `copy_bidirectional.rs`, two of these at once.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncBufRead, AsyncRead, AsyncWrite};

use super::whole::{poll_write_some, uninterrupted};
use crate::engine::coop;

/// Tokio's size, and std's.
pub(super) const CAPACITY: usize = 8 * 1024;

/// Copies all that `reader` has to `writer`, flushes that, and returns how many bytes it was. Through a buffer
/// of 8 KiB. Interrupted reads and writes are done again.
///
/// Not cancel safe: what was read and not yet written is lost.
///
/// # Errors
///
/// Those of either side, at once; and [`io::ErrorKind::WriteZero`] if the writer takes no more.
pub fn copy<'a, R, W>(reader: &'a mut R, writer: &'a mut W) -> Copy<'a, R, W>
where
    R: AsyncRead + Unpin + ?Sized,
    W: AsyncWrite + Unpin + ?Sized,
{
    Copy { reader, writer, copying: Copying::new(CAPACITY) }
}

/// Copies from a reader to a writer. From [`copy()`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Copy<'a, R: ?Sized, W: ?Sized> {
    reader: &'a mut R,
    writer: &'a mut W,
    copying: Copying,
}

impl<R, W> Future for Copy<'_, R, W>
where
    R: AsyncRead + Unpin + ?Sized,
    W: AsyncWrite + Unpin + ?Sized,
{
    type Output = io::Result<u64>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Copy { reader, writer, copying } = &mut *self;
        copying.poll(Pin::new(&mut **reader), Pin::new(&mut **writer), cx)
    }
}

/// How far a copy has come.
#[derive(Debug)]
pub(super) struct Copying {
    buf: Box<[u8]>,
    /// What was read and not yet written lies between the two.
    pos: usize,
    end: usize,
    /// The reader has ended.
    ended: bool,
    /// Something was written since the last flush.
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

    /// Reads once, if there is room and the reader has not ended.
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
            // The writer has our waker. Whether the reader has it too does not matter: there is enough to
            // do once there is room to write.
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

/// Copies all that `reader` has to `writer`, as [`copy()`] does, but straight out of the reader's own buffer.
///
/// May be dropped: what was not yet written is still in the reader. How much was written is not known.
///
/// # Errors
///
/// Those of either side, at once; and [`io::ErrorKind::WriteZero`] if the writer takes no more.
pub fn copy_buf<'a, R, W>(reader: &'a mut R, writer: &'a mut W) -> CopyBuf<'a, R, W>
where
    R: AsyncBufRead + Unpin + ?Sized,
    W: AsyncWrite + Unpin + ?Sized,
{
    CopyBuf { reader, writer, unflushed: false, copied: 0 }
}

/// Copies from a reader with a buffer to a writer. From [`copy_buf`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct CopyBuf<'a, R: ?Sized, W: ?Sized> {
    reader: &'a mut R,
    writer: &'a mut W,
    /// Something was written since the last flush.
    unflushed: bool,
    copied: u64,
}

impl<R, W> Future for CopyBuf<'_, R, W>
where
    R: AsyncBufRead + Unpin + ?Sized,
    W: AsyncWrite + Unpin + ?Sized,
{
    type Output = io::Result<u64>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let CopyBuf { reader, writer, unflushed, copied } = &mut *self;
        let (mut reader, mut writer) = (Pin::new(&mut **reader), Pin::new(&mut **writer));
        loop {
            ready!(coop::poll_proceed(cx));
            let available = match reader.as_mut().poll_fill_buf(cx) {
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => continue,
                Poll::Ready(available) => available?,
                Poll::Pending => {
                    if *unflushed {
                        ready!(writer.as_mut().poll_flush(cx))?;
                        *unflushed = false;
                    }
                    return Poll::Pending;
                }
            };
            if available.is_empty() {
                ready!(writer.as_mut().poll_flush(cx))?;
                return Poll::Ready(Ok(*copied));
            }
            let count = ready!(poll_write_some(writer.as_mut(), available, cx))?;
            reader.as_mut().consume(count);
            coop::made_progress();
            *copied += count as u64;
            *unflushed = true;
        }
    }
}
