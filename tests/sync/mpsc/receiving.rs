//! Receiving: one message, many messages, without waiting, and the counts.

use std::sync::Barrier;
use std::thread;

use futures::executor::block_on;
use futures::{FutureExt, Stream};
use openwork::stream::wrappers::ReceiverStream;
use openwork::sync::mpsc::error::TryRecvError;
use openwork::sync::mpsc::{channel, unbounded_channel};

use crate::common::{Probe, Tape, Wakes, is_refused_among_tasks, on_every_flavour};

#[test]
fn a_message_wakes_the_task_that_awaits_it_once() {
    let (tx, mut rx) = unbounded_channel();
    let mut recv = Probe::new(rx.recv());
    recv.assert_pending();
    tx.send(1).unwrap();
    tx.send(2).unwrap();
    assert_eq!(recv.wakes.take(), 1);
    assert_eq!(recv.assert_ready(), Some(1));
    drop(recv);
    assert_eq!(block_on(rx.recv()), Some(2));
}

#[test]
fn the_task_that_polled_last_is_woken() {
    let (tx, mut rx) = channel::<()>(1);
    let (first, second) = (Wakes::default(), Wakes::default());
    assert!(first.poll_fn(|cx| rx.poll_recv(cx)).is_pending());
    assert!(first.poll_fn(|cx| rx.poll_recv(cx)).is_pending());
    assert_eq!(first.kept(), 1);
    assert!(second.poll_fn(|cx| rx.poll_recv(cx)).is_pending());
    assert_eq!((first.kept(), second.kept()), (0, 1));
    tx.try_send(()).unwrap();
    assert_eq!((first.take(), second.take()), (0, 1));
}

#[test]
fn a_cancelled_recv_loses_nothing() {
    let (tx, mut rx) = channel(2);
    let mut recv = Probe::new(rx.recv());
    recv.assert_pending();
    tx.try_send(1).unwrap();
    assert!(recv.is_woken());
    drop(recv);
    assert_eq!(rx.try_recv(), Ok(1));
}

#[test]
fn try_recv_tells_not_yet_from_never() {
    let (tx, mut rx) = channel(2);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    tx.try_send(1).unwrap();
    tx.try_send(2).unwrap();
    drop(tx);
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(rx.try_recv(), Ok(2));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
    let (tx, mut rx) = unbounded_channel::<()>();
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    drop(tx);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
}

// Point 21.
#[test]
fn recv_many_takes_what_is_there_up_to_the_limit() {
    let (tx, mut rx) = channel(100);
    let mut buffer = Vec::new();
    for number in 0..10 {
        tx.try_send(number).unwrap();
    }
    assert_eq!(block_on(rx.recv_many(&mut buffer, 4)), 4);
    // And what was sent after the receiver had swapped the queue.
    for number in 10..20 {
        tx.try_send(number).unwrap();
    }
    assert_eq!(block_on(rx.recv_many(&mut buffer, 12)), 12);
    assert_eq!(tx.capacity(), 96);
    assert_eq!(block_on(rx.recv_many(&mut buffer, 12)), 4);
    assert!(buffer.iter().copied().eq(0..20));
    assert_eq!(tx.capacity(), 100);
}

// Point 21.
#[test]
fn recv_many_of_none_is_ready_with_none() {
    let (tx, mut rx) = channel::<()>(1);
    let mut buffer = Vec::new();
    assert_eq!(rx.recv_many(&mut buffer, 0).now_or_never(), Some(0));
    tx.try_send(()).unwrap();
    assert_eq!(rx.recv_many(&mut buffer, 0).now_or_never(), Some(0));
    assert_eq!(rx.len(), 1);
}

#[test]
fn recv_many_waits_for_one_and_not_for_all() {
    let (tx, mut rx) = unbounded_channel();
    let mut buffer = vec![0];
    {
        let mut recv = Probe::new(rx.recv_many(&mut buffer, 3));
        recv.assert_pending();
        tx.send(1).unwrap();
        assert!(recv.is_woken());
        assert_eq!(recv.assert_ready(), 1);
    }
    assert_eq!(buffer, [0, 1]);
    tx.send(2).unwrap();
    drop(tx);
    assert_eq!(block_on(rx.recv_many(&mut buffer, 3)), 1);
    assert_eq!(block_on(rx.recv_many(&mut buffer, 3)), 0);
    assert_eq!(buffer, [0, 1, 2]);
}

