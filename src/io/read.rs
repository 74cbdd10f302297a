//! Methods of a reader that can be awaited.
//!
//! The trait of a reader has one method that matters, and that one is for those who poll. Here are the
//! methods for everybody else: each puts a reference to the reader, and what it has so far, into a future
//! with a name. What a future must remember between two polls, and so what is lost when it is dropped, are
//! its fields.
//!
//! Next: `write.rs`, the same for a writer.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BufMut;
use futures_io::AsyncRead;

use super::chain::Chain;
use super::numbers::ReadNumber;
use super::read_to_end::{ReadToEnd, ReadToString};
use super::take::Take;
use super::whole::poll_fill;

/// Room on the stack for one [`read_buf`](AsyncReadExt::read_buf). A socket's usual bite.
const ROOM: usize = 8 * 1024;

/// A method for each kind of number.
macro_rules! read_numbers {
    ($($name:ident $number:ident $decode:ident $order:literal;)*) => {$(
        #[doc = concat!("Reads a `", stringify!($number), "`", $order, ".")]
        ///
        /// Not cancel safe, if it has more than one byte: those that were read before the drop are lost.
        ///
        /// # Errors
        ///
        /// [`io::ErrorKind::UnexpectedEof`] if the stream ends before.
        fn $name(&mut self) -> ReadNumber<'_, Self, $number, { size_of::<$number>() }>
        where
            Self: Unpin,
        {
            ReadNumber::new(self, $number::$decode)
        }
    )*};
}

/// Methods of every [`AsyncRead`].
pub trait AsyncReadExt: AsyncRead {
    /// Reads what is there, at most as much as `buf` holds; waits only if nothing is there. 0 is the end
    /// of the stream, or an empty `buf`.
    ///
    /// Cancel safe: a read that is dropped has read nothing.
    fn read<'a>(&'a mut self, buf: &'a mut [u8]) -> Read<'a, Self>
    where
        Self: Unpin,
    {
        Read { reader: self, buf }
    }

    /// Reads what is there into the room that `buf` has, and appends it: at most as much as fits into the
    /// next piece of memory of `buf`, and at most 8 KiB. 0 is the end of the stream, or a `buf` without room.
    ///
    /// Cancel safe: a read that is dropped has read nothing.
    fn read_buf<'a, B>(&'a mut self, buf: &'a mut B) -> ReadIntoBuf<'a, Self, B>
    where
        Self: Unpin,
        B: BufMut + ?Sized,
    {
        ReadIntoBuf { reader: self, buf }
    }

    /// Fills `buf`, and returns its length. An interrupted read is done again.
    ///
    /// Not cancel safe: what was read before the drop is lost.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::UnexpectedEof`] if the stream ends before.
    fn read_exact<'a>(&'a mut self, buf: &'a mut [u8]) -> ReadExact<'a, Self>
    where
        Self: Unpin,
    {
        ReadExact { reader: self, buf, filled: 0 }
    }

    /// Reads up to the end of the stream, appends it to `buf`, and returns how much that was. What was
    /// read stays in `buf` also when an error comes, or the future is dropped. An interrupted read is done
    /// again.
    fn read_to_end<'a>(&'a mut self, buf: &'a mut Vec<u8>) -> ReadToEnd<'a, Self>
    where
        Self: Unpin,
    {
        ReadToEnd::new(self, buf)
    }

    /// Reads up to the end of the stream, appends it to `buf`, and returns how much that was.
    ///
    /// Not cancel safe: what was read before the drop is lost.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidData`] if it is not UTF-8; `buf` is then as it was. After another error
    /// `buf` has what was read before, as far as it is UTF-8.
    fn read_to_string<'a>(&'a mut self, buf: &'a mut String) -> ReadToString<'a, Self>
    where
        Self: Unpin,
    {
        ReadToString::new(self, buf)
    }

    /// The first `limit` bytes of this reader, as a reader. Give it `&mut reader` to have it back.
    fn take(self, limit: u64) -> Take<Self>
    where
        Self: Sized,
    {
        Take::new(self, limit)
    }

