//! Bytes from the stream into a buffer, frames out of it.
//!
//! ```text
//!            ┌────────── some bytes came ─────────┬───────────────────────┐
//!            ▼                                    │                       │
//!       ┌─────────┐ ── no whole frame ──▶ ┌─────────┐                     │
//!   ┌──▶│ Framing │                       │ Reading │                     │
//!   │   └─────────┘                       └─────────┘                     │
//!   └── a frame ┘                              │ the stream has ended     │
//!                                              ▼                          │
//!       a frame ┌──▶ ┌────────┐ ── nothing left, or an error ──▶ ┌───────┐
//!               └─── │ Ending │                                  │ Ended │
//!                    └────────┘                                  └───────┘
//! ```
//!
//! After an error there is one `None`, at which a loop ends. Who asks again all the same goes on with what
//! is left: a line that was too long, for instance, has been skipped then. And who asks after the end asks
//! the stream again: a file may have grown.
//!
//! A read is given a window of the buffer, which doubles while it is filled. So the buffer is never much
//! larger than what has come.
//!
//! Next: `write.rs`, the other direction.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use futures_core::Stream;
use futures_io::AsyncRead;
use pin_project_lite::pin_project;

use super::super::read_to_end::Window;
use super::super::whole::uninterrupted;
use super::Decoder;
use crate::engine::coop;

/// The first buffer, for each direction. A socket's usual bite.
pub(super) const CAPACITY: usize = 8 * 1024;

/// What is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// There may be a frame in the buffer.
    Framing,
    /// There is none; more bytes are needed.
    Reading,
    /// There will be no more bytes; the buffer may have a last frame.
    Ending,
    /// Nothing is left.
    Ended,
}

/// The reading side of a framed stream.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) buffer: BytesMut,
    window: Window,
    step: Step,
    /// An error was handed out, and `None` is owed.
    failed: bool,
}

impl Reading {
    pub(super) fn new(buffer: BytesMut, capacity: usize) -> Self {
        let step = if buffer.is_empty() { Step::Reading } else { Step::Framing };
        Reading { buffer, window: Window::starting_with(capacity), step, failed: false }
    }

    pub(super) fn poll_next<T: AsyncRead, D: Decoder>(
        &mut self,
        mut io: Pin<&mut T>,
        decoder: &mut D,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<D::Item, D::Error>>> {
        // A buffer full of small frames never waits, as little as a socket that always has data.
        ready!(coop::poll_proceed(cx));
        if self.failed {
            self.failed = false;
            return Poll::Ready(None);
        }
        let frame = loop {
            let found = match self.step {
                Step::Framing => decoder.decode(&mut self.buffer),
                Step::Ending => decoder.decode_eof(&mut self.buffer),
                Step::Reading | Step::Ended => match ready!(self.poll_read(io.as_mut(), cx)) {
                    Ok(0) if self.step == Step::Ended => break None,
                    Ok(count) => {
                        self.step = if count == 0 { Step::Ending } else { Step::Framing };
                        continue;
                    }
                    Err(error) => Err(error.into()),
                },
            };
            match (found, self.step) {
                (Ok(Some(frame)), _) => break Some(Ok(frame)),
                (Ok(None), Step::Framing) => self.step = Step::Reading,
                (Ok(None), _) => {
                    self.step = Step::Ended;
                    break None;
                }
                (Err(error), step) => {
                    self.failed = true;
                    if step == Step::Ending {
                        self.step = Step::Ended;
                    }
                    break Some(Err(error));
                }
            }
        };
        coop::made_progress();
        Poll::Ready(frame)
    }

    /// Reads once, and appends what comes.
    fn poll_read<T: AsyncRead>(
        &mut self,
        mut io: Pin<&mut T>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let start = self.buffer.len();
        if self.buffer.capacity() - start < self.window.len().div_ceil(2) {
            // The room of frames that are gone comes back by this, too.
            self.buffer.reserve(self.window.len().div_ceil(2));
        }
        let room = self.window.len().min(self.buffer.capacity() - start);
        let mut filled = Filled { len: start, buffer: &mut self.buffer };
        filled.buffer.resize(start + room, 0);
        let room = &mut filled.buffer[start..];
        let count = ready!(uninterrupted(|| io.as_mut().poll_read(cx, room)))?;
        filled.len += count;
        self.window.adapt(count);
        Poll::Ready(Ok(count))
    }
}

/// Cuts the buffer back to what was read, whichever way the read ends.
struct Filled<'a> {
    buffer: &'a mut BytesMut,
    len: usize,
}

