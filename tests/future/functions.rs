//! The laws of the functions that wait for several futures: `join`, `try_join`, `join_all`,
//! `try_join_all`, `race`, `select`, and of `Either`.

use std::cell::{Cell, RefCell};
use std::future::{Future, IntoFuture, Ready, poll_fn};
use std::marker::PhantomPinned;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};
use std::thread;

use crate::common::{
    AtDrop, Placed, Places, Probe, Random, Wakes, assert_not, ends, on_every_flavour, panic_of,
    paused,
};
use futures::executor;
use openwork::future::{
    Either, JoinAll, Select, join, join_all, pending, race, ready, select, try_join, try_join_all,
};
use openwork::sync::{mpsc, oneshot};
use openwork::task::yield_now;
use openwork::time::{Duration, Instant, sleep};

/// Runs a program with this crate's executor, and with another.
fn anywhere<F: Future<Output: PartialEq + std::fmt::Debug>>(program: impl Fn() -> F) -> F::Output {
    let ours = openwork::block_on(program());
    assert_eq!(executor::block_on(program()), ours);
    ours
}

struct Late(u8);

impl IntoFuture for Late {
    type Output = u8;
    type IntoFuture = std::future::Ready<u8>;
    fn into_future(self) -> Self::IntoFuture {
        ready(self.0)
    }
}

// ---- two ----

#[test]
fn join_waits_for_both() {
    let (sender, receiver) = oneshot::channel();
    let mut probe = Probe::new(join(receiver, Late(1)));
    probe.assert_pending();
    sender.send('a').unwrap();
    assert!(probe.is_woken());
    assert_eq!(probe.assert_ready(), (Ok('a'), 1));
    assert_eq!(anywhere(|| join(async { yield_now().await }, ready(2))), ((), 2));
}

#[test]
fn try_join_waits_for_both_or_for_the_first_error() {
    let (sender, receiver) = oneshot::channel();
    let mut probe = Probe::new(try_join(receiver, async { Ok(1) }));
    probe.assert_pending();
    sender.send('a').unwrap();
    assert_eq!(probe.assert_ready(), Ok(('a', 1)));

    let dropped = Cell::new(false);
    let other = {
        let guard = AtDrop(|| dropped.set(true));
        async move {
            let _guard = guard;
            pending::<Result<u8, &str>>().await
        }
    };
    let mut probe = Probe::new(async { try_join(other, ready(Err::<u8, _>("broken"))).await });
    assert_eq!(probe.assert_ready(), Err("broken"));
    assert!(dropped.get(), "the other one is dropped with it");
}

#[test]
fn race_gives_the_first_output_and_drops_the_other() {
    let dropped = Cell::new(false);
    let loser = {
        let guard = AtDrop(|| dropped.set(true));
        async move {
            let _guard = guard;
            pending::<u8>().await
        }
    };
    let mut probe = Probe::new(async { race(loser, Late(1)).await });
    assert_eq!(probe.assert_ready(), 1);
    assert!(dropped.get());
    assert_eq!(anywhere(|| race(pending(), async { yield_now().await })), ());
}

#[test]
fn the_first_poll_of_a_race_or_a_select_is_drawn() {
    anywhere(async || {
        let mut left = [0; 2];
        for _ in 0..2000 {
            left[0] += i32::from(race(ready(true), ready(false)).await);
            left[1] += i32::from(matches!(select(ready(1), ready(2)).await, Either::Left(_)));
        }
        // The chance that a fair coin misses this is below one in 10^80.
        assert!(left.iter().all(|left| (500..1500).contains(left)), "{left:?}");
    });
}

#[test]
fn select_returns_the_other_future() {
    let (sender, receiver) = oneshot::channel();
    let mut probe = Probe::new(async {
        let Either::Right((1, receiver)) = select(receiver, ready(1)).await else {
            unreachable!("nothing was sent")
        };
        receiver.await
    });
    probe.assert_pending();
    sender.send(2).unwrap();
    assert_eq!(probe.assert_ready(), Ok(2));
    // Both are borrowed.
    anywhere(async || {
        let slow = async {
            yield_now().await;
            1
        };
        openwork::pin!(slow);
        let Either::Right(((), slow)) = select(slow, ready(())).await else {
            unreachable!("it yields")
        };
        assert_eq!(slow.await, 1);
    });
}

