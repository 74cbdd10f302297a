//! The races of the channels and the locks, in every schedule.
//!
//! A wake-up that is lost is a deadlock here, which loom reports with the schedule that leads to it.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures::FutureExt;
use futures::task::{ArcWake, waker};
use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicBool, Ordering::Relaxed};
use loom::thread;
use openwork::sync::{
    Barrier, CancellationToken, Mutex, Notify, OnceCell, RwLock, Semaphore, broadcast, mpsc,
    oneshot, watch,
};

struct Unpark(thread::Thread);

impl ArcWake for Unpark {
    fn wake_by_ref(unpark: &Arc<Self>) {
        unpark.0.unpark();
    }
}

/// Polls a future on this thread of the model, and parks it in between.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let waker = waker(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

#[test]
fn a_message_is_seen_or_wakes() {
    loom::model(|| {
        let (tx, mut rx) = mpsc::channel(1);
        let sender = thread::spawn(move || tx.try_send(1).unwrap());
        assert_eq!(block_on(rx.recv()), Some(1));
        assert_eq!(block_on(rx.recv()), None);
        sender.join().unwrap();
    });
}

#[test]
fn capacity_is_counted_or_passed_on() {
    loom::model(|| {
        let (tx, mut rx) = mpsc::channel(1);
        tx.try_send(1).unwrap();
        let sender = thread::spawn(move || block_on(tx.send(2)).unwrap());
        assert_eq!(block_on(rx.recv()), Some(1));
        assert_eq!(block_on(rx.recv()), Some(2));
        sender.join().unwrap();
    });
}

#[test]
fn capacity_that_a_cancelled_send_had_is_passed_on() {
    loom::model(|| {
        let (tx, mut rx) = mpsc::channel(1);
        tx.try_send(1).unwrap();
        let tx_2 = tx.clone();
        let gives_up = thread::spawn(move || drop(tx_2.reserve().now_or_never()));
        let sender = thread::spawn(move || block_on(tx.send(2)).unwrap());
        assert_eq!(rx.try_recv(), Ok(1));
        gives_up.join().unwrap();
        sender.join().unwrap();
        assert_eq!(rx.try_recv(), Ok(2));
        assert_eq!(rx.capacity(), 1);
    });
}

#[test]
fn the_last_permit_is_seen_or_wakes() {
    loom::model(|| {
        let (tx, mut rx) = mpsc::channel::<()>(1);
        let permit = tx.clone().try_reserve_owned().unwrap();
        rx.close();
        let holder = thread::spawn(move || drop(permit));
        assert_eq!(block_on(rx.recv()), None);
        holder.join().unwrap();
        drop(tx);
    });
}

#[test]
fn a_permit_in_a_closed_channel_is_waited_for() {
    loom::model(|| {
        let (tx, mut rx) = mpsc::channel(1);
        let sender = thread::spawn(move || {
            let Ok(permit) = tx.try_reserve() else { return false };
            permit.send(1);
            true
        });
        rx.close();
        let received = block_on(rx.recv());
        assert_eq!(received.is_some(), sender.join().unwrap());
    });
}

#[test]
fn the_last_sender_is_seen_or_wakes() {
    loom::model(|| {
        let (tx, mut rx) = mpsc::unbounded_channel();
        let weak = tx.downgrade();
        let upgrades = thread::spawn(move || weak.upgrade().map(|tx| tx.send(1)).is_some());
        drop(tx);
        let received = block_on(rx.recv());
        assert_eq!(received.is_some(), upgrades.join().unwrap());
    });
}

#[test]
fn the_end_of_the_receiver_is_seen_or_wakes() {
    loom::model(|| {
        let (tx, rx) = mpsc::channel::<()>(1);
        let watcher = thread::spawn(move || {
            block_on(tx.closed());
            assert!(tx.try_send(()).is_err());
        });
        drop(rx);
        watcher.join().unwrap();
    });
}

