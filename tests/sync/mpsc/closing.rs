//! The end of a channel, from either side.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::executor::block_on;
use openwork::sync::mpsc::error::{TryRecvError, TrySendError};
use openwork::sync::mpsc::{channel, unbounded_channel};

use crate::common::{Probe, Wakes};

// Point 20.
#[test]
fn a_closed_channel_still_yields_what_was_sent() {
    let (tx, mut rx) = channel(10);
    tx.try_send(1).unwrap();
    tx.try_send(2).unwrap();
    rx.close();
    assert!(tx.is_closed() && rx.is_closed());
    assert!(matches!(tx.try_send(3), Err(TrySendError::Closed(3))));
    assert_eq!(block_on(rx.recv()), Some(1));
    assert_eq!(rx.try_recv(), Ok(2));
    assert_eq!(block_on(rx.recv()), None);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));

    let (tx, mut rx) = unbounded_channel();
    tx.send(1).unwrap();
    rx.close();
    rx.close();
    assert!(tx.is_closed() && rx.is_closed());
    assert_eq!(block_on(rx.recv()), Some(1));
    assert_eq!(block_on(rx.recv()), None);
}

#[test]
fn the_last_sender_wakes_the_receiver() {
    let (tx, mut rx) = channel::<()>(1);
    let clone = tx.clone();
    let mut recv = Probe::new(rx.recv());
    recv.assert_pending();
    drop(tx);
    assert!(!recv.is_woken());
    drop(clone);
    assert!(recv.is_woken());
    assert_eq!(recv.assert_ready(), None);

    let (tx, mut rx) = unbounded_channel::<()>();
    let mut recv = Probe::new(rx.recv());
    recv.assert_pending();
    drop(tx);
    assert!(recv.is_woken());
    assert_eq!(recv.assert_ready(), None);
}

// Point 21.
#[test]
fn is_closed_looks_at_both_ends() {
    let (tx, mut rx) = channel(2);
    assert!(!tx.is_closed() && !rx.is_closed());
    tx.try_send(1).unwrap();
    let permit = tx.clone().try_reserve_owned().unwrap();
    drop(tx);
    assert!(!rx.is_closed(), "a permit can still send");
    drop(permit);
    assert!(rx.is_closed());
    assert_eq!(rx.try_recv(), Ok(1));

    let (tx, rx) = channel::<()>(1);
    let weak = tx.downgrade();
    drop(tx);
    assert!(rx.is_closed(), "a weak sender cannot");
    drop(weak);

    let (tx, rx) = unbounded_channel::<()>();
    let weak = tx.downgrade();
    assert!(!rx.is_closed());
    drop(tx);
    assert!(rx.is_closed());
    drop(weak);
}

#[test]
fn closed_waits_for_the_end_of_the_receiver() {
    let (tx, mut rx) = channel::<()>(1);
    let mut first = Probe::new(tx.closed());
    let mut second = Probe::new(tx.closed());
    let mut third = Probe::new(tx.closed());
    first.assert_pending();
    second.assert_pending();
    third.assert_pending();
    assert_eq!(first.wakes.kept(), 1);
    first.assert_pending();
    assert_eq!(first.wakes.kept(), 1);
    drop(second);
    rx.close();
    assert!(first.is_woken() && third.is_woken());
    drop(third);
    first.assert_ready();
    block_on(tx.closed());

    let (tx, rx) = unbounded_channel::<()>();
    let mut closed = Probe::new(tx.closed());
    closed.assert_pending();
    drop(rx);
    assert!(closed.is_woken());
    closed.assert_ready();
}

#[test]
fn a_sender_that_saw_the_end_cannot_send_any_more() {
    let (tx, rx) = channel(1);
    let thread = std::thread::spawn(move || drop(rx));
    block_on(tx.closed());
    assert!(tx.is_closed());
    assert!(tx.try_send(1).is_err());
    thread.join().unwrap();
}

