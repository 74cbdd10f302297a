//! Copying from a reader to a writer, and in both directions at once.

use std::io::{ErrorKind, Result};
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::common::{Probe, Random, ends, on_every_flavour};
use crate::script::Step::{Data, Fail, Pending, Stall, Take};
use crate::script::{Script, bites, greedy, in_pieces, pattern, reader, text, writer};
use futures::FutureExt;
use futures::executor::block_on;
use openwork::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, BufWriter, copy,
    copy_bidirectional, duplex, empty, repeat, sink,
};
use openwork::task::yield_now;

#[test]
fn everything_is_copied_whatever_the_sizes_and_counted() {
    ends(|| {
        for seed in 1..500 {
            let mut random = Random(seed);
            let sent = pattern(random.below(30_000));
            let most = 1 + random.below(12_000);
            let mut from = reader(in_pieces(&sent, most, |limit| random.below(limit)));
            let mut to = writer(bites(400, most, |limit| random.below(limit)));
            // An interrupted flush is not repeated.
            to.writes.retain(|step| !matches!(step, Fail(_)));
            to.takes_all = true;
            let copied = block_on(async {
                if seed % 2 == 0 {
                    copy(&mut from, &mut to).await
                } else {
                    copy(&mut BufReader::with_capacity(1 + random.below(9000), from), &mut to).await
                }
            });
            assert_eq!(copied.unwrap(), sent.len() as u64, "seed {seed}");
            assert!(to.written == sent, "seed {seed}");
        }
    });
}

#[test]
fn a_copy_of_an_empty_reader_flushes_and_returns_zero() {
    let mut to = greedy();
    assert_eq!(block_on(copy(&mut empty(), &mut to)).unwrap(), 0);
    assert_eq!(to.calls, ["flush"]);
}

/// Behaviour 36. Otherwise both sides might wait for bytes in the writer's buffer.
#[test]
fn the_writer_is_flushed_while_the_reader_has_nothing() {
    let steps = [text("ab"), Pending, Pending, text("cd"), Stall];
    let (mut from, mut to) = (reader(steps), greedy());
    let mut copying = Probe::new(copy(&mut from, &mut to));
    (0..5).for_each(|_| copying.assert_pending());
    drop(copying);
    assert_eq!(to.calls, ["write 2", "flush", "write 2", "flush"]);
}

/// Behaviour 36.
#[test]
fn an_echo_through_a_buffered_writer_answers_each_question() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (near, far) = duplex(64);
            let echo = openwork::spawn(async move {
                let (mut from, to) = openwork::io::split(far);
                copy(&mut from, &mut BufWriter::new(to)).await
            });
            let (mut answers, mut questions) = openwork::io::split(near);
            for _ in 0..100 {
                questions.write_all(b"question").await.unwrap();
                answers.read_exact(&mut [0; 8]).await.unwrap();
            }
            questions.shutdown().await.unwrap();
            assert_eq!(echo.await.unwrap().unwrap(), 800);
        });
    });
}

#[test]
fn a_copy_repeats_interrupted_reads_and_writes() {
    const INTERRUPTED: crate::script::Step = Fail(ErrorKind::Interrupted);
    let mut from = reader([INTERRUPTED, text("ab"), INTERRUPTED, INTERRUPTED, text("cd")]);
    let mut to = writer([INTERRUPTED, Take(1), INTERRUPTED, Take(1), Take(2)]);
    assert_eq!(block_on(copy(&mut from, &mut to)).unwrap(), 4);
    assert_eq!(to.written, b"abcd");
}

#[test]
fn the_buffer_is_filled_while_the_writer_waits() {
    let mut from = reader([text("ab"), text("cd"), text("ef"), text("gh")]);
    let mut to = writer([Pending, Pending]);
    to.takes_all = true;
    assert_eq!(block_on(copy(&mut from, &mut to)).unwrap(), 8);
    assert_eq!(to.calls[..3], ["write 2", "write 6", "write 8"]);
}

#[test]
fn an_error_of_either_side_ends_the_copy() {
    for kind in [ErrorKind::ConnectionReset, ErrorKind::TimedOut] {
        let mut from = reader([text("ab"), Fail(kind)]);
        assert_eq!(block_on(copy(&mut from, &mut sink())).unwrap_err().kind(), kind);
        let mut to = writer([Take(1), Fail(kind)]);
        assert_eq!(block_on(copy(&mut &b"ab"[..], &mut to)).unwrap_err().kind(), kind);
        // At the flush.
        let mut to = writer([Take(2), Fail(kind)]);
        assert_eq!(block_on(copy(&mut &b"ab"[..], &mut to)).unwrap_err().kind(), kind);
    }
    let kind = ErrorKind::WriteZero;
    assert_eq!(block_on(copy(&mut &b"ab"[..], &mut writer([]))).unwrap_err().kind(), kind);
}