#[test]
fn recv_many_of_a_closed_channel_does_not_change_the_buffer() {
    let (_tx, mut rx) = channel::<i32>(1);
    let mut buffer = vec![1];
    rx.close();
    assert_eq!(block_on(rx.recv_many(&mut buffer, 1)), 0);
    assert_eq!(buffer, [1]);
}

#[test]
fn recv_many_uses_the_capacity_that_the_buffer_has() {
    let (tx, mut rx) = unbounded_channel();
    let mut buffer: Vec<String> = Vec::with_capacity(9);
    let limit = buffer.capacity();
    for number in 0..=limit {
        tx.send(number.to_string()).unwrap();
    }
    assert_eq!(block_on(rx.recv_many(&mut buffer, limit)), limit);
    assert_eq!(buffer.capacity(), limit);
    assert_eq!(block_on(rx.recv_many(&mut buffer, limit)), 1);
    assert!(buffer.capacity() > limit);
}

#[test]
fn recv_many_releases_capacity_to_all_waiting_senders() {
    let (tx, mut rx) = channel(2);
    tx.try_send(0).unwrap();
    tx.try_send(1).unwrap();
    let mut sends: Vec<_> = (2..5).map(|number| Probe::new(tx.send(number))).collect();
    sends.iter_mut().for_each(Probe::assert_pending);
    let mut buffer = Vec::new();
    assert_eq!(block_on(rx.recv_many(&mut buffer, 10)), 2);
    let woken: Vec<_> = sends.iter().map(Probe::is_woken).collect();
    assert_eq!(woken, [true, true, false]);
}

#[test]
fn a_thread_without_a_runtime_can_wait_for_messages() {
    on_every_flavour(|flavour| {
        let (tx, mut rx) = channel(1);
        let (unbounded, mut many) = unbounded_channel();
        let thread = thread::spawn(move || {
            let mut buffer = Vec::new();
            while many.blocking_recv_many(&mut buffer, 2) > 0 {}
            (rx.blocking_recv(), rx.blocking_recv(), buffer)
        });
        let sends = async move {
            (0..5).for_each(|number| unbounded.send(number).unwrap());
            drop(unbounded);
            tx.send(10).await.unwrap();
        };
        flavour.block_on(async { openwork::spawn(sends).await.unwrap() });
        assert_eq!(thread.join().unwrap(), (Some(10), None, vec![0, 1, 2, 3, 4]));
    });
    let (tx, mut rx) = channel(1);
    let (unbounded, mut many) = unbounded_channel();
    tx.try_send(1).unwrap();
    unbounded.send(2).unwrap();
    assert_eq!(rx.blocking_recv_many(&mut Vec::new(), 5), 1);
    assert_eq!(many.blocking_recv(), Some(2));
}

// Point 21.
#[test]
fn a_blocking_receive_panics_on_a_thread_that_runs_tasks() {
    is_refused_among_tasks("`mpsc::Receiver::blocking_recv`", || {
        channel::<u8>(1).1.blocking_recv();
    });
    is_refused_among_tasks("`mpsc::Receiver::blocking_recv_many`", || {
        channel::<u8>(1).1.blocking_recv_many(&mut Vec::new(), 1);
    });
    is_refused_among_tasks("`mpsc::Receiver::blocking_recv`", || {
        unbounded_channel::<u8>().1.blocking_recv();
    });
    is_refused_among_tasks("`mpsc::Receiver::blocking_recv_many`", || {
        unbounded_channel::<u8>().1.blocking_recv_many(&mut Vec::new(), 1);
    });
}

// Point 21. Tokio's queue consists of blocks of 32, whose borders once were counted wrong.
#[test]
fn len_counts_what_is_there_at_each_length() {
    for count in 0..=100 {
        let (tx, mut rx) = unbounded_channel();
        for number in 0..count {
            assert_eq!((rx.len(), rx.is_empty()), (number, number == 0));
            tx.send(number).unwrap();
        }
        if count % 2 == 0 {
            drop(tx);
        }
        for number in 0..count {
            assert_eq!((rx.len(), rx.is_empty()), (count - number, false));
            assert_eq!(rx.try_recv(), Ok(number));
        }
        assert_eq!((rx.len(), rx.is_empty()), (0, true));
    }
    let (tx, mut rx) = channel(33);
    for number in 0..257 {
        tx.try_send(number).unwrap();
        assert!(!rx.is_empty());
        rx.try_recv().unwrap();
        assert!(rx.is_empty(), "{number}");
    }
}

