//! The codec that writes the length of each frame before it.
//!
//! Protocols differ in where the length field is, how many bytes it has, and what it counts. A [`Builder`] sets these
//! numbers, and the codec decodes with them:
//!
//! ```text
//!   ┌──────────┬────────┬──────────┬─────────────────────────────┐
//!   │ ignored  │ length │ ignored  │ the frame                   │
//!   └──────────┴────────┴──────────┴─────────────────────────────┘
//!   ◀─ offset ─▶                   ◀──── length + adjustment ────▶
//!   ◀────────── num_skip ──────────▶
//! ```
//!
//! The bytes before the frame are its head. The codec ignores those around the length; by default there are none.
//!
//! The peer chooses the length. The codec compares it with the limit first, and even then reserves no memory for it:
//! the buffer grows with the bytes that come.
//!
//! A stream that ends inside a frame is an error, even if it ends directly after the head. The buffer is empty then,
//! and only the codec's state shows that a frame was expected.
//!
//! This is the last file of `framed`. Next: `blocking.rs`, for files, which no poller can watch.

use std::fmt;
use std::io::{self, ErrorKind};

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::{Decoder, Encoder, Framed, FramedRead, FramedWrite, ended_inside_a_frame};

/// A codec for frames with their length before them: four bytes in big-endian order, unless a [`Builder`] changes it.
///
/// After a length that is over the limit or out of range, it cannot find the next frame: it leaves the bytes in the
/// buffer, and returns the error again for them.
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
    /// The length of the next frame, if its head was decoded and skipped already.
    expected: Option<usize>,
}

impl LengthDelimitedCodec {
    /// Creates a codec for frames of at most 8 MiB, with a length of four bytes in big-endian order.
    pub fn new() -> LengthDelimitedCodec {
        Builder::new().new_codec()
    }

    /// Creates a [`Builder`], which sets where the length is, its size and what it counts.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Returns the length of the longest frame in bytes: the limit that was set, or less if the length field is too
    /// small for it.
    pub fn max_frame_length(&self) -> usize {
        self.config.effective_limit()
    }

    /// Sets the length of the longest frame in bytes. It does not apply to a frame whose head was decoded already.
    pub fn set_max_frame_length(&mut self, bytes: usize) {
        self.config.max_frame_length = bytes;
    }

    /// Decodes the length of the next frame and skips `num_skip` bytes; `None` if the head is not complete.
    fn decode_head(&self, src: &mut BytesMut) -> io::Result<Option<usize>> {
        let config = &self.config;
        let Some(mut field) = src.get(config.offset..).filter(|_| src.len() >= config.head_len())
        else {
            return Ok(None);
        };
        let value = match config.big_endian {
            true => field.get_uint(config.field_length),
            false => field.get_uint_le(config.field_length),
        };
        let length = value.checked_add_signed(config.adjustment as i64);
        let length = length.ok_or_else(|| out_of_range(ErrorKind::InvalidData))?;
        let limit = config.effective_limit();
        let length = usize::try_from(length).ok().filter(|length| *length <= limit);
        let length = length.ok_or_else(|| too_long(ErrorKind::InvalidData))?;
        // Such a frame would begin before the end of its own length field, and an empty one would never end.
        if config.skipped().saturating_add(length) < config.offset + config.field_length {
            return Err(out_of_range(ErrorKind::InvalidData));
        }
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
        if data.len() > config.effective_limit() {
            return Err(too_long(ErrorKind::InvalidInput));
        }
        // The limit does not ensure this: with an adjustment of -300, an empty frame needs 300 in its length field.
        let value = u64::try_from(data.len() as i128 - config.adjustment as i128).ok();
        let value = value.filter(|value| *value <= config.max_field_value());
        let value = value.ok_or_else(|| out_of_range(ErrorKind::InvalidInput))?;
        dst.reserve(config.field_length + data.len());
        match config.big_endian {
            true => dst.put_uint(value, config.field_length),
            false => dst.put_uint_le(value, config.field_length),
        }
        dst.extend_from_slice(&data);
        Ok(())
    }
}