#[test]
fn a_select_that_was_ready_must_not_be_polled_again() {
    let mut probe = Probe::new(select(ready(1), ready(1)));
    probe.assert_ready();
    let panicked = panic_of(|| probe.poll()).expect("it is over");
    assert_eq!(panicked.message, "a `Select` was polled after it was ready");
    let mut probe = Probe::new(join(ready(1), ready(1)));
    probe.assert_ready();
    let panicked = panic_of(|| probe.poll()).expect("it is over");
    assert_eq!(panicked.message, "a join was polled after it was ready");
}

#[test]
fn a_race_yields_when_the_budget_is_used_up() {
    ends(|| {
        openwork::block_on(async {
            let (sender, mut receiver) = mpsc::unbounded_channel();
            (0..129).for_each(|n| sender.send(n).unwrap());
            let other = openwork::spawn(async {});
            for _ in 0..128 {
                receiver.recv().await.unwrap();
            }
            assert!(!other.is_finished());
            // It would be ready at once if there were budget left.
            race(ready(()), ready(())).await;
            assert!(other.is_finished(), "the task yielded first");
        });
    });
}

// ---- either ----

#[test]
fn either_is_a_future_with_the_output_of_both() {
    fn one_of(left: bool) -> Either<impl Future<Output = u8>, impl Future<Output = u8>> {
        if left {
            Either::Left(async {
                yield_now().await;
                1
            })
        } else {
            Either::Right(ready(2))
        }
    }
    assert_eq!(anywhere(|| one_of(true)), 1);
    assert_eq!(anywhere(|| one_of(false)), 2);
    assert_eq!(Either::<u8, u8>::Left(3).into_inner(), 3);
    assert_eq!(Either::<u8, u8>::Right(4).into_inner(), 4);
    fn is_unpin(_: &impl Unpin) {}
    is_unpin(&Either::<u8, String>::Left(1));
}

#[test]
fn either_is_pinned_with_its_future() {
    assert_not!(Either<PhantomPinned, u8>: Unpin);
    assert_not!(Either<u8, PhantomPinned>: Unpin);
    let places = Arc::new(Places::default());
    anywhere(|| Either::<_, Ready<()>>::Left(Placed::<8>::new(&places, 3)));
    anywhere(|| Either::<Ready<()>, _>::Right(Placed::<8>::new(&places, 3)));
    assert_eq!(places.moved.load(SeqCst), 0);
}

// ---- many ----

#[test]
fn outputs_are_in_the_order_of_the_futures() {
    let doubled = anywhere(|| {
        join_all((0..100_u64).map(|n| async move {
            for _ in 0..(n * 7) % 11 {
                yield_now().await;
            }
            2 * n
        }))
    });
    assert_eq!(doubled, (0..100).map(|n| 2 * n).collect::<Vec<_>>());
    assert_eq!(anywhere(|| join_all(Vec::<Late>::new())), []);
    assert_eq!(anywhere(|| join_all([Late(1), Late(2)])), [1, 2]);
    let values = anywhere(|| try_join_all((0..100).map(|n| async move { Ok::<_, ()>(n) })));
    assert_eq!(values, Ok((0..100).collect()));
    let none = Vec::<std::future::Ready<Result<u8, ()>>>::new();
    assert_eq!(anywhere(|| try_join_all(none.clone())), Ok(vec![]));
}

/// When one of a thousand futures is woken, one is polled.
#[test]
fn only_futures_that_were_woken_are_polled() {
    let polls = AtomicUsize::new(0);
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..1000).map(|_| oneshot::channel()).unzip();
    let counted = receivers.into_iter().map(|mut receiver| {
        let polls = &polls;
        poll_fn(move |cx| {
            polls.fetch_add(1, SeqCst);
            Pin::new(&mut receiver).poll(cx)
        })
    });
    let mut probe = Probe::new(join_all(counted));
    probe.assert_pending();
    assert_eq!(polls.swap(0, SeqCst), 1000);
    for (n, sender) in senders.into_iter().enumerate().rev() {
        sender.send(n).unwrap();
        assert!(probe.is_woken());
        if n > 0 {
            probe.assert_pending();
            assert_eq!(polls.swap(0, SeqCst), 1);
        }
    }
    let all: Vec<_> = probe.assert_ready().into_iter().map(Result::unwrap).collect();
    assert_eq!(all, (0..1000).collect::<Vec<_>>());
}

/// A future whose waker the test can reach, and which is ready when the test says so.
#[derive(Clone, Default)]
struct Manual(Arc<Controls>);

