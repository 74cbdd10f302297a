//! Weak senders, and the counts. Point 22.

use futures::executor::block_on;
use openwork::sync::mpsc::{channel, unbounded_channel};

#[test]
fn a_weak_sender_becomes_one_while_there_is_another() {
    let (tx, mut rx) = channel(1);
    let weak = tx.downgrade();
    weak.upgrade().unwrap().try_send(1).unwrap();
    assert_eq!(rx.try_recv(), Ok(1));
    drop(tx);
    assert!(weak.upgrade().is_none());

    let (tx, mut rx) = unbounded_channel();
    let weak = tx.downgrade();
    weak.upgrade().unwrap().send(1).unwrap();
    assert_eq!(rx.try_recv(), Ok(1));
    drop(tx);
    assert!(weak.upgrade().is_none());
    assert!(weak.clone().upgrade().is_none());
}

#[test]
fn a_weak_sender_does_not_become_one_after_the_last() {
    let (tx, _rx) = channel::<()>(1);
    let weak = tx.clone().downgrade();
    assert!(weak.upgrade().is_some());
    drop(tx);
    assert!(weak.upgrade().is_none());

    let (tx, mut rx) = unbounded_channel::<()>();
    let weak = tx.clone().downgrade();
    drop(tx);
    assert!(weak.upgrade().is_none());
    assert_eq!(block_on(rx.recv()), None);
}

#[test]
fn an_owned_permit_counts_as_a_sender() {
    let (tx, rx) = channel::<()>(2);
    let weak = tx.downgrade();
    let permit = block_on(tx.reserve_owned()).unwrap();
    assert_eq!(rx.sender_strong_count(), 1);
    let upgraded = weak.upgrade().unwrap();
    let second = upgraded.clone().try_reserve_owned().unwrap();
    let weak = upgraded.downgrade();
    drop(upgraded);
    drop(permit);
    assert!(weak.upgrade().is_some());
    drop(second);
    assert!(weak.upgrade().is_none());
    assert!(rx.is_closed());
}

#[test]
fn a_weak_sender_does_not_keep_the_receiver_waiting() {
    let (tx, mut rx) = channel(3);
    let weak = tx.downgrade();
    tx.try_send(1).unwrap();
    drop(tx);
    assert_eq!(block_on(rx.recv()), Some(1));
    assert_eq!(block_on(rx.recv()), None);
    drop(weak);
}

macro_rules! counts {
    ($name:ident, $channel:expr) => {
        #[test]
        fn $name() {
            let (tx, rx) = $channel;
            let counts = || (rx.sender_strong_count(), rx.sender_weak_count());
            assert_eq!(counts(), (1, 0));
            let clone = tx.clone();
            assert_eq!(counts(), (2, 0));
            let weak = tx.downgrade();
            let weak_clone = weak.clone();
            assert_eq!(counts(), (2, 2));
            assert_eq!((tx.strong_count(), tx.weak_count()), counts());
            assert_eq!((weak.strong_count(), weak.weak_count()), counts());
            let upgraded = weak.upgrade().unwrap();
            assert_eq!(counts(), (3, 2));
            drop(weak_clone);
            drop((upgraded, clone));
            assert_eq!(counts(), (1, 1));
            drop(tx);
            assert!(weak.upgrade().is_none());
            assert_eq!(counts(), (0, 1));
            assert_eq!((weak.strong_count(), weak.weak_count()), counts());
            drop(weak);
            assert_eq!(counts(), (0, 0));
        }
    };
}

counts!(the_counts_are_exact_from_every_side, channel::<()>(1));
counts!(the_counts_are_exact_without_a_bound, unbounded_channel::<()>());

#[test]
fn an_upgrade_races_with_the_last_drop_and_one_of_them_wins() {
    for _ in 0..1000 {
        let (tx, mut rx) = channel(1);
        let weak = tx.downgrade();
        let thread = std::thread::spawn(move || weak.upgrade().map(|tx| tx.try_send(1)).is_some());
        drop(tx);
        let received = block_on(rx.recv());
        assert_eq!(thread.join().unwrap(), received.is_some());
        assert_eq!(block_on(rx.recv()), None);
    }
}
