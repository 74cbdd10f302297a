//! Reading up to a delimiter, line by line, and segment by segment.

use std::io::ErrorKind;
use std::str::Utf8Error;

use crate::common::{Random, ends};
use crate::script::Step::{Data, Fail, Pending, Stall};
use crate::script::{Script, Step, consume, fill_buf, in_pieces, reader, text};
use futures::FutureExt;
use futures::executor::block_on;
use openwork::io::{AsyncBufReadExt, AsyncReadExt, BufReader, empty};

fn buffered(steps: impl IntoIterator<Item = Step>) -> BufReader<Script> {
    BufReader::new(reader(steps))
}

/// Text with lines of all lengths, empty lines, both line ends, and characters of one to four bytes.
fn random_text(random: &mut Random) -> String {
    let mut all = String::new();
    for _ in 0..random.below(12) {
        for _ in 0..random.below(20) {
            all.push(['a', 'b', 'Ü', '€', '𝄞', '\r', ' '][random.below(7)]);
        }
        all.push_str(["\n", "\r\n"][random.below(2)]);
    }
    // The last line may have no end.
    all.push_str(["", "", "x", "last"][random.below(4)]);
    all
}

#[test]
fn lines_do_not_depend_on_how_the_bytes_were_cut() {
    ends(|| {
        for seed in 1..3000 {
            let mut random = Random(seed);
            let all = random_text(&mut random);
            // Std's lines of the same bytes.
            let expected: Vec<_> =
                std::io::BufRead::lines(all.as_bytes()).map(std::result::Result::unwrap).collect();
            let capacity = 1 + random.below(9);
            let steps = in_pieces(all.as_bytes(), 7, |limit| random.below(limit));
            let mut lines = BufReader::with_capacity(capacity, reader(steps)).lines();
            let mut found = Vec::new();
            block_on(async {
                while let Some(line) = lines.next_line().await.unwrap() {
                    found.push(line);
                }
                assert_eq!(lines.next_line().await.unwrap(), None);
            });
            assert_eq!(found, expected, "seed {seed}");
        }
    });
}

#[test]
fn segments_do_not_depend_on_how_the_bytes_were_cut() {
    ends(|| {
        for seed in 1..1000 {
            let mut random = Random(seed);
            let all: Vec<u8> = (0..random.below(60)).map(|_| random.below(4) as u8).collect();
            let expected: Vec<_> =
                std::io::BufRead::split(&all[..], 0).map(std::result::Result::unwrap).collect();
            let steps = in_pieces(&all, 5, |limit| random.below(limit));
            let mut pieces = BufReader::with_capacity(1 + random.below(5), reader(steps)).split(0);
            let mut found = Vec::new();
            while let Some(piece) = block_on(pieces.next_segment()).unwrap() {
                found.push(piece);
            }
            assert_eq!(found, expected, "seed {seed}");
        }
    });
}

#[test]
fn read_line_and_read_until_do_not_depend_on_how_the_bytes_were_cut() {
    ends(|| {
        for seed in 1..1000 {
            let mut random = Random(seed);
            let all = random_text(&mut random);
            let capacity = 1 + random.below(9);
            let mut steps = || in_pieces(all.as_bytes(), 7, |limit| random.below(limit));
            let mut by_line = BufReader::with_capacity(capacity, reader(steps()));
            let mut by_bytes = BufReader::with_capacity(capacity, reader(steps()));
            let (mut text, mut bytes) = (String::new(), Vec::new());
            for line in all.split_inclusive('\n') {
                assert_eq!(block_on(by_line.read_line(&mut text)).unwrap(), line.len());
                assert_eq!(block_on(by_bytes.read_until(b'\n', &mut bytes)).unwrap(), line.len());
                assert!(text.ends_with(line), "seed {seed}");
            }
            assert_eq!(block_on(by_line.read_line(&mut text)).unwrap(), 0);
            assert_eq!(block_on(by_bytes.read_until(b'\n', &mut bytes)).unwrap(), 0);
            assert_eq!((text.as_bytes(), &text), (&bytes[..], &all), "seed {seed}");
        }
    });
}

