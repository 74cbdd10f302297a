//! The laws of a waker that uses the primitive which it waits for: when it is cloned, woken or dropped.
//!
//! A waker is user code, so none of the three may happen under a lock of the primitive. If one does, the test ends in a
//! deadlock.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::Context;

use crate::common::{Act, Probe, at_each, calls, ends};
use futures::FutureExt;
use openwork::sync::{Barrier, Notify, Semaphore, broadcast, mpsc, watch};

/// Waits with wakers that call `uses`, and makes sure that each act on them is tried: a clone for the first poll and one
/// for a later poll, the drop of a waker that is replaced and of one whose wait is dropped, and a wake by `event`.
fn uses_at_each_act<F: Future>(
    mut wait: impl FnMut() -> F,
    uses: impl Fn() + Send + Sync + Clone + 'static,
    event: impl FnOnce(),
) {
    let acts: Arc<[AtomicUsize; 3]> = Arc::default();
    let waker = || {
        let (acts, uses) = (acts.clone(), uses.clone());
        at_each(move |act| {
            acts[act as usize].fetch_add(1, SeqCst);
            uses();
        })
    };
    let done = |act: Act| acts[act as usize].load(SeqCst);
    let poll = |future: &mut Pin<Box<F>>| {
        assert!(future.as_mut().poll(&mut Context::from_waker(&waker())).is_pending());
    };
    let mut dropped = Box::pin(wait());
    poll(&mut dropped);
    poll(&mut dropped);
    assert_eq!((done(Act::Clone), done(Act::Drop)), (2, 1));
    drop(dropped);
    assert_eq!(done(Act::Drop), 2);
    let mut woken = Box::pin(wait());
    poll(&mut woken);
    event();
    assert_eq!(done(Act::Wake), 1);
}

#[test]
fn of_a_semaphore() {
    ends(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let ours = semaphore.clone();
        let enqueues = move || assert!(ours.acquire_many(9).now_or_never().is_none());
        uses_at_each_act(|| semaphore.acquire(), enqueues, || semaphore.add_permits(1));

        let semaphore = Arc::new(Semaphore::new(0));
        let ours = semaphore.clone();
        let enqueues = move || assert!(ours.acquire_many(9).now_or_never().is_none());
        let mut first = Probe::new(semaphore.acquire());
        let mut second = Box::pin(semaphore.acquire());
        first.assert_pending();
        let waker = calls(enqueues);
        assert!(second.poll_unpin(&mut Context::from_waker(&waker)).is_pending());
        semaphore.add_permits(1);
        // It passes its permit on.
        drop(first);
        assert!(second.now_or_never().is_some());
    });
}

#[test]
fn of_a_notify() {
    ends(|| {
        let notify = Arc::new(Notify::new());
        let ours = notify.clone();
        let enqueues = move || assert!(ours.notified().now_or_never().is_none());
        uses_at_each_act(|| notify.notified(), enqueues.clone(), || notify.notify_waiters());
        uses_at_each_act(|| notify.notified(), enqueues, || notify.notify_one());
    });
}

#[test]
fn of_a_barrier() {
    ends(|| {
        let barrier = Arc::new(Barrier::new(2));
        let ours = barrier.clone();
        let locks = move || assert!(format!("{ours:?}").starts_with("Barrier"));
        uses_at_each_act(|| barrier.wait(), locks, || _ = barrier.wait().now_or_never().unwrap());
    });
}

#[test]
fn of_a_broadcast_channel() {
    ends(|| {
        let (tx, rx) = broadcast::channel(1);
        let (ours, late) = (tx.clone(), Arc::new(Mutex::new(rx.resubscribe())));
        // It locks the tail, and once there is a value, its slot.
        let receives = move || {
            drop(ours.subscribe());
            _ = late.lock().unwrap().try_recv();
        };
        let wait = || {
            let mut rx = rx.resubscribe();
            async move { rx.recv().await }
        };
        uses_at_each_act(wait, receives, || _ = tx.send(1).unwrap());
    });
}

#[test]
fn of_a_watch_channel() {
    ends(|| {
        let (tx, rx) = watch::channel(0);
        let ours = tx.clone();
        let enqueues = move || {
            assert!(ours.subscribe().changed().now_or_never().is_none());
            ours.send_if_modified(|_| false);
        };
        let wait = || {
            let mut rx = rx.clone();
            async move { rx.changed().await }
        };
        uses_at_each_act(wait, enqueues, || tx.send(1).unwrap());
    });
}

#[test]
fn of_a_bounded_channel() {
    ends(|| {
        let (tx, rx) = mpsc::channel(1);
        tx.try_send(1).unwrap();
        let ours = tx.clone();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sees = seen.clone();
        let looks = move || {
            sees.lock().unwrap().push(ours.is_closed());
            _ = ours.reserve().now_or_never();
        };
        uses_at_each_act(|| tx.reserve(), looks, || drop(rx));
        // The receiver closes the channel before it releases any capacity.
        assert_eq!(seen.lock().unwrap().last(), Some(&true));
    });
}
