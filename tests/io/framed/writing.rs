//! Writing frames, with any codec.

use std::io::{self, ErrorKind};

use bytes::{BufMut, Bytes, BytesMut};
use futures::executor::block_on;
use futures::{FutureExt, SinkExt};
use openwork::io::framed::{BytesCodec, Encoder, FramedWrite, LengthDelimitedCodec, LinesCodec};
use openwork::io::{AsyncReadExt, BufWriter, duplex};

use crate::common::{Probe, Random, ends};
use crate::script::Step::{Fail, Pending, Stall, Take};
use crate::script::{Script, Step, bites, greedy, writer};

fn lines(steps: impl IntoIterator<Item = Step>) -> FramedWrite<Script, LinesCodec> {
    FramedWrite::new(writer(steps), LinesCodec::new())
}

#[test]
fn fed_frames_go_out_in_one_write_at_the_next_send_or_flush() {
    block_on(async {
        let mut stream = FramedWrite::new(greedy(), LinesCodec::new());
        stream.feed("one").await.unwrap();
        stream.feed("two").await.unwrap();
        assert_eq!(stream.write_buffer(), "one\ntwo\n");
        assert!(stream.get_ref().calls.is_empty());
        stream.send("three").await.unwrap();
        stream.flush().await.unwrap();
        stream.close().await.unwrap();
        assert_eq!(stream.get_ref().calls, ["write 14", "flush", "flush", "flush", "close"]);
        assert_eq!(stream.into_inner().written, b"one\ntwo\nthree\n");
    });
}

#[test]
fn frames_arrive_complete_for_every_size_of_write() {
    ends(|| {
        for seed in 1..300 {
            let mut random = Random(seed);
            let mut steps = bites(2000, 20, |limit| random.below(limit));
            // An interrupted flush is not repeated.
            steps.retain(|step| !matches!(step, Fail(_)));
            let mut stream = lines(steps);
            stream.set_backpressure_boundary(random.below(50));
            let mut expected = Vec::new();
            for _ in 0..random.below(30) {
                let line = "x".repeat(random.below(30));
                expected.extend_from_slice(line.as_bytes());
                expected.push(b'\n');
                // Now and then the future is dropped before its end; the encoded frame is not lost.
                match random.below(3) {
                    0 => block_on(stream.send(line)).unwrap(),
                    1 => block_on(stream.feed(line)).unwrap(),
                    _ => {
                        block_on(stream.feed(line)).unwrap();
                        _ = stream.flush().now_or_never();
                    }
                }
            }
            block_on(stream.close()).unwrap();
            assert!(stream.get_ref().written == expected, "seed {seed}");
        }
    });
}

#[test]
fn a_dropped_send_leaves_its_frame_complete_or_not_at_all() {
    let mut stream = lines([Take(2), Stall]);
    assert!(stream.send("begun").now_or_never().is_none());
    assert_eq!(stream.write_buffer(), "gun\n");
    // Here the send waits for room, and so encodes nothing.
    stream.set_backpressure_boundary(4);
    assert!(stream.send("never").now_or_never().is_none());
    assert!(stream.feed("never").now_or_never().is_none());
    stream.get_mut().writes = [Take(100), Take(100)].into();
    block_on(stream.send("next")).unwrap();
    assert_eq!(stream.get_ref().written, b"begun\nnext\n");
}

#[test]
fn at_the_boundary_a_feed_waits_until_enough_is_written() {
    let mut stream = lines([Stall]);
    assert_eq!(stream.backpressure_boundary(), 8 * 1024);
    let line = "x".repeat(4 * 1024 - 1);
    for _ in 0..2 {
        stream.feed(&line).now_or_never().unwrap().unwrap();
    }
    assert!(stream.feed("more").now_or_never().is_none());
    assert_eq!(stream.write_buffer().len(), 8 * 1024);
    stream.get_mut().writes = [Pending, Take(5000)].into();
    block_on(stream.feed("more")).unwrap();
    assert_eq!(stream.write_buffer().len(), 8 * 1024 - 5000 + 5);
    // With a boundary of 0, each frame waits for the one before.
    stream.set_backpressure_boundary(0);
    stream.get_mut().writes = [Take(2000), Take(1), Take(2000)].into();
    block_on(stream.feed("x")).unwrap();
    assert_eq!(stream.write_buffer(), "x\n");
}

