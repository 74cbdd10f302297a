//! A future, polled by hand, with a waker that counts.
//!
//! Under a runtime one sees that a task was woken only from what it does next. Here the test is the
//! runtime: it polls when it wants to, and asks in between whether somebody has called.

// Each test uses its part.
#![allow(dead_code)]

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use futures::task::{ArcWake, waker};

/// A waker that counts how often it was called, and how many of it there are.
#[derive(Default)]
pub struct Wakes(Arc<Count>);

#[derive(Default)]
struct Count(AtomicUsize);

impl ArcWake for Count {
    fn wake_by_ref(count: &Arc<Self>) {
        count.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Wakes {
    pub fn waker(&self) -> Waker {
        waker(self.0.clone())
    }

    /// Calls since the last time that this was asked.
    pub fn take(&self) -> usize {
        self.0.0.swap(0, Ordering::SeqCst)
    }

    /// How many wakers are kept somewhere.
    pub fn kept(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }

    /// Calls a `poll` function with this waker.
    pub fn poll<R>(&self, poll: impl FnOnce(&mut Context<'_>) -> R) -> R {
        poll(&mut Context::from_waker(&self.waker()))
    }
}

/// A future with its own [`Wakes`].
pub struct Probe<F> {
    future: Pin<Box<F>>,
    pub wakes: Wakes,
}

impl<F: Future> Probe<F> {
    pub fn new(future: F) -> Self {
        Probe { future: Box::pin(future), wakes: Wakes::default() }
    }

    pub fn poll(&mut self) -> Poll<F::Output> {
        self.wakes.take();
        self.future.as_mut().poll(&mut Context::from_waker(&self.wakes.waker()))
    }

    /// Whether it was woken since the last poll, and since this was asked last.
    pub fn is_woken(&self) -> bool {
        self.wakes.take() > 0
    }

    #[track_caller]
    pub fn assert_pending(&mut self) {
        assert!(self.poll().is_pending());
    }

    #[track_caller]
    pub fn assert_ready(&mut self) -> F::Output {
        match self.poll() {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("the future is pending"),
        }
    }
}

/// Random numbers, the same ones in each run.
pub struct Random(pub u64);

impl Random {
    /// A number below `limit`. (The generator is Marsaglia's xorshift.)
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % limit
    }
}
