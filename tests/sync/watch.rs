//! The laws of the channel that holds one value.
//!
//! Numbers in comments are those of the points in the list of behaviour that is easily missed.

use std::cell::Cell;
use std::error::Error;
use std::future::Future;
use std::marker::PhantomPinned;
use std::mem::ManuallyDrop;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use crate::common::Flavour::{CurrentThread, Workers};
use crate::common::{
    AtDrop, Probe, Random, Wakes, assert_not, at_clone, calls, ends, on_each_of, on_every_flavour,
    owns, panic_of,
};
use futures::FutureExt;
use futures::executor::block_on;
use openwork::sync::watch::error::{RecvError, SendError};
use openwork::sync::watch::{Receiver, Ref, Sender, channel};
use openwork::task::yield_now;
use openwork::time::timeout;

// ---- changes ----

#[test]
fn a_change_wakes_the_task_that_awaits_it() {
    let (tx, mut rx) = channel("one");
    let mut changed = Probe::new(rx.changed());
    changed.assert_pending();
    tx.send("two").unwrap();
    assert!(changed.is_woken());
    changed.assert_ready().unwrap();
    drop(changed);
    assert_eq!(*rx.borrow(), "two");
    Probe::new(rx.changed()).assert_pending();
}

#[test]
fn every_receiver_sees_every_change_but_not_every_value() {
    let (tx, mut first) = channel(0);
    let mut second = first.clone();
    tx.send(1).unwrap();
    block_on(first.changed()).unwrap();
    assert_eq!(*first.borrow_and_update(), 1);
    tx.send(2).unwrap();
    tx.send(3).unwrap();
    for rx in [&mut first, &mut second] {
        block_on(rx.changed()).unwrap();
        assert_eq!(*rx.borrow_and_update(), 3);
        assert_eq!(rx.changed().now_or_never().map(drop), None);
    }
}

#[test]
fn all_waiting_tasks_are_woken_even_the_second_time() {
    let (tx, mut rx_1) = channel(0);
    let mut rx_2 = rx_1.clone();
    let (mut first, mut second) = (Probe::new(rx_1.changed()), Probe::new(rx_2.changed()));
    first.assert_pending();
    second.assert_pending();
    tx.send(1).unwrap();
    assert!(first.is_woken() && second.is_woken());
    first.assert_ready().unwrap();
    drop(first);
    let mut first = Probe::new(rx_1.changed());
    first.assert_pending();
    tx.send(2).unwrap();
    assert!(first.is_woken());
    first.assert_ready().unwrap();
    second.assert_ready().unwrap();
    drop(second);
    // The second has seen both at once.
    Probe::new(rx_2.changed()).assert_pending();
}

#[test]
fn the_first_value_counts_as_seen() {
    let (tx, rx) = channel(1);
    assert!(!rx.has_changed().unwrap() && !rx.borrow().has_changed());
    tx.send(2).unwrap();
    let late = tx.subscribe();
    assert!(!late.has_changed().unwrap());
    assert!(rx.has_changed().unwrap());
}

#[test]
fn a_clone_has_seen_what_the_original_has_seen() {
    let (tx, mut rx) = channel(1);
    tx.send(2).unwrap();
    let unseen = rx.clone();
    rx.mark_unchanged();
    let seen = rx.clone();
    assert!(unseen.has_changed().unwrap() && !seen.has_changed().unwrap());
    assert!(unseen.same_channel(&seen) && !seen.same_channel(&channel(1).1));
}

// Point 29.
#[test]
fn to_borrow_is_not_to_see() {
    let (tx, mut rx) = channel("one");
    tx.send("two").unwrap();
    assert!(rx.borrow().has_changed());
    assert!(rx.borrow().has_changed() && rx.has_changed().unwrap());
    assert!(rx.borrow_and_update().has_changed());
    assert!(!rx.borrow_and_update().has_changed() && !rx.has_changed().unwrap());
    assert!(!tx.borrow().has_changed());
    assert_eq!(*tx.borrow(), "two");
}

