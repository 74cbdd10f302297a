//! The future that waits for permits, and the guard that releases them.
//!
//! `G` is how both refer to what has the permits: a reference, or an `Arc`.
//!
//! Next: `semaphore.rs`.

use std::fmt;
use std::future::Future;
use std::mem;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::error::{AcquireError, TryAcquireError};
use super::permits::{HasPermits, assert_not_too_many};
use super::wait_queue::Key;
use crate::engine::block_on::block_on;
use crate::engine::{context, coop};

/// Waits for permits. Cancel safe: its place in the queue is lost, and permits that it was assigned go to the next
/// waiter.
///
/// # Panics
///
/// If it is polled after it was ready.
#[must_use = "futures do nothing unless awaited"]
pub struct AcquirePermits<G: Deref<Target: HasPermits>> {
    /// None once it was ready.
    from: Option<G>,
    wanted: usize,
    /// Its waiter, while there is one.
    key: Option<Key>,
    /// The result, until a poll with budget reports it.
    result: Option<Result<(), AcquireError>>,
}

impl<G: Deref<Target: HasPermits>> AcquirePermits<G> {
    // Inlined, so that the future is built where it is awaited. Without it the future was copied, and a send and a
    // receive took 48 ns instead of 35.
    #[track_caller]
    #[inline]
    pub(crate) fn new(from: G, wanted: usize) -> Self {
        assert_not_too_many(wanted);
        AcquirePermits { from: Some(from), wanted, key: None, result: None }
    }

    /// The poll of the future, for one that contains it.
    #[track_caller]
    pub(crate) fn poll_acquire(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<PermitGuard<G>, AcquireError>> {
        let Some(from) = &self.from else {
            panic!("the future that waits for {} was polled after it was ready", G::Target::WHAT);
        };
        let permits = from.permits();
        if self.result.is_none() {
            let polled = permits.poll_acquire(&mut self.key, self.wanted, G::Target::WHAT, cx);
            self.result = Some(ready!(polled));
        }
        if let Some(Ok(())) = self.result {
            permits.hold(self.wanted);
        }
        // The budget is asked for last, not at the head as elsewhere. Otherwise a poll without budget would end before
        // the task is in the queue, and later tasks would overtake it.
        ready!(coop::poll_proceed(cx));
        coop::made_progress();
        let from = self.from.take().expect("it was there at the head");
        let result = self.result.take().expect("it was set above");
        Poll::Ready(result.map(|()| PermitGuard { from, permits: self.wanted }))
    }

    /// Releases what it has, and leaves the queue. Returns whether it was polled and had reported no result.
    pub(crate) fn cancel(&mut self) -> bool {
        let Some(from) = &self.from else { return false };
        match (self.key.take(), self.result.take()) {
            (None, None) => return false,
            (Some(key), _) => from.permits().cancel(key, self.wanted),
            (None, Some(Ok(()))) => from.permits().release(self.wanted),
            (None, Some(Err(_))) => {}
        }
        true
    }
}

impl<G: Deref<Target: HasPermits> + Unpin> Future for AcquirePermits<G> {
    type Output = Result<PermitGuard<G>, AcquireError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_acquire(cx)
    }
}

impl<G: Deref<Target: HasPermits>> Drop for AcquirePermits<G> {
    fn drop(&mut self) {
        self.cancel();
    }
}

impl<G: Deref<Target: HasPermits>> fmt::Debug for AcquirePermits<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcquirePermits")
            .field("what", &G::Target::WHAT)
            .field("wanted", &self.wanted)
            .field("key", &self.key)
            .field("result", &self.result)
            .finish_non_exhaustive()
    }
}

/// Permits that were acquired. They are released when this is dropped.
#[derive(Debug)]
#[must_use = "permits are released at once if this is not kept"]
pub struct PermitGuard<G: Deref<Target: HasPermits>> {
    pub(super) from: G,
    pub(super) permits: usize,
}

impl<G: Deref<Target: HasPermits>> PermitGuard<G> {
    /// Takes permits if there are enough now.
    pub(crate) fn try_new(from: G, permits: usize) -> Result<Self, TryAcquireError> {
        from.permits().try_acquire(permits)?;
        Ok(PermitGuard { from, permits })
    }

    /// Never releases the permits.
    pub fn forget(mut self) {
        self.permits = 0;
    }

    /// Releases all permits but one.
    pub(super) fn release_all_but_one(&mut self) {
        let others = mem::replace(&mut self.permits, 1) - 1;
        self.from.permits().release(others);
    }
}

impl<G: Deref<Target: HasPermits>> Drop for PermitGuard<G> {
    fn drop(&mut self) {
        if self.permits > 0 {
            self.from.permits().release(self.permits);
        }
    }
}

/// Blocks the thread until the future is ready. `call` is what panics on a thread that runs a runtime's tasks.
#[track_caller]
pub(crate) fn blocking<F: Future>(call: &str, future: F) -> F::Output {
    context::assert_may_block(call);
    block_on(future)
}