/// Behaviour 12.
#[test]
fn an_endless_copy_yields() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let endless = [
                openwork::spawn(async { copy(&mut repeat(1), &mut sink()).await.map(drop) }),
                // These streams use no budget: the copy itself does.
                openwork::spawn(async { copy(&mut Endless, &mut Endless).await.map(drop) }),
                openwork::spawn(async {
                    copy_bidirectional(&mut Endless, &mut Endless).await.map(drop)
                }),
            ];
            for _ in 0..100 {
                yield_now().await;
            }
            openwork::spawn(async {}).await.unwrap();
            endless.iter().for_each(|copying| copying.abort());
        });
    });
}

/// Always has a byte, and takes one.
struct Endless;

mod endless {
    use super::Endless;
    use std::io::Result;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use openwork::io::{AsyncRead, AsyncWrite};

    impl AsyncRead for Endless {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &mut [u8],
        ) -> Poll<Result<usize>> {
            buf[0] = 1;
            Poll::Ready(Ok(1))
        }
    }

    impl AsyncWrite for Endless {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<Result<usize>> {
            Poll::Ready(Ok(1))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
            Poll::Ready(Ok(()))
        }
    }
}

// ---- both directions ----

fn side(reads: impl IntoIterator<Item = crate::script::Step>) -> Script {
    Script { takes_all: true, ..reader(reads) }
}

#[test]
fn a_bidirectional_copy_copies_everything_and_shuts_each_side_down() {
    let mut a = side([text("from a"), Pending, text(", more")]);
    let mut b = side([Pending, Pending, text("from b")]);
    assert_eq!(block_on(copy_bidirectional(&mut a, &mut b)).unwrap(), (12, 6));
    assert_eq!((&a.written[..], &b.written[..]), (&b"from b"[..], &b"from a, more"[..]));
    assert_eq!((a.called("close"), b.called("close")), (1, 1));
}

/// Behaviour 36.
#[test]
fn after_the_end_of_one_side_the_other_may_still_send() {
    ends(|| {
        openwork::block_on(async {
            let (mut client, mut a) = duplex(64);
            let (mut server, mut b) = duplex(64);
            let proxy = openwork::spawn(async move { copy_bidirectional(&mut a, &mut b).await });
            client.write_all(b"request").await.unwrap();
            client.shutdown().await.unwrap();
            let mut request = String::new();
            // The end has arrived, and no answer was sent yet.
            server.read_to_string(&mut request).await.unwrap();
            assert_eq!(request, "request");
            server.write_all(b"a longer answer").await.unwrap();
            drop(server);
            let mut answer = String::new();
            client.read_to_string(&mut answer).await.unwrap();
            assert_eq!(answer, "a longer answer");
            assert_eq!(proxy.await.unwrap().unwrap(), (7, 15));
        });
    });
}

/// Behaviour 36.
#[test]
fn an_error_of_either_side_ends_both_directions_at_once() {
    let kind = ErrorKind::ConnectionReset;
    let cases = [
        // The failing operation: a read, a write, a flush, a shutdown.
        (side([Fail(kind)]), side([text("x"), Stall])),
        (side([Stall]).with_writes([Fail(kind)]), side([text("x"), Stall])),
        (side([Stall]).with_writes([Take(1), Fail(kind)]), side([text("x"), Stall])),
        (side([Stall]).with_writes([Fail(kind)]), side([])),
    ];
    for (mut broken, mut other) in cases {
        let mut both = copy_bidirectional(&mut broken, &mut other);
        assert_eq!((&mut both).now_or_never().unwrap().unwrap_err().kind(), kind);
    }
    let (mut broken, mut other) = (side([Fail(kind)]), side([text("x"), Stall]));
    let both = copy_bidirectional(&mut other, &mut broken).now_or_never();
    assert_eq!(both.unwrap().unwrap_err().kind(), kind);
}

