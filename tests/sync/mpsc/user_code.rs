//! Wakers of the user: they panic, and they call back into the channel.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use openwork::sync::mpsc::error::{TryRecvError, TrySendError};
use openwork::sync::mpsc::{Sender, channel};

use crate::common::{Probe, calls, owns};

fn poll_with<F: Future>(future: &mut std::pin::Pin<Box<F>>, waker: &Waker) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(waker))
}

#[test]
fn a_receivers_waker_that_panics_leaves_the_message_sent() {
    let (tx, mut rx) = channel(1);
    let panics = calls(|| panic!("a waker's panic"));
    assert!(rx.poll_recv(&mut Context::from_waker(&panics)).is_pending());
    let permit = tx.try_reserve().unwrap();
    permit.send(7);
    assert_eq!((tx.capacity(), rx.len()), (0, 1));
    assert_eq!(rx.try_recv(), Ok(7));
    assert_eq!((tx.capacity(), tx.max_capacity()), (1, 1));
    rx.close();
    assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
}

#[test]
fn one_waker_that_panics_keeps_no_other_from_being_woken() {
    let (tx, mut rx) = channel::<()>(1);
    let permit = tx.try_reserve().unwrap();
    let mut before = Probe::new(tx.reserve());
    let mut between = Box::pin(tx.reserve());
    let mut after = Probe::new(tx.reserve());
    let mut closed = Probe::new(tx.closed());
    before.assert_pending();
    assert!(poll_with(&mut between, &calls(|| panic!("a waker's panic"))).is_pending());
    after.assert_pending();
    closed.assert_pending();
    rx.close();
    assert!(before.is_woken() && after.is_woken() && closed.is_woken());
    assert!(before.assert_ready().is_err());
    drop((permit, between, after));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
}

#[test]
fn a_waker_may_call_back_into_the_channel() {
    let (tx, mut rx) = channel(1);
    tx.try_send(0).unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    // Woken as capacity is released, it uses the channel.
    let looks = {
        let (tx, seen) = (tx.clone(), seen.clone());
        calls(move || {
            let full = matches!(tx.try_send(9), Err(TrySendError::Full(9)));
            seen.lock().unwrap().push((full, tx.capacity(), tx.is_closed()));
        })
    };
    let mut send = Box::pin(tx.send(1));
    assert!(poll_with(&mut send, &looks).is_pending());
    assert_eq!(rx.try_recv(), Ok(0));
    assert_eq!(*seen.lock().unwrap(), [(true, 0, false)]);
    assert!(poll_with(&mut send, &looks).is_ready());
    // Woken by a message, it sends another.
    let mut sends_more = Box::pin(tx.closed());
    let sends = {
        let tx = tx.clone();
        calls(move || tx.try_send(2).unwrap())
    };
    assert!(poll_with(&mut sends_more, &looks).is_pending());
    assert_eq!(rx.try_recv(), Ok(1));
    let (more, mut more_rx) = channel(2);
    assert!(more_rx.poll_recv(&mut Context::from_waker(&sends)).is_pending());
    more.try_send(()).unwrap();
    assert_eq!(rx.try_recv(), Ok(2));
    // Woken as the channel closes, it finds it closed.
    rx.close();
    assert_eq!(seen.lock().unwrap().last(), Some(&(false, 1, true)));
}

#[test]
fn a_waker_may_send_to_the_channel_that_woke_it() {
    let (tx, mut rx) = channel(2);
    let again = {
        let tx = tx.clone();
        calls(move || tx.try_send(2).unwrap())
    };
    assert!(rx.poll_recv(&mut Context::from_waker(&again)).is_pending());
    tx.try_send(1).unwrap();
    assert_eq!((rx.try_recv(), rx.try_recv()), (Ok(1), Ok(2)));
}

#[test]
fn a_waker_that_owns_a_permit_may_go_when_the_channel_closes() {
    let (tx, rx) = channel(2);
    let permit = tx.clone().try_reserve_owned().unwrap();
    tx.try_send(1).unwrap();
    let mut reserve = Box::pin(tx.reserve());
    assert!(poll_with(&mut reserve, &owns(permit)).is_pending());
    drop(rx);
    assert!(matches!(poll_with(&mut reserve, Waker::noop()), Poll::Ready(Err(_))));
    drop(reserve);
    assert_eq!(tx.capacity(), 2);
}

#[test]
fn a_waker_that_owns_the_last_sender_may_be_dropped_when_it_is_replaced() {
    let (tx, mut rx) = channel::<()>(1);
    let owner = owns(tx);
    assert!(rx.poll_recv(&mut Context::from_waker(&owner)).is_pending());
    drop(owner);
    let mut recv = Probe::new(rx.recv());
    recv.assert_pending();
    // The sender was dropped with the old waker, and woke the new one.
    assert!(recv.is_woken());
    assert_eq!(recv.assert_ready(), None);
}

#[test]
fn a_waker_that_owns_a_send_may_go_with_another_send() {
    let (tx, _rx) = channel(1);
    tx.try_send(0).unwrap();
    let send = |message| {
        let tx: Sender<i32> = tx.clone();
        Box::pin(async move { tx.send(message).await })
    };
    let (mut first, mut second) = (send(1), send(2));
    assert!(poll_with(&mut second, Waker::noop()).is_pending());
    assert!(poll_with(&mut first, &owns(second)).is_pending());
    // Its waiter is removed, then its waker is dropped, then the other's waiter is removed.
    drop(first);
    let mut third = Probe::new(send(3));
    third.assert_pending();
}

#[test]
fn a_message_that_owns_a_sender_may_go_with_the_receiver() {
    struct Message(#[expect(dead_code, reason = "it is there to be dropped")] Sender<Message>);
    let (tx, rx) = channel(2);
    tx.try_send(Message(tx.clone())).unwrap();
    tx.try_send(Message(tx.clone())).unwrap();
    drop(rx);
    assert_eq!(tx.strong_count(), 1);
}
