//! Channels as streams.

use futures::FutureExt;
use futures::executor::block_on;
use openwork::runtime::Handle;
use openwork::stream::wrappers::errors::BroadcastStreamRecvError::Lagged;
use openwork::stream::wrappers::{
    BroadcastStream, IntervalStream, ReceiverStream, UnboundedReceiverStream, WatchStream,
};
use openwork::stream::{self, Stream, StreamExt};
use openwork::sync::{broadcast, mpsc, watch};
use openwork::time::{self, Duration, Instant};

use crate::common::{Probe, Wakes, ends, on_every_flavour, panic_of, paused};

#[test]
fn messages_are_items_and_the_end_of_the_channel_is_theirs() {
    ends(|| {
        let (sender, receiver) = mpsc::channel(2);
        let mut stream = ReceiverStream::new(receiver);
        let mut next = Probe::new(stream.next());
        next.assert_pending();
        sender.try_send(1).unwrap();
        assert!(next.is_woken());
        assert_eq!(next.assert_ready(), Some(1));
        drop(next);
        sender.try_send(2).unwrap();
        drop(sender);
        assert_eq!(block_on(stream.next()), Some(2));
        assert_eq!(block_on(stream.next()), None);
        assert_eq!(block_on(stream.next()), None);

        let (sender, receiver) = mpsc::unbounded_channel();
        let stream = UnboundedReceiverStream::from(receiver);
        sender.send(1).unwrap();
        sender.send(2).unwrap();
        drop(sender);
        assert_eq!(block_on(stream.collect::<Vec<_>>()), [1, 2]);
    });
}

// Point 20.
#[test]
fn a_closed_stream_still_gives_what_was_sent_or_reserved() {
    ends(|| {
        let (sender, receiver) = mpsc::channel(4);
        sender.try_send(1).unwrap();
        let permit = sender.try_reserve().unwrap();
        let unused = sender.try_reserve().unwrap();
        let mut stream = ReceiverStream::new(receiver);
        assert_eq!(stream.size_hint(), (1, None));
        stream.close();
        assert!(sender.try_send(2).is_err());
        assert_eq!(stream.size_hint(), (1, Some(3)));
        assert_eq!(block_on(stream.next()), Some(1));
        assert_eq!(stream.size_hint(), (0, Some(2)));
        assert_eq!(stream.next().now_or_never(), None);
        permit.send(3);
        assert_eq!(stream.size_hint(), (1, Some(2)));
        assert_eq!(block_on(stream.next()), Some(3));
        let mut next = Probe::new(stream.next());
        next.assert_pending();
        drop(unused);
        assert!(next.is_woken());
        assert_eq!(next.assert_ready(), None);
        drop(next);
        assert_eq!(stream.size_hint(), (0, Some(0)));
    });
}

#[test]
fn a_closed_stream_knows_its_length() {
    ends(|| {
        let (sender, receiver) = mpsc::unbounded_channel();
        sender.send(1).unwrap();
        sender.send(2).unwrap();
        let mut stream = UnboundedReceiverStream::new(receiver);
        assert_eq!(stream.size_hint(), (2, None));
        stream.close();
        assert!(sender.send(3).is_err());
        assert_eq!(stream.size_hint(), (2, Some(2)));
        block_on(stream.next());
        assert_eq!(stream.size_hint(), (1, Some(1)));
        let (sender, receiver) = mpsc::channel(2);
        sender.try_send(1).unwrap();
        drop(sender);
        assert_eq!(ReceiverStream::new(receiver).size_hint(), (1, Some(1)));
    });
}

#[test]
fn the_receiver_can_be_had_back_with_what_is_in_it() {
    ends(|| {
        let (sender, receiver) = mpsc::channel(2);
        sender.try_send(1).unwrap();
        sender.try_send(2).unwrap();
        let mut stream = ReceiverStream::from(receiver);
        assert_eq!(block_on(stream.next()), Some(1));
        assert_eq!(stream.as_ref().len(), 1);
        assert_eq!(stream.as_mut().try_recv(), Ok(2));
        sender.try_send(3).unwrap();
        assert_eq!(stream.into_inner().try_recv(), Ok(3));
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut stream = UnboundedReceiverStream::new(receiver);
        sender.send(1).unwrap();
        assert_eq!((stream.as_ref().len(), stream.as_mut().try_recv()), (1, Ok(1)));
        sender.send(2).unwrap();
        assert_eq!(stream.into_inner().try_recv(), Ok(2));
    });
}

// Point 28.
#[test]
fn a_broadcast_stream_says_what_it_missed_and_goes_on() {
    ends(|| {
        let (sender, receiver) = broadcast::channel(2);
        let mut stream = BroadcastStream::new(receiver);
        let mut next = Probe::new(stream.next());
        next.assert_pending();
        sender.send(0).unwrap();
        assert!(next.is_woken());
        assert_eq!(next.assert_ready(), Some(Ok(0)));
        drop(next);
        (1..=5).for_each(|n| _ = sender.send(n).unwrap());
        assert_eq!(block_on(stream.next()), Some(Err(Lagged(3))));
        assert_eq!(Lagged(3).to_string(), "channel lagged by 3");
        drop(sender);
        assert_eq!(block_on(stream.collect::<Vec<_>>()), [Ok(4), Ok(5)]);
    });
}