#[derive(Default)]
struct Controls {
    waker: std::sync::Mutex<Option<Waker>>,
    polls: AtomicUsize,
    ready: std::sync::atomic::AtomicBool,
}

impl Future for Manual {
    type Output = usize;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<usize> {
        *self.0.waker.lock().unwrap() = Some(cx.waker().clone());
        let polls = self.0.polls.fetch_add(1, SeqCst) + 1;
        if self.0.ready.load(SeqCst) { Poll::Ready(polls) } else { Poll::Pending }
    }
}

impl Manual {
    fn wake(&self) {
        let waker = self.0.waker.lock().unwrap().clone();
        waker.unwrap().wake();
    }

    fn polls(&self) -> usize {
        self.0.polls.load(SeqCst)
    }
}

#[test]
fn many_wakes_are_one_wake_of_the_task_and_one_poll() {
    let futures: Vec<_> = (0..3).map(|_| Manual::default()).collect();
    let mut probe = Probe::new(join_all(futures.clone()));
    probe.assert_pending();
    (0..10).for_each(|_| futures[1].wake());
    futures[2].wake();
    assert_eq!(probe.wakes.take(), 1, "the task is woken once");
    probe.assert_pending();
    assert_eq!(futures.iter().map(Manual::polls).collect::<Vec<_>>(), [1, 2, 2]);
}

#[test]
fn a_late_wake_of_a_future_that_is_done_polls_nothing() {
    let futures: Vec<_> = (0..2).map(|_| Manual::default()).collect();
    let mut probe = Probe::new(join_all(futures.clone()));
    futures[0].0.ready.store(true, SeqCst);
    probe.assert_pending();
    futures[0].wake();
    probe.assert_pending();
    assert_eq!((futures[0].polls(), futures[1].polls()), (1, 1));
    futures[1].0.ready.store(true, SeqCst);
    futures[1].wake();
    assert_eq!(probe.assert_ready(), [1, 2]);
    // A wake after the join was dropped does nothing.
    drop(probe);
    futures.iter().for_each(Manual::wake);
}

#[test]
fn the_task_that_polled_last_is_woken_and_no_other_waker_is_kept() {
    let future = Manual::default();
    let mut all = Box::pin(join_all([future.clone()]));
    let (first, second) = (Wakes::new(), Wakes::new());
    assert!(first.poll(all.as_mut()).is_pending());
    assert!(second.poll(all.as_mut()).is_pending());
    assert_eq!((first.kept(), second.kept()), (0, 1));
    future.wake();
    assert_eq!((first.take(), second.take()), (0, 1));
    assert!(second.poll(all.as_mut()).is_pending());
    // A kept waker of a future does not keep the task.
    drop(all);
    assert_eq!(second.kept(), 0);
    future.wake();
    assert_eq!(second.take(), 0);
}

#[test]
fn a_future_that_wakes_itself_yields() {
    let polls = Cell::new(0);
    let restless = poll_fn(|cx| {
        polls.set(polls.get() + 1);
        cx.waker().wake_by_ref();
        Poll::<u8>::Pending
    });
    let other = async {
        yield_now().await;
        1
    };
    let both = [Either::Left(restless), Either::Right(other)];
    let mut probe = Probe::new(join_all(both));
    for _ in 1..10 {
        let before = polls.get();
        probe.assert_pending();
        assert!(probe.is_woken());
        // Twice in the poll in which the other future ended.
        assert!((1..=2).contains(&(polls.get() - before)));
    }
    assert!(polls.get() <= 10);
}

#[test]
fn a_finished_future_is_dropped_at_once() {
    let dropped = Cell::new(0);
    let (sender, receiver) = oneshot::channel::<()>();
    let mut last = Some(receiver);
    let futures = (0..10).map(|n| {
        let guard = AtDrop(|| dropped.set(dropped.get() + 1));
        let last = if n == 9 { last.take() } else { None };
        async move {
            let _guard = guard;
            if let Some(last) = last {
                last.await.unwrap();
            }
        }
    });
    let mut probe = Probe::new(join_all(futures));
    probe.assert_pending();
    assert_eq!(dropped.get(), 9);
    sender.send(()).unwrap();
    probe.assert_ready();
    assert_eq!(dropped.get(), 10);
}

