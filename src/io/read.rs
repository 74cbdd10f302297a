//! The methods of a reader.
//!
//! [`AsyncRead`] has one method that matters, `poll_read`, for code that implements futures. [`AsyncReadExt`] has the
//! methods to await. Each is an [`Op`]: what a read remembers between two polls, and so what is lost when its
//! future is dropped, is the state that it is given.
//!
//! Next: `write.rs`, the same for a writer.

use std::io;
use std::pin::Pin;
use std::task::{Poll, ready};

use bytes::BufMut;
use futures_io::AsyncRead;

use super::chain::Chain;
use super::exact::poll_fill;
use super::numbers::for_each_number;
use super::op::{IoOp, Op};
use super::read_to_end::{Progress, append_text};
use super::take::Take;

/// Bytes on the stack for one [`read_buf`](AsyncReadExt::read_buf). A socket usually has no more at once.
const STACK_BUF: usize = 8 * 1024;

/// Defines one method for each number.
macro_rules! read_numbers {
    ($($read:ident $write:ident $number:ident $from:ident $to:ident $order:literal;)*) => {$(
        #[doc = concat!("Reads a `", stringify!($number), "`", $order, ".")]
        ///
        /// Not cancel safe if the number has more than one byte: bytes that were read before the drop are lost.
        ///
        /// # Errors
        ///
        /// [`io::ErrorKind::UnexpectedEof`] if the stream ends first.
        fn $read(
            &mut self,
        ) -> IoOp<(&mut Self, [u8; size_of::<$number>()], usize), $number>
        where
            Self: Unpin,
        {
            Op::new((self, [0; size_of::<$number>()], 0), |(reader, bytes, filled), cx| {
                ready!(poll_fill(Pin::new(reader), bytes, filled, cx))?;
                Poll::Ready(Ok($number::$from(*bytes)))
            })
        }
    )*};
}

/// Methods of every [`AsyncRead`].
///
/// ```
/// use openwork::io::AsyncReadExt;
///
/// # openwork::block_on(async {
/// let mut reader: &[u8] = b"\x00\x02hi, and more";
/// let mut word = vec![0; reader.read_u16().await.unwrap() as usize];
/// reader.read_exact(&mut word).await.unwrap();
/// assert_eq!(word, b"hi");
/// # });
/// ```
pub trait AsyncReadExt: AsyncRead {
    /// Reads the bytes that are there, at most as many as `buf` holds. Waits only if there are none. 0 means the
    /// end of the stream, or that `buf` is empty.
    ///
    /// Cancel safe: a read that is dropped has read nothing.
    fn read<'a>(&'a mut self, buf: &'a mut [u8]) -> IoOp<(&'a mut Self, &'a mut [u8]), usize>
    where
        Self: Unpin,
    {
        Op::new((self, buf), |(reader, buf), cx| Pin::new(reader).poll_read(cx, buf))
    }

    /// Reads the bytes that are there and appends them to `buf`: at most as many as fit into the next chunk of
    /// `buf`, and at most 8 KiB. 0 means the end of the stream, or that `buf` is full.
    ///
    /// Cancel safe: a read that is dropped has read nothing.
    fn read_buf<'a, B>(&'a mut self, buf: &'a mut B) -> IoOp<(&'a mut Self, &'a mut B), usize>
    where
        Self: Unpin,
        B: BufMut + ?Sized,
    {
        Op::new((self, buf), |(reader, buf), cx| {
            poll_read_buf(*buf, |room| Pin::new(reader).poll_read(cx, room))
        })
    }

    /// Fills `buf` and returns its length. Repeats an interrupted read.
    ///
    /// Not cancel safe: bytes that were read before the drop are in `buf`, but their number is lost.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::UnexpectedEof`] if the stream ends first.
    fn read_exact<'a>(
        &'a mut self,
        buf: &'a mut [u8],
    ) -> IoOp<(&'a mut Self, &'a mut [u8], usize), usize>
    where
        Self: Unpin,
    {
        Op::new((self, buf, 0), |(reader, buf, filled), cx| {
            ready!(poll_fill(Pin::new(reader), buf, filled, cx))?;
            Poll::Ready(Ok(buf.len()))
        })
    }

    /// Reads up to the end of the stream, appends the bytes to `buf`, and returns how many there were. Repeats an
    /// interrupted read.
    ///
    /// The bytes that were read stay in `buf`, even if the reader fails or the future is dropped.
    fn read_to_end<'a>(
        &'a mut self,
        buf: &'a mut Vec<u8>,
    ) -> IoOp<(&'a mut Self, &'a mut Vec<u8>, Progress), usize>
    where
        Self: Unpin,
    {
        Op::new((self, buf, Progress::START), |(reader, buf, progress), cx| {
            progress.poll(Pin::new(reader), buf, cx)
        })
    }

    /// Reads text up to the end of the stream, appends it to `buf`, and returns its length in bytes.
    ///
    /// Not cancel safe: bytes that were read before the drop are lost, and `buf` is unchanged.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidData`] if the bytes are not UTF-8; `buf` is then unchanged. After an error of the
    /// reader, `buf` has the text that was read before it.
    fn read_to_string<'a>(
        &'a mut self,
        buf: &'a mut String,
    ) -> IoOp<(&'a mut Self, &'a mut String, Vec<u8>, Progress), usize>
    where
        Self: Unpin,
    {
        let state = (self, buf, Vec::new(), Progress::START);
        Op::new(state, |(reader, buf, bytes, progress), cx| {
            let read = ready!(progress.poll(Pin::new(reader), bytes, cx));
            Poll::Ready(append_text(read, &std::mem::take(bytes), buf))
        })
    }

    /// Limits this reader to `limit` bytes. Call it on `&mut reader` to use the reader again later.
    fn take(self, limit: u64) -> Take<Self>
    where
        Self: Sized,
    {
        Take::new(self, limit)
    }

    /// Continues with `next` where this reader ends.
    fn chain<R: AsyncRead>(self, next: R) -> Chain<Self, R>
    where
        Self: Sized,
    {
        Chain::new(self, next)
    }

    for_each_number!(read_numbers);
}

impl<R: AsyncRead + ?Sized> AsyncReadExt for R {}

/// Lets `read` read into the next chunk of `buf`, and appends the bytes.
///
/// The chunk is not initialised, and `read` wants memory that is. Reading straight into it needs unsafe code; one
/// copy within the cache does not.
fn poll_read_buf<B: BufMut + ?Sized>(
    buf: &mut B,
    read: impl FnOnce(&mut [u8]) -> Poll<io::Result<usize>>,
) -> Poll<io::Result<usize>> {
    if !buf.has_remaining_mut() {
        return Poll::Ready(Ok(0));
    }
    let mut room = [0; STACK_BUF];
    let len = buf.chunk_mut().len().min(STACK_BUF);
    let count = ready!(read(&mut room[..len]))?;
    buf.put_slice(&room[..count]);
    Poll::Ready(Ok(count))
}

/// As [`poll_read_buf`], with a `read` that never waits.
pub(crate) fn read_into_buf<B: BufMut>(
    buf: &mut B,
    read: impl FnOnce(&mut [u8]) -> io::Result<usize>,
) -> io::Result<usize> {
    match poll_read_buf(buf, |room| Poll::Ready(read(room))) {
        Poll::Ready(result) => result,
        Poll::Pending => unreachable!("`read` is ready at once"),
    }
}