// Point 29.
#[test]
fn marks_change_what_was_seen_and_do_not_underflow() {
    let (tx, mut rx) = channel(0);
    for _ in 0..3 {
        rx.mark_changed();
        assert!(rx.has_changed().unwrap());
    }
    block_on(rx.changed()).unwrap();
    Probe::new(rx.changed()).assert_pending();
    rx.mark_changed();
    rx.mark_unchanged();
    assert!(!rx.has_changed().unwrap());
    tx.send(1).unwrap();
    rx.mark_changed();
    assert!(rx.has_changed().unwrap());
    rx.mark_unchanged();
    Probe::new(rx.changed()).assert_pending();
}

// ---- changes in place ----

#[test]
fn a_value_may_be_replaced_or_changed_in_place() {
    let (tx, rx) = channel(vec![1]);
    assert_eq!(tx.send_replace(vec![2]), [1]);
    tx.send_modify(|value| value.push(3));
    assert_eq!(*rx.borrow(), [2, 3]);
    assert!(rx.has_changed().unwrap());
}

#[test]
fn what_is_not_called_a_change_wakes_no_task() {
    let (tx, mut rx) = channel(1);
    let mut changed = Probe::new(rx.changed());
    changed.assert_pending();
    assert!(!tx.send_if_modified(|value| {
        *value = 2;
        false
    }));
    assert!(!changed.is_woken());
    changed.assert_pending();
    assert_eq!(*tx.borrow(), 2);
    assert!(tx.send_if_modified(|_| true));
    assert!(changed.is_woken());
    changed.assert_ready().unwrap();
}

// Point 29.
#[test]
fn a_modification_that_panics_stays_and_wakes_no_task() {
    let (tx, mut rx) = channel("one");
    let mut other = rx.clone();
    let mut changed = Probe::new(rx.changed());
    changed.assert_pending();
    let panics = || {
        tx.send_modify(|value| {
            *value = "panicked";
            panic!("a waker's panic");
        })
    };
    assert!(panic_of(panics).is_some());
    assert!(!changed.is_woken());
    changed.assert_pending();
    assert_eq!(*other.borrow_and_update(), "panicked");
    tx.send_modify(|value| *value = "three");
    changed.assert_ready().unwrap();
    assert_eq!(*other.borrow_and_update(), "three");
}

#[test]
fn without_a_receiver_send_gives_the_value_back_and_replace_does_not() {
    let (tx, rx) = channel(1);
    drop(rx);
    assert_eq!(tx.send(2), Err(SendError(2)));
    assert_eq!(*tx.borrow(), 1);
    assert_eq!(tx.send_replace(3), 1);
    tx.send_modify(|value| *value += 1);
    assert_eq!(*tx.subscribe().borrow(), 4);
    assert_eq!(*Sender::<u8>::default().borrow(), 0);
}

// ---- the end ----

// Point 29.
#[test]
fn the_last_value_can_be_seen_after_the_end() {
    let (tx, mut rx) = channel("one");
    tx.send("two").unwrap();
    let mut waits = rx.clone();
    waits.mark_unchanged();
    let mut waiting = Probe::new(waits.changed());
    waiting.assert_pending();
    drop(tx);
    assert!(waiting.is_woken());
    assert!(waiting.assert_ready().is_err());
    assert!(rx.is_closed());
    // An unseen value can be awaited, but `has_changed` returns an error.
    assert!(rx.has_changed().is_err());
    block_on(rx.changed()).unwrap();
    assert!(block_on(rx.changed()).is_err());
    assert!(block_on(rx.changed()).is_err());
    assert_eq!(*rx.borrow(), "two");
}

// Point 29.
#[test]
fn only_the_last_sender_closes_the_channel() {
    let (tx, mut rx) = channel(0);
    let tx_2 = tx.clone();
    assert!(tx.same_channel(&tx_2) && !tx.same_channel(&Sender::new(0)));
    assert_eq!((tx.sender_count(), tx.receiver_count()), (2, 1));
    let mut changed = Probe::new(rx.changed());
    changed.assert_pending();
    drop(tx);
    assert!(!changed.is_woken());
    tx_2.send(1).unwrap();
    changed.assert_ready().unwrap();
    drop(tx_2);
    assert!(changed.assert_ready().is_err());
}

