//! Streams that look at the clock, which stands still here but for the jumps that a law asks for.

use futures::FutureExt;
use futures::executor::block_on;
use openwork::runtime::Handle;
use openwork::stream::wrappers::UnboundedReceiverStream;
use openwork::stream::{self, Elapsed, Stream, StreamExt};
use openwork::sync::mpsc::unbounded_channel;
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
            // From when the last was given, also when nobody asked meanwhile.
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
fn what_is_throttled_is_not_asked_before_its_time() {
    ends(|| {
        paused().block_on(async {
            let source = super::script::script((0..3).map(Some));
            let asked = source.asked();
            let mut slow = Box::pin(source.throttle(10 * MS));
            assert_eq!(slow.next().await, Some(0));
            assert_eq!(slow.next().now_or_never(), None);
            assert_eq!(asked.get(), 1);
            time::advance(10 * MS).await;
            assert_eq!(slow.next().now_or_never(), Some(Some(1)));
        });
    });
}

#[test]
fn throttled_by_nothing_needs_no_runtime() {
    ends(|| {
        let stream = stream::iter(0..3).throttle(Duration::ZERO);
        assert_eq!(block_on(stream.collect::<Vec<_>>()), [0, 1, 2]);
        // Nor does the making of one.
        drop(stream::iter(0..3).throttle(MS));
        let message =
            panic_of(|| block_on(stream::iter(0..3).throttle(MS).count())).unwrap().message;
        assert!(message.contains("`StreamExt::throttle`"), "{message}");
        // It is refused before an item is taken.
        let mut slow = Box::pin(stream::iter(0..3).throttle(MS));
        assert!(panic_of(|| block_on(slow.next())).is_some());
        assert_eq!(paused().block_on(slow.next()), Some(0));
    });
}

#[test]
fn who_is_late_is_an_error_once_and_still_comes() {
    ends(|| {
        paused().block_on(async {
            let late = stream::iter([0, 20, 5, 30]).then(async |ms| {
                sleep(ms * MS).await;
                ms
            });
            let seen = times(late.timeout(10 * MS)).await;
            let seen: Vec<_> = seen.into_iter().map(|(item, at)| (item.ok(), at)).collect();
            // An error after 10 ms, and after 25 more none: it was said.
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
fn an_item_that_is_there_beats_a_limit_long_past() {
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
fn a_stream_that_spends_the_whole_budget_does_not_escape_its_limit() {
    ends(|| {
        paused().block_on(async {
            // Each poll spends the budget on items that nobody wants.
            let busy = stream::iter(0..).filter(|_| false).timeout(Duration::ZERO);
            let mut busy = Box::pin(busy);
            assert!(matches!(busy.next().await, Some(Err(_))));
        });
    });
}

#[test]
fn a_limit_of_for_ever_does_not_overflow() {
    ends(|| {
        paused().block_on(async {
            let stream = stream::iter([1]).timeout(Duration::MAX);
            assert_eq!(stream.collect::<Result<Vec<_>, _>>().await, Ok(vec![1]));
            let mut stream = Box::pin(stream::iter([1, 2]).throttle(Duration::MAX));
            assert_eq!(stream.next().await, Some(1));
            assert_eq!(stream.next().now_or_never(), None);
        });
    });
}

#[test]
fn while_nothing_is_late_or_early_there_is_no_timer() {
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
            // Once it was late there is none until it has come.
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
        assert!(panicked.message.contains("`StreamExt::timeout`"), "{}", panicked.message);
    });
}
