//! Channels, intervals, listeners, lines and signals as streams.

use std::fs;

use futures::executor::block_on;
use futures::{FutureExt, StreamExt, TryStreamExt};
use openwork::io::{AsyncBufReadExt, AsyncWriteExt};
use openwork::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use openwork::runtime::Handle;
use openwork::signal::unix::{SignalKind, signal};
use openwork::stream::wrappers::errors::BroadcastStreamRecvError::Lagged;
use openwork::stream::wrappers::{
    BroadcastStream, IntervalStream, LinesStream, ReceiverStream, SignalStream, SplitStream,
    TcpListenerStream, UnboundedReceiverStream, UnixListenerStream, WatchStream,
};
use openwork::stream::{self, Stream};
use openwork::sync::{broadcast, mpsc, watch};
use openwork::time::{self, Duration, Instant};

use crate::common::{Dir, Probe, Wakes, alone, ends, on_every_flavour, panic_of, paused};

#[test]
fn messages_are_items_and_the_stream_ends_with_the_channel() {
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
fn into_inner_returns_the_receiver_with_its_messages() {
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
fn a_broadcast_stream_reports_lost_values_and_goes_on() {
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
fn a_watch_stream_begins_with_the_current_value_and_ends_with_the_last() {
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
        // The value between was replaced before the stream was polled.
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
            // The waiter is the stream's, not that of one `next`.
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
                    openwork::spawn(stream.try_collect::<Vec<_>>())
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
fn each_item_uses_up_budget() {
    ends(|| {
        openwork::block_on(async {
            let (sender, receiver) = broadcast::channel(1024);
            (0..1000).for_each(|n| _ = sender.send(n).unwrap());
            let mut stream = BroadcastStream::new(receiver);
            let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
            let mut ready = || std::pin::Pin::new(&mut stream).poll_next(&mut cx).is_ready();
            assert_eq!((0..).take_while(|_| ready()).count(), 128);
            openwork::task::yield_now().await;
            let (sender, receiver) = mpsc::unbounded_channel();
            (0..1000).for_each(|n| sender.send(n).unwrap());
            let mut stream = UnboundedReceiverStream::new(receiver);
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
fn an_interval_stream_gives_the_moments_that_were_planned() {
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
            let numbered =
                IntervalStream::new(time::interval(second)).zip(futures::stream::iter(0..3));
            assert_eq!(numbered.count().await, 3);
            assert_eq!(Handle::current().metrics().num_timers(), 0);
            let panicked = panic_of(|| stream::interval(Duration::ZERO)).unwrap();
            assert_eq!((panicked.file.as_str(), panicked.line), (file!(), line!() - 1));
        });
    });
}

#[test]
fn lines_and_pieces_of_a_reader_are_items_and_an_error_is_one_too() {
    ends(|| {
        let lines = LinesStream::new((&b"one\ntwo\r\n\xff\nfour"[..]).lines());
        let lines: Vec<_> = block_on(lines.map(Result::ok).collect());
        let one = |text: &str| Some(text.to_owned());
        assert_eq!(lines, [one("one"), one("two"), None, one("four")]);
        let pieces = SplitStream::new(AsyncBufReadExt::split(&b"a,b,"[..], b','));
        let pieces: Vec<_> = block_on(pieces.try_collect()).unwrap();
        assert_eq!(pieces, [b"a", b"b"]);
    });
}

#[test]
fn connections_are_items_without_end() {
    ends(|| {
        openwork::block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let mut accepted = TcpListenerStream::new(listener);
            assert_eq!(accepted.size_hint(), (usize::MAX, None));
            assert!(accepted.next().now_or_never().is_none());
            for _ in 0..2 {
                let client = TcpStream::connect(address).await.unwrap();
                let server = accepted.next().await.unwrap().unwrap();
                assert_eq!(server.peer_addr().unwrap(), client.local_addr().unwrap());
            }
            assert_eq!(accepted.into_inner().local_addr().unwrap(), address);

            let folder = Dir::new();
            let path = folder.0.join("socket");
            let mut accepted = UnixListenerStream::new(UnixListener::bind(&path).unwrap());
            let mut client = UnixStream::connect(&path).await.unwrap();
            let server = accepted.next().await.unwrap().unwrap();
            client.write_all(b"hello\n").await.unwrap();
            let mut lines = LinesStream::new(openwork::io::BufReader::new(server).lines());
            assert_eq!(lines.next().await.unwrap().unwrap(), "hello");
        });
    });
}

#[test]
fn the_entries_of_a_directory_are_items() {
    ends(|| {
        let folder = Dir::new();
        (0..100).for_each(|n| fs::write(folder.0.join(n.to_string()), "").unwrap());
        openwork::block_on(async {
            let dir = openwork::fs::read_dir(&folder.0).await.unwrap();
            let entries = futures::stream::try_unfold(dir, async |mut dir| {
                Ok::<_, std::io::Error>(dir.next_entry().await?.map(|entry| (entry, dir)))
            });
            let mut names: Vec<_> = entries
                .map(|entry| entry.unwrap().file_name().to_str().unwrap().parse::<u32>().unwrap())
                .collect()
                .await;
            names.sort();
            assert!(names.into_iter().eq(0..100));
        });
    });
}

#[test]
fn signals_are_items_and_the_stream_ends_with_its_runtime() {
    alone("signals_are_items_and_the_stream_ends_with_its_runtime", || {
        let raise =
            || signal_hook::low_level::raise(SignalKind::user_defined1().as_raw_value()).unwrap();
        let runtime = paused();
        let mut signals = runtime.block_on(async {
            let mut signals = SignalStream::new(signal(SignalKind::user_defined1()).unwrap());
            assert_eq!(signals.next().now_or_never(), None);
            for _ in 0..3 {
                raise();
                assert_eq!(signals.next().await, Some(()));
            }
            let wakes = Wakes::default();
            assert!(wakes.poll(std::pin::pin!(signals.next())).is_pending());
            assert_eq!(wakes.kept(), 1, "the stream waits between the polls too");
            raise();
            assert_eq!(signals.next().await, Some(()));
            signals
        });
        drop(runtime);
        assert_eq!(block_on(signals.next()), None);
    });
}
