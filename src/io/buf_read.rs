//! Methods of a reader with a buffer that can be awaited.
//!
//! Next: `seek.rs`.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::AsyncBufRead;

use super::lines::{Lines, Split};
use super::read_until::{ReadLine, ReadUntil};
use crate::engine::coop;

/// Methods of every [`AsyncBufRead`].
pub trait AsyncBufReadExt: AsyncBufRead {
    /// Reads up to `delimiter`, and with it, or up to the end of the stream; appends it to `buf`, and returns
    /// how much that was. An interrupted read is done again.
    ///
    /// Not to be restarted without care: what was read stays in `buf` when an error comes or the future is
    /// dropped, and the next call appends the rest.
    fn read_until<'a>(&'a mut self, delimiter: u8, buf: &'a mut Vec<u8>) -> ReadUntil<'a, Self>
    where
        Self: Unpin,
    {
        ReadUntil::new(self, delimiter, buf)
    }

    /// Reads a line with its `\n`, or up to the end of the stream; appends it to `buf`, and returns how much
    /// that was. 0 is the end of the stream. An interrupted read is done again.
    ///
    /// Not cancel safe: what was read before the drop is lost. [`lines`](AsyncBufReadExt::lines) is.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidData`] if it is not UTF-8; `buf` is then as it was, and the line is read.
    /// After another error `buf` has what was read before, unless that is not UTF-8.
    fn read_line<'a>(&'a mut self, buf: &'a mut String) -> ReadLine<'a, Self>
    where
        Self: Unpin,
    {
        ReadLine::new(self, buf)
    }

    /// The lines, one after the other, without their ends.
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

    /// The pieces between delimiters, one after the other.
    fn split(self, delimiter: u8) -> Split<Self>
    where
        Self: Sized,
    {
        Split::new(self, delimiter)
    }

    /// What the buffer has; waits only if it has nothing. Empty at the end of the stream. Say by
    /// [`consume`](AsyncBufReadExt::consume) how much of it was used.
    ///
    /// Cancel safe: nothing is taken out of the buffer.
    fn fill_buf(&mut self) -> FillBuf<'_, Self>
    where
        Self: Unpin,
    {
        FillBuf { reader: Some(self) }
    }

    /// Takes so many bytes out of the buffer, which has shown them.
    fn consume(&mut self, amount: usize)
    where
        Self: Unpin,
    {
        Pin::new(self).consume(amount);
    }
}

impl<R: AsyncBufRead + ?Sized> AsyncBufReadExt for R {}

/// Waits for something in the buffer. From [`AsyncBufReadExt::fill_buf`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct FillBuf<'a, R: ?Sized> {
    /// None once it has been ready.
    reader: Option<&'a mut R>,
}

impl<'a, R: AsyncBufRead + Unpin + ?Sized> Future for FillBuf<'a, R> {
    type Output = io::Result<&'a [u8]>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let reader = self.reader.take().expect("polled after it was ready");
        match Pin::new(&mut *reader).poll_fill_buf(cx) {
            Poll::Pending => {
                self.reader = Some(reader);
                return Poll::Pending;
            }
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Ready(Ok(&[])) => return Poll::Ready(Ok(&[])),
            Poll::Ready(Ok(_)) => {}
        }
        // What was shown is lent for as long as we hold the reader, not for as long as the caller does: for
        // that it must be asked again, with the reader given away. It has shown something, and must show it
        // again; but not on the budget, of which that may have been the last.
        match coop::with_unconstrained(|| Pin::new(reader).poll_fill_buf(cx)) {
            Poll::Ready(shown) => Poll::Ready(shown),
            Poll::Pending => {
                Poll::Ready(Err(io::Error::other("the reader hides what it has just shown")))
            }
        }
    }
}
