//! Who waits for which descriptor?
//!
//! A read from a socket that has no data answers "would block". The task must then be woken when data
//! comes, and one system call can watch ten thousand sockets for that: epoll on Linux, kqueue elsewhere,
//! both behind the `polling` crate. Each descriptor is registered **once**, for both directions and
//! *edge-triggered*: the system speaks up when something changes, and does not repeat itself.
//!
//! ```text
//!              try it ──────── done ───────▶ hand out the result, stay "ready"
//!   ready ──▶ (read, write,
//!     ▲        accept …) ──── WouldBlock ──▶ clear "ready" ──▶ keep the waker, Pending
//!     │                                                              │
//!     └────────────── the system reports a change, wake ◀────────────┘
//! ```
//!
//! So a [`Source`] remembers what the system said: "ready" stands until an operation proves otherwise,
//! and **only `WouldBlock` proves it**. A read that returns less than was asked for does not: behind
//! those bytes the end of the stream may already lie, whose edge has come and gone together with
//! theirs. Who takes a short read for "drained" then waits for ever (`tests/net` has the case).
//!
//! The reactor does not sleep by itself, calls no waker, and does no I/O on anybody's behalf.
//! Next: `driver.rs`, which turns it.

use std::future::Future;
use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use slab::Slab;

use super::poller::{Event, Poller};
use super::prim::atomic::AtomicUsize;
use super::prim::atomic::Ordering::{AcqRel, Acquire};
use super::prim::{Mutex, discard};
use super::trace::{self, Event as Traced, Waiting};

/// One of the two things one can wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Read,
    Write,
}

impl Direction {
    pub(crate) const BOTH: [Direction; 2] = [Direction::Read, Direction::Write];

    /// Its bit in [`Source::readiness`].
    const fn bit(self) -> usize {
        match self {
            Direction::Read => 0b001,
            Direction::Write => 0b010,
        }
    }
}

/// The runtime has ended: ready for ever, and every operation fails.
const CLOSED: usize = 0b100;
/// Above the flags, a counter that moves with each report, so that an old look is known for old.
const REPORT: usize = 0b1000;

/// A registered descriptor.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) fd: RawFd,
    key: usize,
    /// Flags by [`Direction::bit`] and [`CLOSED`], and the count of reports.
    readiness: AtomicUsize,
    waiters: Mutex<Waiters>,
}

/// Who waits for one descriptor.
#[derive(Debug, Default)]
struct Waiters {
    /// For the poll-style traits: one of each, the last one wins.
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// For `&self` methods such as `accept`: any number. A waker is gone once it was called.
    others: Slab<(Direction, Option<Waker>)>,
}

/// What was seen of a source when it was ready: to be given back to [`Source::clear`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen(usize);

impl Source {
    /// What is known of it. None: not ready.
    pub(crate) fn look(&self, direction: Direction) -> Option<io::Result<Seen>> {
        // Acquire: matches the release in `report`.
        let seen = self.readiness.load(Acquire);
        if seen & CLOSED != 0 {
            return Some(Err(closed()));
        }
        (seen & direction.bit() != 0).then_some(Ok(Seen(seen)))
    }

    /// Ready when the operation is worth trying. Keeps one waker for each direction.
    pub(crate) fn poll_ready(
        &self,
        direction: Direction,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Seen>> {
        if let Some(seen) = self.look(direction) {
            return Poll::Ready(seen);
        }
        // Outside of the lock: a stranger's `clone` may come back to this very source. So may the `drop` of
        // whichever waker is left over.
        let mut waker = Some(cx.waker().clone());
        {
            let mut waiters = self.waiters.lock();
            // Again, under the lock. The race. Task: looks, "not ready" … Reactor: sets "ready", takes
            // the wakers, finds none … Task: leaves its waker, and waits for an edge that has passed.
            // `report` sets the flag first and takes the wakers under this lock second; so either its
            // flag is seen here, or our waker there. With workers, `tests/net` shows it now and then;
            // swap the two in `report` and the argument is gone.
            if let Some(seen) = self.look(direction) {
                drop(waiters);
                discard(waker);
                return Poll::Ready(seen);
            }
            let slot = waiters.slot(direction);
            if !slot.as_ref().is_some_and(|kept| kept.will_wake(cx.waker())) {
                mem::swap(slot, &mut waker);
            }
        }
        discard(waker);
        trace::waiting(self.waiting(direction));
        Poll::Pending
    }

    /// The same for any number of waiters at once.
    pub(crate) fn wait(&self, direction: Direction) -> Wait<'_> {
        Wait { source: self, direction, key: None }
    }

