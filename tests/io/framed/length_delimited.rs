//! `LengthDelimitedCodec`.

use std::io::ErrorKind;

use bytes::{Bytes, BytesMut};
use futures::executor::block_on;
use openwork::io::framed::length_delimited::{Builder, LengthDelimitedCodecError};
use openwork::io::framed::{Decoder, Encoder, FramedRead, LengthDelimitedCodec};

use crate::common::{Random, ends, panic_of};
use crate::script::Step::{Data, Pending};
use crate::script::{in_pieces, pattern, reader};

/// All frames, and the kind of the error at the end.
fn frames(config: &Builder, bytes: &[u8]) -> (Vec<Vec<u8>>, Option<ErrorKind>) {
    let mut stream = config.new_read(bytes);
    let mut found = Vec::new();
    loop {
        match block_on(stream.next()) {
            Some(Ok(frame)) => found.push(frame.to_vec()),
            Some(Err(error)) => {
                assert!(block_on(stream.next()).is_none());
                return (found, Some(error.kind()));
            }
            None => return (found, None),
        }
    }
}

#[test]
fn a_frame_is_found_for_every_position_and_meaning_of_its_length() {
    type Config = fn(&mut Builder) -> &mut Builder;
    let cases: &[(Config, &[u8], &[u8])] = &[
        (|b| b, b"\0\0\0\x09abcdefghi", b"abcdefghi"),
        (|b| b.little_endian(), b"\x09\0\0\0abcdefghi", b"abcdefghi"),
        (|b| b.little_endian().big_endian(), b"\0\0\0\x03123", b"123"),
        (|b| b.length_field_length(1), b"\x09abcdefghi", b"abcdefghi"),
        (|b| b.length_field_type::<u16>(), b"\0\x03123", b"123"),
        (|b| b.length_field_type::<u64>().little_endian(), b"\x03\0\0\0\0\0\0\x00123", b"123"),
        (|b| b.length_field_length(8), b"\0\0\0\0\0\0\0\x03123", b"123"),
        (|b| b.length_field_length(3).little_endian(), b"\x03\0\x00123", b"123"),
        (|b| b.length_field_length(2).length_field_offset(4), b"zzzz\0\x03123", b"123"),
        // The frame includes the head; the adjustment adds its length.
        (|b| b.length_field_length(2).num_skip(0).length_adjustment(2), b"\0\x03123", b"\0\x03123"),
        // The length counts the head.
        (|b| b.length_field_length(2).length_adjustment(-2), b"\0\x05123", b"123"),
        (|b| b.length_field_length(2).num_skip(0), b"\0\x05123", b"\0\x05123"),
        // The head continues behind the length: in the frame, and skipped.
        (
            |b| b.length_field_length(3).length_adjustment(5).num_skip(0),
            b"\0\0\x03\xCA\xFE123",
            b"\0\0\x03\xCA\xFE123",
        ),
        (|b| b.length_field_length(3).num_skip(4), b"\0\0\x03\xFF123", b"123"),
        (
            |b| b.length_field_offset(1).length_field_length(2).length_adjustment(1).num_skip(3),
            b"\xCA\0\x03\xFE123",
            b"\xFE123",
        ),
        (
            |b| b.length_field_offset(1).length_field_length(2).length_adjustment(-3).num_skip(3),
            b"\xCA\0\x07\xFE123",
            b"\xFE123",
        ),
        (|b| b, b"\0\0\0\0", b""),
    ];
    for (number, (config, bytes, frame)) in cases.iter().enumerate() {
        let mut builder = Builder::new();
        let config = config(&mut builder);
        let (found, error) = frames(config, &bytes.repeat(3));
        assert_eq!(error, None, "{number}");
        assert_eq!(found, [*frame, *frame, *frame], "{number}");
        // A stream that ends anywhere inside is an error.
        for cut in 1..bytes.len() {
            let cut = [bytes, &bytes[..cut]].concat();
            let (found, error) = frames(config, &cut);
            assert_eq!(error, Some(ErrorKind::UnexpectedEof), "{number}");
            assert_eq!(found, [*frame], "{number}");
        }
    }
    let mut native = Builder::new();
    native.native_endian();
    let bytes = [&3_u32.to_ne_bytes()[..], b"123"].concat();
    assert_eq!(frames(&native, &bytes).0, [&b"123"[..]]);
}

