//! The codecs on their buffers, without a stream: bytes come in pieces of any length.

use super::codec::length_delimited::LengthDelimitedCodecError;
use super::codec::{self, Decoder, Encoder};
use crate::side::{Operation, Subject, done};
use crate::steps::{Random, Step};
use bytes::{BufMut, Bytes, BytesMut};
use std::fmt::Debug;
use std::io;

pub struct LengthDelimitedCodec {
    codec: codec::LengthDelimitedCodec,
    /// How many bytes there are in the length field, and before it.
    field: usize,
    offset: usize,
    /// What the differences depend on, as a text.
    parameters: String,
    input: BytesMut,
    output: BytesMut,
}

pub struct LinesCodec {
    codec: codec::LinesCodec,
    input: BytesMut,
    output: BytesMut,
}

/// Numbers from a number.
fn bytes_of(step: Step) -> impl FnMut() -> u8 {
    let mut random = Random(step.amount as u64);
    move || random.next() as u8
}

fn show<T>(result: io::Result<T>) -> Result<T, String> {
    result.map_err(|error| {
        let inner = error.get_ref();
        let is_too_long = inner.is_some_and(|inner| inner.is::<LengthDelimitedCodecError>());
        format!("{:?}{}", error.kind(), if is_too_long { ", too long" } else { "" })
    })
}

/// A result, and the bytes that are left in a buffer.
fn with_rest(text: &str, result: impl Debug, rest: &BytesMut) -> Operation {
    done(text, (result, rest))
}

impl Subject for LengthDelimitedCodec {
    fn new(random: &mut Random) -> Self {
        let mut builder = codec::LengthDelimitedCodec::builder();
        let field = 1 + random.below(8);
        let offset = random.below(4).saturating_sub(1);
        builder.length_field_length(field).length_field_offset(offset);
        match random.below(3) {
            0 => builder.little_endian(),
            1 => builder.native_endian(),
            _ => builder.big_endian(),
        };
        if random.below(2) == 0 {
            builder.max_frame_length(random.below(12));
        }
        let mut parameters = String::new();
        if random.below(3) == 0 {
            let adjustment = random.below(9) as isize - 4;
            builder.length_adjustment(adjustment);
            parameters += &format!(", adjusted by {adjustment:+}");
        }
        if random.below(3) == 0 {
            let skip = random.below(14);
            builder.num_skip(skip);
            if skip < field + offset {
                parameters += ", head in the frame";
            }
        }
        let codec = builder.new_codec();
        let (input, output) = (BytesMut::new(), BytesMut::new());
        LengthDelimitedCodec { codec, field, offset, parameters, input, output }
    }

    fn operate(&mut self, step: Step) -> Operation {
        let (mut byte, amount) = (bytes_of(step), step.amount);
        match step.operation % 16 {
            0..4 => {
                // A head, most often with a small length.
                let head = self.offset + self.field;
                let significant = amount % self.field.max(1);
                for _ in 0..head {
                    self.input.put_u8(0);
                }
                let len = self.input.len();
                self.input[len - 1 - significant] = byte() % 8;
                with_rest("a head comes", (), &self.input)
            }
            4..7 => {
                for _ in 0..amount % 9 {
                    self.input.put_u8(byte() % 4);
                }
                with_rest("bytes come", (), &self.input)
            }
            7..11 => {
                let frame = show(self.codec.decode(&mut self.input));
                with_rest(&format!("decode{}", self.parameters), frame, &self.input)
            }
            11 => {
                let frame = show(self.codec.decode_eof(&mut self.input));
                with_rest(&format!("decode_eof{}", self.parameters), frame, &self.input)
            }
            12 | 13 => {
                let frame: Bytes = (0..amount % 12).map(|_| byte() % 4).collect();
                let result = show(self.codec.encode(frame, &mut self.output));
                with_rest(&format!("encode{}", self.parameters), result, &self.output)
            }
            14 if amount.is_multiple_of(4) => {
                self.codec.set_max_frame_length(amount / 4 % 12);
                done("set_max_frame_length", amount / 4 % 12)
            }
            14 => {
                done(format!("max_frame_length{}", self.parameters), self.codec.max_frame_length())
            }
            _ => {
                self.input = std::mem::take(&mut self.output);
                with_rest("what was encoded comes", (), &self.input)
            }
        }
    }
}

impl Subject for LinesCodec {
    fn new(random: &mut Random) -> Self {
        let codec = match random.below(3) {
            0 => codec::LinesCodec::new(),
            _ => codec::LinesCodec::new_with_max_length(random.below(7)),
        };
        LinesCodec { codec, input: BytesMut::new(), output: BytesMut::new() }
    }

    fn operate(&mut self, step: Step) -> Operation {
        let show = |result: Result<Option<String>, codec::LinesCodecError>| {
            result.map_err(|error| match error {
                codec::LinesCodecError::MaxLineLengthExceeded => "too long".to_owned(),
                codec::LinesCodecError::Io(error) => format!("{:?}", error.kind()),
            })
        };
        let (mut byte, amount) = (bytes_of(step), step.amount);
        match step.operation % 12 {
            0..5 => {
                let before = self.input.len();
                for _ in 0..amount % 8 {
                    // Of the last two, the first one alone is not UTF-8.
                    self.input.put_u8(b"aab\r\n\n\xc3\xa9"[byte() as usize % 8]);
                }
                done("bytes come", &self.input[before..])
            }
            5..9 => {
                let line = show(self.codec.decode(&mut self.input));
                with_rest("decode", line, &self.input)
            }
            9 => {
                let line = show(self.codec.decode_eof(&mut self.input));
                with_rest("decode_eof", line, &self.input)
            }
            10 => {
                let line = &"a\rb\né"[..[0, 1, 2, 3, 4, 6][amount % 6]];
                let result = self.codec.encode(line, &mut self.output).map_err(|_| "error");
                with_rest("encode", result, &self.output)
            }
            _ => done("max_length", self.codec.max_length()),
        }
    }
}
