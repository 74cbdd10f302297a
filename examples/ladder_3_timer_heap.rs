//! The ladder, step 3 of 6: tasks that sleep, and one thread that sleeps for all of them.
//!
//! To wait 100 ms takes no thread, only somebody who remembers whom to wake, and when. A heap keeps
//! the earliest deadline on top. The thread wakes those whose time has come, runs who is in line,
//! and sleeps itself no longer than until the next deadline.
//!
//! New: `Timers`, `sleep` in the place of `ask`, and an end to the thread's own sleep.
//! Still wrong: a sleep that was polled and dropped wakes its task at the deadline all the same. A
//! very long one overflows. To wait for a socket takes a thread. The rest is as in step 2.
//! Grown up: `src/engine/timer.rs`.
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
        // The wake may come right here, after we have looked and before we park. It is not lost:
        // `unpark` leaves a permit, and `park` returns at once when there is one. A bare signal
        // would find nobody asleep, and we would then sleep for ever.
        thread::park_timeout(timeout.unwrap_or(Duration::MAX));
    }
    CURRENT.set(outer);
}

/// A future that finds its way back into the queue: its `Arc` is its waker, and its place in line.
struct Task {
    queued: AtomicBool, // woken twice, it stands in line once
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
    // The flag goes down before the poll. Say that a message comes while the task is polled, when
    // it has just looked for one in vain: its waker finds the flag down and puts it back in line.
    // Were the flag still up, the waker would do nothing, and the message would wait for ever.
    task.queued.swap(false, AcqRel); // as in `wake_by_ref`: the second sees what the first did
    // The lock is for the compiler: nobody else takes the future. Foreign code runs without it.
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

/// When, and by its key who; the earliest on top. The wakers stand apart, since a sleep that is
/// polled again by another task changes its own, and a heap cannot be searched.
#[derive(Default)]
struct Timers {
    heap: BinaryHeap<Reverse<(Instant, usize)>>,
    wakers: Slab<Option<Waker>>,
}

/// Wakes those whose deadline has come, and says how long it is to the next one.
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
        drop(timers); // a waker is foreign code: never wake one, or drop one, under a lock
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
        // First the lock, then the clock. The other way round another thread that polls this might
        // find it too early; then `wake_sleepers` takes the entry off the heap and finds no waker;
        // then the waker comes, for nobody to wake, under a key that may be somebody else's.
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
        drop(sleep(Duration::from_millis(50))); // never polled: nobody to wake
    });
    println!("all done after {} ms, the time of the longest", start.elapsed().as_millis());
}
