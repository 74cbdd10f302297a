//! The laws of `Notify`.
//!
//! Numbers in comments are those of the points in the list of behaviour that is easily missed.

use std::future::Future;

use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use crate::common::Flavour::{CurrentThread, Workers};
use crate::common::{
    AtDrop, Probe, Random, Wakes, assert_not, calls, ends, on_each_of, on_every_flavour, owns,
    until,
};
use futures::{FutureExt, executor};
use openwork::sync::Notify;
use openwork::sync::futures::{Notified, OwnedNotified};
use openwork::task::yield_now;
use openwork::time::timeout;

/// A wait that has been polled, and is in the queue.
fn enqueued(notify: &Notify) -> Probe<Notified<'_>> {
    let mut notified = Probe::new(notify.notified());
    notified.assert_pending();
    notified
}

// ---- notify_one ----

#[test]
fn a_notification_wakes_the_waiter() {
    let notify = Notify::new();
    let mut notified = enqueued(&notify);
    notify.notify_one();
    assert!(notified.is_woken());
    notified.assert_ready();
}

#[test]
fn a_notification_without_a_waiter_is_stored() {
    let notify = Notify::new();
    notify.notify_one();
    Probe::new(notify.notified()).assert_ready();
    Probe::new(notify.notified()).assert_pending();
}

// Point 27.
#[test]
fn only_one_notification_is_stored() {
    let notify = Notify::new();
    notify.notify_one();
    notify.notify_last();
    notify.notify_one();
    Probe::new(notify.notified()).assert_ready();
    Probe::new(notify.notified()).assert_pending();
}

#[test]
fn a_stored_notification_is_for_the_first_poll() {
    let notify = Notify::new();
    let (mut created_first, mut polled_first) =
        (Probe::new(notify.notified()), Probe::new(notify.notified()));
    notify.notify_one();
    polled_first.assert_ready();
    created_first.assert_pending();
}

// Point 27.
#[test]
fn the_longest_wait_is_notified_first() {
    let notify = Notify::new();
    let mut waiting: Vec<_> = (0..5).map(|_| enqueued(&notify)).collect();
    for next in 0..5 {
        notify.notify_one();
        assert!(waiting.iter().enumerate().all(|(at, w)| w.is_woken() == (at == next)));
    }
    waiting.iter_mut().for_each(Probe::assert_ready);
}

// Point 27.
#[test]
fn notify_last_notifies_the_shortest_wait() {
    let notify = Notify::new();
    let waiting: Vec<_> = (0..5).map(|_| enqueued(&notify)).collect();
    for next in [4, 3, 2] {
        notify.notify_last();
        assert!(waiting.iter().enumerate().all(|(at, w)| w.is_woken() == (at == next)));
    }
    notify.notify_one();
    assert!(waiting[0].is_woken());
    notify.notify_last();
    assert!(waiting[1].is_woken());
}

#[test]
fn the_order_is_that_of_the_first_polls() {
    let notify = Notify::new();
    let (mut second, mut first) = (Probe::new(notify.notified()), Probe::new(notify.notified()));
    first.assert_pending();
    second.assert_pending();
    // A second poll does not change the order.
    first.assert_pending();
    notify.notify_one();
    assert!(first.is_woken() && !second.is_woken());
}

#[test]
fn a_wait_stays_ready() {
    let notify = Notify::new();
    let mut notified = enqueued(&notify);
    notify.notify_one();
    notified.assert_ready();
    notified.assert_ready();
    Probe::new(notify.notified()).assert_pending();
}

// ---- notify_one, and the wait is dropped ----

#[test]
fn a_wait_that_was_dropped_is_not_notified() {
    let notify = Notify::new();
    let first = enqueued(&notify);
    let mut second = enqueued(&notify);
    drop(first);
    notify.notify_one();
    assert!(second.is_woken());
    second.assert_ready();
}

// Point 27.
#[test]
fn a_notification_that_is_dropped_goes_to_the_next() {
    let notify = Notify::new();
    let waiting: Vec<_> = (0..3).map(|_| enqueued(&notify)).collect();
    let [first, mut second, mut third] = waiting.try_into().ok().unwrap();
    notify.notify_one();
    assert!(first.is_woken());
    drop(first);
    assert!(second.is_woken() && !third.is_woken());
    second.assert_ready();
    // It was received, and is not passed on.
    drop(second);
    third.assert_pending();
    assert!(!third.is_woken());
}