#[test]
fn a_oneshot_value_is_seen_or_wakes() {
    loom::model(|| {
        let (tx, rx) = oneshot::channel();
        let sender = thread::spawn(move || tx.send(1).unwrap());
        assert_eq!(block_on(rx), Ok(1));
        sender.join().unwrap();
    });
}

#[test]
fn a_oneshot_value_is_received_or_given_back() {
    loom::model(|| {
        let (tx, mut rx) = oneshot::channel();
        let sender = thread::spawn(move || tx.send(1).is_ok());
        rx.close();
        let received = rx.try_recv().is_ok();
        assert_eq!(received, sender.join().unwrap());
    });
}

#[test]
fn the_end_of_a_oneshot_receiver_is_seen_or_wakes() {
    loom::model(|| {
        let (mut tx, rx) = oneshot::channel::<()>();
        let watcher = thread::spawn(move || block_on(tx.closed()));
        drop(rx);
        watcher.join().unwrap();
    });
}

#[test]
fn a_oneshot_half_that_changes_its_waker_is_woken_by_the_last() {
    loom::model(|| {
        let (tx, mut rx) = oneshot::channel();
        let sender = thread::spawn(move || tx.send(1).unwrap());
        let mut cx = Context::from_waker(Waker::noop());
        match Pin::new(&mut rx).poll(&mut cx) {
            Poll::Ready(value) => assert_eq!(value, Ok(1)),
            Poll::Pending => assert_eq!(block_on(rx), Ok(1)),
        }
        sender.join().unwrap();
    });
    loom::model(|| {
        let (mut tx, rx) = oneshot::channel::<()>();
        let watcher = thread::spawn(move || {
            if tx.poll_closed(&mut Context::from_waker(Waker::noop())).is_pending() {
                block_on(tx.closed());
            }
        });
        drop(rx);
        watcher.join().unwrap();
    });
}

#[test]
fn a_new_permit_is_seen_or_wakes() {
    loom::model(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let ours = semaphore.clone();
        let waits = thread::spawn(move || block_on(ours.acquire_many(2)).unwrap().forget());
        semaphore.add_permits(1);
        waits.join().unwrap();
        assert_eq!(semaphore.available_permits(), 0);
    });
}

#[test]
fn the_end_of_a_semaphore_is_seen_or_wakes() {
    loom::model(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let ours = semaphore.clone();
        let waits = thread::spawn(move || assert!(block_on(ours.acquire_many(2)).is_err()));
        semaphore.close();
        waits.join().unwrap();
        assert_eq!(semaphore.available_permits(), 1);
    });
}

#[test]
fn permits_that_a_cancelled_wait_had_are_passed_on() {
    loom::model(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let (gives_up, waits) = (semaphore.clone(), semaphore.clone());
        let gives_up = thread::spawn(move || drop(gives_up.acquire_many(2).now_or_never()));
        let waits = thread::spawn(move || drop(block_on(waits.acquire()).unwrap()));
        semaphore.add_permits(1);
        gives_up.join().unwrap();
        waits.join().unwrap();
        assert_eq!(semaphore.available_permits(), 1);
    });
}

#[test]
fn a_mutex_lets_in_one_at_a_time() {
    loom::model(|| {
        let mutex = Arc::new(Mutex::new(0));
        let ours = mutex.clone();
        let increment = |mutex: &Mutex<i32>| {
            let mut guard = block_on(mutex.lock());
            let seen = *guard;
            thread::yield_now();
            *guard = seen + 1;
        };
        let other = thread::spawn(move || increment(&ours));
        increment(&mutex);
        other.join().unwrap();
        assert_eq!(*mutex.try_lock().unwrap(), 2);
    });
}

#[test]
fn a_writer_that_is_dropped_lets_readers_in() {
    loom::model(|| {
        let lock = Arc::new(RwLock::with_max_readers((), 2));
        let guard = lock.try_read().unwrap();
        let (writes, reads) = (lock.clone(), lock.clone());
        let writes = thread::spawn(move || drop(writes.write().now_or_never()));
        let reads = thread::spawn(move || drop(block_on(reads.read())));
        writes.join().unwrap();
        reads.join().unwrap();
        drop(guard);
        assert!(lock.try_write().is_ok());
    });
}

