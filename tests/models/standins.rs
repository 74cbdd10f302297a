//! What stands in for std, crossbeam and the clock in a model.
//!
//! Loom sees the atomics that are its own, and cannot look into the kernel, crossbeam's queues or the processor's
//! clock. So under `--cfg loom` the engine's real files run on these:
//!
//! - A **mutex** acquires when it is locked and releases when it is unlocked, and no more. Loom's own acts as a
//!   sequentially consistent fence too, and so hides that a fence is missing; and its `try_lock` may wait.
//! - **Time** passes only when a thread waits with a limit: the wait is over at once, and the clock has moved by the
//!   limit. So no model depends on how fast it runs.
//! - A **queue** hands a task over: what was written before the push is visible after the pop. Its length is a hint
//!   that may be old, as crossbeam promises no more.
//!
//! The kernel's poller has a stand-in among the models (`tests/models/poller.rs`).

use std::cell::Cell;
use std::collections::VecDeque;
use std::time::Instant;

use loom::sync::atomic::{
    AtomicBool, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
};

pub(crate) use loom::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard, atomic};
pub(crate) use loom::thread::{self, yield_now};

// Loom's does not know `const`.
macro_rules! model_thread_local {
    ($($(#[$attribute:meta])* static $name:ident: $type:ty = const $init:block;)*) => {
        ::loom::thread_local! { $($(#[$attribute])* static $name: $type = $init;)* }
    };
}
pub(crate) use model_thread_local as thread_local;

// ---- time ----

// Std's: the threads of a model are coroutines of one thread of the system.
std::thread_local! {
    static TIME: Cell<Option<Instant>> = const { Cell::new(None) };
}

pub(crate) fn now() -> Instant {
    TIME.with(|time| {
        let now = time.get().unwrap_or_else(Instant::now);
        time.set(Some(now));
        now
    })
}

/// Moves the model's clock forward.
#[cfg(test)]
pub(crate) fn advance(by: std::time::Duration) {
    let now = now();
    TIME.with(|time| time.set(now.checked_add(by)));
}

// ---- locks ----

// For the models of the library, which reach this file without `test`. They neither try a lock nor wait with a limit,
// and have far fewer schedules with loom's own locks.
#[cfg(not(test))]
pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard};

#[cfg(test)]
pub(crate) use locks::{Condvar, Mutex, MutexGuard};

#[cfg(test)]
mod locks {
    use std::collections::VecDeque;
    use std::ops::{Deref, DerefMut};
    use std::sync::{Arc, LockResult, PoisonError, TryLockError, TryLockResult};
    use std::time::Duration;

    use loom::sync::atomic::{
        AtomicBool, AtomicUsize,
        Ordering::{Acquire, Relaxed, Release},
    };
    use loom::thread::{self, Thread, yield_now};

    use super::advance;

    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T> {
        is_locked: AtomicBool,
        /// Never waits: only the thread that has set the flag locks it.
        value: std::sync::Mutex<T>,
        /// Threads that wait for the lock.
        waiting: std::sync::Mutex<Vec<Thread>>,
    }

    #[derive(Debug)]
    pub(crate) struct MutexGuard<'a, T> {
        mutex: &'a Mutex<T>,
        /// `None`: the guard is being dropped.
        value: Option<std::sync::MutexGuard<'a, T>>,
    }

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Mutex {
                is_locked: AtomicBool::new(false),
                value: std::sync::Mutex::new(value),
                waiting: Default::default(),
            }
        }

        pub(crate) fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
            loop {
                if let Ok(guard) = self.try_lock() {
                    return Ok(guard);
                }
                // Loom does not switch threads between a step that fails and `park`.
                self.waiting.lock().unwrap().push(thread::current());
                thread::park();
            }
        }

        pub(crate) fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
            if self.is_locked.compare_exchange(false, true, Acquire, Relaxed).is_err() {
                return Err(TryLockError::WouldBlock);
            }
            let value = self.value.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(MutexGuard { mutex: self, value: Some(value) })
        }

        pub(crate) fn into_inner(self) -> LockResult<T> {
            self.value.into_inner()
        }

        pub(crate) fn get_mut(&mut self) -> LockResult<&mut T> {
            self.value.get_mut()
        }
    }

    impl<T> Deref for MutexGuard<'_, T> {
        type Target = T;

        fn deref(&self) -> &T {
            self.value.as_ref().expect("the guard is alive")
        }
    }

    impl<T> DerefMut for MutexGuard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            self.value.as_mut().expect("the guard is alive")
        }
    }

    impl<T> Drop for MutexGuard<'_, T> {
        fn drop(&mut self) {
            self.value = None;
            self.mutex.is_locked.store(false, Release);
            self.mutex.waiting.lock().unwrap().drain(..).for_each(|thread| thread.unpark());
        }
    }

    #[derive(Debug, Default)]
    pub(crate) struct Condvar {
        /// Lets loom switch threads before a thread begins to wait, and before one is woken.
        step: AtomicUsize,
        waiting: std::sync::Mutex<VecDeque<Arc<Waiting>>>,
    }

    #[derive(Debug)]
    struct Waiting {
        thread: Thread,
        is_woken: std::sync::atomic::AtomicBool,
    }

    pub(crate) struct WaitTimeoutResult;

    impl Condvar {
        pub(crate) fn new() -> Self {
            Condvar::default()
        }

        pub(crate) fn wait<'a, T>(
            &self,
            guard: MutexGuard<'a, T>,
        ) -> LockResult<MutexGuard<'a, T>> {
            self.step.fetch_add(1, Relaxed);
            let waiting =
                Arc::new(Waiting { thread: thread::current(), is_woken: Default::default() });
            self.waiting.lock().unwrap().push_back(waiting.clone());
            let mutex = guard.mutex;
            drop(guard);
            while !waiting.is_woken.load(Relaxed) {
                thread::park();
            }
            mutex.lock()
        }

        pub(crate) fn wait_timeout<'a, T>(
            &self,
            guard: MutexGuard<'a, T>,
            limit: Duration,
        ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
            let mutex = guard.mutex;
            drop(guard);
            yield_now();
            advance(limit);
            mutex.lock().map(|guard| (guard, WaitTimeoutResult)).map_err(|_| unreachable!())
        }

        pub(crate) fn notify_one(&self) {
            self.wake(1);
        }

        pub(crate) fn notify_all(&self) {
            self.wake(usize::MAX);
        }

        fn wake(&self, limit: usize) {
            self.step.fetch_add(1, Relaxed);
            let mut waiting = self.waiting.lock().unwrap();
            let count = limit.min(waiting.len());
            for waiting in waiting.drain(..count) {
                waiting.is_woken.store(true, Relaxed);
                waiting.thread.unpark();
            }
        }
    }
}

