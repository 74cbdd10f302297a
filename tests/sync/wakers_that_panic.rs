//! The laws of a waker that panics: when it is called, when it is cloned, when it is dropped.
//!
//! A waker is user code. Its panic reaches the panic hook and ends there: the call that woke it returns what it
//! had taken, and the wakers behind it are called too. Only a panic in `clone` goes to the caller of `poll`, and
//! it comes before anything is taken.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::common::{
    Act, AtDrop, Probe, Wakes, at_each, on_every_flavour, owns, panics_at, reported,
};
use futures::FutureExt;
use openwork::future::join_all;
use openwork::sync::{
    Barrier, CancellationToken, Notify, OnceCell, RwLock, Semaphore, broadcast, mpsc, oneshot,
    watch,
};
use openwork::task::{self, JoinSet, TaskTracker, yield_now};
use openwork::time::sleep;

const REPORTED: &str = "a waker's panic";

/// Polls once with a waker; the future is pending.
#[track_caller]
fn leave<F: Future + Unpin>(mut future: F, waker: &Waker) -> F {
    assert!(future.poll_unpin(&mut Context::from_waker(waker)).is_pending());
    future
}

/// Returns what `body` does. A waker panics once in it, and the panic hook reports it.
#[track_caller]
fn survives<T>(body: impl FnOnce() -> T) -> T {
    survives_times(1, body)
}

#[track_caller]
fn survives_times<T>(times: usize, body: impl FnOnce() -> T) -> T {
    let (returned, messages) = reported(body);
    assert_eq!(messages, vec![REPORTED; times]);
    returned
}

/// A poll with a waker whose `clone` panics.
#[track_caller]
fn clone_panics<F: Future>(future: Pin<&mut F>) {
    let waker = panics_at(Act::Clone);
    let mut cx = Context::from_waker(&waker);
    let poll = catch_unwind(AssertUnwindSafe(|| future.poll(&mut cx).is_ready()));
    assert!(poll.is_err(), "it was not cloned");
}

// ---- at the call ----

#[test]
fn a_message_that_makes_room_is_received() {
    let panics = panics_at(Act::Wake);
    let (tx, mut rx) = mpsc::channel(1);
    tx.try_send(1).unwrap();
    let second = leave(Box::pin(tx.send(2)), &panics);
    assert_eq!(survives(|| rx.try_recv()), Ok(1));
    // The room is the sender's, whether it heard of it or not.
    assert_eq!(second.now_or_never(), Some(Ok(())));

    let third = leave(Box::pin(tx.send(3)), &panics);
    assert_eq!(survives(|| rx.recv().now_or_never()), Some(Some(2)));
    assert_eq!(third.now_or_never(), Some(Ok(())));

    let fourth = leave(Box::pin(tx.send(4)), &panics);
    let mut messages = Vec::new();
    assert_eq!(survives(|| rx.recv_many(&mut messages, 8).now_or_never()), Some(1));
    assert_eq!(fourth.now_or_never(), Some(Ok(())));
    assert_eq!((messages, rx.try_recv(), tx.capacity()), (vec![3], Ok(4), 1));
}

#[test]
fn a_send_to_a_receiver_that_waits_succeeds() {
    let panics = panics_at(Act::Wake);
    let mut cx = Context::from_waker(&panics);
    let (tx, mut rx) = mpsc::channel(4);
    let mut wait = |rx: &mut mpsc::Receiver<u8>| assert!(rx.poll_recv(&mut cx).is_pending());
    wait(&mut rx);
    assert_eq!(survives(|| tx.try_send(1)), Ok(()));
    assert_eq!(rx.try_recv(), Ok(1));
    wait(&mut rx);
    assert_eq!(survives(|| tx.send(2).now_or_never()), Some(Ok(())));
    assert_eq!(rx.try_recv(), Ok(2));
    wait(&mut rx);
    let permit = tx.clone().try_reserve_owned().unwrap();
    // It hands the sender back.
    assert!(survives(|| permit.send(3)).same_channel(&tx));
    assert_eq!(rx.try_recv(), Ok(3));
    wait(&mut rx);
    survives(|| drop(tx));
    assert_eq!(rx.try_recv(), Err(mpsc::error::TryRecvError::Disconnected));
}

