//! Methods of a writer that can be awaited.
//!
//! As with a reader: futures with names, whose fields are what they remember. What was written is the
//! writer's from then on, and nothing takes it back; so a future that writes once can be dropped at no loss,
//! and one that writes much leaves the caller in doubt how far it came, unless the buffer itself knows
//! (`write_all_buf`).
//!
//! Next: `read_until.rs`, the first for readers that have a buffer.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use futures_io::AsyncWrite;

use super::numbers::WriteNumber;
use super::whole::{not_zero, poll_write_all, uninterrupted};

/// Pieces of a buffer that are handed to a writer at once. Tokio's number; the kernel takes up to 1024.
const PIECES: usize = 64;

/// A method for each kind of number.
macro_rules! write_numbers {
    ($($name:ident $number:ident $encode:ident $order:literal;)*) => {$(
        #[doc = concat!("Writes a `", stringify!($number), "`", $order, ".")]
        ///
        /// Not cancel safe, if it has more than one byte: some may be written.
        ///
        /// # Errors
        ///
        /// [`io::ErrorKind::WriteZero`] if the writer takes no more.
        fn $name(&mut self, number: $number) -> WriteNumber<'_, Self, { size_of::<$number>() }>
        where
            Self: Unpin,
        {
            WriteNumber::new(self, number.$encode())
        }
    )*};
}

/// Methods of every [`AsyncWrite`].
pub trait AsyncWriteExt: AsyncWrite {
    /// Writes as much of `buf` as there is room for, and returns how much that was; waits only if there is
    /// no room at all.
    ///
    /// Cancel safe: a write that is dropped has written nothing.
    fn write<'a>(&'a mut self, buf: &'a [u8]) -> Write<'a, Self>
    where
        Self: Unpin,
    {
        Write { writer: self, buf }
    }

    /// Writes as much of `bufs`, one after the other, as there is room for, and returns how much that was.
    /// A writer that cannot do so takes from the first that is not empty.
    ///
    /// Cancel safe: a write that is dropped has written nothing.
    fn write_vectored<'a, 'b>(&'a mut self, bufs: &'a [IoSlice<'b>]) -> WriteVectored<'a, 'b, Self>
    where
        Self: Unpin,
    {
        WriteVectored { writer: self, bufs }
    }

    /// Writes as much of `buf` as there is room for, takes that out of `buf`, and returns how much it was.
    ///
    /// Cancel safe: a write that is dropped has written nothing, and `buf` is as it was.
    fn write_buf<'a, B: Buf>(&'a mut self, buf: &'a mut B) -> WriteBuf<'a, Self, B>
    where
        Self: Unpin,
    {
        WriteBuf { writer: self, buf }
    }

    /// Writes all of `buf`. An interrupted write is done again.
    ///
    /// May be dropped: what was written by then is no longer in `buf`.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WriteZero`] if the writer takes no more.
    fn write_all_buf<'a, B: Buf>(&'a mut self, buf: &'a mut B) -> WriteAllBuf<'a, Self, B>
    where
        Self: Unpin,
    {
        WriteAllBuf { writer: self, buf }
    }

    /// Writes all of `buf`. An interrupted write is done again.
    ///
    /// Not cancel safe: how much was written before the drop is not known.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WriteZero`] if the writer takes no more.
    fn write_all<'a>(&'a mut self, buf: &'a [u8]) -> WriteAll<'a, Self>
    where
        Self: Unpin,
    {
        WriteAll { writer: self, buf, written: 0 }
    }

    /// Makes sure that what was written has left the writer's own buffers.
    fn flush(&mut self) -> Flush<'_, Self>
    where
        Self: Unpin,
    {
        Flush { writer: self }
    }

    /// Flushes, and ends the stream: the other side reads its end. Reading here goes on.
    fn shutdown(&mut self) -> Shutdown<'_, Self>
    where
        Self: Unpin,
    {
        Shutdown { writer: self }
    }

    write_numbers! {
        write_u8 u8 to_be_bytes "";
        write_i8 i8 to_be_bytes "";
        write_u16 u16 to_be_bytes ", the high byte first";
        write_i16 i16 to_be_bytes ", the high byte first";
        write_u32 u32 to_be_bytes ", the high byte first";
        write_i32 i32 to_be_bytes ", the high byte first";
        write_u64 u64 to_be_bytes ", the high byte first";
        write_i64 i64 to_be_bytes ", the high byte first";
        write_u128 u128 to_be_bytes ", the high byte first";
        write_i128 i128 to_be_bytes ", the high byte first";
        write_f32 f32 to_be_bytes ", the high byte first";
        write_f64 f64 to_be_bytes ", the high byte first";
        write_u16_le u16 to_le_bytes ", the low byte first";
        write_i16_le i16 to_le_bytes ", the low byte first";
        write_u32_le u32 to_le_bytes ", the low byte first";
        write_i32_le i32 to_le_bytes ", the low byte first";
        write_u64_le u64 to_le_bytes ", the low byte first";
        write_i64_le i64 to_le_bytes ", the low byte first";
        write_u128_le u128 to_le_bytes ", the low byte first";
        write_i128_le i128 to_le_bytes ", the low byte first";
        write_f32_le f32 to_le_bytes ", the low byte first";
        write_f64_le f64 to_le_bytes ", the low byte first";
    }
}

impl<W: AsyncWrite + ?Sized> AsyncWriteExt for W {}

/// Writes once. From [`AsyncWriteExt::write`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Write<'a, W: ?Sized> {
    writer: &'a mut W,
    buf: &'a [u8],
}

impl<W: AsyncWrite + Unpin + ?Sized> Future for Write<'_, W> {
    type Output = io::Result<usize>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let buf = self.buf;
        Pin::new(&mut *self.writer).poll_write(cx, buf)
    }
}

