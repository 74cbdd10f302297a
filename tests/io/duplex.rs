//! `duplex` and `split`.

use std::future;
use std::io::{ErrorKind, IoSlice};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use crate::common::{
    Act, AtDrop, Flavour, Probe, Random, Tape, Wakes, ends, on_every_flavour, panic_of, panics_at,
    reported,
};
use crate::script::pattern;
use futures::FutureExt;
use futures::executor::block_on;
use futures::io::Cursor;
use openwork::io::{
    AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, duplex, split,
};
use openwork::task::yield_now;
use openwork::trace::{Event, WaitReason};

#[test]
fn what_one_end_writes_the_other_reads() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (mut client, mut server) = duplex(32);
            let serving = openwork::spawn(async move {
                let mut word = [0; 4];
                server.read_exact(&mut word).await.unwrap();
                assert_eq!(&word, b"ping");
                server.write_all(b"pong").await.unwrap();
            });
            client.write_all(b"ping").await.unwrap();
            let mut word = String::new();
            client.read_to_string(&mut word).await.unwrap();
            assert_eq!(word, "pong");
            serving.await.unwrap();
        });
    });
}

#[test]
fn a_megabyte_goes_through_a_small_pipe_both_ways_at_once() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (near, far) = duplex(97);
            let ends = [near, far].map(|end| {
                let (mut reading, mut writing) = split(end);
                let sending = openwork::spawn(async move {
                    let (sent, mut random) = (pattern(200_000), Random(3));
                    let mut rest = &sent[..];
                    while !rest.is_empty() {
                        let len = (1 + random.below(300)).min(rest.len());
                        let count = writing.write(&rest[..len]).await.unwrap();
                        assert!((1..=97).contains(&count));
                        rest = &rest[count..];
                    }
                    writing.shutdown().await.unwrap();
                });
                let receiving = openwork::spawn(async move {
                    let mut all = Vec::new();
                    reading.read_to_end(&mut all).await.unwrap();
                    assert!(all == pattern(200_000));
                });
                [sending, receiving]
            });
            for task in ends.into_iter().flatten() {
                task.await.unwrap();
            }
        });
    });
}

#[test]
fn a_write_to_a_full_pipe_waits() {
    let (mut near, mut far) = duplex(4);
    assert_eq!(block_on(near.write(b"abcdef")).unwrap(), 4);
    let mut writing = Probe::new(near.write(b"ef"));
    writing.assert_pending();
    let mut buf = [0; 3];
    assert_eq!(block_on(far.read(&mut buf)).unwrap(), 3);
    assert!(writing.is_woken());
    assert_eq!(writing.assert_ready().unwrap(), 2);
    drop(writing);
    assert_eq!(block_on(far.read(&mut buf)).unwrap(), 3);
    assert_eq!(&buf, b"def");
    // And no waker is left.
    let mut reading = Probe::new(far.read(&mut buf));
    reading.assert_pending();
    block_on(near.write_all(b"g")).unwrap();
    assert!(reading.is_woken());
    assert_eq!(reading.wakes.kept(), 0);
}

#[test]
fn the_bytes_before_a_drop_are_read_before_the_end() {
    let (mut near, mut far) = duplex(32);
    block_on(near.write_all(b"last words")).unwrap();
    assert!(near.read(&mut [0; 1]).now_or_never().is_none());
    drop(near);
    assert_eq!(block_on(far.write(b"x")).unwrap_err().kind(), ErrorKind::BrokenPipe);
    let mut all = String::new();
    block_on(far.read_to_string(&mut all)).unwrap();
    assert_eq!(all, "last words");
    assert_eq!(block_on(far.read(&mut [0; 4])).unwrap(), 0);
}