#[test]
fn the_other_futures_are_dropped_before_the_first_error_is_returned() {
    let dropped = Cell::new(0);
    let polled = RefCell::new(Vec::new());
    let futures = (0..10).map(|n| {
        let guard = AtDrop(|| dropped.set(dropped.get() + 1));
        let polled = &polled;
        async move {
            let _guard = guard;
            polled.borrow_mut().push(n);
            match n {
                0..5 => pending().await,
                5 => Err("broken"),
                _ => Ok(n),
            }
        }
    });
    let mut probe = Probe::new(try_join_all(futures));
    assert_eq!(probe.assert_ready(), Err("broken"));
    assert_eq!(dropped.get(), 10);
    assert_eq!(polled.take(), [0, 1, 2, 3, 4, 5], "those behind it are not polled");
}

#[test]
fn dropping_a_join_drops_all_futures_even_if_their_wakers_are_kept() {
    let dropped = Cell::new(0);
    let futures: Vec<_> = (0..5).map(|_| Manual::default()).collect();
    let futures = futures.iter().cloned().map(|future| {
        let guard = AtDrop(|| dropped.set(dropped.get() + 1));
        async move {
            let _guard = guard;
            future.await
        }
    });
    let mut probe = Probe::new(join_all(futures));
    probe.assert_pending();
    drop(probe);
    assert_eq!(dropped.get(), 5);
}

// Point 12.
#[test]
fn the_futures_of_a_join_share_the_budget_of_the_poll() {
    ends(|| {
        openwork::block_on(async {
            let polls = Cell::new(0);
            let consume = |_| async {
                polls.set(polls.get() + 1);
                openwork::task::consume_budget().await;
            };
            let mut all = pin!(join_all((0..1000).map(consume)));
            poll_fn(|cx| {
                assert!(all.as_mut().poll(cx).is_pending());
                Poll::Ready(())
            })
            .await;
            assert_eq!(polls.get(), 128);
            all.await;
            assert_eq!(polls.get(), 1000);
        });
    });
}

/// Other threads wake the futures while they are polled.
#[test]
fn no_wake_from_another_thread_is_lost() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            for seed in 1..20 {
                let (mut senders, receivers): (Vec<_>, Vec<_>) =
                    (0..200_u64).map(|n| (n, oneshot::channel())).fold(
                        (Vec::new(), Vec::new()),
                        |(mut senders, mut receivers), (n, (sender, receiver))| {
                            senders.push((n, sender));
                            receivers.push(receiver);
                            (senders, receivers)
                        },
                    );
                let mut random = Random(seed);
                for last in (1..senders.len()).rev() {
                    senders.swap(last, random.below(last + 1));
                }
                let rest = senders.split_off(100);
                let threads = [senders, rest].map(|senders| {
                    thread::spawn(move || {
                        for (n, sender) in senders {
                            sender.send(n).unwrap();
                        }
                    })
                });
                let all = openwork::spawn(try_join_all(receivers)).await.unwrap();
                assert_eq!(all, Ok((0..200).collect()));
                threads.into_iter().for_each(|thread| thread.join().unwrap());
            }
        });
    });
}

#[test]
fn they_wait_side_by_side() {
    ends(|| {
        paused().block_on(async {
            let start = Instant::now();
            join_all((0..100).map(|n| sleep(Duration::from_secs(n)))).await;
            assert_eq!(start.elapsed(), Duration::from_secs(99));
            let quick = sleep(Duration::from_secs(1));
            race(quick, sleep(Duration::from_secs(2))).await;
            assert_eq!(start.elapsed(), Duration::from_secs(100));
        });
    });
}

#[test]
fn the_functions_futures_have_the_auto_traits_of_what_they_hold() {
    fn send_and_sync(_: &(impl Send + Sync)) {}
    fn unpin(_: &impl Unpin) {}
    let futures = || (ready(1), ready(2));
    let (a, b) = futures();
    let joined = join(a, b);
    send_and_sync(&joined);
    unpin(&joined);
    let (a, b) = futures();
    let raced = race(a, b);
    send_and_sync(&raced);
    unpin(&raced);
    let (a, b) = futures();
    let selected: Select<_, _> = select(a, b);
    send_and_sync(&selected);
    unpin(&selected);
    let all: JoinAll<_> = join_all([async {}]);
    send_and_sync(&all);
    unpin(&all);
    let all = try_join_all([async { Ok::<_, ()>(std::marker::PhantomPinned) }]);
    send_and_sync(&all);
    unpin(&all);
    assert_eq!(format!("{:?}", join(ready(1), ready(2))).matches("Ready(Some").count(), 2);
    assert!(format!("{:?}", join_all([async {}])).starts_with("JoinAll"));
}
