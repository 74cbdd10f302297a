//! Futures that are dropped at random: no message is lost, and no task waits for ever.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::thread;

use futures::FutureExt;
use futures::executor::block_on;
use openwork::sync::mpsc::{Receiver, Sender, channel, unbounded_channel};

use crate::common::Flavour::{CurrentThread, Workers};
use crate::common::{Probe, Random, crowd, on_each_of, on_every_flavour};

/// How many messages it has sent.
type Operation<'a> = Pin<Box<dyn Future<Output = usize> + 'a>>;

/// An operation that waits for capacity and then uses it or not.
fn operation<'a>(tx: &'a Sender<usize>, random: &mut Random) -> Operation<'a> {
    let used = random.below(2);
    match random.below(3) {
        0 => Box::pin(async move { tx.send(1).await.map_or(0, |()| 1) }),
        1 => Box::pin(async move { tx.reserve().await.map_or(0, |permit| send_on(permit, used)) }),
        _ => Box::pin(async move {
            let Ok(permit) = tx.clone().reserve_owned().await else { return 0 };
            permit.send(1);
            1
        }),
    }
}

fn send_on(permit: openwork::sync::mpsc::Permit<'_, usize>, used: usize) -> usize {
    if used == 0 {
        return 0;
    }
    permit.send(1);
    1
}

/// Polls all futures that were woken, until none is woken any more.
fn settle(waiting: &mut Vec<Probe<Operation<'_>>>) -> usize {
    let mut sent = 0;
    while let Some(woken) = waiting.iter().position(Probe::is_woken) {
        if let Poll::Ready(messages) = waiting[woken].poll() {
            sent += messages;
            waiting.remove(woken);
        }
    }
    sent
}

#[test]
fn whatever_is_dropped_no_sender_waits_while_there_is_capacity() {
    for seed in 1..=200 {
        let mut random = Random(seed * 7919);
        let capacity = 1 + random.below(5);
        let (tx, mut rx) = channel(capacity);
        let mut waiting: Vec<Probe<Operation<'_>>> = Vec::new();
        let (mut sent, mut received) = (0, 0);
        for _ in 0..300 {
            match random.below(10) {
                0..4 => {
                    let mut new = Probe::new(operation(&tx, &mut random));
                    match new.poll() {
                        Poll::Ready(messages) => sent += messages,
                        Poll::Pending => waiting.push(new),
                    }
                }
                4..6 if !waiting.is_empty() => {
                    waiting.swap_remove(random.below(waiting.len()));
                }
                6 => received += rx.recv_many(&mut Vec::new(), 2).now_or_never().unwrap_or(0),
                _ => received += rx.recv().now_or_never().flatten().unwrap_or(0),
            }
            sent += settle(&mut waiting);
            assert_eq!(sent - received, rx.len());
            assert!(
                waiting.is_empty() || tx.capacity() == 0,
                "capacity is free, and a sender waits for it"
            );
        }
        waiting.clear();
        assert_eq!(tx.capacity() + rx.len(), capacity, "all capacity is accounted for");
    }
}

#[test]
fn whatever_is_dropped_a_closed_receiver_comes_to_its_end() {
    for seed in 1..=500 {
        let mut random = Random(seed * 104_729);
        let (tx, mut rx) = channel(1 + random.below(4));
        let mut sent = 0;
        let mut waiting: Vec<_> = (0..1 + random.below(8))
            .map(|_| Probe::new(operation(&tx, &mut random)))
            .filter_map(|mut new| match new.poll() {
                Poll::Ready(messages) => {
                    sent += messages;
                    None
                }
                Poll::Pending => Some(new),
            })
            .collect();
        // Some are assigned permits and never polled again.
        let mut received = 0;
        for _ in 0..random.below(3) {
            received += rx.recv().now_or_never().flatten().unwrap_or(0);
        }
        let permits: Vec<_> = (0..random.below(3)).map_while(|_| tx.try_reserve().ok()).collect();
        rx.close();
        let mut ended = false;
        let mut recv = Probe::new(async {
            while let Some(message) = rx.recv().await {
                received += message;
            }
            ended = true;
        });
        let mut last_poll = recv.poll();
        for permit in permits {
            drop(permit);
        }
        while !waiting.is_empty() {
            let mut some = waiting.swap_remove(random.below(waiting.len()));
            if random.below(2) == 0 {
                assert_eq!(some.poll(), Poll::Ready(0), "a closed channel takes nothing");
            }
        }
        if recv.is_woken() {
            last_poll = recv.poll();
        }
        assert!(last_poll.is_ready(), "nothing is out, and the receiver was not woken");
        drop(recv);
        assert!(ended);
        assert_eq!(sent, received);
    }
}

