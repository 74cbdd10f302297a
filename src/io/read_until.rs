//! Reading up to a delimiter.
//!
//! A reader with a buffer shows the bytes that it has and is told how many of them were used. So the loop looks
//! for the delimiter in the bytes that are there, takes them up to the delimiter, or all of them, and asks for
//! more. How the bytes were cut up on their way makes no difference.
//!
//! Bytes go into the caller's vector at once: neither an error nor a drop loses any. Text cannot be done like that,
//! since a character may be cut in two. It is collected as bytes and becomes text when the line is complete.
//!
//! Next: `lines.rs`, line after line.

use std::io::{self, BufRead as _};
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::AsyncBufRead;

/// Moves bytes from the reader to `buf`, up to and including the delimiter, or to the end of the stream.
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
        // Std's own search, on bytes in memory. It cannot fail there.
        let used = available.read_until(delimiter, buf)?;
        reader.as_mut().consume(used);
        if is_end || buf.last() == Some(&delimiter) {
            return Poll::Ready(Ok(()));
        }
    }
}

/// Collects a line in `bytes` and appends it to `buf` when it is complete.
pub(super) fn poll_read_line<R: AsyncBufRead + ?Sized>(
    reader: Pin<&mut R>,
    bytes: &mut Vec<u8>,
    buf: &mut String,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    let read = ready!(poll_read_until(reader, b'\n', bytes, cx));
    let count = bytes.len();
    match (String::from_utf8(mem::take(bytes)), &read) {
        (Ok(text), _) if buf.is_empty() => *buf = text,
        (Ok(text), _) => buf.push_str(&text),
        (Err(error), Ok(())) => return Poll::Ready(Err(not_utf8(error.utf8_error()))),
        (Err(_), Err(_)) => {}
    }
    Poll::Ready(read.map(|()| count))
}

/// The error for bytes that are not UTF-8.
pub(super) fn not_utf8(error: std::str::Utf8Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