#[test]
fn a_downgraded_writer_lets_readers_in() {
    loom::model(|| {
        let lock = Arc::new(RwLock::with_max_readers(0, 2));
        let mut guard = lock.try_write().unwrap();
        let ours = lock.clone();
        let reads = thread::spawn(move || assert_eq!(*block_on(ours.read()), 1));
        *guard = 1;
        let guard = guard.downgrade();
        reads.join().unwrap();
        assert_eq!(*guard, 1);
    });
}

/// The permits are closed after the value is set, not before (`OnceCell::fill`): a caller that finds them closed
/// relies on the value.
#[test]
fn a_value_is_made_once_and_seen_or_wakes() {
    loom::model(|| {
        let cell = Arc::new(OnceCell::new());
        let ours = cell.clone();
        let other = thread::spawn(move || *block_on(ours.get_or_init(async || 1)));
        let made = *block_on(cell.get_or_init(async || 2));
        assert_eq!(other.join().unwrap(), made);
    });
}

#[test]
fn of_two_tasks_at_a_barrier_one_leads_and_both_are_released() {
    loom::model(|| {
        let barrier = Arc::new(Barrier::new(2));
        let ours = barrier.clone();
        let other = thread::spawn(move || block_on(ours.wait()).is_leader());
        let leads = block_on(barrier.wait()).is_leader();
        assert_ne!(leads, other.join().unwrap());
    });
}

#[test]
fn a_notification_is_seen_or_wakes() {
    loom::model(|| {
        let notify = Arc::new(Notify::new());
        let ours = notify.clone();
        let waits = thread::spawn(move || block_on(ours.notified()));
        notify.notify_one();
        waits.join().unwrap();
    });
}

#[test]
fn a_notification_for_all_reaches_what_was_created_before() {
    loom::model(|| {
        let notify = Arc::new(Notify::new());
        let waits = notify.clone().notified_owned();
        let waits = thread::spawn(move || block_on(waits));
        notify.notify_waiters();
        waits.join().unwrap();
        assert!(notify.notified().now_or_never().is_none());
    });
}

#[test]
fn a_notification_that_a_cancelled_wait_had_is_passed_on() {
    loom::model(|| {
        let notify = Arc::new(Notify::new());
        let (gives_up, waits) = (notify.clone(), notify.clone());
        let gives_up = thread::spawn(move || {
            let mut notified = Box::pin(gives_up.notified());
            notified.as_mut().enable()
        });
        let waits = thread::spawn(move || block_on(waits.notified()));
        notify.notify_one();
        if gives_up.join().unwrap() {
            notify.notify_one();
        }
        waits.join().unwrap();
    });
}

#[test]
fn a_broadcast_value_is_seen_or_wakes() {
    loom::model(|| {
        let (tx, mut rx) = broadcast::channel(2);
        let sender = thread::spawn(move || tx.send(1).unwrap());
        assert_eq!(block_on(rx.recv()), Ok(1));
        assert!(block_on(rx.recv()).is_err());
        sender.join().unwrap();
    });
}

#[test]
fn the_end_of_all_broadcast_receivers_is_seen_or_wakes() {
    loom::model(|| {
        let (tx, rx) = broadcast::channel::<()>(2);
        let watcher = thread::spawn(move || block_on(tx.closed()));
        drop(rx);
        watcher.join().unwrap();
    });
}

#[test]
fn the_last_watched_value_is_seen_before_the_end() {
    loom::model(|| {
        let (tx, mut rx) = watch::channel(0);
        let sender = thread::spawn(move || tx.send(1).unwrap());
        assert!(block_on(rx.changed()).is_ok());
        assert_eq!(*rx.borrow_and_update(), 1);
        assert!(block_on(rx.changed()).is_err());
        sender.join().unwrap();
    });
}