// Point 29.
#[test]
fn closed_waits_until_there_is_no_receiver_and_subscribe_reopens() {
    let (tx, rx) = channel("one");
    let mut closed = Probe::new(tx.closed());
    closed.assert_pending();
    let rx_2 = rx.clone();
    drop(rx);
    assert!(!closed.is_woken() && !tx.is_closed());
    drop(rx_2);
    assert!(closed.is_woken() && tx.is_closed());
    let rx = tx.subscribe();
    assert!(!tx.is_closed());
    closed.assert_pending();
    drop(rx);
    assert!(closed.is_woken());
    closed.assert_ready();
    Probe::new(tx.closed()).assert_ready();
}

// ---- wait_for ----

#[test]
fn wait_for_asks_about_the_present_value_first() {
    let (tx, mut rx) = channel(5);
    assert_eq!(*block_on(rx.wait_for(|value| *value == 5)).unwrap(), 5);
    // Even if it was seen before, and even if no sender is left.
    drop(tx);
    assert_eq!(*block_on(rx.wait_for(|value| *value == 5)).unwrap(), 5);
}

#[test]
fn wait_for_asks_once_about_each_version() {
    let (tx, mut rx) = channel(0);
    let asked = Cell::new(0);
    let mut waiting = Probe::new(rx.wait_for(|value| {
        asked.set(asked.get() + 1);
        *value > 1
    }));
    waiting.assert_pending();
    waiting.assert_pending();
    assert_eq!(asked.get(), 1);
    tx.send(1).unwrap();
    assert!(waiting.is_woken());
    waiting.assert_pending();
    assert_eq!(asked.get(), 2);
    tx.send(2).unwrap();
    let value = waiting.assert_ready().unwrap();
    assert!(*value == 2 && value.has_changed());
    drop((value, waiting));
    assert!(!rx.has_changed().unwrap());
}

// Point 29.
#[test]
fn wait_for_sees_the_last_value_of_a_closed_channel() {
    for last in [1, 2] {
        let (tx, mut rx) = channel(0);
        let mut waiting = Probe::new(rx.wait_for(|value| *value == 2));
        waiting.assert_pending();
        tx.send(last).unwrap();
        drop(tx);
        assert_eq!(waiting.assert_ready().ok().map(|value| *value), Some(2).filter(|_| last == 2));
    }
}

#[test]
fn a_condition_that_panics_leaves_the_channel_whole() {
    let (tx, mut rx) = channel(0);
    tx.send(1).unwrap();
    assert!(panic_of(|| block_on(rx.wait_for(|_| panic!("a waker's panic"))).is_ok()).is_some());
    // The condition was called with the value, so it counts as seen.
    assert!(!rx.has_changed().unwrap());
    tx.send(2).unwrap();
    assert_eq!(*block_on(rx.wait_for(|value| *value == 2)).unwrap(), 2);
}

// ---- user code ----

#[test]
fn a_poll_from_another_task_drops_the_old_waker() {
    let (tx, mut rx) = channel(0);
    let (first, second) = (Wakes::new(), Wakes::new());
    let mut changed = Box::pin(rx.changed());
    assert!(first.poll(changed.as_mut()).is_pending());
    assert!(second.poll(changed.as_mut()).is_pending());
    assert_eq!((first.kept(), second.kept()), (0, 1));
    tx.send(1).unwrap();
    assert_eq!((first.count(), second.count()), (0, 1));
    assert!(second.poll(changed.as_mut()).is_ready());
    assert!(second.poll(changed.as_mut()).is_pending());
    drop(changed);
    assert_eq!(second.kept(), 0);
    let mut waiting = Box::pin(rx.wait_for(|_| false));
    assert!(second.poll(waiting.as_mut()).is_pending());
    drop(waiting);
    let mut closed = Box::pin(tx.closed());
    assert!(second.poll(closed.as_mut()).is_pending());
    drop(closed);
    assert_eq!(second.kept(), 0);
    // A wait that is leaked leaves its waker to the receiver.
    let mut leaked = ManuallyDrop::new(rx.changed());
    assert!(second.poll(Pin::new(&mut *leaked)).is_pending());
    assert_eq!(second.kept(), 1);
    drop(rx);
    assert_eq!(second.kept(), 0);
}

