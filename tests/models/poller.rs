//! Stands in for the engine's `poller.rs`: no descriptors, and a notifier.
//!
//! A notification stays set until a wait consumes it. A wait with a limit is over at once, and then the limit has
//! passed; a wait without one blocks until there is a notification.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Mutex;
use std::time::Duration;

use loom::sync::atomic::AtomicBool;
use loom::sync::atomic::Ordering::{Acquire, Release};
use loom::thread::{self, Thread};

use super::prim::standins::{advance, yield_now};

#[derive(Debug)]
pub(crate) struct Poller {
    is_notified: AtomicBool,
    /// The thread that blocks in a wait.
    blocked: Mutex<Option<Thread>>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct PollerEvent {
    pub(crate) key: usize,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    pub(crate) ended: bool,
}

impl Poller {
    pub(crate) const REPORTS_ENDS: bool = false;

    pub(crate) fn new() -> io::Result<Self> {
        Ok(Poller { is_notified: AtomicBool::new(false), blocked: Mutex::default() })
    }

    pub(crate) unsafe fn add(&self, _: BorrowedFd<'_>, _: usize) -> io::Result<()> {
        unreachable!("a model has no descriptors")
    }

    pub(crate) fn delete(&self, _: BorrowedFd<'_>) -> io::Result<()> {
        unreachable!("a model has no descriptors")
    }

    pub(crate) fn wait(&self, _: &mut Vec<PollerEvent>, limit: Option<Duration>) -> io::Result<()> {
        if let Some(limit) = limit.filter(|limit| !limit.is_zero()) {
            // Other threads run meanwhile.
            yield_now();
            advance(limit);
        }
        while !self.is_notified.swap(false, Acquire) && limit.is_none() {
            // Loom does not switch threads between the swap and `park`.
            *self.blocked.lock().unwrap() = Some(thread::current());
            thread::park();
        }
        Ok(())
    }

    pub(crate) fn notify(&self) -> io::Result<()> {
        self.is_notified.swap(true, Release);
        if let Some(thread) = self.blocked.lock().unwrap().take() {
            thread.unpark();
        }
        Ok(())
    }
}
