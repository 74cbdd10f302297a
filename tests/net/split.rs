//! Streams in two halves: which half may do what, what its end means, and whether they fit together again.
//! Every law is tested with TCP and with Unix streams.

use std::future::poll_fn;
use std::io::{ErrorKind, IoSlice, IoSliceMut};

use bytes::BytesMut;
use openwork::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, Interest};
use openwork::net::unix::pipe;
use openwork::net::{TcpListener, TcpStream, UnixStream, tcp, unix};

use crate::common::sockets::Turns;
use crate::common::{Probe, ends, on_every_flavour, real};

async fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (near, listener.accept().await.unwrap().0)
}

async fn unix_pair() -> (UnixStream, UnixStream) {
    UnixStream::pair().unwrap()
}

/// Runs a test for a pair of each kind.
macro_rules! with_both {
    (|$near:ident, $far:ident| $law:block) => {{
        {
            let ($near, $far) = tcp_pair().await;
            $law
        }
        {
            let ($near, $far) = unix_pair().await;
            $law
        }
    }};
}

#[test]
fn halves_go_to_different_tasks() {
    on_every_flavour(|flavour| {
        const LEN: usize = 1 << 20;
        flavour.block_on(async {
            with_both!(|near, far| {
                let mut tasks = Vec::new();
                for stream in [near, far] {
                    let (mut reads, mut writes) = stream.into_split();
                    tasks.push(openwork::spawn(async move {
                        let mut got = Vec::new();
                        reads.read_to_end(&mut got).await.unwrap();
                        assert!(got == vec![5; LEN]);
                    }));
                    tasks.push(openwork::spawn(async move {
                        writes.write_all(&vec![5; LEN]).await.unwrap();
                        // Dropping it ends the other side's reading.
                    }));
                }
                for task in tasks {
                    task.await.unwrap();
                }
            });
        });
    });
}

/// Behaviour 35.
#[test]
fn an_owned_writing_half_that_is_dropped_ends_the_stream_and_reading_goes_on() {
    ends(|| {
        real().block_on(async {
            with_both!(|near, far| {
                let (mut reads, mut writes) = near.into_split();
                let mut far = far;
                writes.write_all(b"last").await.unwrap();
                drop(writes);
                let mut text = String::new();
                far.read_to_string(&mut text).await.unwrap();
                assert_eq!(text, "last");
                far.write_all(b"answer").await.unwrap();
                drop(far);
                text.clear();
                reads.read_to_string(&mut text).await.unwrap();
                assert_eq!(text, "answer");
            });
        });
    });
}

