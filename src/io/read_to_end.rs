//! Reading a stream whose length nobody knows.
//!
//! The buffer must grow while one reads, and two things are easily done badly. The trait wants memory
//! that is initialised: who zeroes all the room there is for each small read does work in the square of
//! the length. So each read is given a **window**, which doubles when it was filled, and halves when it was
//! not half filled. And who grows the
//! buffer as soon as it is full doubles it for nothing, whenever it was just large enough: the end of the
//! stream is not known until a read returns 0. So at that point a few bytes on the stack are read first.
//!
//! Next: `numbers.rs`, which reads a whole whose length is in its type.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::AsyncRead;

use super::whole::uninterrupted;

/// Bytes on the stack with which to see whether there is more. Std's number.
const PROBE: usize = 32;
/// The first window and the largest. Arbitrary; the first is a socket's usual bite, the largest bounds
/// what is zeroed for a read that returns little.
const FIRST_WINDOW: usize = 8 * 1024;
const LARGEST_WINDOW: usize = 256 * 1024;

/// Reads up to the end. From [`AsyncReadExt::read_to_end`](super::AsyncReadExt::read_to_end).
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct ReadToEnd<'a, R: ?Sized> {
    reader: &'a mut R,
    buf: &'a mut Vec<u8>,
    progress: Progress,
}

/// How much room a read is given.
#[derive(Debug)]
pub(super) struct Window {
    len: usize,
    least: usize,
}

impl Window {
    pub(super) const fn starting_with(len: usize) -> Self {
        // Not 0: a read into no room would look like the end of the stream.
        let len = if len == 0 { 1 } else { len };
        let len = if len > LARGEST_WINDOW { LARGEST_WINDOW } else { len };
        Window { len, least: len }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// So many bytes came.
    pub(super) fn adapt(&mut self, count: usize) {
        if count == self.len {
            self.len = (self.len * 2).min(LARGEST_WINDOW);
        } else if count < self.len / 2 {
            self.len = (self.len / 2).max(self.least);
        }
    }
}

/// How far it has come.
#[derive(Debug)]
struct Progress {
    read: usize,
    window: Window,
}

impl Progress {
    const START: Progress = Progress { read: 0, window: Window::starting_with(FIRST_WINDOW) };

    /// Reads until the end, an error, or there is nothing for the moment.
    fn poll(
        &mut self,
        reader: &mut (impl AsyncRead + Unpin + ?Sized),
        buf: &mut Vec<u8>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        loop {
            let count = if buf.len() == buf.capacity() {
                let mut probe = [0; PROBE];
                let read = || Pin::new(&mut *reader).poll_read(cx, &mut probe);
                let count = ready!(uninterrupted(read))?;
                buf.extend_from_slice(&probe[..count]);
                count
            } else {
                ready!(self.poll_window(reader, buf, cx))?
            };
            if count == 0 {
                return Poll::Ready(Ok(self.read));
            }
            self.read += count;
        }
    }

    /// Reads into the room that the buffer has, but not into more than the window.
    fn poll_window(
        &mut self,
        reader: &mut (impl AsyncRead + Unpin + ?Sized),
        buf: &mut Vec<u8>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let start = buf.len();
        let window = self.window.len().min(buf.capacity() - start);
        let mut filled = Filled { buf, len: start };
        filled.buf.resize(start + window, 0);
        let read = || Pin::new(&mut *reader).poll_read(cx, &mut filled.buf[start..]);
        let count = ready!(uninterrupted(read))?;
        filled.len += count;
        self.window.adapt(count);
        Poll::Ready(Ok(count))
    }
}

/// Cuts the buffer back to what was read, whichever way the read ends.
struct Filled<'a> {
    buf: &'a mut Vec<u8>,
    len: usize,
}

impl Drop for Filled<'_> {
    fn drop(&mut self) {
        self.buf.truncate(self.len);
    }
}

impl<'a, R: ?Sized> ReadToEnd<'a, R> {
    pub(super) fn new(reader: &'a mut R, buf: &'a mut Vec<u8>) -> Self {
        ReadToEnd { reader, buf, progress: Progress::START }
    }
}

impl<R: AsyncRead + Unpin + ?Sized> Future for ReadToEnd<'_, R> {
    type Output = io::Result<usize>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let ReadToEnd { reader, buf, progress } = &mut *self;
        progress.poll(*reader, buf, cx)
    }
}

/// Reads text up to the end. From [`AsyncReadExt::read_to_string`](super::AsyncReadExt::read_to_string).
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct ReadToString<'a, R: ?Sized> {
    reader: &'a mut R,
    buf: &'a mut String,
    /// What was read, until it is known to be text.
    bytes: Vec<u8>,
    progress: Progress,
}

impl<'a, R: ?Sized> ReadToString<'a, R> {
    pub(super) fn new(reader: &'a mut R, buf: &'a mut String) -> Self {
        ReadToString { reader, buf, bytes: Vec::new(), progress: Progress::START }
    }
}

impl<R: AsyncRead + Unpin + ?Sized> Future for ReadToString<'_, R> {
    type Output = io::Result<usize>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let ReadToString { reader, buf, bytes, progress } = &mut *self;
        let read = ready!(progress.poll(*reader, bytes, cx));
        let read = match (read, std::str::from_utf8(bytes)) {
            (Ok(_), Err(error)) => Err(io::Error::new(io::ErrorKind::InvalidData, error)),
            // After another error: up to a letter that was cut in two, for instance.
            (read, _) => {
                buf.push_str(bytes.utf8_chunks().next().map_or("", |first| first.valid()));
                read
            }
        };
        bytes.clear();
        Poll::Ready(read)
    }
}
