//! Line after line, or segment after segment, until the stream ends.
//!
//! [`Split`] keeps the beginning of the next segment in itself, not in the future that waits for the rest. So that
//! future may be dropped, by a timeout for instance, and the next one continues with the same segment. [`Lines`] is a
//! `Split` at line feeds.
//!
//! There is no limit: a peer that never ends its line fills the memory. `take` limits the whole stream, and
//! `framed::LinesCodec` each line.
//!
//! Next: `buf_read.rs`, where the methods are.

use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::AsyncBufRead;
use pin_project_lite::pin_project;

use super::delegate::accessors;
use super::op::{IoOp, Op};
use super::read_until::{not_utf8, poll_read_until};

pin_project! {
    /// The segments of a reader, between delimiters. From
    /// [`AsyncBufReadExt::split`](super::AsyncBufReadExt::split).
    #[derive(Debug)]
    pub struct Split<R> {
        #[pin]
        reader: R,
        // The bytes of the next segment that were read already.
        partial: Vec<u8>,
        delimiter: u8,
    }
}

impl<R> Split<R> {
    pub(super) fn new(reader: R, delimiter: u8) -> Self {
        Split { reader, partial: Vec::new(), delimiter }
    }
}

impl<R: AsyncBufRead> Split<R> {
    /// Returns the next segment, without the delimiter; `None` at the end of the stream. The last segment need not be
    /// followed by a delimiter.
    ///
    /// Cancel safe: the bytes of an incomplete segment are kept for the next call.
    ///
    /// # Errors
    ///
    /// The reader's; the next call continues with the same segment.
    pub fn next_segment(&mut self) -> IoOp<&mut Self, Option<Vec<u8>>>
    where
        R: Unpin,
    {
        Op::new(self, |split, cx| Pin::new(&mut **split).poll_next_segment(cx))
    }

    /// Polls for the next segment, as [`next_segment`](Split::next_segment) does.
    pub fn poll_next_segment(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Option<Vec<u8>>>> {
        let delimiter = self.delimiter;
        let mut segment = ready!(self.poll_with_delimiter(cx))?;
        if let Some(segment) = &mut segment {
            segment.pop_if(|last| *last == delimiter);
        }
        Poll::Ready(Ok(segment))
    }

    /// Polls for the next segment with its delimiter.
    fn poll_with_delimiter(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Option<Vec<u8>>>> {
        let this = self.project();
        ready!(poll_read_until(this.reader, *this.delimiter, this.partial, cx))?;
        let segment = mem::take(this.partial);
        Poll::Ready(Ok((!segment.is_empty()).then_some(segment)))
    }
}

pin_project! {
    /// The lines of a reader. From [`AsyncBufReadExt::lines`](super::AsyncBufReadExt::lines).
    #[derive(Debug)]
    pub struct Lines<R> {
        #[pin]
        split: Split<R>,
    }
}

impl<R> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Lines { split: Split::new(reader, b'\n') }
    }

    accessors!(R => split.reader);
}

impl<R: AsyncBufRead> Lines<R> {
    /// Returns the next line, without its `\n` or `\r\n`; `None` at the end of the stream. The last line need not
    /// have an end.
    ///
    /// Cancel safe: the bytes of an incomplete line are kept for the next call.
    ///
    /// # Errors
    ///
    /// The reader's, and then the next call continues with the same line; or [`io::ErrorKind::InvalidData`] if the
    /// line is not UTF-8, and then the next call returns the line after it.
    pub fn next_line(&mut self) -> IoOp<&mut Self, Option<String>>
    where
        R: Unpin,
    {
        Op::new(self, |lines, cx| Pin::new(&mut **lines).poll_next_line(cx))
    }

    /// Polls for the next line, as [`next_line`](Lines::next_line) does.
    pub fn poll_next_line(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Option<String>>> {
        let Some(mut line) = ready!(self.project().split.poll_with_delimiter(cx))? else {
            return Poll::Ready(Ok(None));
        };
        if line.pop_if(|last| *last == b'\n').is_some() {
            line.pop_if(|last| *last == b'\r');
        }
        let line = String::from_utf8(line).map_err(|error| not_utf8(error.utf8_error()));
        Poll::Ready(line.map(Some))
    }
}
