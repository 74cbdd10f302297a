//! The laws of the semaphore.
//!
//! Numbers in comments are those of the points in the list of behaviour that is easily missed.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};
use std::thread;

use crate::common::{
    Flavour, Probe, Random, Tape, Wakes, assert_panics_here, crowd, ends, on_each_of,
    on_every_flavour, panic_of,
};
use futures::FutureExt;
use futures::task::{ArcWake, waker};
use openwork::runtime::Builder;
use openwork::sync::futures::{Acquire, AcquireOwned};
use openwork::sync::{
    AcquireError, OwnedSemaphorePermit, Semaphore, SemaphorePermit, TryAcquireError,
};
use openwork::task::yield_now;
use openwork::trace::{Event, WaitReason};

// ---- acquire and release ----

#[test]
fn permits_are_released_when_they_are_dropped() {
    let semaphore = Semaphore::new(3);
    let one = semaphore.try_acquire().unwrap();
    let two = semaphore.try_acquire_many(2).unwrap();
    assert_eq!((one.num_permits(), two.num_permits()), (1, 2));
    assert_eq!(semaphore.available_permits(), 0);
    assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
    drop(two);
    assert_eq!(semaphore.available_permits(), 2);
    assert_eq!(semaphore.try_acquire_many(3).unwrap_err(), TryAcquireError::NoPermits);
    drop(one);
    assert_eq!(semaphore.available_permits(), 3);
    assert_eq!(semaphore.acquire_many(3).now_or_never().unwrap().unwrap().num_permits(), 3);
}

#[test]
fn an_owned_permit_owns_the_semaphore() {
    let semaphore = Arc::new(Semaphore::new(3));
    let one = semaphore.clone().try_acquire_owned().unwrap();
    let two = semaphore.clone().acquire_many_owned(2).now_or_never().unwrap().unwrap();
    assert!(semaphore.clone().try_acquire_many_owned(1).is_err());
    assert_eq!(Arc::strong_count(&semaphore), 3);
    assert!(Arc::ptr_eq(one.semaphore(), &semaphore));
    drop(one);
    let again = semaphore.clone().acquire_owned().now_or_never().unwrap().unwrap();
    drop((again, two));
    assert_eq!(semaphore.available_permits(), 3);
    assert_eq!(Arc::strong_count(&semaphore), 1);
}

#[test]
fn a_permit_knows_its_semaphore() {
    let semaphore = Semaphore::new(1);
    assert!(std::ptr::eq(semaphore.try_acquire().unwrap().semaphore(), &semaphore));
}

#[test]
fn zero_permits_are_always_available() {
    let semaphore = Semaphore::new(0);
    assert_eq!(semaphore.try_acquire_many(0).unwrap().num_permits(), 0);
    let mut waits = Probe::new(semaphore.acquire());
    waits.assert_pending();
    drop(semaphore.acquire_many(0).now_or_never().unwrap());
    assert!(!waits.is_woken());
}

#[test]
fn added_permits_are_assigned_to_the_waiters() {
    let semaphore = Semaphore::new(0);
    let mut waits = Probe::new(semaphore.acquire_many(2));
    waits.assert_pending();
    semaphore.add_permits(1);
    assert!(!waits.is_woken());
    semaphore.add_permits(2);
    assert!(waits.is_woken());
    assert_eq!(semaphore.available_permits(), 1);
    drop(waits.assert_ready());
    assert_eq!(semaphore.available_permits(), 3);
}

// ---- the order (24) ----

#[test]
fn the_first_waiter_is_served_first() {
    let semaphore = Semaphore::new(0);
    let mut line: Vec<_> = (0..3).map(|_| Probe::new(semaphore.acquire())).collect();
    line.iter_mut().for_each(Probe::assert_pending);
    for _ in 0..3 {
        semaphore.add_permits(1);
        let woken: Vec<_> = line.iter().map(Probe::is_woken).collect();
        assert!(woken[0] && !woken[1..].contains(&true), "{woken:?}");
        line.remove(0).assert_ready().unwrap().forget();
    }
}

