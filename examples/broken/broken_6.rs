//! Puzzle 6 of 8: another sleep on a good runtime.
//!
//! The runtime is Openwork, and only the sleep is made by hand. A task waits for the deadline, then sets a
//! flag and wakes the task that waits. Dropping the sleep aborts the first task.
//!
//! It breaks a law that every runtime must keep. Read it, and find the line; then run it, which tells
//! you the law: `cargo run --example broken_6`. Mend it, and run it again. What was wrong stands at
//! the very end of the file.

#[path = "../../tests/laws/mod.rs"]
mod laws;

use laws::contract::{Boxed, Runtime};
use openwork::task::AbortHandle;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

fn run(root: Boxed<'static>) {
    openwork::block_on(root);
}

fn spawn(future: Boxed<'static>) {
    openwork::spawn(future);
}

/// Whether it is over, and the waker of the task that waits.
type Shared = Arc<Mutex<(bool, Option<Waker>)>>;

struct Sleep {
    shared: Shared,
    sleeper: AbortHandle,
}

fn sleep(duration: Duration) -> Boxed<'static> {
    let shared = Shared::default();
    let sleep = openwork::time::sleep(duration);
    let theirs = shared.clone();
    let sleeper = openwork::spawn(async move {
        sleep.await;
        let (_, waker) = std::mem::replace(&mut *theirs.lock().unwrap(), (true, None));
        waker.into_iter().for_each(Waker::wake);
    });
    Box::pin(Sleep { shared, sleeper: sleeper.abort_handle() })
}

impl Future for Sleep {
    type Output = ();
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let (over, waiting) = &mut *self.shared.lock().unwrap();
        if *over {
            return Poll::Ready(());
        }
        waiting.get_or_insert_with(|| cx.waker().clone()); // to clone it once is enough
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.sleeper.abort();
        let _waker = self.shared.lock().unwrap().1.take();
    }
}

fn main() {
    let (spawn, sleep) = (Some(spawn as _), Some(sleep as _));
    laws::judge::main(Runtime { run, spawn, sleep, join: None, socket: None, threads: 1 });
}

// The fault: a stale waker. The waker of the first poll is kept. Where the sleep has moved to another task
// meanwhile, by `select`, in a `Vec` of futures or by a channel, it wakes the old one. The waker of the
// *last* poll counts; `Waker::will_wake` says whether a clone can be saved.
