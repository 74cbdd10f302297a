//! Laws of a set of tasks: each task is joined once, in the order in which they complete; and dropping the set aborts
//! them.

use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{self, TryRecvError::Disconnected};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use crate::common::Flavour::{CurrentThread, Workers};
use crate::common::{
    AtDrop, Random, Tape, Wakes, at_clone, ends, message_of, on_each_of, on_every_flavour,
    panic_of, until,
};
use futures::channel::oneshot;
use futures::future::FutureExt;
use openwork::runtime::{Builder, Handle};
use openwork::task::{Id, JoinSet, yield_now};
use openwork::time::{sleep, timeout};
use openwork::trace::{Event, TaskKind};

const HOUR: Duration = Duration::from_secs(3600);

/// A future that is never ready, and counts its end.
fn until_dropped(count: &Arc<AtomicUsize>) -> impl Future<Output = ()> + Send + use<> {
    let count = count.clone();
    let at_drop = AtDrop(move || _ = count.fetch_add(1, SeqCst));
    async move {
        let _at_drop = at_drop;
        pending().await
    }
}

// ---- joining ----

#[test]
fn tasks_are_joined_in_the_order_in_which_they_end() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let mut set = JoinSet::new();
            let mut ends = Vec::new();
            for number in 0..5 {
                let (end, ended) = oneshot::channel::<()>();
                set.spawn(async move {
                    ended.await.unwrap();
                    number
                });
                ends.push(Some(end));
            }
            assert!(set.join_next().now_or_never().is_none() && set.try_join_next().is_none());
            for number in [3, 0, 4, 2, 1] {
                ends[number].take().unwrap().send(()).unwrap();
                assert_eq!(set.join_next().await.unwrap().unwrap(), number);
            }
            assert!(set.is_empty() && set.join_next().await.is_none());
        });
    });
}

#[test]
fn tasks_that_completed_before_the_wait_come_in_their_order_too() {
    ends(|| {
        CurrentThread.in_order().build().unwrap().block_on(async {
            let mut set: JoinSet<usize> = (0..100).map(|number| async move { number }).collect();
            yield_now().await;
            assert_eq!(set.len(), 100, "a complete task is in the set until it is joined");
            for number in 0..50 {
                assert_eq!(set.try_join_next().unwrap().unwrap(), number);
            }
            let rest: Vec<usize> = set.join_all().await;
            assert_eq!(rest, Vec::from_iter(50..100));
        });
    });
}

#[test]
fn a_task_is_named_by_its_number() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let mut set = JoinSet::new();
            let id: Id = set.spawn(async { 1 }).id();
            assert_eq!(set.join_next_with_id().await.unwrap().unwrap(), (id, 1));

            let abort = set.spawn(pending());
            abort.abort();
            let error = set.join_next_with_id().await.unwrap().unwrap_err();
            assert!(error.is_cancelled() && error.id() == abort.id() && abort.is_finished());

            let id = set.spawn(async { panic!("its own") }).id();
            let found = loop {
                match set.try_join_next_with_id() {
                    Some(found) => break found,
                    None => yield_now().await,
                }
            };
            let error = found.unwrap_err();
            assert!(error.is_panic() && error.id() == id);

            let id = set.spawn(async { 2 }).id();
            let joined = poll_fn(|cx| set.poll_join_next_with_id(cx)).await;
            assert_eq!(joined.unwrap().unwrap(), (id, 2));
            set.spawn(async { 3 });
            assert_eq!(poll_fn(|cx| set.poll_join_next(cx)).await.unwrap().unwrap(), 3);
        });
    });
}

/// (Behaviour 10.)
#[test]
fn futures_become_a_set_by_collecting_and_extending() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let mut set: JoinSet<i32> = (0..10).map(|number| async move { number }).collect();
            set.extend((10..20).map(|number| async move { number }));
            assert_eq!(format!("{set:?}"), "JoinSet { len: 20 }");
            let mut outputs = set.join_all().await;
            outputs.sort_unstable();
            assert_eq!(outputs, Vec::from_iter(0..20));
            assert_eq!(JoinSet::<()>::default().join_all().await, []);
        });
    });
}

