//! The races of `join_all`, whose futures each have a waker of their own, in every schedule.
//!
//! A lost wake-up is a deadlock here, which loom reports with the schedule that leads to it.

use std::future;
use std::sync::Arc;
use std::task::{Poll, Waker};

use futures::FutureExt;
use loom::sync::atomic::{AtomicBool, Ordering::Relaxed};
use loom::thread;
use openwork::future::{join_all, try_join_all};
use openwork::sync::oneshot;

use crate::sync::block_on;

#[test]
fn a_child_that_is_woken_is_polled() {
    loom::model(|| {
        let (first, of_first) = oneshot::channel();
        let (second, of_second) = oneshot::channel();
        let sender = thread::spawn(move || {
            second.send(2).unwrap();
            first.send(1).unwrap();
        });
        assert_eq!(block_on(try_join_all([of_first, of_second])), Ok(vec![1, 2]));
        sender.join().unwrap();
    });
}

#[test]
fn a_wake_that_finds_its_child_woken_is_seen_by_the_poll_to_come() {
    loom::model(|| {
        let flags = Arc::new([AtomicBool::new(false), AtomicBool::new(false)]);
        let kept = Arc::new(std::sync::Mutex::new(None::<Waker>));
        let (seen, left) = (flags.clone(), kept.clone());
        // Relaxed: what makes them visible is the wake.
        let child = future::poll_fn(move |cx| {
            if seen.iter().all(|flag| flag.load(Relaxed)) {
                return Poll::Ready(());
            }
            left.lock().unwrap().get_or_insert_with(|| cx.waker().clone());
            Poll::Pending
        });
        let mut all = join_all([child]);
        assert!((&mut all).now_or_never().is_none());
        let waker = kept.lock().unwrap().take().unwrap();
        let wakers: Vec<_> = (0..2)
            .map(|number| {
                let (flags, waker) = (flags.clone(), waker.clone());
                thread::spawn(move || {
                    flags[number].store(true, Relaxed);
                    waker.wake();
                })
            })
            .collect();
        assert_eq!(block_on(all), [()]);
        wakers.into_iter().for_each(|waker| waker.join().unwrap());
    });
}
