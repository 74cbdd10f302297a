//! Permits: capacity first, the message later.

use futures::executor::block_on;
use openwork::sync::mpsc::channel;
use openwork::sync::mpsc::error::{TryRecvError, TrySendError};

use crate::common::Probe;

#[test]
fn a_permit_keeps_its_capacity_until_it_is_used_or_dropped() {
    let (tx, mut rx) = channel(2);
    let first = block_on(tx.reserve()).unwrap();
    let second = block_on(tx.reserve()).unwrap();
    let mut third = Probe::new(tx.reserve());
    let mut fourth = Probe::new(tx.reserve());
    third.assert_pending();
    fourth.assert_pending();
    assert!(matches!(tx.try_reserve(), Err(TrySendError::Full(()))));
    // A send releases no capacity; a receive does.
    first.send("first");
    assert!(!third.is_woken());
    assert_eq!(block_on(rx.recv()), Some("first"));
    assert!(third.is_woken());
    assert!(!fourth.is_woken());
    drop(second);
    assert!(fourth.is_woken());
    third.assert_ready().unwrap().send("third");
    drop(fourth.assert_ready().unwrap());
    assert_eq!(tx.capacity(), 1);
}

#[test]
fn a_cancelled_reserve_leaves_no_waiter() {
    let (tx, mut rx) = channel(1);
    tx.try_send(()).unwrap();
    let mut first = Probe::new(tx.reserve());
    let mut second = Probe::new(tx.reserve());
    first.assert_pending();
    second.assert_pending();
    drop(first);
    block_on(rx.recv()).unwrap();
    assert!(second.is_woken());
    assert!(second.poll().is_ready());
}

#[test]
fn an_owned_permit_gives_its_sender_back() {
    let (tx, mut rx) = channel(1);
    let permit = tx.clone().try_reserve_owned().unwrap();
    let full = tx.clone().try_reserve_owned().unwrap_err();
    assert!(matches!(&full, TrySendError::Full(sender) if sender.same_channel(&tx)));
    assert!(permit.same_channel_as_sender(&tx));
    let sender = permit.send(1);
    assert!(sender.same_channel(&tx));
    assert_eq!(rx.try_recv(), Ok(1));

    let permit = block_on(sender.reserve_owned()).unwrap();
    assert_eq!(tx.capacity(), 0);
    let sender = permit.release();
    assert_eq!(tx.capacity(), 1);
    assert!(sender.same_channel(&tx));

    let (other, _rx) = channel::<i32>(1);
    let permit = sender.try_reserve_owned().unwrap();
    let others = other.clone().try_reserve_owned().unwrap();
    assert!(!permit.same_channel(&others) && permit.same_channel(&permit));
    assert!(!permit.same_channel_as_sender(&other));
    drop(permit);
    assert_eq!(tx.capacity(), 1);

    drop(rx);
    assert!(matches!(tx.clone().try_reserve_owned(), Err(TrySendError::Closed(_))));
    assert!(block_on(tx.reserve_owned()).is_err());
}

// Point 20.
#[test]
fn a_message_on_a_permit_arrives_after_close() {
    let (tx, mut rx) = channel(2);
    let permit = tx.try_reserve().unwrap();
    tx.try_send(1).unwrap();
    rx.close();
    assert_eq!(block_on(rx.recv()), Some(1));
    let mut recv = Probe::new(rx.recv());
    recv.assert_pending();
    permit.send(2);
    assert!(recv.is_woken());
    assert_eq!(recv.assert_ready(), Some(2));
    drop(recv);
    assert_eq!(block_on(rx.recv()), None);
}

// Point 20.
#[test]
fn try_recv_after_close_is_empty_while_a_permit_lives() {
    let (tx, mut rx) = channel::<()>(5);
    let permit = tx.try_reserve().unwrap();
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    rx.close();
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    drop(permit);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
}

/// Every way in which the last permit ends.
fn the_last_permit_wakes(end: impl FnOnce(&openwork::sync::mpsc::Sender<()>, Close<'_>)) {
    let (tx, mut rx) = channel::<()>(100);
    let mut woken = false;
    end(&tx, &mut |finish| {
        rx.close();
        let mut recv = Probe::new(rx.recv());
        recv.assert_pending();
        finish();
        assert!(recv.is_woken());
        recv.assert_ready();
        woken = true;
    });
    assert!(woken);
}

type Close<'a> = &'a mut dyn FnMut(&mut dyn FnMut());

// Point 20.
#[test]
fn the_last_permit_wakes_a_receiver_that_was_closed() {
    the_last_permit_wakes(|tx, close| {
        let mut permit = Some(tx.try_reserve().unwrap());
        close(&mut || drop(permit.take()));
    });
    the_last_permit_wakes(|tx, close| {
        let mut permit = Some(tx.try_reserve().unwrap());
        close(&mut || permit.take().unwrap().send(()));
    });
    the_last_permit_wakes(|tx, close| {
        let mut permit = Some(tx.clone().try_reserve_owned().unwrap());
        close(&mut || drop(permit.take()));
    });
    the_last_permit_wakes(|tx, close| {
        let mut permit = Some(tx.clone().try_reserve_owned().unwrap());
        close(&mut || drop(permit.take().unwrap().send(())));
    });
    the_last_permit_wakes(|tx, close| {
        let (mut permit, mut sender) = (Some(tx.clone().try_reserve_owned().unwrap()), None);
        close(&mut || sender = Some(permit.take().unwrap().release()));
    });
}

// Point 20.
#[test]
fn close_wakes_the_tasks_that_wait_for_capacity_with_an_error() {
    let (tx, mut rx) = channel::<()>(1);
    let permit = tx.try_reserve().unwrap();
    let mut reserve = Probe::new(tx.reserve());
    let mut send = Probe::new(tx.send(()));
    reserve.assert_pending();
    send.assert_pending();
    rx.close();
    assert!(reserve.is_woken() && send.is_woken());
    assert!(reserve.assert_ready().is_err());
    assert!(send.assert_ready().is_err());
    drop(permit);
    assert_eq!(block_on(rx.recv()), None);
}

// Point 20.
#[test]
fn a_served_reserve_fails_on_a_channel_that_was_closed_meanwhile() {
    for fails in [true, false] {
        let (tx, mut rx) = channel::<()>(1);
        let permit = tx.try_reserve().unwrap();
        let mut reserve = Probe::new(tx.reserve());
        reserve.assert_pending();
        drop(permit);
        assert!(reserve.is_woken());
        rx.close();
        let mut recv = Probe::new(rx.recv());
        recv.assert_pending();
        if fails {
            assert!(reserve.assert_ready().is_err());
        } else {
            drop(reserve);
        }
        assert!(recv.is_woken());
        assert_eq!(recv.assert_ready(), None);
    }
}

#[test]
fn a_permit_that_outlives_the_receiver_sends_into_nothing() {
    let message = std::sync::Arc::new(());
    let (tx, rx) = channel(1);
    let permit = tx.try_reserve().unwrap();
    drop(rx);
    permit.send(message.clone());
    assert_eq!(std::sync::Arc::strong_count(&message), 1);
}
