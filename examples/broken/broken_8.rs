//! Puzzle 8 of 8: deadlines in a tree.
//!
//! The sleeps are kept in the order of their deadlines. In each turn the runtime wakes those that are
//! due and polls the queued tasks.
//!
//! It breaks a law that every runtime must keep. Read it, and find the line; then run it, which tells
//! you the law: `cargo run --example broken_8`. Mend it, and run it again. What was wrong stands at
//! the very end of the file.

#[path = "../../tests/laws/mod.rs"]
mod laws;

use laws::contract::{Boxed, Runtime};
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};
use std::{mem, thread};

thread_local!(static CURRENT: RefCell<Option<Arc<Executor>>> = const { RefCell::new(None) });

struct Executor {
    queue: Mutex<VecDeque<Arc<Task>>>,
    tasks: Mutex<Vec<Arc<Task>>>, // all of them, to drop what is left
    timers: Mutex<BTreeMap<(Instant, usize), Waker>>,
    sleeps: AtomicUsize, // so many were made; the number tells those of one deadline apart
}

impl Executor {
    fn next_task(&self) -> Option<Arc<Task>> {
        self.queue.lock().unwrap().pop_front()
    }

    fn wake_sleepers(&self) {
        let over = |timers: &mut BTreeMap<(Instant, usize), Waker>| {
            let first = timers.first_entry().filter(|first| first.key().0 <= Instant::now());
            first.map(|first| first.remove())
        };
        loop {
            let waker = over(&mut self.timers.lock().unwrap());
            let Some(waker) = waker else { return };
            waker.wake(); // the lock is free
        }
    }
}

fn run(mut root: Boxed<'static>) {
    let (queue, tasks, timers, sleeps) = Default::default();
    let executor = Arc::new(Executor { queue, tasks, timers, sleeps });
    let outer = CURRENT.replace(Some(executor.clone()));
    let root_waker = Arc::new(Root { woken: true.into(), thread: thread::current() });
    let waker = root_waker.clone().into();
    let end = catch_unwind(AssertUnwindSafe(|| {
        loop {
            let woken = root_waker.woken.swap(false, SeqCst);
            if woken && root.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                return;
            }
            executor.wake_sleepers();
            if let Some(task) = executor.next_task() {
                task.run();
            }
        }
    }));
    drop(root);
    let tasks = mem::take(&mut *executor.tasks.lock().unwrap());
    tasks.iter().for_each(|task| drop(task.future.lock().unwrap().take()));
    CURRENT.set(outer);
    end.unwrap_or_else(|panic| resume_unwind(panic));
}

/// The waker of the root future, which is in no queue.
struct Root {
    woken: AtomicBool,
    thread: thread::Thread,
}

impl Wake for Root {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, SeqCst);
        self.thread.unpark();
    }
}

struct Task {
    queued: AtomicBool,
    future: Mutex<Option<Boxed<'static>>>,
    executor: Arc<Executor>,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        if !self.queued.swap(true, SeqCst) {
            let executor = self.executor.clone();
            executor.queue.lock().unwrap().push_back(self);
        }
    }
}

impl Task {
    fn run(self: Arc<Self>) {
        self.queued.store(false, SeqCst);
        let Some(mut future) = self.future.lock().unwrap().take() else { return };
        let waker = self.clone().into();
        let poll = || future.as_mut().poll(&mut Context::from_waker(&waker));
        if let Ok(Poll::Pending) = catch_unwind(AssertUnwindSafe(poll)) {
            *self.future.lock().unwrap() = Some(future);
        }
    }
}

fn spawn(future: Boxed<'static>) {
    let executor = CURRENT.with_borrow(Clone::clone).expect("called outside of `run`");
    let (queued, future) = (false.into(), Mutex::new(Some(future)));
    let task = Arc::new(Task { queued, future, executor: executor.clone() });
    executor.tasks.lock().unwrap().push(task.clone());
    task.wake();
}

struct Sleep {
    key: (Instant, usize),
    executor: Arc<Executor>,
}

fn sleep(duration: Duration) -> Boxed<'static> {
    let executor = CURRENT.with_borrow(Clone::clone).expect("called outside of `run`");
    let deadline = Instant::now() + duration.min(Duration::from_secs(1 << 30)); // decades
    let key = (deadline, executor.sleeps.fetch_add(1, SeqCst));
    Box::pin(Sleep { key, executor })
}

impl Future for Sleep {
    type Output = ();
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if Instant::now() >= self.key.0 {
            return Poll::Ready(());
        }
        let waker = cx.waker().clone();
        let _old = self.executor.timers.lock().unwrap().insert(self.key, waker);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let _waker = self.executor.timers.lock().unwrap().remove(&self.key);
    }
}

fn main() {
    let (spawn, sleep) = (Some(spawn as _), Some(sleep as _));
    laws::judge::main(Runtime { run, spawn, sleep, join: None, socket: None, threads: 1 });
}

// The fault: busy waiting. When no task is queued and no deadline is due, the loop goes round and reads the
// clock again. The thread must park, until the next deadline or for ever.
