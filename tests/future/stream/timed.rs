//! Streams with a clock. The clock is paused: it moves only when the runtime is idle, or when a test moves it.

use std::future::ready;

use futures::executor::block_on;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use openwork::runtime::Handle;
use openwork::stream::wrappers::UnboundedReceiverStream;
use openwork::stream::{Elapsed, Stream, StreamTimeExt};
use openwork::sync::mpsc::unbounded_channel;
use openwork::task::consume_budget;
use openwork::time::{self, Duration, Instant, sleep};

use crate::common::{Wakes, ends, panic_of, paused};

const MS: Duration = Duration::from_millis(1);

/// Each item, and when it came.
async fn times<S: Stream>(stream: S) -> Vec<(S::Item, u128)> {
    let start = Instant::now();
    stream.map(|item| (item, start.elapsed().as_millis())).collect().await
}

#[test]
fn items_that_are_throttled_come_one_by_one() {
    ends(|| {
        paused().block_on(async {
            let seen = times(stream::iter(0..4).throttle(10 * MS)).await;
            assert_eq!(seen, [(0, 0), (1, 10), (2, 20), (3, 30)]);
            // The pause begins when the item is given, even if the stream is not polled meanwhile.
            let mut slow = Box::pin(stream::iter(0..3).throttle(10 * MS));
            assert_eq!(slow.next().await, Some(0));
            sleep(25 * MS).await;
            let start = Instant::now();
            assert_eq!(slow.next().await, Some(1));
            assert_eq!(start.elapsed(), Duration::ZERO);
            assert_eq!(slow.next().await, Some(2));
            assert_eq!(start.elapsed(), 10 * MS);
            assert_eq!(slow.get_ref().size_hint(), (0, Some(0)));
        });
    });
}

#[test]
fn a_throttled_stream_is_not_polled_during_the_pause() {
    ends(|| {
        paused().block_on(async {
            let source = super::script::script((0..3).map(Some));
            let polls = source.polls();
            let mut slow = Box::pin(source.throttle(10 * MS));
            assert_eq!(slow.next().await, Some(0));
            assert_eq!(slow.next().now_or_never(), None);
            assert_eq!(polls.get(), 1);
            time::advance(10 * MS).await;
            assert_eq!(slow.next().now_or_never(), Some(Some(1)));
        });
    });
}

#[test]
fn a_pause_of_zero_needs_no_runtime() {
    ends(|| {
        let stream = stream::iter(0..3).throttle(Duration::ZERO);
        assert_eq!(block_on(stream.collect::<Vec<_>>()), [0, 1, 2]);
        // `throttle` itself never needs one.
        drop(stream::iter(0..3).throttle(MS));
        let message =
            panic_of(|| block_on(stream::iter(0..3).throttle(MS).count())).unwrap().message;
        assert!(message.contains("`StreamTimeExt::throttle`"), "{message}");
        // The panic comes before an item is taken.
        let mut slow = Box::pin(stream::iter(0..3).throttle(MS));
        assert!(panic_of(|| block_on(slow.next())).is_some());
        assert_eq!(paused().block_on(slow.next()), Some(0));
    });
}

#[test]
fn a_late_item_is_one_error_and_then_comes() {
    ends(|| {
        paused().block_on(async {
            let late = stream::iter([0, 20, 5, 30]).then(async |ms| {
                sleep(ms * MS).await;
                ms
            });
            let seen = times(late.timeout(10 * MS)).await;
            let seen: Vec<_> = seen.into_iter().map(|(item, at)| (item.ok(), at)).collect();
            // An error after 10 ms, and no second error for the same item.
            let expected = [
                (Some(0), 0),
                (None, 10),
                (Some(20), 20),
                (Some(5), 25),
                (None, 35),
                (Some(30), 55),
            ];
            assert_eq!(seen, expected);
        });
    });
}

