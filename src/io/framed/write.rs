//! Frames into a buffer, bytes from it to the stream.
//!
//! A frame is encoded whole, at one moment, and is then in the buffer: it can no longer be lost, or sent by
//! half, however often the future that sends it is dropped. To **feed** is to do that and no more, so that many
//! small frames go out in one write; to **send** is to feed and then to flush.
//!
//! The buffer has a boundary. Behind it, whoever feeds must first wait until enough is written: that is how a
//! slow peer holds up a fast sender, instead of filling its memory.
//!
//! Next: `both_ways.rs`, which reads and writes with one codec.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use futures_io::AsyncWrite;

use super::super::whole::poll_write_some;
use super::Encoder;
use super::read::CAPACITY;

/// The writing side of a framed stream.
#[derive(Debug)]
pub(super) struct Writing {
    /// Encoded, and not yet written.
    pub(super) buffer: BytesMut,
    /// With so much in the buffer, the next frame waits.
    pub(super) boundary: usize,
}

impl Writing {
    pub(super) fn new(buffer: BytesMut) -> Self {
        Writing { buffer, boundary: CAPACITY }
    }

    /// Writes until the next frame may be encoded.
    fn poll_room<T: AsyncWrite>(
        &mut self,
        mut io: Pin<&mut T>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.buffer.len() >= self.boundary.max(1) {
            ready!(self.poll_write(io.as_mut(), cx))?;
        }
        Poll::Ready(Ok(()))
    }

    /// Writes once what is in the buffer, which is something.
    fn poll_write<T: AsyncWrite>(
        &mut self,
        io: Pin<&mut T>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let count = ready!(poll_write_some(io, &self.buffer, cx))?;
        self.buffer.advance(count);
        Poll::Ready(Ok(()))
    }

    fn poll_flush<T: AsyncWrite>(
        &mut self,
        mut io: Pin<&mut T>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.buffer.has_remaining() {
            ready!(self.poll_write(io.as_mut(), cx))?;
        }
        io.poll_flush(cx)
    }

    fn poll_close<T: AsyncWrite>(
        &mut self,
        mut io: Pin<&mut T>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_flush(io.as_mut(), cx))?;
        io.poll_close(cx)
    }
}

/// A writer of frames.
#[derive(Debug)]
pub struct FramedWrite<T, E> {
    inner: T,
    encoder: E,
    writing: Writing,
}

impl<T, E> FramedWrite<T, E> {
    /// Writes frames to `inner` as `encoder` says.
    pub fn new(inner: T, encoder: E) -> Self {
        Self::with_capacity(inner, encoder, CAPACITY)
    }

    /// The same, with a first buffer of so many bytes instead of 8 KiB.
    pub fn with_capacity(inner: T, encoder: E, capacity: usize) -> Self {
        FramedWrite { inner, encoder, writing: Writing::new(BytesMut::with_capacity(capacity)) }
    }

    /// The writer.
    pub fn get_ref(&self) -> &T {
        &self.inner
    }

    /// The writer. What is written to it directly comes out of order.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.inner
    }

    /// The writer. What is in the buffer is lost.
    pub fn into_inner(self) -> T {
        self.inner
    }

    /// The encoder.
    pub fn encoder(&self) -> &E {
        &self.encoder
    }

    /// The encoder.
    pub fn encoder_mut(&mut self) -> &mut E {
        &mut self.encoder
    }

    /// The same stream and buffer, with another encoder.
    pub fn map_encoder<F>(self, map: impl FnOnce(E) -> F) -> FramedWrite<T, F> {
        FramedWrite { inner: self.inner, encoder: map(self.encoder), writing: self.writing }
    }

    /// What is encoded and not yet written.
    pub fn write_buffer(&self) -> &BytesMut {
        &self.writing.buffer
    }

    /// What is encoded and not yet written.
    pub fn write_buffer_mut(&mut self) -> &mut BytesMut {
        &mut self.writing.buffer
    }

    /// With so many bytes in the buffer, the next frame waits until there are fewer.
    pub fn backpressure_boundary(&self) -> usize {
        self.writing.boundary
    }

    /// Sets that boundary. At first it is 8 KiB.
    pub fn set_backpressure_boundary(&mut self, boundary: usize) {
        self.writing.boundary = boundary;
    }
}

impl<T: AsyncWrite + Unpin, E> FramedWrite<T, E> {
    /// Encodes a frame, and writes and flushes all that is in the buffer.
    ///
    /// If it is dropped, the frame is either not encoded at all, or whole in the buffer, where the next
    /// `send` or `flush` finds it.
    ///
    /// # Errors
    ///
    /// The encoder's, and then nothing of this frame is sent; or the writer's.
    pub fn send<I>(&mut self, item: I) -> SendFrame<'_, T, E, I>
    where
        E: Encoder<I>,
    {
        SendFrame { feed: self.feed(item) }
    }

