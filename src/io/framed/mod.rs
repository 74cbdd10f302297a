//! Messages instead of bytes: where does one end and the next begin?
//!
//! A stream of bytes keeps the order and nothing else. What was written as three messages may be read as one,
//! or as seven. So there is a **codec**: an [`Encoder`] that writes a message so that its end can be found,
//! and a [`Decoder`] that finds it. It sees a buffer, and neither knows nor cares how the bytes came there.
//! [`FramedRead`] and [`FramedWrite`] move bytes between that buffer and the stream, [`Framed`] both ways.
//!
//! ```text
//!   bytes ──▶ [ buffer ] ── decode ──▶ frames         frames ── encode ──▶ [ buffer ] ──▶ bytes
//! ```
//!
//! [`LinesCodec`] ends a message with a line feed, [`LengthDelimitedCodec`] writes its length before it, and
//! for [`BytesCodec`] a message is whatever came.
//!
//! **A peer may send anything.** What it sends wrong is an error of kind `InvalidData`, and a stream that
//! ends within a frame one of kind `UnexpectedEof`; what the caller passes wrong is `InvalidInput`. Memory
//! grows with what has come, never with what a header claims will come. Set a limit: that a line never ends
//! is nothing that its codec could know.
//!
//! ```
//! use openwork::io::duplex;
//! use openwork::io::framed::{FramedRead, FramedWrite, LinesCodec};
//!
//! # openwork::block_on(async {
//! let (here, there) = duplex(64);
//! let mut lines = FramedWrite::new(here, LinesCodec::new());
//! lines.send("hello").await.unwrap();
//! drop(lines);
//! let mut lines = FramedRead::new(there, LinesCodec::new_with_max_length(1000));
//! while let Some(line) = lines.next().await {
//!     println!("{}", line.unwrap());
//! }
//! # });
//! ```

mod read;
mod write;
mod both_ways;
mod bytes_codec;
mod lines_codec;
pub mod length_delimited;

use std::io;

use bytes::BytesMut;

pub use both_ways::{Framed, FramedParts};
pub use bytes_codec::BytesCodec;
pub use length_delimited::LengthDelimitedCodec;
pub use lines_codec::{LinesCodec, LinesCodecError};
pub use read::{FramedRead, NextFrame};
pub use write::{CloseFrames, FeedFrame, FlushFrames, FramedWrite, SendFrame};

/// Finds frames in the bytes that have come.
pub trait Decoder {
    /// A frame.
    type Item;
    /// What may be wrong with one. The stream's own errors are of this type too.
    type Error: From<io::Error>;

    /// Takes the next frame out of the front of `src`. `None`: it is not all there yet. Leave `src` as it is
    /// then, or remember what was taken.
    ///
    /// To make room in `src` for what is still to come is not necessary, and not wise if it is a peer who
    /// says how much that will be.
    ///
    /// # Errors
    ///
    /// If what is there is no frame and cannot become one.
    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Self::Item>, Self::Error>;

    /// Takes the next frame after the stream has ended. It is called until it answers `None`.
    ///
    /// # Errors
    ///
    /// Those of [`decode`](Decoder::decode); and unless the codec knows better, one of kind
    /// [`io::ErrorKind::UnexpectedEof`] if something is left that is no frame.
    fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<Self::Item>, Self::Error> {
        match self.decode(src)? {
            None if !src.is_empty() => Err(ended_inside_a_frame().into()),
            frame => Ok(frame),
        }
    }
}

fn ended_inside_a_frame() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the stream ended inside a frame")
}

/// Writes frames as bytes.
pub trait Encoder<Item> {
    /// What may be wrong with a frame. The stream's own errors are of this type too.
    type Error: From<io::Error>;

    /// Appends the frame to `dst`, or nothing.
    ///
    /// # Errors
    ///
    /// If this frame cannot be written.
    fn encode(&mut self, item: Item, dst: &mut BytesMut) -> Result<(), Self::Error>;
}
