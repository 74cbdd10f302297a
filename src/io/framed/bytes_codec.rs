//! The codec without boundaries: a frame is all the bytes in the buffer.
//!
//! Next: `lines_codec.rs`, whose frames are lines.

use std::io;

use bytes::BytesMut;

use super::{Decoder, Encoder};

/// A codec without boundaries: the bytes of each read are a frame, so the peer's frames may be joined or cut.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BytesCodec(());

impl BytesCodec {
    /// Creates the codec.
    pub fn new() -> BytesCodec {
        BytesCodec(())
    }
}

impl Decoder for BytesCodec {
    type Item = BytesMut;
    type Error = io::Error;

    fn decode(&mut self, src: &mut BytesMut) -> io::Result<Option<BytesMut>> {
        Ok((!src.is_empty()).then(|| src.split()))
    }
}

impl<B: AsRef<[u8]>> Encoder<B> for BytesCodec {
    type Error = io::Error;

    fn encode(&mut self, data: B, dst: &mut BytesMut) -> io::Result<()> {
        dst.extend_from_slice(data.as_ref());
        Ok(())
    }
}
