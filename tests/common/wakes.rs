//! A waker that counts, and a future that is polled by hand with it.
//!
//! A runtime shows that a task was woken only by polling it. Here the test is the runtime: it polls at any time, and
//! checks in between whether the waker was called.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};

use futures::task::{ArcWake, waker, waker_ref};

/// A waker that counts how often it was called, and how many of it there are.
#[derive(Debug, Default)]
pub struct Wakes(Arc<Count>);

#[derive(Debug, Default)]
struct Count(AtomicUsize);

impl ArcWake for Count {
    fn wake_by_ref(count: &Arc<Self>) {
        count.0.fetch_add(1, SeqCst);
    }
}

impl Wakes {
    pub fn new() -> Self {
        Wakes::default()
    }

    pub fn waker(&self) -> Waker {
        waker(self.0.clone())
    }

    /// Calls up to now, or since the last [`take`](Wakes::take).
    pub fn count(&self) -> usize {
        self.0.0.load(SeqCst)
    }

    /// The same, and begins again at 0.
    pub fn take(&self) -> usize {
        self.0.0.swap(0, SeqCst)
    }

    /// How many wakers are kept somewhere.
    pub fn kept(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }

    pub fn poll<F: Future + ?Sized>(&self, future: Pin<&mut F>) -> Poll<F::Output> {
        self.poll_fn(|cx| future.poll(cx))
    }

    /// Calls a `poll` function with this waker.
    pub fn poll_fn<R>(&self, poll: impl FnOnce(&mut Context<'_>) -> R) -> R {
        poll(&mut Context::from_waker(&waker_ref(&self.0)))
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
        self.wakes.poll(self.future.as_mut())
    }

    /// With another waker than its own.
    pub fn poll_with(&mut self, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.future.as_mut().poll(cx)
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

/// Calls a closure when it is dropped.
pub struct AtDrop<F: FnMut()>(pub F);

impl<F: FnMut()> Drop for AtDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
