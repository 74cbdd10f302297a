//! A message is preceded by its length.
//!
//! Protocols differ in where the length stands, how long it is itself, and what it counts. So there are some
//! numbers, and one rule for all of them:
//!
//! ```text
//!   ┌────────┬────────┬────────────┬───────────────────────────────┐
//!   │        │ length │            │                               │
//!   └────────┴────────┴────────────┴───────────────────────────────┘
//!    offset   field    ▲            the frame: length + adjustment bytes
//!                      num_skip: where the frame begins
//! ```
//!
//! The length is what the peer claims. It is compared with the limit before anything is done with it, and even
//! then nothing is reserved for it: the buffer grows with what comes.
//!
//! A stream that ends before the frame does is an error, also if it ends just behind the length. Nothing is
//! left in the buffer then, and what is missing shows only in the state.
//!
//! This is the last file of `framed`. Next: `on_pool.rs`, for what no poller can watch.

use std::fmt;
use std::io::{self, ErrorKind};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures_io::{AsyncRead, AsyncWrite};

use super::both_ways::Framed;
use super::read::FramedRead;
use super::write::FramedWrite;
use super::{Decoder, Encoder, ended_inside_a_frame};

/// Frames, each with its length before it: four bytes, the high one first, unless the [`Builder`] is told
/// otherwise.
#[derive(Debug, Clone)]
pub struct LengthDelimitedCodec {
    config: Builder,
    /// The length of the frame whose head was taken out of the buffer.
    expected: Option<usize>,
}

impl LengthDelimitedCodec {
    /// With a limit of 8 MiB.
    pub fn new() -> LengthDelimitedCodec {
        Builder::new().new_codec()
    }

    /// For other protocols.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// The longest frame that can be read or written, in bytes: the limit that was set, or less if the length
    /// field cannot express as much.
    pub fn max_frame_length(&self) -> usize {
        self.config.max_frame()
    }

    /// Sets the limit. A frame whose head was already decoded is not checked against it.
    pub fn set_max_frame_length(&mut self, bytes: usize) {
        self.config.max_frame_length = bytes;
    }

    /// Takes the head of a frame, and returns the frame's length.
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
        let Some(length) = length.checked_add_signed(config.adjustment as i64) else {
            return Err(out_of_range(ErrorKind::InvalidData));
        };
        let length = usize::try_from(length).ok().filter(|length| *length <= config.max_frame());
        let Some(length) = length else {
            return Err(io::Error::new(ErrorKind::InvalidData, LengthDelimitedCodecError(())));
        };
        src.advance(config.skipped());
        Ok(Some(length))
    }
}

fn out_of_range(kind: ErrorKind) -> io::Error {
    io::Error::new(kind, "the length of a frame is out of range after its adjustment")
}

impl Default for LengthDelimitedCodec {
    fn default() -> LengthDelimitedCodec {
        LengthDelimitedCodec::new()
    }
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
            return Err(io::Error::new(ErrorKind::InvalidInput, LengthDelimitedCodecError(())));
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

/// Says where the length of a frame stands and what it means. From [`LengthDelimitedCodec::builder`].
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
    /// Four bytes of length, the high one first, then the frame; at most 8 MiB.
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

    /// The high byte of the length comes first.
    pub fn big_endian(&mut self) -> &mut Self {
        self.big_endian = true;
        self
    }

    /// The low byte of the length comes first.
    pub fn little_endian(&mut self) -> &mut Self {
        self.big_endian = false;
        self
    }

    /// The bytes of the length come as in this machine's memory.
    pub fn native_endian(&mut self) -> &mut Self {
        self.big_endian = cfg!(target_endian = "big");
        self
    }

    /// The limit for a frame as it is handed out when reading, and handed in when writing: for its length after the
    /// adjustment. It is lower where the length field cannot express as much.
    pub fn max_frame_length(&mut self, bytes: usize) -> &mut Self {
        self.max_frame_length = bytes;
        self
    }

    /// How many bytes the length has.
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

    /// The same, said by a type of number: `u8`, `u16`, `u32`, `u64`, `usize`. Which of them signifies nothing
    /// but its size.
    pub fn length_field_type<T: LengthFieldType>(&mut self) -> &mut Self {
        self.length_field_length(size_of::<T>())
    }

    /// How many bytes come before the length. When reading only.
    pub fn length_field_offset(&mut self, bytes: usize) -> &mut Self {
        self.offset = bytes;
        self
    }

    /// What to add to the length as it was sent to have that of the frame; when writing, it is subtracted.
    /// Negative where the length counts the head too.
    pub fn length_adjustment(&mut self, bytes: isize) -> &mut Self {
        self.adjustment = bytes;
        self
    }

    /// How many bytes to skip before the frame, for instance 0 to have the head with it. If this is not set,
    /// all up to the end of the length. When reading only.
    pub fn num_skip(&mut self, bytes: usize) -> &mut Self {
        self.num_skip = Some(bytes);
        self
    }

    /// The codec.
    pub fn new_codec(&self) -> LengthDelimitedCodec {
        LengthDelimitedCodec { config: *self, expected: None }
    }

    /// The frames of a reader.
    pub fn new_read<T: AsyncRead>(&self, upstream: T) -> FramedRead<T, LengthDelimitedCodec> {
        FramedRead::new(upstream, self.new_codec())
    }

    /// A writer of frames.
    pub fn new_write<T: AsyncWrite>(&self, inner: T) -> FramedWrite<T, LengthDelimitedCodec> {
        FramedWrite::new(inner, self.new_codec())
    }

    /// A stream that is read and written in frames.
    pub fn new_framed<T: AsyncRead + AsyncWrite>(
        &self,
        inner: T,
    ) -> Framed<T, LengthDelimitedCodec> {
        Framed::new(inner, self.new_codec())
    }

    /// The largest number that fits into the length field.
    fn max_length(&self) -> u64 {
        u64::MAX >> (64 - 8 * self.field_length)
    }

    /// The longest frame: the limit, or what the largest number in the length field stands for, if that is less.
    fn max_frame(&self) -> usize {
        let most = self.max_length().saturating_add_signed(self.adjustment as i64);
        usize::try_from(most).map_or(self.max_frame_length, |most| most.min(self.max_frame_length))
    }

    fn skipped(&self) -> usize {
        self.num_skip.unwrap_or_else(|| self.offset.saturating_add(self.field_length))
    }

    /// What must have come before the frame can be looked at.
    fn head_len(&self) -> usize {
        self.skipped().max(self.offset.saturating_add(self.field_length))
    }
}

/// A number that may be a frame's length: `u8`, `u16`, `u32`, `u64` or `usize`.
pub trait LengthFieldType: sealed::Number {}

impl<T: sealed::Number> LengthFieldType for T {}

mod sealed {
    pub trait Number {}

    impl Number for u8 {}
    impl Number for u16 {}
    impl Number for u32 {}
    impl Number for u64 {}
    impl Number for usize {}
}

impl Default for Builder {
    fn default() -> Builder {
        Builder::new()
    }
}

/// A frame is longer than the limit. Within an [`io::Error`].
pub struct LengthDelimitedCodecError(());

impl fmt::Debug for LengthDelimitedCodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LengthDelimitedCodecError").finish()
    }
}

impl fmt::Display for LengthDelimitedCodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("frame size too big")
    }
}

impl std::error::Error for LengthDelimitedCodecError {}