#[test]
fn a_delimiter_that_was_in_the_vector_before_does_not_count() {
    let mut stream = buffered([text("ab"), Pending, text("c\nd")]);
    let mut buf = b"before\n".to_vec();
    assert_eq!(block_on(stream.read_until(b'\n', &mut buf)).unwrap(), 4);
    assert_eq!(buf, b"before\nabc\n");
}

/// Behaviour 37.
#[test]
fn bytes_that_are_not_utf8_are_invalid_data_and_leave_the_string_unchanged() {
    for before in ["", "Foo"] {
        let mut stream = buffered([Data(b"Hello Wor\xFFld.\nand on\n".to_vec())]);
        let mut line = before.to_owned();
        let error = block_on(stream.read_line(&mut line)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        let utf8 = error.into_inner().unwrap().downcast::<Utf8Error>().unwrap();
        assert_eq!((utf8.valid_up_to(), line.as_str()), (9, before));
        // The line was consumed.
        block_on(stream.read_line(&mut line)).unwrap();
        assert_eq!(line, format!("{before}and on\n"));
    }
}

/// Behaviour 37.
#[test]
fn after_an_error_the_string_has_the_text_read_before_it() {
    for before in ["", "Foo"] {
        let mut stream = buffered([text("Hello Wor"), Fail(ErrorKind::TimedOut), text("ld\n")]);
        let mut line = before.to_owned();
        let error = block_on(stream.read_line(&mut line)).unwrap_err();
        assert_eq!((error.kind(), line), (ErrorKind::TimedOut, format!("{before}Hello Wor")));
    }
    // Unless that is not UTF-8.
    let steps = [text("Hello Wor"), Data(vec![0xFF; 3]), Fail(ErrorKind::TimedOut)];
    let mut line = "Foo".to_owned();
    let error = block_on(buffered(steps).read_line(&mut line)).unwrap_err();
    assert_eq!((error.kind(), line.as_str()), (ErrorKind::TimedOut, "Foo"));
}

/// Behaviour 37.
#[test]
fn after_an_error_or_a_drop_the_vector_has_the_bytes_read_before_it() {
    let steps = [text("Hello \u{ff}Wor"), Fail(ErrorKind::TimedOut), text("l"), Stall];
    let mut stream = buffered(steps);
    let mut chunk = b"Foo".to_vec();
    let error = block_on(stream.read_until(b'#', &mut chunk)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert_eq!(chunk, "FooHello \u{ff}Wor".as_bytes());
    assert!(stream.read_until(b'#', &mut chunk).now_or_never().is_none());
    assert_eq!(chunk, "FooHello \u{ff}Worl".as_bytes());
}

#[test]
fn a_dropped_read_line_leaves_the_string_unchanged() {
    for before in ["", "Foo"] {
        let mut line = before.to_owned();
        assert!(buffered([text("text"), Stall]).read_line(&mut line).now_or_never().is_none());
        assert_eq!(line, before);
    }
}

#[test]
fn a_string_that_is_cleared_and_read_into_keeps_its_memory() {
    let mut stream = buffered([text("one\ntwo\nthree\n")]);
    let mut line = String::with_capacity(100);
    let memory = line.as_ptr();
    while block_on(stream.read_line(&mut line)).unwrap() > 0 {
        assert_eq!(line.as_ptr(), memory);
        line.clear();
    }
}

#[test]
fn dropping_next_line_loses_nothing() {
    let mut lines = buffered([text("be"), Pending, text("gun\nne"), Pending, text("xt")]).lines();
    assert!(lines.next_line().now_or_never().is_none());
    assert_eq!(lines.next_line().now_or_never().unwrap().unwrap().unwrap(), "begun");
    assert!(lines.next_line().now_or_never().is_none());
    assert_eq!(lines.next_line().now_or_never().unwrap().unwrap().unwrap(), "next");
    let mut pieces = buffered([text("be"), Pending, text("gun,")]).split(b',');
    assert!(pieces.next_segment().now_or_never().is_none());
    assert_eq!(pieces.next_segment().now_or_never().unwrap().unwrap().unwrap(), b"begun");
}

#[test]
fn after_an_error_the_lines_continue() {
    block_on(async {
        let bad = Data(b"bad \xFF\nbe".to_vec());
        let mut lines = buffered([bad, Fail(ErrorKind::TimedOut), text("gun\n")]).lines();
        assert_eq!(lines.next_line().await.unwrap_err().kind(), ErrorKind::InvalidData);
        assert_eq!(lines.next_line().await.unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!(lines.next_line().await.unwrap().unwrap(), "begun");
        assert_eq!(lines.next_line().await.unwrap(), None);
        assert!(lines.get_ref().buffer().is_empty());
    });
}

#[test]
fn only_the_end_of_a_line_is_stripped() {
    block_on(async {
        let mut lines = (&b"\r\n\n\r\r\na\rb\nlast\r"[..]).lines();
        for expected in ["", "", "\r", "a\rb", "last\r"] {
            assert_eq!(lines.next_line().await.unwrap().unwrap(), expected);
        }
        assert_eq!(lines.next_line().await.unwrap(), None);
    });
}

#[test]
fn fill_buf_returns_the_same_bytes_until_they_are_consumed() {
    let mut stream = buffered([text("hello world"), Stall]);
    assert_eq!(block_on(fill_buf(&mut stream)).unwrap(), b"hello world");
    consume(&mut stream, 6);
    assert_eq!(block_on(fill_buf(&mut stream)).unwrap(), b"world");
    assert_eq!(block_on(fill_buf(&mut stream)).unwrap(), b"world");
    consume(&mut stream, 5);
    assert!(fill_buf(&mut stream).now_or_never().is_none());
    stream.get_mut().reads = [text("foo"), Fail(ErrorKind::TimedOut)].into();
    assert_eq!(block_on(fill_buf(&mut stream)).unwrap(), b"foo");
    // More bytes than there were.
    consume(&mut stream, usize::MAX);
    assert_eq!(block_on(fill_buf(&mut stream)).unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(block_on(fill_buf(&mut stream)).unwrap(), b"");
}

/// Behaviour 12: a reader at its end is always ready.
#[test]
fn reading_lines_in_a_loop_yields() {
    ends(|| {
        openwork::block_on(async {
            openwork::spawn(async {
                let mut line = String::new();
                loop {
                    empty().read_line(&mut line).await.unwrap();
                }
            });
            openwork::spawn(async {}).await.unwrap();
        });
    });
}

#[test]
fn lines_are_read_within_a_limit_and_across_a_chain() {
    block_on(async {
        let mut first = buffered([text("one\ntw"), Pending]).take(6);
        let mut line = String::new();
        first.read_line(&mut line).await.unwrap();
        assert_eq!((line.as_str(), first.limit()), ("one\n", 2));

        let first = buffered([text("one\ntw"), Pending]).take(6);
        let mut both = BufReader::new(first.chain(&b"o\nthree"[..]));
        let mut line = String::new();
        both.read_line(&mut line).await.unwrap();
        both.read_line(&mut line).await.unwrap();
        assert_eq!(line, "one\ntwo\n");
        both.read_to_string(&mut line).await.unwrap();
        assert_eq!(line, "one\ntwo\nthree");
    });
}

/// Behaviour 41.
#[test]
fn the_futures_are_send_sync_and_unpin_if_their_reader_is() {
    fn goes<F: Future + Send + Sync + Unpin>(_: F) {}
    goes(buffered([]).read_until(0, &mut Vec::new()));
    goes(buffered([]).read_line(&mut String::new()));
    goes(buffered([]).lines().next_line());
    goes(buffered([]).split(0).next_segment());
}