/// A value that is set once, which lets a model switch threads before the value is seen.
#[derive(Debug)]
pub(crate) struct OnceLock<T> {
    value: std::sync::OnceLock<T>,
    is_set: AtomicBool,
}

impl<T> OnceLock<T> {
    pub(crate) fn new() -> Self {
        OnceLock { value: std::sync::OnceLock::new(), is_set: AtomicBool::new(false) }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        // The two orderings are what std promises.
        if self.is_set.load(Acquire) { self.value.get() } else { None }
    }

    pub(crate) fn get_mut(&mut self) -> Option<&mut T> {
        self.value.get_mut()
    }

    pub(crate) fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        let value = self.value.get_or_init(make);
        self.is_set.store(true, Release);
        value
    }

    pub(crate) fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }
}

impl<T> From<T> for OnceLock<T> {
    fn from(value: T) -> Self {
        OnceLock { value: value.into(), is_set: AtomicBool::new(true) }
    }
}

// ---- queues ----

/// `crossbeam_queue::SegQueue`, and what the deque is made of.
#[derive(Debug)]
pub(crate) struct SegQueue<T> {
    /// The tasks that may be taken. A thread may see an old number, but takes no task twice.
    len: AtomicUsize,
    /// At least as many.
    values: std::sync::Mutex<VecDeque<T>>,
}

impl<T> SegQueue<T> {
    pub(crate) fn new() -> Self {
        SegQueue { len: AtomicUsize::new(0), values: Default::default() }
    }

    pub(crate) fn push(&self, value: T) {
        self.values.lock().unwrap().push_back(value);
        // Release: to the pop that takes the task.
        self.len.fetch_add(1, Release);
    }

    pub(crate) fn pop(&self) -> Option<T> {
        let mut len = self.len();
        while len > 0 {
            match self.take(len, 1) {
                Ok(()) => return self.values.lock().unwrap().pop_front(),
                Err(now) => len = now,
            }
        }
        None
    }

    fn take(&self, len: usize, count: usize) -> Result<(), usize> {
        self.len.compare_exchange(len, len - count, Acquire, Relaxed).map(drop)
    }

    pub(crate) fn len(&self) -> usize {
        self.len.load(Relaxed)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// `crossbeam_deque`.
pub(crate) mod deque {
    use std::sync::Arc;

    use super::SegQueue;

    /// Not `Sync`, like crossbeam's: one thread owns it.
    #[derive(Debug)]
    pub(crate) struct Worker<T>(Arc<SegQueue<T>>, std::marker::PhantomData<std::cell::Cell<()>>);

    #[derive(Debug)]
    pub(crate) struct Stealer<T>(Arc<SegQueue<T>>);

    pub(crate) struct Steal {
        is_retry: bool,
    }

    impl Steal {
        pub(crate) fn is_retry(&self) -> bool {
            self.is_retry
        }
    }

    impl<T> Worker<T> {
        pub(crate) fn new_fifo() -> Self {
            Worker(Arc::new(SegQueue::new()), std::marker::PhantomData)
        }

        pub(crate) fn stealer(&self) -> Stealer<T> {
            Stealer(self.0.clone())
        }

        pub(crate) fn push(&self, value: T) {
            self.0.push(value);
        }

        pub(crate) fn pop(&self) -> Option<T> {
            self.0.pop()
        }

        pub(crate) fn len(&self) -> usize {
            self.0.len()
        }

        pub(crate) fn is_empty(&self) -> bool {
            self.0.is_empty()
        }
    }

    impl<T> Stealer<T> {
        /// Moves half of the tasks, at most `limit`.
        pub(crate) fn steal_batch_with_limit(&self, thief: &Worker<T>, limit: usize) -> Steal {
            let len = self.0.len();
            let count = len.div_ceil(2).min(limit);
            if count == 0 {
                return Steal { is_retry: false };
            }
            let is_retry = self.0.take(len, count).is_err();
            if !is_retry {
                let values: Vec<T> = self.0.values.lock().unwrap().drain(..count).collect();
                values.into_iter().for_each(|value| thief.push(value));
            }
            Steal { is_retry }
        }

        pub(crate) fn len(&self) -> usize {
            self.0.len()
        }

        pub(crate) fn is_empty(&self) -> bool {
            self.0.is_empty()
        }
    }
}