    /// Encodes a frame, and waits only if the buffer is full. It is sent by the next `send` or `flush`.
    pub fn feed<I>(&mut self, item: I) -> FeedFrame<'_, T, E, I>
    where
        E: Encoder<I>,
    {
        FeedFrame::new(&mut self.inner, &mut self.encoder, &mut self.writing, item)
    }

    /// Writes and flushes all that is in the buffer. Cancel safe.
    pub fn flush(&mut self) -> FlushFrames<'_, T> {
        FlushFrames::new(&mut self.inner, &mut self.writing)
    }

    /// Writes and flushes all that is in the buffer, and ends the stream. Cancel safe.
    pub fn close(&mut self) -> CloseFrames<'_, T> {
        CloseFrames::new(&mut self.inner, &mut self.writing)
    }
}

/// Encodes a frame. From `feed` of [`FramedWrite`] and [`Framed`](super::Framed).
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct FeedFrame<'a, T, E, I> {
    io: &'a mut T,
    encoder: &'a mut E,
    writing: &'a mut Writing,
    /// None once it is encoded.
    item: Option<I>,
}

/// The item is moved into the encoder, and so it is not pinned.
impl<T, E, I> Unpin for FeedFrame<'_, T, E, I> {}

impl<'a, T, E, I> FeedFrame<'a, T, E, I> {
    pub(super) fn new(
        io: &'a mut T,
        encoder: &'a mut E,
        writing: &'a mut Writing,
        item: I,
    ) -> Self {
        FeedFrame { io, encoder, writing, item: Some(item) }
    }
}

impl<T: AsyncWrite + Unpin, E: Encoder<I>, I> FeedFrame<'_, T, E, I> {
    fn poll_fed(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), E::Error>> {
        if self.item.is_some() {
            ready!(self.writing.poll_room(Pin::new(&mut *self.io), cx))?;
        }
        Poll::Ready(match self.item.take() {
            Some(item) => self.encoder.encode(item, &mut self.writing.buffer),
            None => Ok(()),
        })
    }
}

impl<T: AsyncWrite + Unpin, E: Encoder<I>, I> Future for FeedFrame<'_, T, E, I> {
    type Output = Result<(), E::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_fed(cx)
    }
}

/// Encodes a frame, and sends it. From `send` of [`FramedWrite`] and [`Framed`](super::Framed).
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct SendFrame<'a, T, E, I> {
    feed: FeedFrame<'a, T, E, I>,
}

impl<'a, T, E, I> SendFrame<'a, T, E, I> {
    pub(super) fn new(feed: FeedFrame<'a, T, E, I>) -> Self {
        SendFrame { feed }
    }
}

impl<T: AsyncWrite + Unpin, E: Encoder<I>, I> Future for SendFrame<'_, T, E, I> {
    type Output = Result<(), E::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let feed = &mut self.feed;
        ready!(feed.poll_fed(cx))?;
        ready!(feed.writing.poll_flush(Pin::new(&mut *feed.io), cx))?;
        Poll::Ready(Ok(()))
    }
}

/// Sends all that is encoded. From `flush` of [`FramedWrite`] and [`Framed`](super::Framed).
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct FlushFrames<'a, T> {
    io: &'a mut T,
    writing: &'a mut Writing,
}

impl<'a, T> FlushFrames<'a, T> {
    pub(super) fn new(io: &'a mut T, writing: &'a mut Writing) -> Self {
        FlushFrames { io, writing }
    }
}

impl<T: AsyncWrite + Unpin> Future for FlushFrames<'_, T> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let FlushFrames { io, writing } = &mut *self;
        writing.poll_flush(Pin::new(&mut **io), cx)
    }
}

/// Sends all that is encoded, and ends the stream. From `close` of [`FramedWrite`] and
/// [`Framed`](super::Framed).
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct CloseFrames<'a, T> {
    io: &'a mut T,
    writing: &'a mut Writing,
}

impl<'a, T> CloseFrames<'a, T> {
    pub(super) fn new(io: &'a mut T, writing: &'a mut Writing) -> Self {
        CloseFrames { io, writing }
    }
}

impl<T: AsyncWrite + Unpin> Future for CloseFrames<'_, T> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let CloseFrames { io, writing } = &mut *self;
        writing.poll_close(Pin::new(&mut **io), cx)
    }
}
