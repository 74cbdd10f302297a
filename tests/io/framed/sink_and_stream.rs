//! `Framed`: reading and writing on one stream, and the traits `Stream` and `Sink`.

use std::io::ErrorKind;

use bytes::Bytes;
use futures::executor::block_on;
use futures::{FutureExt, SinkExt, StreamExt, stream};
use openwork::io::framed::{
    BytesCodec, Decoder, Framed, FramedRead, FramedWrite, LengthDelimitedCodec, LinesCodec,
    LinesCodecError,
};
use openwork::io::{AsyncWriteExt, DuplexStream, duplex, split};

use crate::common::on_every_flavour;
use crate::script::Step::{Fail, Pending, Take};
use crate::script::{reader, text, writer};

#[test]
fn one_framed_stream_sends_questions_and_receives_answers() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (near, far) = duplex(16);
            let serving = openwork::spawn(async move {
                let mut server = Framed::new(far, LinesCodec::new());
                while let Some(question) = server.next().await {
                    server.send(format!("{}!", question.unwrap())).await.unwrap();
                }
            });
            let mut client = Framed::new(near, LinesCodec::new());
            for question in ["one", "a longer one, that does not fit", ""] {
                client.send(question).await.unwrap();
                assert_eq!(client.next().await.unwrap().unwrap(), format!("{question}!"));
            }
            client.close().await.unwrap();
            serving.await.unwrap();
            assert!(client.next().await.is_none());
        });
    });
}

#[test]
fn a_task_for_each_direction_takes_a_half_each() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (near, far) = duplex(64);
            let config = LengthDelimitedCodec::builder();
            let mut echo = config.new_framed(far);
            let echoing = openwork::spawn(async move {
                while let Some(frame) = echo.next().await {
                    echo.send(frame.unwrap().freeze()).await.unwrap();
                }
                echo.close().await.unwrap();
            });
            let (reading, writing) = split(near);
            let mut writing = config.new_write(writing);
            let sending = openwork::spawn(async move {
                for len in 0..300 {
                    writing.feed(Bytes::from(vec![len as u8; len])).await.unwrap();
                }
                writing.close().await.unwrap();
            });
            let mut reading = config.new_read(reading);
            for len in 0..300 {
                assert_eq!(reading.next().await.unwrap().unwrap(), vec![len as u8; len]);
            }
            assert!(reading.next().await.is_none());
            sending.await.unwrap();
            echoing.await.unwrap();
        });
    });
}

/// As after an HTTP `Upgrade`: bytes that were read already belong to the next protocol.
#[test]
fn changing_the_protocol_loses_nothing() {
    block_on(async {
        let stream = reader([text("upgrade\n\0\0\0\x03abc\0"), text("\0\0\x01d")]);
        let mut lines = Framed::new(stream, LinesCodec::new());
        assert_eq!(lines.next().await.unwrap().unwrap(), "upgrade");
        lines.feed("yes").await.unwrap();
        assert_eq!(lines.read_buffer(), &b"\0\0\0\x03abc\0"[..]);

        let mut frames = lines.map_codec(|_| LengthDelimitedCodec::new());
        assert_eq!(frames.next().await.unwrap().unwrap(), "abc");
        assert_eq!(frames.next().await.unwrap().unwrap(), "d");
        assert_eq!(frames.write_buffer(), "yes\n");
        frames.get_mut().takes_all = true;
        frames.send(Bytes::from_static(b"e")).await.unwrap();
        assert_eq!(frames.into_inner().written, b"yes\n\0\0\0\x01e");
    });
}

#[test]
fn another_codec_continues_where_the_first_one_was() {
    block_on(async {
        let mut lines = Framed::with_capacity(&b"one\ntwo"[..], LinesCodec::new(), 100);
        assert_eq!(lines.next().await.unwrap().unwrap(), "one");
        *lines.codec_mut() = LinesCodec::new_with_max_length(5);
        assert_eq!(lines.codec().max_length(), 5);
        let mut bytes = lines.map_codec(|_| BytesCodec::new());
        assert_eq!(bytes.next().await.unwrap().unwrap(), "two");
        bytes.read_buffer_mut().clear();
        bytes.write_buffer_mut().clear();
        bytes.set_backpressure_boundary(bytes.backpressure_boundary() * 2);
        assert!(bytes.get_ref().is_empty());
    });
}

/// The first codec waits for more bytes. For the second one a whole frame is in the buffer already.
#[test]
fn another_codec_is_asked_before_the_next_read() {
    block_on(async {
        let (mut peer, stream) = duplex(64);
        peer.write_all(b"\0\0\0\x01x").await.unwrap();
        let mut lines = Framed::new(stream, LinesCodec::new());
        assert!(futures::poll!(lines.next()).is_pending());
        let mut frames = lines.map_codec(|_| LengthDelimitedCodec::new());
        assert_eq!(frames.next().await.unwrap().unwrap(), "x");
        assert!(futures::poll!(frames.next()).is_pending());
        frames.read_buffer_mut().extend_from_slice(b"\0\0\0\x01y");
        assert_eq!(frames.next().await.unwrap().unwrap(), "y");
    });
}

#[test]
fn the_methods_of_futures_sinks_work_on_it() {
    block_on(async {
        let mut frames = LengthDelimitedCodec::new().framed(reader([]));
        frames.get_mut().takes_all = true;
        let (one, two) = (Bytes::from_static(b"1"), Bytes::from_static(b"2"));
        frames.feed(one.clone()).await.unwrap();
        SinkExt::feed(&mut frames, two.clone()).await.unwrap();
        assert!(frames.get_ref().calls.is_empty());
        SinkExt::send(&mut frames, one.clone()).await.unwrap();
        assert_eq!(frames.get_ref().calls, ["write 15", "flush"]);
        SinkExt::send_all(&mut frames, &mut stream::iter([Ok(one), Ok(two)])).await.unwrap();
        SinkExt::<Bytes>::close(&mut frames).await.unwrap();
        assert_eq!(frames.get_ref().calls[2..], ["write 10", "flush", "flush", "close"]);
    });
}

/// The boundary applies to the trait's methods too, and an error of the stream is converted to the encoder's.
#[test]
fn a_sink_waits_behind_the_boundary_and_converts_errors() {
    let steps = [Pending, Take(100), Fail(ErrorKind::TimedOut)];
    let mut lines = FramedWrite::new(writer(steps), LinesCodec::new());
    lines.set_backpressure_boundary(1);
    SinkExt::feed(&mut lines, "one").now_or_never().unwrap().unwrap();
    assert!(SinkExt::feed(&mut lines, "two").now_or_never().is_none());
    block_on(SinkExt::feed(&mut lines, "two")).unwrap();
    let error: LinesCodecError = block_on(SinkExt::send(&mut lines, "three")).unwrap_err();
    assert_eq!(error.to_string(), "timed out");
}

#[test]
fn the_methods_of_futures_streams_work_on_it() {
    let frames = Framed::new(&b"a\nb\nc"[..], LinesCodec::new());
    let lines: Vec<_> = block_on(frames.map(Result::unwrap).collect());
    assert_eq!(lines, ["a", "b", "c"]);
}

/// Behaviour 41.
#[test]
fn the_types_are_send_sync_and_unpin_if_their_streams_are() {
    fn goes<T: Send + Sync + Unpin>() {}
    goes::<Framed<DuplexStream, LinesCodec>>();
    goes::<FramedRead<DuplexStream, LengthDelimitedCodec>>();
    goes::<FramedWrite<DuplexStream, BytesCodec>>();
}
