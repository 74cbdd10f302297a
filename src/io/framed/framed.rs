//! A stream with a codec: [`Framed`].
//!
//! The read direction and the write direction share the stream and the codec, nothing else. Each method requires only
//! what its direction needs: reading needs an `AsyncRead` and a `Decoder`, sending an `AsyncWrite` and an `Encoder`.
//! For a stream in one direction, [`FramedRead`] and [`FramedWrite`] are names of the same type. To read and write in
//! two tasks, split the stream first and give each half a codec.
//!
//! [`ReadState`] reads and decodes. Writing has two steps. The first encodes the whole frame into the write buffer; it
//! never waits, so dropping the sending future cannot leave half a frame there. The second writes the buffer to the
//! stream, in pieces of any size; what is not yet written stays in the buffer. `feed` of `futures::SinkExt` does only
//! the first step, so that many small frames go out in one write. `send` does the first step and then flushes.
//!
//! While the write buffer has 8 KiB or more, the backpressure boundary, the next frame waits. So a slow peer slows down
//! a fast sender, and the sender's memory does not fill.
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

/// The size of the first read, and the backpressure boundary of the write buffer. Tokio-util's number for both.
const DEFAULT_CAPACITY: usize = 8 * 1024;

pin_project! {
    /// A stream of bytes that is read and written in frames.
    ///
    /// With a [`Decoder`], a `Framed` is a [`Stream`] of frames and has [`next`](Framed::next). With an [`Encoder`], it
    /// is a [`Sink`] of frames and has [`send`](Framed::send). Dropping it loses the bytes in both buffers.
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
        // The bytes that are encoded and not yet written.
        write_buffer: BytesMut,
        // The next frame waits while the write buffer has this number of bytes or more. 0 is the same as 1.
        boundary: usize,
    }
}

/// A [`Framed`] for a stream that is only read. It allocates no memory for writing.
pub type FramedRead<T, D> = Framed<T, D>;

/// A [`Framed`] for a stream that is only written. It allocates no memory for reading.
pub type FramedWrite<T, E> = Framed<T, E>;

/// The future of [`Framed::send`].
pub type SendFrame<'a, T, E, I> =
    Op<(&'a mut Framed<T, E>, Option<I>), Result<(), <E as Encoder<I>>::Error>>;

impl<T, C> Framed<T, C> {
    /// Creates a `Framed` that reads and writes the frames of `codec` on the stream `io`.
    pub fn new(io: T, codec: C) -> Self {
        Self::with_capacity(io, codec, DEFAULT_CAPACITY)
    }

    /// Creates a `Framed` whose first read is of up to `capacity` bytes instead of 8 KiB.
    ///
    /// A later read is larger if the read before it brought as many bytes as it could. A capacity of 0 counts as 1, and
    /// one over 128 KiB as 128 KiB.
    pub fn with_capacity(io: T, codec: C, capacity: usize) -> Self {
        let reading = ReadState::new(capacity);
        Framed { io, codec, reading, write_buffer: BytesMut::new(), boundary: DEFAULT_CAPACITY }
    }

    accessors!(T => io);

    /// Returns the codec.
    pub fn codec(&self) -> &C {
        &self.codec
    }

    /// Returns the codec, to change it.
    pub fn codec_mut(&mut self) -> &mut C {
        self.reading.decode_again();
        &mut self.codec
    }

    /// Replaces the codec with what `map` returns, and keeps the stream and the bytes in both buffers.
    ///
    /// This changes the protocol in the middle of a stream.
    pub fn map_codec<D>(self, map: impl FnOnce(C) -> D) -> Framed<T, D> {
        let Framed { io, codec, mut reading, write_buffer, boundary } = self;
        reading.decode_again();
        Framed { io, codec: map(codec), reading, write_buffer, boundary }
    }

    /// Returns the bytes that were read and not yet decoded.
    pub fn read_buffer(&self) -> &BytesMut {
        &self.reading.buffer
    }

    /// Returns the bytes that were read and not yet decoded, to change them.
    ///
    /// A codec may remember a position in these bytes, as [`LinesCodec`](super::LinesCodec) does. It does not notice
    /// that they were changed.
    pub fn read_buffer_mut(&mut self) -> &mut BytesMut {
        self.reading.decode_again();
        &mut self.reading.buffer
    }

    /// Returns the bytes that are encoded and not yet written.
    pub fn write_buffer(&self) -> &BytesMut {
        &self.write_buffer
    }

    /// Returns the bytes that are encoded and not yet written, to change them.
    pub fn write_buffer_mut(&mut self) -> &mut BytesMut {
        &mut self.write_buffer
    }

    /// Returns the number of bytes in the write buffer at which the next frame waits until some are written.
    pub fn backpressure_boundary(&self) -> usize {
        self.boundary
    }

    /// Sets the number of bytes in the write buffer at which the next frame waits until some are written.
    ///
    /// The default is 8 KiB. With 0, each frame waits until the frames before it are written.
    pub fn set_backpressure_boundary(&mut self, boundary: usize) {
        self.boundary = boundary;
    }
}

impl<T: AsyncRead + Unpin, C: Decoder> Framed<T, C> {
    /// Returns the next frame; `None` at the end of the stream, and once after an error.
    ///
    /// After an error, a further call continues with the bytes that are left. After the end, it reads again, since a
    /// file may have grown.
    ///
    /// Cancel safe: the bytes of an incomplete frame are kept for the next call.
    ///
    /// # Errors
    ///
    /// The decoder's, or the stream's.
    #[expect(clippy::should_implement_trait, reason = "`StreamExt::next` has this name")]
    #[expect(clippy::type_complexity, reason = "it is the item of the stream")]
    pub fn next(&mut self) -> Op<&mut Self, Option<Result<C::Item, C::Error>>> {
        Op::new(self, |framed, cx| Pin::new(&mut **framed).poll_next(cx))
    }
}

impl<T: AsyncWrite + Unpin, C> Framed<T, C> {
    /// Sends a frame: encodes it into the write buffer, then writes and flushes that buffer.
    ///
    /// Not cancel safe: if it is dropped while it waits for room in the write buffer, the frame is lost. A frame that
    /// is in the buffer stays there, and the next `send` or `flush` writes the rest of it.
    ///
    /// # Errors
    ///
    /// The encoder's, and then nothing of this frame is sent. Or the stream's, and then the bytes that are in the
    /// buffer and were not written stay there; this frame is lost if it was not yet in the buffer.
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

    /// Writes the write buffer to the stream, and flushes the stream.
    ///
    /// Cancel safe: the bytes that were not written stay in the buffer. The same holds after an error.
    pub fn flush(&mut self) -> IoOp<&mut Self, ()> {
        Op::new(self, |framed, cx| Pin::new(&mut **framed).poll_flush_io(cx))
    }

    /// Writes the write buffer to the stream, flushes the stream, and closes it for writing.
    ///
    /// Cancel safe: the bytes that were not written stay in the buffer. The same holds after an error.
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
