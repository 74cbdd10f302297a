//! Nobody holds a thread because his stream is always ready. Point 12.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};

use futures::executor::block_on;
use openwork::stream::wrappers::UnboundedReceiverStream;
use openwork::stream::{self, Stream, StreamExt};
use openwork::sync::mpsc::unbounded_channel;

use crate::common::{ends, on_every_flavour, until};

/// Somebody else's stream, which is always ready and pays nothing. It counts what it has given.
fn strangers(given: &Arc<AtomicUsize>) -> impl Stream<Item = usize> + Unpin + Send + use<> {
    let given = given.clone();
    futures::stream::iter((0..).map(move |_| given.fetch_add(1, SeqCst)))
}

/// How many items a future takes in one poll, within a runtime.
fn taken_in_a_poll<F: Future>(begin: impl FnOnce(Arc<AtomicUsize>) -> F) -> usize {
    let given = Arc::<AtomicUsize>::default();
    openwork::block_on(async {
        let mut future = pin!(begin(given.clone()));
        poll_fn(|cx| {
            assert!(future.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
    });
    given.load(SeqCst)
}

#[test]
fn who_loops_within_a_poll_takes_128_items_at_most() {
    ends(|| {
        let taken = [
            taken_in_a_poll(
                |given| async move { strangers(&given).filter(|_| false).next().await },
            ),
            taken_in_a_poll(|given| async move {
                strangers(&given).filter_map(|_| None::<u8>).next().await
            }),
            taken_in_a_poll(|given| async move { strangers(&given).skip(usize::MAX).next().await }),
            taken_in_a_poll(
                |given| async move { strangers(&given).skip_while(|_| true).next().await },
            ),
            taken_in_a_poll(|given| strangers(&given).fold(0, |a, b| a ^ b)),
            taken_in_a_poll(|given| strangers(&given).count()),
            taken_in_a_poll(|given| strangers(&given).collect::<Vec<_>>()),
            taken_in_a_poll(|given| strangers(&given).for_each(async |_| {})),
            taken_in_a_poll(|given| async move { strangers(&given).all(|_| true).await }),
            taken_in_a_poll(|given| async move { strangers(&given).any(|_| false).await }),
            taken_in_a_poll(|given| async move {
                let mut stream = strangers(&given);
                while stream.next().await.is_some() {}
            }),
            taken_in_a_poll(|given| async move {
                let mut stream = strangers(&given).map(Ok::<_, ()>);
                while stream.try_next().await.is_ok() {}
            }),
            taken_in_a_poll(|given| {
                strangers(&given).map(|_| std::future::pending::<()>()).buffered(usize::MAX).count()
            }),
            taken_in_a_poll(|given| {
                strangers(&given)
                    .map(|_| std::future::pending::<()>())
                    .buffer_unordered(usize::MAX)
                    .count()
            }),
        ];
        assert_eq!(taken, [128; 14]);
    });
}

#[test]
fn an_item_is_paid_for_once_through_all_layers() {
    ends(|| {
        let taken = taken_in_a_poll(|given| {
            strangers(&given).filter(|_| true).skip(0).map(|n| n).filter(|_| true).count()
        });
        assert_eq!(taken, 128);
        // Also where the source pays: ours, and a channel.
        let taken = taken_in_a_poll(|given| {
            stream::iter((0..).inspect(move |_| _ = given.fetch_add(1, SeqCst)))
                .filter(|_| true)
                .count()
        });
        assert_eq!(taken, 128);
        let taken = taken_in_a_poll(|given| {
            let (sender, receiver) = unbounded_channel();
            (0..1000).for_each(|n| sender.send(n).unwrap());
            let stream = UnboundedReceiverStream::new(receiver);
            // The sender stays, so that the stream does not end.
            stream.map(move |_| (given.fetch_add(1, SeqCst), sender.is_closed())).count()
        });
        assert_eq!(taken, 128);
    });
}

#[test]
fn our_sources_give_128_items_in_a_poll() {
    fn given<S: Stream>(stream: S) -> usize {
        let mut stream = pin!(stream);
        let mut cx = Context::from_waker(Waker::noop());
        (0..).find(|_| stream.as_mut().poll_next(&mut cx).is_pending()).unwrap()
    }
    ends(|| {
        openwork::block_on(async { assert_eq!(given(stream::iter(0..)), 128) });
        openwork::block_on(async {
            assert_eq!(given(stream::unfold(0, async |n| Some((n, n + 1)))), 128);
        });
    });
}

#[test]
fn another_task_runs_beside_a_stream_without_end() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let given = Arc::<AtomicUsize>::default();
            let endless = openwork::spawn(strangers(&given).filter(|_| false).count());
            let seen = given.clone();
            let other = openwork::spawn(async move { until(|| seen.load(SeqCst) >= 1000).await });
            other.await.unwrap();
            endless.abort();
            assert!(endless.await.unwrap_err().is_cancelled());
        });
    });
}

#[test]
fn outside_of_a_runtime_there_is_no_budget() {
    ends(|| {
        let given = Arc::default();
        assert_eq!(block_on(strangers(&given).take(100_000).filter(|_| false).count()), 0);
        assert_eq!(given.load(SeqCst), 100_000);
    });
}

#[test]
fn what_takes_many_polls_comes_to_its_end() {
    ends(|| {
        openwork::block_on(async {
            let all = stream::iter(0..10_000).filter(|n| n % 3 == 0).skip(1).collect::<Vec<_>>();
            assert!(all.await.into_iter().eq((3..10_000).step_by(3)));
            let futures = stream::iter(0..10_000).map(async |n| n);
            assert!(futures.buffered(300).collect::<Vec<_>>().await.into_iter().eq(0..10_000));
        });
    });
}
