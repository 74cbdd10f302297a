//! The laws of the barrier.
//!
//! Numbers in comments are those of the points in the list of behaviour that is easily missed.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use crate::common::{
    Act, Flavour, Probe, Random, Tape, Wakes, assert_panics_here, at_each, crowd, ends, on_each_of,
    on_every_flavour, paused,
};
use futures::FutureExt;
use openwork::runtime::Builder;
use openwork::sync::futures::BarrierWait;
use openwork::sync::{Barrier, BarrierWaitResult};
use openwork::task::yield_now;
use openwork::time::timeout;
use openwork::trace::{Event, WaitReason};

// Point 30.
#[test]
fn a_barrier_for_none_is_one_for_one() {
    for n in [0, 1] {
        let barrier = Barrier::new(n);
        for _ in 0..3 {
            assert!(Probe::new(barrier.wait()).assert_ready().is_leader());
        }
    }
}

// Point 30.
#[test]
fn the_last_task_leads_and_the_others_are_released() {
    let barrier = Barrier::new(4);
    // And once more: it can be used again.
    for _ in 0..3 {
        let mut wait: Vec<_> = (0..3).map(|_| Probe::new(barrier.wait())).collect();
        wait.iter_mut().for_each(Probe::assert_pending);
        assert!(!wait.iter().any(Probe::is_woken));
        assert!(Probe::new(barrier.wait()).assert_ready().is_leader());
        assert!(wait.iter().all(Probe::is_woken));
        assert!(!wait.iter_mut().any(|waits| waits.assert_ready().is_leader()));
    }
}

#[test]
fn it_can_be_used_again_before_all_released_tasks_were_polled() {
    let barrier = Barrier::new(2);
    let mut slow = Probe::new(barrier.wait());
    slow.assert_pending();
    assert!(Probe::new(barrier.wait()).assert_ready().is_leader());
    let mut next = Probe::new(barrier.wait());
    next.assert_pending();
    assert!(!slow.assert_ready().is_leader());
    next.assert_pending();
    assert!(Probe::new(barrier.wait()).assert_ready().is_leader());
    assert!(!next.assert_ready().is_leader());
}

#[test]
fn a_wait_counts_when_it_is_polled() {
    let barrier = Barrier::new(2);
    let _never_polled = barrier.wait();
    Probe::new(barrier.wait()).assert_pending();
}

#[test]
fn a_wait_that_is_dropped_is_not_counted() {
    let barrier = Barrier::new(3);
    let (mut stays, mut goes) = (Probe::new(barrier.wait()), Probe::new(barrier.wait()));
    stays.assert_pending();
    goes.assert_pending();
    drop(goes);
    let mut comes = Probe::new(barrier.wait());
    comes.assert_pending();
    assert!(!stays.is_woken());
    assert!(Probe::new(barrier.wait()).assert_ready().is_leader());
    // A wait that is dropped after the release was counted.
    drop(stays);
    assert!(!comes.assert_ready().is_leader());
    let mut next_round: Vec<_> = (0..2).map(|_| Probe::new(barrier.wait())).collect();
    next_round.iter_mut().for_each(Probe::assert_pending);
    assert!(Probe::new(barrier.wait()).assert_ready().is_leader());
}

#[test]
fn a_second_attempt_is_counted_once() {
    paused().block_on(async {
        let barrier = Barrier::new(2);
        for _ in 0..5 {
            assert!(timeout(Duration::from_secs(1), barrier.wait()).await.is_err());
        }
        assert_eq!(format!("{barrier:?}"), "Barrier { n: 2, arrived: 0 }");
    });
}

#[test]
fn a_waker_may_use_the_barrier_when_it_is_cloned_woken_and_dropped() {
    ends(|| {
        let barrier = Arc::new(Barrier::new(2));
        let (ours, drops) = (barrier.clone(), Arc::new(AtomicUsize::new(0)));
        let count = drops.clone();
        let waker = at_each(move |act| {
            // It takes the lock.
            assert!(format!("{ours:?}").starts_with("Barrier"));
            count.fetch_add(usize::from(act == Act::Drop), SeqCst);
        });
        let mut cx = Context::from_waker(&waker);
        let mut dropped = Box::pin(barrier.wait());
        assert!(dropped.as_mut().poll(&mut cx).is_pending());
        drop(dropped);
        assert_eq!(drops.load(SeqCst), 1);
        let mut wait = pin!(barrier.wait());
        assert!(wait.as_mut().poll(&mut cx).is_pending());
        assert!(barrier.wait().now_or_never().unwrap().is_leader());
        assert!(wait.poll(&mut cx).is_ready());
    });
}

#[test]
fn a_later_poll_replaces_the_waker() {
    let barrier = Barrier::new(2);
    let (first, second) = (Wakes::new(), Wakes::new());
    let mut wait = pin!(barrier.wait());
    assert!(first.poll(wait.as_mut()).is_pending());
    assert!(second.poll(wait.as_mut()).is_pending());
    assert_eq!((first.kept(), second.kept()), (0, 1));
    assert!(Probe::new(barrier.wait()).assert_ready().is_leader());
    assert_eq!((first.count(), second.count(), second.kept()), (0, 1, 0));
}