#[test]
fn frames_do_not_depend_on_how_the_bytes_were_cut() {
    ends(|| {
        for seed in 1..2000 {
            let mut random = Random(seed);
            let expected: Vec<_> =
                (0..random.below(6)).map(|_| pattern(random.below(300))).collect();
            let mut config = Builder::new();
            config.length_field_length(2 + random.below(7));
            config.length_adjustment(random.below(3) as isize - 2);
            if random.below(2) == 0 {
                config.little_endian();
            }
            let (mut codec, mut bytes) = (config.new_codec(), BytesMut::new());
            for frame in &expected {
                codec.encode(Bytes::from(frame.clone()), &mut bytes).unwrap();
            }
            let steps = in_pieces(&bytes, 1 + random.below(200), |limit| random.below(limit));
            let capacity = 1 + random.below(100);
            let mut stream = FramedRead::with_capacity(reader(steps), codec, capacity);
            for frame in &expected {
                let found = block_on(stream.next()).unwrap().unwrap();
                assert!(found == frame, "seed {seed}");
            }
            assert!(block_on(stream.next()).is_none());
        }
    });
}

#[test]
fn a_frame_over_the_limit_is_invalid_data_before_its_first_byte() {
    let mut config = Builder::new();
    config.max_frame_length(5);
    let (found, error) = frames(&config, b"\0\0\0\x05abcde\0\0\0\x06");
    assert_eq!(error, Some(ErrorKind::InvalidData));
    assert_eq!(found, [b"abcde"]);
    // Even if the number is larger than the address space.
    config.length_field_length(8);
    assert_eq!(frames(&config, &[0xFF; 8]).1, Some(ErrorKind::InvalidData));
    // A limit of 0 allows an empty frame.
    config.max_frame_length(0);
    assert_eq!(frames(&config, &[0; 16]).0, [b"", b""]);

    let error = config.new_codec().decode(&mut BytesMut::from(&[1; 8][..])).unwrap_err();
    assert!(error.get_ref().unwrap().is::<LengthDelimitedCodecError>());
    assert_eq!(error.to_string(), "frame size too big");
}

#[test]
fn a_length_below_its_minimum_is_invalid_data() {
    let mut config = Builder::new();
    config.length_field_length(2).length_adjustment(-4);
    assert_eq!(frames(&config, b"\0\x03123").1, Some(ErrorKind::InvalidData));
    assert_eq!(frames(&config, b"\0\x04").0, [b""]);
    // And it does not overflow.
    config.length_field_length(8).max_frame_length(usize::MAX).length_adjustment(isize::MAX);
    assert_eq!(frames(&config, &[0xFF; 8]).1, Some(ErrorKind::InvalidData));
    config.length_adjustment(isize::MIN);
    assert_eq!(frames(&config, &[0; 8]).1, Some(ErrorKind::InvalidData));
    // A head that is longer than any stream.
    config.length_field_offset(usize::MAX);
    assert_eq!(frames(&config, &[0; 8]).1, Some(ErrorKind::UnexpectedEof));
}

/// The head was taken out of the buffer, which is empty.
#[test]
fn a_stream_that_ends_just_behind_the_length_has_ended_inside_a_frame() {
    let config = Builder::new();
    assert_eq!(frames(&config, b"\0\0\0\x09").1, Some(ErrorKind::UnexpectedEof));
    let mut stream = config.new_read(reader([Data(b"\0\0\0\x09".to_vec()), Pending]));
    assert_eq!(block_on(stream.next()).unwrap().unwrap_err().kind(), ErrorKind::UnexpectedEof);
    assert!(block_on(stream.next()).is_none());
    assert!(block_on(stream.next()).is_none());
}

