//! A read that returns less than its buffer holds: when it proves that nothing is left, and when it does not.

use std::future::poll_fn;
use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;

use futures::FutureExt;
use openwork::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use openwork::net::UnixStream;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

use crate::common::sockets::Turns;
use crate::common::{Wakes, ends, on_every_flavour, real};
use crate::harness::{fill, from_std, pair, poll_write, std_pair};

/// Whether events report the end of a stream. If not, a short read proves nothing.
const ENDS_ARE_REPORTED: bool = cfg!(all(target_os = "linux", not(openwork_polling)));

/// A short read of three bytes, and behind it `efg`, which is read without a wait.
async fn reads_what_lies_behind(mut near: impl AsyncRead + Unpin) {
    let mut buf = [0; 64];
    assert_eq!(near.read(&mut buf).await.unwrap(), 3);
    let rest = near.read(&mut buf).now_or_never().expect("the rest is there");
    assert_eq!(rest.unwrap(), 3);
    assert_eq!(&buf[..3], b"efg");
}

/// So each request of an echo costs one `recv`, and not two: a read tries only what is ready.
#[test]
fn after_a_short_read_a_tcp_stream_is_not_readable() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (turns, (mut near, mut far)) = (Turns::new(), pair());
            let mut buf = [0; 64];
            for _ in 0..3 {
                far.write_all(b"words").unwrap();
                assert_eq!(near.read(&mut buf).await.unwrap(), 5);
                let is_readable = near.readable().now_or_never().is_some();
                assert_eq!(is_readable, !ENDS_ARE_REPORTED);
                turns.turn().await;
            }
        });
    });
}

#[test]
fn after_a_short_write_a_tcp_stream_is_not_writable() {
    ends(|| {
        real().block_on(async {
            let (turns, (near, far), wakes) = (Turns::new(), pair(), Wakes::new());
            let piece = vec![0; 16 << 20];
            let Poll::Ready(Ok(written)) = poll_write(&near, &wakes, &piece) else {
                panic!("a fresh stream has room")
            };
            assert!(0 < written && written < piece.len());
            // On this thread: no event comes in between.
            assert_eq!(near.writable().now_or_never().is_some(), !ENDS_ARE_REPORTED);

            let total = written + fill(&turns, &near).await;
            let reads = thread::spawn(move || {
                std::io::copy(&mut far.take(total as u64), &mut std::io::sink())
            });
            near.writable().await.unwrap();
            assert_eq!(reads.join().unwrap().unwrap(), total as u64);
        });
    });
}

#[test]
fn a_full_read_and_an_empty_one_prove_nothing() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (mut near, mut far) = pair();
            far.write_all(b"words").unwrap();
            near.readable().await.unwrap();
            assert_eq!(near.read(&mut []).await.unwrap(), 0);
            assert!(near.readable().now_or_never().is_some());
            assert_eq!(near.read(&mut [0; 5]).await.unwrap(), 5);
            assert!(near.readable().now_or_never().is_some());
        });
    });
}

#[test]
fn a_short_peek_and_a_short_list_of_buffers_prove_nothing() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (mut near, mut far) = pair();
            far.write_all(&[7; 2000]).unwrap();
            near.readable().await.unwrap();
            assert_eq!(near.peek(&mut [0; 4096]).await.unwrap(), 2000);
            // std passes at most 1,024 buffers to the system.
            let mut buf = [0; 2000];
            let mut pieces: Vec<_> = buf.chunks_mut(1).map(IoSliceMut::new).collect();
            let read =
                |cx: &mut Context<'_>| Pin::new(&mut near).poll_read_vectored(cx, &mut pieces);
            let count = poll_fn(read).await.unwrap();
            let rest = near.read(&mut [0; 4096]).now_or_never().expect("the rest is there");
            assert_eq!(count + rest.unwrap(), 2000);
        });
    });
}

/// A read ends before the urgent byte, and the next one begins behind it.
#[test]
fn what_lies_behind_urgent_data_is_read() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (near, mut far) = std_pair();
            far.set_nodelay(true).unwrap();
            far.write_all(b"abc").unwrap();
            rustix::net::send(&far, b"!", SendFlags::OOB).unwrap();
            far.write_all(b"efg").unwrap();
            reads_what_lies_behind(from_std(near)).await;
        });
    });
}

/// A read of a Unix stream ends behind the bytes that came with descriptors.
#[test]
fn what_lies_behind_a_descriptor_in_a_unix_stream_is_read() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (near, far) = StdUnixStream::pair().unwrap();
            let fds = [far.as_fd()];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut message = SendAncillaryBuffer::new(&mut space);
            assert!(message.push(SendAncillaryMessage::ScmRights(&fds)));
            sendmsg(&far, &[IoSlice::new(b"abc")], &mut message, SendFlags::empty()).unwrap();
            (&far).write_all(b"efg").unwrap();
            reads_what_lies_behind(UnixStream::from_std(near).unwrap()).await;
        });
    });
}

/// The writer finds no room, and clears its direction; the end of the other one stays known.
#[test]
fn the_end_that_was_reported_outlives_what_the_writer_clears() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let turns = Turns::new();
            let (near, mut far) = std_pair();
            far.write_all(b"the last words").unwrap();
            far.shutdown(Shutdown::Write).unwrap();
            let mut near = from_std(near);
            turns.turn().await;
            fill(&turns, &near).await;
            let mut buf = [0; 64];
            assert_eq!(near.read(&mut buf).await.unwrap(), 14);
            let end = near.read(&mut buf).now_or_never().expect("no second event comes");
            assert_eq!(end.unwrap(), 0);
        });
    });
}

/// Reader: reads the first byte … Driver: reports the second … Reader: clears, and waits for an edge that has
/// passed. The foreign side sends nothing more before it has an answer, so no later event makes up for it.
#[test]
fn a_byte_that_comes_during_a_short_read_is_not_missed() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (mut near, mut far) = pair();
            far.set_nodelay(true).unwrap();
            let foreign = thread::spawn(move || {
                for round in 0..5_000 {
                    far.write_all(b"1").unwrap();
                    (0..round % 200).for_each(|_| std::hint::spin_loop());
                    far.write_all(b"2").unwrap();
                    far.read_exact(&mut [0]).unwrap();
                }
            });
            let (mut total, mut buf) = (0, [0; 64]);
            loop {
                match near.read(&mut buf).await.unwrap() {
                    0 => break,
                    count => total += count,
                }
                if total % 2 == 0 {
                    near.write_all(b"!").await.unwrap();
                }
            }
            assert_eq!(total, 10_000);
            foreign.join().unwrap();
        });
    });
}