/// Receives until the end, by futures that are dropped at random.
async fn receive_all(mut rx: Receiver<(usize, usize)>, senders: usize, seed: u64) -> Vec<usize> {
    let mut random = Random(seed);
    let mut counts = vec![0; senders];
    let mut last = vec![None; senders];
    let mut count = |(sender, number): (usize, usize)| {
        assert!(last[sender] < Some(number), "in the order in which they were sent");
        last[sender] = Some(number);
        counts[sender] += 1;
    };
    let mut buffer = Vec::new();
    loop {
        match random.below(4) {
            0 => match rx.recv().now_or_never() {
                Some(None) => break,
                message => message.flatten().into_iter().for_each(&mut count),
            },
            1 => rx.try_recv().into_iter().for_each(&mut count),
            2 => {
                if rx.recv_many(&mut buffer, 5).await == 0 {
                    break;
                }
                buffer.drain(..).for_each(&mut count);
            }
            _ => match rx.recv().await {
                None => break,
                Some(message) => count(message),
            },
        }
    }
    counts
}

/// Sends by futures that are dropped at random. Returns how many messages were sent.
async fn send_some(tx: Sender<(usize, usize)>, sender: usize, rounds: usize, seed: u64) -> usize {
    let mut random = Random(seed);
    let mut sent = 0;
    for number in 0..rounds {
        let message = (sender, number);
        sent += match random.below(6) {
            0 => usize::from(matches!(tx.send(message).now_or_never(), Some(Ok(())))),
            1 => usize::from(tx.try_send(message).is_ok()),
            2 => {
                // It waits in the queue, acquires a permit or not, and is dropped.
                let mut send = Probe::new(tx.send(message));
                let polls = random.below(3);
                usize::from((0..polls).any(|_| send.poll() == Poll::Ready(Ok(()))))
            }
            3 => match Probe::new(tx.reserve()).poll() {
                Poll::Ready(Ok(permit)) => {
                    permit.send(message);
                    1
                }
                _ => 0,
            },
            4 => {
                tx.clone().reserve_owned().await.unwrap().send(message);
                1
            }
            _ => {
                tx.send(message).await.unwrap();
                1
            }
        };
    }
    sent
}

#[test]
fn threads_that_cancel_at_random_lose_nothing() {
    const SENDERS: usize = 4;
    for capacity in [2, 3, 16, 100] {
        let (tx, rx) = channel(capacity);
        let weak = tx.downgrade();
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                let tx = tx.clone();
                let seed = (capacity * 31 + sender + 1) as u64 * 7919;
                thread::spawn(move || block_on(send_some(tx, sender, 5_000, seed)))
            })
            .collect();
        let observer = tx.clone();
        drop(tx);
        let receiver = thread::spawn(move || block_on(receive_all(rx, SENDERS, 4711)));
        let sent: Vec<_> = senders.into_iter().map(|thread| thread.join().unwrap()).collect();
        drop(observer);
        assert_eq!(receiver.join().unwrap(), sent);
        assert!(weak.upgrade().is_none());
    }
}