// Point 12.
#[test]
fn a_barrier_for_one_yields_after_128() {
    openwork::block_on(async {
        let barrier = Barrier::new(1);
        (0..128).for_each(|_| _ = Probe::new(barrier.wait()).assert_ready());
        let mut one_more = Probe::new(barrier.wait());
        one_more.assert_pending();
        assert!(one_more.is_woken());
        yield_now().await;
        one_more.assert_ready();
    });
}

#[test]
fn a_future_that_was_ready_is_not_polled_again() {
    let barrier = Barrier::new(1);
    let mut cx = Context::from_waker(Waker::noop());
    let mut wait = barrier.wait();
    assert!(wait.poll_unpin(&mut cx).is_ready());
    assert_panics_here("`Barrier::wait` was polled after it was ready", || {
        Future::poll(std::pin::Pin::new(&mut wait), &mut cx)
    });
}

#[test]
fn a_waiting_task_traces_what_it_waits_for() {
    let mut builder = Builder::new_current_thread();
    let tape = Tape::listen(&mut builder);
    builder.build().unwrap().block_on(async {
        Probe::new(Barrier::new(2).wait()).assert_pending();
    });
    let waiting = Event::Waits(WaitReason::On { what: "others at a barrier" });
    assert_eq!(tape.take().iter().filter(|record| record.event == waiting).count(), 1);
}

// Point 41.
#[test]
fn auto_traits_are_those_of_tokio() {
    fn all<T: Send + Sync + Unpin>() {}
    all::<Barrier>();
    all::<BarrierWait<'_>>();
    all::<BarrierWaitResult>();
    let result = Barrier::new(1).wait().now_or_never().unwrap();
    assert_eq!(format!("{:?}", result.clone()), "BarrierWaitResult(true)");
}

#[test]
fn it_works_under_any_executor() {
    ends(|| {
        let (barrier, leaders) = (Barrier::new(4), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for round in 1..=200 {
                        let result = futures::executor::block_on(barrier.wait());
                        leaders.fetch_add(usize::from(result.is_leader()), SeqCst);
                        futures::executor::block_on(barrier.wait());
                        assert_eq!(leaders.load(SeqCst), round);
                        futures::executor::block_on(barrier.wait());
                    }
                });
            }
        });
    });
}

#[test]
fn tasks_meet_again_and_again() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            const TASKS: usize = 50;
            let barrier = Arc::new(Barrier::new(TASKS));
            let (leaders, came) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let tasks: Vec<_> = (0..TASKS)
                .map(|_| {
                    let (barrier, leaders) = (barrier.clone(), leaders.clone());
                    let came = came.clone();
                    openwork::spawn(async move {
                        for round in 1..=20 {
                            came.fetch_add(1, SeqCst);
                            let result = barrier.wait().await;
                            assert!(came.load(SeqCst) >= round * TASKS);
                            leaders.fetch_add(usize::from(result.is_leader()), SeqCst);
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            assert_eq!(leaders.load(SeqCst), 20);
        });
    });
}

#[test]
fn whatever_is_dropped_the_right_number_is_released() {
    for seed in 1..=100 {
        let mut random = Random(seed * 7919);
        let n = 2 + random.below(4);
        let barrier = Barrier::new(n);
        let (mut waiting, mut leaders) = (Vec::<Probe<BarrierWait<'_>>>::new(), 0);
        for _ in 0..300 {
            if random.below(3) == 0 && !waiting.is_empty() {
                waiting.swap_remove(random.below(waiting.len()));
                continue;
            }
            let mut new = Probe::new(barrier.wait());
            if let std::task::Poll::Ready(result) = new.poll() {
                assert!(result.is_leader());
                assert_eq!(waiting.len(), n - 1);
                leaders += 1;
                for mut waits in waiting.drain(..) {
                    assert!(waits.is_woken());
                    // Some are dropped before their poll.
                    if random.below(3) > 0 {
                        assert!(!waits.assert_ready().is_leader());
                    }
                }
            } else {
                waiting.push(new);
            }
            assert!(waiting.len() < n);
        }
        assert!(leaders > 0);
    }
}

#[test]
fn tasks_that_give_up_at_random_are_not_counted() {
    on_each_of(&[Flavour::CurrentThread, Flavour::Workers(4)], |flavour| {
        let barrier = Arc::new(Barrier::new(5));
        let ours = barrier.clone();
        flavour.block_on(async {
            let crowd = openwork::spawn(crowd(move |_| {
                let barrier = ours.clone();
                async move { _ = barrier.wait().await }
            }));
            // At the end there may be too few waits. Five more are always enough.
            while !crowd.is_finished() {
                let five = futures::future::join_all((0..5).map(|_| barrier.wait()));
                _ = timeout(Duration::from_micros(100), five).await;
            }
            crowd.await.unwrap();
            let mut round: Vec<_> = (0..5).map(|_| Probe::new(barrier.wait())).collect();
            let mut leads = round.iter_mut().map(Probe::poll).map(|poll| poll.is_ready());
            assert!(leads.by_ref().take(4).all(|ready| !ready));
            assert_eq!(leads.next(), Some(true));
        });
    });
}