    /// The operation answered `WouldBlock`: the source is not ready, unless a report came since `seen`.
    pub(crate) fn clear(&self, direction: Direction, seen: Seen) {
        let flags = REPORT - 1;
        // AcqRel: as everywhere on this word. A newer report wins, or its edge would be lost: the
        // operation may have tried just before it. The other direction's flag may change meanwhile.
        let _ = self.readiness.fetch_update(AcqRel, Acquire, |now| {
            (now & !flags == seen.0 & !flags).then_some(now & !direction.bit())
        });
    }

    /// The system says that this is ready. Whom to wake goes to `wakers`.
    fn report(&self, flags: usize, wakers: &mut Vec<Waker>) {
        let _ = self
            .readiness
            .fetch_update(AcqRel, Acquire, |now| Some(now.wrapping_add(REPORT) | flags));
        self.waiters.lock().take(flags, wakers);
    }

    fn waiting(&self, direction: Direction) -> Waiting {
        match direction {
            Direction::Read => Waiting::Readable { fd: self.fd },
            Direction::Write => Waiting::Writable { fd: self.fd },
        }
    }
}

impl Waiters {
    fn slot(&mut self, direction: Direction) -> &mut Option<Waker> {
        match direction {
            Direction::Read => &mut self.reader,
            Direction::Write => &mut self.writer,
        }
    }

    /// Moves out the wakers of those who wait for one of `flags`.
    fn take(&mut self, flags: usize, wakers: &mut Vec<Waker>) {
        for direction in Direction::BOTH {
            if flags & (direction.bit() | CLOSED) == 0 {
                continue;
            }
            wakers.extend(self.slot(direction).take());
            for (_, (wants, waker)) in &mut self.others {
                if *wants == direction {
                    wakers.extend(waker.take());
                }
            }
        }
    }
}

/// Waits until a source is ready; one of any number.
#[derive(Debug)]
pub(crate) struct Wait<'a> {
    source: &'a Source,
    direction: Direction,
    /// Its place among the waiters.
    key: Option<usize>,
}

impl Future for Wait<'_> {
    type Output = io::Result<Seen>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Wait { source, direction, key } = *self;
        if let Some(seen) = source.look(direction) {
            return Poll::Ready(seen);
        }
        // As in `poll_ready`.
        let mut waker = Some(cx.waker().clone());
        {
            let mut waiters = source.waiters.lock();
            if let Some(seen) = source.look(direction) {
                drop(waiters);
                discard(waker);
                return Poll::Ready(seen);
            }
            match key {
                Some(key) => mem::swap(&mut waiters.others[key].1, &mut waker),
                None => self.key = Some(waiters.others.insert((direction, waker.take()))),
            }
        }
        discard(waker);
        trace::waiting(source.waiting(direction));
        Poll::Pending
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            let waiter = self.source.waiters.lock().others.remove(key);
            discard(waiter.1);
        }
    }
}

/// The sources of one runtime.
#[derive(Debug)]
pub(crate) struct Reactor {
    /// None once the runtime has ended: a socket that outlives it keeps no descriptors of ours open. Std's
    /// lock, which a thread may hold while it sleeps in the poller: the writer comes when nobody does.
    poller: RwLock<Option<Poller>>,
    sources: Mutex<Sources>,
}

#[derive(Debug, Default)]
struct Sources {
    slab: Slab<Arc<Source>>,
    /// Goes into each key, above the slab's index: see [`Sources::find`].
    generation: usize,
}

/// The lower half of a key is the slab's index, the upper half the generation.
const INDEX_BITS: u32 = usize::BITS / 2;
const INDEX: usize = (1 << INDEX_BITS) - 1;

impl Sources {
    /// The source that a report is about. A descriptor may be closed after the system has reported it
    /// and before we read the report, and its place be given to another. The generation in the key
    /// keeps the report from reaching the wrong one.
    fn find(&self, key: usize) -> Option<&Arc<Source>> {
        self.slab.get(key & INDEX).filter(|source| source.key == key)
    }
}

