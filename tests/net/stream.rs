//! Bytes through a connection, and the meaning of "ready".

use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::sync::Arc;
use std::thread;

use futures::FutureExt;
use openwork::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use openwork::net::{TcpListener, TcpStream};
use openwork::trace::WaitReason;

use crate::common::on_every_flavour;
use crate::common::sockets::Turns;
use crate::harness::{MORE_THAN_FITS, Trace, fill, from_std, pair, pattern, std_pair};

/// Behaviour 33.
#[test]
fn readable_stays_so_until_a_try_finds_nothing() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (turns, (near, mut far)) = (Turns::new(), pair());
            let is_readable = || near.readable().now_or_never().is_some();
            let mut buf = [0; 4];

            assert!(!is_readable());
            far.write_all(b"data, data").unwrap();
            turns.turn().await;
            for left in [10, 6, 2] {
                assert!(is_readable() && is_readable());
                assert_eq!(near.try_read(&mut buf).unwrap(), left.min(4));
            }
            // Everything was read, and the readiness is not cleared yet.
            assert!(is_readable());
            assert_eq!(near.try_read(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
            assert!(!is_readable());

            far.write_all(b"more").unwrap();
            turns.turn().await;
            assert!(is_readable());
            assert_eq!(near.try_read(&mut buf).unwrap(), 4);
        });
    });
}

#[test]
fn each_direction_is_ready_or_not_whatever_the_other_is() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (turns, (near, mut far)) = (Turns::new(), pair());
            far.write_all(b"data").unwrap();
            turns.turn().await;
            // Drained, and not readable: it is still writable, without another event.
            assert_eq!(near.try_read(&mut [0; 4]).unwrap(), 4);
            assert_eq!(near.try_read(&mut [0; 4]).unwrap_err().kind(), ErrorKind::WouldBlock);
            near.writable().now_or_never().expect("as before").unwrap();
            assert_eq!(near.try_write(b"!").unwrap(), 1);

            // Full, and not writable: it is still readable.
            far.write_all(b"data").unwrap();
            turns.turn().await;
            fill(&turns, &near).await;
            assert!(near.writable().now_or_never().is_none());
            near.readable().now_or_never().expect("as before").unwrap();
            assert_eq!(near.try_read(&mut [0; 4]).unwrap(), 4);
        });
    });
}

#[test]
fn to_peek_is_not_to_take() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (mut near, mut far) = pair();
            far.write_all(b"twice").unwrap();
            let mut buf = [0; 8];
            assert_eq!(near.peek(&mut buf[..2]).await.unwrap(), 2);
            assert_eq!(near.peek(&mut buf).await.unwrap(), 5);
            assert_eq!(&buf[..5], b"twice");
            buf.fill(0);
            assert_eq!(near.read(&mut buf).await.unwrap(), 5);
            assert_eq!(&buf[..5], b"twice");
            assert!(near.peek(&mut buf).now_or_never().is_none());
        });
    });
}

#[test]
fn two_tasks_read_and_write_one_stream_at_once() {
    on_every_flavour(|flavour| {
        const LEN: usize = 4 << 20;
        flavour.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (far, _) = listener.accept().await.unwrap();
            let tasks = [near, far].map(|stream| {
                let stream = Arc::new(stream);
                let writes = openwork::spawn({
                    let stream = stream.clone();
                    async move {
                        let mut stream = &*stream;
                        stream.write_all(&pattern(LEN)).await.unwrap();
                        stream.shutdown().await.unwrap();
                    }
                });
                let reads = openwork::spawn(async move {
                    let mut got = Vec::new();
                    (&*stream).read_to_end(&mut got).await.unwrap();
                    assert!(got == pattern(LEN));
                });
                [writes, reads]
            });
            for task in tasks.into_iter().flatten() {
                task.await.unwrap();
            }
        });
    });
}