fn poll_with<F: Future>(future: F, waker: &Waker) -> std::pin::Pin<Box<F>> {
    let mut future = Box::pin(future);
    assert!(future.as_mut().poll(&mut Context::from_waker(waker)).is_pending());
    future
}

#[test]
fn a_waker_may_send_when_it_is_woken_and_when_it_is_dropped() {
    ends(|| {
        let (tx, mut rx) = channel(0);
        let sends = |value| {
            let tx = tx.clone();
            move || tx.send(value).unwrap()
        };
        let woken = poll_with(rx.changed(), &calls(sends(2)));
        tx.send(1).unwrap();
        drop(woken);
        assert_eq!(*rx.borrow_and_update(), 2);
        let dropped = poll_with(rx.changed(), &owns(AtDrop(sends(4))));
        tx.send(3).unwrap();
        drop(dropped);
        assert_eq!(*rx.borrow_and_update(), 4);
        let mut replaced = poll_with(rx.changed(), &owns(AtDrop(sends(5))));
        assert!((&mut replaced).now_or_never().is_none(), "it had looked before");
        assert!(replaced.now_or_never().is_some());
        let left = poll_with(rx.changed(), &owns(AtDrop(sends(6))));
        drop(left);
        assert_eq!(*rx.borrow_and_update(), 6);
    });
}

#[test]
fn an_old_value_may_use_the_channel_as_it_goes() {
    struct Sends(Option<Sender<Sends>>);
    impl Drop for Sends {
        fn drop(&mut self) {
            if let Some(tx) = self.0.take() {
                assert!(tx.borrow().0.is_none());
                assert!(tx.send(Sends(None)).is_ok());
            }
        }
    }
    ends(|| {
        let (tx, mut rx) = channel(Sends(None));
        assert!(tx.send(Sends(Some(tx.clone()))).is_ok());
        assert!(tx.send(Sends(None)).is_ok());
        assert!(rx.borrow_and_update().has_changed());
    });
}

#[test]
fn one_waker_that_panics_keeps_no_other_from_being_woken() {
    let (tx, mut rx) = channel(0);
    let (mut rx_1, mut rx_2) = (rx.clone(), rx.clone());
    let (mut before, mut after) = (Probe::new(rx_1.changed()), Probe::new(rx_2.changed()));
    before.assert_pending();
    let between = poll_with(rx.changed(), &calls(|| panic!("a waker's panic")));
    after.assert_pending();
    assert_eq!(tx.send(1), Ok(()));
    assert!(before.is_woken() && after.is_woken());
    assert!(between.now_or_never().is_some());
}

#[test]
fn several_may_look_at_once() {
    ends(|| {
        let (tx, rx) = channel(1);
        let value = rx.borrow();
        let thread = thread::spawn({
            let rx = rx.clone();
            move || *rx.borrow()
        });
        assert_eq!(thread.join().unwrap() + *value + *tx.borrow(), 3);
    });
}

// ---- types ----

