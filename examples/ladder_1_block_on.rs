//! The ladder, step 1 of 6: one future on one thread.
//!
//! A future does nothing unless it is polled, but to poll it all the time burns a processor. So the
//! thread sleeps, and leaves a *waker*, with which whoever brings the answer ends that sleep.
//!
//! New: `block_on` and its waker, and a future by hand, which another thread completes.
//! Still wrong: a thread for each future; and a future that parks the thread too eats our permit.
//! Grown up: `src/engine/block_on.rs`, on the permit of `src/engine/park.rs`.
//! `cargo run --example ladder_1_block_on`: you will see two polls, 100 ms apart, not millions.

use futures_task::{ArcWake, waker};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::{thread, time::Duration};

struct Unpark(thread::Thread);
impl ArcWake for Unpark {
    fn wake_by_ref(this: &Arc<Self>) {
        this.0.unpark();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let waker = waker(Arc::new(Unpark(thread::current())));
    let (mut future, mut cx) = (pin!(future), Context::from_waker(&waker));
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
        // The wake may come right here, after we have looked and before we park. It is not lost:
        // `unpark` leaves a permit, and `park` returns at once when there is one. A bare signal
        // would find nobody asleep, and we would then sleep for ever.
        thread::park();
    }
}

/// A future by hand: the answer, once it is there, and the waker of who waits for it.
struct Answer(Arc<Mutex<(Option<u32>, Option<Waker>)>>);

impl Future for Answer {
    type Output = u32;
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<u32> {
        let (answer, waker) = &mut *self.0.lock().unwrap(); // one lock for the look and the waker
        println!("polled: {answer:?}");
        *waker = Some(cx.waker().clone());
        answer.map_or(Poll::Pending, Poll::Ready)
    }
}

fn main() {
    let shared = Arc::default();
    let answer = Answer(Arc::clone(&shared));
    thread::spawn(move || {
        thread::sleep(Duration::from_millis(100)); // this is the work
        let (_, waker) = std::mem::replace(&mut *shared.lock().unwrap(), (Some(42), None));
        waker.into_iter().for_each(Waker::wake); // the lock is free again
    });
    println!("the answer is {}", block_on(answer));
}
