//! A burst leaves no memory behind, and a message needs none.
//!
//! The allocator of this test counts. There is one test only, as any other thread would be counted too.

use std::alloc::{GlobalAlloc, Layout, System};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};

use openwork::sync::mpsc::{channel, unbounded_channel};
use openwork::sync::{Barrier, Mutex, OnceCell, RwLock, Semaphore};

struct Counting;

static BYTES: AtomicUsize = AtomicUsize::new(0);

// SAFETY: it does what `System` does, and counts.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(layout.size(), Ordering::SeqCst);
        // SAFETY: the caller keeps to the contract of this function, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        BYTES.fetch_sub(layout.size(), Ordering::SeqCst);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// More than a channel keeps for the next messages, and less than a burst leaves.
const LITTLE: usize = 16 * 1024;

#[test]
fn a_burst_leaves_no_memory_behind() {
    let mut cx = Context::from_waker(Waker::noop());

    let (tx, mut rx) = unbounded_channel::<u64>();
    let before = BYTES.load(Ordering::SeqCst);
    for number in 0..1_000_000 {
        tx.send(number).unwrap();
    }
    assert!(BYTES.load(Ordering::SeqCst) > before + 8_000_000);
    for number in 0..1_000_000 {
        assert_eq!(rx.try_recv(), Ok(number));
    }
    assert!(BYTES.load(Ordering::SeqCst) < before + LITTLE, "a million messages");

    let (tx, mut rx) = channel(1);
    tx.try_send(()).unwrap();
    let before = BYTES.load(Ordering::SeqCst);
    let mut waiting: Vec<_> = (0..100_000).map(|_| Box::pin(tx.reserve())).collect();
    let mut closed: Vec<_> = (0..100_000).map(|_| tx.closed()).collect();
    for waiter in &mut waiting {
        assert!(waiter.as_mut().poll(&mut cx).is_pending());
    }
    for waiter in &mut closed {
        assert!(Pin::new(waiter).poll(&mut cx).is_pending());
    }
    drop((waiting, closed));
    assert!(BYTES.load(Ordering::SeqCst) < before + LITTLE, "two hundred thousand waiters");

    locks_give_back(&mut cx);

    // Once there is a buffer at each end, they change places.
    let mut one_by_one = || {
        rx.try_recv().unwrap();
        tx.try_send(()).unwrap();
    };
    one_by_one();
    let before = BYTES.load(Ordering::SeqCst);
    for _ in 0..1000 {
        one_by_one();
    }
    assert_eq!(BYTES.load(Ordering::SeqCst), before);
}

/// Half of those who wait are dropped where they stand, the others get what they waited for.
fn locks_give_back(cx: &mut Context<'_>) {
    fn crowd<F: Future>(
        what: &str,
        cx: &mut Context<'_>,
        wait: impl Fn() -> F,
        open: impl FnOnce(),
    ) {
        let before = BYTES.load(Ordering::SeqCst);
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
        let after = BYTES.load(Ordering::SeqCst);
        assert!(after < before + LITTLE, "a hundred thousand who waited for {what}");
    }
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