#[test]
fn a_waiter_that_wants_many_is_not_overtaken() {
    let semaphore = Semaphore::new(2);
    let mut many = Probe::new(semaphore.acquire_many(5));
    many.assert_pending();
    // It has those that were available.
    assert_eq!(semaphore.available_permits(), 0);
    let mut few = Probe::new(semaphore.acquire());
    few.assert_pending();
    assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
    semaphore.add_permits(3);
    assert!(many.is_woken() && !few.is_woken());
    drop(many.assert_ready());
    assert!(few.is_woken());
    drop(few.assert_ready());
    assert_eq!(semaphore.available_permits(), 5);
}

#[test]
fn the_order_is_that_of_the_first_polls() {
    let semaphore = Semaphore::new(0);
    let mut called_first = Probe::new(semaphore.acquire());
    let mut polled_first = Probe::new(semaphore.acquire());
    polled_first.assert_pending();
    called_first.assert_pending();
    semaphore.add_permits(1);
    assert!(polled_first.is_woken() && !called_first.is_woken());
}

#[test]
fn a_dropped_waiter_passes_its_permits_on() {
    let semaphore = Semaphore::new(0);
    let mut gives_up = Probe::new(semaphore.acquire_many(3));
    let mut waits = Probe::new(semaphore.acquire_many(2));
    gives_up.assert_pending();
    waits.assert_pending();
    semaphore.add_permits(2);
    assert!(!waits.is_woken());
    drop(gives_up);
    assert!(waits.is_woken());
    drop(waits.assert_ready());
    assert_eq!(semaphore.available_permits(), 2);
}

#[test]
fn a_waiter_that_was_served_and_is_dropped_passes_them_on() {
    let semaphore = Semaphore::new(0);
    let mut served = Probe::new(semaphore.acquire());
    let mut waits = Probe::new(semaphore.acquire());
    served.assert_pending();
    waits.assert_pending();
    semaphore.add_permits(1);
    assert!(served.is_woken() && !waits.is_woken());
    drop(served);
    assert!(waits.is_woken());
    drop(waits);
    assert_eq!(semaphore.available_permits(), 1);
}

// ---- forget, merge, split ----

#[test]
fn a_forgotten_permit_is_not_released() {
    let semaphore = Arc::new(Semaphore::new(2));
    semaphore.try_acquire().unwrap().forget();
    assert_eq!(semaphore.available_permits(), 1);
    semaphore.clone().try_acquire_owned().unwrap().forget();
    assert_eq!(semaphore.available_permits(), 0);
    assert_eq!(Arc::strong_count(&semaphore), 1);
}

#[test]
fn forget_permits_removes_what_is_available_and_returns_the_number() {
    for closed in [false, true] {
        for (there, asked) in [(0, 0), (0, 3), (2, 1), (2, 2), (2, 3), (2, usize::MAX)] {
            let semaphore = Semaphore::new(there);
            if closed {
                semaphore.close();
            }
            assert_eq!(semaphore.forget_permits(asked), there.min(asked));
            assert_eq!(semaphore.available_permits(), there.saturating_sub(asked));
            assert_eq!(semaphore.is_closed(), closed);
        }
    }
}

#[test]
fn permits_of_a_waiter_are_not_forgotten() {
    let semaphore = Semaphore::new(1);
    let mut waits = Probe::new(semaphore.acquire_many(2));
    waits.assert_pending();
    assert_eq!(semaphore.forget_permits(1), 0);
    semaphore.add_permits(1);
    assert!(waits.is_woken());
}

#[test]
fn merged_permits_are_released_together() {
    let semaphore = Arc::new(Semaphore::new(6));
    let mut all = semaphore.try_acquire().unwrap();
    all.merge(semaphore.try_acquire_many(2).unwrap());
    let mut all_owned = semaphore.clone().try_acquire_owned().unwrap();
    all_owned.merge(semaphore.clone().try_acquire_many_owned(2).unwrap());
    assert_eq!((all.num_permits(), all_owned.num_permits()), (3, 3));
    assert_eq!(semaphore.available_permits(), 0);
    drop(all);
    assert_eq!(semaphore.available_permits(), 3);
    drop(all_owned);
    assert_eq!(semaphore.available_permits(), 6);
    assert_eq!(Arc::strong_count(&semaphore), 1);
}

