//! Puzzle 4 of 8: a sleep on a good runtime.
//!
//! The runtime is Openwork, and only the sleep is made by hand: a thread waits for the deadline, sets a
//! flag, and wakes the task that waits.
//!
//! It breaks a law that every runtime must keep. Read it, and find the line; then run it, which tells
//! you the law: `cargo run --example broken_4`. Mend it, and run it again. What was wrong stands at
//! the very end of the file.

#[path = "../../tests/laws/mod.rs"]
mod laws;

use laws::contract::{Boxed, Runtime};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

fn run(root: Boxed<'static>) {
    openwork::block_on(root);
}

fn spawn(future: Boxed<'static>) {
    openwork::spawn(future);
}

/// Whether it is over, and the waker of the task that waits.
#[derive(Default)]
struct Sleep(Arc<Mutex<(bool, Option<Waker>)>>);

fn sleep(duration: Duration) -> Boxed<'static> {
    let sleep = Sleep::default();
    let shared = sleep.0.clone();
    thread::spawn(move || {
        thread::sleep(duration);
        let (_, waker) = std::mem::replace(&mut *shared.lock().unwrap(), (true, None));
        waker.into_iter().for_each(Waker::wake);
    });
    Box::pin(sleep)
}

impl Future for Sleep {
    type Output = ();
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut waker = Some(cx.waker().clone());
        let (over, waiting) = &mut *self.0.lock().unwrap();
        std::mem::swap(waiting, &mut waker); // the old one is dropped last, after the lock
        if *over { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let _waker = self.0.lock().unwrap().1.take();
    }
}

fn main() {
    let (spawn, sleep) = (Some(spawn as _), Some(sleep as _));
    laws::judge::main(Runtime { run, spawn, sleep, join: None, socket: None, threads: 1 });
}

// The fault: a thread for each timer. Each costs a stack and an entry in the kernel's tables, and stays
// until its deadline, even if the sleep was dropped. One thread can wait for all deadlines.
