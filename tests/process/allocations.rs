//! A burst leaves no memory behind, and a message needs no allocation.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use openwork::net::UnixDatagram;
use openwork::sync::broadcast;
use openwork::sync::mpsc::{channel, unbounded_channel};
use openwork::sync::{
    Barrier, CancellationToken, Mutex, Notify, OnceCell, RwLock, Semaphore, oneshot, watch,
};
use openwork::task::yield_now;
use openwork::time::sleep;

use crate::allocator::allocated;
use crate::alone;
use crate::common::Flavour::CurrentThread;
use crate::common::{paused, real};

/// More than a channel keeps for the next messages, and less than a burst leaves.
const LITTLE: isize = 16 * 1024;

#[test]
fn a_burst_leaves_no_memory_behind() {
    alone("a_burst_leaves_no_memory_behind", bursts);
}

fn bursts() {
    let mut cx = Context::from_waker(Waker::noop());

    let (tx, mut rx) = unbounded_channel::<u64>();
    let before = allocated();
    for number in 0..1_000_000 {
        tx.send(number).unwrap();
    }
    assert!(allocated() > before + 8_000_000);
    for number in 0..1_000_000 {
        assert_eq!(rx.try_recv(), Ok(number));
    }
    assert!(allocated() < before + LITTLE, "a million messages");

    let (tx, mut rx) = channel(1);
    tx.try_send(()).unwrap();
    let before = allocated();
    let mut waiting: Vec<_> = (0..100_000).map(|_| Box::pin(tx.reserve())).collect();
    let mut closed: Vec<_> = (0..100_000).map(|_| tx.closed()).collect();
    for waiter in &mut waiting {
        assert!(waiter.as_mut().poll(&mut cx).is_pending());
    }
    for waiter in &mut closed {
        assert!(Pin::new(waiter).poll(&mut cx).is_pending());
    }
    drop((waiting, closed));
    assert!(allocated() < before + LITTLE, "two hundred thousand waiters");

    locks_give_back(&mut cx);
    channels_to_many_give_back(&mut cx);
    tokens_give_back();

    // Once there is a buffer at each end, the two are swapped.
    let mut one_by_one = || {
        rx.try_recv().unwrap();
        tx.try_send(()).unwrap();
    };
    one_by_one();
    let before = allocated();
    for _ in 0..1000 {
        one_by_one();
    }
    assert_eq!(allocated(), before);
}

/// More than the queue of a current-thread runtime keeps for its tasks, 64 KiB.
const QUEUE: isize = 96 * 1024;

#[test]
fn runtimes_and_tasks_that_have_ended_leave_no_memory_behind() {
    alone("runtimes_and_tasks_that_have_ended_leave_no_memory_behind", || {
        let runtimes = || (0..100).for_each(|_| drop(CurrentThread.build()));
        runtimes();
        let before = allocated();
        runtimes();
        assert!(allocated() < before + LITTLE, "a hundred runtimes");

        paused().block_on(async {
            let before = allocated();
            for _ in 0..100_000 {
                drop(openwork::spawn(async {}));
            }
            // With a paused clock this is over when all of them have been polled, and the worker has parked.
            sleep(Duration::from_nanos(1)).await;
            assert!(allocated() < before + QUEUE, "a hundred thousand tasks");
        });
    });
}

/// Half of the waits are dropped in the queue, the others are served.
fn crowd<F: Future>(what: &str, cx: &mut Context<'_>, wait: impl Fn() -> F, open: impl FnOnce()) {
    let before = allocated();
    let mut waiting: Vec<_> = (0..100_000).map(|_| Box::pin(wait())).collect();
    for waiter in &mut waiting {
        assert!(waiter.as_mut().poll(cx).is_pending());
    }
    let mut odd = false;
    waiting.retain(|_| {
        odd = !odd;
        odd
    });
    open();
    for waiter in waiting {
        assert!({ waiter }.as_mut().poll(cx).is_ready(), "{what}");
    }
    let after = allocated();
    assert!(after < before + LITTLE, "a hundred thousand waits for {what}");
}

fn locks_give_back(cx: &mut Context<'_>) {
    let mutex = Mutex::new(());
    let guard = mutex.try_lock().unwrap();
    crowd("a mutex", cx, || mutex.lock(), || drop(guard));
    let lock = RwLock::new(());
    let guard = lock.try_write().unwrap();
    crowd("a read-write lock, to read", cx, || lock.read(), || drop(guard));
    let guard = lock.try_read().unwrap();
    crowd("a read-write lock, to write", cx, || lock.write(), || drop(guard));
    let semaphore = Semaphore::new(1);
    crowd("permits", cx, || semaphore.acquire_many(2), || semaphore.close());
    let cell = OnceCell::new();
    let mut makes = Box::pin(cell.get_or_init(std::future::pending::<()>));
    assert!(makes.as_mut().poll(cx).is_pending());
    crowd("a once cell", cx, || cell.get_or_init(async || ()), || drop(makes));
    let barrier = Barrier::new(100_001);
    let fill_up = || {
        let mut others: Vec<_> = (0..50_001).map(|_| barrier.wait()).collect();
        let mut cx = Context::from_waker(Waker::noop());
        let mut polls = others.iter_mut().map(|other| Pin::new(other).poll(&mut cx).is_ready());
        assert!(polls.by_ref().take(50_000).all(|ready| !ready) && polls.all(|ready| ready));
    };
    crowd("a barrier", cx, || barrier.wait(), fill_up);
}

