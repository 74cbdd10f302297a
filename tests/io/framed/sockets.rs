//! Frames over a real connection. The writer and the system cut the bytes at random, and the reader drops its futures at
//! random and calls again.

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener as StdListener, TcpStream as StdStream};
use std::thread;

use bytes::{Bytes, BytesMut};
use futures::FutureExt;
use openwork::io::framed::{
    Encoder, Framed, FramedRead, FramedWrite, LengthDelimitedCodec, LinesCodec,
};
use openwork::io::split;
use openwork::net::{TcpListener, TcpSocket, TcpStream};
use openwork::task::yield_now;

use crate::common::{Random, on_every_flavour};

const FRAMES: usize = 400;

/// Frames of every length: most are short, some are longer than the first buffer.
fn frames(seed: u64) -> Vec<Bytes> {
    let mut random = Random(seed);
    let mut frame = || -> Bytes {
        let len = match random.below(20) {
            0 => 0,
            1 => random.below(40_000),
            2..6 => random.below(2_000),
            _ => random.below(40),
        };
        (0..len).map(|_| b'a' + random.below(26) as u8).collect::<Vec<_>>().into()
    };
    (0..FRAMES).map(|_| frame()).collect()
}

/// Writes the bytes in pieces of random lengths of at least one byte.
fn write_in_pieces(mut stream: StdStream, bytes: &[u8], mut random: Random) {
    stream.set_nodelay(true).unwrap();
    let mut rest = bytes;
    while !rest.is_empty() {
        let most = [1, 3, 10, 1_000, 100_000][random.below(5)];
        let (piece, later) = rest.split_at(rest.len().min(1 + random.below(most)));
        stream.write_all(piece).unwrap();
        rest = later;
        if random.below(4) == 0 {
            thread::yield_now();
        }
    }
}

fn std_pair() -> (StdStream, StdStream) {
    let listener = StdListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let far = StdStream::connect(listener.local_addr().unwrap()).unwrap();
    let near = listener.accept().unwrap().0;
    near.set_nonblocking(true).unwrap();
    (near, far)
}

#[test]
fn frames_are_found_for_every_cut_of_the_bytes() {
    on_every_flavour(|flavour| {
        for seed in [1, 2] {
            let (near, far) = std_pair();
            let sent = frames(seed);
            let (mut lengths, mut lines) = (BytesMut::new(), BytesMut::new());
            for frame in &sent {
                LengthDelimitedCodec::new().encode(frame.clone(), &mut lengths).unwrap();
                LinesCodec::new().encode(str::from_utf8(frame).unwrap(), &mut lines).unwrap();
            }
            lengths.unsplit(lines);
            let writing = thread::spawn(move || write_in_pieces(far, &lengths, Random(seed + 100)));
            flavour.block_on(async {
                let near = TcpStream::from_std(near).unwrap();
                let mut random = Random(seed + 200);
                let mut reader = Framed::new(near, LengthDelimitedCodec::new());
                for frame in &sent {
                    // Now and then the future is dropped before the frame has come, and called again.
                    let given_up = match random.below(2) {
                        0 => reader.next().now_or_never(),
                        _ => None,
                    };
                    let got = match given_up {
                        Some(got) => got,
                        None => reader.next().await,
                    };
                    assert!(got.unwrap().unwrap() == frame);
                }
                // From here on the frames are lines, and some bytes of them were read already.
                let mut reader = reader.map_codec(|_| LinesCodec::new());
                for frame in &sent {
                    assert!(reader.next().await.unwrap().unwrap().as_bytes() == frame);
                }
                assert!(reader.next().await.is_none());
            });
            writing.join().unwrap();
        }
    });
}

/// A connection with small socket buffers, so that most frames are sent in several pieces.
async fn narrow_pair() -> (TcpStream, TcpStream) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let listener: TcpListener = socket.listen(1).unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_send_buffer_size(4096).unwrap();
    let near = socket.connect(listener.local_addr().unwrap()).await.unwrap();
    (near, listener.accept().await.unwrap().0)
}

#[test]
fn frames_travel_both_ways_through_small_socket_buffers() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (near, far) = narrow_pair().await;
            let echoing = openwork::spawn(async move {
                let mut echo = Framed::new(far, LengthDelimitedCodec::new());
                while let Some(frame) = echo.next().await {
                    echo.feed(frame.unwrap().freeze()).await.unwrap();
                    // Several frames at a time, or one side would wait for the other for ever.
                    if echo.read_buffer().len() < 4 {
                        echo.flush().await.unwrap();
                    }
                }
                echo.close().await.unwrap();
            });
            let (reads, writes) = split(near);
            let sent = frames(3);
            let sending = openwork::spawn({
                let sent = sent.clone();
                async move {
                    let mut writer = FramedWrite::new(writes, LengthDelimitedCodec::new());
                    let mut random = Random(4);
                    for frame in sent {
                        writer.feed(frame).await.unwrap();
                        match random.below(3) {
                            0 => writer.flush().await.unwrap(),
                            1 => yield_now().await,
                            _ => {}
                        }
                    }
                    writer.close().await.unwrap();
                }
            });
            let mut reader = FramedRead::new(reads, LengthDelimitedCodec::new());
            for frame in &sent {
                let got = reader.next().await.unwrap().unwrap();
                assert!(got == frame, "{} bytes instead of {}", got.len(), frame.len());
            }
            assert!(reader.next().await.is_none());
            sending.await.unwrap();
            echoing.await.unwrap();
        });
    });
}
