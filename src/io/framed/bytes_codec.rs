//! The codec without boundaries: all the bytes in the buffer are a frame.
//!
//! Next: `lines_codec.rs`, whose frames are lines.

use std::io;

use bytes::BytesMut;

use super::{Decoder, Encoder};

/// Passes bytes on as they come, in pieces of any size.
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