#[test]
fn an_owned_writing_half_that_is_forgotten_ends_the_stream_with_the_other_half() {
    ends(|| {
        real().block_on(async {
            let turns = Turns::new();
            with_both!(|near, far| {
                let (reads, writes) = near.into_split();
                writes.forget();
                turns.turn().await;
                let mut buf = [0; 8];
                assert_eq!(far.try_read(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
                drop(reads);
                far.readable().await.unwrap();
                assert_eq!(far.try_read(&mut buf).unwrap(), 0);
            });
        });
    });
}

#[test]
fn halves_that_borrow_leave_the_stream_as_it_was() {
    ends(|| {
        real().block_on(async {
            with_both!(|near, far| {
                let (mut near, mut far) = (near, far);
                {
                    let (mut reads, mut writes) = near.split();
                    let mut buf = [0; 5];
                    let ((), ()) = futures::join!(
                        async { writes.write_all(b"there").await.unwrap() },
                        async {
                            far.write_all(b"here!").await.unwrap();
                            reads.read_exact(&mut buf).await.unwrap();
                        }
                    );
                    assert_eq!(&buf, b"here!");
                }
                near.write_all(b", and on").await.unwrap();
                near.shutdown().await.unwrap();
                let mut text = String::new();
                far.read_to_string(&mut text).await.unwrap();
                assert_eq!(text, "there, and on");
            });
        });
    });
}

/// Behaviour 35.
#[test]
fn halves_of_one_stream_are_reunited_and_others_are_given_back() {
    ends(|| {
        real().block_on(async {
            let turns = Turns::new();
            with_both!(|near, far| {
                let (near_reads, near_writes) = near.into_split();
                let (far_reads, far_writes) = far.into_split();
                let error = near_reads.reunite(far_writes).unwrap_err();
                assert!(error.to_string().contains("different streams"));
                let (near_reads, far_writes) = (error.0, error.1);
                let error = near_writes.reunite(far_reads).unwrap_err();
                let (far_reads, near_writes) = (error.0, error.1);
                let mut near = near_reads.reunite(near_writes).unwrap();
                let mut far = far_writes.reunite(far_reads).unwrap();
                // That has not ended the streams.
                turns.turn().await;
                assert_eq!(far.try_read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
                near.write_all(b"whole").await.unwrap();
                let mut buf = [0; 5];
                far.read_exact(&mut buf).await.unwrap();
                assert_eq!(&buf, b"whole");
                near.into_std().unwrap();
            });
        });
    });
}

/// Behaviour 35.
#[test]
fn either_reading_half_can_look_without_taking() {
    ends(|| {
        real().block_on(async {
            with_both!(|near, far| {
                let (mut near, mut far) = (near, far);
                far.write_all(b"twice").await.unwrap();
                let mut buf = [0; 8];
                let (reads, _) = near.split();
                assert_eq!(reads.peek(&mut buf).await.unwrap(), 5);
                assert_eq!(poll_fn(|cx| reads.poll_peek(cx, &mut buf)).await.unwrap(), 5);
                let (mut reads, _writes) = near.into_split();
                assert_eq!(reads.peek(&mut buf).await.unwrap(), 5);
                assert_eq!(poll_fn(|cx| reads.poll_peek(cx, &mut buf)).await.unwrap(), 5);
                assert_eq!(reads.read(&mut buf).await.unwrap(), 5);
                assert_eq!(&buf[..5], b"twice");
                assert!(Probe::new(reads.peek(&mut buf)).poll().is_pending());
            });
        });
    });
}

#[test]
fn a_half_has_half_of_the_methods() {
    ends(|| {
        real().block_on(async {
            with_both!(|near, far| {
                let mut far = far;
                let (reads, writes) = near.into_split();
                let both = Interest::READABLE | Interest::WRITABLE;
                assert!(reads.ready(both).await.unwrap().is_writable());
                assert!(writes.ready(Interest::WRITABLE).await.unwrap().is_writable());
                writes.writable().await.unwrap();
                assert_eq!(writes.try_write(b"one, ").unwrap(), 5);
                let pieces = [IoSlice::new(b"two, "), IoSlice::new(b"three")];
                assert_eq!(writes.try_write_vectored(&pieces).unwrap(), 10);
                let mut got = [0; 15];
                far.read_exact(&mut got).await.unwrap();
                assert_eq!(&got, b"one, two, three");

                assert_eq!(reads.try_read(&mut got).unwrap_err().kind(), ErrorKind::WouldBlock);
                far.write_all(b"four, five").await.unwrap();
                reads.readable().await.unwrap();
                let (mut left, mut right) = ([0; 3], [0; 3]);
                let mut pieces = [IoSliceMut::new(&mut left), IoSliceMut::new(&mut right)];
                assert_eq!(reads.try_read_vectored(&mut pieces).unwrap(), 6);
                assert_eq!((&left, &right), (b"fou", b"r, "));
                assert_eq!(reads.try_read(&mut got).unwrap(), 4);
                assert_eq!(&got[..4], b"five");
                // Each half gives access to the stream.
                assert!(reads.as_ref().take_error().unwrap().is_none());
                assert!(writes.as_ref().take_error().unwrap().is_none());
            });
            let (near, far) = tcp_pair().await;
            let address = near.local_addr().unwrap();
            let (reads, writes) = near.into_split();
            assert_eq!(
                (reads.local_addr().unwrap(), writes.local_addr().unwrap()),
                (address, address)
            );
            let peer = far.local_addr().unwrap();
            assert_eq!((reads.peer_addr().unwrap(), writes.peer_addr().unwrap()), (peer, peer));
        });
    });
}

#[test]
fn a_read_on_one_half_and_a_write_on_the_other_are_woken_by_their_own() {
    ends(|| {
        real().block_on(async {
            let turns = Turns::new();
            with_both!(|near, far| {
                let (mut reads, mut writes) = near.into_split();
                let piece = vec![0; 64 << 10];
                let mut filled = 0;
                while let Ok(count) = writes.try_write(&piece) {
                    filled += count;
                }
                let mut buf = [0; 8];
                let mut read = Probe::new(reads.read(&mut buf));
                let mut write = Probe::new(writes.write(b"!"));
                read.assert_pending();
                write.assert_pending();
                assert_eq!(far.try_write(b"data").unwrap(), 4);
                turns.until(|| read.is_woken()).await;
                assert_eq!(read.assert_ready().unwrap(), 4);
                write.assert_pending();
                (&far).read_exact(&mut vec![0; filled]).await.unwrap();
                turns.until(|| write.is_woken()).await;
                assert_eq!(write.assert_ready().unwrap(), 1);
            });
        });
    });
}

#[test]
fn the_names_are_tokios() {
    fn reads<T: AsyncRead + Send + Sync + Unpin + std::fmt::Debug>() {}
    fn writes<T: AsyncWrite + Send + Sync + Unpin + std::fmt::Debug>() {}
    reads::<tcp::ReadHalf<'_>>();
    reads::<tcp::OwnedReadHalf>();
    reads::<unix::ReadHalf<'_>>();
    reads::<unix::OwnedReadHalf>();
    writes::<tcp::WriteHalf<'_>>();
    writes::<tcp::OwnedWriteHalf>();
    writes::<unix::WriteHalf<'_>>();
    writes::<unix::OwnedWriteHalf>();
    fn both<T: AsyncRead + AsyncWrite + Send + Sync + Unpin>() {}
    both::<TcpStream>();
    both::<&TcpStream>();
    both::<UnixStream>();
    both::<&UnixStream>();
    fn is_error<T: std::error::Error + Send + Sync>() {}
    is_error::<tcp::ReuniteError>();
    is_error::<unix::ReuniteError>();
    // A function's signature may name them.
    fn _whole(
        read: tcp::OwnedReadHalf,
        write: tcp::OwnedWriteHalf,
    ) -> Result<TcpStream, tcp::ReuniteError> {
        read.reunite(write)
    }
}

#[test]
fn a_growing_buffer_takes_what_is_there_now() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (mut stream, mut far) = UnixStream::pair().unwrap();
            let mut buf = BytesMut::from("> ");
            let nothing = stream.try_read_buf(&mut buf).unwrap_err();
            assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
            far.write_all(b"one two three").await.unwrap();
            stream.readable().await.unwrap();
            assert_eq!(stream.try_read_buf(&mut [0_u8; 0].as_mut_slice()).unwrap(), 0);
            let mut four = [0_u8; 4];
            assert_eq!(stream.try_read_buf(&mut four.as_mut_slice()).unwrap(), 4);
            assert_eq!(&four, b"one ");
            let (read, _write) = stream.split();
            assert_eq!(read.try_read_buf(&mut buf).unwrap(), 9);
            assert_eq!(&buf[..], b"> two three");

            let (mut sender, receiver) = pipe::pipe().unwrap();
            sender.write_all(b"!").await.unwrap();
            drop(sender);
            receiver.readable().await.unwrap();
            assert_eq!(receiver.try_read_buf(&mut buf).unwrap(), 1);
            assert_eq!(receiver.try_read_buf(&mut buf).unwrap(), 0);
            assert_eq!(&buf[..], b"> two three!");
        });
    });
}
