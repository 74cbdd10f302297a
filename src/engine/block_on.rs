//! The smallest executor: one future, one thread.
//!
//! A future does nothing until it is polled. `poll` answers `Ready` with the value, or `Pending`. `Pending` is
//! a promise: the future has kept the waker that it was given, and the waker is called when another poll is
//! worth while. So the smallest executor is a short loop: poll; if pending, park until the waker is
//! called. The thread's [`Parker`] is the waker. It remembers a wake that comes before the park, so the waker
//! may be called even while the future is being polled.
//!
//! `Context` carries the waker. `pin!` promises that the future does not move in memory any more: an `async`
//! block may hold references into itself.
//!
//! This is not the runtime, whose own `block_on` is in `root.rs`: no tasks, no timers, no sockets. It serves where a
//! thread outside of a runtime waits for something inside: `Handle::block_on`, `blocking_recv` and the like.
//!
//! Next: `clock.rs`. From there to `trace.rs` come the small parts that the runtime is built from.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_task::{ArcWake, waker_ref};

use super::park::Parker;
use super::prim::yield_now;

/// How often a thread yields its processor before it parks: a task that another thread runs is often ready before
/// this one would have parked and been woken. With 0, `block_on` of a spawned task takes 40 µs instead of 9 to 20 (row
/// `block_on_spawn_join` of the benchmark, two processors).
const YIELDS_BEFORE_PARK: usize = if cfg!(loom) { 1 } else { 48 };

impl ArcWake for Parker {
    fn wake_by_ref(parker: &Arc<Self>) {
        parker.unpark();
    }
}

/// Runs one future to its end on this thread, and parks while it is pending.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let parker = Arc::new(Parker::new());
    let waker = waker_ref(&parker);
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
        for _ in 0..YIELDS_BEFORE_PARK {
            if parker.is_notified() {
                break;
            }
            yield_now();
        }
        parker.park();
    }
}
