//! How do many tasks wait for one event that wakes them all?
//!
//! Tasks that wait for a lock are woken one by one, in the order of a queue. Tasks that wait for a new value of a
//! `watch` or a `broadcast` are all woken by the same event. So they need no queue: their wakers are in a set, and the
//! event empties the set. Each time it does, a new **epoch** begins:
//!
//! ```text
//!   wait:    lock; condition? ── no ──▶ insert the waker, keep its key (epoch 7, index 2); unlock
//!   event:   make the condition true; lock; take all wakers, epoch = 8; unlock; wake them
//!   drop:    a key of epoch 7 in epoch 8 is stale: nothing is left to remove
//! ```
//!
//! The race. A: the condition is false … B: makes it true, finds no waker … A: inserts its waker and waits for
//! ever. It cannot happen: A checks the condition and inserts the waker under one lock, and B makes it true before
//! it takes that lock. Either A sees the condition, or B finds the waker.
//!
//! No user code runs under the lock: wakers are cloned before it, and called and dropped after it.
//!
//! Next: `error.rs`.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use slab::Slab;

use super::wait_queue::WakeList;
use crate::engine::coop;
use crate::engine::prim::atomic::AtomicUsize;
use crate::engine::prim::atomic::Ordering::Relaxed;
use crate::engine::prim::{Mutex, discard};
use crate::engine::trace::{self, WaitReason};

/// A set with room for more wakers than this is freed when it is empty. Arbitrary: a burst of waiters leaves at most
/// some kilobytes behind.
const KEEP_CAPACITY: usize = 64;

/// The wakers of tasks that wait for the same event, and the state that they wait on, under one lock.
pub(crate) struct WakerSet<S> {
    /// How often the set was emptied. It changes under the lock. Relaxed: without the lock it is a hint.
    epoch: AtomicUsize,
    inner: Mutex<Inner<S>>,
}

struct Inner<S> {
    state: S,
    wakers: Slab<Waker>,
}

/// Identifies a waker until it is removed or the epoch ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    epoch: usize,
    index: usize,
}

impl<S> Inner<S> {
    fn free_if_empty(&mut self) {
        if self.wakers.is_empty() && self.wakers.capacity() > KEEP_CAPACITY {
            self.wakers = Slab::new();
        }
    }
}

impl<S> WakerSet<S> {
    pub(crate) fn new(state: S) -> Self {
        let inner = Inner { state, wakers: Slab::new() };
        WakerSet { epoch: AtomicUsize::new(0), inner: Mutex::new(inner) }
    }

    /// Calls `access` with the state, under the lock.
    pub(crate) fn with<R>(&self, access: impl FnOnce(&mut S) -> R) -> R {
        access(&mut self.inner.lock().state)
    }

    /// Changes the state under the lock, and then wakes all tasks.
    pub(crate) fn change_and_wake<R>(&self, change: impl FnOnce(&mut S) -> R) -> R {
        let (result, wakers) = self.change(change);
        wakers.wake_all();
        result
    }

    /// Changes the state under the lock, and takes all wakers, for the caller to wake.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut S) -> R) -> (R, WakeList) {
        let mut wakers = WakeList::default();
        let mut inner = self.inner.lock();
        let result = change(&mut inner.state);
        if !inner.wakers.is_empty() {
            self.epoch.store(self.epoch.load(Relaxed) + 1, Relaxed);
            wakers.extend(inner.wakers.drain());
            inner.free_if_empty();
        }
        (result, wakers)
    }

    /// Checks a condition under the lock. If it does not hold yet, the waker is in the set before the lock is
    /// released. While `key` is some, the future must [`remove`](WakerSet::remove) it when it is dropped.
    pub(crate) fn poll<R>(
        &self,
        cx: &mut Context<'_>,
        key: &mut Option<Key>,
        mut check: impl FnMut(&mut S) -> Poll<R>,
    ) -> Poll<R> {
        key.take_if(|key| !self.is_current(*key));
        // The caller has found that the condition does not hold, so the waker will mostly be needed: cloned here, it
        // saves a second check.
        let mut ours = key.is_none().then(|| cx.waker().clone());
        let mut old = None;
        let result = loop {
            let mut inner = self.inner.lock();
            let result = check(&mut inner.state);
            if result.is_ready() {
                break result;
            }
            key.take_if(|key| !self.is_current(*key));
            let stored = key.map(|key| &mut inner.wakers[key.index]);
            if stored.as_ref().is_some_and(|stored| stored.will_wake(cx.waker())) {
                break Poll::Pending;
            }
            if let Some(waker) = ours.take() {
                match stored {
                    Some(stored) => old = Some(mem::replace(stored, waker)),
                    None => {
                        let index = inner.wakers.insert(waker);
                        *key = Some(Key { epoch: self.epoch.load(Relaxed), index });
                    }
                }
                break Poll::Pending;
            }
            drop(inner);
            ours = Some(cx.waker().clone());
        };
        discard(old);
        discard(ours);
        result
    }

    /// Removes the waker of a future that waits no longer, if it is still in the set.
    pub(crate) fn remove(&self, key: &mut Option<Key>) {
        let Some(key) = key.take().filter(|key| self.is_current(*key)) else { return };
        let mut inner = self.inner.lock();
        let waker = self.is_current(key).then(|| inner.wakers.remove(key.index));
        inner.free_if_empty();
        drop(inner);
        discard(waker);
    }

    /// Whether the waker is still in the set. Without the lock, only false is certain.
    fn is_current(&self, key: Key) -> bool {
        self.epoch.load(Relaxed) == key.epoch
    }
}

/// The poll of a future that waits for something: uses up the budget when it is ready, and tells the trace `what` it
/// waits for while it is pending.
pub(crate) fn poll_leaf<R>(
    cx: &mut Context<'_>,
    what: &'static str,
    poll: impl FnOnce(&mut Context<'_>) -> Poll<R>,
) -> Poll<R> {
    ready!(coop::poll_proceed(cx));
    let result = poll(cx);
    match result {
        Poll::Ready(_) => coop::made_progress(),
        Poll::Pending => trace::waits(WaitReason::On { what }),
    }
    result
}

/// What receives values, and has the key of its waker.
pub(crate) trait Receive {
    type Output;

    /// Receives. While it is pending, the waker is in a set.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Self::Output>;

    /// Removes the waker from the set.
    fn cancel(&mut self);
}

/// Waits for what a receiver receives next. When it is dropped, its waker is removed.
#[must_use = "futures do nothing unless awaited"]
pub(crate) struct Recv<R: Receive>(pub(crate) R);

impl<R: Receive + Unpin> Future for Recv<R> {
    type Output = R::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R::Output> {
        self.0.poll_receive(cx)
    }
}

impl<R: Receive> Drop for Recv<R> {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