#[test]
fn closures_and_tasks_of_other_runtimes_may_be_in_a_set() {
    on_every_flavour(|flavour| {
        let other = Workers(1).build();
        flavour.block_on(async {
            let here = Handle::current();
            let mut set = JoinSet::new();
            set.spawn_blocking(|| thread::current().name().map(str::to_owned));
            set.spawn_blocking_on(|| Some("on a handle".to_owned()), &here);
            set.spawn_blocking_on(|| Some("elsewhere".to_owned()), other.handle());
            set.spawn_on(async { Some("a task elsewhere".to_owned()) }, other.handle());
            let mut names: Vec<_> = set.join_all().await.into_iter().flatten().collect();
            names.sort_unstable();
            assert_eq!(names[..3], ["a task elsewhere", "elsewhere", "on a handle"]);
            assert!(names[3].starts_with("openwork-blocking-"), "{}", names[3]);
        });
    });
}

#[test]
fn a_set_needs_no_runtime_to_be_joined() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let mut set = JoinSet::new();
        set.spawn_on(async { 1 }, runtime.handle());
        thread::scope(|s| {
            if flavour == CurrentThread {
                s.spawn(|| runtime.block_on(yield_now()));
            }
            assert_eq!(futures::executor::block_on(set.join_next()).unwrap().unwrap(), 1);
        });
    });
}

/// A search through all tasks for each that completes would be ten thousand million steps.
#[test]
fn a_complete_task_is_found_without_a_search() {
    ends(|| {
        openwork::block_on(async {
            let moment = Moment::default();
            let mut set: JoinSet<()> = (0..100_000).map(|_| moment.come()).collect();
            yield_now().await;
            assert!(set.try_join_next().is_none());
            moment.comes();
            while set.join_next().await.is_some() {
                yield_now().await;
            }
        });
    });
}

/// A moment for which many wait.
#[derive(Clone, Default)]
struct Moment(Arc<Mutex<(bool, Vec<Waker>)>>);

impl Moment {
    fn come(&self) -> impl Future<Output = ()> + Send + use<> {
        let moment = self.clone();
        poll_fn(move |cx| {
            let mut state = moment.0.lock().unwrap();
            if state.0 {
                return Poll::Ready(());
            }
            state.1.push(cx.waker().clone());
            Poll::Pending
        })
    }

    fn comes(&self) {
        let wakers = {
            let mut state = self.0.lock().unwrap();
            state.0 = true;
            std::mem::take(&mut state.1)
        };
        wakers.into_iter().for_each(|waker| waker.wake());
    }
}

// ---- the budget ----

/// (Behaviours 10 and 12.)
#[test]
fn a_poll_joins_at_most_128_tasks_and_a_try_as_many_as_there_are() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let all_ended = || async {
                let mut set = JoinSet::new();
                let aborts: Vec<_> = (0..300).map(|_| set.spawn(async {})).collect();
                until(|| aborts.iter().all(|abort| abort.is_finished())).await;
                set
            };
            let mut set = all_ended().await;
            let mut joined = Vec::new();
            let polls = poll_fn(move |cx| {
                let before = set.len();
                while let Poll::Ready(Some(_)) = set.poll_join_next(cx) {}
                joined.push(before - set.len());
                // The poll that was not ready has woken this task.
                if set.is_empty() { Poll::Ready(joined.clone()) } else { Poll::Pending }
            });
            let joined: Vec<usize> = openwork::spawn(polls).await.unwrap();
            // With workers a task may be complete, and its key not yet in the queue.
            assert!(joined.iter().sum::<usize>() == 300 && joined.iter().all(|part| *part <= 128));
            if flavour == CurrentThread {
                assert_eq!(joined, [128, 128, 44]);
            }

            let mut set = all_ended().await;
            let tries = openwork::spawn(poll_fn(move |cx| {
                while set.try_join_next().is_some() {}
                assert!(flavour != CurrentThread || set.is_empty());
                cx.waker().wake_by_ref();
                if set.is_empty() { Poll::Ready(()) } else { Poll::Pending }
            }));
            tries.await.unwrap();
        });
    });
}

// ---- the waiting task ----