#[test]
fn a_watched_value_and_its_version_belong_together() {
    loom::model(|| {
        let (tx, mut rx) = watch::channel(0);
        let sender = thread::spawn(move || {
            tx.send_replace(1);
            tx
        });
        let seen = *rx.borrow_and_update();
        let _tx = sender.join().unwrap();
        // What was not seen then is new now, and the other way round.
        assert_eq!(rx.has_changed().unwrap(), seen == 0);
    });
}

#[test]
fn the_end_of_all_watching_receivers_is_seen_or_wakes() {
    loom::model(|| {
        let (tx, rx) = watch::channel(());
        let rx_2 = rx.clone();
        let watcher = thread::spawn(move || block_on(tx.closed()));
        let other = thread::spawn(move || drop(rx_2));
        drop(rx);
        watcher.join().unwrap();
        other.join().unwrap();
    });
}

#[test]
fn a_cancellation_reaches_a_child_that_is_being_made() {
    loom::model(|| {
        let token = CancellationToken::new();
        let ours = token.clone();
        let waits = thread::spawn(move || block_on(ours.child_token().cancelled()));
        token.cancel();
        waits.join().unwrap();
    });
}

#[test]
fn a_token_may_be_dropped_while_its_parent_is_cancelled() {
    loom::model(|| {
        let root = CancellationToken::new();
        let between = root.child_token();
        let below = between.child_token();
        let drops = thread::spawn(move || drop(between));
        root.cancel();
        assert!(below.is_cancelled());
        drops.join().unwrap();
    });
}

// ---- what was written before is seen after ----

/// Says what a second thread has done: a write that nothing orders but the primitive at hand.
#[derive(Clone, Default)]
struct Written(Arc<AtomicBool>);

impl Written {
    fn write(&self) {
        self.0.store(true, Relaxed);
    }

    fn is_seen(&self) -> bool {
        self.0.load(Relaxed)
    }
}

/// A permit that is put back releases (`Permits::update`), even when no waiter takes it.
#[test]
fn a_lock_publishes_what_was_written_under_it() {
    loom::model(|| {
        let mutex = Arc::new(Mutex::new(UnsafeCell::new(0)));
        let ours = mutex.clone();
        let adds_one = |mutex: &Mutex<UnsafeCell<i32>>| {
            if let Ok(cell) = mutex.try_lock() {
                // SAFETY: loom checks that no other thread is there.
                cell.with_mut(|value| unsafe { *value += 1 });
            }
        };
        let other = thread::spawn(move || adds_one(&ours));
        adds_one(&mutex);
        other.join().unwrap();
    });
}

/// The version that is raised releases (`Shared::modify`), even for a receiver that does not look at the value.
#[test]
fn a_watched_version_publishes_what_its_sender_did_before() {
    loom::model(|| {
        let ((tx, rx), written) = (watch::channel(0), Written::default());
        let writes = written.clone();
        let sender = thread::spawn(move || {
            writes.write();
            tx.send_replace(1);
            tx
        });
        if rx.has_changed().unwrap() {
            assert!(written.is_seen());
        }
        sender.join().unwrap();
    });
}

/// The epoch that `notify_waiters` begins releases. A wait that was created in it is not notified, and must see
/// what the others were notified of, or it waits for ever.
#[test]
fn a_wait_that_is_created_too_late_sees_what_happened() {
    loom::model(|| {
        let (notify, written) = (Arc::new(Notify::new()), Written::default());
        let (ours, writes) = (notify.clone(), written.clone());
        let other = thread::spawn(move || {
            writes.write();
            ours.notify_waiters();
        });
        let notified = notify.notified();
        if !written.is_seen() {
            block_on(notified);
        }
        other.join().unwrap();
    });
}