// Point 27.
#[test]
fn a_notification_by_notify_last_is_passed_on_at_that_end() {
    let notify = Notify::new();
    let waiting: Vec<_> = (0..3).map(|_| enqueued(&notify)).collect();
    let [first, second, third] = waiting.try_into().ok().unwrap();
    notify.notify_last();
    drop(third);
    assert!(second.is_woken() && !first.is_woken());
}

#[test]
fn a_notification_that_is_dropped_by_the_last_wait_is_stored() {
    let notify = Notify::new();
    let only = enqueued(&notify);
    notify.notify_one();
    drop(only);
    Probe::new(notify.notified()).assert_ready();
}

// ---- notify_waiters ----

#[test]
fn all_waits_are_notified_at_once() {
    let notify = Notify::new();
    let mut waiting: Vec<_> = (0..100).map(|_| enqueued(&notify)).collect();
    notify.notify_waiters();
    assert!(waiting.iter().all(Probe::is_woken));
    waiting.iter_mut().for_each(Probe::assert_ready);
}

#[test]
fn all_waits_are_notified_in_their_order() {
    let (notify, order) = (Notify::new(), Arc::new(Mutex::new(Vec::new())));
    let mut waiting: Vec<_> = (0..4).map(|_| Box::pin(notify.notified())).collect();
    for (number, notified) in waiting.iter_mut().enumerate() {
        let order = order.clone();
        poll_with(notified.as_mut(), &calls(move || order.lock().unwrap().push(number)));
    }
    notify.notify_waiters();
    assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3]);
}

// Point 27.
#[test]
fn notify_waiters_reaches_waits_that_were_not_polled() {
    let notify = Arc::new(Notify::new());
    let mut before = Probe::new(notify.notified());
    let mut owned_before = Probe::new(notify.clone().notified_owned());
    notify.notify_waiters();
    let mut after = Probe::new(notify.notified());
    before.assert_ready();
    owned_before.assert_ready();
    after.assert_pending();
}

// Point 27.
#[test]
fn notify_waiters_stores_nothing() {
    let notify = Notify::new();
    notify.notify_waiters();
    Probe::new(notify.notified()).assert_pending();
    let waiting = enqueued(&notify);
    notify.notify_waiters();
    // It was for all waits, and is not passed on.
    drop(waiting);
    Probe::new(notify.notified()).assert_pending();
}

#[test]
fn notify_waiters_takes_no_permit() {
    let notify = Notify::new();
    notify.notify_one();
    let mut notified = Probe::new(notify.notified());
    notify.notify_waiters();
    notified.assert_ready();
    Probe::new(notify.notified()).assert_ready();
}

#[test]
fn notify_one_after_notify_waiters_is_stored_before_the_waits_are_polled() {
    let notify = Notify::new();
    let waiting = enqueued(&notify);
    notify.notify_waiters();
    notify.notify_one();
    drop(waiting);
    Probe::new(notify.notified()).assert_ready();
}

#[test]
fn notify_one_before_notify_waiters_is_still_passed_on() {
    let notify = Notify::new();
    let (first, _second) = (enqueued(&notify), enqueued(&notify));
    notify.notify_one();
    notify.notify_waiters();
    drop(first);
    Probe::new(notify.notified()).assert_ready();
}

// ---- enable ----

// Point 27.
#[test]
fn enable_enters_the_queue_without_a_waker() {
    let notify = Notify::new();
    let mut enabled = Box::pin(notify.notified());
    assert!(!enabled.as_mut().enable());
    let polled = enqueued(&notify);
    notify.notify_one();
    assert!(!polled.is_woken());
    assert!(enabled.as_mut().enable());
    assert!(Wakes::new().poll(enabled.as_mut()).is_ready());
}

#[test]
fn a_poll_after_enable_stores_its_waker_and_enable_after_a_poll_keeps_it() {
    let (notify, wakes) = (Notify::new(), Wakes::new());
    let mut enabled = Box::pin(notify.notified());
    assert!(!enabled.as_mut().enable());
    assert!(wakes.poll(enabled.as_mut()).is_pending());
    assert!(!enabled.as_mut().enable());
    assert_eq!(wakes.kept(), 1);
    notify.notify_one();
    assert_eq!(wakes.count(), 1);
}