/// Writes once, from several buffers. From [`AsyncWriteExt::write_vectored`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct WriteVectored<'a, 'b, W: ?Sized> {
    writer: &'a mut W,
    bufs: &'a [IoSlice<'b>],
}

impl<W: AsyncWrite + Unpin + ?Sized> Future for WriteVectored<'_, '_, W> {
    type Output = io::Result<usize>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let bufs = self.bufs;
        Pin::new(&mut *self.writer).poll_write_vectored(cx, bufs)
    }
}

/// Writes once what a buffer has, from all of its pieces.
fn poll_write_buf<W: AsyncWrite + Unpin + ?Sized>(
    writer: &mut W,
    buf: &mut impl Buf,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    let writer = Pin::new(writer);
    let count = if buf.chunk().len() == buf.remaining() {
        ready!(writer.poll_write(cx, buf.chunk()))?
    } else {
        let mut pieces = [IoSlice::new(&[]); PIECES];
        let count = buf.chunks_vectored(&mut pieces);
        ready!(writer.poll_write_vectored(cx, &pieces[..count]))?
    };
    buf.advance(count);
    Poll::Ready(Ok(count))
}

/// Writes once from a buffer. From [`AsyncWriteExt::write_buf`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct WriteBuf<'a, W: ?Sized, B> {
    writer: &'a mut W,
    buf: &'a mut B,
}

impl<W: AsyncWrite + Unpin + ?Sized, B: Buf> Future for WriteBuf<'_, W, B> {
    type Output = io::Result<usize>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let WriteBuf { writer, buf } = &mut *self;
        if !buf.has_remaining() {
            return Poll::Ready(Ok(0));
        }
        poll_write_buf(*writer, *buf, cx)
    }
}

/// Writes a whole buffer. From [`AsyncWriteExt::write_all_buf`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct WriteAllBuf<'a, W: ?Sized, B> {
    writer: &'a mut W,
    buf: &'a mut B,
}

impl<W: AsyncWrite + Unpin + ?Sized, B: Buf> Future for WriteAllBuf<'_, W, B> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let WriteAllBuf { writer, buf } = &mut *self;
        while buf.has_remaining() {
            ready!(uninterrupted(|| poll_write_buf(*writer, *buf, cx)).map(not_zero))?;
        }
        Poll::Ready(Ok(()))
    }
}

/// Writes everything. From [`AsyncWriteExt::write_all`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct WriteAll<'a, W: ?Sized> {
    writer: &'a mut W,
    buf: &'a [u8],
    written: usize,
}

impl<W: AsyncWrite + Unpin + ?Sized> Future for WriteAll<'_, W> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let WriteAll { writer, buf, written } = &mut *self;
        poll_write_all(Pin::new(&mut **writer), buf, written, cx)
    }
}

/// Flushes. From [`AsyncWriteExt::flush`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Flush<'a, W: ?Sized> {
    writer: &'a mut W,
}

impl<W: AsyncWrite + Unpin + ?Sized> Future for Flush<'_, W> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut *self.writer).poll_flush(cx)
    }
}

/// Ends the stream. From [`AsyncWriteExt::shutdown`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Shutdown<'a, W: ?Sized> {
    writer: &'a mut W,
}

impl<W: AsyncWrite + Unpin + ?Sized> Future for Shutdown<'_, W> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut *self.writer).poll_close(cx)
    }
}