#[test]
fn a_permit_can_be_split_down_to_nothing_and_not_beyond() {
    let semaphore = Arc::new(Semaphore::new(6));
    let mut three = semaphore.try_acquire_many(3).unwrap();
    let none = three.split(0).unwrap();
    let two = three.split(2).unwrap();
    assert!(three.split(2).is_none());
    assert_eq!([none.num_permits(), two.num_permits(), three.num_permits()], [0, 2, 1]);
    assert_eq!(three.split(1).unwrap().num_permits(), 1);
    assert_eq!((three.num_permits(), semaphore.available_permits()), (0, 4));
    drop((none, three));
    assert_eq!(semaphore.available_permits(), 4);
    let mut owned = semaphore.clone().try_acquire_many_owned(3).unwrap();
    assert!(owned.split(4).is_none());
    let part = owned.split(3).unwrap();
    assert_eq!((part.num_permits(), owned.num_permits()), (3, 0));
    assert!(Arc::ptr_eq(part.semaphore(), owned.semaphore()));
    drop((two, owned, part));
    assert_eq!(semaphore.available_permits(), 6);
}

// ---- close (24) ----

#[test]
fn a_closed_semaphore_keeps_its_permits_and_assigns_none() {
    let semaphore = Arc::new(Semaphore::new(2));
    let out = semaphore.try_acquire().unwrap();
    assert!(!semaphore.is_closed());
    semaphore.close();
    assert!(semaphore.is_closed());
    assert_eq!(semaphore.available_permits(), 1);
    assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::Closed);
    let owned = semaphore.clone().try_acquire_many_owned(0);
    assert_eq!(owned.unwrap_err(), TryAcquireError::Closed);
    assert!(semaphore.acquire().now_or_never().unwrap().is_err());
    assert!(semaphore.clone().acquire_owned().now_or_never().unwrap().is_err());
    drop(out);
    assert_eq!(semaphore.available_permits(), 2);
    semaphore.add_permits(3);
    assert_eq!(semaphore.available_permits(), 5);
    semaphore.close();
    assert!(semaphore.is_closed());
}

#[test]
fn close_wakes_all_waiters() {
    let semaphore = Semaphore::new(1);
    let mut line: Vec<_> = (0..100).map(|_| Probe::new(semaphore.acquire_many(2))).collect();
    line.iter_mut().for_each(Probe::assert_pending);
    semaphore.close();
    assert!(line.iter().all(Probe::is_woken));
    assert_eq!(semaphore.available_permits(), 0);
    // The first waiter has the permit that was available, and releases it.
    assert!(line[0].assert_ready().is_err());
    assert_eq!(semaphore.available_permits(), 1);
    assert!(line[1..].iter_mut().all(|waits| waits.assert_ready().is_err()));
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn a_waiter_that_was_served_before_the_close_releases() {
    let semaphore = Semaphore::new(0);
    let mut served = Probe::new(semaphore.acquire());
    served.assert_pending();
    semaphore.add_permits(1);
    semaphore.close();
    assert!(served.assert_ready().is_err());
    assert_eq!(semaphore.available_permits(), 1);
}

// ---- user wakers ----

/// A waker that calls a closure, and owns it.
struct Calls<F: Fn() + Send + Sync>(F);

impl<F: Fn() + Send + Sync + 'static> ArcWake for Calls<F> {
    fn wake_by_ref(calls: &Arc<Self>) {
        (calls.0)();
    }
}

#[test]
fn wakers_are_called_and_dropped_outside_of_the_lock() {
    ends(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let permit = semaphore.clone().try_acquire_owned().unwrap();
        let ours = semaphore.clone();
        // The call adds a permit; the drop releases the one that it owns.
        let calls = waker(Arc::new(Calls(move || permit.semaphore().add_permits(1))));
        let mut waits = Box::pin(semaphore.acquire());
        assert!(waits.as_mut().poll_unpin(&mut Context::from_waker(&calls)).is_pending());
        drop(calls);
        ours.close();
        assert_eq!(ours.available_permits(), 2);
    });
}

#[test]
fn a_later_poll_replaces_the_waker() {
    let semaphore = Semaphore::new(0);
    let (first, second) = (Wakes::new(), Wakes::new());
    let mut waits = pin!(semaphore.acquire());
    assert!(first.poll(waits.as_mut()).is_pending());
    assert!(first.poll(waits.as_mut()).is_pending());
    assert_eq!(first.kept(), 1);
    assert!(second.poll(waits.as_mut()).is_pending());
    assert_eq!((first.kept(), second.kept()), (0, 1));
    semaphore.add_permits(1);
    assert_eq!((first.count(), second.count()), (0, 1));
    assert_eq!(second.kept(), 0);
}

