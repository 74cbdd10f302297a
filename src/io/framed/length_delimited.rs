//! A frame is preceded by its length.
//!
//! Protocols differ in where the length field is, how many bytes it has, and what it counts. A [`Builder`] has a number
//! for each, and the codec one rule for all:
//!
//! ```text
//!   ┌────────┬────────┬───────────┬───────────────────────────────┐
//!   │        │ length │           │                               │
//!   └────────┴────────┴───────────┴───────────────────────────────┘
//!    offset   field                the frame: length + adjustment bytes
//!    ◀───────── num_skip ────────▶
//! ```
//!
//! The peer chooses the length. The codec compares it with the limit first, and even then reserves no memory for it: the
//! buffer grows with the bytes that come.
//!
//! A stream that ends before the frame does is an error, even if it ends just behind the length field. The buffer is empty
//! then, and only the codec's state shows that a frame was expected.
//!
//! This is the last file of `framed`. Next: `blocking.rs`, for files, which no poller can watch.

use std::fmt;
use std::io::{self, ErrorKind};

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::{Decoder, Encoder, Framed, FramedRead, FramedWrite, ended_inside_a_frame};

/// Frames, each with its length before it: four bytes in big-endian order, unless a [`Builder`] says otherwise.
///
/// ```
/// use openwork::io::framed::{FramedWrite, LengthDelimitedCodec};
///
/// # openwork::block_on(async {
/// let mut frames = FramedWrite::new(Vec::new(), LengthDelimitedCodec::new());
/// frames.send("hi".into()).await.unwrap();
/// assert_eq!(frames.get_ref(), b"\x00\x00\x00\x02hi");
/// # });
/// ```
#[derive(Debug, Default, Clone)]
pub struct LengthDelimitedCodec {
    config: Builder,
    /// The length of the next frame, if its head was taken out of the buffer.
    expected: Option<usize>,
}

impl LengthDelimitedCodec {
    /// Creates a codec with a limit of 8 MiB.
    pub fn new() -> LengthDelimitedCodec {
        Builder::new().new_codec()
    }

    /// Creates a builder, for other protocols.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Returns the length of the longest frame in bytes: the limit that was set, or less if the length field cannot
    /// express it.
    pub fn max_frame_length(&self) -> usize {
        self.config.max_frame()
    }

    /// Sets the limit. It does not apply to a frame whose head was decoded already.
    pub fn set_max_frame_length(&mut self, bytes: usize) {
        self.config.max_frame_length = bytes;
    }

    /// Takes the head of a frame out of `src`, and returns the frame's length.
    fn decode_head(&self, src: &mut BytesMut) -> io::Result<Option<usize>> {
        let config = &self.config;
        let Some(mut field) = src.get(config.offset..).filter(|_| src.len() >= config.head_len())
        else {
            return Ok(None);
        };
        let length = match config.big_endian {
            true => field.get_uint(config.field_length),
            false => field.get_uint_le(config.field_length),
        };
        let length = length.checked_add_signed(config.adjustment as i64);
        let length = length.ok_or_else(|| out_of_range(ErrorKind::InvalidData))?;
        let length = usize::try_from(length).ok().filter(|length| *length <= config.max_frame());
        let length = length.ok_or_else(|| too_long(ErrorKind::InvalidData))?;
        src.advance(config.skipped());
        Ok(Some(length))
    }
}

fn too_long(kind: ErrorKind) -> io::Error {
    io::Error::new(kind, LengthDelimitedCodecError)
}

fn out_of_range(kind: ErrorKind) -> io::Error {
    io::Error::new(kind, "the length of a frame is out of range after its adjustment")
}

impl Decoder for LengthDelimitedCodec {
    type Item = BytesMut;
    type Error = io::Error;

    fn decode(&mut self, src: &mut BytesMut) -> io::Result<Option<BytesMut>> {
        if self.expected.is_none() {
            self.expected = self.decode_head(src)?;
        }
        let Some(expected) = self.expected.take_if(|expected| *expected <= src.len()) else {
            return Ok(None);
        };
        Ok(Some(src.split_to(expected)))
    }

    fn decode_eof(&mut self, src: &mut BytesMut) -> io::Result<Option<BytesMut>> {
        match self.decode(src)? {
            None if self.expected.is_some() || !src.is_empty() => Err(ended_inside_a_frame()),
            frame => Ok(frame),
        }
    }
}

impl Encoder<Bytes> for LengthDelimitedCodec {
    type Error = io::Error;

    fn encode(&mut self, data: Bytes, dst: &mut BytesMut) -> io::Result<()> {
        let config = &self.config;
        if data.len() > config.max_frame() {
            return Err(too_long(ErrorKind::InvalidInput));
        }
        // Even the length of an empty frame may be too large for its field, if the adjustment is.
        let length = u64::try_from(data.len() as i128 - config.adjustment as i128).ok();
        let length = length.filter(|length| *length <= config.max_length());
        let length = length.ok_or_else(|| out_of_range(ErrorKind::InvalidInput))?;
        dst.reserve(config.field_length + data.len());
        match config.big_endian {
            true => dst.put_uint(length, config.field_length),
            false => dst.put_uint_le(length, config.field_length),
        }
        dst.extend_from_slice(&data);
        Ok(())
    }
}

