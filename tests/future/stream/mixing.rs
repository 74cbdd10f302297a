//! Ours and the `futures` crate's, in both directions.
//!
//! Both have a trait called `StreamExt`, so one is imported and the other's methods are called by path.

use futures::executor::block_on;
use openwork::sync::mpsc::unbounded_channel;

use crate::common::ends;

mod their_methods {
    use super::*;
    use futures::StreamExt;
    use openwork::stream;

    #[test]
    fn the_ecosystems_methods_work_on_our_streams() {
        ends(|| {
            let squares = stream::StreamExt::map(stream::iter(1..=10), |n| n * n);
            let even = stream::StreamExt::filter(squares, |n| n % 2 == 0);
            let sums = even.chunks(2).map(|pair| pair.iter().sum::<i32>());
            assert_eq!(block_on(sums.collect::<Vec<_>>()), [20, 100, 100]);
            let merged = stream::StreamExt::merge(stream::iter([1, 3, 5]), stream::iter([2, 4, 6]));
            assert_eq!(block_on(merged.collect::<Vec<_>>()), [1, 2, 3, 4, 5, 6]);
            let all = futures::stream::select_all([stream::iter(0..2), stream::iter(5..7)]);
            let mut all = block_on(all.collect::<Vec<_>>());
            all.sort();
            assert_eq!(all, [0, 1, 5, 6]);
        });
    }

    #[test]
    fn the_ecosystems_sets_hold_our_tasks() {
        ends(|| {
            openwork::block_on(async {
                let tasks = (0..100).map(|n| openwork::spawn(async move { n }));
                let set = tasks.collect::<futures::stream::FuturesUnordered<_>>();
                let all = stream::StreamExt::collect::<Result<Vec<_>, _>>(set).await.unwrap();
                assert_eq!(all.into_iter().sum::<i32>(), 4950);
            });
        });
    }

    #[test]
    fn our_streams_feed_the_ecosystems_sinks() {
        ends(|| {
            let (sink, received) = futures::channel::mpsc::unbounded();
            block_on(async {
                stream::iter(0..3).map(Ok).forward(sink).await.unwrap();
                assert_eq!(received.collect::<Vec<_>>().await, [0, 1, 2]);
            });
        });
    }
}

mod our_methods {
    use super::*;
    use futures::stream;
    use openwork::stream::StreamExt;
    use openwork::stream::wrappers::UnboundedReceiverStream;

    #[test]
    fn our_methods_work_on_the_ecosystems_streams() {
        ends(|| {
            let theirs = stream::StreamExt::flat_map(stream::iter(1..=3), |n| stream::iter([n, n]));
            let ours = theirs.enumerate().filter(|(at, _)| at % 2 == 0).map(|(_, n)| n);
            let ours = ours.map(async |n| n * 10).buffered(2);
            assert_eq!(block_on(ours.collect::<Vec<_>>()), [10, 20, 30]);
            let (sender, receiver) = futures::channel::mpsc::unbounded();
            sender.unbounded_send(1).unwrap();
            drop(sender);
            assert_eq!(block_on(receiver.merge(stream::empty()).count()), 1);
        });
    }

    #[test]
    fn ours_stands_around_theirs_around_ours() {
        ends(|| {
            let (sender, receiver) = unbounded_channel();
            openwork::block_on(async {
                openwork::spawn(async move { (0..6).for_each(|n| sender.send(n).unwrap()) });
                let ours = UnboundedReceiverStream::new(receiver).filter(|n| n % 2 == 0);
                let theirs = stream::StreamExt::scan(ours, 0, |sum, n| {
                    *sum += n;
                    futures::future::ready(Some(*sum))
                });
                assert_eq!(theirs.skip(1).collect::<Vec<_>>().await, [2, 6]);
            });
        });
    }

    #[test]
    fn a_boxed_stream_is_the_ecosystems_box() {
        ends(|| {
            let boxed: stream::BoxStream<'static, i32> =
                openwork::stream::once(1).chain(openwork::stream::once(2)).boxed();
            assert_eq!(block_on(boxed.collect::<Vec<_>>()), [1, 2]);
        });
    }
}