/// A cancellation releases (`Node::cancel`), of a token and of its child.
#[test]
fn a_cancellation_publishes_what_was_done_before() {
    loom::model(|| {
        let (token, written) = (CancellationToken::new(), Written::default());
        let (child, cancels, writes) = (token.child_token(), token.clone(), written.clone());
        let other = thread::spawn(move || {
            writes.write();
            cancels.cancel();
        });
        if child.is_cancelled() {
            assert!(written.is_seen());
        }
        other.join().unwrap();
    });
}

/// What another thread sees of a count, a permit or an end, by a look without a lock, publishes what was done before.
#[test]
fn what_is_seen_without_a_lock_publishes_what_was_done_before() {
    fn publishes(act: impl FnOnce(), is_seen: impl FnOnce() -> bool + Send + 'static) {
        let written = Written::default();
        let looks = written.clone();
        let other = thread::spawn(move || !is_seen() || looks.is_seen());
        written.write();
        act();
        assert!(other.join().unwrap());
    }
    loom::model(|| {
        let (tx, rx) = mpsc::channel::<()>(1);
        publishes(|| drop(tx), move || rx.sender_strong_count() == 0);
    });
    loom::model(|| {
        let (tx, rx) = watch::channel(());
        publishes(|| drop(rx), move || tx.receiver_count() == 0);
    });
    loom::model(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let looks = semaphore.clone();
        publishes(|| semaphore.close(), move || looks.is_closed());
    });
    loom::model(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let looks = semaphore.clone();
        publishes(|| semaphore.add_permits(1), move || looks.available_permits() == 1);
    });
    loom::model(|| {
        let notify = Arc::new(Notify::new());
        let notified = notify.clone().notified_owned();
        publishes(|| notify.notify_one(), || notified.now_or_never().is_some());
    });
    loom::model(|| {
        let notify = Arc::new(Notify::new());
        let notified = notify.clone().notified_owned();
        publishes(|| notify.notify_waiters(), || notified.now_or_never().is_some());
    });
}

/// A notification that finds a permit leaves it, and publishes all the same (`Notify::update`): the task that takes the
/// permit sees what was done before either, or is notified once more.
#[test]
fn a_notification_that_finds_a_permit_publishes_what_was_done_before() {
    loom::model(|| {
        let (notify, written) = (Arc::new(Notify::new()), Written::default());
        notify.notify_one();
        let (waits, looks) = (notify.clone(), written.clone());
        let other = thread::spawn(move || {
            while !looks.is_seen() {
                block_on(waits.notified());
            }
        });
        written.write();
        notify.notify_one();
        other.join().unwrap();
    });
}

/// The number of the next value releases what belongs to the values before it (`Shared::send`). Else a value that was just
/// sent seems to be received, and with it all before.
#[test]
fn a_broadcast_value_that_nothing_received_is_counted_while_another_is_sent() {
    loom::model(|| {
        let (tx, _rx) = broadcast::channel(2);
        tx.send(0).unwrap();
        let counts = tx.clone();
        let other = thread::spawn(move || assert!(counts.len() > 0));
        tx.send(1).unwrap();
        other.join().unwrap();
    });
}

/// Two receivers on two threads clone one after the other, and each sees what the first has done.
#[test]
fn a_broadcast_value_is_cloned_by_one_thread_at_a_time() {
    struct Value(UnsafeCell<usize>);
    impl Clone for Value {
        fn clone(&self) -> Self {
            // SAFETY: loom checks that no other thread is there.
            let clones = self.0.with_mut(|clones| unsafe {
                *clones += 1;
                *clones
            });
            Value(UnsafeCell::new(clones))
        }
    }
    loom::model(|| {
        let (tx, mut first) = broadcast::channel(1);
        let mut second = tx.subscribe();
        assert!(tx.send(Value(UnsafeCell::new(0))).is_ok());
        let other = thread::spawn(move || second.try_recv().unwrap_or_else(|_| panic!()));
        let ours = first.try_recv().unwrap_or_else(|_| panic!());
        let clones = [ours, other.join().unwrap()].map(|value| value.0.into_inner());
        assert_eq!(clones[0] + clones[1], 3);
    });
}