/// Backpressure: the write buffer does not grow.
#[test]
fn a_stalled_reader_makes_the_sender_wait() {
    let (near, mut far) = duplex(1000);
    let mut stream = FramedWrite::new(near, BytesCodec::new());
    let frame = Bytes::from(vec![7; 10_000]);
    let mut sent = 0;
    while stream.feed(frame.clone()).now_or_never().is_some() {
        sent += 1;
        assert!(sent < 10);
    }
    assert!(stream.write_buffer().len() < 20_000);
    let mut feeding = Probe::new(stream.feed(frame));
    feeding.assert_pending();
    let mut received = 0;
    while feeding.poll().is_pending() {
        assert!(received < sent * 10_000);
        received += block_on(far.read(&mut [0; 500])).unwrap();
        assert!(feeding.is_woken());
    }
}

#[test]
fn after_an_error_of_the_writer_the_unwritten_bytes_stay() {
    let mut stream = lines([Take(2), Fail(ErrorKind::BrokenPipe), Take(0), Take(100)]);
    let sent = block_on(stream.send("begun"));
    assert_eq!(sent.unwrap_err().to_string(), "broken pipe");
    assert_eq!(block_on(stream.flush()).unwrap_err().kind(), ErrorKind::WriteZero);
    block_on(stream.flush()).unwrap();
    assert_eq!(stream.get_ref().written, b"begun\n");

    let mut stream = lines([Fail(ErrorKind::Interrupted), Take(100), Fail(ErrorKind::TimedOut)]);
    block_on(stream.feed("a")).unwrap();
    // At the flush of the stream itself.
    assert_eq!(block_on(stream.flush()).unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(stream.get_ref().written, b"a\n");
}

#[test]
fn a_frame_that_cannot_be_encoded_is_not_sent_and_the_others_are() {
    let codec = LengthDelimitedCodec::builder().max_frame_length(3).new_codec();
    let mut stream = FramedWrite::new(greedy(), codec);
    block_on(stream.feed(Bytes::from_static(b"abc"))).unwrap();
    let error = block_on(stream.send(Bytes::from_static(b"abcd"))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    block_on(stream.send(Bytes::from_static(b"d"))).unwrap();
    assert_eq!(stream.get_ref().written, b"\0\0\0\x03abc\0\0\0\x01d");
}

#[test]
fn the_writers_own_buffer_is_flushed_too() {
    let mut stream = FramedWrite::new(BufWriter::new(greedy()), LinesCodec::new());
    block_on(stream.send("line")).unwrap();
    assert_eq!(stream.get_ref().get_ref().written, b"line\n");
}

#[test]
fn one_encoder_may_have_several_kinds_of_frames() {
    struct Both;
    impl Encoder<u8> for Both {
        type Error = io::Error;
        fn encode(&mut self, item: u8, dst: &mut BytesMut) -> io::Result<()> {
            dst.put_u8(item);
            Ok(())
        }
    }
    impl Encoder<&str> for Both {
        type Error = io::Error;
        fn encode(&mut self, item: &str, dst: &mut BytesMut) -> io::Result<()> {
            dst.put_slice(item.as_bytes());
            Ok(())
        }
    }
    let mut stream = FramedWrite::with_capacity(greedy(), Both, 1);
    block_on(stream.send("a")).unwrap();
    block_on(stream.send(b'b')).unwrap();
    let mut stream = stream.map_codec(|Both| BytesCodec::new());
    block_on(stream.send(Bytes::from_static(b"c"))).unwrap();
    block_on(stream.send(BytesMut::from("d"))).unwrap();
    *stream.codec_mut() = *stream.codec();
    stream.write_buffer_mut().extend_from_slice(b"e");
    block_on(stream.flush()).unwrap();
    assert_eq!(stream.get_ref().written, b"abcde");
}

/// Behaviour 41.
#[test]
fn the_futures_are_send_sync_and_unpin_if_their_streams_are() {
    fn goes<F: Future + Send + Sync + Unpin>(_: F) {}
    goes(lines([]).send("a"));
    goes(lines([]).feed("a"));
    goes(lines([]).flush());
    goes(lines([]).close());
}
