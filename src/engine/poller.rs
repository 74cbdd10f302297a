//! How does a thread ask the system which of ten thousand sockets has changed?
//!
//! By one call that all systems have under different names, and the `polling` crate under one. It does
//! what we need and a little more: since not every Linux can wait for less than a millisecond, it sets a
//! timer, waits, and silences its bell, with five system calls where one could do. For an echo that is a
//! tenth of all its processor time.
//!
//! So on Linux there is a **short way**. There a poller is itself a descriptor that can be waited on, and
//! all that we leave to `polling` is what the kernel does not do as cheaply: the last fraction of a
//! millisecond, and the bell.
//!
//! ```text
//!   limit 3.7 ms ─▶ the short way, for 3 ms ─┬─ sockets ──────▶ that is all, in one call
//!                                            ├─ nothing ──────▶ `polling` waits for the last 0.7 ms
//!                                            └─ the bell ─────▶ `polling` silences it, and looks again
//! ```
//!
//! Elsewhere, and under any doubt, `polling` does it all. It is right by itself: without the short way
//! nothing changes but the number of system calls.
//!
//! Next: `reactor.rs`, which knows whom a report is for.

use std::io;
use std::os::fd::{BorrowedFd, RawFd};
use std::time::Duration;

use polling::{Event, Events, PollMode};

/// The system's poller.
#[derive(Debug)]
pub(crate) struct Poller(polling::Poller);

/// What a wait has found.
#[derive(Debug)]
pub(crate) struct Reports {
    found: Vec<Report>,
    /// A buffer.
    events: Events,
}

/// A descriptor has changed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Report {
    /// The key under which it was added.
    pub(crate) key: usize,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
}

/// What the short way leaves to do.
#[cfg(target_os = "linux")]
enum Waited {
    /// Nothing: there are reports, or the time is over.
    Enough,
    /// The long way, for so long.
    GoOn(Option<Duration>),
}

impl Poller {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Poller(polling::Poller::new()?))
    }

    /// Reports each change of a descriptor under this key, which is less than `usize::MAX`: that it can be
    /// read, that it can be written, or both.
    ///
    /// # Safety
    ///
    /// The descriptor is [deleted](Poller::delete) before it is closed.
    pub(crate) unsafe fn add(
        &self,
        fd: RawFd,
        key: usize,
        [readable, writable]: [bool; 2],
    ) -> io::Result<()> {
        let event = Event::new(key, readable, writable);
        // SAFETY: rule 5, as our caller promises.
        unsafe { self.0.add_with_mode(fd, event, PollMode::Edge) }
    }

    /// Reports nothing of it any more.
    pub(crate) fn delete(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.0.delete(fd)
    }

    /// Waits for reports: at most for `limit`, or without end.
    pub(crate) fn wait(&self, reports: &mut Reports, limit: Option<Duration>) -> io::Result<()> {
        reports.found.clear();
        #[cfg(target_os = "linux")]
        let limit = match direct::wait(&self.0, &mut reports.found, limit)? {
            Waited::Enough => return Ok(()),
            Waited::GoOn(rest) => rest,
        };
        reports.events.clear();
        self.0.wait(&mut reports.events, limit)?;
        reports.found.extend(reports.events.iter().map(|event| Report {
            key: event.key,
            readable: event.readable,
            writable: event.writable,
        }));
        Ok(())
    }

    /// Rings the bell: ends a [`wait`](Poller::wait), the current one or the next.
    pub(crate) fn notify(&self) -> io::Result<()> {
        self.0.notify()
    }
}

impl Reports {
    pub(crate) fn new() -> Self {
        Reports { found: Vec::new(), events: Events::new() }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Report> {
        self.found.iter().copied()
    }
}

/// The short way.
#[cfg(target_os = "linux")]
mod direct {
    use std::io;
    use std::mem::MaybeUninit;
    use std::time::{Duration, Instant};

    use polling::Poller;
    use rustix::event::epoll::{self, EventFlags};
    use rustix::io::Errno;
    use rustix::time::Timespec;

    use super::{Report, Waited};

    /// Reports at once, on the stack. What does not find room comes with the next call. Arbitrary; its effect
    /// is how often a busy server calls for more.
    const ROOM: usize = 256;

    /// The key of the bell, and of the timer, of `polling`.
    const BELL: u64 = usize::MAX as u64;

    /// A longer wait is made of several, as older kernels count milliseconds in 32 bits. Arbitrary below that.
    const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

    /// Waits for whole milliseconds only.
    pub(super) fn wait(
        poller: &Poller,
        found: &mut Vec<Report>,
        limit: Option<Duration>,
    ) -> io::Result<Waited> {
        let until = match limit {
            Some(Duration::ZERO) | None => None,
            Some(limit) if limit < Duration::from_millis(1) => {
                return Ok(Waited::GoOn(Some(limit)));
            }
            // None here: later than any clock will show.
            Some(limit) => Instant::now().checked_add(limit),
        };
        let whole = limit.map(|limit| whole_milliseconds(limit.min(LONGEST)));
        let mut room = [MaybeUninit::uninit(); ROOM];
        let events = match epoll::wait(poller, &mut room, whole.as_ref()) {
            Ok((events, _)) => &*events,
            // A signal: nothing was found, and the long way waits for the rest.
            Err(Errno::INTR) => &[],
            Err(error) => return Err(error.into()),
        };
        let sources = events.iter().filter(|event| event.data.u64() != BELL);
        found.extend(sources.map(report));
        Ok(if found.len() < events.len() {
            Waited::GoOn(Some(Duration::ZERO))
        } else if !found.is_empty() || limit == Some(Duration::ZERO) {
            Waited::Enough
        } else {
            Waited::GoOn(until.map(|until| until.saturating_duration_since(Instant::now())))
        })
    }

    fn whole_milliseconds(limit: Duration) -> Timespec {
        let nanos = limit.subsec_millis() * 1_000_000;
        Timespec { tv_sec: limit.as_secs() as _, tv_nsec: nanos.into() }
    }

    /// The flags mean what they mean to `polling`: an error or a hang-up is news for both directions.
    fn report(event: &epoll::Event) -> Report {
        let (key, flags) = (event.data.u64() as usize, event.flags);
        let both = EventFlags::HUP | EventFlags::ERR;
        Report {
            key,
            readable: flags.intersects(both | EventFlags::IN | EventFlags::PRI),
            writable: flags.intersects(both | EventFlags::OUT),
        }
    }
}
