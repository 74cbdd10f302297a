//! A frame is a line of text.
//!
//! The codec looks for a line feed in the buffer, and remembers how far it has looked: a line that comes byte by byte is
//! not searched again from its start for each byte.
//!
//! A line that is too long is an error as soon as it passes the limit, not when it ends, since it may never end. The
//! codec drops the rest of it as it comes.
//!
//! Next: `length_delimited.rs`, for frames that are not text.

use std::fmt;
use std::io::{self, BufRead as _};

use bytes::{Buf, BufMut, BytesMut};

use super::super::read_until::not_utf8;
use super::{Decoder, Encoder};

/// Lines of text, without their ends: `\n` or `\r\n`. The last line of a stream need not have an end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinesCodec {
    max_length: usize,
    /// The number of bytes at the front of the buffer that have no line feed.
    searched: usize,
    /// The line was too long, and the rest of it is dropped as it comes.
    discarding: bool,
}

impl LinesCodec {
    /// Creates a codec for lines of any length. **Not for an untrusted peer**: a line that never ends fills the memory.
    pub fn new() -> LinesCodec {
        Self::new_with_max_length(usize::MAX)
    }

    /// Creates a codec for lines of at most `max_length` bytes, including a `\r` at the end. A longer line is an error; a
    /// further call skips it.
    pub fn new_with_max_length(max_length: usize) -> LinesCodec {
        LinesCodec { max_length, searched: 0, discarding: false }
    }

    /// Returns the limit; `usize::MAX` if there is none.
    pub fn max_length(&self) -> usize {
        self.max_length
    }

    /// Drops the rest of a line that was too long, as far as it has come.
    fn discard(&mut self, src: &mut BytesMut) {
        let (len, ended) = line_of(src);
        src.advance(len);
        self.discarding = !ended;
        self.searched = 0;
    }
}

impl Default for LinesCodec {
    fn default() -> LinesCodec {
        LinesCodec::new()
    }
}

/// Returns the length of the first line, with its line feed, and whether it has a line feed.
fn line_of(mut bytes: &[u8]) -> (usize, bool) {
    let all = bytes;
    // Std's own search, on bytes in memory. It cannot fail there.
    let len = bytes.skip_until(b'\n').unwrap_or(0);
    (len, all[..len].last() == Some(&b'\n'))
}

fn text_of(line: &[u8]) -> Result<String, LinesCodecError> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let text = std::str::from_utf8(line).map_err(not_utf8)?;
    Ok(text.to_owned())
}

impl Decoder for LinesCodec {
    type Item = String;
    type Error = LinesCodecError;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<String>, LinesCodecError> {
        if self.discarding {
            self.discard(src);
        }
        let within = src.len().min(self.max_length.saturating_add(1));
        let start = self.searched.min(within);
        let (len, ended) = line_of(&src[start..within]);
        if ended {
            self.searched = 0;
            let line = src.split_to(start + len);
            return text_of(&line[..line.len() - 1]).map(Some);
        }
        if src.len() > self.max_length {
            self.discard(src);
            return Err(LinesCodecError::MaxLineLengthExceeded);
        }
        self.searched = within;
        Ok(None)
    }

    fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<String>, LinesCodecError> {
        if let Some(line) = self.decode(src)? {
            return Ok(Some(line));
        }
        if src.is_empty() || src == "\r" {
            return Ok(None);
        }
        self.searched = 0;
        text_of(&src.split()).map(Some)
    }
}

impl<T: AsRef<str>> Encoder<T> for LinesCodec {
    type Error = LinesCodecError;

    fn encode(&mut self, line: T, dst: &mut BytesMut) -> Result<(), LinesCodecError> {
        let line = line.as_ref();
        dst.reserve(line.len() + 1);
        dst.put_slice(line.as_bytes());
        dst.put_u8(b'\n');
        Ok(())
    }
}

/// The error of a [`LinesCodec`].
#[derive(Debug)]
pub enum LinesCodecError {
    /// The line is longer than the limit.
    MaxLineLengthExceeded,
    /// The stream failed; or the line is not UTF-8, which has the kind [`io::ErrorKind::InvalidData`].
    Io(io::Error),
}

impl From<io::Error> for LinesCodecError {
    fn from(error: io::Error) -> LinesCodecError {
        LinesCodecError::Io(error)
    }
}

impl fmt::Display for LinesCodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LinesCodecError::MaxLineLengthExceeded => f.write_str("max line length exceeded"),
            LinesCodecError::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for LinesCodecError {}