// Point 27.
#[test]
fn enable_reports_a_permit_that_it_takes() {
    let notify = Arc::new(Notify::new());
    notify.notify_one();
    let mut first = Box::pin(notify.clone().notified_owned());
    assert!(first.as_mut().enable());
    let mut second = Box::pin(notify.notified());
    assert!(!second.as_mut().enable());
    // What `enable` has reported was received.
    drop(first);
    assert!(!second.as_mut().enable());
}

#[test]
fn what_enable_has_reported_is_not_passed_on() {
    let notify = Notify::new();
    let (mut first, second) = (Box::pin(notify.notified()), enqueued(&notify));
    drop(second);
    assert!(!first.as_mut().enable());
    let second = enqueued(&notify);
    notify.notify_one();
    assert!(first.as_mut().enable());
    drop(first);
    assert!(!second.is_woken());
}

// ---- wakers ----

// Point 27.
#[test]
fn a_later_poll_replaces_the_waker() {
    let notify = Notify::new();
    let (first, second) = (Wakes::new(), Wakes::new());
    let mut notified = Box::pin(notify.notified());
    assert!(first.poll(notified.as_mut()).is_pending());
    assert!(second.poll(notified.as_mut()).is_pending());
    assert_eq!((first.kept(), second.kept()), (0, 1));
    notify.notify_one();
    assert_eq!((first.count(), second.count()), (0, 1));
}

#[test]
fn no_waker_is_kept_of_a_wait_that_is_over() {
    let wakes = Wakes::new();
    for end in 0..3 {
        let notify = Notify::new();
        let mut notified = Box::pin(notify.notified());
        assert!(wakes.poll(notified.as_mut()).is_pending());
        assert_eq!(wakes.kept(), 1);
        match end {
            0 => notify.notify_one(),
            1 => notify.notify_waiters(),
            _ => drop(notified),
        }
        assert_eq!(wakes.kept(), 0);
    }
}

fn poll_with(notified: Pin<&mut Notified<'_>>, waker: &std::task::Waker) {
    assert!(notified.poll(&mut Context::from_waker(waker)).is_pending());
}

// Point 27.
#[test]
fn a_waker_may_notify_when_it_is_woken_and_when_it_is_dropped() {
    let notify = Arc::new(Notify::new());
    let again = |notify: &Arc<Notify>| {
        let notify = notify.clone();
        move || {
            notify.notify_waiters();
            notify.notify_one();
        }
    };
    let mut first = Box::pin(notify.notified());
    poll_with(first.as_mut(), &owns(AtDrop(again(&notify))));
    notify.notify_waiters();
    let mut second = Box::pin(notify.notified());
    assert!(second.as_mut().enable(), "the waker that was dropped left a permit");

    let mut third = Box::pin(notify.notified());
    poll_with(third.as_mut(), &calls(again(&notify)));
    let fourth = enqueued(&notify);
    notify.notify_one();
    assert!(fourth.is_woken());

    // One is replaced by another, and one is dropped with the wait.
    let mut fifth = Box::pin(notify.notified());
    assert!(fifth.as_mut().enable());
    let mut fifth = Box::pin(notify.notified());
    poll_with(fifth.as_mut(), &owns(AtDrop(again(&notify))));
    assert!(Wakes::new().poll(fifth.as_mut()).is_pending(), "it looked before that");
    assert!(fifth.as_mut().enable());
    let mut sixth = Box::pin(notify.notified());
    assert!(sixth.as_mut().enable());
    let mut seventh = Box::pin(notify.notified());
    poll_with(seventh.as_mut(), &owns(AtDrop(again(&notify))));
    drop(seventh);
    Probe::new(notify.notified()).assert_ready();
}