impl Drop for Filled<'_> {
    fn drop(&mut self) {
        self.buffer.truncate(self.len);
    }
}

pin_project! {
    /// The frames of a reader: a [`Stream`], with [`next`](FramedRead::next) of its own.
    #[derive(Debug)]
    pub struct FramedRead<T, D> {
        #[pin]
        inner: T,
        decoder: D,
        reading: Reading,
    }
}

impl<T, D> FramedRead<T, D> {
    /// The frames that `decoder` finds in `inner`.
    pub fn new(inner: T, decoder: D) -> Self {
        Self::with_capacity(inner, decoder, CAPACITY)
    }

    /// The same, with a first buffer of so many bytes instead of 8 KiB.
    pub fn with_capacity(inner: T, decoder: D, capacity: usize) -> Self {
        let reading = Reading::new(BytesMut::with_capacity(capacity), capacity);
        FramedRead { inner, decoder, reading }
    }

    /// The reader.
    pub fn get_ref(&self) -> &T {
        &self.inner
    }

    /// The reader. What is read from it directly is missing here.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.inner
    }

    /// The reader. What is in the buffer is lost.
    pub fn into_inner(self) -> T {
        self.inner
    }

    /// The decoder.
    pub fn decoder(&self) -> &D {
        &self.decoder
    }

    /// The decoder.
    pub fn decoder_mut(&mut self) -> &mut D {
        &mut self.decoder
    }

    /// The same stream and buffer, with another decoder.
    pub fn map_decoder<E>(self, map: impl FnOnce(D) -> E) -> FramedRead<T, E> {
        FramedRead { inner: self.inner, decoder: map(self.decoder), reading: self.reading }
    }

    /// What has come and is not yet a frame.
    pub fn read_buffer(&self) -> &BytesMut {
        &self.reading.buffer
    }

    /// What has come and is not yet a frame.
    pub fn read_buffer_mut(&mut self) -> &mut BytesMut {
        &mut self.reading.buffer
    }
}

impl<T: AsyncRead, D: Decoder> FramedRead<T, D> {
    /// The next frame; `None` at the end of the stream, and after an error.
    ///
    /// Cancel safe: what has come of the frame is kept for the next call.
    #[expect(clippy::should_implement_trait, reason = "the name is what everybody looks for")]
    pub fn next(&mut self) -> NextFrame<'_, T, D>
    where
        T: Unpin,
    {
        NextFrame::new(&mut self.inner, &mut self.decoder, &mut self.reading)
    }
}

impl<T: AsyncRead, D: Decoder> Stream for FramedRead<T, D> {
    type Item = Result<D::Item, D::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        this.reading.poll_next(this.inner, this.decoder, cx)
    }
}

/// The next frame. From [`FramedRead::next`] and [`Framed::next`](super::Framed::next).
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct NextFrame<'a, T, D> {
    io: &'a mut T,
    decoder: &'a mut D,
    reading: &'a mut Reading,
}

impl<'a, T, D> NextFrame<'a, T, D> {
    pub(super) fn new(io: &'a mut T, decoder: &'a mut D, reading: &'a mut Reading) -> Self {
        NextFrame { io, decoder, reading }
    }
}

impl<T: AsyncRead + Unpin, D: Decoder> Future for NextFrame<'_, T, D> {
    type Output = Option<Result<D::Item, D::Error>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let NextFrame { io, decoder, reading } = &mut *self;
        reading.poll_next(Pin::new(&mut **io), *decoder, cx)
    }
}
