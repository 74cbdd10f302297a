//! A task waits for a socket: the kernel's event must find the task's waker.
//!
//! A read from a socket that has no data answers "would block", and the task must be woken when data comes.
//! Each descriptor is registered **once**, for both directions and *edge-triggered*: the kernel reports a
//! change and does not repeat it. So a [`Source`] remembers the last report. An operation is tried as long as
//! its direction is ready:
//!
//! ```text
//!              try it ───────── done ──────────▶ return the result, stay ready
//!   ready ──▶ (read, write,
//!     ▲        accept …) ── WouldBlock, or ────▶ not ready ──▶ store the waker, Pending
//!     │                     a short read                             │
//!     └───────────── an event: ready, wake ◀─────────────────────────┘
//! ```
//!
//! `WouldBlock` always clears the readiness. A short read (less than the buffer holds) means that a TCP socket is
//! drained only if an end of the stream behind the bytes would have been reported ([`Source::clear_if_short`]).
//!
//! The reactor does not decide when to wait, calls no waker, and does no I/O.
//! Next: `driver.rs`, which calls [`Reactor::wait`].

use std::future::Future;
use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use slab::Slab;

use super::poller::{Poller, PollerEvent};
use super::prim::atomic::AtomicUsize;
use super::prim::atomic::Ordering::{Acquire, Relaxed, Release};
use super::prim::{Mutex, RwLock, RwLockReadGuard, discard, poll_or_register_clone};
use super::trace::{self, Event, Tracer, WaitReason, emit};

/// Readiness to read or to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Read,
    Write,
}

impl Direction {
    pub(crate) const BOTH: [Direction; 2] = [Direction::Read, Direction::Write];

    /// Its bit in [`Source::readiness`].
    const fn bit(self) -> usize {
        1 << self as usize
    }
}

/// An end of the stream, an error or urgent data was reported: more may lie behind a short read. Never
/// cleared.
const ENDED: usize = 0b0100;
/// The runtime has shut down: ready for ever, and every operation fails.
const SHUTDOWN: usize = 0b1000;
/// Above the flags, the version: a counter that each event moves, so that `clear` recognises an old one.
const VERSION: usize = 0b1_0000;

/// A registered descriptor.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) fd: RawFd,
    key: usize,
    /// [`Direction::bit`]s, [`ENDED`], [`SHUTDOWN`], and the [`VERSION`].
    readiness: AtomicUsize,
    waiters: Mutex<Waiters>,
}

/// The wakers of the tasks that wait for one descriptor. Each is taken out before it is called.
#[derive(Debug, Default)]
struct Waiters {
    /// For the poll-style traits: one for each [`Direction`], the most recent.
    last: [Option<Waker>; 2],
    /// For `&self` methods such as `accept`: any number.
    others: Slab<(Direction, Option<Waker>)>,
}

/// The readiness of a source before an operation: the operation's caller gives it back to [`Source::clear`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReadinessVersion(usize);

impl Source {
    /// The readiness, if the source is ready or shut down.
    pub(crate) fn readiness(&self, direction: Direction) -> Option<io::Result<ReadinessVersion>> {
        // Acquire: matches the Release in `set_readiness`. The operation comes after this look, and after the system
        // call that brought the event.
        let now = self.readiness.load(Acquire);
        if now & SHUTDOWN != 0 {
            return Some(Err(shut_down()));
        }
        (now & direction.bit() != 0).then_some(Ok(ReadinessVersion(now)))
    }

    /// Ready when the operation is worth a try. Stores one waker for each direction.
    pub(crate) fn poll_ready(
        &self,
        direction: Direction,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<ReadinessVersion>> {
        self.poll_or_register(direction, cx, |waiters| &mut waiters.last[direction as usize])
    }

    /// A future of the same, for any number of tasks.
    pub(crate) fn wait(&self, direction: Direction) -> Wait<'_> {
        Wait { source: self, direction, key: None }
    }

