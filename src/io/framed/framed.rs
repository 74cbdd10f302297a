//! A stream with a codec: [`Framed`].
//!
//! The read direction and the write direction share the stream and the codec, nothing else. Each method asks only for what
//! its direction needs: reading needs an `AsyncRead` and a `Decoder`, sending an `AsyncWrite` and an `Encoder`. For a
//! stream in one direction, [`FramedRead`] and [`FramedWrite`] are names of the same type. To read and write in two tasks,
//! split the stream first and give each half a codec.
//!
//! [`ReadState`] reads and decodes. To write a frame is to encode it into the write buffer, completely and in one step. From
//! then on, dropping the future that sends it neither loses it nor sends half of it. To **feed** a frame is to encode it and
//! no more (`feed` of `futures::SinkExt`), so that many small frames go out in one write; to **send** it is to feed it and
//! then to flush.
//!
//! The write buffer has a boundary. From there on the next frame waits until enough is written. So a slow peer slows down a
//! fast sender, and the sender's memory does not fill.
//!
//! Next: `bytes_codec.rs`, the simplest codec.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use futures_core::Stream;
use futures_io::{AsyncRead, AsyncWrite};
use futures_sink::Sink;
use pin_project_lite::pin_project;

use super::super::delegate::accessors;
use super::super::exact::poll_write_some;
use super::super::op::{IoOp, Op};
use super::read::ReadState;
use super::{Decoder, Encoder};

/// The first read, and the boundary of the write buffer. A socket usually has no more at once.
const CAPACITY: usize = 8 * 1024;

pin_project! {
    /// A stream that is read and written in frames.
    ///
    /// Reading, it is a [`Stream`] and has [`next`](Framed::next). Writing, it is a [`Sink`] and has
    /// [`send`](Framed::send).
    ///
    /// ```
    /// use openwork::io::framed::{Framed, LinesCodec};
    ///
    /// # openwork::block_on(async {
    /// let (client, server) = openwork::io::duplex(64);
    /// let mut client = Framed::new(client, LinesCodec::new());
    /// let mut server = Framed::new(server, LinesCodec::new());
    /// client.send("ping").await.unwrap();
    /// assert_eq!(server.next().await.unwrap().unwrap(), "ping");
    /// # });
    /// ```
    #[derive(Debug)]
    pub struct Framed<T, C> {
        #[pin]
        io: T,
        codec: C,
        reading: ReadState,
        // Encoded, and not yet written.
        write_buffer: BytesMut,
        // The next frame waits while the write buffer has this number of bytes or more.
        boundary: usize,
    }
}

/// A [`Framed`] of a stream that is only read. It allocates nothing for writing.
pub type FramedRead<T, D> = Framed<T, D>;

/// A [`Framed`] of a stream that is only written. It allocates nothing for reading.
pub type FramedWrite<T, E> = Framed<T, E>;

