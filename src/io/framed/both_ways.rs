//! A stream that is read and written in frames, by one codec.
//!
//! The two directions have nothing in common but the stream and the codec. Who wants a task for each splits
//! the stream first, and gives the halves to `FramedRead` and `FramedWrite`.
//!
//! Next: `bytes_codec.rs`, the least that a codec can do.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BytesMut;
use futures_core::Stream;
use futures_io::{AsyncRead, AsyncWrite};
use pin_project_lite::pin_project;

use super::read::{CAPACITY, NextFrame, Reading};
use super::write::{CloseFrames, FeedFrame, FlushFrames, SendFrame, Writing};
use super::{Decoder, Encoder};

pin_project! {
    /// A stream that is read and written in frames. To read, it is a [`Stream`], with
    /// [`next`](Framed::next) of its own; to write, it has [`send`](Framed::send).
    #[derive(Debug)]
    pub struct Framed<T, U> {
        #[pin]
        inner: T,
        codec: U,
        reading: Reading,
        writing: Writing,
    }
}

/// What a [`Framed`] consists of.
#[derive(Debug)]
#[non_exhaustive]
pub struct FramedParts<T, U> {
    /// The stream.
    pub io: T,
    /// The codec.
    pub codec: U,
    /// What has come and is not yet a frame.
    pub read_buf: BytesMut,
    /// What is encoded and not yet written.
    pub write_buf: BytesMut,
}

impl<T, U> FramedParts<T, U> {
    /// With empty buffers.
    pub fn new(io: T, codec: U) -> Self {
        FramedParts { io, codec, read_buf: BytesMut::new(), write_buf: BytesMut::new() }
    }
}

impl<T, U> Framed<T, U> {
    /// The frames of `inner`, as `codec` reads and writes them.
    pub fn new(inner: T, codec: U) -> Self {
        Self::with_capacity(inner, codec, CAPACITY)
    }

    /// The same, with a first buffer for reading of so many bytes instead of 8 KiB.
    pub fn with_capacity(inner: T, codec: U, capacity: usize) -> Self {
        let reading = Reading::new(BytesMut::with_capacity(capacity), capacity);
        Framed { inner, codec, reading, writing: Writing::new(BytesMut::new()) }
    }

    /// Goes on with a stream and what is in its buffers.
    pub fn from_parts(inner: FramedParts<T, U>) -> Self {
        Framed {
            inner: inner.io,
            codec: inner.codec,
            reading: Reading::new(inner.read_buf, CAPACITY),
            writing: Writing::new(inner.write_buf),
        }
    }

    /// The stream, the codec, and what is in the buffers: for instance to change the protocol.
    pub fn into_parts(self) -> FramedParts<T, U> {
        FramedParts {
            io: self.inner,
            codec: self.codec,
            read_buf: self.reading.buffer,
            write_buf: self.writing.buffer,
        }
    }

    /// The stream. What is in the buffers is lost.
    pub fn into_inner(self) -> T {
        self.inner
    }

    /// The stream.
    pub fn get_ref(&self) -> &T {
        &self.inner
    }

    /// The stream. What is read or written there directly comes out of order.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.inner
    }

    /// The codec.
    pub fn codec(&self) -> &U {
        &self.codec
    }

    /// The codec.
    pub fn codec_mut(&mut self) -> &mut U {
        &mut self.codec
    }

    /// The same stream and buffers, with another codec.
    pub fn map_codec<V>(self, map: impl FnOnce(U) -> V) -> Framed<T, V> {
        let codec = map(self.codec);
        Framed { inner: self.inner, codec, reading: self.reading, writing: self.writing }
    }

    /// What has come and is not yet a frame.
    pub fn read_buffer(&self) -> &BytesMut {
        &self.reading.buffer
    }

    /// What has come and is not yet a frame.
    pub fn read_buffer_mut(&mut self) -> &mut BytesMut {
        &mut self.reading.buffer
    }

    /// What is encoded and not yet written.
    pub fn write_buffer(&self) -> &BytesMut {
        &self.writing.buffer
    }

    /// What is encoded and not yet written.
    pub fn write_buffer_mut(&mut self) -> &mut BytesMut {
        &mut self.writing.buffer
    }

    /// With so many bytes to be written, the next frame waits until there are fewer.
    pub fn backpressure_boundary(&self) -> usize {
        self.writing.boundary
    }

    /// Sets that boundary. At first it is 8 KiB.
    pub fn set_backpressure_boundary(&mut self, boundary: usize) {
        self.writing.boundary = boundary;
    }
}

impl<T: AsyncRead + Unpin, U: Decoder> Framed<T, U> {
    /// As [`FramedRead::next`](super::FramedRead::next).
    #[expect(clippy::should_implement_trait, reason = "the name is what everybody looks for")]
    pub fn next(&mut self) -> NextFrame<'_, T, U> {
        NextFrame::new(&mut self.inner, &mut self.codec, &mut self.reading)
    }
}

impl<T: AsyncWrite + Unpin, U> Framed<T, U> {
    /// As [`FramedWrite::send`](super::FramedWrite::send).
    pub fn send<I>(&mut self, item: I) -> SendFrame<'_, T, U, I>
    where
        U: Encoder<I>,
    {
        SendFrame::new(self.feed(item))
    }

    /// As [`FramedWrite::feed`](super::FramedWrite::feed).
    pub fn feed<I>(&mut self, item: I) -> FeedFrame<'_, T, U, I>
    where
        U: Encoder<I>,
    {
        FeedFrame::new(&mut self.inner, &mut self.codec, &mut self.writing, item)
    }

    /// As [`FramedWrite::flush`](super::FramedWrite::flush).
    pub fn flush(&mut self) -> FlushFrames<'_, T> {
        FlushFrames::new(&mut self.inner, &mut self.writing)
    }

    /// As [`FramedWrite::close`](super::FramedWrite::close).
    pub fn close(&mut self) -> CloseFrames<'_, T> {
        CloseFrames::new(&mut self.inner, &mut self.writing)
    }
}

impl<T: AsyncRead, U: Decoder> Stream for Framed<T, U> {
    type Item = Result<U::Item, U::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        this.reading.poll_next(this.inner, this.codec, cx)
    }
}