// Point 17.
#[test]
fn a_ready_item_beats_a_deadline_long_past() {
    ends(|| {
        paused().block_on(async {
            let (sender, receiver) = unbounded_channel();
            let receiver = UnboundedReceiverStream::new(receiver);
            let mut stream = Box::pin(receiver.timeout(10 * MS));
            assert!(stream.next().now_or_never().is_none());
            time::advance(100 * MS).await;
            sender.send(1).unwrap();
            assert_eq!(stream.next().now_or_never(), Some(Some(Ok(1))));
            // The limit begins anew with the item.
            assert!(stream.next().now_or_never().is_none());
            time::advance(9 * MS).await;
            assert!(stream.next().now_or_never().is_none());
            time::advance(MS).await;
            assert!(matches!(stream.next().now_or_never(), Some(Some(Err(Elapsed { .. })))));
            drop(sender);
            assert_eq!(stream.next().now_or_never(), Some(None));
            assert_eq!(stream.next().now_or_never(), Some(None));
        });
    });
}

// Point 13.
#[test]
fn a_stream_that_uses_up_the_whole_budget_does_not_escape_its_limit() {
    ends(|| {
        paused().block_on(async {
            // Each poll uses up the budget for items that the filter drops.
            let items = stream::unfold((), async |()| {
                consume_budget().await;
                Some(((), ()))
            });
            let mut busy = Box::pin(items.filter(|_| ready(false)).timeout(Duration::ZERO));
            assert!(matches!(busy.next().await, Some(Err(_))));
        });
    });
}

#[test]
fn a_limit_of_duration_max_does_not_overflow() {
    ends(|| {
        paused().block_on(async {
            let stream = stream::iter([1]).timeout(Duration::MAX);
            assert_eq!(stream.try_collect::<Vec<_>>().await, Ok(vec![1]));
            let mut stream = Box::pin(stream::iter([1, 2]).throttle(Duration::MAX));
            assert_eq!(stream.next().await, Some(1));
            assert_eq!(stream.next().now_or_never(), None);
        });
    });
}

#[test]
fn there_is_a_timer_only_while_the_task_waits_for_it() {
    ends(|| {
        paused().block_on(async {
            let timers = || Handle::current().metrics().num_timers();
            let (sender, receiver) = unbounded_channel();
            let mut stream = Box::pin(UnboundedReceiverStream::new(receiver).timeout(10 * MS));
            assert!(stream.next().now_or_never().is_none());
            assert_eq!(timers(), 1);
            sender.send(1).unwrap();
            assert!(stream.next().await.is_some());
            assert_eq!(timers(), 0);
            // After an error there is no timer until the late item has come.
            assert!(stream.next().await.unwrap().is_err());
            assert!(stream.next().now_or_never().is_none());
            assert_eq!(timers(), 0);
            drop(stream);

            let mut slow = Box::pin(stream::iter(0..3).throttle(10 * MS));
            slow.next().await;
            assert_eq!(timers(), 0);
            assert!(slow.next().now_or_never().is_none());
            assert_eq!(timers(), 1);
            drop(slow);
            assert_eq!(timers(), 0);
        });
    });
}

#[test]
fn a_limit_wakes_the_task_that_polled_last() {
    ends(|| {
        paused().block_on(async {
            let mut stream = Box::pin(stream::pending::<()>().timeout(10 * MS));
            let (first, second) = (Wakes::new(), Wakes::new());
            assert!(first.poll(std::pin::pin!(stream.next())).is_pending());
            assert!(second.poll(std::pin::pin!(stream.next())).is_pending());
            time::advance(10 * MS).await;
            assert_eq!((first.count(), second.count()), (0, 1));
        });
    });
}

