//! Reading a stream of unknown length into a buffer that grows.
//!
//! Two things are easily done badly:
//!
//! - **Zeroing.** The trait wants initialised memory. Zeroing all the spare capacity before each small read
//!   costs time in the square of the length. So each read gets a [`Window`] of the capacity, which doubles when
//!   a read fills it and halves when a read fills less than half of it.
//! - **Growing.** Only a read of 0 bytes tells that the stream has ended. A buffer that was just large enough
//!   would double for that read alone. So when the buffer is full, the next bytes are read onto the stack.
//!
//! Next: `take.rs`, a reader with a limit.

use std::io;
use std::ops::DerefMut;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::AsyncRead;

use super::exact::uninterrupted;

/// Bytes on the stack that look for the end of the stream. Std's number.
const PROBE: usize = 32;
/// The first and the largest window. Arbitrary; a socket usually has no more than the first at once, and the
/// largest bounds what is zeroed for a read that returns little.
const FIRST_WINDOW: usize = 8 * 1024;
const LARGEST_WINDOW: usize = 256 * 1024;

/// How many bytes a read may return. Adapts to what the reader has.
#[derive(Debug)]
pub(super) struct Window {
    len: usize,
    least: usize,
}

impl Window {
    pub(super) const fn starting_with(len: usize) -> Self {
        // Not 0: a read into an empty buffer would look like the end of the stream.
        let len = if len == 0 { 1 } else { len };
        let len = if len > LARGEST_WINDOW { LARGEST_WINDOW } else { len };
        Window { len, least: len }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Reads once and appends the bytes to `buf`, whose spare capacity is `spare`. `resize` is the method of
    /// `Vec` and of `BytesMut` that sets the length, with zeros for new bytes.
    pub(super) fn poll_read<R: AsyncRead + ?Sized, B: DerefMut<Target = [u8]>>(
        &mut self,
        mut reader: Pin<&mut R>,
        buf: &mut B,
        spare: usize,
        resize: fn(&mut B, usize, u8),
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let start = buf.len();
        let mut filled = Filled { buf, len: start, resize };
        resize(filled.buf, start + self.len.min(spare), 0);
        let window = &mut filled.buf[start..];
        let count = ready!(uninterrupted(|| reader.as_mut().poll_read(cx, window)))?;
        filled.len += count;
        if count == self.len {
            self.len = (self.len * 2).min(LARGEST_WINDOW);
        } else if count < self.len / 2 {
            self.len = (self.len / 2).max(self.least);
        }
        Poll::Ready(Ok(count))
    }
}

/// Cuts the buffer back to what was read, even if the reader panics.
struct Filled<'a, B> {
    buf: &'a mut B,
    len: usize,
    resize: fn(&mut B, usize, u8),
}

impl<B> Drop for Filled<'_, B> {
    fn drop(&mut self) {
        (self.resize)(self.buf, self.len, 0);
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
            let spare = buf.capacity() - buf.len();
            let count = if spare == 0 {
                let mut probe = [0; PROBE];
                let count = ready!(uninterrupted(|| reader.as_mut().poll_read(cx, &mut probe)))?;
                buf.extend_from_slice(&probe[..count]);
                count
            } else {
                let reader = reader.as_mut();
                ready!(self.window.poll_read(reader, buf, spare, Vec::resize, cx))?
            };
            if count == 0 {
                return Poll::Ready(Ok(self.read));
            }
            self.read += count;
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
