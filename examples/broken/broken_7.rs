//! Puzzle 7 of 8: two threads that share a queue.
//!
//! The queue is a channel. Each worker takes the next task out of it, polls the task, and comes back for
//! more; while there is none, it waits at the channel.
//!
//! It breaks a law that every runtime must keep. Read it, and find the line; then run it, which tells
//! you the law: `cargo run --example broken_7`. Mend it, and run it again. What was wrong stands at
//! the very end of the file.

#[path = "../../tests/laws/mod.rs"]
mod laws;

use laws::contract::{Boxed, Runtime};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake};
use std::{mem, thread};

thread_local!(static CURRENT: RefCell<Option<Arc<Executor>>> = const { RefCell::new(None) });

type Message = Option<Arc<Task>>; // none: exit

struct Executor {
    queue: Sender<Message>,
    tasks: Mutex<Vec<Arc<Task>>>, // all of them, to drop what is left
}

fn work(executor: Arc<Executor>, receive: &Mutex<Receiver<Message>>) {
    CURRENT.set(Some(executor));
    while let Ok(Some(task)) = receive.lock().unwrap().recv() {
        task.run();
    }
    CURRENT.take();
}

fn run(mut root: Boxed<'static>) {
    let (send, receive) = mpsc::channel();
    let executor = Arc::new(Executor { queue: send, tasks: Mutex::default() });
    let receive = Arc::new(Mutex::new(receive));
    let workers = [(); 2].map(|()| {
        let (executor, receive) = (executor.clone(), receive.clone());
        thread::spawn(move || work(executor, &receive))
    });
    let outer = CURRENT.replace(Some(executor.clone()));
    let root_waker = Arc::new(Root { woken: true.into(), thread: thread::current() });
    let waker = root_waker.clone().into();
    let end = catch_unwind(AssertUnwindSafe(|| {
        loop {
            let woken = root_waker.woken.swap(false, SeqCst);
            if woken && root.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                return;
            }
            if !root_waker.woken.load(SeqCst) {
                thread::park();
            }
        }
    }));
    workers.iter().for_each(|_| executor.queue.send(None).unwrap());
    workers.into_iter().for_each(|worker| worker.join().unwrap());
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
            let _ = self.executor.queue.send(Some(self.clone())); // or all workers have exited
        }
    }
}

impl Task {
    fn run(self: Arc<Self>) {
        let waker = self.clone().into();
        // If it was woken during a poll, the other worker may take it, and waits here.
        let mut slot = self.future.lock().unwrap();
        self.queued.store(false, SeqCst);
        let Some(future) = slot.as_mut() else { return };
        let poll = || future.as_mut().poll(&mut Context::from_waker(&waker));
        if !matches!(catch_unwind(AssertUnwindSafe(poll)), Ok(Poll::Pending)) {
            *slot = None;
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
    laws::judge::main(Runtime { run, spawn, sleep: None, join: None, socket: None, threads: 2 });
}

// The fault: a lock that is held while polling. The value that `while let` matches lives to the end of its body,
// and with it the guard of the lock: one worker polls while the other waits for the lock. Take the message in
// a `let` of its own: `let message = receive.lock().unwrap().recv();`
