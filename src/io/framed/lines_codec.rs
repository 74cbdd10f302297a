//! The codec whose frames are lines of text.
//!
//! The codec searches the buffer for a line feed, and remembers how far it has searched. So a line that comes byte by
//! byte is not searched again from its start for each byte.
//!
//! A line that is too long is an error as soon as it passes the limit, not when it ends, since it may never end. The
//! codec drops its bytes, and the rest of it as it comes.
//!
//! Next: `length_delimited.rs`, for frames that are not text.

use std::fmt;
use std::io::{self, BufRead as _};

use bytes::{Buf, BufMut, BytesMut};

use super::super::read_until::not_utf8;
use super::{Decoder, Encoder};

/// A codec for lines of text, which are decoded without the `\n` or `\r\n` at their end.
///
/// The last line of a stream need not have an end. Encoding adds `\n`; it does not apply the limit, and does not check
/// that the text is a single line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinesCodec {
    max_length: usize,
    /// The number of bytes at the front of the buffer that have no line feed.
    searched: usize,
    /// Whether the bytes up to the next line feed are the rest of a line that was too long. They are dropped.
    discarding: bool,
}

impl LinesCodec {
    /// Creates a codec for lines of any length.
    ///
    /// **Not for an untrusted peer**: a line that never ends fills the memory.
    pub fn new() -> LinesCodec {
        Self::new_with_max_length(usize::MAX)
    }

    /// Creates a codec for lines of at most `max_length` bytes, not counting `\n`, but counting a `\r` before it.
    ///
    /// A longer line is decoded as an error, and is dropped. The line after it is decoded as usual.
    pub fn new_with_max_length(max_length: usize) -> LinesCodec {
        LinesCodec { max_length, searched: 0, discarding: false }
    }

    /// Returns the length of the longest line in bytes; `usize::MAX` if there is no limit.
    pub fn max_length(&self) -> usize {
        self.max_length
    }

    /// Drops the bytes at the front of `src` that belong to a line that is too long.
    fn discard(&mut self, src: &mut BytesMut) {
        let (len, ended) = first_line_len(src);
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
fn first_line_len(mut bytes: &[u8]) -> (usize, bool) {
    let all = bytes;
    // The search of std, which is fast. On bytes in memory it cannot fail.
    let len = bytes.skip_until(b'\n').unwrap_or(0);
    (len, all[..len].last() == Some(&b'\n'))
}

/// Converts a line without its line feed to text, and removes a `\r` at its end.
fn line_to_text(line: &[u8]) -> Result<String, LinesCodecError> {
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
        // The longest line has its line feed at `max_length`.
        let search_end = src.len().min(self.max_length.saturating_add(1));
        let search_start = self.searched.min(search_end);
        let (len, ended) = first_line_len(&src[search_start..search_end]);
        if ended {
            self.searched = 0;
            let line = src.split_to(search_start + len);
            return line_to_text(&line[..line.len() - 1]).map(Some);
        }
        if src.len() > self.max_length {
            self.discard(src);
            return Err(LinesCodecError::MaxLineLengthExceeded);
        }
        self.searched = search_end;
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
        line_to_text(&src.split()).map(Some)
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
    /// The error of the stream, or, if the line is not UTF-8, an error of kind [`io::ErrorKind::InvalidData`].
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