// Point 41.
#[test]
fn the_types_are_what_tokios_are() {
    fn shared<T: Send + Sync + Unpin>() {}
    fn unpin<T: Unpin>() {}
    fn whole<T: UnwindSafe + RefUnwindSafe>() {}
    shared::<Sender<u8>>();
    shared::<Receiver<u8>>();
    unpin::<Sender<PhantomPinned>>();
    unpin::<Receiver<PhantomPinned>>();
    whole::<Sender<u8>>();
    whole::<Receiver<u8>>();
    assert_not!(Ref<'static, u8>: Send);
    fn shared_future<F: Send + Sync + Unpin>(_: F) {}
    fn send_and_sync<F: Send + Sync>(_: F) {}
    fn send<F: Send>(_: F) {}
    let (tx, mut rx) = channel(1_u8);
    shared_future(rx.changed());
    shared_future(tx.closed());
    let condition: fn(&u8) -> bool = |_| true;
    send_and_sync(rx.wait_for(condition));
    let condition: Box<dyn FnMut(&u8) -> bool + Send> = Box::new(|_| true);
    send(rx.wait_for(condition));
}

#[test]
fn nothing_is_asked_of_the_value() {
    struct Plain;
    let (tx, rx) = channel(Plain);
    assert!(format!("{tx:?}").starts_with("Sender") && format!("{rx:?}").starts_with("Receiver"));
    assert!(tx.clone().send(Plain).is_ok());
    assert_eq!(format!("{:?}", channel(1).1.borrow()), "Ref { value: 1, has_changed: false }");
}

#[test]
fn the_errors_say_what_tokios_say() {
    fn texts(error: &dyn Error) -> String {
        format!("{error} / {error:?}")
    }
    assert_eq!(texts(&SendError(1)), "channel closed / SendError { .. }");
    let (tx, rx) = channel(1);
    drop(tx);
    let error: RecvError = rx.has_changed().unwrap_err();
    assert_eq!(texts(&error), "channel closed / RecvError(())");
}

// ---- under executors ----

// Point 12.
#[test]
fn a_poll_may_do_only_so_much() {
    fn count<T>(mut again: impl FnMut() -> Option<T>) -> usize {
        std::iter::from_fn(|| again().map(drop)).take(1000).count()
    }
    openwork::block_on(async {
        let (tx, mut rx) = channel(0);
        let changed = count(|| {
            rx.mark_changed();
            rx.changed().now_or_never()
        });
        assert_eq!(changed, 128);
        yield_now().await;
        assert_eq!(count(|| rx.wait_for(|_| true).now_or_never().map(drop)), 128);
        drop(rx);
        yield_now().await;
        assert_eq!(count(|| tx.closed().now_or_never()), 128);
    });
}

/// A sender that is as fast as a receiver in `wait_for`: each time that the receiver has checked a value and is about
/// to wait, there is another.
#[test]
fn a_task_that_checks_one_value_after_another_yields() {
    ends(|| {
        openwork::block_on(async {
            let (tx, mut rx) = channel(0);
            let last_moment = at_clone(move || tx.send_modify(|value| *value += 1));
            let mut asked = 0;
            let condition = |_: &u32| {
                asked += 1;
                asked == 1000
            };
            let mut wait = pin!(rx.wait_for(condition));
            let mut cx = Context::from_waker(&last_moment);
            let mut polls = 1;
            while wait.as_mut().poll(&mut cx).is_pending() {
                polls += 1;
                yield_now().await;
            }
            assert_eq!(polls, 1000 / 128 + 1);
        });
    });
}

#[test]
fn tasks_on_every_flavour_see_the_last_value() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (tx, rx) = channel(0);
            let receivers: Vec<_> = (0..20)
                .map(|_| {
                    let mut rx = rx.clone();
                    openwork::spawn(async move {
                        let mut seen = 0;
                        while rx.changed().await.is_ok() {
                            let now = *rx.borrow_and_update();
                            assert!(now > seen);
                            seen = now;
                        }
                        seen
                    })
                })
                .collect();
            for value in 1..=500 {
                tx.send(value).unwrap();
                if value % 7 == 0 {
                    yield_now().await;
                }
            }
            drop(tx);
            for receiver in receivers {
                assert_eq!(receiver.await.unwrap(), 500);
            }
        });
    });
}

#[test]
fn it_works_without_a_runtime() {
    let (tx, mut rx) = channel(0);
    let (answer, mut answers) = channel(0);
    let thread = thread::spawn(move || {
        while block_on(rx.changed()).is_ok() {
            answer.send(*rx.borrow_and_update()).unwrap();
        }
        drop(rx);
        block_on(answer.closed());
    });
    for value in 1..1000 {
        tx.send(value).unwrap();
        assert_eq!(*block_on(answers.wait_for(|answer| *answer == value)).unwrap(), value);
    }
    drop((tx, answers));
    thread.join().unwrap();
}

// ---- cancelled at random ----

/// A receiver, and whether there is something that it has not seen.
struct Modelled {
    rx: Receiver<u64>,
    unseen: bool,
}

