//! Our streams and tasks with the methods, sets and sinks of the `futures` crate.

use std::future::ready;

use futures::executor::block_on;
use futures::stream::{self, FuturesUnordered};
use futures::{StreamExt, TryStreamExt};
use openwork::stream::StreamTimeExt;
use openwork::stream::wrappers::UnboundedReceiverStream;
use openwork::sync::mpsc::unbounded_channel;
use openwork::time::Duration;

use crate::common::{ends, paused};

fn numbers(count: i32) -> UnboundedReceiverStream<i32> {
    let (sender, receiver) = unbounded_channel();
    (1..=count).for_each(|n| sender.send(n).unwrap());
    UnboundedReceiverStream::new(receiver)
}

#[test]
fn their_methods_work_on_our_streams() {
    ends(|| {
        let even = numbers(10).map(|n| n * n).filter(|n| ready(n % 2 == 0));
        let sums = even.chunks(2).map(|pair| pair.iter().sum::<i32>());
        assert_eq!(block_on(sums.collect::<Vec<_>>()), [20, 100, 100]);
        let mut all = block_on(stream::select(numbers(2), numbers(3)).collect::<Vec<_>>());
        all.sort();
        assert_eq!(all, [1, 1, 2, 2, 3]);
        let tenfold = numbers(3).map(async |n| n * 10).buffered(2);
        assert_eq!(block_on(tenfold.collect::<Vec<_>>()), [10, 20, 30]);
    });
}

#[test]
fn our_methods_work_on_their_streams_and_theirs_around_ours() {
    ends(|| {
        paused().block_on(async {
            let pairs = stream::iter(1..=3).flat_map(|n| stream::iter([n, n]));
            let slow = pairs.throttle(Duration::from_secs(1)).timeout(Duration::from_secs(2));
            let sums = slow.try_fold(0, |sum, n| ready(Ok(sum + n)));
            assert_eq!(sums.await, Ok(12));
        });
    });
}

#[test]
fn their_sets_hold_our_tasks() {
    ends(|| {
        openwork::block_on(async {
            let tasks = (0..100).map(|n| openwork::spawn(async move { n }));
            let set = tasks.collect::<FuturesUnordered<_>>();
            let all = set.try_collect::<Vec<_>>().await.unwrap();
            assert_eq!(all.into_iter().sum::<i32>(), 4950);
        });
    });
}

#[test]
fn our_streams_feed_their_sinks() {
    ends(|| {
        let (sink, received) = futures::channel::mpsc::unbounded();
        block_on(async {
            numbers(3).map(Ok).forward(sink).await.unwrap();
            assert_eq!(received.collect::<Vec<_>>().await, [1, 2, 3]);
        });
    });
}
