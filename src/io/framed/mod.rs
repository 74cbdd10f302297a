//! Messages instead of bytes: where does one end and the next begin?
//!
//! A stream of bytes keeps their order and nothing else: what was written as three messages may be read as one, or as
//! seven. A **codec** adds the boundaries. Its [`Encoder`] writes a message, here called a frame, so that its end can be
//! found; its [`Decoder`] finds it. A codec sees a buffer only. [`Framed`] moves bytes between that buffer and a stream.
//!
//! ```text
//!   bytes ──▶ [ buffer ] ── decode ──▶ frames         frames ── encode ──▶ [ buffer ] ──▶ bytes
//! ```
//!
//! [`LinesCodec`] ends a frame with a line feed, [`LengthDelimitedCodec`] writes its length before it, and to
//! [`BytesCodec`] the bytes of each read are a frame.
//!
//! **Set a limit for what a peer sends.** No codec can know that a line will never end. Memory grows with the bytes that
//! have come, never with the length that a header claims. Wrong input from the peer is an error of kind `InvalidData`,
//! a stream that ends inside a frame one of kind `UnexpectedEof`, and a frame that cannot be encoded `InvalidInput`.
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
    /// A frame.
    type Item;
    /// The error of a frame that is wrong. Errors of the stream are converted to it.
    type Error: From<io::Error>;

    /// Takes the next frame from the front of `src`. `None` means that the frame is not complete: leave `src` unchanged
    /// then, or remember what was taken.
    ///
    /// An implementation need not make room in `src`, and should not if the peer says how much.
    ///
    /// # Errors
    ///
    /// If the bytes are no frame and cannot become one.
    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Self::Item>, Self::Error>;

    /// Takes the next frame after the stream has ended. It is called until it returns `None`.
    ///
    /// # Errors
    ///
    /// Those of [`decode`](Decoder::decode); and by default [`io::ErrorKind::UnexpectedEof`] if the bytes that are left are
    /// no frame.
    fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<Self::Item>, Self::Error> {
        match self.decode(src)? {
            None if !src.is_empty() => Err(ended_inside_a_frame().into()),
            frame => Ok(frame),
        }
    }

    /// Reads and writes the frames of this codec on a stream.
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

/// Writes frames to the bytes of a buffer.
pub trait Encoder<Item> {
    /// The error of a frame that cannot be encoded. Errors of the stream are converted to it.
    type Error: From<io::Error>;

    /// Appends the bytes of the frame to `dst`, or nothing.
    ///
    /// # Errors
    ///
    /// If this frame cannot be encoded.
    fn encode(&mut self, item: Item, dst: &mut BytesMut) -> Result<(), Self::Error>;
}
