//! Line after line, or piece after piece, until the stream ends.
//!
//! Both keep the piece that has begun in themselves, not in the future that waits for it. So that future
//! may be dropped, by a time-out for instance, and the next one goes on with the same line.
//!
//! There is no limit: a peer who never ends its line fills the memory. `take` sets one for the whole stream,
//! `framed::LinesCodec` one for each line.
//!
//! Next: `buf_read.rs`, where the methods are.

use std::future::Future;
use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::AsyncBufRead;
use pin_project_lite::pin_project;

use super::read_until::{not_text, poll_read_until};

pin_project! {
    /// The lines of a reader. From [`AsyncBufReadExt::lines`](super::AsyncBufReadExt::lines).
    #[derive(Debug)]
    pub struct Lines<R> {
        #[pin]
        reader: R,
        // What has come of the next line.
        begun: Vec<u8>,
    }
}

impl<R> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Lines { reader, begun: Vec::new() }
    }

    /// The reader.
    pub fn get_ref(&self) -> &R {
        &self.reader
    }

    /// The reader.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.reader
    }

    /// The reader, without the line that has begun.
    pub fn into_inner(self) -> R {
        self.reader
    }
}

impl<R: AsyncBufRead> Lines<R> {
    /// The next line, without its `\n` or `\r\n`; `None` at the end of the stream. The last line need not
    /// have an end.
    ///
    /// Cancel safe: what has come of the line is kept for the next call.
    ///
    /// # Errors
    ///
    /// The reader's, after which one can go on; or [`io::ErrorKind::InvalidData`] if the line is no UTF-8:
    /// it is then skipped.
    pub fn next_line(&mut self) -> NextLine<'_, R>
    where
        R: Unpin,
    {
        NextLine { lines: self }
    }

    /// [`next_line`](Lines::next_line) for those who poll.
    pub fn poll_next_line(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Option<String>>> {
        let this = self.project();
        ready!(poll_read_until(this.reader, b'\n', this.begun, cx))?;
        let mut line = mem::take(this.begun);
        if line.is_empty() {
            return Poll::Ready(Ok(None));
        }
        if line.pop_if(|last| *last == b'\n').is_some() {
            line.pop_if(|last| *last == b'\r');
        }
        let line = String::from_utf8(line).map_err(|error| not_text(error.utf8_error()));
        Poll::Ready(line.map(Some))
    }
}

/// The next line. From [`Lines::next_line`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct NextLine<'a, R> {
    lines: &'a mut Lines<R>,
}

impl<R: AsyncBufRead + Unpin> Future for NextLine<'_, R> {
    type Output = io::Result<Option<String>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut *self.lines).poll_next_line(cx)
    }
}

pin_project! {
    /// The pieces of a reader, between delimiters. From
    /// [`AsyncBufReadExt::split`](super::AsyncBufReadExt::split).
    #[derive(Debug)]
    pub struct Split<R> {
        #[pin]
        reader: R,
        // What has come of the next piece.
        begun: Vec<u8>,
        delimiter: u8,
    }
}

impl<R> Split<R> {
    pub(super) fn new(reader: R, delimiter: u8) -> Self {
        Split { reader, begun: Vec::new(), delimiter }
    }
}

impl<R: AsyncBufRead> Split<R> {
    /// The next piece, without the delimiter; `None` at the end of the stream. The last piece need not be
    /// followed by one.
    ///
    /// Cancel safe: what has come of the piece is kept for the next call.
    pub fn next_segment(&mut self) -> NextSegment<'_, R>
    where
        R: Unpin,
    {
        NextSegment { split: self }
    }

    /// [`next_segment`](Split::next_segment) for those who poll.
    pub fn poll_next_segment(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Option<Vec<u8>>>> {
        let this = self.project();
        ready!(poll_read_until(this.reader, *this.delimiter, this.begun, cx))?;
        let mut piece = mem::take(this.begun);
        if piece.is_empty() {
            return Poll::Ready(Ok(None));
        }
        piece.pop_if(|last| last == this.delimiter);
        Poll::Ready(Ok(Some(piece)))
    }
}

/// The next piece. From [`Split::next_segment`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct NextSegment<'a, R> {
    split: &'a mut Split<R>,
}

impl<R: AsyncBufRead + Unpin> Future for NextSegment<'_, R> {
    type Output = io::Result<Option<Vec<u8>>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut *self.split).poll_next_segment(cx)
    }
}
