//! Reading frames, with any codec.

use std::future::pending;
use std::io::{self, ErrorKind};
use std::panic::AssertUnwindSafe;

use bytes::{Buf, BytesMut};
use futures::executor::block_on;
use futures::{FutureExt, StreamExt, TryStreamExt};
use openwork::io::framed::{BytesCodec, Decoder, FramedRead, LengthDelimitedCodec, LinesCodec};
use openwork::io::{AsyncReadExt, repeat};

use crate::common::{Probe, ends, on_every_flavour, panic_of};
use crate::script::Step::{Data, Fail, Panic, Pending, Stall};
use crate::script::{Script, Step, pattern, reader, text};

fn lines(steps: impl IntoIterator<Item = Step>) -> FramedRead<Script, LinesCodec> {
    FramedRead::new(reader(steps), LinesCodec::new())
}

/// Frames of two bytes, with the default `decode_eof`.
#[derive(Debug, Default)]
struct Pairs {
    ends_asked: usize,
}

impl Decoder for Pairs {
    type Item = [u8; 2];
    type Error = io::Error;

    fn decode(&mut self, src: &mut BytesMut) -> io::Result<Option<[u8; 2]>> {
        if src.starts_with(b"!") {
            src.advance(1);
            return Err(ErrorKind::InvalidData.into());
        }
        Ok((src.len() >= 2).then(|| [src.get_u8(), src.get_u8()]))
    }
}

#[test]
fn dropping_next_loses_no_frame() {
    let mut lines = lines([text("be"), Pending, text("gun\nne"), Pending, text("xt\n")]);
    assert!(lines.next().now_or_never().is_none());
    assert_eq!(lines.read_buffer(), "be");
    assert_eq!(lines.next().now_or_never().unwrap().unwrap().unwrap(), "begun");
    assert!(lines.next().now_or_never().is_none());
    assert_eq!(lines.next().now_or_never().unwrap().unwrap().unwrap(), "next");
}

#[test]
fn the_reader_is_polled_only_when_the_buffer_has_no_frame() {
    let mut lines = lines([text("one\ntwo\nth"), Stall]);
    assert_eq!(block_on(lines.next()).unwrap().unwrap(), "one");
    assert_eq!(block_on(lines.next()).unwrap().unwrap(), "two");
    assert_eq!(lines.get_ref().rooms.len(), 1);
    assert!(lines.next().now_or_never().is_none());
    assert_eq!(lines.get_ref().rooms.len(), 2);
}

#[test]
fn an_error_of_the_reader_comes_once_and_none_follows_before_reading_continues() {
    block_on(async {
        let mut lines = lines([text("be"), Fail(ErrorKind::TimedOut), text("gun\n")]);
        let error = lines.next().await.unwrap().unwrap_err();
        assert!(error.to_string().contains("timed out"), "{error}");
        assert!(lines.next().await.is_none());
        assert_eq!(lines.next().await.unwrap().unwrap(), "begun");
        assert!(lines.next().await.is_none());
    });
}

#[test]
fn an_interrupted_read_is_repeated() {
    let interrupted = Fail(ErrorKind::Interrupted);
    let mut lines = lines([interrupted.clone(), text("a"), interrupted, text("b\n")]);
    assert_eq!(block_on(lines.next()).unwrap().unwrap(), "ab");
}

#[test]
fn bytes_left_at_the_end_are_an_error_by_default() {
    let mut pairs = FramedRead::new(&b"abc"[..], Pairs::default());
    assert_eq!(block_on(pairs.next()).unwrap().unwrap(), *b"ab");
    let error = block_on(pairs.next()).unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    assert_eq!(error.to_string(), "the stream ended inside a frame");
    // The error is returned once.
    assert!(block_on(pairs.next()).is_none());
    assert!(block_on(pairs.next()).is_none());
}

#[test]
fn after_a_broken_frame_the_rest_of_the_buffer_is_decoded_without_waiting() {
    let mut pairs = FramedRead::new(reader([text("ab!cd"), Stall]), Pairs::default());
    let mut next = || pairs.next().now_or_never();
    assert_eq!(next().unwrap().unwrap().unwrap(), *b"ab");
    assert_eq!(next().unwrap().unwrap().unwrap_err().kind(), ErrorKind::InvalidData);
    assert!(next().unwrap().is_none());
    assert_eq!(next().unwrap().unwrap().unwrap(), *b"cd");
    assert!(next().is_none());
}

/// A file may grow.
#[test]
fn a_stream_that_continues_after_its_end_is_read_on() {
    block_on(async {
        let mut pairs = FramedRead::new(
            reader([text("ab"), text(""), text("cd"), text(""), text("")]),
            Pairs::default(),
        );
        assert_eq!(pairs.next().await.unwrap().unwrap(), *b"ab");
        assert!(pairs.next().await.is_none());
        assert_eq!(pairs.next().await.unwrap().unwrap(), *b"cd");
        assert!(pairs.next().await.is_none());
        assert!(pairs.next().await.is_none());
    });
}

#[test]
fn decode_eof_may_return_several_frames() {
    /// Returns two frames at the end: the number of bytes, then "over".
    struct Counts(Vec<String>);
    impl Decoder for Counts {
        type Item = String;
        type Error = io::Error;
        fn decode(&mut self, src: &mut BytesMut) -> io::Result<Option<String>> {
            if !src.is_empty() {
                self.0.push(format!("{} bytes", src.split().len()));
            }
            Ok(None)
        }
        fn decode_eof(&mut self, _: &mut BytesMut) -> io::Result<Option<String>> {
            Ok(self.0.pop())
        }
    }
    let counts = FramedRead::new(reader([text("abc"), Pending]), Counts(vec!["over".to_owned()]));
    let said: Vec<_> = block_on(counts.try_collect()).unwrap();
    assert_eq!(said, ["3 bytes", "over"]);
}