#[test]
fn the_last_waker_is_woken_once_and_the_others_are_dropped() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let mut set = JoinSet::new();
        let (end, ended) = oneshot::channel::<()>();
        let abort = set.spawn_on(ended.map(drop), runtime.handle());
        let (first, second) = (Wakes::new(), Wakes::new());
        assert!(first.poll(pin!(set.join_next())).is_pending());
        assert!(first.poll(pin!(set.join_next())).is_pending());
        assert_eq!(first.kept(), 1);
        assert!(second.poll(pin!(set.join_next())).is_pending());
        assert_eq!((first.kept(), second.kept()), (0, 1));
        end.send(()).unwrap();
        runtime.block_on(until(|| abort.is_finished() && second.kept() == 0));
        assert_eq!((first.count(), second.count()), (0, 1));
        assert!(second.poll(pin!(set.join_next())).is_ready());
    });
}

/// The race, made by hand: a task completes when the waiting task has found nothing and clones its waker.
#[test]
fn a_task_that_completes_during_the_poll_is_found() {
    ends(|| {
        let runtime = crate::common::real();
        let mut set = JoinSet::new();
        let task = set.spawn_on(async {}, runtime.handle());
        let waker = at_clone(move || runtime.block_on(until(|| task.is_finished())));
        assert!(set.poll_join_next(&mut Context::from_waker(&waker)).is_ready());
    });
}

#[test]
fn a_task_that_was_spawned_after_the_poll_wakes_the_waiting_task() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let mut set = JoinSet::new();
        set.spawn_on(pending::<()>(), runtime.handle());
        let wakes = Wakes::new();
        assert!(wakes.poll(pin!(set.join_next())).is_pending());
        set.spawn_on(async {}, runtime.handle());
        runtime.block_on(until(|| wakes.count() == 1));
        assert!(wakes.poll(pin!(set.join_next())).is_ready());
    });
}

#[test]
fn a_waker_stays_registered_when_the_tasks_are_detached() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let mut set = JoinSet::new();
        let (end, ended) = oneshot::channel::<()>();
        let detached = set.spawn_on(ended.map(drop), runtime.handle());
        let wakes = Wakes::new();
        assert!(wakes.poll(pin!(set.join_next())).is_pending());
        set.detach_all();
        // The new task has the key of the detached one, whose completion must not be taken for its own.
        let (go, wait) = oneshot::channel::<()>();
        set.spawn_on(wait.map(drop), runtime.handle());
        end.send(()).unwrap();
        runtime.block_on(until(|| detached.is_finished()));
        assert!(set.try_join_next().is_none());
        assert_eq!(wakes.count(), 0);
        go.send(()).unwrap();
        runtime.block_on(until(|| wakes.count() == 1));
        assert!(wakes.poll(pin!(set.join_next())).is_ready());
        assert!(set.is_empty());
    });
}

#[test]
fn a_wait_that_is_cancelled_loses_nothing() {
    ends(|| {
        crate::common::paused().block_on(async {
            let mut set = JoinSet::new();
            for millis in 1..=100 {
                set.spawn(async move {
                    sleep(Duration::from_millis(millis)).await;
                    millis
                });
            }
            let mut joined = Vec::new();
            while !set.is_empty() {
                if let Ok(next) = timeout(Duration::from_micros(300), set.join_next()).await {
                    joined.push(next.unwrap().unwrap());
                }
            }
            assert_eq!(joined, Vec::from_iter(1..=100));
        });
    });
}

// ---- abort, shutdown and drop ----

/// (Behaviour 10.)
#[test]
fn a_set_that_is_dropped_aborts_its_tasks_and_one_that_is_detached_does_not() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let dropped = Arc::new(AtomicUsize::new(0));
            let mut set: JoinSet<()> = (0..100).map(|_| until_dropped(&dropped)).collect();
            set.spawn(async {});
            yield_now().await;
            assert_eq!(dropped.load(SeqCst), 0);
            drop(set);
            until(|| dropped.load(SeqCst) == 100).await;

            let (send, receive) = mpsc::channel();
            let mut set = JoinSet::new();
            for _ in 0..100 {
                let send = send.clone();
                set.spawn(async move {
                    yield_now().await;
                    send.send(()).unwrap();
                });
            }
            set.detach_all();
            assert!(set.is_empty() && set.join_next().await.is_none());
            drop((set, send));
            let mut ended = 0;
            while !matches!(receive.try_recv().map(|()| ended += 1), Err(Disconnected)) {
                yield_now().await;
            }
            assert_eq!(ended, 100);
        });
    });
}