impl Reactor {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Reactor {
            poller: RwLock::new(Some(Poller::new()?)),
            sources: Mutex::new(Sources::default()),
        })
    }

    fn poller(&self) -> RwLockReadGuard<'_, Option<Poller>> {
        self.poller.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Watches a descriptor from now on, in these directions. It must be [`deregister`]ed before it is
    /// closed; `Descriptor` in `io`, the only caller, sees to that.
    ///
    /// A fresh source counts as writable if `writable` (most sockets are, and the first write proves
    /// it), and as not readable until the system says so, which it does at once if it is.
    ///
    /// [`deregister`]: Reactor::deregister
    pub(crate) fn register(
        &self,
        io: &impl AsFd,
        directions: &[Direction],
        writable: bool,
    ) -> io::Result<Arc<Source>> {
        let fd = io.as_fd();
        // Held to the end: what gets in before `close` is told of it, and nothing gets in after.
        let poller = self.poller();
        let Some(poller) = &*poller else { return Err(closed()) };
        let source = {
            let mut sources = self.sources.lock();
            // Half the range: the largest key of all is the poller's own.
            sources.generation = (sources.generation + 1) & (INDEX >> 1);
            let generation = sources.generation << INDEX_BITS;
            let entry = sources.slab.vacant_entry();
            let source = Arc::new(Source {
                fd: fd.as_raw_fd(),
                key: generation | entry.key(),
                readiness: AtomicUsize::new(if writable { Direction::Write.bit() } else { 0 }),
                waiters: Mutex::default(),
            });
            entry.insert(source.clone());
            source
        };
        let wants = Direction::BOTH.map(|direction| directions.contains(&direction));
        // SAFETY: rule 5, a descriptor is forgotten by the poller before it is closed. The caller owns
        // it, and deregisters it first.
        let added = unsafe { poller.add(fd, source.key, wants) };
        if let Err(error) = added {
            self.forget(&source);
            return Err(error);
        }
        Ok(source)
    }

    /// Watches a descriptor no longer. It is still open.
    pub(crate) fn deregister(&self, source: &Source) {
        if let Some(poller) = &*self.poller() {
            // By its number, and not by what its owner's `AsFd` answers today: it may be another one.
            // SAFETY: rule 5, it is closed after this.
            let fd = unsafe { BorrowedFd::borrow_raw(source.fd) };
            // An error here means that the poller does not know it; which is what we want.
            let _ = poller.delete(fd);
        }
        self.forget(source);
        let kept = {
            let mut waiters = source.waiters.lock();
            [waiters.reader.take(), waiters.writer.take()]
        };
        discard(kept.into_iter().flatten());
    }

    fn forget(&self, source: &Source) {
        let mut sources = self.sources.lock();
        if sources.find(source.key).is_some() {
            sources.slab.remove(source.key & INDEX);
        }
        if sources.slab.is_empty() {
            sources.slab.shrink_to_fit();
        }
    }

    /// Waits for reports: at most for `limit`, or without end. Whom to wake goes to `wakers`. Returns
    /// how many sources were reported.
    pub(crate) fn wait(
        &self,
        runtime: u32,
        events: &mut Vec<Event>,
        limit: Option<Duration>,
        wakers: &mut Vec<Waker>,
    ) -> io::Result<usize> {
        match &*self.poller() {
            Some(poller) => poller.wait(events, limit)?,
            None => return Ok(0),
        }
        for &Event { key, readable, writable } in &*events {
            // Not locked for the whole batch: a trace's listener is called in between.
            let found = self.sources.lock().find(key).cloned();
            let Some(source) = found else { continue };
            trace::emit(runtime, Traced::Ready { fd: source.fd, readable, writable });
            let read = if readable { Direction::Read.bit() } else { 0 };
            let write = if writable { Direction::Write.bit() } else { 0 };
            source.report(read | write, wakers);
        }
        Ok(events.len())
    }

    /// Ends a [`wait`](Reactor::wait), the current one or the next.
    pub(crate) fn notify(&self) {
        if let Some(poller) = &*self.poller() {
            poller.notify().expect("a poller can be notified");
        }
    }

    /// How many descriptors are watched.
    pub(crate) fn len(&self) -> usize {
        self.sources.lock().slab.len()
    }

    /// Watches nothing any more: what waits is woken, and from now on each operation fails. Nobody is in
    /// [`wait`](Reactor::wait), or will be.
    pub(crate) fn close(&self) -> Vec<Waker> {
        let poller = self.poller.write().unwrap_or_else(PoisonError::into_inner).take();
        drop(poller);
        let mut wakers = Vec::new();
        for (_, source) in &self.sources.lock().slab {
            source.report(CLOSED, &mut wakers);
        }
        wakers
    }
}

fn closed() -> io::Error {
    io::Error::other("the runtime that this I/O object was made in has been shut down")
}