#[test]
fn the_end_of_a_receiver_reaches_every_sender_and_every_message() {
    let panics = panics_at(Act::Wake);
    let (tx, rx) = mpsc::channel(1);
    let message = Arc::new(());
    tx.try_send(message.clone()).unwrap();
    let first = leave(Box::pin(tx.reserve()), &panics);
    let mut second = Probe::new(tx.reserve());
    second.assert_pending();
    let third = leave(Box::pin(tx.closed()), &panics);
    let mut fourth = Probe::new(tx.closed());
    fourth.assert_pending();
    survives_times(2, || drop(rx));
    assert!(second.is_woken() && fourth.is_woken());
    assert!(first.now_or_never().unwrap().is_err() && third.now_or_never().is_some());
    assert_eq!(Arc::strong_count(&message), 1);
}

#[test]
fn each_half_of_a_oneshot_may_end() {
    let panics = panics_at(Act::Wake);
    let wait = |receiver: &mut oneshot::Receiver<u8>| _ = leave(receiver, &panics);
    let (sender, mut receiver) = oneshot::channel();
    wait(&mut receiver);
    assert_eq!(survives(|| sender.send(1)), Ok(()));
    assert_eq!(receiver.try_recv(), Ok(1));

    let (sender, mut receiver) = oneshot::channel();
    wait(&mut receiver);
    survives(|| drop(sender));
    assert!(receiver.now_or_never().unwrap().is_err());

    let (mut sender, receiver) = oneshot::channel::<u8>();
    assert!(sender.poll_closed(&mut Context::from_waker(&panics)).is_pending());
    survives(|| drop(receiver));
    assert_eq!(sender.send(1), Err(1));
}

#[test]
fn a_broadcast_reaches_every_receiver_and_returns_their_number() {
    let panics = panics_at(Act::Wake);
    let (tx, mut rx) = broadcast::channel(4);
    let mut other = tx.subscribe();
    let first = leave(rx.recv(), &panics);
    let mut second = Probe::new(other.recv());
    second.assert_pending();
    assert_eq!(survives(|| tx.send(1)), Ok(2));
    assert_eq!((first.now_or_never(), second.is_woken()), (Some(Ok(1)), true));
    drop(second);

    let closed = leave(tx.closed(), &panics);
    drop(other);
    survives(|| drop(rx));
    assert!(closed.now_or_never().is_some());

    let mut rx = tx.subscribe();
    let recv = leave(rx.recv(), &panics);
    survives(|| drop(tx));
    assert_eq!(recv.now_or_never(), Some(Err(broadcast::error::RecvError::Closed)));
}

#[test]
fn a_watched_value_changes_and_the_old_one_is_returned() {
    let panics = panics_at(Act::Wake);
    let (tx, mut rx) = watch::channel(0);
    let changed = leave(rx.changed(), &panics);
    assert_eq!(survives(|| tx.send_replace(1)), 0);
    assert!(matches!(changed.now_or_never(), Some(Ok(()))));
    let changed = leave(rx.changed(), &panics);
    assert!(survives(|| tx.send_if_modified(|_| true)));
    assert!(matches!(changed.now_or_never(), Some(Ok(()))));
    let closed = leave(tx.closed(), &panics);
    survives(|| drop(rx));
    assert!(closed.now_or_never().is_some());
    let mut rx = tx.subscribe();
    let changed = leave(rx.changed(), &panics);
    survives(|| drop(tx));
    assert!(changed.now_or_never().unwrap().is_err());
}

#[test]
fn a_notification_reaches_its_wait() {
    let panics = panics_at(Act::Wake);
    let notify = Notify::new();
    let wait = || leave(Box::pin(notify.notified()), &panics);
    let (first, second) = (wait(), wait());
    survives(|| notify.notify_one());
    // The first is dropped before its poll, and passes it on to the second.
    survives(|| drop(first));
    assert!(second.now_or_never().is_some());
    let (first, second) = (wait(), wait());
    survives(|| notify.notify_last());
    assert!(second.now_or_never().is_some());
    survives(|| notify.notify_waiters());
    assert!(first.now_or_never().is_some());
}