// ---- the budget (12) ----

#[test]
fn one_poll_gets_128_permits_and_then_yields() {
    let semaphore = Semaphore::new(1);
    openwork::block_on(async {
        for _ in 0..128 {
            drop(Probe::new(semaphore.acquire()).assert_ready());
        }
        let mut one_more = Probe::new(semaphore.acquire());
        one_more.assert_pending();
        assert!(one_more.is_woken());
        // It has its permit, and reports it in the next poll.
        assert_eq!(semaphore.available_permits(), 0);
        yield_now().await;
        drop(one_more.assert_ready());
    });
    assert_eq!(semaphore.available_permits(), 1);
    // Outside of a runtime there is no budget.
    for _ in 0..1000 {
        drop(Probe::new(semaphore.acquire()).assert_ready());
    }
}

#[test]
fn a_poll_without_budget_keeps_its_place_in_the_queue() {
    let semaphore = Semaphore::new(0);
    let without_budget = |future: &mut Probe<Acquire<'_>>| {
        openwork::block_on(async {
            let plenty = Semaphore::new(1);
            (0..128).for_each(|_| drop(Probe::new(plenty.acquire()).assert_ready()));
            future.assert_pending();
        });
    };
    let (mut first, mut second) =
        (Probe::new(semaphore.acquire()), Probe::new(semaphore.acquire()));
    without_budget(&mut first);
    second.assert_pending();
    semaphore.add_permits(1);
    assert!(first.is_woken() && !second.is_woken());
    // The same for a waiter that was served, and is polled without budget: it may be dropped, and no permit is lost.
    without_budget(&mut first);
    assert!(!second.is_woken());
    drop(first);
    assert!(second.is_woken());
    drop(second);
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn an_acquire_of_a_closed_semaphore_uses_the_budget() {
    openwork::block_on(async {
        let semaphore = Semaphore::new(1);
        semaphore.close();
        (0..128).for_each(|_| assert!(Probe::new(semaphore.acquire()).assert_ready().is_err()));
        let mut one_more = Probe::new(semaphore.acquire());
        one_more.assert_pending();
        assert!(one_more.is_woken());
        yield_now().await;
        assert!(one_more.assert_ready().is_err());
    });
}

// ---- misuse ----

const TOO_MANY: usize = Semaphore::MAX_PERMITS + 1;

#[test]
fn more_than_max_permits_panics_at_the_callers_line() {
    assert_eq!(Semaphore::MAX_PERMITS, usize::MAX >> 3);
    let text = "a semaphore may not have more than MAX_PERMITS permits";
    assert_panics_here(text, || Semaphore::new(TOO_MANY));
    assert_panics_here(text, || Semaphore::const_new(TOO_MANY));
    let semaphore = Semaphore::new(1);
    assert_panics_here("MAX_PERMITS", || semaphore.add_permits(TOO_MANY));
    assert_panics_here("would overflow MAX_PERMITS", || {
        semaphore.add_permits(Semaphore::MAX_PERMITS);
    });
    assert_eq!(semaphore.available_permits(), 1);
    semaphore.add_permits(Semaphore::MAX_PERMITS - 1);
    assert_eq!(semaphore.available_permits(), Semaphore::MAX_PERMITS);
    assert!(semaphore.acquire_many(u32::MAX).now_or_never().unwrap().is_ok());
    // The waiter has the permit that was there, and is dropped with one that was added.
    let semaphore = Semaphore::new(1);
    let mut waits = Probe::new(semaphore.acquire_many(2));
    waits.assert_pending();
    semaphore.add_permits(Semaphore::MAX_PERMITS);
    let panicked = panic_of(|| drop(waits)).unwrap();
    assert!(panicked.message.contains("would overflow MAX_PERMITS"));
}

