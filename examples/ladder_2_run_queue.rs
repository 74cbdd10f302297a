//! The ladder, step 2 of 6: many tasks on one thread.
//!
//! A thread for each future is expensive. So each future gets a waker of its own, which pushes it
//! to a queue. The thread polls the queue in order, and parks when the queue is empty.
//!
//! New: `Task`, which is a waker too, the queue, and `spawn`, which finds it by `CURRENT`.
//! Still wrong: each wait for a deadline or a socket takes a thread. A task has no output; a panic
//! of one ends all; one that never ends keeps `block_on` from returning. One thread polls them all.
//! In the engine: `task.rs`, `state.rs` and `queue.rs` in `src/engine`.
//! `cargo run --example ladder_2_run_queue`: three tasks, and three threads that wake them.

use crossbeam_queue::SegQueue;
use futures_task::{ArcWake, waker_ref};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use std::{cell::RefCell, mem, pin::Pin, thread};

struct Executor {
    thread: thread::Thread,
    unfinished: AtomicUsize, // tasks, counted by this thread alone
    queue: SegQueue<Arc<Task>>,
}

thread_local!(static CURRENT: RefCell<Option<Arc<Executor>>> = const { RefCell::new(None) });

pub fn block_on(future: impl Future<Output = ()> + Send + 'static) {
    let (unfinished, queue) = Default::default();
    let executor = Arc::new(Executor { thread: thread::current(), unfinished, queue });
    let outer = CURRENT.replace(Some(executor.clone()));
    spawn(future);
    while executor.unfinished.load(Relaxed) > 0 {
        if let Some(task) = executor.queue.pop() {
            run(&executor, &task);
            continue;
        }
        // The wake may come right here, after the poll and before the park. It is not lost:
        // `unpark` leaves a permit, and `park` returns at once when there is one. A bare signal
        // would find no thread parked, and this one would then wait for ever.
        thread::park();
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
    block_on(async {
        for ms in [300, 100, 200] {
            spawn(async move {
                println!("task {ms}: asks");
                println!("task {ms}: the answer is {}", ask(ms).await);
            });
        }
    });
}
