//! The methods of a writer.
//!
//! As for a reader, each method is an [`Op`]. Bytes that were written cannot be taken back. So a future that writes once
//! can be dropped without loss; after one that writes repeatedly, the caller does not know how many bytes were written.
//!
//! Next: `read_until.rs`, the first file about readers with a buffer.

use std::io::IoSlice;
use std::pin::Pin;

use futures_io::AsyncWrite;

use super::exact::poll_write_all;
use super::numbers::for_each_number;
use super::op::{IoOp, Op};

/// Defines one method for each number.
macro_rules! write_numbers {
    ($($read:ident $write:ident $number:ident $from:ident $to:ident $order:literal;)*) => {$(
        #[doc = concat!("Writes a `", stringify!($number), "`", $order, ".")]
        ///
        /// Not cancel safe if the number has more than one byte: some may have been written.
        ///
        /// # Errors
        ///
        /// [`ErrorKind::WriteZero`](std::io::ErrorKind::WriteZero) if the writer takes no more.
        fn $write(
            &mut self,
            number: $number,
        ) -> IoOp<(&mut Self, [u8; size_of::<$number>()], usize), ()>
        where
            Self: Unpin,
        {
            Op::new((self, number.$to(), 0), |(writer, bytes, written), cx| {
                poll_write_all(Pin::new(writer), bytes, written, cx)
            })
        }
    )*};
}

/// Methods of every [`AsyncWrite`].
///
/// ```
/// use openwork::io::AsyncWriteExt;
///
/// # openwork::block_on(async {
/// let mut written = Vec::new();
/// written.write_u16(2).await.unwrap();
/// written.write_all(b"hi").await.unwrap();
/// assert_eq!(written, b"\x00\x02hi");
/// # });
/// ```
pub trait AsyncWriteExt: AsyncWrite {
    /// Writes as much of `buf` as the writer has room for, and returns how many bytes. Waits only if there is no
    /// room at all.
    ///
    /// Cancel safe: a write that is dropped has written nothing.
    fn write<'a>(&'a mut self, buf: &'a [u8]) -> IoOp<(&'a mut Self, &'a [u8]), usize>
    where
        Self: Unpin,
    {
        Op::new((self, buf), |(writer, buf), cx| Pin::new(writer).poll_write(cx, buf))
    }

    /// Writes as much of `bufs`, one after the other, as the writer has room for, and returns how many bytes. A
    /// writer without vectored writes takes from the first buffer that is not empty.
    ///
    /// Cancel safe: a write that is dropped has written nothing.
    fn write_vectored<'a, 'b>(
        &'a mut self,
        bufs: &'a [IoSlice<'b>],
    ) -> IoOp<(&'a mut Self, &'a [IoSlice<'b>]), usize>
    where
        Self: Unpin,
    {
        Op::new((self, bufs), |(writer, bufs), cx| Pin::new(writer).poll_write_vectored(cx, bufs))
    }

    /// Writes all of `buf`. Repeats an interrupted write.
    ///
    /// Not cancel safe: after a drop, the number of bytes that were written is not known.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::WriteZero`](std::io::ErrorKind::WriteZero) if the writer takes no more.
    fn write_all<'a>(&'a mut self, buf: &'a [u8]) -> IoOp<(&'a mut Self, &'a [u8], usize), ()>
    where
        Self: Unpin,
    {
        Op::new((self, buf, 0), |(writer, buf, written), cx| {
            poll_write_all(Pin::new(writer), buf, written, cx)
        })
    }

    /// Writes out the bytes that the writer itself has buffered.
    ///
    /// Cancel safe: call it again to continue.
    fn flush(&mut self) -> IoOp<&mut Self, ()>
    where
        Self: Unpin,
    {
        Op::new(self, |writer, cx| Pin::new(writer).poll_flush(cx))
    }

    /// Flushes and ends the stream: the peer reads its end. Reading from the same stream goes on.
    ///
    /// Cancel safe: call it again to continue.
    fn shutdown(&mut self) -> IoOp<&mut Self, ()>
    where
        Self: Unpin,
    {
        Op::new(self, |writer, cx| Pin::new(writer).poll_close(cx))
    }

    for_each_number!(write_numbers);
}

impl<W: AsyncWrite + ?Sized> AsyncWriteExt for W {}