#[test]
fn tasks_that_cancel_at_random_lose_nothing() {
    const SENDERS: usize = 4;
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        for capacity in [2, 3, 16, 100] {
            let (tx, rx) = channel(capacity);
            let weak = tx.downgrade();
            let senders = std::array::from_fn::<_, SENDERS, _>(|sender| {
                let seed = (capacity * 31 + sender + 1) as u64 * 7919;
                runtime.spawn(send_some(tx.clone(), sender, 2_000, seed))
            });
            drop(tx);
            let receiver = runtime.spawn(receive_all(rx, SENDERS, 4711));
            let sent = senders.map(|sender| runtime.block_on(sender).unwrap());
            assert_eq!(runtime.block_on(receiver).unwrap(), sent);
            assert!(weak.upgrade().is_none());
        }
    });
}

/// The tasks time out, and are aborted.
#[test]
fn tasks_that_are_cancelled_at_random_lose_no_message_and_no_capacity() {
    on_each_of(&[CurrentThread, Workers(4)], |flavour| {
        flavour.block_on(async {
            let (tx, mut rx) = channel(3);
            let sent = Arc::new(AtomicUsize::new(0));
            let count = sent.clone();
            let crowd = openwork::spawn(crowd(move |mut random| {
                let (tx, sent) = (tx.clone(), count.clone());
                async move {
                    let messages = match random.below(4) {
                        0 => tx.send(1).await.map_or(0, |()| 1),
                        1 => {
                            let limit = std::time::Duration::from_micros(random.below(100) as u64);
                            tx.send_timeout(1, limit).await.map_or(0, |()| 1)
                        }
                        2 => {
                            tx.reserve().await.unwrap().send(1);
                            1
                        }
                        _ => {
                            tx.reserve_owned().await.unwrap().send(1);
                            1
                        }
                    };
                    sent.fetch_add(messages, Ordering::SeqCst);
                }
            }));
            let mut received = 0;
            while let Some(one) = rx.recv().await {
                received += one;
            }
            crowd.await.unwrap();
            assert_eq!((received, rx.capacity()), (sent.load(Ordering::SeqCst), 3));
        });
    });
}

#[test]
fn tasks_in_a_ring_pass_every_message_on() {
    const RING: usize = 64;
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (first, mut rx) = channel(1);
            let mut tasks = Vec::new();
            for _ in 0..RING {
                let (tx, next) = channel(1);
                let mut from = std::mem::replace(&mut rx, next);
                tasks.push(openwork::spawn(async move {
                    while let Some(number) = from.recv().await {
                        tx.send(number).await.unwrap();
                    }
                }));
            }
            let source = openwork::spawn(async move {
                for number in 0..200 {
                    first.send(number).await.unwrap();
                }
            });
            for number in 0..200 {
                assert_eq!(rx.recv().await, Some(number));
            }
            assert_eq!(rx.recv().await, None);
            source.await.unwrap();
            for task in tasks {
                task.await.unwrap();
            }
        });
    });
}

#[test]
fn a_channel_that_is_closed_under_load_accounts_for_every_message() {
    for round in 0..200 {
        let (tx, mut rx) = channel(3);
        let (unbounded, mut unbounded_rx) = unbounded_channel();
        let sent = AtomicUsize::new(0);
        let received = thread::scope(|scope| {
            for sender in 0..2 {
                let (tx, unbounded, sent) = (tx.clone(), unbounded.clone(), &sent);
                scope.spawn(move || {
                    while block_on(tx.send(sender)).is_ok() {
                        sent.fetch_add(1, Ordering::SeqCst);
                    }
                    while unbounded.send(sender).is_ok() {
                        sent.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
            let closed = scope.spawn(|| block_on(tx.closed()));
            let mut received = 0;
            for _ in 0..round {
                received += usize::from(block_on(rx.recv()).is_some());
            }
            rx.close();
            while block_on(rx.recv()).is_some() {
                received += 1;
            }
            unbounded_rx.close();
            while block_on(unbounded_rx.recv()).is_some() {
                received += 1;
            }
            closed.join().unwrap();
            received
        });
        assert_eq!(received, sent.load(Ordering::SeqCst));
        assert_eq!(tx.capacity(), 3);
    }
}