/// A wait takes the lock, which is released before any waker is called.
#[test]
fn a_waker_may_wait_when_it_is_woken() {
    ends(|| {
        let notify = Arc::new(Notify::new());
        let waits = || {
            let notify = notify.clone();
            calls(move || assert!(notify.notified().now_or_never().is_none()))
        };
        let mut by_all = Box::pin(notify.notified());
        poll_with(by_all.as_mut(), &waits());
        notify.notify_waiters();
        Probe::new(by_all).assert_ready();

        let mut by_one = Box::pin(notify.notified());
        poll_with(by_one.as_mut(), &waits());
        notify.notify_one();
        Probe::new(by_one).assert_ready();

        let dropped = enqueued(&notify);
        let mut passed_on = Box::pin(notify.notified());
        poll_with(passed_on.as_mut(), &waits());
        notify.notify_one();
        drop(dropped);
        Probe::new(passed_on).assert_ready();
    });
}

#[test]
fn a_waker_that_panics_does_not_keep_others_from_being_called() {
    let notify = Notify::new();
    let before = enqueued(&notify);
    let mut between = Box::pin(notify.notified());
    poll_with(between.as_mut(), &calls(|| panic!("a panic of user code")));
    let after = enqueued(&notify);
    notify.notify_waiters();
    assert!(before.is_woken() && after.is_woken());
    assert!(between.as_mut().enable());
}

// ---- types ----

// Point 41.
#[test]
fn auto_traits_are_those_of_tokio() {
    fn shared<T: Send + Sync + UnwindSafe + RefUnwindSafe + Unpin>() {}
    fn future<T: Send + Sync>() {}
    shared::<Notify>();
    future::<Notified<'static>>();
    future::<OwnedNotified>();
    assert_not!(Notified<'static>: Unpin);
    assert_not!(OwnedNotified: Unpin);
}

#[test]
fn it_can_be_a_static() {
    static NOTIFY: Notify = Notify::const_new();
    NOTIFY.notify_one();
    executor::block_on(NOTIFY.notified());
    assert!(format!("{NOTIFY:?}").starts_with("Notify"));
    assert!(format!("{:?}", NOTIFY.notified()).starts_with("Notified"));
    assert!(format!("{:?}", Arc::new(Notify::default()).notified_owned()).contains("Notified"));
}

// ---- runtimes ----

#[test]
fn it_works_without_a_runtime() {
    let (here, there) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let thread = thread::spawn({
        let (here, there) = (here.clone(), there.clone());
        move || {
            for _ in 0..1000 {
                executor::block_on(there.notified());
                here.notify_one();
            }
        }
    });
    for _ in 0..1000 {
        there.notify_one();
        executor::block_on(here.notified());
    }
    thread.join().unwrap();
}

// Point 12.
#[test]
fn a_task_that_is_always_notified_yields() {
    openwork::block_on(async {
        let gave_way = Arc::new(AtomicUsize::new(0));
        let other = gave_way.clone();
        openwork::spawn(async move { other.store(1, SeqCst) });
        let notify = Notify::new();
        while gave_way.load(SeqCst) == 0 {
            notify.notify_one();
            notify.notified().await;
        }
    });
}

#[test]
fn a_poll_without_budget_enters_the_queue() {
    openwork::block_on(async {
        let (notify, wakes) = (Notify::new(), Wakes::new());
        let spent = (0..1000).map(|_| {
            let notify = Notify::new();
            notify.notify_one();
            Probe::new(notify.notified()).poll()
        });
        assert_eq!(spent.filter(Poll::is_ready).count(), 128);
        let mut first = Box::pin(notify.notified());
        assert!(wakes.poll(first.as_mut()).is_pending());
        let mut second = enqueued(&notify);
        notify.notify_one();
        assert!(wakes.count() == 1 && !second.is_woken());
        // It has the notification and cannot report it in this poll. If it is dropped, another wait gets it.
        assert!(wakes.poll(first.as_mut()).is_pending());
        assert_eq!(wakes.count(), 2);
        drop(first);
        assert!(second.is_woken());
        second.assert_pending();
        yield_now().await;
        second.assert_ready();
    });
}

#[test]
fn tasks_notify_each_other_in_turn() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let notify: Arc<Vec<Notify>> = Arc::new((0..10).map(|_| Notify::new()).collect());
            let players: Vec<_> = (0..10)
                .map(|me| {
                    let notify = notify.clone();
                    openwork::spawn(async move {
                        for _ in 0..50 {
                            notify[me].notified().await;
                            notify[(me + 1) % 10].notify_one();
                        }
                    })
                })
                .collect();
            notify[0].notify_one();
            for player in players {
                player.await.unwrap();
            }
        });
    });
}