#[test]
fn a_stuck_direction_does_not_delay_the_other() {
    let mut a = side([Data(pattern(100_000)), Stall]);
    let mut b = side([text("answer"), Stall]).with_writes([Stall]);
    let mut both = Probe::new(copy_bidirectional(&mut a, &mut b));
    both.assert_pending();
    drop(both);
    assert_eq!(a.written, b"answer");
}

/// A stream that reads from `from` and writes to `to`.
struct Joined<R, W> {
    from: R,
    to: W,
}

impl<R: AsyncRead + Unpin, W: Unpin> AsyncRead for Joined<R, W> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<usize>> {
        Pin::new(&mut self.from).poll_read(cx, buf)
    }
}

impl<R: Unpin, W: AsyncWrite + Unpin> AsyncWrite for Joined<R, W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<Result<usize>> {
        Pin::new(&mut self.to).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.to).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.to).poll_close(cx)
    }
}

/// Both directions use one budget.
#[test]
fn a_direction_that_never_waits_does_not_starve_the_other() {
    ends(|| {
        for flood_first in [true, false] {
            openwork::block_on(async {
                let (mut far, near) = duplex(64);
                let copying = openwork::spawn(async move {
                    let mut flood = Joined { from: repeat(1), to: near };
                    let mut quiet = Joined { from: &b"heard"[..], to: sink() };
                    if flood_first {
                        copy_bidirectional(&mut flood, &mut quiet).await.map(drop)
                    } else {
                        copy_bidirectional(&mut quiet, &mut flood).await.map(drop)
                    }
                });
                let mut word = String::new();
                far.read_to_string(&mut word).await.unwrap();
                assert_eq!(word, "heard");
                copying.abort();
            });
        }
    });
}

#[test]
fn a_bidirectional_copy_repeats_interrupted_reads_and_writes() {
    const INTERRUPTED: crate::script::Step = Fail(ErrorKind::Interrupted);
    let mut a = side([INTERRUPTED, text("ab")]).with_writes([INTERRUPTED, Take(1)]);
    let mut b = side([INTERRUPTED, text("cd")]).with_writes([INTERRUPTED, Take(1)]);
    assert_eq!(block_on(copy_bidirectional(&mut a, &mut b)).unwrap(), (2, 2));
}

// ---- with the futures crate ----

#[test]
fn copies_and_splits_mix_with_the_futures_crate() {
    ends(|| {
        let sent = pattern(100_000);
        openwork::block_on(async {
            // The futures crate's `copy` between our streams.
            let (near, far) = duplex(1000);
            let bytes = sent.clone();
            let receiving = openwork::spawn(async move {
                let mut all = Vec::new();
                BufReader::new(far).read_to_end(&mut all).await.unwrap();
                all
            });
            let mut near = BufWriter::new(near);
            assert_eq!(futures::io::copy(&bytes[..], &mut near).await.unwrap(), 100_000);
            near.shutdown().await.unwrap();
            assert!(receiving.await.unwrap() == sent);

            // Our `copy` between streams of the futures crate.
            let mut from = futures::io::BufReader::new(futures::io::Cursor::new(&sent));
            let mut to = futures::io::BufWriter::new(futures::io::Cursor::new(Vec::new()));
            assert_eq!(copy(&mut from, &mut to).await.unwrap(), 100_000);
            assert!(*to.get_ref().get_ref() == sent);

            // The futures crate's `split` of our stream; our `split` with the futures crate's methods.
            let (near, far) = duplex(1000);
            let (reading, writing) = futures::AsyncReadExt::split(near);
            openwork::spawn(async move {
                let (mut from, mut to) = openwork::io::split(far);
                futures::io::copy(&mut from, &mut to).await.unwrap();
                to.shutdown().await.unwrap();
            });
            let sending = openwork::spawn(async move {
                let mut writing = writing;
                futures::AsyncWriteExt::write_all(&mut writing, &bytes).await.unwrap();
                futures::AsyncWriteExt::close(&mut writing).await.unwrap();
            });
            let mut all = Vec::new();
            futures::AsyncReadExt::read_to_end(&mut { reading }, &mut all).await.unwrap();
            sending.await.unwrap();
            assert!(all == sent);
        });
    });
}

/// Behaviour 41.
#[test]
fn the_futures_are_send_sync_and_unpin_if_their_streams_are() {
    fn goes<F: Future + Send + Sync + Unpin>(_: F) {}
    goes(copy(&mut side([]), &mut side([])));
    goes(copy_bidirectional(&mut side([]), &mut side([])));
}
