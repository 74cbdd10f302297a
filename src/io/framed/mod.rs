//! Reads and writes messages on a stream of bytes.
//!
//! A stream of bytes keeps their order, but no boundaries between messages: three messages that were written may be
//! read in one piece, or in seven. A **codec** adds the boundaries. Its [`Encoder`] turns a message, here called a
//! frame, into bytes that show where the frame ends, and its [`Decoder`] finds that end. A codec works on a buffer
//! only. [`Framed`] moves the bytes between the buffer and the stream.
//!
//! ```text
//!   bytes ──▶ [ buffer ] ── decode ──▶ frames         frames ── encode ──▶ [ buffer ] ──▶ bytes
//! ```
//!
//! [`LinesCodec`] ends a frame with a line feed, [`LengthDelimitedCodec`] writes its length before it, and
//! [`BytesCodec`] takes the bytes of each read as a frame.
//!
//! **Set a limit for what a peer sends.** Without a limit, a line that never ends fills the memory. A length that a
//! peer claims does not: memory grows only with the bytes that were read.
//!
//! The codecs here return these errors. Bytes that are no frame are [`InvalidData`](io::ErrorKind::InvalidData), a
//! stream that ends inside a frame is [`UnexpectedEof`](io::ErrorKind::UnexpectedEof), and a frame that cannot be
//! encoded is [`InvalidInput`](io::ErrorKind::InvalidInput). `LinesCodec` has an error of its own for a line over the
//! limit, and returns a last line that has no line feed as a frame.
//!
//! ```
//! use openwork::io::duplex;
//! use openwork::io::framed::{FramedRead, FramedWrite, LinesCodec};
//!
//! # openwork::block_on(async {
//! let (near, far) = duplex(64);
//! let mut lines = FramedWrite::new(near, LinesCodec::new());
//! lines.send("hello").await.unwrap();
//! drop(lines);
//! let mut lines = FramedRead::new(far, LinesCodec::new_with_max_length(1000));
//! while let Some(line) = lines.next().await {
//!     println!("{}", line.unwrap());
//! }
//! # });
//! ```

mod read;
#[expect(clippy::module_inception, reason = "its type is `Framed`")]
mod framed;
mod bytes_codec;
mod lines_codec;
pub mod length_delimited;

use std::io;

use bytes::BytesMut;

pub use bytes_codec::BytesCodec;
pub use framed::{Framed, FramedRead, FramedWrite, SendFrame};
pub use length_delimited::LengthDelimitedCodec;
pub use lines_codec::{LinesCodec, LinesCodecError};

/// Finds frames in the bytes of a buffer.
pub trait Decoder {
    /// The type of a decoded frame.
    type Item;
    /// The error for bytes that are no frame. Errors of the stream are converted to it.
    type Error: From<io::Error>;

    /// Takes the next frame from the front of `src`, or returns `None` if the frame is not complete.
    ///
    /// `src` may be empty. An implementation that returns `None` leaves `src` unchanged, or remembers in itself what it
    /// took. It need not reserve memory in `src`, and must not reserve a length that a peer claims.
    ///
    /// # Errors
    ///
    /// If the bytes cannot be the beginning of a frame. The bytes that are then left in `src` come again with the next
    /// call.
    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Self::Item>, Self::Error>;

    /// Takes the next frame after the stream has ended. It is called until it returns `None` or an error.
    ///
    /// `src` may be empty. By default it calls [`decode`](Decoder::decode).
    ///
    /// # Errors
    ///
    /// Those of `decode`. By default, [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) too, if `decode` returns `None`
    /// and bytes are left.
    fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<Self::Item>, Self::Error> {
        match self.decode(src)? {
            None if !src.is_empty() => Err(ended_inside_a_frame().into()),
            frame => Ok(frame),
        }
    }

    /// Creates a [`Framed`] that reads and writes the frames of this codec on the stream `io`.
    fn framed<T>(self, io: T) -> Framed<T, Self>
    where
        Self: Sized,
    {
        Framed::new(io, self)
    }
}

fn ended_inside_a_frame() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the stream ended inside a frame")
}

/// Appends frames as bytes to a buffer.
pub trait Encoder<Item> {
    /// The error for a frame that cannot be encoded. Errors of the stream are converted to it.
    type Error: From<io::Error>;

    /// Appends the bytes of the frame `item` to `dst`, which may hold earlier frames.
    ///
    /// # Errors
    ///
    /// If this frame cannot be encoded. Then nothing must have been appended.
    fn encode(&mut self, item: Item, dst: &mut BytesMut) -> Result<(), Self::Error>;
}
