//! Wakers that were not made by us: they call back, they panic, they own things.

use std::sync::{Arc, Mutex};
use std::task::Waker;

use futures::task::{ArcWake, waker};

struct Calls<F: Fn() + Send + Sync>(F);

impl<F: Fn() + Send + Sync + 'static> ArcWake for Calls<F> {
    fn wake_by_ref(calls: &Arc<Self>) {
        (calls.0)();
    }
}

/// Calls a closure when it is woken, and drops it with itself.
pub fn calls(call: impl Fn() + Send + Sync + 'static) -> Waker {
    waker(Arc::new(Calls(call)))
}

#[allow(dead_code, reason = "it is there to be dropped")]
struct Owns<T>(Mutex<T>);

impl<T: Send + 'static> ArcWake for Owns<T> {
    fn wake_by_ref(_: &Arc<Self>) {}
}

/// Owns something that goes with the waker.
pub fn owns<T: Send + 'static>(something: T) -> Waker {
    waker(Arc::new(Owns(Mutex::new(something))))
}