/// The future of [`Framed::send`].
pub type SendFrame<'a, T, E, I> =
    Op<(&'a mut Framed<T, E>, Option<I>), Result<(), <E as Encoder<I>>::Error>>;

impl<T, C> Framed<T, C> {
    /// Reads and writes the frames of `codec` on the stream `io`.
    pub fn new(io: T, codec: C) -> Self {
        Self::with_capacity(io, codec, CAPACITY)
    }

    /// Creates a `Framed` whose first read is of up to `capacity` bytes instead of 8 KiB.
    pub fn with_capacity(io: T, codec: C, capacity: usize) -> Self {
        let reading = ReadState::new(capacity);
        Framed { io, codec, reading, write_buffer: BytesMut::new(), boundary: CAPACITY }
    }

    accessors!(T => io);

    /// Returns the codec.
    pub fn codec(&self) -> &C {
        &self.codec
    }

    /// Returns the codec.
    pub fn codec_mut(&mut self) -> &mut C {
        &mut self.codec
    }

    /// Changes the codec, and so the protocol, and keeps the stream and the bytes in the buffers.
    pub fn map_codec<D>(self, map: impl FnOnce(C) -> D) -> Framed<T, D> {
        let Framed { io, codec, reading, write_buffer, boundary } = self;
        Framed { io, codec: map(codec), reading, write_buffer, boundary }
    }

    /// Returns the bytes that were read and not yet decoded.
    pub fn read_buffer(&self) -> &BytesMut {
        &self.reading.buffer
    }

    /// Returns the bytes that were read and not yet decoded.
    pub fn read_buffer_mut(&mut self) -> &mut BytesMut {
        &mut self.reading.buffer
    }

    /// Returns the bytes that are encoded and not yet written.
    pub fn write_buffer(&self) -> &BytesMut {
        &self.write_buffer
    }

    /// Returns the bytes that are encoded and not yet written.
    pub fn write_buffer_mut(&mut self) -> &mut BytesMut {
        &mut self.write_buffer
    }

    /// Returns the size of the write buffer from which on the next frame waits for the stream.
    pub fn backpressure_boundary(&self) -> usize {
        self.boundary
    }

    /// Sets the size of the write buffer from which on the next frame waits. At first it is 8 KiB.
    pub fn set_backpressure_boundary(&mut self, boundary: usize) {
        self.boundary = boundary;
    }
}

impl<T: AsyncRead + Unpin, C: Decoder> Framed<T, C> {
    /// Returns the next frame; `None` at the end of the stream, and once after an error.
    ///
    /// Cancel safe: the bytes of an incomplete frame are kept for the next call.
    #[expect(clippy::should_implement_trait, reason = "the name is that of every stream")]
    #[expect(clippy::type_complexity, reason = "it is the item of the stream")]
    pub fn next(&mut self) -> Op<&mut Self, Option<Result<C::Item, C::Error>>> {
        Op::new(self, |framed, cx| Pin::new(&mut **framed).poll_next(cx))
    }
}

impl<T: AsyncWrite + Unpin, C> Framed<T, C> {
    /// Encodes a frame, and writes and flushes everything in the buffer.
    ///
    /// If it is dropped, the frame is either not encoded at all, or complete in the buffer, and the next `send` or
    /// `flush` writes it.
    ///
    /// # Errors
    ///
    /// The encoder's, and then nothing of this frame is sent; or the stream's.
    pub fn send<I>(&mut self, item: I) -> SendFrame<'_, T, C, I>
    where
        C: Encoder<I>,
    {
        Op::new((self, Some(item)), |(framed, item), cx| {
            let mut sink: Pin<&mut Self> = Pin::new(*framed);
            if item.is_some() {
                ready!(Sink::<I>::poll_ready(sink.as_mut(), cx))?;
            }
            if let Some(item) = item.take() {
                sink.as_mut().start_send(item)?;
            }
            Sink::<I>::poll_flush(sink, cx)
        })
    }

    /// Writes and flushes everything in the buffer. Cancel safe.
    pub fn flush(&mut self) -> IoOp<&mut Self, ()> {
        Op::new(self, |framed, cx| Pin::new(&mut **framed).poll_flush_io(cx))
    }

    /// Writes and flushes everything in the buffer, and ends the stream. Cancel safe.
    pub fn close(&mut self) -> IoOp<&mut Self, ()> {
        Op::new(self, |framed, cx| Pin::new(&mut **framed).poll_close_io(cx))
    }
}

impl<T: AsyncWrite, C> Framed<T, C> {
    /// Writes until the buffer has fewer than `limit` bytes.
    fn poll_write_below(
        self: Pin<&mut Self>,
        limit: usize,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let mut this = self.project();
        while this.write_buffer.len() >= limit {
            let count = ready!(poll_write_some(this.io.as_mut(), this.write_buffer, cx))?;
            this.write_buffer.advance(count);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_flush_io(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_write_below(1, cx))?;
        self.project().io.poll_flush(cx)
    }

    fn poll_close_io(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_flush_io(cx))?;
        self.project().io.poll_close(cx)
    }
}

impl<T: AsyncRead, C: Decoder> Stream for Framed<T, C> {
    type Item = Result<C::Item, C::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        this.reading.poll_next(this.io, this.codec, cx)
    }
}

impl<T: AsyncWrite, C: Encoder<I>, I> Sink<I> for Framed<T, C> {
    type Error = C::Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), C::Error>> {
        let limit = self.boundary.max(1);
        self.poll_write_below(limit, cx).map_err(C::Error::from)
    }

    fn start_send(self: Pin<&mut Self>, item: I) -> Result<(), C::Error> {
        let this = self.project();
        this.codec.encode(item, this.write_buffer)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), C::Error>> {
        self.poll_flush_io(cx).map_err(C::Error::from)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), C::Error>> {
        self.poll_close_io(cx).map_err(C::Error::from)
    }
}