// Point 29.
#[test]
fn a_watch_stream_begins_with_the_present_value_and_ends_with_the_last() {
    ends(|| {
        let (sender, receiver) = watch::channel(1);
        let mut changes = WatchStream::from_changes(receiver.clone());
        let mut stream = WatchStream::new(receiver);
        assert_eq!(block_on(stream.next()), Some(1));
        assert_eq!(changes.next().now_or_never(), None);
        let mut next = Probe::new(stream.next());
        next.assert_pending();
        sender.send(2).unwrap();
        sender.send(3).unwrap();
        assert!(next.is_woken());
        // The one between was replaced before anybody saw it.
        assert_eq!(next.assert_ready(), Some(3));
        drop(next);
        sender.send(4).unwrap();
        drop(sender);
        assert_eq!(block_on(stream.collect::<Vec<_>>()), [4]);
        assert_eq!(block_on(changes.collect::<Vec<_>>()), [4]);
        let (_, receiver) = watch::channel(5);
        assert_eq!(block_on(WatchStream::from(receiver).collect::<Vec<_>>()), [5]);
    });
}

#[test]
fn a_stream_that_is_dropped_while_it_waits_leaves_no_waker() {
    ends(|| {
        let wakes = Wakes::default();
        let polls = |stream: &mut (dyn Stream<Item = ()> + Unpin)| {
            assert!(wakes.poll(std::pin::pin!(stream.next())).is_pending());
            // Its place is its own, and not that of one `next`.
            assert!(wakes.poll(std::pin::pin!(stream.next())).is_pending());
            assert_eq!(wakes.kept(), 1);
        };
        let (to_many, receiver) = broadcast::channel::<u8>(1);
        let mut waits = BroadcastStream::from(receiver).map(drop);
        polls(&mut waits);
        drop(waits);
        let (seen, receiver) = watch::channel(0);
        let mut waits = WatchStream::from_changes(receiver).map(drop);
        polls(&mut waits);
        drop(waits);
        assert_eq!(wakes.kept(), 0);
        drop((to_many, seen));
        assert_eq!(wakes.count(), 0);
    });
}

#[test]
fn every_stream_of_a_broadcast_gets_every_value() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let sender = broadcast::Sender::new(1024);
            let tasks: Vec<_> = (0..4)
                .map(|_| {
                    let stream = BroadcastStream::new(sender.subscribe());
                    openwork::spawn(stream.collect::<Result<Vec<_>, _>>())
                })
                .collect();
            for n in 0..1000 {
                sender.send(n).unwrap();
                if n % 10 == 0 {
                    openwork::task::yield_now().await;
                }
            }
            drop(sender);
            for task in tasks {
                assert!(task.await.unwrap().unwrap().into_iter().eq(0..1000));
            }
        });
    });
}

// Point 12.
#[test]
fn a_broadcast_and_a_watch_stream_pay_for_each_item() {
    ends(|| {
        openwork::block_on(async {
            let (sender, receiver) = broadcast::channel(1024);
            (0..1000).for_each(|n| _ = sender.send(n).unwrap());
            let mut stream = BroadcastStream::new(receiver);
            let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
            let mut ready = || std::pin::Pin::new(&mut stream).poll_next(&mut cx).is_ready();
            assert_eq!((0..).take_while(|_| ready()).count(), 128);
            let (_sender, receiver) = watch::channel(0);
            let mut stream = WatchStream::new(receiver);
            assert_eq!(stream.next().now_or_never(), None);
            openwork::task::yield_now().await;
            assert_eq!(stream.next().now_or_never(), Some(Some(0)));
        });
    });
}

// Point 18.
#[test]
fn an_interval_as_a_stream_tells_the_moments_that_were_planned() {
    ends(|| {
        paused().block_on(async {
            let second = Duration::from_secs(1);
            let start = Instant::now();
            let mut ticks = stream::interval(second);
            assert_eq!(ticks.size_hint(), (usize::MAX, None));
            assert_eq!(ticks.next().await, Some(start));
            assert_eq!(ticks.next().await, Some(start + second));
            time::advance(2 * second).await;
            let missed: Vec<_> = (&mut ticks).take(2).collect().await;
            assert_eq!(missed, [start + 2 * second, start + 3 * second]);
            assert_eq!(ticks.as_ref().period(), second);
            ticks.as_mut().reset();
            assert_eq!(ticks.into_inner().tick().await, start + 4 * second);
            let numbered = IntervalStream::new(time::interval(second)).zip(stream::iter(0..3));
            assert_eq!(numbered.count().await, 3);
            assert_eq!(Handle::current().metrics().num_timers(), 0);
            let panicked = panic_of(|| stream::interval(Duration::ZERO)).unwrap();
            assert_eq!((panicked.file.as_str(), panicked.line), (file!(), line!() - 1));
        });
    });
}