#[test]
fn permits_are_released_and_passed_on() {
    let panics = panics_at(Act::Wake);
    let semaphore = Semaphore::new(1);
    let permit = semaphore.try_acquire().unwrap();
    let wait = |permits| leave(Box::pin(semaphore.acquire_many(permits)), &panics);
    let (first, second, third) = (wait(1), wait(1), wait(1));
    survives(|| drop(permit));
    // The first is dropped before its poll, and passes it on to the second.
    survives(|| drop(first));
    let permit = second.now_or_never().unwrap().unwrap();
    survives(|| drop(permit));
    drop(third.now_or_never().unwrap().unwrap());
    assert_eq!(semaphore.available_permits(), 1);

    let (first, second) = (wait(2), wait(2));
    survives_times(2, || semaphore.add_permits(3));
    let permits = (first.now_or_never().unwrap(), second.now_or_never().unwrap());
    assert_eq!(semaphore.available_permits(), 0);
    let third = wait(1);
    survives(|| semaphore.close());
    assert!(third.now_or_never().unwrap().is_err());
    drop(permits);
}

#[test]
fn a_guard_unlocks_and_a_downgraded_guard_is_returned() {
    let panics = panics_at(Act::Wake);
    let mutex = openwork::sync::Mutex::new(());
    let guard = mutex.try_lock().unwrap();
    let waits = leave(mutex.lock(), &panics);
    survives(|| drop(guard));
    assert!(waits.now_or_never().is_some() && mutex.try_lock().is_ok());

    let lock = RwLock::new(7);
    let guard = lock.try_write().unwrap();
    let (first, second) = (leave(lock.read(), &panics), leave(lock.read(), &panics));
    let guard = survives_times(2, || guard.downgrade());
    assert_eq!(
        (*guard, *first.now_or_never().unwrap(), *second.now_or_never().unwrap()),
        (7, 7, 7)
    );
    drop(guard);
    assert!(lock.try_write().is_ok());
}

#[test]
fn a_guard_unlocks_while_its_thread_unwinds() {
    // A second panic that left the destructor would abort the process.
    let panics = panics_at(Act::Wake);
    let mutex = openwork::sync::Mutex::new(());
    let guard = mutex.try_lock().unwrap();
    let waits = leave(mutex.lock(), &panics);
    let unwinds = || {
        let _guard = guard;
        panic!("the first panic");
    };
    let (caught, messages) = reported(|| catch_unwind(AssertUnwindSafe(unwinds)).is_err());
    assert_eq!((caught, messages), (true, vec!["the first panic".to_owned(), REPORTED.to_owned()]));
    assert!(waits.now_or_never().is_some());
}

#[test]
fn the_last_task_at_a_barrier_leads() {
    let panics = panics_at(Act::Wake);
    let barrier = Barrier::new(3);
    let (first, second) = (leave(barrier.wait(), &panics), leave(barrier.wait(), &panics));
    let last = survives_times(2, || barrier.wait().now_or_never().unwrap());
    assert!(last.is_leader());
    assert!(!first.now_or_never().unwrap().is_leader());
    assert!(!second.now_or_never().unwrap().is_leader());
}

#[test]
fn a_value_that_is_made_is_there_for_all_tasks() {
    let panics = panics_at(Act::Wake);
    let cell = OnceCell::new();
    let mut makes = Box::pin(cell.get_or_init(async || {
        yield_now().await;
        7
    }));
    assert!(Wakes::new().poll(makes.as_mut()).is_pending());
    let first = leave(Box::pin(cell.get_or_init(async || 8)), &panics);
    let mut second = Probe::new(cell.get_or_init(async || 9));
    second.assert_pending();
    assert_eq!(survives(|| makes.now_or_never()), Some(&7));
    assert!(second.is_woken());
    assert_eq!((first.now_or_never(), second.assert_ready()), (Some(&7), &7));
}

#[test]
fn a_cancellation_reaches_all_waits() {
    let panics = panics_at(Act::Wake);
    let token = CancellationToken::new();
    let child = token.child_token();
    let first = leave(Box::pin(token.cancelled()), &panics);
    let mut second = Probe::new(child.cancelled());
    second.assert_pending();
    survives(|| token.cancel());
    assert!(second.is_woken() && first.now_or_never().is_some());
}