#[test]
fn a_new_limit_applies_to_the_next_head() {
    let bytes = b"\0\0\0\x09abcd";
    let mut codec = LengthDelimitedCodec::new();
    assert_eq!(codec.max_frame_length(), 8 * 1024 * 1024);
    let mut buf = BytesMut::from(&bytes[..]);
    assert!(codec.decode(&mut buf).unwrap().is_none());
    codec.set_max_frame_length(5);
    buf.extend_from_slice(b"efghi\0\0\0\x09abcdefghi");
    assert_eq!(codec.decode(&mut buf).unwrap().unwrap(), "abcdefghi");
    assert!(codec.decode(&mut buf).is_err());
    // The bytes after a broken head cannot be decoded: each further call fails.
    assert!(codec.decode(&mut buf).is_err());
    codec.set_max_frame_length(9);
    assert_eq!(codec.decode(&mut buf).unwrap().unwrap(), "abcdefghi");
}

#[test]
fn a_frame_is_written_with_its_length_before_it() {
    let written = |config: &Builder, frame: &'static [u8]| {
        let mut buf = BytesMut::from("before ");
        let result = config.new_codec().encode(Bytes::from_static(frame), &mut buf);
        let written = buf.split_off(7);
        assert_eq!(buf, "before ");
        assert_eq!(written.is_empty(), result.is_err(), "what is refused leaves nothing behind");
        result.map(|()| written).map_err(|error| error.kind())
    };
    let mut config = Builder::new();
    assert_eq!(written(&config, b"abc").unwrap(), &b"\0\0\0\x03abc"[..]);
    config.little_endian();
    assert_eq!(written(&config, b"abc").unwrap(), &b"\x03\0\0\0abc"[..]);
    config.length_adjustment(-4).length_field_length(2);
    assert_eq!(written(&config, b"abc").unwrap(), &b"\x07\0abc"[..]);
    config.length_adjustment(2);
    assert_eq!(written(&config, b"abc").unwrap(), &b"\x01\0abc"[..]);
    assert_eq!(written(&config, b"a").unwrap_err(), ErrorKind::InvalidInput);
    config.max_frame_length(2);
    assert_eq!(written(&config, b"ab").unwrap(), &b"\0\0ab"[..]);
    assert_eq!(written(&config, b"abc").unwrap_err(), ErrorKind::InvalidInput);
}

/// With a truncated length, the peer would read the rest of the frame as the next head.
#[test]
fn a_frame_too_long_for_its_field_is_an_error() {
    for (bytes, most) in [(1, 255), (2, 65_535)] {
        let mut codec = Builder::new().length_field_length(bytes).new_codec();
        let mut buf = BytesMut::new();
        codec.encode(Bytes::from(vec![0; most]), &mut buf).unwrap();
        let error = codec.encode(Bytes::from(vec![0; most + 1]), &mut buf).unwrap_err();
        assert_eq!((error.kind(), buf.len()), (ErrorKind::InvalidInput, bytes + most));
    }
}

/// For each size of the field, a limit below what it can hold and one above, and adjustments of both signs: the
/// longest frame is accepted, and one byte more is an error on both sides.
#[test]
fn the_longest_frame_is_accepted_and_no_longer_one() {
    for field in 1..=8_usize {
        for adjustment in [-300, -9, -4, -1, 0, 1, 2, 7, 300_isize] {
            for limit in [0, 1, 5, 200, 255, 256, 300, 65_535, 65_600, usize::MAX] {
                let config = *Builder::new()
                    .max_frame_length(limit)
                    .length_field_length(field)
                    .length_adjustment(adjustment);
                the_limit_is(config, field, adjustment, limit);
            }
        }
    }
}