#[test]
fn a_shutdown_ends_one_direction_only() {
    let (mut near, mut far) = duplex(32);
    let mut buf = [0; 4];
    let mut reading = Probe::new(far.read(&mut buf));
    reading.assert_pending();
    block_on(near.shutdown()).unwrap();
    assert!(reading.is_woken());
    assert_eq!(reading.assert_ready().unwrap(), 0);
    drop(reading);
    block_on(near.shutdown()).unwrap();
    block_on(far.write_all(b"back")).unwrap();
    assert_eq!(block_on(near.read(&mut buf)).unwrap(), 4);
    assert_eq!(block_on(near.write(b"x")).unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[test]
fn a_waiting_write_fails_when_the_reader_is_dropped() {
    let (mut near, far) = duplex(1);
    block_on(near.write_all(b"x")).unwrap();
    let mut writing = Probe::new(near.write_all(b"yz"));
    writing.assert_pending();
    drop(far);
    assert!(writing.is_woken());
    assert_eq!(writing.assert_ready().unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[test]
fn a_shutdown_wakes_a_task_that_waits_to_write() {
    let (mut near, mut far) = duplex(1);
    block_on(near.write_all(b"x")).unwrap();
    let wakes = Wakes::new();
    let write = |near: &mut DuplexStream| {
        wakes.poll(pin!(future::poll_fn(|cx| Pin::new(&mut *near).poll_write(cx, b"y"))))
    };
    assert!(write(&mut near).is_pending());
    block_on(near.shutdown()).unwrap();
    assert_eq!((wakes.count(), wakes.kept()), (1, 0));
    assert_eq!(
        write(&mut near).map_err(|error| error.kind()),
        Poll::Ready(Err(ErrorKind::BrokenPipe))
    );
    assert_eq!(block_on(far.read(&mut [0; 4])).unwrap(), 1);
}

#[test]
fn an_empty_read_or_write_is_ready_at_once() {
    let (mut near, mut far) = duplex(1);
    assert_eq!(near.read(&mut []).now_or_never().unwrap().unwrap(), 0);
    block_on(near.write_all(b"x")).unwrap();
    assert_eq!(near.write(&[]).now_or_never().unwrap().unwrap(), 0);
    let bufs = [IoSlice::new(&[]), IoSlice::new(&[])];
    assert_eq!(near.write_vectored(&bufs).now_or_never().unwrap().unwrap(), 0);
    // A read into an empty slice makes no room, and so calls no waker.
    let mut writing = Probe::new(near.write(b"y"));
    writing.assert_pending();
    assert_eq!(block_on(far.read(&mut [])).unwrap(), 0);
    assert!(!writing.is_woken());
    drop((writing, far));
    for empty in [near.write(&[]).now_or_never(), near.write_vectored(&bufs).now_or_never()] {
        assert_eq!(empty.unwrap().unwrap_err().kind(), ErrorKind::BrokenPipe);
    }
}

#[test]
fn a_vectored_write_takes_all_slices() {
    let (mut near, mut far) = duplex(5);
    let bufs = [IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cd"), IoSlice::new(b"ef")];
    assert_eq!(block_on(near.write_vectored(&bufs)).unwrap(), 5);
    let mut buf = [0; 5];
    block_on(far.read_exact(&mut buf)).unwrap();
    assert_eq!(&buf, b"abcde");
}

#[test]
fn a_pipe_without_capacity_panics_at_the_callers_line() {
    let panicked = panic_of(|| duplex(0)).unwrap();
    assert_eq!(panicked.message, "`max_buf_size` must be greater than 0");
    assert_eq!(panicked.file, file!());
}

/// Behaviour 12.
#[test]
fn a_task_that_never_waits_yields() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let busy = openwork::spawn(async {
                let (mut near, mut far) = duplex(8 * 1024);
                loop {
                    near.write_all(&[3; 4096]).await.unwrap();
                    far.read(&mut [0; 4096]).await.unwrap();
                }
            });
            yield_now().await;
            openwork::spawn(async {}).await.unwrap();
            busy.abort();
        });
    });
}

#[test]
fn a_waiting_task_is_reported_to_the_trace() {
    let mut builder = Flavour::CurrentThread.builder();
    let tape = Tape::listen(&mut builder);
    builder.build().unwrap().block_on(async {
        let (mut near, _far) = duplex(1);
        assert!(near.read(&mut [0; 1]).now_or_never().is_none());
        near.write_all(b"x").await.unwrap();
        assert!(near.write(b"y").now_or_never().is_none());
    });
    let waits: Vec<_> = tape
        .take()
        .into_iter()
        .filter_map(|record| match record.event {
            Event::Waits(WaitReason::On { what }) => Some(what),
            _ => None,
        })
        .collect();
    assert_eq!(waits, ["bytes from a pipe", "room in a pipe"]);
}

// ---- user code runs outside the lock ----

/// A waker that polls its future at once, inside `wake`.
struct PollInWake<F> {
    future: Mutex<std::pin::Pin<Box<F>>>,
    done: AtomicBool,
}

impl<F: Future<Output = ()> + Send + 'static> Wake for PollInWake<F> {
    fn wake(self: Arc<Self>) {
        let mut cx = Context::from_waker(Waker::noop());
        let ready = self.future.lock().unwrap().as_mut().poll(&mut cx).is_ready();
        self.done.store(ready, SeqCst);
    }
}

