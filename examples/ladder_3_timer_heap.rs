//! The ladder, step 3 of 6: tasks that sleep, and one thread that waits for all of them.
//!
//! A sleep of 100 ms needs no thread, only a record of the waker and the deadline. A heap keeps the
//! earliest deadline on top. The thread wakes the sleeps that are due, polls the queued tasks, and
//! parks no longer than until the next deadline.
//!
//! New: `Timers`, `sleep` in the place of `ask`, and a limit to the thread's park.
//! Still wrong: a sleep that was polled and dropped still wakes its task at the deadline. A very
//! long one overflows. A wait for a socket takes a thread. The rest is as in step 2.
//! In the engine: `src/engine/timer.rs`.
//! `cargo run --example ladder_3_timer_heap`: sleeps of 300, 100 and 200 ms, over in 300, not 600.

use crossbeam_queue::SegQueue;
use futures_task::{ArcWake, waker_ref};
use slab::Slab;
use std::cmp::Reverse;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use std::{cell::RefCell, collections::BinaryHeap, future::poll_fn, pin::Pin, thread};

struct Executor {
    thread: thread::Thread,
    unfinished: AtomicUsize, // tasks, counted by this thread alone
    queue: SegQueue<Arc<Task>>,
    timers: Mutex<Timers>,
}

thread_local!(static CURRENT: RefCell<Option<Arc<Executor>>> = const { RefCell::new(None) });

pub fn block_on(future: impl Future<Output = ()> + Send + 'static) {
    let (unfinished, queue, timers) = Default::default();
    let executor = Arc::new(Executor { thread: thread::current(), unfinished, queue, timers });
    let outer = CURRENT.replace(Some(executor.clone()));
    spawn(future);
    while executor.unfinished.load(Relaxed) > 0 {
        let timeout = wake_sleepers(&executor);
        if let Some(task) = executor.queue.pop() {
            run(&executor, &task);
            continue;
        }
        // The wake may come right here, after the poll and before the park. It is not lost:
        // `unpark` leaves a permit, and `park` returns at once when there is one. A bare signal
        // would find no thread parked, and this one would then wait for ever.
        thread::park_timeout(timeout.unwrap_or(Duration::MAX));
    }
    CURRENT.set(outer);
}

/// A future that can be queued: its `Arc` is its waker, and its entry in the queue.
struct Task {
    queued: AtomicBool, // woken twice, it is queued once
    future: Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>, // none: it runs or has ended
    executor: Arc<Executor>,
}
impl ArcWake for Task {
    fn wake_by_ref(this: &Arc<Self>) {
        if !this.queued.swap(true, AcqRel) {
            this.executor.queue.push(this.clone());
            this.executor.thread.unpark();
        }
    }
}

fn run(executor: &Executor, task: &Arc<Task>) {
    // The flag is cleared before the poll. A message may come during the poll, when the task has
    // just looked for one in vain: the waker finds the flag cleared, and queues the task again.
    // If the flag were still set, the waker would do nothing, and the message would be lost.
    task.queued.swap(false, AcqRel); // as in `wake_by_ref`: the second sees what the first did
    // The lock is for the compiler: no other thread takes the future. User code runs without it.
    let Some(mut future) = task.future.lock().unwrap().take() else { return }; // it has ended
    if future.as_mut().poll(&mut Context::from_waker(&waker_ref(task))).is_pending() {
        *task.future.lock().unwrap() = Some(future);
        return;
    }
    executor.unfinished.fetch_sub(1, Relaxed);
}

pub fn spawn(future: impl Future<Output = ()> + Send + 'static) {
    let executor = CURRENT.with_borrow(Clone::clone).expect("called outside of `block_on`");
    executor.unfinished.fetch_add(1, Relaxed);
    let (queued, future) = (AtomicBool::new(false), Mutex::new(Some(Box::pin(future) as _)));
    Arc::new(Task { queued, future, executor }).wake();
}

/// Deadlines, the earliest on top, each with the key of its waker. The wakers are apart, since a
/// sleep that is polled by another task changes its waker, and a heap cannot be searched.
#[derive(Default)]
struct Timers {
    heap: BinaryHeap<Reverse<(Instant, usize)>>,
    wakers: Slab<Option<Waker>>,
}

/// Wakes the sleeps that are due, and returns the time until the next deadline.
fn wake_sleepers(executor: &Executor) -> Option<Duration> {
    let now = Instant::now();
    loop {
        let mut timers = executor.timers.lock().unwrap();
        let &Reverse((deadline, key)) = timers.heap.peek()?;
        if deadline > now {
            return Some(deadline - now);
        }
        timers.heap.pop();
        let waker = timers.wakers.remove(key); // only now may another sleep have this key
        drop(timers); // a waker is user code: never wake one, or drop one, under a lock
        waker.into_iter().for_each(Waker::wake);
    }
}

pub fn sleep(duration: Duration) -> impl Future<Output = ()> {
    let executor = CURRENT.with_borrow(Clone::clone).expect("called outside of `block_on`");
    let deadline = Instant::now() + duration;
    let mut timers = executor.timers.lock().unwrap();
    let key = timers.wakers.insert(None);
    timers.heap.push(Reverse((deadline, key)));
    drop(timers);
    poll_fn(move |cx| {
        // First the lock, then the clock. In the other order: this thread finds it too early; then
        // `wake_sleepers` on another thread pops the entry and finds no waker; then the waker comes,
        // after its only wake, under a key that another sleep may have by now.
        let mut timers = executor.timers.lock().unwrap();
        if Instant::now() >= deadline {
            return Poll::Ready(());
        }
        let _old = timers.wakers[key].replace(cx.waker().clone());
        drop(timers);
        Poll::Pending
    })
}

fn main() {
    let start = Instant::now();
    block_on(async move {
        for ms in [300, 100, 200] {
            spawn(async move {
                println!("task {ms}: sleeps {ms} ms");
                sleep(Duration::from_millis(ms)).await;
                println!("task {ms}: awake after {} ms", start.elapsed().as_millis());
            });
        }
        drop(sleep(Duration::from_millis(50))); // never polled: there is no waker
    });
    println!("all done after {} ms, the time of the longest", start.elapsed().as_millis());
}