#[test]
fn whatever_happens_it_does_what_the_model_does() {
    for seed in 1..=200 {
        let mut random = Random(seed * 7919);
        let (tx, mut value) = (Sender::new(0), 0);
        let mut receivers: Vec<Modelled> = Vec::new();
        for _ in 0..300 {
            let some = random.below(receivers.len().max(1));
            match random.below(10) {
                0 => receivers.push(Modelled { rx: tx.subscribe(), unseen: false }),
                1 if !receivers.is_empty() => drop(receivers.swap_remove(some)),
                2 if !receivers.is_empty() => {
                    let Modelled { rx, unseen } = &receivers[some];
                    let clone = Modelled { rx: rx.clone(), unseen: *unseen };
                    receivers.push(clone);
                }
                3..6 => {
                    let changes = random.below(3) > 0;
                    value += 1;
                    assert_eq!(
                        tx.send_if_modified(|old| {
                            *old = value;
                            changes
                        }),
                        changes
                    );
                    receivers.iter_mut().for_each(|receiver| receiver.unseen |= changes);
                }
                6 if !receivers.is_empty() => {
                    receivers[some].rx.mark_changed();
                    receivers[some].unseen = true;
                }
                7 if !receivers.is_empty() => {
                    let Modelled { rx, unseen } = &mut receivers[some];
                    let found = rx.wait_for(|found| *found % 2 == 0).now_or_never();
                    assert_eq!(found.is_some(), value % 2 == 0);
                    drop(found);
                    *unseen = false;
                }
                _ if !receivers.is_empty() => {
                    let Modelled { rx, unseen } = &mut receivers[some];
                    let polled = Probe::new(rx.changed()).poll();
                    assert_eq!(matches!(polled, Poll::Ready(Ok(()))), *unseen);
                    *unseen = false;
                }
                _ => {}
            }
            assert_eq!((tx.receiver_count(), *tx.borrow()), (receivers.len(), value));
            for Modelled { rx, unseen } in &receivers {
                assert_eq!(rx.has_changed().unwrap(), *unseen);
                assert_eq!((*rx.borrow(), rx.borrow().has_changed()), (value, *unseen));
            }
        }
    }
}

/// Each value is sent when all receivers that stay have seen the one before. If a change is lost, the next value is
/// never sent.
#[test]
fn among_tasks_that_time_out_and_are_aborted_no_change_is_lost() {
    const STAY: usize = 10;
    on_each_of(&[CurrentThread, Workers(4)], |flavour| {
        flavour.block_on(async {
            let (tx, _) = channel(0);
            let seen = Arc::new(AtomicUsize::new(0));
            let stay: Vec<_> = (1..=STAY as u64)
                .map(|seed| {
                    let (mut rx, mut random) = (tx.subscribe(), Random(seed * 7919));
                    let seen = seen.clone();
                    openwork::spawn(async move {
                        loop {
                            let limit = Duration::from_micros(random.below(30) as u64);
                            match timeout(limit, rx.changed()).await {
                                Ok(Ok(())) => seen.fetch_add(1, SeqCst),
                                Ok(Err(_)) => return,
                                Err(_) => continue,
                            };
                        }
                    })
                })
                .collect();
            let mut random = Random(4711);
            // Two seconds; beside many busy threads fewer values, since each waits for all workers.
            let start = std::time::Instant::now();
            let in_time = |_: &usize| start.elapsed() < Duration::from_secs(20);
            for value in (1..=1000).take_while(in_time) {
                let (mut rx, closes) = (tx.subscribe(), tx.clone());
                let goes = openwork::spawn(async move { rx.wait_for(|_| false).await.is_ok() });
                let watches = openwork::spawn(async move { closes.closed().await });
                if random.below(3) == 0 {
                    yield_now().await;
                }
                tx.send(value).unwrap();
                goes.abort();
                watches.abort();
                crate::common::until(|| seen.load(SeqCst) == value * STAY).await;
            }
            while tx.sender_count() > 1 {
                yield_now().await;
            }
            drop(tx);
            for task in stay {
                task.await.unwrap();
            }
        });
    });
}
