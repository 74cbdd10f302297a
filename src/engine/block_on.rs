//! How does one run an `async` block at all?
//!
//! A future does nothing by itself: somebody calls `poll`, and it answers either "ready, here is the
//! value" or "pending". Pending is a promise: *the waker that you gave me is where I wait, and will be
//! called when it is worth polling again.* So the smallest executor is a loop of two lines: poll; if
//! pending, sleep until the waker is called. The thread's permit is that waker. As a wake before the
//! sleep is kept, the waker may be called while the future is still being polled, and nothing is lost.
//!
//! `Context` is just the envelope in which the waker travels. `pin!` promises that the future will not
//! move in memory from now on: an `async` block may hold references into itself.
//!
//! This is not the runtime: no tasks, no timers, no sockets. It serves where a thread outside of one
//! must wait for something inside (`blocking_recv` and its siblings).
//!
//! Next: `clock.rs`; from here to `trace.rs` come the small parts on which the runtime stands.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_task::{ArcWake, waker_ref};

use super::park::Parker;

impl ArcWake for Parker {
    fn wake_by_ref(parker: &Arc<Self>) {
        parker.unpark();
    }
}

/// Runs one future to its end, and sleeps whenever it has nothing to do.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let parker = Arc::new(Parker::new());
    let waker = waker_ref(&parker);
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => return output,
            Poll::Pending => parker.park(),
        }
    }
}