#[test]
fn a_poll_that_yields_is_ready_later() {
    let panics = panics_at(Act::Wake);
    let mut cx = Context::from_waker(&panics);
    let mut gives_way = yield_now();
    assert!(survives(|| gives_way.poll_unpin(&mut cx)).is_pending());
    assert!(gives_way.poll_unpin(&mut cx).is_ready());
    openwork::block_on(async {
        // With no budget left, the future wakes its poller and keeps its permit.
        while poll_fn(|cx| Poll::Ready(pin!(task::consume_budget()).poll(cx).is_ready())).await {}
        let panics = panics_at(Act::Wake);
        let mut cx = Context::from_waker(&panics);
        let semaphore = Semaphore::new(1);
        let mut acquire = Box::pin(semaphore.acquire());
        assert!(survives(|| acquire.poll_unpin(&mut cx).is_pending()));
        assert_eq!(semaphore.available_permits(), 0);
        yield_now().await;
        assert!(acquire.await.is_ok());
    });
}

#[test]
fn a_group_of_futures_keeps_what_its_children_have() {
    let panics = panics_at(Act::Wake);
    let (first, second) = (oneshot::channel(), oneshot::channel());
    let mut both = leave(join_all([first.1, second.1]), &panics);
    // The child's waker calls the group's.
    assert_eq!(survives(|| first.0.send(1)), Ok(()));
    both = leave(both, &panics);
    assert_eq!(survives(|| second.0.send(2)), Ok(()));
    assert_eq!(both.now_or_never(), Some(vec![Ok(1), Ok(2)]));
}

#[test]
fn a_task_ends_whatever_its_joiners_waker_does() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let panics = panics_at(Act::Wake);
        let mut cx = Context::from_waker(&panics);
        runtime.block_on(async {
            let (go, gone) = (Arc::new(Semaphore::new(0)), TaskTracker::new());
            let wait = |output| {
                let go = go.clone();
                gone.track_future(async move {
                    go.acquire().await.unwrap().forget();
                    output
                })
            };
            let mut handle = openwork::spawn(wait(1));
            assert!(handle.poll_unpin(&mut cx).is_pending());
            let mut set = JoinSet::new();
            set.spawn(wait(2));
            assert!(set.poll_join_next(&mut cx).is_pending());
            gone.close();
            let over = leave(Box::pin(gone.wait()), &panics);
            let mut over_too = Box::pin(gone.wait());
            assert!(Wakes::new().poll(over_too.as_mut()).is_pending());
            go.add_permits(2);
            over_too.await;
            over.await;
            assert_eq!((handle.await.unwrap(), set.join_next().await.unwrap().unwrap()), (1, 2));
            // The worker has survived it.
            assert_eq!(openwork::spawn(async { 3 }).await.unwrap(), 3);
        });
    });
}

// ---- at the drop ----

#[test]
fn a_result_that_is_there_comes_although_the_waker_panics_as_it_goes() {
    let panics = panics_at(Act::Drop);
    let mut cx = Context::from_waker(&panics);
    let (tx, mut rx) = broadcast::channel(4);
    tx.send(1).unwrap();
    assert_eq!(survives_times(0, || rx.recv().poll_unpin(&mut cx)), Poll::Ready(Ok(1)));

    let notify = Notify::new();
    notify.notify_one();
    // A permit is taken without a clone.
    assert!(survives_times(0, || Box::pin(notify.notified()).poll_unpin(&mut cx)).is_ready());

    let (tx, mut rx) = watch::channel(1);
    tx.send(2).unwrap();
    let changed = survives_times(0, || rx.changed().poll_unpin(&mut cx));
    assert!(matches!(changed, Poll::Ready(Ok(()))));

    let token = CancellationToken::new();
    token.cancel();
    assert!(survives_times(0, || Box::pin(token.cancelled()).poll_unpin(&mut cx)).is_ready());

    let tracker = TaskTracker::new();
    let wait = tracker.wait();
    tracker.close();
    assert!(survives_times(0, || Box::pin(wait).poll_unpin(&mut cx)).is_ready());

    let barrier = Barrier::new(1);
    let Poll::Ready(leads) = survives(|| barrier.wait().poll_unpin(&mut cx)) else {
        panic!("it is the only one")
    };
    assert!(leads.is_leader());
}

