//! `LinesCodec`.

use std::error::Error as _;
use std::io::ErrorKind;

use bytes::BytesMut;
use futures::executor::block_on;
use openwork::io::framed::{Decoder, Encoder, FramedRead, LinesCodec, LinesCodecError};

use crate::common::{Random, ends};
use crate::script::Step::{Data, Pending};
use crate::script::{in_pieces, reader, text};

fn decoded(codec: &mut LinesCodec, buf: &mut BytesMut) -> Option<String> {
    codec.decode(buf).unwrap()
}

fn is_too_long(result: Result<Option<String>, LinesCodecError>) -> bool {
    matches!(result, Err(LinesCodecError::MaxLineLengthExceeded))
}

#[test]
fn lines_are_found_and_their_ends_stripped() {
    let mut codec = LinesCodec::new();
    let mut buf = BytesMut::from("line 1\nline 2\r\nline 3\n\r\n\r");
    for line in ["line 1", "line 2", "line 3", ""] {
        assert_eq!(decoded(&mut codec, &mut buf).unwrap(), line);
    }
    assert_eq!(decoded(&mut codec, &mut buf), None);
    // A lone `\r` at the end of the stream is neither a line end nor a line.
    assert_eq!(codec.decode_eof(&mut buf).unwrap(), None);
    buf.extend_from_slice(b"k");
    assert_eq!(decoded(&mut codec, &mut buf), None);
    assert_eq!(codec.decode_eof(&mut buf).unwrap().unwrap(), "\rk");
    assert_eq!(codec.decode_eof(&mut buf).unwrap(), None);
}

#[test]
fn lines_do_not_depend_on_how_the_bytes_were_cut() {
    ends(|| {
        for seed in 1..3000 {
            let mut random = Random(seed);
            let most = random.below(15);
            let mut all = String::new();
            for _ in 0..random.below(10) {
                for _ in 0..random.below(20) {
                    all.push(['a', 'Ü', '\r'][random.below(3)]);
                }
                all.push('\n');
            }
            // The frames of all the bytes at once, and the frames of the pieces, which must be the same.
            let expected: Vec<_> = all
                .split_terminator('\n')
                .map(|line| (line.len() <= most).then(|| line.strip_suffix('\r').unwrap_or(line)))
                .collect();
            let steps = in_pieces(all.as_bytes(), 7, |limit| random.below(limit));
            let codec = LinesCodec::new_with_max_length(most);
            let mut lines = FramedRead::with_capacity(reader(steps), codec, 1 + random.below(9));
            let mut found = Vec::new();
            block_on(async {
                while found.len() < expected.len() {
                    match lines.next().await {
                        Some(Ok(line)) => found.push(Some(line)),
                        Some(Err(error)) => {
                            assert!(is_too_long(Err(error)));
                            found.push(None);
                            // One `None` follows the error, and then reading continues.
                            assert!(lines.next().await.is_none());
                        }
                        None => panic!("seed {seed}: {found:?} of {expected:?}"),
                    }
                }
                assert!(lines.next().await.is_none());
            });
            let found: Vec<_> = found.iter().map(Option::as_deref).collect();
            assert_eq!(found, expected, "seed {seed}");
        }
    });
}

#[test]
fn a_line_over_the_limit_is_an_error_and_is_skipped() {
    let mut codec = LinesCodec::new_with_max_length(6);
    assert_eq!(codec.max_length(), 6);
    let all = "line 1 is too long\nline 2\nline 3\r\nline 4\n\r\n\r";
    let mut buf = BytesMut::from(all);
    assert!(is_too_long(codec.decode(&mut buf)));
    assert_eq!(decoded(&mut codec, &mut buf).unwrap(), "line 2");
    // The `\r` counts.
    assert!(is_too_long(codec.decode(&mut buf)));
    assert_eq!(decoded(&mut codec, &mut buf).unwrap(), "line 4");
    assert_eq!(decoded(&mut codec, &mut buf).unwrap(), "");
    assert_eq!(decoded(&mut codec, &mut buf), None);
    buf.extend_from_slice(b"aaabbbc");
    assert!(is_too_long(codec.decode_eof(&mut buf)));
    assert_eq!(codec.decode_eof(&mut buf).unwrap(), None);
}