fn poll_in_wake<F: Future<Output = ()> + Send + 'static>(future: F) -> Arc<PollInWake<F>> {
    let future = Mutex::new(Box::pin(future));
    let task = Arc::new(PollInWake { future, done: AtomicBool::new(false) });
    let waker = Waker::from(task.clone());
    let pending = task.future.lock().unwrap().as_mut().poll(&mut Context::from_waker(&waker));
    assert!(pending.is_pending());
    task
}

#[test]
fn a_waker_may_use_the_pipe() {
    ends(|| {
        let reads = |mut end: DuplexStream, expected: usize| {
            poll_in_wake(async move {
                assert_eq!(end.read(&mut [0; 1]).await.unwrap(), expected);
            })
        };
        let (mut near, far) = duplex(1);
        let task = reads(far, 1);
        block_on(near.write(b"x")).unwrap();
        assert!(task.done.load(SeqCst));

        let (mut near, far) = duplex(1);
        let task = reads(far, 0);
        block_on(near.shutdown()).unwrap();
        assert!(task.done.load(SeqCst));

        let (near, far) = duplex(1);
        let task = reads(far, 0);
        drop(near);
        assert!(task.done.load(SeqCst));

        for reads_on in [true, false] {
            let (mut near, mut far) = duplex(1);
            let task = poll_in_wake(async move {
                assert_eq!(near.write_all(b"xy").await.is_ok(), reads_on);
            });
            if reads_on {
                block_on(far.read(&mut [0; 1])).unwrap();
            } else {
                drop(far);
            }
            assert!(task.done.load(SeqCst));
        }
    });
}

