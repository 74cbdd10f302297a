//! Puzzle 3 of 8: a queue, and a flag for each task that is in it.
//!
//! A task may be woken many times before it is polled, but it must be queued once. So it has a flag
//! that says whether it is.
//!
//! It breaks a law that every runtime must keep. Read it, and find the line; then run it, which tells
//! you the law: `cargo run --example broken_3`. Mend it, and run it again. What was wrong stands at
//! the very end of the file.

#[path = "../../tests/laws/mod.rs"]
mod laws;

use laws::contract::{Boxed, Runtime};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake};
use std::{mem, thread};

thread_local!(static CURRENT: RefCell<Option<Arc<Executor>>> = const { RefCell::new(None) });

struct Executor {
    queue: Mutex<VecDeque<Arc<Task>>>,
    tasks: Mutex<Vec<Arc<Task>>>, // all of them, to drop what is left
    thread: thread::Thread,
}

impl Executor {
    fn next_task(&self) -> Option<Arc<Task>> {
        self.queue.lock().unwrap().pop_front()
    }
}

fn run(mut root: Boxed<'static>) {
    let (queue, tasks) = Default::default();
    let executor = Arc::new(Executor { queue, tasks, thread: thread::current() });
    let outer = CURRENT.replace(Some(executor.clone()));
    let root_waker = Arc::new(Root { woken: true.into(), thread: thread::current() });
    let waker = root_waker.clone().into();
    let end = catch_unwind(AssertUnwindSafe(|| {
        loop {
            let woken = root_waker.woken.swap(false, SeqCst);
            if woken && root.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                return;
            }
            if let Some(task) = executor.next_task() {
                task.run();
            } else if !root_waker.woken.load(SeqCst) {
                thread::park();
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
            executor.thread.unpark();
        }
    }
}

impl Task {
    fn run(self: Arc<Self>) {
        let Some(mut future) = self.future.lock().unwrap().take() else { return };
        let waker = self.clone().into();
        let poll = || future.as_mut().poll(&mut Context::from_waker(&waker));
        if let Ok(Poll::Pending) = catch_unwind(AssertUnwindSafe(poll)) {
            *self.future.lock().unwrap() = Some(future);
            self.queued.store(false, SeqCst);
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

fn main() {
    let spawn = Some(spawn as _);
    laws::judge::main(Runtime { run, spawn, sleep: None, join: None, socket: None, threads: 1 });
}

// The fault: a lost wake. The flag is cleared after the poll. A wake that comes during the poll finds it
// set and does nothing, and the poll may have looked already. It must be cleared before the poll.