    /// `slot` is where the waker belongs.
    fn poll_or_register(
        &self,
        direction: Direction,
        cx: &mut Context<'_>,
        slot: impl FnMut(&mut Waiters) -> &mut Option<Waker>,
    ) -> Poll<io::Result<ReadinessVersion>> {
        if let Some(ready) = self.readiness(direction) {
            return Poll::Ready(ready);
        }
        // The second look closes this race. Task: reads "not ready" … Driver: sets "ready", takes the wakers,
        // finds none … Task: stores its waker, and waits for an edge that has passed. `set_readiness` sets
        // the flag first and takes the wakers under this lock second; so either the task sees the flag here,
        // or the driver finds the waker there.
        let look = |_: &mut Waiters| self.readiness(direction).map_or(Poll::Pending, Poll::Ready);
        // The driver has taken the waker of the last wait, so the slot is empty.
        let clone = Some(cx.waker().clone());
        let polled = poll_or_register_clone(&self.waiters, clone, cx.waker(), look, slot);
        if polled.is_pending() {
            trace::waits(match direction {
                Direction::Read => WaitReason::Readable { fd: self.fd },
                Direction::Write => WaitReason::Writable { fd: self.fd },
            });
        }
        polled
    }

    /// The operation answered `WouldBlock`: the source is not ready, unless an event came since `version`.
    pub(crate) fn clear(&self, direction: Direction, version: ReadinessVersion) {
        // Relaxed: this publishes nothing to the next reader. The race: the operation answers `WouldBlock` … Driver:
        // reports new data … Task: clears, and waits for an edge that has passed. So nothing changes if the version
        // has moved. A loop, since the other direction's flag may change at any time.
        let _ = self.readiness.fetch_update(Relaxed, Relaxed, |now| {
            (now / VERSION == version.0 / VERSION).then_some(now & !direction.bit())
        });
    }

    /// The operation moved fewer bytes than it was asked for, and at least one: a TCP socket is drained (or
    /// full) now, unless something else ended the operation.
    ///
    /// That is the end of the stream, an error, or urgent data, at which a read stops. If it came before the
    /// last event was fetched, that event reported it: `ENDED`. If it came later, it is a new edge, and its
    /// event sets "ready" again, or has moved the version already. Without `ENDED`, data and FIN in one
    /// segment are one edge, and the task would wait for a second one (`tests/net/end_of_stream.rs`).
    pub(crate) fn clear_if_short(&self, direction: Direction, version: ReadinessVersion) {
        if Poller::REPORTS_ENDS && version.0 & ENDED == 0 {
            self.clear(direction, version);
        }
    }

    /// Sets the flags that the kernel has reported, or [`SHUTDOWN`]. The wakers to call go to `wakers`.
    fn set_readiness(&self, flags: usize, wakers: &mut Vec<(RawFd, Waker)>) {
        // Release: matches the Acquire in `readiness`.
        let update = |now: usize| Some(now.wrapping_add(VERSION) | flags);
        let _ = self.readiness.fetch_update(Release, Relaxed, update);
        let waiters = &mut *self.waiters.lock();
        for direction in Direction::BOTH {
            if flags & (direction.bit() | SHUTDOWN) != 0 {
                // Not one chain: a `push` is a tenth of the instructions, and `others` is seldom there.
                if let Some(waker) = waiters.last[direction as usize].take() {
                    wakers.push((self.fd, waker));
                }
                for (_, (of, waiter)) in &mut waiters.others {
                    if *of == direction {
                        wakers.extend(waiter.take().map(|waker| (self.fd, waker)));
                    }
                }
            }
        }
    }
}

/// Waits until a source is ready.
#[derive(Debug)]
pub(crate) struct Wait<'a> {
    source: &'a Source,
    direction: Direction,
    /// Its key in [`Waiters::others`].
    key: Option<usize>,
}

