//! A burst leaves no memory behind, and a message needs none.
//!
//! The allocator of this test counts. There is one test only, as any other thread would be counted too.

use std::alloc::{GlobalAlloc, Layout, System};
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};

use openwork::sync::mpsc::{channel, unbounded_channel};

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
        assert!(std::pin::Pin::new(waiter).poll(&mut cx).is_pending());
    }
    drop((waiting, closed));
    assert!(BYTES.load(Ordering::SeqCst) < before + LITTLE, "two hundred thousand waiters");

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