#[test]
fn a_permit_of_another_semaphore_cannot_be_merged() {
    let (ours, theirs) = (Arc::new(Semaphore::new(1)), Arc::new(Semaphore::new(1)));
    let text = "SemaphorePermit::merge`: merging permits from different semaphore instances";
    let mut permit = ours.try_acquire().unwrap();
    assert_panics_here(text, || permit.merge(theirs.try_acquire().unwrap()));
    drop(permit);
    let mut permit = ours.clone().try_acquire_owned().unwrap();
    assert_panics_here(text, || {
        permit.merge(theirs.clone().try_acquire_owned().unwrap());
    });
    drop(permit);
    assert_eq!((ours.available_permits(), theirs.available_permits()), (1, 1));
}

#[test]
fn blocking_panics_on_a_thread_that_runs_tasks() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let semaphore = Arc::new(Semaphore::new(1));
            let shared = || semaphore.clone();
            assert_panics_here("`Semaphore::blocking_acquire`", || semaphore.blocking_acquire());
            assert_panics_here("`Semaphore::blocking_acquire_many`", || {
                semaphore.blocking_acquire_many(1)
            });
            assert_panics_here("`Semaphore::blocking_acquire_owned`", || {
                shared().blocking_acquire_owned()
            });
            assert_panics_here("`Semaphore::blocking_acquire_many_owned`", || {
                shared().blocking_acquire_many_owned(1)
            });
            assert_eq!(semaphore.available_permits(), 1);
            let on_its_thread = openwork::task::spawn_blocking(move || {
                drop(semaphore.blocking_acquire().unwrap());
            });
            on_its_thread.await.unwrap();
        });
    });
}

#[test]
fn a_future_that_was_ready_is_not_polled_again() {
    let semaphore = Arc::new(Semaphore::new(1));
    let mut cx = Context::from_waker(Waker::noop());
    let mut acquire = semaphore.acquire();
    assert!(acquire.poll_unpin(&mut cx).is_ready());
    let panicked = panic_of(|| acquire.poll_unpin(&mut cx)).unwrap();
    assert!(panicked.message.contains("waits for a permit was polled after it was ready"));
    let mut acquire = semaphore.clone().acquire_owned();
    assert!(acquire.poll_unpin(&mut cx).is_ready());
    assert_panics_here("waits for a permit was polled after it was ready", || {
        Future::poll(std::pin::Pin::new(&mut acquire), &mut cx)
    });
    assert_eq!(semaphore.available_permits(), 1);
}

// ---- types (40, 41) ----

static IN_A_STATIC: Semaphore = Semaphore::const_new(2);

#[test]
fn it_can_be_a_static() {
    let permit = IN_A_STATIC.try_acquire().unwrap();
    assert_eq!(IN_A_STATIC.available_permits(), 1);
    drop(permit);
}

#[test]
fn auto_traits_are_those_of_tokio() {
    fn check<T: Send + Sync + Unpin>() {}
    check::<Semaphore>();
    check::<SemaphorePermit<'_>>();
    check::<OwnedSemaphorePermit>();
    check::<Acquire<'_>>();
    check::<AcquireOwned>();
    check::<AcquireError>();
    check::<TryAcquireError>();
}

#[test]
fn the_texts_are_those_of_tokio() {
    let semaphore = Semaphore::new(3);
    assert!(format!("{semaphore:?}").contains('3'));
    semaphore.close();
    let closed = semaphore.acquire().now_or_never().unwrap().unwrap_err();
    assert_eq!(format!("{closed} / {closed:?}"), "semaphore closed / AcquireError(())");
    let closed = TryAcquireError::Closed;
    assert_eq!(format!("{closed} / {closed:?}"), "semaphore closed / Closed");
    let none = TryAcquireError::NoPermits;
    assert_eq!(format!("{none} / {none:?}"), "no permits available / NoPermits");
    let _: [&dyn std::error::Error; 2] = [&closed, &none];
}

#[test]
fn a_waiting_task_traces_what_it_waits_for() {
    let mut builder = Builder::new_current_thread();
    let tape = Tape::listen(&mut builder);
    builder.build().unwrap().block_on(async {
        Probe::new(Semaphore::new(0).acquire()).assert_pending();
        Probe::new(Semaphore::new(1).acquire_many(3)).assert_pending();
    });
    let said = tape.take().into_iter().filter_map(|record| match record.event {
        Event::Waits(reason) => Some((reason, reason.to_string())),
        _ => None,
    });
    let what = "a permit";
    let reason = |wanted, lacking| WaitReason::Permits { what, wanted, lacking };
    let expected = [
        (reason(1, 1), "a permit".to_owned()),
        (reason(3, 2), "a permit (3 wanted, 2 lacking)".to_owned()),
    ];
    assert_eq!(said.collect::<Vec<_>>(), expected);
}

