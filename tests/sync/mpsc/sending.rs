//! Sending: capacity, order, and what a send that fails returns.

use std::thread;
use std::time::Duration;

use futures::FutureExt;
use futures::executor::block_on;
use openwork::sync::mpsc::error::{SendError, SendTimeoutError, TryRecvError, TrySendError};
use openwork::sync::mpsc::{channel, unbounded_channel};
use openwork::time;

use crate::common::{Flavour, Probe, is_refused_among_tasks, on_every_flavour, paused};

#[test]
fn messages_arrive_in_the_order_in_which_they_were_sent() {
    block_on(async {
        let (tx, mut rx) = channel(3);
        tx.send(1).await.unwrap();
        tx.try_send(2).unwrap();
        tx.reserve().await.unwrap().send(3);
        drop(tx);
        assert_eq!(rx.recv().await, Some(1));
        assert_eq!(rx.recv().await, Some(2));
        assert_eq!(rx.recv().await, Some(3));
        assert_eq!(rx.recv().await, None);
    });
}

#[test]
fn a_producer_waits_while_the_channel_is_full() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (tx, mut rx) = channel(2);
            let producer = openwork::spawn(async move {
                for number in 0..1000 {
                    tx.send(number).await.unwrap();
                }
            });
            for number in 0..1000 {
                assert!(rx.len() <= 2);
                assert_eq!(rx.recv().await, Some(number));
            }
            assert_eq!(rx.recv().await, None);
            producer.await.unwrap();
        });
    });
}

#[test]
fn senders_that_wait_are_served_in_order() {
    let (tx, mut rx) = channel(1);
    tx.try_send(0).unwrap();
    let mut sends: Vec<_> = (1..=5).map(|number| Probe::new(tx.send(number))).collect();
    sends.iter_mut().for_each(Probe::assert_pending);
    for number in 0..5 {
        assert_eq!(rx.try_recv(), Ok(number));
        let woken: Vec<_> = sends.iter().map(Probe::is_woken).collect();
        assert_eq!(woken.iter().filter(|woken| **woken).count(), 1);
        assert!(woken[number], "the longest in line is served");
        // The capacity is assigned to that send before its next poll: no other send overtakes it.
        assert!(matches!(tx.try_send(99), Err(TrySendError::Full(99))));
        sends[number].assert_ready().unwrap();
    }
    assert_eq!(rx.try_recv(), Ok(5));
}

#[test]
fn a_cancelled_send_passes_its_capacity_on() {
    let (tx, mut rx) = channel(1);
    tx.try_send(0).unwrap();
    let mut sends: Vec<_> = (1..=4).map(|number| Probe::new(tx.send(number))).collect();
    sends.iter_mut().for_each(Probe::assert_pending);
    // From the middle of the queue, and without any permit.
    drop(sends.remove(1));
    rx.try_recv().unwrap();
    assert!(sends[0].is_woken());
    // From the head of the queue, with its permit.
    drop(sends.remove(0));
    assert!(sends[0].is_woken());
    drop(sends.remove(0));
    assert!(sends[0].is_woken());
    drop(sends);
    assert_eq!(tx.capacity(), 1);
}

#[test]
fn a_send_that_moved_to_another_task_wakes_that_one() {
    let (tx, mut rx) = channel(1);
    tx.try_send(0).unwrap();
    let mut send = Box::pin(tx.send(1));
    let (first, second) = (crate::common::Wakes::default(), crate::common::Wakes::default());
    assert!(first.poll_fn(|cx| send.poll_unpin(cx)).is_pending());
    assert!(second.poll_fn(|cx| send.poll_unpin(cx)).is_pending());
    assert_eq!((first.kept(), second.kept()), (0, 1));
    rx.try_recv().unwrap();
    assert_eq!((first.take(), second.take()), (0, 1));
}

#[test]
fn a_full_channel_refuses_and_gives_the_message_back() {
    let (tx, mut rx) = channel(1);
    tx.try_send("first").unwrap();
    assert_eq!(tx.try_send("second"), Err(TrySendError::Full("second")));
    assert_eq!(tx.try_send("second").unwrap_err().into_inner(), "second");
    assert_eq!(rx.try_recv(), Ok("first"));
    tx.try_send("third").unwrap();
    drop(tx);
    assert_eq!(rx.try_recv(), Ok("third"));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
}

#[test]
fn a_closed_channel_refuses_and_gives_the_message_back() {
    let (tx, rx) = channel(1);
    drop(rx);
    assert_eq!(block_on(tx.send(1)), Err(SendError(1)));
    assert_eq!(tx.try_send(2), Err(TrySendError::Closed(2)));
    assert_eq!(tx.blocking_send(3), Err(SendError(3)));
    let (tx, mut rx) = unbounded_channel();
    rx.close();
    assert_eq!(tx.send(4), Err(SendError(4)));
    assert_eq!(TrySendError::from(SendError(5)), TrySendError::Closed(5));
}

#[test]
fn without_a_bound_nothing_is_full() {
    let (tx, mut rx) = unbounded_channel();
    for number in 0..10_000 {
        tx.send(number).unwrap();
    }
    drop(tx);
    for number in 0..10_000 {
        assert_eq!(block_on(rx.recv()), Some(number));
    }
    assert_eq!(block_on(rx.recv()), None);
}

