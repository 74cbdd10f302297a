//! The races of the channels, each in every order that there is.
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test --release --test sync_loom
//! ```
//!
//! A wake-up that is lost is a deadlock here, which loom reports with the schedule that leads to it.

#![cfg(loom)]

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures::FutureExt;
use futures::task::{ArcWake, waker};
use loom::thread;
use openwork::sync::{mpsc, oneshot};

struct Unpark(thread::Thread);

impl ArcWake for Unpark {
    fn wake_by_ref(unpark: &Arc<Self>) {
        unpark.0.unpark();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let waker = waker(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

#[test]
fn a_message_is_seen_or_wakes() {
    loom::model(|| {
        let (tx, mut rx) = mpsc::channel(1);
        let sender = thread::spawn(move || tx.try_send(1).unwrap());
        assert_eq!(block_on(rx.recv()), Some(1));
        assert_eq!(block_on(rx.recv()), None);
        sender.join().unwrap();
    });
}

#[test]
fn room_is_counted_or_handed_on() {
    loom::model(|| {
        let (tx, mut rx) = mpsc::channel(1);
        tx.try_send(1).unwrap();
        let sender = thread::spawn(move || block_on(tx.send(2)).unwrap());
        assert_eq!(block_on(rx.recv()), Some(1));
        assert_eq!(block_on(rx.recv()), Some(2));
        sender.join().unwrap();
    });
}

#[test]
fn room_that_a_cancelled_send_had_is_handed_on() {
    loom::model(|| {
        let (tx, mut rx) = mpsc::channel(1);
        tx.try_send(1).unwrap();
        let tx_2 = tx.clone();
        let gives_up = thread::spawn(move || drop(tx_2.reserve().now_or_never()));
        let sender = thread::spawn(move || block_on(tx.send(2)).unwrap());
        assert_eq!(rx.try_recv(), Ok(1));
        gives_up.join().unwrap();
        sender.join().unwrap();
        assert_eq!(rx.try_recv(), Ok(2));
        assert_eq!(rx.capacity(), 1);
    });
}

#[test]
fn the_last_permit_is_seen_or_wakes() {
    loom::model(|| {
        let (tx, mut rx) = mpsc::channel::<()>(1);
        let permit = tx.clone().try_reserve_owned().unwrap();
        rx.close();
        let holder = thread::spawn(move || drop(permit));
        assert_eq!(block_on(rx.recv()), None);
        holder.join().unwrap();
        drop(tx);
    });
}

#[test]
fn a_permit_in_a_closed_channel_is_waited_for() {
    loom::model(|| {
        let (tx, mut rx) = mpsc::channel(1);
        let sender = thread::spawn(move || {
            let Ok(permit) = tx.try_reserve() else { return false };
            permit.send(1);
            true
        });
        rx.close();
        let received = block_on(rx.recv());
        assert_eq!(received.is_some(), sender.join().unwrap());
    });
}

#[test]
fn the_last_sender_is_seen_or_wakes() {
    loom::model(|| {
        let (tx, mut rx) = mpsc::unbounded_channel();
        let weak = tx.downgrade();
        let upgrades = thread::spawn(move || weak.upgrade().map(|tx| tx.send(1)).is_some());
        drop(tx);
        let received = block_on(rx.recv());
        assert_eq!(received.is_some(), upgrades.join().unwrap());
    });
}

#[test]
fn the_end_of_the_receiver_is_seen_or_wakes() {
    loom::model(|| {
        let (tx, rx) = mpsc::channel::<()>(1);
        let watcher = thread::spawn(move || {
            block_on(tx.closed());
            assert!(tx.try_send(()).is_err());
        });
        drop(rx);
        watcher.join().unwrap();
    });
}

#[test]
fn a_oneshot_value_is_seen_or_wakes() {
    loom::model(|| {
        let (tx, rx) = oneshot::channel();
        let sender = thread::spawn(move || tx.send(1).unwrap());
        assert_eq!(block_on(rx), Ok(1));
        sender.join().unwrap();
    });
}

#[test]
fn a_oneshot_value_is_received_or_given_back() {
    loom::model(|| {
        let (tx, mut rx) = oneshot::channel();
        let sender = thread::spawn(move || tx.send(1).is_ok());
        rx.close();
        let received = rx.try_recv().is_ok();
        assert_eq!(received, sender.join().unwrap());
    });
}

#[test]
fn the_end_of_a_oneshot_receiver_is_seen_or_wakes() {
    loom::model(|| {
        let (mut tx, rx) = oneshot::channel::<()>();
        let watcher = thread::spawn(move || block_on(tx.closed()));
        drop(rx);
        watcher.join().unwrap();
    });
}

#[test]
fn a_oneshot_half_that_changes_its_waker_is_woken_by_the_last() {
    loom::model(|| {
        let (tx, mut rx) = oneshot::channel();
        let sender = thread::spawn(move || tx.send(1).unwrap());
        let mut cx = Context::from_waker(Waker::noop());
        match Pin::new(&mut rx).poll(&mut cx) {
            Poll::Ready(value) => assert_eq!(value, Ok(1)),
            Poll::Pending => assert_eq!(block_on(rx), Ok(1)),
        }
        sender.join().unwrap();
    });
    loom::model(|| {
        let (mut tx, rx) = oneshot::channel::<()>();
        let watcher = thread::spawn(move || {
            if tx.poll_closed(&mut Context::from_waker(Waker::noop())).is_pending() {
                block_on(tx.closed());
            }
        });
        drop(rx);
        watcher.join().unwrap();
    });
}
