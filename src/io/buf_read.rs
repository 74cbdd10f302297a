//! The methods of a reader with a buffer.
//!
//! Next: `seek.rs`.

use std::mem;
use std::pin::Pin;
use std::task::{Poll, ready};

use futures_io::AsyncBufRead;

use super::lines::{Lines, Split};
use super::op::{IoOp, Op};
use super::read_until::{poll_read_line, poll_read_until};

/// Methods of every [`AsyncBufRead`]. To look at the buffer itself, use `fill_buf` of `futures::AsyncBufReadExt`.
pub trait AsyncBufReadExt: AsyncBufRead {
    /// Reads up to and including `delimiter`, or up to the end of the stream, appends the bytes to `buf`, and returns
    /// how many there were. Repeats an interrupted read.
    ///
    /// The bytes that were read stay in `buf`, even if the reader fails or the future is dropped; the next call
    /// appends the rest, and returns the length of the rest.
    fn read_until<'a>(
        &'a mut self,
        delimiter: u8,
        buf: &'a mut Vec<u8>,
    ) -> IoOp<(&'a mut Self, u8, &'a mut Vec<u8>, usize), usize>
    where
        Self: Unpin,
    {
        let start = buf.len();
        Op::new((self, delimiter, buf, start), |(reader, delimiter, buf, start), cx| {
            ready!(poll_read_until(Pin::new(reader), *delimiter, buf, cx))?;
            Poll::Ready(Ok(buf.len() - *start))
        })
    }

    /// Reads a line with its `\n`, or up to the end of the stream, appends it to `buf`, and returns its length in
    /// bytes. 0 means the end of the stream. Repeats an interrupted read.
    ///
    /// Not cancel safe: bytes that were read before the drop are lost. [`lines`](AsyncBufReadExt::lines) is cancel
    /// safe.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidData`](std::io::ErrorKind::InvalidData) if the line is not UTF-8; `buf` is then unchanged, and the line is skipped.
    /// After an error of the reader, `buf` has the bytes that were read before it, if they are UTF-8.
    fn read_line<'a>(
        &'a mut self,
        buf: &'a mut String,
    ) -> IoOp<(&'a mut Self, &'a mut String, Vec<u8>), usize>
    where
        Self: Unpin,
    {
        // The memory of an empty string is used for the line. So a loop that clears one string and reads into it
        // again allocates nothing.
        let bytes = if buf.is_empty() { mem::take(buf).into_bytes() } else { Vec::new() };
        Op::new((self, buf, bytes), |(reader, buf, bytes), cx| {
            poll_read_line(Pin::new(reader), bytes, buf, cx)
        })
    }

    /// Splits this reader into lines, without their ends.
    ///
    /// ```
    /// use openwork::io::AsyncBufReadExt;
    ///
    /// # openwork::block_on(async {
    /// let mut lines = (&b"one\r\ntwo"[..]).lines();
    /// while let Some(line) = lines.next_line().await.unwrap() {
    ///     println!("{line}");
    /// }
    /// # });
    /// ```
    fn lines(self) -> Lines<Self>
    where
        Self: Sized,
    {
        Lines::new(self)
    }

    /// Splits this reader into the segments between delimiters.
    fn split(self, delimiter: u8) -> Split<Self>
    where
        Self: Sized,
    {
        Split::new(self, delimiter)
    }
}

impl<R: AsyncBufRead + ?Sized> AsyncBufReadExt for R {}