#[test]
fn the_bytes_codec_returns_all_bytes_as_a_frame() {
    let mut stream =
        FramedRead::new(reader([text("a"), Pending, Data(pattern(9000))]), BytesCodec::new());
    let mut all = Vec::new();
    while let Some(bytes) = block_on(stream.next()) {
        let bytes = bytes.unwrap();
        assert!(!bytes.is_empty());
        all.extend(bytes);
    }
    assert!(all[0] == b'a' && all[1..] == pattern(9000));
}

#[test]
fn large_frames_are_read_in_large_pieces() {
    let frame = pattern(4 << 20);
    let bytes = [&(4_u32 << 20).to_be_bytes()[..], &frame].concat();
    let mut stream = FramedRead::new(reader([Data(bytes)]), LengthDelimitedCodec::new());
    assert!(block_on(stream.next()).unwrap().unwrap() == frame);
    // Reads of the first window would be 512.
    assert!(stream.get_ref().rooms.len() < 50, "{}", stream.get_ref().rooms.len());
    assert!(stream.get_ref().rooms.iter().all(|room| *room > 0));
}

#[test]
fn a_panic_of_the_reader_leaves_the_buffer_unchanged() {
    let mut lines = lines([text("be"), Panic, text("gun\n")]);
    assert!(panic_of(AssertUnwindSafe(|| block_on(lines.next()))).is_some());
    assert_eq!(lines.read_buffer(), "be");
    assert_eq!(block_on(lines.next()).unwrap().unwrap(), "begun");
}

/// Behaviour 12: neither a reader that never waits nor a buffer full of frames.
#[test]
fn reading_frames_in_a_loop_yields() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let endless = openwork::spawn(async {
                let mut lines = FramedRead::new(repeat(b'\n'), LinesCodec::new());
                while lines.next().await.is_some() {}
            });
            openwork::spawn(async {}).await.unwrap();
            endless.abort();
            assert!(endless.await.unwrap_err().is_cancelled());
        });
    });
}

#[test]
fn a_buffer_full_of_frames_is_not_returned_in_one_poll() {
    ends(|| {
        openwork::block_on(async {
            let frames = vec![b'\n'; 5000];
            let mut lines = Box::pin(FramedRead::new(&frames[..], LinesCodec::new()));
            let mut ready = 0;
            // Within one poll of this task.
            while lines.next().now_or_never().is_some() {
                ready += 1;
                assert!(ready < 1000);
            }
            assert!(ready > 100, "{ready}");
        });
    });
}

#[test]
fn the_methods_of_futures_streams_work_on_it() {
    let lines = lines([text("1\n2\n"), Pending, text("3")]);
    let sum = lines.map(|line| line.unwrap().parse::<i32>().unwrap()).fold(0, async |a, b| a + b);
    assert_eq!(block_on(sum), 6);
}

#[test]
fn the_reader_wakes_the_waiting_task() {
    let (mut near, far) = openwork::io::duplex(8);
    let mut lines = FramedRead::new(far, LinesCodec::new());
    let mut next = Probe::new(lines.next());
    next.assert_pending();
    block_on(openwork::io::AsyncWriteExt::write_all(&mut near, b"a\n")).unwrap();
    assert!(next.is_woken());
    assert_eq!(next.assert_ready().unwrap().unwrap(), "a");
}

#[test]
fn the_first_read_is_of_the_capacity_and_takes_no_memory_before() {
    let stream = reader([text("one\ntwo")]);
    let mut lines = FramedRead::with_capacity(stream, LinesCodec::new(), 5);
    assert_eq!(lines.read_buffer().capacity(), 0);
    block_on(lines.next()).unwrap().unwrap();
    assert_eq!(lines.get_ref().rooms, [5]);
}

#[test]
fn the_stream_the_codec_and_the_buffer_are_accessible() {
    let mut lines = FramedRead::with_capacity(&b"one\ntwo"[..], LinesCodec::new(), 5);
    block_on(lines.next()).unwrap().unwrap();
    assert_eq!(lines.codec().max_length(), usize::MAX);
    lines.codec_mut().clone_from(&LinesCodec::new_with_max_length(2));
    let mut pairs = lines.map_codec(|_| Pairs { ends_asked: 0 });
    assert_eq!(pairs.codec().ends_asked, 0);
    // Bytes that the test puts into the buffer.
    pairs.read_buffer_mut().extend_from_slice(b"xy");
    let mut all = Vec::new();
    while let Some(Ok(pair)) = block_on(pairs.next()) {
        all.extend(pair);
    }
    assert_eq!(all.len() % 2, 0);
    assert!(pairs.get_mut().is_empty() && pairs.into_inner().is_empty());
}

/// Behaviour 41.
#[test]
fn the_futures_are_send_sync_and_unpin_if_their_streams_are() {
    fn goes<F: Future + Send + Sync + Unpin>(_: F) {}
    goes(lines([]).next());
    fn may_be_pinned<T: futures::Stream>(_: T) {}
    // The stream need not be `Unpin`.
    let never = async {
        pending::<()>().await;
        Ok::<_, io::Error>(&b""[..])
    };
    may_be_pinned(FramedRead::new(
        never.into_stream().into_async_read().take(1),
        LinesCodec::new(),
    ));
}