#[test]
fn a_permit_that_comes_while_the_waker_is_cloned_is_not_lost() {
    // The permit is added between the check and the wait. So the clone is not needed, and its drop panics.
    let semaphore = Arc::new(Semaphore::new(0));
    let adds = semaphore.clone();
    let waker = at_each(move |act| match act {
        Act::Clone => adds.add_permits(1),
        Act::Wake => {}
        Act::Drop => panic!("{REPORTED}"),
    });
    let mut acquire = Box::pin(semaphore.acquire());
    let poll = survives(|| acquire.poll_unpin(&mut Context::from_waker(&waker)));
    assert!(poll.is_ready());
    drop(poll);
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn a_change_that_comes_while_the_waker_is_cloned_is_not_lost() {
    let (tx, mut rx) = watch::channel(0);
    let waker = at_each(move |act| match act {
        Act::Clone => tx.send(1).unwrap(),
        Act::Wake => {}
        Act::Drop => panic!("{REPORTED}"),
    });
    let changed = survives(|| rx.changed().poll_unpin(&mut Context::from_waker(&waker)));
    assert!(matches!(changed, Poll::Ready(Ok(()))));
}

#[test]
fn a_message_that_comes_while_the_waker_is_cloned_is_not_lost() {
    let (tx, rx) = mpsc::channel(1);
    let waker = at_each(move |act| match act {
        Act::Clone => tx.try_send(1).unwrap(),
        Act::Wake => {}
        Act::Drop => panic!("{REPORTED}"),
    });
    let rx = Mutex::new(rx);
    let mut rx = rx.lock().unwrap();
    let received = survives(|| rx.poll_recv(&mut Context::from_waker(&waker)));
    assert_eq!(received, Poll::Ready(Some(1)));
}

#[test]
fn a_waker_that_panics_as_it_is_replaced_gives_its_place_to_the_next() {
    /// Polls twice, with another waker the second time. What the first is dropped with is contained.
    #[track_caller]
    fn replaces<F: Future>(future: F, bring: impl FnOnce()) -> F::Output {
        let (mut future, wakes) = (Box::pin(future), Wakes::new());
        assert!(future.poll_unpin(&mut Context::from_waker(&panics_at(Act::Drop))).is_pending());
        assert!(survives(|| wakes.poll(future.as_mut())).is_pending());
        bring();
        assert_eq!(wakes.count(), 1);
        let Poll::Ready(output) = wakes.poll(future.as_mut()) else { panic!("it was woken") };
        output
    }
    let (tx, mut rx) = mpsc::channel(1);
    assert_eq!(replaces(rx.recv(), || tx.try_send(1).unwrap()), Some(1));
    let (tx, rx) = oneshot::channel();
    assert_eq!(replaces(rx, || tx.send(2).unwrap()), Ok(2));
    let (tx, mut rx) = broadcast::channel(1);
    assert_eq!(replaces(rx.recv(), || _ = tx.send(3).unwrap()), Ok(3));
    let (tx, mut rx) = watch::channel(0);
    replaces(rx.changed(), || tx.send(4).unwrap()).unwrap();
    let semaphore = Semaphore::new(0);
    replaces(semaphore.acquire(), || semaphore.add_permits(1)).unwrap().forget();
    let notify = Notify::new();
    replaces(notify.notified(), || notify.notify_one());
    let barrier = Barrier::new(2);
    replaces(barrier.wait(), || assert!(barrier.wait().now_or_never().is_some()));
    let tracker = TaskTracker::new();
    let token = tracker.token();
    replaces(tracker.wait(), || {
        drop(token);
        tracker.close();
    });
    let (tx, rx) = oneshot::channel();
    assert_eq!(replaces(join_all([rx]), || tx.send(5).unwrap()), [Ok(5)]);
}

#[test]
fn a_wait_that_is_given_up_leaves_no_trace_although_its_waker_panics() {
    let panics = panics_at(Act::Drop);
    let semaphore = Semaphore::new(0);
    let (first, second) =
        (leave(Box::pin(semaphore.acquire()), &panics), Box::pin(semaphore.acquire()));
    let second = leave(second, Waker::noop());
    survives(|| drop(first));
    semaphore.add_permits(1);
    drop(second.now_or_never().unwrap());

    let (tx, mut rx) = broadcast::channel(1);
    let recv = leave(rx.recv(), &panics);
    survives(|| drop(recv));
    let closed = leave(tx.closed(), &panics);
    survives(|| drop(closed));
    tx.send(1).unwrap();
    assert_eq!(rx.try_recv(), Ok(1));

    let notify = Notify::new();
    let notified = leave(Box::pin(notify.notified()), &panics);
    survives(|| drop(notified));
    notify.notify_one();
    assert!(notify.notified().now_or_never().is_some());

    let barrier = Barrier::new(2);
    let waits = leave(barrier.wait(), &panics);
    survives(|| drop(waits));
    assert!(barrier.wait().now_or_never().is_none());

    let (tx, mut rx) = mpsc::channel::<u8>(1);
    assert!(rx.poll_recv(&mut Context::from_waker(&panics)).is_pending());
    let closed = leave(Box::pin(tx.closed()), &panics);
    survives(|| drop(closed));
    survives(|| drop(rx));
    assert!(tx.is_closed());

    openwork::block_on(async {
        let sleep = leave(Box::pin(sleep(Duration::MAX)), &panics);
        survives(|| drop(sleep));
    });

    // The sender's own waker goes as it sends.
    let (mut tx, rx) = oneshot::channel();
    assert!(tx.poll_closed(&mut Context::from_waker(&panics)).is_pending());
    assert_eq!(survives(|| tx.send(1)), Ok(()));
    assert_eq!(rx.now_or_never(), Some(Ok(1)));
}

#[test]
fn a_waker_that_owns_what_panics_as_it_goes_is_dropped_all_the_same() {
    let (_tx, mut rx) = mpsc::channel::<u8>(1);
    let owner = owns(AtDrop(|| panic!("{REPORTED}")));
    assert!(rx.poll_recv(&mut Context::from_waker(&owner)).is_pending());
    drop(owner);
    survives(|| assert!(rx.poll_recv(&mut Context::from_waker(Waker::noop())).is_pending()));
}

// ---- at the clone ----

#[test]
fn nothing_is_taken_when_the_clone_panics() {
    let (tx, mut rx) = mpsc::channel(1);
    clone_panics(pin!(rx.recv()));
    tx.try_send(1).unwrap();
    clone_panics(pin!(tx.reserve()));
    clone_panics(pin!(tx.closed()));
    assert_eq!((rx.try_recv(), tx.capacity()), (Ok(1), 1));

    let (tx, mut rx) = oneshot::channel();
    clone_panics(pin!(&mut rx));
    assert_eq!((tx.send(2), rx.now_or_never()), (Ok(()), Some(Ok(2))));

    let (tx, mut rx) = broadcast::channel(1);
    clone_panics(pin!(rx.recv()));
    tx.send(3).unwrap();
    assert_eq!(rx.recv().now_or_never(), Some(Ok(3)));

    let (tx, mut rx) = watch::channel(0);
    clone_panics(pin!(rx.changed()));
    tx.send(4).unwrap();
    assert!(matches!(rx.changed().now_or_never(), Some(Ok(()))));

    let notify = Notify::new();
    clone_panics(pin!(notify.notified()));
    notify.notify_one();
    assert!(notify.notified().now_or_never().is_some());

    let semaphore = Semaphore::new(1);
    clone_panics(pin!(semaphore.acquire_many(2)));
    assert_eq!(semaphore.available_permits(), 1);

    let barrier = Barrier::new(2);
    clone_panics(pin!(barrier.wait()));
    assert!(barrier.wait().now_or_never().is_none());

    let tracker = TaskTracker::new();
    let token = tracker.token();
    clone_panics(pin!(tracker.wait()));
    drop(token);
    tracker.close();
    assert!(tracker.wait().now_or_never().is_some());
}

#[test]
fn a_waiter_stays_in_the_queue_when_the_clone_of_a_later_waker_panics() {
    let semaphore = Semaphore::new(0);
    let mut first = Probe::new(semaphore.acquire());
    first.assert_pending();
    let mut second = Probe::new(semaphore.acquire());
    second.assert_pending();
    let waker = panics_at(Act::Clone);
    let mut cx = Context::from_waker(&waker);
    let poll = catch_unwind(AssertUnwindSafe(|| first.poll_with(&mut cx).is_ready()));
    assert!(poll.is_err());
    semaphore.add_permits(1);
    assert!(first.is_woken() && !second.is_woken());
    first.assert_ready().unwrap().forget();
}