#[test]
fn a_send_with_a_limit_times_out() {
    on_every_flavour(|flavour| {
        let (runtime, limit) = match flavour {
            Flavour::CurrentThread => (paused(), Duration::from_secs(1)),
            Flavour::Workers(_) => (flavour.build(), Duration::from_millis(1)),
        };
        runtime.block_on(async {
            let (tx, mut rx) = channel(1);
            assert_eq!(tx.send_timeout(1, limit).await, Ok(()));
            let start = time::Instant::now();
            assert_eq!(tx.send_timeout(2, limit).await, Err(SendTimeoutError::Timeout(2)));
            assert!(start.elapsed() >= limit);
            assert!(start.elapsed() == limit || flavour != Flavour::CurrentThread);
            // It has left the queue.
            assert_eq!(rx.recv().await, Some(1));
            assert_eq!(tx.capacity(), 1);
            // Free capacity wins over a deadline long past.
            assert_eq!(tx.send_timeout(3, Duration::ZERO).await, Ok(()));
            drop(rx);
            let closed = tx.send_timeout(4, limit).await.unwrap_err();
            assert_eq!(closed, SendTimeoutError::Closed(4));
            assert_eq!(closed.into_inner(), 4);
        });
    });
}

#[test]
#[should_panic(expected = "runtime")]
fn a_send_with_a_limit_needs_a_clock() {
    let (tx, _rx) = channel(1);
    let _ = tx.send_timeout(1, Duration::from_secs(1)).now_or_never();
}

#[test]
fn a_thread_without_a_runtime_can_wait_for_capacity() {
    on_every_flavour(|flavour| {
        let (tx, mut rx) = channel(1);
        let thread =
            thread::spawn(move || (0..100).try_for_each(|number| tx.blocking_send(number)));
        let receives = async move {
            for number in 0..100 {
                assert_eq!(rx.recv().await, Some(number));
            }
            assert_eq!(rx.recv().await, None);
        };
        flavour.block_on(async { openwork::spawn(receives).await.unwrap() });
        thread.join().unwrap().unwrap();
    });
}

#[test]
fn blocking_send_is_refused_on_a_thread_that_runs_tasks() {
    is_refused_among_tasks("`mpsc::Sender::blocking_send`", || {
        let (tx, _rx) = channel(1);
        let _ = tx.blocking_send(());
    });
}

// Point 12.
#[test]
fn a_blocking_closure_may_send_and_receive_as_much_as_it_likes() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let work = openwork::task::spawn_blocking(|| {
                let (tx, mut rx) = channel(1);
                for number in 0..1000 {
                    tx.blocking_send(number).unwrap();
                    assert_eq!(rx.blocking_recv(), Some(number));
                }
            });
            work.await.unwrap();
        });
    });
}

// Point 12.
#[test]
fn a_poll_may_send_only_so_many() {
    async fn sends() {
        let (tx, rx) = channel(1000);
        let mut last = Probe::new(tx.send(0));
        while last.poll().is_ready() {
            last = Probe::new(tx.send(0));
        }
        assert!(last.is_woken(), "it is woken to be polled again, although there is capacity");
        assert_eq!(rx.len(), 128);
        openwork::task::yield_now().await;
        last.assert_ready().unwrap();
    }
    on_every_flavour(|flavour| {
        flavour.block_on(sends());
        flavour.block_on(async { openwork::spawn(sends()).await.unwrap() });
    });
}

// Point 21.
#[test]
#[should_panic(expected = "at least one message")]
fn a_capacity_of_zero_panics() {
    let _ = channel::<()>(0);
}

#[test]
#[should_panic(expected = "MAX_PERMITS")]
fn a_capacity_beyond_the_limit_panics() {
    let _ = channel::<()>((usize::MAX >> 3) + 1);
}

#[test]
fn capacity_counts_the_messages_that_can_still_be_sent() {
    let (tx, mut rx) = channel(10);
    assert_eq!((tx.capacity(), tx.max_capacity()), (10, 10));
    let permit = tx.try_reserve().unwrap();
    assert_eq!((tx.capacity(), rx.capacity()), (9, 9));
    tx.try_send(1).unwrap();
    assert_eq!((tx.capacity(), rx.capacity()), (8, 8));
    permit.send(2);
    rx.try_recv().unwrap();
    assert_eq!((tx.capacity(), rx.capacity()), (9, 9));
    assert_eq!((tx.max_capacity(), rx.max_capacity()), (10, 10));
}

#[test]
fn senders_know_their_channel() {
    let (tx, _rx) = channel::<()>(1);
    let (other, _other_rx) = channel::<()>(1);
    assert!(tx.same_channel(&tx.clone()));
    assert!(!tx.same_channel(&other));
    let (tx, _rx) = unbounded_channel::<()>();
    let (other, _other_rx) = unbounded_channel::<()>();
    assert!(tx.same_channel(&tx.clone()));
    assert!(!tx.same_channel(&other));
}