/// Configures a [`LengthDelimitedCodec`]: where the length is, its size and what it counts.
///
/// The module's picture shows the numbers. Encoding writes only the length field and the frame, whatever
/// `length_field_offset` and `num_skip` are.
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
    /// Creates a builder for the default protocol: a length of four bytes in big-endian order, directly before a frame
    /// of at most 8 MiB.
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

    /// Sets the byte order of the length to that of the machine that the program is built for.
    pub fn native_endian(&mut self) -> &mut Self {
        self.big_endian = cfg!(target_endian = "big");
        self
    }

    /// Sets the length of the longest frame in bytes, for reading and writing. The default is 8 MiB.
    ///
    /// It limits the length after the adjustment. The limit is lower if the length field is too small for it.
    pub fn max_frame_length(&mut self, bytes: usize) -> &mut Self {
        self.max_frame_length = bytes;
        self
    }

    /// Sets the size of the length field in bytes. The default is 4.
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

    /// Sets the size of the length field to that of an integer type such as `u16`.
    ///
    /// # Panics
    ///
    /// If the size is not 1 to 8.
    #[track_caller]
    pub fn length_field_type<T>(&mut self) -> &mut Self {
        self.length_field_length(size_of::<T>())
    }

    /// Sets the number of bytes before the length field, for reading only. The default is 0.
    pub fn length_field_offset(&mut self, bytes: usize) -> &mut Self {
        self.offset = bytes;
        self
    }

    /// Sets the number that is added to the value of the length field to get the length of the frame. The default is 0.
    ///
    /// Writing subtracts it. It is negative if the value counts the bytes of the head too.
    pub fn length_adjustment(&mut self, bytes: isize) -> &mut Self {
        self.adjustment = bytes;
        self
    }

    /// Sets the number of bytes to skip before the frame, for reading only. By default, these are the bytes up to the
    /// end of the length field.
    ///
    /// With 0, the frame begins with the head. Then the length, after the adjustment, must count the head too.
    pub fn num_skip(&mut self, bytes: usize) -> &mut Self {
        self.num_skip = Some(bytes);
        self
    }

    /// Creates the codec.
    pub fn new_codec(&self) -> LengthDelimitedCodec {
        LengthDelimitedCodec { config: *self, expected: None }
    }

    /// Creates a [`FramedRead`] that reads frames from the stream `io`.
    pub fn new_read<T>(&self, io: T) -> FramedRead<T, LengthDelimitedCodec> {
        FramedRead::new(io, self.new_codec())
    }

    /// Creates a [`FramedWrite`] that writes frames to the stream `io`.
    pub fn new_write<T>(&self, io: T) -> FramedWrite<T, LengthDelimitedCodec> {
        FramedWrite::new(io, self.new_codec())
    }

    /// Creates a [`Framed`] that reads and writes frames on the stream `io`.
    pub fn new_framed<T>(&self, io: T) -> Framed<T, LengthDelimitedCodec> {
        Framed::new(io, self.new_codec())
    }

    /// The largest number that fits into the length field.
    fn max_field_value(&self) -> u64 {
        u64::MAX >> (64 - 8 * self.field_length)
    }

    /// The length of the longest frame: the limit that was set, or less if the length field is too small for it.
    fn effective_limit(&self) -> usize {
        let most = self.max_field_value().saturating_add_signed(self.adjustment as i64);
        usize::try_from(most).map_or(self.max_frame_length, |most| most.min(self.max_frame_length))
    }

    /// The number of bytes that decoding skips before the frame.
    fn skipped(&self) -> usize {
        self.num_skip.unwrap_or_else(|| self.offset.saturating_add(self.field_length))
    }

    /// The number of bytes that the buffer must have to decode the length and to skip `num_skip` bytes.
    fn head_len(&self) -> usize {
        self.skipped().max(self.offset.saturating_add(self.field_length))
    }
}

impl Default for Builder {
    fn default() -> Builder {
        Builder::new()
    }
}

/// The error for a frame that is longer than the limit.
///
/// It is inside an [`io::Error`], whose kind is `InvalidData` when reading and `InvalidInput` when writing.
#[derive(Debug)]
#[non_exhaustive]
pub struct LengthDelimitedCodecError;

impl fmt::Display for LengthDelimitedCodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("frame size too big")
    }
}

impl std::error::Error for LengthDelimitedCodecError {}