// ---- random tests ----

/// The state of a wait in `Model`.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Stage {
    New { round: usize },
    InLine,
    One { last: bool },
    Over,
}

/// What `Notify` should do, in the simplest code.
#[derive(Default)]
struct Model {
    permit: bool,
    round: usize,
    /// By number.
    line: Vec<usize>,
    stage: Vec<Stage>,
    woken: Vec<usize>,
}

impl Model {
    fn notify(&mut self, last: bool) {
        let Some(end) = self.line.len().checked_sub(1) else { return self.permit = true };
        let served = self.line.remove(if last { end } else { 0 });
        self.stage[served] = Stage::One { last };
        self.woken.push(served);
    }

    fn notify_waiters(&mut self) {
        self.round += 1;
        for served in self.line.drain(..) {
            self.stage[served] = Stage::Over;
            self.woken.push(served);
        }
    }

    fn poll(&mut self, number: usize) -> bool {
        let ready = match self.stage[number] {
            Stage::New { round } => round != self.round || std::mem::take(&mut self.permit),
            stage => stage != Stage::InLine,
        };
        if !ready && self.stage[number] != Stage::InLine {
            self.line.push(number);
        }
        self.stage[number] = if ready { Stage::Over } else { Stage::InLine };
        ready
    }

    fn drop(&mut self, number: usize) {
        self.line.retain(|other| *other != number);
        if let Stage::One { last } = self.stage[number] {
            self.notify(last);
        }
    }
}

#[test]
fn whatever_happens_it_does_what_the_model_does() {
    for seed in 1..=200 {
        let mut random = Random(seed * 7919);
        let (notify, mut model) = (Notify::new(), Model::default());
        let mut waits: Vec<(usize, Probe<Notified<'_>>)> = Vec::new();
        for _ in 0..300 {
            match random.below(12) {
                0..4 => {
                    waits.push((model.stage.len(), Probe::new(notify.notified())));
                    model.stage.push(Stage::New { round: model.round });
                }
                4..7 if !waits.is_empty() => {
                    let at = random.below(waits.len());
                    let (number, wait) = &mut waits[at];
                    assert_eq!(wait.poll().is_ready(), model.poll(*number));
                }
                7..9 if !waits.is_empty() => {
                    let (number, wait) = waits.swap_remove(random.below(waits.len()));
                    drop(wait);
                    model.drop(number);
                }
                9 => {
                    notify.notify_one();
                    model.notify(false);
                }
                10 => {
                    notify.notify_last();
                    model.notify(true);
                }
                _ => {
                    notify.notify_waiters();
                    model.notify_waiters();
                }
            }
            for (number, wait) in &waits {
                assert_eq!(wait.is_woken(), model.woken.contains(number));
            }
            model.woken.clear();
        }
    }
}

/// Each notification is sent when the one before was received. If one is lost, the next is never sent.
#[test]
fn among_tasks_that_time_out_and_are_aborted_no_notification_is_lost() {
    on_each_of(&[CurrentThread, Workers(4)], |flavour| {
        flavour.block_on(async {
            let notify = Arc::new(Notify::new());
            let received = Arc::new(AtomicUsize::new(0));
            let stay: Vec<_> = (0..20)
                .map(|_| {
                    let (notify, received) = (notify.clone(), received.clone());
                    openwork::spawn(async move {
                        loop {
                            notify.notified().await;
                            received.fetch_add(1, SeqCst);
                        }
                    })
                })
                .collect();
            let mut random = Random(4711);
            for sent in 0..3000 {
                let (notify_2, received_2) = (notify.clone(), received.clone());
                let limit = Duration::from_micros(random.below(50) as u64);
                let goes = openwork::spawn(async move {
                    if timeout(limit, notify_2.notified()).await.is_ok() {
                        received_2.fetch_add(1, SeqCst);
                    }
                });
                if random.below(3) == 0 {
                    yield_now().await;
                }
                if random.below(2) == 0 {
                    notify.notify_one()
                } else {
                    notify.notify_last()
                }
                if random.below(3) == 0 {
                    goes.abort();
                }
                until(|| received.load(SeqCst) > sent).await;
            }
            assert_eq!(received.load(SeqCst), 3000);
            stay.iter().for_each(|task| task.abort());
        });
    });
}
