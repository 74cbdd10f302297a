//! Reading a stream of unknown length.
//!
//! The trait wants initialised memory to read into. Zeroing the spare capacity of the caller's buffer before each small read
//! would cost time in the square of the length. So each read goes into a [`Window`], memory that is zeroed once, and the
//! bytes are copied from there. The window doubles when a read fills it, and halves when a read fills less than half of it.
//!
//! The copy has a second use. Only a read of 0 bytes tells that the stream has ended, and a buffer that is just large enough
//! need not grow for that read.
//!
//! Next: `take.rs`, a reader with a limit.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::AsyncRead;

use super::exact::uninterrupted;

/// The first and the largest window of a read up to the end. Arbitrary; the first is small, since many streams are, and
/// the largest bounds the memory.
const FIRST_WINDOW: usize = 4 * 1024;
const LARGEST_WINDOW: usize = 128 * 1024;

/// Memory for reads, of a length that adapts to the bytes that the reader has. Allocated by the first read.
#[derive(Debug)]
pub(super) struct Window {
    bytes: Vec<u8>,
    /// The length for the next read, and the least one.
    len: usize,
    least: usize,
}

impl Window {
    pub(super) const fn starting_with(len: usize) -> Self {
        // Not 0: a read into an empty buffer would look like the end of the stream.
        let len = if len == 0 { 1 } else { len };
        let len = if len > LARGEST_WINDOW { LARGEST_WINDOW } else { len };
        Window { bytes: Vec::new(), len, least: len }
    }

    /// Reads once, and returns the bytes. None are the end of the stream.
    pub(super) fn poll_read<R: AsyncRead + ?Sized>(
        &mut self,
        mut reader: Pin<&mut R>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<&[u8]>> {
        self.bytes.resize(self.len, 0);
        let count = ready!(uninterrupted(|| reader.as_mut().poll_read(cx, &mut self.bytes)))?;
        if count == self.len {
            self.len = (self.len * 2).min(LARGEST_WINDOW);
        } else if count < self.len / 2 {
            self.len = (self.len / 2).max(self.least);
        }
        Poll::Ready(Ok(&self.bytes[..count]))
    }
}

/// The progress of a read up to the end.
#[derive(Debug)]
pub struct Progress {
    read: usize,
    window: Window,
}

impl Progress {
    pub(super) const START: Progress =
        Progress { read: 0, window: Window::starting_with(FIRST_WINDOW) };

    /// Reads until the stream ends, fails, or has nothing yet. Returns how many bytes were read in all.
    pub(super) fn poll<R: AsyncRead + ?Sized>(
        &mut self,
        mut reader: Pin<&mut R>,
        buf: &mut Vec<u8>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        loop {
            let bytes = ready!(self.window.poll_read(reader.as_mut(), cx))?;
            if bytes.is_empty() {
                return Poll::Ready(Ok(self.read));
            }
            buf.extend_from_slice(bytes);
            self.read += bytes.len();
        }
    }
}

/// Appends to `buf` the text that a read up to the end has brought, and returns the result of the read.
pub(super) fn append_text(
    read: io::Result<usize>,
    bytes: &[u8],
    buf: &mut String,
) -> io::Result<usize> {
    match (read, std::str::from_utf8(bytes)) {
        (Ok(_), Err(error)) => Err(io::Error::new(io::ErrorKind::InvalidData, error)),
        // After an error of the reader, the last character may be incomplete.
        (read, _) => {
            buf.push_str(bytes.utf8_chunks().next().map_or("", |first| first.valid()));
            read
        }
    }
}