#[test]
fn abort_all_leaves_the_tasks_to_be_joined() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let mut set: JoinSet<i32> = (0..10).map(|_| pending()).collect();
            let done = set.spawn(async { 1 });
            until(|| done.is_finished()).await;
            set.abort_all();
            assert_eq!(set.len(), 11);
            let (mut returned, mut cancelled) = (0, 0);
            while let Some(outcome) = set.join_next().await {
                match outcome {
                    Ok(1) => returned += 1,
                    other => cancelled += usize::from(other.unwrap_err().is_cancelled()),
                }
            }
            assert_eq!((returned, cancelled), (1, 10));
        });
    });
}

#[test]
fn shutdown_waits_for_the_end_of_all_and_may_be_left() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let dropped = Arc::new(AtomicUsize::new(0));
            let mut set: JoinSet<()> = (0..300).map(|_| until_dropped(&dropped)).collect();
            set.spawn(async { panic!("which shutdown ignores") });
            set.shutdown().await;
            assert_eq!((dropped.load(SeqCst), set.len()), (300, 0));

            // Left after one poll: they are aborted, and still in the set.
            set.extend((0..300).map(|_| until_dropped(&dropped)));
            let begun = set.shutdown().now_or_never();
            assert!(begun.is_none() || flavour != CurrentThread);
            while let Some(outcome) = set.join_next().await {
                assert!(outcome.unwrap_err().is_cancelled());
            }
            assert_eq!(dropped.load(SeqCst), 600);
        });
    });
}

/// (Behaviour 10.)
#[test]
fn join_all_goes_on_with_the_panic_of_a_task_at_once() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let dropped = Arc::new(AtomicUsize::new(0));
            let mut set: JoinSet<()> = (0..100).map(|_| until_dropped(&dropped)).collect();
            set.spawn(async { panic_any("its own".to_owned()) });
            let joins = openwork::spawn(set.join_all());
            let payload = joins.await.unwrap_err().into_panic();
            assert_eq!(message_of(&*payload), "its own");
            until(|| dropped.load(SeqCst) == 100).await;

            // For a cancelled task the message says so.
            let mut set = JoinSet::new();
            set.spawn(pending::<()>()).abort();
            let payload = openwork::spawn(set.join_all()).await.unwrap_err().into_panic();
            assert!(message_of(&*payload).contains("was cancelled"));

            // A future that is polled by hand outlives the panic: the other tasks are aborted all the same.
            let dropped = Arc::new(AtomicUsize::new(0));
            let mut set: JoinSet<()> = (0..100).map(|_| until_dropped(&dropped)).collect();
            let panics = set.spawn(async { panic!("its own") });
            until(|| panics.is_finished()).await;
            let mut all = set.join_all();
            let wakes = Wakes::new();
            while catch_unwind(AssertUnwindSafe(|| wakes.poll(Pin::new(&mut all)))).is_ok() {
                yield_now().await;
            }
            until(|| dropped.load(SeqCst) == 100).await;
            drop(all);
        });
    });
}

/// (Behaviour 2.)
#[test]
fn the_tasks_of_a_runtime_that_has_ended_are_cancelled() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let handle = runtime.handle().clone();
        let mut set = JoinSet::new();
        set.spawn_on(pending::<()>(), &handle);
        drop(runtime);
        set.spawn_on(async {}, &handle);
        set.spawn_blocking_on(|| (), &handle);
        futures::executor::block_on(async {
            for _ in 0..3 {
                assert!(set.join_next().await.unwrap().unwrap_err().is_cancelled());
            }
            assert!(set.join_next().await.is_none());
        });
    });
}

// ---- what it is ----