fn channels_to_many_give_back(cx: &mut Context<'_>) {
    let notify = Notify::new();
    crowd("a notification", cx, || notify.notified(), || notify.notify_waiters());

    let (tx, mut rx) = broadcast::channel::<Box<u64>>(1 << 20);
    let mut second = tx.subscribe();
    let before = allocated();
    for number in 0..1_000_000 {
        tx.send(Box::new(number)).unwrap();
    }
    assert!(allocated() >= before + 8_000_000);
    for number in 0..1_000_000 {
        assert_eq!(rx.try_recv(), Ok(Box::new(number)));
    }
    while second.try_recv().is_ok() {}
    assert!(allocated() < before + LITTLE, "a million values");
    (0..100_000).for_each(|number| _ = tx.send(Box::new(number)).unwrap());
    drop(second);
    let receive_late = tx.subscribe();
    crowd("no broadcast receiver", cx, || tx.closed(), || drop((rx, receive_late)));
    assert!(allocated() < before + LITTLE, "a hundred thousand values that no receiver takes");

    let (tx, rx) = watch::channel(0);
    let change = || {
        let mut rx = rx.clone();
        async move { rx.changed().await }
    };
    let before = allocated();
    let mut waiting: Vec<_> = (0..100_000).map(|_| Box::pin(change())).collect();
    assert!(waiting.iter_mut().all(|wait| wait.as_mut().poll(cx).is_pending()));
    drop(waiting);
    assert!(allocated() < before + LITTLE, "a hundred thousand waits that were dropped");
    crowd("a change", cx, change, || tx.send(1).unwrap());

    let (tx, rx) = watch::channel(0);
    crowd("no watching receiver", cx, || tx.closed(), || drop(rx));
    // Woken for nothing, they go to the end of the queue, and leave no entry behind.
    let mut closed = tx.closed();
    let mut look = || {
        let rx = tx.subscribe();
        assert!(Pin::new(&mut closed).poll(cx).is_pending());
        drop(rx);
    };
    look();
    let before = allocated();
    (0..100_000).for_each(|_| look());
    assert_eq!(allocated(), before);
}

#[test]
fn sources_and_timers_leave_no_memory_behind() {
    alone("sources_and_timers_leave_no_memory_behind", || {
        let runtime = real();
        {
            let _entered = runtime.enter();
            let before = allocated();
            let sockets: Vec<_> = (0..500).map(|_| UnixDatagram::unbound().unwrap()).collect();
            assert!(allocated() > before + 500 * size_of::<usize>() as isize);
            drop(sockets);
            assert!(allocated() < before + 4096, "five hundred sockets");
        }
        runtime.block_on(async {
            // The timers give their memory back when the driver is polled next, which it is at each yield.
            let driver_polls = async || {
                for _ in 0..10 {
                    yield_now().await;
                }
            };
            driver_polls().await;
            let before = allocated();
            let mut sleeps: Vec<_> =
                (0..100_000).map(|_| Box::pin(sleep(Duration::from_secs(3600)))).collect();
            let mut cx = Context::from_waker(Waker::noop());
            for sleep in &mut sleeps {
                assert!(sleep.as_mut().poll(&mut cx).is_pending());
            }
            drop(sleeps);
            driver_polls().await;
            assert!(allocated() < before + LITTLE, "a hundred thousand timers");
        });
    });
}

/// Beside the thread that runs the tasks.
#[test]
fn threads_in_block_on_leave_no_memory_behind() {
    alone("threads_in_block_on_leave_no_memory_behind", || {
        let runtime = real();
        let (begun, begins) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        thread::scope(|scope| {
            scope.spawn(|| {
                runtime.block_on(async {
                    begun.send(()).unwrap();
                    stopped.await.unwrap();
                });
            });
            begins.recv().unwrap();
            let before = allocated();
            for _ in 0..1000 {
                runtime.block_on(async {});
            }
            assert!(allocated() < before + LITTLE, "a thousand calls");
            stop.send(()).unwrap();
        });
    });
}

fn tokens_give_back() {
    const MANY: usize = 20_000;
    let gives_back = |what: &str, body: &dyn Fn(&CancellationToken)| {
        let root = CancellationToken::new();
        let keeps = root.child_token();
        let before = allocated();
        body(&root);
        assert!(allocated() < before + LITTLE, "{what}");
        drop(keeps);
    };
    gives_back("children that were dropped", &|root| {
        let children: Vec<_> = (0..MANY).map(|_| root.child_token()).collect();
        drop(children);
    });
    gives_back("children that were cancelled", &|root| {
        let children: Vec<_> = (0..MANY).map(|_| root.child_token()).collect();
        children.iter().for_each(CancellationToken::cancel);
        assert!(!root.is_cancelled());
    });
    gives_back("all that was cancelled", &|root| {
        let children: Vec<_> = (0..MANY).map(|_| root.child_token().child_token()).collect();
        root.cancel();
        (0..MANY).for_each(|_| assert!(root.child_token().is_cancelled()));
        assert!(children.iter().all(CancellationToken::is_cancelled));
    });
    gives_back("tokens between two that are held", &|root| {
        let mut last = root.child_token();
        let before = allocated();
        for _ in 0..MANY {
            last = last.child_token();
        }
        assert!(allocated() < before + LITTLE, "a line of tokens");
        // The same where each held several together, for a time.
        for _ in 0..MANY {
            let (above, beside) = (last.child_token(), last.child_token());
            last = above.child_token();
            drop(above);
            beside.cancel();
        }
        assert!(allocated() < before + LITTLE, "a comb of tokens");
        root.cancel();
        assert!(last.is_cancelled());
    });
}
