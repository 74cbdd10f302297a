//! Where does a line end, if one sees only what happens to have come?
//!
//! A reader with a buffer shows what it has, and is told how much of it was used. So one looks for the
//! delimiter in what is there, takes the bytes up to it, or all of them, and asks for more. How the bytes
//! were cut up on their way makes no difference.
//!
//! What is taken goes into the caller's vector at once: an error, or a drop, loses nothing. Text cannot
//! be done like that, as a letter may be cut in two. It is collected as bytes, and becomes text when it
//! is whole.
//!
//! Next: `lines.rs`, line after line.

use std::future::Future;
use std::io::{self, BufRead as _};
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::AsyncBufRead;

/// Moves bytes from the reader to `buf`, up to the delimiter and with it, or to the end of the stream.
pub(super) fn poll_read_until<R: AsyncBufRead + ?Sized>(
    mut reader: Pin<&mut R>,
    delimiter: u8,
    buf: &mut Vec<u8>,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    loop {
        let mut available = match ready!(reader.as_mut().poll_fill_buf(cx)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            available => available?,
        };
        let is_end = available.is_empty();
        // Std's own search, on what is in memory. It does not fail there.
        let used = available.read_until(delimiter, buf)?;
        reader.as_mut().consume(used);
        if is_end || buf.last() == Some(&delimiter) {
            return Poll::Ready(Ok(()));
        }
    }
}

/// Reads up to a delimiter. From [`AsyncBufReadExt::read_until`](super::AsyncBufReadExt::read_until).
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct ReadUntil<'a, R: ?Sized> {
    reader: &'a mut R,
    delimiter: u8,
    buf: &'a mut Vec<u8>,
    /// What `buf` had before.
    start: usize,
}

impl<'a, R: ?Sized> ReadUntil<'a, R> {
    pub(super) fn new(reader: &'a mut R, delimiter: u8, buf: &'a mut Vec<u8>) -> Self {
        let start = buf.len();
        ReadUntil { reader, delimiter, buf, start }
    }
}

impl<R: AsyncBufRead + Unpin + ?Sized> Future for ReadUntil<'_, R> {
    type Output = io::Result<usize>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let ReadUntil { reader, delimiter, buf, start } = &mut *self;
        ready!(poll_read_until(Pin::new(&mut **reader), *delimiter, buf, cx))?;
        Poll::Ready(Ok(buf.len() - *start))
    }
}

/// Reads a line. From [`AsyncBufReadExt::read_line`](super::AsyncBufReadExt::read_line).
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct ReadLine<'a, R: ?Sized> {
    reader: &'a mut R,
    buf: &'a mut String,
    /// The line, until it is known to be text. If `buf` is empty, this is its memory: who clears one string
    /// again and again, and reads into it, allocates nothing.
    bytes: Vec<u8>,
}

impl<'a, R: ?Sized> ReadLine<'a, R> {
    pub(super) fn new(reader: &'a mut R, buf: &'a mut String) -> Self {
        let bytes = if buf.is_empty() { mem::take(buf).into_bytes() } else { Vec::new() };
        ReadLine { reader, buf, bytes }
    }
}

impl<R: AsyncBufRead + Unpin + ?Sized> Future for ReadLine<'_, R> {
    type Output = io::Result<usize>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let ReadLine { reader, buf, bytes } = &mut *self;
        let read = ready!(poll_read_until(Pin::new(&mut **reader), b'\n', bytes, cx));
        let count = bytes.len();
        match (String::from_utf8(mem::take(bytes)), &read) {
            (Ok(text), _) if buf.is_empty() => **buf = text,
            (Ok(text), _) => buf.push_str(&text),
            (Err(error), Ok(())) => {
                return Poll::Ready(Err(not_text(error.utf8_error())));
            }
            (Err(_), Err(_)) => {}
        }
        Poll::Ready(read.map(|()| count))
    }
}

/// The error for bytes that are no UTF-8.
pub(super) fn not_text(error: std::str::Utf8Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