// Point 21.
#[test]
fn messages_go_with_the_receiver_although_senders_live() {
    let message = Arc::new(());
    let (tx, mut rx) = channel(100);
    let (unbounded, unbounded_rx) = unbounded_channel();
    for _ in 0..10 {
        tx.try_send(message.clone()).unwrap();
        unbounded.send(message.clone()).unwrap();
    }
    // Some of them are in the receiver's own queue.
    rx.try_recv().unwrap();
    tx.try_send(message.clone()).unwrap();
    drop((rx, unbounded_rx));
    assert_eq!(Arc::strong_count(&message), 1);
    assert!(tx.try_send(message.clone()).is_err());
    assert!(unbounded.send(message.clone()).is_err());
    assert_eq!(Arc::strong_count(&message), 1);
    assert_eq!(tx.capacity(), 100);
}

#[test]
fn a_send_that_waited_drops_its_message_with_itself() {
    let message = Arc::new(());
    let (tx, rx) = channel(1);
    tx.try_send(message.clone()).unwrap();
    let mut send = Probe::new(tx.send(message.clone()));
    send.assert_pending();
    assert_eq!(Arc::strong_count(&message), 3);
    drop(rx);
    assert_eq!(Arc::strong_count(&message), 2);
    drop(send);
    assert_eq!(Arc::strong_count(&message), 1);
}

/// Counts those that are dropped, and panics at the first.
struct Counted<'a>(&'a AtomicUsize);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        if self.0.fetch_add(1, Ordering::SeqCst) == 0 {
            panic!("a message's panic");
        }
    }
}

// Point 21.
#[test]
fn a_message_that_panics_as_it_is_dropped_takes_no_other_with_it() {
    for taken in [0, 1, 2] {
        let dropped = AtomicUsize::new(0);
        let (tx, mut rx) = unbounded_channel();
        let mut held = Vec::new();
        for _ in 0..3 {
            tx.send(Counted(&dropped)).map_err(drop).unwrap();
        }
        for _ in 0..taken {
            held.push(rx.try_recv().map_err(drop).unwrap());
        }
        tx.send(Counted(&dropped)).map_err(drop).unwrap();
        assert!(catch_unwind(AssertUnwindSafe(|| drop(rx))).is_err());
        assert_eq!(dropped.load(Ordering::SeqCst), 4 - taken);
        assert!(tx.is_closed());
        drop((tx, held));
        assert_eq!(dropped.load(Ordering::SeqCst), 4);
    }
    // One that comes after the receiver has gone. Its permit is released once.
    let dropped = AtomicUsize::new(0);
    let (tx, rx) = channel(1);
    let permit = tx.try_reserve().unwrap();
    drop(rx);
    assert!(catch_unwind(AssertUnwindSafe(|| permit.send(Counted(&dropped)))).is_err());
    assert_eq!((dropped.load(Ordering::SeqCst), tx.capacity()), (1, 1));
}

// Point 21.
#[test]
fn messages_go_with_a_receiver_that_is_dropped_by_a_panic() {
    let message = Arc::new(());
    let (tx, rx) = channel(10);
    let (unbounded, unbounded_rx) = unbounded_channel();
    tx.try_send(message.clone()).unwrap();
    unbounded.send(message.clone()).unwrap();
    let panics = || {
        let _receivers = (rx, unbounded_rx);
        panic!("something else went wrong");
    };
    assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
    assert_eq!(Arc::strong_count(&message), 1);
    assert!(tx.is_closed() && unbounded.is_closed());
}

// Point 21.
#[test]
fn the_receivers_waker_goes_with_it() {
    let wakes = Wakes::default();
    let (_tx, mut rx) = channel::<()>(1);
    assert!(wakes.poll_fn(|cx| rx.poll_recv(cx)).is_pending());
    assert_eq!(wakes.kept(), 1);
    drop(rx);
    assert_eq!((wakes.kept(), wakes.take()), (0, 0));
}
