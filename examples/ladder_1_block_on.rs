//! The ladder, step 1 of 6: one future on one thread.
//!
//! A future does nothing unless it is polled, but polling it all the time burns a processor. So the
//! thread parks, and gives the future a *waker*: the code that brings the answer unparks it so.
//!
//! New: `block_on` and its waker, and a future by hand, which another thread completes.
//! Still wrong: a thread for each future; and a future that parks the thread takes our permit.
//! In the engine: `src/engine/block_on.rs`, on the park state of `src/engine/park.rs`.
//! `cargo run --example ladder_1_block_on`: you will see two polls, 100 ms apart, not millions.

use futures_task::{ArcWake, waker};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use std::{mem, pin::Pin, pin::pin, thread};

pub fn block_on<F: Future>(future: F) -> F::Output {
    let waker = waker(Arc::new(Unpark { thread: thread::current() }));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        // The wake may come right here, after the poll and before the park. It is not lost:
        // `unpark` leaves a permit, and `park` returns at once when there is one. A bare signal
        // would find no thread parked, and this one would then wait for ever.
        thread::park();
    }
}

/// The waker of a future on this thread: a wake unparks the thread.
struct Unpark {
    thread: thread::Thread,
}
impl ArcWake for Unpark {
    fn wake_by_ref(this: &Arc<Self>) {
        this.thread.unpark();
    }
}

/// A future by hand: the answer, once it is there, and the waker of the task that waits for it.
#[derive(Clone, Default)]
struct Answer(Arc<Mutex<(Option<u32>, Option<Waker>)>>);

impl Future for Answer {
    type Output = u32;
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<u32> {
        let mut waker = Some(cx.waker().clone());
        let (answer, asker) = &mut *self.0.lock().unwrap(); // one lock for look and waker
        mem::swap(asker, &mut waker); // the old one is dropped last, after the lock
        println!("polled: {answer:?}");
        answer.map_or(Poll::Pending, Poll::Ready)
    }
}

fn ask(ms: u64) -> Answer {
    let answer = Answer::default();
    let there = answer.clone();
    thread::spawn(move || {
        thread::sleep(Duration::from_millis(ms)); // this is the work
        let (_, asker) = mem::replace(&mut *there.0.lock().unwrap(), (Some(42), None));
        asker.into_iter().for_each(Waker::wake); // the lock is free again
    });
    answer
}

fn main() {
    println!("the answer is {}", block_on(ask(100)));
}