/// Configures a [`LengthDelimitedCodec`]. From [`LengthDelimitedCodec::builder`].
#[derive(Debug, Clone, Copy)]
pub struct Builder {
    max_frame_length: usize,
    field_length: usize,
    offset: usize,
    adjustment: isize,
    num_skip: Option<usize>,
    big_endian: bool,
}

impl Builder {
    /// Starts with a length of four bytes in big-endian order, then the frame of at most 8 MiB.
    pub fn new() -> Builder {
        Builder {
            // Tokio-util's limit.
            max_frame_length: 8 * 1024 * 1024,
            field_length: 4,
            offset: 0,
            adjustment: 0,
            num_skip: None,
            big_endian: true,
        }
    }

    /// Sets the byte order of the length to big-endian, the default.
    pub fn big_endian(&mut self) -> &mut Self {
        self.big_endian = true;
        self
    }

    /// Sets the byte order of the length to little-endian.
    pub fn little_endian(&mut self) -> &mut Self {
        self.big_endian = false;
        self
    }

    /// Sets the byte order of the length to this machine's.
    pub fn native_endian(&mut self) -> &mut Self {
        self.big_endian = cfg!(target_endian = "big");
        self
    }

    /// Sets the longest frame, in bytes after the adjustment, for reading and writing. The limit is lower if the length
    /// field cannot express it.
    pub fn max_frame_length(&mut self, bytes: usize) -> &mut Self {
        self.max_frame_length = bytes;
        self
    }

    /// Sets the number of bytes of the length field.
    ///
    /// # Panics
    ///
    /// If it is not 1 to 8.
    #[track_caller]
    pub fn length_field_length(&mut self, bytes: usize) -> &mut Self {
        assert!((1..=8).contains(&bytes), "invalid length field length");
        self.field_length = bytes;
        self
    }

    /// Sets the number of bytes of the length field to the size of an integer type such as `u16`.
    ///
    /// # Panics
    ///
    /// If the size is not 1 to 8.
    #[track_caller]
    pub fn length_field_type<T>(&mut self) -> &mut Self {
        self.length_field_length(size_of::<T>())
    }

    /// Sets the number of bytes before the length field. For reading only.
    pub fn length_field_offset(&mut self, bytes: usize) -> &mut Self {
        self.offset = bytes;
        self
    }

    /// Sets the number to add to the length field to get the length of the frame; writing subtracts it. It is negative
    /// where the field counts the head too.
    pub fn length_adjustment(&mut self, bytes: isize) -> &mut Self {
        self.adjustment = bytes;
        self
    }

    /// Sets the number of bytes to skip before the frame, for instance 0 to get the head with it. By default, all the bytes
    /// up to the end of the length field. For reading only.
    pub fn num_skip(&mut self, bytes: usize) -> &mut Self {
        self.num_skip = Some(bytes);
        self
    }

    /// Creates the codec.
    pub fn new_codec(&self) -> LengthDelimitedCodec {
        LengthDelimitedCodec { config: *self, expected: None }
    }

    /// Reads frames from `upstream`.
    pub fn new_read<T>(&self, upstream: T) -> FramedRead<T, LengthDelimitedCodec> {
        FramedRead::new(upstream, self.new_codec())
    }

    /// Writes frames to `inner`.
    pub fn new_write<T>(&self, inner: T) -> FramedWrite<T, LengthDelimitedCodec> {
        FramedWrite::new(inner, self.new_codec())
    }

    /// Reads and writes frames on `inner`.
    pub fn new_framed<T>(&self, inner: T) -> Framed<T, LengthDelimitedCodec> {
        Framed::new(inner, self.new_codec())
    }

    /// The largest number that fits into the length field.
    fn max_length(&self) -> u64 {
        u64::MAX >> (64 - 8 * self.field_length)
    }

    /// The longest frame: the limit, or less if the length field cannot express it.
    fn max_frame(&self) -> usize {
        let most = self.max_length().saturating_add_signed(self.adjustment as i64);
        usize::try_from(most).map_or(self.max_frame_length, |most| most.min(self.max_frame_length))
    }

    fn skipped(&self) -> usize {
        self.num_skip.unwrap_or_else(|| self.offset.saturating_add(self.field_length))
    }

    /// The number of bytes that must have come before the frame begins.
    fn head_len(&self) -> usize {
        self.skipped().max(self.offset.saturating_add(self.field_length))
    }
}

impl Default for Builder {
    fn default() -> Builder {
        Builder::new()
    }
}

/// The error of a frame that is longer than the limit. Inside an [`io::Error`].
#[derive(Debug)]
#[non_exhaustive]
pub struct LengthDelimitedCodecError;

impl fmt::Display for LengthDelimitedCodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("frame size too big")
    }
}

impl std::error::Error for LengthDelimitedCodecError {}