/// (Behaviour 40.)
#[test]
fn a_task_of_a_set_knows_the_line_that_spawned_it() {
    ends(|| {
        let mut builder = Builder::new_current_thread();
        let tape = Tape::listen(&mut builder);
        let runtime = builder.build().unwrap();
        let line = line!();
        let set = runtime.block_on(async {
            let mut set = JoinSet::new();
            set.spawn(async {});
            set.spawn_on(async {}, &Handle::current());
            set.spawn_blocking(|| ());
            set.spawn_blocking_on(|| (), &Handle::current());
            set.extend([async {}]);
            set
        });
        drop(set);
        let places = tape.take().into_iter().filter_map(|record| match record.event {
            Event::Spawned { kind: TaskKind::Root, .. } => None,
            Event::Spawned { location, .. } => Some((location.file(), location.line() - line)),
            _ => None,
        });
        assert_eq!(Vec::from_iter(places), [3, 4, 5, 6, 7].map(|below| (file!(), below)));

        let mut set = JoinSet::new();
        let line = line!() + 1;
        let panicked = panic_of(|| set.spawn(async {})).unwrap();
        assert_eq!((panicked.line, &*panicked.file), (line, file!()));
    });
}

/// (Behaviour 41.)
#[test]
fn a_set_goes_everywhere_and_so_do_its_futures() {
    fn everywhere<T: Send + Sync + Unpin>(_: &T) {}
    type Output = Cell<u8>;
    let mut set = JoinSet::<Output>::new();
    everywhere(&set);
    everywhere(&set.join_next());
    everywhere(&set.join_next_with_id());
    everywhere(&set.shutdown());
    fn moves<T: Send + Unpin>(_: &T) {}
    moves(&set.join_all());
    struct Pinned(#[allow(dead_code)] std::marker::PhantomPinned);
    moves(&JoinSet::<Pinned>::new().join_all());
}

// ---- everything at once ----

/// Sets within sets, joined, cancelled while they wait, aborted, detached, shut down and dropped, in a random
/// order: each task is joined once or was given up, and none is left.
#[test]
fn thousands_of_tasks_in_sets_that_end_in_random_ways_are_each_accounted_for() {
    on_each_of(&[CurrentThread, Workers(4)], |flavour| {
        let count = Count::default();
        flavour.block_on(async {
            let mut all = JoinSet::new();
            for seed in 1..=60 {
                all.spawn(a_random_set(seed, count.clone()));
            }
            let joined: usize = all.join_all().await.into_iter().sum();
            let given_up = count.given_up.load(SeqCst);
            assert_eq!(joined + given_up, count.spawned.load(SeqCst));
            assert!(joined > 1000 && given_up > 100, "{joined} {given_up}");
            until(|| count.alive.load(SeqCst) == 0).await;
        });
    });
}

#[derive(Clone, Default)]
struct Count {
    spawned: Arc<AtomicUsize>,
    given_up: Arc<AtomicUsize>,
    alive: Arc<AtomicUsize>,
}

/// Returns how many tasks it has joined.
async fn a_random_set(seed: u64, count: Count) -> usize {
    let mut chance = Random(seed);
    let (mut set, mut joined) = (JoinSet::new(), 0);
    let give_up = |set: &JoinSet<()>| _ = count.given_up.fetch_add(set.len(), SeqCst);
    for _ in 0..300 {
        let (turns, nap) = (chance.below(4), chance.below(4) == 0);
        count.spawned.fetch_add(1, SeqCst);
        count.alive.fetch_add(1, SeqCst);
        let alive = count.alive.clone();
        let at_drop = AtDrop(move || _ = alive.fetch_sub(1, SeqCst));
        let abort = set.spawn(async move {
            let _at_drop = at_drop;
            for _ in 0..turns {
                yield_now().await;
            }
            if nap {
                sleep(Duration::from_micros(100)).await;
            }
            assert!(turns < 3, "a panic is an end as well");
        });
        match chance.below(40) {
            0..10 => abort.abort(),
            10 => set.abort_all(),
            11 => {
                give_up(&set);
                set.detach_all();
            }
            12 => {
                give_up(&set);
                drop(std::mem::take(&mut set));
            }
            13 => {
                // A shutdown that is cancelled does not say which tasks it has joined.
                let before = set.len();
                let _ = timeout(Duration::from_micros(20), set.shutdown()).await;
                count.given_up.fetch_add(before - set.len(), SeqCst);
            }
            14..25 => {
                if let Ok(Some(_)) = timeout(Duration::from_micros(20), set.join_next()).await {
                    joined += 1;
                }
            }
            _ => joined += std::iter::from_fn(|| set.try_join_next()).count(),
        }
    }
    let _ = timeout(HOUR, async {
        while set.join_next().await.is_some() {
            joined += 1;
        }
    })
    .await;
    joined
}