#[test]
fn len_counts_both_what_was_taken_and_what_came_since() {
    let (tx, mut rx) = channel(10);
    for number in 0..4 {
        tx.try_send(number).unwrap();
    }
    rx.try_recv().unwrap();
    tx.try_send(4).unwrap();
    assert_eq!((rx.len(), rx.capacity()), (4, 6));
    rx.close();
    assert_eq!(rx.len(), 4);
    drop(tx);
    assert_eq!(rx.len(), 4);
}

// Point 12.
#[test]
fn a_poll_may_receive_only_so_many() {
    async fn receives() {
        let (tx, mut rx) = unbounded_channel();
        (0..1000).for_each(|number| tx.send(number).unwrap());
        let wakes = Wakes::new();
        let mut count = 0;
        while wakes.poll_fn(|cx| rx.poll_recv(cx)).is_ready() {
            count += 1;
        }
        assert_eq!(count, 128);
        assert!(wakes.poll_fn(|cx| rx.poll_recv_many(cx, &mut Vec::new(), 10)).is_pending());
        assert_eq!(wakes.count(), 2, "it comes again, although there are messages");
        openwork::task::yield_now().await;
        // A batch is one operation.
        assert_eq!(rx.recv_many(&mut Vec::new(), 1000).await, 1000 - 128);
    }
    on_every_flavour(|flavour| {
        flavour.block_on(receives());
        flavour.block_on(async { openwork::spawn(receives()).await.unwrap() });
    });
}

// Point 12.
#[test]
fn a_pending_receive_uses_up_no_budget() {
    async fn waits() {
        let (tx, mut rx) = unbounded_channel();
        let wakes = Wakes::new();
        for _ in 0..1000 {
            assert!(wakes.poll_fn(|cx| rx.poll_recv(cx)).is_pending());
        }
        tx.send(()).unwrap();
        assert!(wakes.poll_fn(|cx| rx.poll_recv(cx)).is_ready());
    }
    on_every_flavour(|flavour| {
        flavour.block_on(waits());
        flavour.block_on(async { openwork::spawn(waits()).await.unwrap() });
    });
}

#[test]
fn a_task_that_waits_says_for_what() {
    use openwork::trace::{Event, WaitReason};

    async fn waits() {
        let (tx, mut rx) = channel(1);
        tx.send(0).await.unwrap();
        let mut send = Probe::new(tx.send(1));
        send.assert_pending();
        Probe::new(tx.closed()).assert_pending();
        drop(send);
        rx.recv().await.unwrap();
        Probe::new(rx.recv()).assert_pending();
    }
    on_every_flavour(|flavour| {
        let mut builder = flavour.builder();
        let tape = Tape::listen(&mut builder);
        let runtime = builder.build().unwrap();
        let said = || {
            let records = tape.take().into_iter();
            let on = records.filter_map(|record| match record.event {
                Event::Waits(WaitReason::Join { .. }) => None,
                Event::Waits(reason) => Some((record.task, reason)),
                _ => None,
            });
            on.collect::<Vec<_>>()
        };
        let expected = [
            WaitReason::Permits { what: "room in a channel", wanted: 1, lacking: 1 },
            WaitReason::On { what: "the end of a channel's receiver" },
            WaitReason::Message { senders: 1 },
        ];
        runtime.block_on(waits());
        assert_eq!(said().into_iter().map(|(_, reason)| reason).collect::<Vec<_>>(), expected);
        let task = runtime.spawn(waits());
        let id = task.id().to_string().parse().ok();
        runtime.block_on(task).unwrap();
        assert_eq!(said(), expected.map(|reason| (id, reason)));
    });
}

/// A sender sends and is dropped while the bounds are read.
#[test]
fn the_upper_bound_counts_a_message_that_was_sent_just_before_the_close() {
    for _ in 0..1000 {
        let (sender, receiver) = channel(4);
        let stream = ReceiverStream::new(receiver);
        let start = Barrier::new(2);
        thread::scope(|scope| {
            let start = &start;
            scope.spawn(move || {
                start.wait();
                sender.try_send(1).unwrap();
            });
            start.wait();
            let most = std::iter::repeat_with(|| stream.size_hint().1).flatten().next();
            assert_eq!(most, Some(1));
        });
    }
}