impl Future for Wait<'_> {
    type Output = io::Result<ReadinessVersion>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Wait { source, direction, key } = &mut *self;
        source.poll_or_register(*direction, cx, |waiters| {
            let key = *key.get_or_insert_with(|| waiters.others.insert((*direction, None)));
            &mut waiters.others[key].1
        })
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
    /// None after shutdown: a socket that outlives the runtime keeps none of its descriptors open. The
    /// thread that waits in the poller holds it for reading; the shutdown writes, after the last worker has stopped.
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
    /// The source of an event. A descriptor may be closed after the kernel has reported it and before the
    /// event is read, and another source may have its index by then. The generation in the key keeps the
    /// event from the wrong source.
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
        self.poller.read()
    }

    /// Watches a descriptor in both directions from now on. It must be [deregistered] before it is
    /// closed; `Descriptor` in `io`, the only caller, does that.
    ///
    /// With `writable` a new source counts as writable until a write fails: most sockets are. It is not readable until
    /// the kernel says so, which it does at once if it is.
    ///
    /// [deregistered]: Reactor::deregister
    pub(crate) fn register(
        &self,
        tracer: &Tracer,
        io: &impl AsFd,
        writable: bool,
    ) -> io::Result<Arc<Source>> {
        let fd = io.as_fd();
        // Held to the end: a source that is registered before `close` is shut down by it, and none is registered after.
        let poller = self.poller();
        let Some(poller) = &*poller else { return Err(shut_down()) };
        let mut sources = self.sources.lock();
        // Half the range, so that no key is `usize::MAX`, the poller's own.
        sources.generation = (sources.generation + 1) & (INDEX >> 1);
        let source = Arc::new(Source {
            fd: fd.as_raw_fd(),
            key: sources.generation << INDEX_BITS | sources.slab.vacant_key(),
            readiness: AtomicUsize::new(if writable { Direction::Write.bit() } else { 0 }),
            waiters: Mutex::default(),
        });
        sources.slab.insert(source.clone());
        drop(sources);
        emit!(tracer, Event::Registered { fd: source.fd });
        // SAFETY: rule 5, a descriptor is deleted from the poller before it is closed. The caller owns it, and
        // deregisters it first.
        if let Err(error) = unsafe { poller.add(fd, source.key) } {
            self.deregister(tracer, &source);
            return Err(error);
        }
        Ok(source)
    }

    /// Stops watching a descriptor, which is still open.
    pub(crate) fn deregister(&self, tracer: &Tracer, source: &Source) {
        emit!(tracer, Event::Deregistered { fd: source.fd });
        if let Some(poller) = &*self.poller() {
            // The registered number: the owner's `AsFd` may by now return another descriptor.
            // SAFETY: rule 5, it is closed after this.
            let fd = unsafe { BorrowedFd::borrow_raw(source.fd) };
            // An error means that the poller does not know the descriptor, which is the aim.
            let _ = poller.delete(fd);
        }
        self.remove(source);
        let wakers = mem::take(&mut source.waiters.lock().last);
        discard(wakers.into_iter().flatten());
    }

    fn remove(&self, source: &Source) {
        let mut sources = self.sources.lock();
        sources.slab.remove(source.key & INDEX);
        if sources.slab.is_empty() {
            sources.slab.shrink_to_fit();
        }
    }

    /// Waits for events: at most for `limit`, or without end. May return early. The wakers to call go to
    /// `wakers`; `events` is a buffer. Returns the number of events.
    pub(crate) fn wait(
        &self,
        tracer: &Tracer,
        events: &mut Vec<PollerEvent>,
        limit: Option<Duration>,
        wakers: &mut Vec<(RawFd, Waker)>,
    ) -> io::Result<usize> {
        match &*self.poller() {
            Some(poller) => poller.wait(events, limit)?,
            None => return Ok(0),
        }
        for &PollerEvent { key, readable, writable, ended } in &*events {
            // Not locked for the whole batch: a trace's subscriber is called in between.
            let found = self.sources.lock().find(key).cloned();
            let Some(source) = found else { continue };
            emit!(tracer, Event::Ready { fd: source.fd, readable, writable });
            let read = usize::from(readable) * Direction::Read.bit();
            let write = usize::from(writable) * Direction::Write.bit();
            let ended = usize::from(ended) * ENDED;
            source.set_readiness(read | write | ended, wakers);
        }
        Ok(events.len())
    }

    /// Ends a [`wait`](Reactor::wait), the current one or the next.
    pub(crate) fn notify(&self) {
        if let Some(poller) = &*self.poller() {
            poller.notify().expect("a poller can be notified");
        }
    }

    /// The number of descriptors that are watched.
    pub(crate) fn len(&self) -> usize {
        self.sources.lock().slab.len()
    }

    /// Watches nothing any more: the tasks that wait are woken, and from now on each operation fails. No worker is in
    /// [`wait`](Reactor::wait); the monitor may be, for a moment, with the lock of the poller.
    pub(crate) fn close(&self) -> Vec<(RawFd, Waker)> {
        *self.poller.write() = None;
        let mut wakers = Vec::new();
        for (_, source) in &self.sources.lock().slab {
            source.set_readiness(SHUTDOWN, &mut wakers);
        }
        wakers
    }
}

fn shut_down() -> io::Error {
    io::Error::other("the runtime that this I/O object was made in has been shut down")
}