// ---- other executors ----

#[test]
fn it_works_under_any_executor_and_without_one() {
    ends(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        thread::scope(|scope| {
            scope.spawn(|| {
                futures::executor::block_on(async {
                    semaphore.acquire_many(2).await.unwrap().forget();
                });
            });
            scope.spawn(|| semaphore.blocking_acquire().unwrap().forget());
            scope.spawn(|| semaphore.blocking_acquire_many(2).unwrap().forget());
            scope.spawn(|| semaphore.clone().blocking_acquire_owned().unwrap().forget());
            scope.spawn(|| semaphore.clone().blocking_acquire_many_owned(2).unwrap().forget());
            (0..8).for_each(|_| semaphore.add_permits(1));
        });
        assert_eq!(semaphore.available_permits(), 0);
        semaphore.close();
        assert!(semaphore.blocking_acquire().is_err());
    });
}

// ---- random tests ----

#[test]
fn whatever_is_dropped_no_task_waits_while_there_are_enough() {
    for seed in 1..=200 {
        let mut random = Random(seed * 7919);
        let there = 1 + random.below(5);
        let semaphore = Semaphore::new(there);
        let mut waiting: Vec<(usize, Probe<Acquire<'_>>)> = Vec::new();
        let mut out = Vec::new();
        for _ in 0..300 {
            match random.below(10) {
                0..5 => {
                    let many = random.below(there + 1);
                    let mut new = Probe::new(semaphore.acquire_many(many as u32));
                    match new.poll() {
                        Poll::Ready(permit) => out.push(permit.unwrap()),
                        Poll::Pending => waiting.push((many, new)),
                    }
                }
                5..7 if !waiting.is_empty() => {
                    waiting.remove(random.below(waiting.len()));
                }
                _ if !out.is_empty() => drop(out.swap_remove(random.below(out.len()))),
                _ => {}
            }
            // Waiters that are served are polled; sometimes one is dropped instead.
            while let Some(woken) = waiting.iter().position(|(_, probe)| probe.is_woken()) {
                assert_eq!(woken, 0, "one is woken who was not the first");
                let (_, mut first) = waiting.remove(woken);
                if random.below(4) > 0 {
                    out.push(first.assert_ready().unwrap());
                }
            }
            let taken: usize = out.iter().map(SemaphorePermit::num_permits).sum();
            assert!(semaphore.available_permits() + taken <= there);
            let left = there - taken;
            match waiting.first() {
                Some((wanted, _)) => assert!(left < *wanted, "{left} there, {wanted} wanted"),
                None => assert_eq!(semaphore.available_permits(), left),
            }
        }
        waiting.clear();
        out.clear();
        assert_eq!(semaphore.available_permits(), there);
    }
}

#[test]
fn tasks_that_give_up_at_random_lose_no_permit() {
    on_each_of(&[Flavour::CurrentThread, Flavour::Workers(4)], |flavour| {
        let semaphore = Arc::new(Semaphore::new(4));
        let inside = Arc::new(AtomicUsize::new(0));
        let (ours, inside_ours) = (semaphore.clone(), inside.clone());
        flavour.block_on(crowd(move |mut random| {
            let (semaphore, inside) = (ours.clone(), inside_ours.clone());
            async move {
                let many = 1 + random.below(4);
                let _permit = match random.below(2) {
                    0 => semaphore.acquire_many_owned(many as u32).await.unwrap(),
                    _ => {
                        let mut permit = semaphore.clone().acquire_owned().await.unwrap();
                        match semaphore.try_acquire_many_owned(many as u32 - 1) {
                            Ok(more) => permit.merge(more),
                            Err(_) => return,
                        }
                        permit
                    }
                };
                assert!(inside.fetch_add(many, SeqCst) + many <= 4);
                let _out = crate::common::AtDrop(|| _ = inside.fetch_sub(many, SeqCst));
                yield_now().await;
            }
        }));
        assert_eq!(inside.load(SeqCst), 0);
        assert_eq!(semaphore.available_permits(), 4);
    });
}
