//! Streams. The listings import `futures::StreamExt` where the tutorial imports `tokio_stream::StreamExt`. The edits
//! that they need beside that are marked with `edited:`.

use std::future::ready;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use openwork::stream::wrappers::{
    BroadcastStream, IntervalStream, ReceiverStream, UnboundedReceiverStream, WatchStream,
};
use openwork::stream::{Stream, StreamTimeExt};
use openwork::sync::{broadcast, mpsc, watch};
use openwork::time::{self, Instant, Sleep};

use crate::program;

#[test]
fn a_loop_over_a_stream() {
    program(|| async {
        let mut stream = stream::iter(&[1, 2, 3]);
        let mut got = Vec::new();
        while let Some(v) = stream.next().await {
            got.push(*v);
        }
        assert_eq!(got, [1, 2, 3]);
    });
}

fn subscribe() -> impl Stream<Item = Result<String, &'static str>> {
    let (tx, rx) = mpsc::channel(2);
    openwork::spawn(async move {
        for n in ["1", "two", "3", "four", "five", "6"] {
            let _ = tx.send(Ok(n.to_string())).await;
        }
    });
    // Not `Unpin`: it must be pinned.
    let receiver = ReceiverStream::new(rx);
    stream::unfold(receiver, |mut receiver| async { Some((receiver.next().await?, receiver)) })
}

#[test]
fn messages_are_taken_filtered_and_mapped() {
    program(|| async {
        let messages = subscribe()
            // edited: a predicate returns a future.
            .filter(|msg| {
                ready(match msg {
                    Ok(msg) => msg.len() == 1,
                    _ => false,
                })
            })
            .map(|msg| msg.unwrap())
            .take(3);
        openwork::pin!(messages);
        let mut got = Vec::new();
        while let Some(msg) = messages.next().await {
            got.push(msg);
        }
        assert_eq!(got, ["1", "3", "6"]);

        let mut boxed: Pin<Box<dyn Stream<Item = Result<String, &'static str>>>> =
            Box::pin(subscribe());
        assert_eq!(boxed.try_next().await.unwrap().unwrap(), "1");
    });
}

struct Interval {
    rem: usize,
    delay: Pin<Box<Sleep>>,
}

impl Interval {
    fn new() -> Self {
        Self { rem: 3, delay: Box::pin(time::sleep(Duration::ZERO)) }
    }
}

impl Stream for Interval {
    type Item = ();

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<()>> {
        if self.rem == 0 {
            return Poll::Ready(None);
        }
        match self.delay.as_mut().poll(cx) {
            Poll::Ready(_) => {
                let when = self.delay.deadline() + Duration::from_millis(10);
                self.delay.as_mut().reset(when);
                self.rem -= 1;
                Poll::Ready(Some(()))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

#[test]
fn a_hand_written_stream() {
    program(|| async {
        let start = Instant::now();
        let mut ticks = Interval::new();
        let mut count = 0;
        while let Some(()) = ticks.next().await {
            count += 1;
        }
        assert_eq!(count, 3);
        assert!(start.elapsed() >= Duration::from_millis(20));
        // edited: so does the closure of `fold`.
        let sum = Interval::new().enumerate().fold(0, |sum, (n, ())| ready(sum + n));
        assert_eq!(sum.await, 3);
    });
}

#[test]
fn streams_are_combined() {
    program(|| async {
        let (tx1, rx1) = mpsc::channel(10);
        let (tx2, rx2) = mpsc::unbounded_channel();
        let rx1 = ReceiverStream::new(rx1);
        let rx2 = UnboundedReceiverStream::new(rx2);
        // edited: rx1.merge(rx2)
        let mut rx = stream::select(rx1, rx2);
        openwork::spawn(async move {
            tx1.send(1).await.unwrap();
            tx1.send(2).await.unwrap();
        });
        openwork::spawn(async move {
            tx2.send(3).unwrap();
        });
        let mut sum = 0;
        while let Some(n) = rx.next().await {
            sum += n;
        }
        assert_eq!(sum, 6);

        let numbers: Vec<i32> =
            // edited: stream::once(4)
            stream::iter([1, 2, 3]).chain(stream::once(ready(4))).skip(1).collect().await;
        assert_eq!(numbers, [2, 3, 4]);
        let text: String = stream::iter(["a", "b"]).collect().await;
        assert_eq!(text, "ab");
        // edited: collect()
        let results: Result<Vec<i32>, &str> =
            stream::iter([Ok(1), Err("no"), Ok(2)]).try_collect().await;
        assert_eq!(results, Err("no"));
        let doubled = stream::iter(0..4).then(|n| async move { n * 2 });
        openwork::pin!(doubled);
        assert_eq!(doubled.next().await, Some(0));
        // edited: `ready` around each result.
        let evens: Vec<_> =
            stream::iter(0..10).filter_map(|n| ready((n % 2 == 0).then_some(n))).collect().await;
        assert_eq!(evens.len(), 5);
        let first: Vec<_> = stream::iter(0..10).take_while(|n| ready(*n < 3)).collect().await;
        assert_eq!(first, [0, 1, 2]);
        let pairs: Vec<_> = stream::iter(0..3).zip(stream::iter("abc".chars())).collect().await;
        assert_eq!(pairs[2], (2, 'c'));
        assert_eq!(stream::empty::<i32>().next().await, None);
        let out: Vec<_> = stream::iter(0..10)
            .map(|n| async move {
                openwork::task::yield_now().await;
                n
            })
            .buffered(3)
            .collect()
            .await;
        assert_eq!(out, Vec::from_iter(0..10));
    });
}

#[test]
fn receivers_and_intervals_are_streams() {
    program(|| async {
        let (tx, rx) = watch::channel("hello");
        let mut rx = WatchStream::new(rx);
        assert_eq!(rx.next().await, Some("hello"));
        tx.send("goodbye").unwrap();
        assert_eq!(rx.next().await, Some("goodbye"));
        let mut rx = WatchStream::from_changes(tx.subscribe());
        tx.send("changed").unwrap();
        assert_eq!(rx.next().await, Some("changed"));

        let (tx, rx) = broadcast::channel(2);
        let mut rx = BroadcastStream::new(rx);
        for n in 0..4 {
            tx.send(n).unwrap();
        }
        let lagged = rx.next().await.unwrap().unwrap_err();
        assert_eq!(lagged.to_string(), "channel lagged by 2");
        assert_eq!(rx.next().await.unwrap().unwrap(), 2);

        let mut ticks = IntervalStream::new(time::interval(Duration::from_millis(1))).take(3);
        while let Some(_at) = ticks.next().await {}
    });
}

#[test]
fn a_stream_with_a_time_out_and_one_that_is_slowed_down() {
    program(|| async {
        let stalls =
            stream::iter([1, 2]).chain(stream::pending()).timeout(Duration::from_millis(5));
        openwork::pin!(stalls);
        assert_eq!(stalls.try_next().await, Ok(Some(1)));
        assert_eq!(stalls.try_next().await, Ok(Some(2)));
        assert!(stalls.try_next().await.is_err());

        let start = Instant::now();
        let slow = stream::iter(0..3).throttle(Duration::from_millis(5));
        openwork::pin!(slow);
        while let Some(_item) = slow.next().await {}
        assert!(start.elapsed() >= Duration::from_millis(10));
    });
}