fn the_limit_is(config: Builder, field: usize, adjustment: isize, limit: usize) {
    let case = format!("field {field}, adjustment {adjustment}, limit {limit}");
    let mut codec = config.new_codec();
    let in_field = (1_u128 << (8 * field)) as i128 - 1;
    let longest = (in_field + adjustment as i128).clamp(0, limit as i128) as usize;
    assert_eq!(codec.max_frame_length(), longest, "{case}");
    // The same limit, set later.
    let mut later = Builder::new()
        .length_field_length(field)
        .length_adjustment(adjustment)
        .max_frame_length(usize::MAX)
        .new_codec();
    later.set_max_frame_length(limit);
    assert_eq!(later.max_frame_length(), longest, "{case}");

    // The head of a frame of this length, if the field can hold it.
    let head = |frame: i128| {
        let length = frame - adjustment as i128;
        (0..=in_field).contains(&length).then(|| length.to_be_bytes()[16 - field..].to_vec())
    };
    // Longer frames are announced by a head only.
    const MADE: usize = 100_000;
    for length in [0, 1, longest.saturating_sub(1), longest] {
        if length > longest.min(MADE) {
            continue;
        }
        let (frame, mut bytes) = (pattern(length), BytesMut::new());
        let written = codec.encode(Bytes::from(frame.clone()), &mut bytes);
        match head(length as i128) {
            Some(head) => {
                written.unwrap();
                assert!(bytes == [&head[..], &frame[..]].concat(), "{case}, frame {length}");
                assert!(codec.decode(&mut bytes).unwrap().unwrap() == frame, "{case}");
                assert!(bytes.is_empty() && codec.decode(&mut bytes).unwrap().is_none());
            }
            None => assert_eq!(written.unwrap_err().kind(), ErrorKind::InvalidInput, "{case}"),
        }
    }
    if longest < MADE {
        let (frame, mut bytes) = (pattern(longest + 1), BytesMut::new());
        let error = codec.encode(Bytes::from(frame), &mut bytes).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{case}");
        assert!(error.get_ref().unwrap().is::<LengthDelimitedCodecError>() && bytes.is_empty());
    }
    let announced = head(longest as i128 + 1).into_iter().chain([vec![0xFF; field]]);
    for head in announced {
        let length = head.iter().fold(0, |number, byte| number << 8 | i128::from(*byte));
        let frame = length + adjustment as i128;
        let decoded = config.new_codec().decode(&mut BytesMut::from(&head[..]));
        match decoded {
            Ok(_) => assert!((0..=longest as i128).contains(&frame), "{case}, frame {frame}"),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::InvalidData, "{case}");
                assert!(!(0..=longest as i128).contains(&frame), "{case}, frame {frame}");
            }
        }
    }
}

/// Skipped bytes do not belong to the frame.
#[test]
fn the_limit_applies_to_the_frame_and_not_to_skipped_bytes() {
    for field in 1..=8_usize {
        for skipped in 0..=field + 3 {
            for adjustment in [-1, 0, 3_isize] {
                let config = *Builder::new()
                    .length_field_length(field)
                    .length_adjustment(adjustment)
                    .num_skip(skipped)
                    .max_frame_length(20);
                for frame in [19, 20, 21_usize] {
                    let mut bytes = vec![0; field - 1];
                    bytes.push((frame as isize - adjustment) as u8);
                    bytes.extend(pattern(30));
                    let expected = bytes[skipped..skipped + frame].to_vec();
                    let decoded = config.new_codec().decode(&mut BytesMut::from(&bytes[..]));
                    let case = format!("field {field}, skipped {skipped}, {adjustment}, {frame}");
                    match decoded {
                        Ok(found) => assert!(frame < 21 && found.unwrap() == expected, "{case}"),
                        Err(_) => assert_eq!(frame, 21, "{case}"),
                    }
                }
            }
        }
    }
}

#[test]
fn a_field_length_out_of_range_panics_at_the_callers_line() {
    for bytes in [0, 9] {
        let panicked = panic_of(|| _ = Builder::new().length_field_length(bytes)).unwrap();
        assert_eq!(panicked.message, "invalid length field length");
        assert_eq!(panicked.file, file!());
    }
}

/// A frame that would end before its own length field could be decoded without end.
#[test]
fn a_frame_contains_its_length_field_if_nothing_is_skipped() {
    let mut codec = LengthDelimitedCodec::builder().num_skip(0).new_codec();
    for length in 0..4 {
        let mut bytes = BytesMut::from(&[0, 0, 0, length, b'x'][..]);
        let error = codec.decode(&mut bytes).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{length}");
    }
    let mut bytes = BytesMut::from(&[0, 0, 0, 4, b'x'][..]);
    assert_eq!(codec.decode(&mut bytes).unwrap().unwrap(), [0, 0, 0, 4][..]);
}