#[test]
fn a_writer_waits_for_a_slow_reader_and_nothing_is_lost() {
    on_every_flavour(|flavour| {
        let (runtime, trace) = Trace::of(flavour);
        let (near, mut far) = std_pair();
        let fd = near.as_raw_fd();
        let sent = Arc::new(pattern(MORE_THAN_FITS));
        let foreign = thread::spawn({
            let sent = sent.clone();
            move || {
                let mut got = vec![0; 1 << 20];
                for (turn, expected) in sent.chunks(1 << 20).enumerate() {
                    // It stalls at first, and again half way, until the writer is stuck.
                    if turn == 0 || turn == 32 {
                        let asleep = [WaitReason::Writable { fd }];
                        trace.wait_until_asleep_over(&asleep);
                    }
                    far.read_exact(&mut got).unwrap();
                    assert!(got == expected);
                }
                assert_eq!(far.read(&mut got).unwrap(), 0);
            }
        });
        // In a task: all workers park, whatever the future in `block_on` does.
        runtime.block_on(async {
            let mut near = from_std(near);
            let writes = async move { near.write_all(&sent).await.unwrap() };
            openwork::spawn(writes).await.unwrap();
        });
        foreign.join().unwrap();
    });
}

#[test]
fn a_slow_reader_makes_a_foreign_writer_wait_and_loses_nothing() {
    on_every_flavour(|flavour| {
        let (near, mut far) = std_pair();
        let sent = Arc::new(pattern(MORE_THAN_FITS));
        let (stuck, is_stuck) = futures::channel::oneshot::channel();
        let foreign = thread::spawn({
            let sent = sent.clone();
            move || {
                far.set_nonblocking(true).unwrap();
                let mut written = 0;
                while let Ok(count) = far.write(&sent[written..]) {
                    written += count;
                }
                stuck.send(()).unwrap();
                far.set_nonblocking(false).unwrap();
                far.write_all(&sent[written..]).unwrap();
            }
        });
        flavour.block_on(async {
            let mut near = from_std(near);
            is_stuck.await.unwrap();
            let mut got = Vec::new();
            near.read_to_end(&mut got).await.unwrap();
            assert!(got == *sent);
        });
        foreign.join().unwrap();
    });
}

#[test]
fn several_buffers_go_with_one_call() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (mut near, mut far) = pair();
            let pieces = [IoSlice::new(b"scatter"), IoSlice::new(b", "), IoSlice::new(b"gather")];
            let written = futures::AsyncWriteExt::write_vectored(&mut near, &pieces).await.unwrap();
            assert_eq!(written, 15);
            let mut got = [0; 15];
            far.read_exact(&mut got).unwrap();
            assert_eq!(&got, b"scatter, gather");

            far.write_all(&got).unwrap();
            let (mut left, mut right) = ([0; 7], [0; 16]);
            let mut pieces = [IoSliceMut::new(&mut left), IoSliceMut::new(&mut right)];
            let read = futures::AsyncReadExt::read_vectored(&mut near, &mut pieces);
            let read = read.await.unwrap();
            assert_eq!((read, &left, &right[..8]), (15, b"scatter", &b", gather"[..]));
        });
    });
}

#[test]
fn the_ecosystem_copies_from_one_connection_to_another() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let ((from, mut source), (mut to, mut sink)) = (pair(), pair());
            let sent = Arc::new(pattern(3 << 20));
            let foreign = thread::spawn({
                let sent = sent.clone();
                move || {
                    source.write_all(&sent).unwrap();
                    drop(source);
                }
            });
            let received = thread::spawn(move || {
                let mut got = Vec::new();
                sink.read_to_end(&mut got).unwrap();
                got
            });
            let copied = futures::io::copy(&from, &mut to).await.unwrap();
            assert_eq!(copied, sent.len() as u64);
            drop(to);
            foreign.join().unwrap();
            assert!(received.join().unwrap() == *sent);
        });
    });
}

#[test]
fn a_stream_is_split_by_the_ecosystem_too() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (near, mut far) = pair();
            let (mut reads, mut writes) = futures::AsyncReadExt::split(near);
            far.write_all(b"in").unwrap();
            let mut buf = [0; 2];
            reads.read_exact(&mut buf).await.unwrap();
            writes.write_all(&buf).await.unwrap();
            writes.flush().await.unwrap();
            far.read_exact(&mut buf).unwrap();
            assert_eq!(&buf, b"in");
            fn is_both<T: AsyncRead + AsyncWrite + Unpin>(_: &T) {}
            let near = reads.reunite(writes).unwrap();
            is_both(&near);
            is_both(&&near);
            is_both(&Pin::new(&mut &near));
        });
    });
}
