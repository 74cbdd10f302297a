//! Laws of a tracker: it counts tokens, and is over when it is closed and there are none.

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use crate::common::Flavour::{CurrentThread, Workers};
use crate::common::{AtDrop, Probe, Random, Wakes, on_each_of, on_every_flavour, panic_of};
use openwork::task::{TaskTracker, TaskTrackerToken, spawn_blocking, yield_now};
use openwork::time::timeout;

#[test]
fn a_tracker_is_over_when_it_is_closed_and_empty() {
    let tracker = TaskTracker::new();
    let mut waits = Probe::new(tracker.wait());
    waits.assert_pending();
    let token = tracker.token();
    assert!(tracker.close() && !tracker.close() && tracker.is_closed());
    waits.assert_pending();
    // A closed tracker still tracks.
    let another = token.clone();
    assert_eq!((tracker.len(), tracker.is_empty()), (2, false));
    assert_eq!(format!("{tracker:?}"), "TaskTracker { len: 2, is_closed: true }");
    drop(token);
    assert!(!waits.is_woken());
    drop(another);
    assert!(waits.is_woken());
    waits.assert_ready();
    Probe::new(tracker.wait()).assert_ready();
    assert!(tracker.reopen() && !tracker.reopen() && !tracker.is_closed());
    Probe::new(tracker.wait()).assert_pending();
}

#[test]
fn a_wait_sees_an_end_that_did_not_last() {
    let tracker = TaskTracker::new();
    let (mut waits, mut never_polled) = (Probe::new(tracker.wait()), Probe::new(tracker.wait()));
    waits.assert_pending();
    tracker.close();
    tracker.reopen();
    let mut later = Probe::new(tracker.wait());
    assert!(waits.is_woken());
    waits.assert_ready();
    never_polled.assert_ready();
    later.assert_pending();
    // Waits that are over are dropped, and remove no other wait.
    drop((waits, never_polled));
    drop(tracker.token());
    tracker.close();
    assert!(later.is_woken());
    later.assert_ready();
}

/// The tracker is over when the wait is created, and open, or not empty, when the wait is polled.
#[test]
fn an_end_that_lasts_when_the_wait_begins_counts() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let tracker = TaskTracker::new();
            for _ in 0..3 {
                tracker.close();
                let (reopened, filled) = (tracker.wait(), tracker.wait());
                let token = tracker.token();
                Probe::new(filled).assert_ready();
                tracker.reopen();
                reopened.await;
                // A wait that is created now waits for the next end.
                let mut later = Probe::new(tracker.wait());
                later.assert_pending();
                drop(token);
                later.assert_pending();
                tracker.close();
                later.assert_ready();
                tracker.reopen();
            }
        });
    });
}

#[test]
fn a_wait_that_is_cancelled_leaves_no_waker_behind() {
    let tracker = TaskTracker::new();
    let (first, second) = (Wakes::new(), Wakes::new());
    {
        let mut waits = pin!(tracker.wait());
        assert!(first.poll(waits.as_mut()).is_pending());
        assert!(first.poll(waits.as_mut()).is_pending());
        assert_eq!(first.kept(), 1);
        assert!(second.poll(waits.as_mut()).is_pending());
        assert_eq!((first.kept(), second.kept()), (0, 1));
    }
    assert_eq!((second.kept(), second.count()), (0, 0));
}

#[test]
fn tasks_and_closures_are_counted_until_they_are_gone() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let handle = runtime.handle().clone();
        runtime.block_on(async {
            let tracker = TaskTracker::new();
            let gone = Arc::new(AtomicUsize::new(0));
            let at_drop = || {
                let gone = gone.clone();
                AtDrop(move || _ = gone.fetch_add(1, SeqCst))
            };
            for number in 0..20 {
                let (first, second, third) = (at_drop(), at_drop(), at_drop());
                let task = tracker.spawn(async move {
                    let _at_drop = first;
                    yield_now().await;
                    assert!(number != 3, "a panic completes the task too");
                    number
                });
                let stays = async move {
                    let _at_drop = second;
                    pending::<()>().await
                };
                tracker.spawn_on(stays, &handle).abort();
                let closure = tracker.spawn_blocking(move || drop(third));
                tracker.spawn_blocking_on(|| (), &handle);
                assert_eq!(task.await.ok(), (number != 3).then_some(number));
                closure.await.unwrap();
            }
            drop(tracker.track_future(pending::<()>()));
            tracker.close();
            tracker.wait().await;
            assert_eq!((gone.load(SeqCst), tracker.len()), (60, 0));
        });
    });
}

#[test]
fn clones_are_one_tracker() {
    let (tracker, other) = (TaskTracker::new(), TaskTracker::default());
    let clone = tracker.clone();
    assert!(TaskTracker::ptr_eq(&tracker, &clone) && !TaskTracker::ptr_eq(&tracker, &other));
    let token: TaskTrackerToken = clone.token();
    assert!(TaskTracker::ptr_eq(token.task_tracker(), &tracker));
    assert_eq!((tracker.len(), other.len()), (1, 0));
    fn everywhere<T: Send + Sync + Unpin>(_: &T) {}
    everywhere(&tracker);
    everywhere(&tracker.wait());
    everywhere(&token);
    // (Behaviour 40.)
    let line = line!() + 1;
    let panicked = panic_of(|| tracker.spawn(async {})).unwrap();
    assert_eq!((panicked.line, &*panicked.file), (line, file!()));
    assert_eq!(tracker.len(), 1, "what could not be spawned is not counted");
}

/// Tasks that are aborted, time out and complete, and others that wait for them meanwhile, in a random order.
#[test]
fn thousands_of_tasks_end_and_every_wait_is_over() {
    on_each_of(&[CurrentThread, Workers(4)], |flavour| {
        flavour.block_on(async {
            for seed in 1..=20 {
                let (tracker, mut chance) = (TaskTracker::new(), Random(seed));
                let mut waiters = Vec::new();
                for _ in 0..300 {
                    let turns = chance.below(5);
                    let task = tracker.spawn(async move {
                        for _ in 0..turns {
                            yield_now().await;
                        }
                    });
                    match chance.below(8) {
                        0 => task.abort(),
                        1 => {
                            let tracker = tracker.clone();
                            waiters.push(openwork::spawn(async move {
                                let limit = Duration::from_micros(50);
                                let _ = timeout(limit, tracker.wait()).await;
                                tracker.wait().await;
                            }));
                        }
                        2 => drop(spawn_blocking({
                            let token = tracker.token();
                            move || drop(token)
                        })),
                        3 => yield_now().await,
                        _ => {}
                    }
                }
                tracker.close();
                for waiter in waiters {
                    waiter.await.unwrap();
                }
                assert!(tracker.is_empty());
            }
        });
    });
}