// Point 40.
#[test]
fn a_limit_without_a_runtime_panics_at_the_callers_line() {
    ends(|| {
        let panicked = panic_of(|| stream::empty::<()>().timeout(MS)).unwrap();
        assert_eq!((panicked.file.as_str(), panicked.line), (file!(), line!() - 1));
        assert!(panicked.message.contains("`StreamTimeExt::timeout`"), "{}", panicked.message);
        let panicked = panic_of(|| stream::empty::<()>().chunks_timeout(1, MS)).unwrap();
        assert_eq!((panicked.file.as_str(), panicked.line), (file!(), line!() - 1));
        let panicked = panic_of(|| stream::empty::<()>().chunks_timeout(0, MS)).unwrap();
        assert_eq!((panicked.file.as_str(), panicked.line), (file!(), line!() - 1));
        assert!(panicked.message.contains("at least one item"), "{}", panicked.message);
    });
}

#[test]
fn a_chunk_is_complete_by_size_or_by_time_or_at_the_end() {
    ends(|| {
        paused().block_on(async {
            let items = |pauses: &'static [u64]| {
                stream::iter(pauses).enumerate().then(async |(n, ms)| {
                    sleep(*ms as u32 * MS).await;
                    n
                })
            };
            // By size: the items come every 2 ms, and the time of a chunk begins with its first item.
            let seen = times(items(&[2; 7]).chunks_timeout(3, 10 * MS)).await;
            assert_eq!(seen, [(vec![0, 1, 2], 6), (vec![3, 4, 5], 12), (vec![6], 14)]);
            // By time; an empty chunk never comes.
            let seen = times(items(&[20, 5, 4, 7, 30]).chunks_timeout(100, 10 * MS)).await;
            assert_eq!(seen, [(vec![0, 1, 2], 30), (vec![3], 46), (vec![4], 66)]);
            assert_eq!(Handle::current().metrics().num_timers(), 0);
            assert_eq!(times(stream::empty::<u8>().chunks_timeout(1, MS)).await, []);
        });
    });
}

#[test]
fn a_dropped_next_leaves_the_items_in_the_chunk() {
    ends(|| {
        paused().block_on(async {
            let (sender, receiver) = unbounded_channel();
            let receiver = UnboundedReceiverStream::new(receiver);
            let mut chunks = Box::pin(receiver.chunks_timeout(3, 10 * MS));
            sender.send(1).unwrap();
            assert!(chunks.next().now_or_never().is_none());
            assert_eq!(chunks.size_hint(), (1, None));
            sender.send(2).unwrap();
            assert!(chunks.next().now_or_never().is_none());
            sender.send(3).unwrap();
            sender.send(4).unwrap();
            assert_eq!(chunks.next().now_or_never(), Some(Some(vec![1, 2, 3])));
            drop(sender);
            assert_eq!(chunks.next().now_or_never(), Some(Some(vec![4])));
            assert_eq!(chunks.next().now_or_never(), Some(None));
            assert_eq!(chunks.next().now_or_never(), Some(None));
            assert_eq!(chunks.size_hint(), (0, Some(0)));
        });
    });
}

#[test]
fn a_chunk_without_end_uses_up_the_budget_and_its_time_still_passes() {
    ends(|| {
        openwork::block_on(async {
            let mut chunks = Box::pin(stream::repeat(1).chunks_timeout(usize::MAX, MS));
            let start = Instant::now();
            let chunk = chunks.next().await.unwrap();
            assert!(start.elapsed() >= MS && chunk.len() >= 128);
        });
    });
}

#[test]
fn size_hints_count_errors_and_chunks() {
    ends(|| {
        openwork::block_on(async {
            let limited = stream::repeat(1).timeout(Duration::MAX);
            assert_eq!(limited.size_hint(), (usize::MAX, None));
            assert_eq!(stream::iter([1, 2]).timeout(Duration::MAX).size_hint(), (2, Some(5)));
            assert_eq!(stream::iter([1, 2]).throttle(MS).size_hint(), (2, Some(2)));
            assert_eq!(stream::iter(0..7).chunks_timeout(3, MS).size_hint(), (3, Some(7)));
        });
    });
}