    /// This reader, and where it ends, `next`.
    fn chain<R: AsyncRead>(self, next: R) -> Chain<Self, R>
    where
        Self: Sized,
    {
        Chain::new(self, next)
    }

    read_numbers! {
        read_u8 u8 from_be_bytes "";
        read_i8 i8 from_be_bytes "";
        read_u16 u16 from_be_bytes ", the high byte first";
        read_i16 i16 from_be_bytes ", the high byte first";
        read_u32 u32 from_be_bytes ", the high byte first";
        read_i32 i32 from_be_bytes ", the high byte first";
        read_u64 u64 from_be_bytes ", the high byte first";
        read_i64 i64 from_be_bytes ", the high byte first";
        read_u128 u128 from_be_bytes ", the high byte first";
        read_i128 i128 from_be_bytes ", the high byte first";
        read_f32 f32 from_be_bytes ", the high byte first";
        read_f64 f64 from_be_bytes ", the high byte first";
        read_u16_le u16 from_le_bytes ", the low byte first";
        read_i16_le i16 from_le_bytes ", the low byte first";
        read_u32_le u32 from_le_bytes ", the low byte first";
        read_i32_le i32 from_le_bytes ", the low byte first";
        read_u64_le u64 from_le_bytes ", the low byte first";
        read_i64_le i64 from_le_bytes ", the low byte first";
        read_u128_le u128 from_le_bytes ", the low byte first";
        read_i128_le i128 from_le_bytes ", the low byte first";
        read_f32_le f32 from_le_bytes ", the low byte first";
        read_f64_le f64 from_le_bytes ", the low byte first";
    }
}

impl<R: AsyncRead + ?Sized> AsyncReadExt for R {}

/// Reads once. From [`AsyncReadExt::read`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Read<'a, R: ?Sized> {
    reader: &'a mut R,
    buf: &'a mut [u8],
}

impl<R: AsyncRead + Unpin + ?Sized> Future for Read<'_, R> {
    type Output = io::Result<usize>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Read { reader, buf } = &mut *self;
        Pin::new(&mut **reader).poll_read(cx, buf)
    }
}

/// Reads once, and appends. From [`AsyncReadExt::read_buf`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct ReadIntoBuf<'a, R: ?Sized, B: ?Sized> {
    reader: &'a mut R,
    buf: &'a mut B,
}

impl<R: AsyncRead + Unpin + ?Sized, B: BufMut + ?Sized> Future for ReadIntoBuf<'_, R, B> {
    type Output = io::Result<usize>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let ReadIntoBuf { reader, buf } = &mut *self;
        if !buf.has_remaining_mut() {
            return Poll::Ready(Ok(0));
        }
        // The room that `buf` has is not initialised, and the trait wants memory that is. To read straight
        // into it takes unsafe code; one copy, from the cache, does not.
        let mut room = [0; ROOM];
        let len = buf.chunk_mut().len().min(ROOM);
        let count = ready!(Pin::new(&mut **reader).poll_read(cx, &mut room[..len]))?;
        buf.put_slice(&room[..count]);
        Poll::Ready(Ok(count))
    }
}

/// The same for what reads at once, or not at all.
pub(crate) fn read_into_buf<B: BufMut>(
    buf: &mut B,
    read: impl FnOnce(&mut [u8]) -> io::Result<usize>,
) -> io::Result<usize> {
    if !buf.has_remaining_mut() {
        return Ok(0);
    }
    let mut room = [0; ROOM];
    let len = buf.chunk_mut().len().min(ROOM);
    let count = read(&mut room[..len])?;
    buf.put_slice(&room[..count]);
    Ok(count)
}

/// Fills a buffer. From [`AsyncReadExt::read_exact`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct ReadExact<'a, R: ?Sized> {
    reader: &'a mut R,
    buf: &'a mut [u8],
    filled: usize,
}

impl<R: AsyncRead + Unpin + ?Sized> Future for ReadExact<'_, R> {
    type Output = io::Result<usize>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let ReadExact { reader, buf, filled } = &mut *self;
        ready!(poll_fill(Pin::new(&mut **reader), buf, filled, cx))?;
        Poll::Ready(Ok(buf.len()))
    }
}