#[test]
fn a_line_fails_when_it_passes_the_limit_and_not_when_it_ends() {
    let mut codec = LinesCodec::new_with_max_length(11);
    let mut buf = BytesMut::from("line ");
    assert_eq!(decoded(&mut codec, &mut buf), None);
    buf.extend_from_slice(b"too very l");
    assert!(is_too_long(codec.decode(&mut buf)));
    for more in ["aaaaaaaaaaaaaaaaaaaaaaa", "a", ""] {
        buf.extend_from_slice(more.as_bytes());
        assert_eq!(decoded(&mut codec, &mut buf), None);
        // And its bytes are not kept.
        assert!(buf.is_empty());
    }
    buf.extend_from_slice(b"ong\nshort\n");
    assert_eq!(decoded(&mut codec, &mut buf).unwrap(), "short");
}

#[test]
fn a_line_of_exactly_the_limit_is_accepted() {
    let mut codec = LinesCodec::new_with_max_length(5);
    let mut buf = BytesMut::from("hello");
    assert_eq!(decoded(&mut codec, &mut buf), None);
    buf.extend_from_slice(b"\nworld");
    assert_eq!(decoded(&mut codec, &mut buf).unwrap(), "hello");
    assert_eq!(codec.decode_eof(&mut buf).unwrap().unwrap(), "world");
    let mut codec = LinesCodec::new_with_max_length(0);
    let mut buf = BytesMut::from("\n\nx");
    assert_eq!(decoded(&mut codec, &mut buf).unwrap(), "");
    assert_eq!(decoded(&mut codec, &mut buf).unwrap(), "");
    assert!(is_too_long(codec.decode(&mut buf)));
}

#[test]
fn a_line_that_is_not_utf8_is_invalid_data_and_the_next_line_is_found() {
    let stream = reader([Data(b"good\nbad \xFF\n".to_vec()), Pending, text("good again\nx")]);
    let mut lines = FramedRead::new(stream, LinesCodec::new());
    block_on(async {
        assert_eq!(lines.next().await.unwrap().unwrap(), "good");
        let error = lines.next().await.unwrap().unwrap_err();
        assert!(error.to_string().starts_with("invalid utf-8 sequence"), "{error}");
        let LinesCodecError::Io(error) = error else { panic!("{error:?}") };
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        assert!(lines.next().await.is_none());
        assert_eq!(lines.next().await.unwrap().unwrap(), "good again");
        // The last line need not have an end.
        assert_eq!(lines.next().await.unwrap().unwrap(), "x");
        assert!(lines.next().await.is_none());
    });
}

/// The codec had searched the whole line, and must start from 0 in the next one.
#[test]
fn a_last_line_that_is_not_utf8_resets_the_codec() {
    let mut codec = LinesCodec::new();
    let mut buf = BytesMut::from(&b"bad \xFF"[..]);
    assert_eq!(decoded(&mut codec, &mut buf), None);
    assert!(codec.decode_eof(&mut buf).is_err());
    buf.extend_from_slice(b"a\n");
    assert_eq!(decoded(&mut codec, &mut buf).unwrap(), "a");
    // Nor if other code takes bytes out of the buffer.
    buf.extend_from_slice(b"a long line without an end");
    assert_eq!(decoded(&mut codec, &mut buf), None);
    buf.clear();
    buf.extend_from_slice(b"b\n");
    assert_eq!(decoded(&mut codec, &mut buf), None);
    assert_eq!(codec.decode_eof(&mut buf).unwrap().unwrap(), "b\n");
}

#[test]
fn a_line_is_written_with_its_end() {
    let (mut codec, mut buf) = (LinesCodec::new(), BytesMut::new());
    codec.encode("line 1", &mut buf).unwrap();
    codec.encode("line 2".to_owned(), &mut buf).unwrap();
    assert_eq!(buf, "line 1\nline 2\n");
}

#[test]
fn the_error_of_a_line_names_its_cause() {
    let error = LinesCodecError::MaxLineLengthExceeded;
    assert_eq!(error.to_string(), "max line length exceeded");
    assert!(error.source().is_none());
    let error = LinesCodecError::from(std::io::Error::from(ErrorKind::BrokenPipe));
    assert_eq!(error.to_string(), "broken pipe");
}