#[test]
fn a_waker_that_is_replaced_may_own_the_other_end() {
    /// A waker that owns the other end of the connection.
    struct Owner(#[allow(dead_code)] Mutex<DuplexStream>);
    impl Wake for Owner {
        fn wake(self: Arc<Self>) {}
    }

    fn check(far: DuplexStream, future: impl Future<Output = ()>) {
        let mut future = pin!(future);
        let waker = Waker::from(Arc::new(Owner(Mutex::new(far))));
        assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        drop(waker);
        // Dropping the old waker drops the other end, which completes this future.
        let mut cx = Context::from_waker(Waker::noop());
        assert!(future.as_mut().poll(&mut cx).is_pending());
        assert!(future.as_mut().poll(&mut cx).is_ready());
    }

    ends(|| {
        let (mut near, far) = duplex(1);
        check(far, async { assert_eq!(near.read(&mut [0; 1]).await.unwrap(), 0) });
        let (mut near, far) = duplex(1);
        check(far, async { assert!(near.write_all(b"xy").await.is_err()) });
    });
}

// ---- wakers that panic ----

#[test]
fn a_panicking_waker_loses_no_bytes() {
    let panics = panics_at(Act::Wake);
    let cx = &mut Context::from_waker(&panics);
    let once = vec!["a waker's panic".to_owned()];
    let (mut client, mut server) = duplex(4);
    let mut write = Box::pin(client.write_all(b"12345678"));
    assert!(write.poll_unpin(cx).is_pending());
    let mut read = [0; 3];
    let (count, messages) = reported(|| server.read(&mut read).now_or_never().unwrap().unwrap());
    assert_eq!((&read[..count], messages), (&b"123"[..], once.clone()));
    assert!(write.poll_unpin(cx).is_pending());
    let mut read = [0; 8];
    let (count, messages) = reported(|| server.read(&mut read).now_or_never().unwrap().unwrap());
    assert_eq!((&read[..count], messages), (&b"4567"[..], once.clone()));
    assert!(write.now_or_never().unwrap().is_ok());
    server.read_exact(&mut read[..1]).now_or_never().unwrap().unwrap();
    assert_eq!(read[0], b'8');

    let mut waits = Box::pin(server.read_u8());
    assert!(waits.poll_unpin(cx).is_pending());
    let (count, messages) = reported(|| client.write(b"9").now_or_never().unwrap().unwrap());
    assert_eq!((count, messages), (1, once.clone()));
    assert_eq!(waits.now_or_never().unwrap().unwrap(), b'9');

    // Both directions end, although the first one's waker panics.
    let (mut client, server) = duplex(4);
    client.write_all(b"1234").now_or_never().unwrap().unwrap();
    let (mut reads, mut writes) = split(client);
    let mut read = [0];
    let mut read = Box::pin(reads.read(&mut read));
    let mut write = Box::pin(writes.write(b"5"));
    assert!(read.poll_unpin(cx).is_pending() && write.poll_unpin(cx).is_pending());
    assert_eq!(reported(|| drop(server)).1, vec!["a waker's panic"; 2]);
    assert_eq!(read.now_or_never().unwrap().unwrap(), 0);
    assert_eq!(write.now_or_never().unwrap().unwrap_err().kind(), ErrorKind::BrokenPipe);

    let (mut client, mut server) = duplex(4);
    let mut read = Box::pin(server.read_u8());
    assert!(read.poll_unpin(cx).is_pending());
    let (shut, messages) = reported(|| client.shutdown().now_or_never().unwrap().is_ok());
    assert_eq!((shut, messages), (true, once));
    assert_eq!(read.now_or_never().unwrap().unwrap_err().kind(), ErrorKind::UnexpectedEof);
}

#[test]
fn a_waker_that_panics_when_dropped_loses_no_bytes() {
    let panics = panics_at(Act::Drop);
    let (mut client, mut server) = duplex(4);
    let mut read = [0; 4];
    assert!(
        pin!(server.read(&mut read)).poll_unpin(&mut Context::from_waker(&panics)).is_pending()
    );
    // The waker is replaced while there is nothing to read.
    let replaced = reported(|| server.read(&mut read).now_or_never().is_none());
    assert_eq!(replaced, (true, vec!["a waker's panic".to_owned()]));
    client.write_all(b"1234").now_or_never().unwrap().unwrap();
    assert_eq!(server.read(&mut read).now_or_never().unwrap().unwrap(), 4);
    assert_eq!(&read, b"1234");
    // Dropping this end drops the waker, and ends the other end's stream.
    assert!(
        pin!(server.read(&mut read)).poll_unpin(&mut Context::from_waker(&panics)).is_pending()
    );
    assert_eq!(reported(|| drop(server)).1, ["a waker's panic"]);
    assert_eq!(client.read(&mut read).now_or_never().unwrap().unwrap(), 0);
}

// ---- halves ----

#[test]
fn unsplit_returns_the_stream() {
    block_on(async {
        let (mut reading, mut writing) = split(Cursor::new(b"abcd".to_vec()));
        assert_eq!(reading.read_u8().await.unwrap(), b'a');
        writing.write_all(b"B").await.unwrap();
        writing.flush().await.unwrap();
        assert!(reading.is_pair_of(&writing));
        assert_eq!(reading.unsplit(writing).into_inner(), b"aBcd");
    });
}

#[test]
fn unsplit_of_different_streams_panics() {
    let (one, _one) = split(Cursor::new(Vec::new()));
    let (_other, other) = split(Cursor::new(Vec::new()));
    assert!(!one.is_pair_of(&other));
    assert_eq!(panic_of(|| one.unsplit(other)).unwrap().file, file!());
}

#[test]
fn the_stream_is_dropped_with_the_second_half() {
    use std::io::Result;
    use std::task::Poll;

    struct Stream<F: FnMut()>(#[allow(dead_code)] AtDrop<F>);
    impl<F: FnMut()> openwork::io::AsyncRead for Stream<F> {
        fn poll_read(
            self: std::pin::Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &mut [u8],
        ) -> Poll<Result<usize>> {
            panic!("this panic belongs to the test")
        }
    }
    impl<F: FnMut()> openwork::io::AsyncWrite for Stream<F> {
        fn poll_write(
            self: std::pin::Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<Result<usize>> {
            Poll::Ready(Ok(buf.len()))
        }
        fn poll_flush(self: std::pin::Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
            Poll::Ready(Ok(()))
        }
        fn poll_close(self: std::pin::Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    let dropped = Arc::new(AtomicBool::new(false));
    let flag = dropped.clone();
    let (mut reading, mut writing) = split(Stream(AtDrop(move || flag.store(true, SeqCst))));
    // A panic in one half leaves the other working.
    assert!(panic_of(|| block_on(reading.read(&mut [0; 1]))).is_some());
    assert_eq!(block_on(writing.write(b"xy")).unwrap(), 2);
    drop(reading);
    assert!(!dropped.load(SeqCst));
    drop(writing);
    assert!(dropped.load(SeqCst));
}

/// Behaviour 41.
#[test]
fn the_types_are_send_sync_and_unpin_if_their_streams_are() {
    fn goes<T: Send + Sync + Unpin>() {}
    goes::<DuplexStream>();
    goes::<ReadHalf<DuplexStream>>();
    goes::<WriteHalf<DuplexStream>>();
    // Even halves of a stream that is not `Unpin`.
    goes::<ReadHalf<std::marker::PhantomPinned>>();
}
