//! One thread must wait for thousands of sockets at once.
//!
//! The kernel keeps the set of descriptors and reports those that have changed. On Linux that is epoll: a
//! descriptor is added once, `epoll_wait` returns its events. Elsewhere the `polling` crate wraps the
//! system's own interface (kqueue on the BSDs and macOS).
//!
//! ```text
//!   add, delete ─ epoll_ctl ─▶ ┌───────┐
//!   notify ─────── eventfd ──▶ │ epoll │ ── epoll_wait ──▶ events
//!   below 1 ms ─── timerfd ──▶ └───────┘
//! ```
//!
//! All registrations are **edge-triggered**: the kernel reports a change once and does not repeat it. An
//! event holds the whole state of the descriptor at the time of the wait. `polling` does not ask the kernel
//! whether the peer has ended its stream (`EPOLLRDHUP`) and cannot report it, so on Linux this file
//! always calls epoll itself: an end that one wait does not see is lost, since its edge has passed.
//!
//! This file does not know sources, tasks or wakers.
//! Next: `reactor.rs`, which finds the source of an event and its wakers.

#[cfg(all(target_os = "linux", not(openwork_polling)))]
pub(crate) use direct::Poller;
#[cfg(not(all(target_os = "linux", not(openwork_polling))))]
pub(crate) use portable::Poller;

/// A descriptor has changed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PollerEvent {
    /// The key under which it was added.
    pub(crate) key: usize,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    /// An end of the stream, an error or urgent data. Never set if [`Poller::REPORTS_ENDS`] is false.
    pub(crate) ended: bool,
}

#[cfg(all(target_os = "linux", not(openwork_polling)))]
mod direct {
    use std::io;
    use std::mem::MaybeUninit;
    use std::os::fd::{BorrowedFd, OwnedFd};
    use std::time::Duration;

    use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
    use rustix::event::{EventfdFlags, eventfd};
    use rustix::io::{Errno, retry_on_intr};
    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };

    use super::super::prim::now;
    use super::PollerEvent;

    /// At most this many events in one call, on the stack. The next call returns the others. Arbitrary; its effect is
    /// how often a busy server calls again.
    const CAPACITY: usize = 256;

    /// The key of the notifier and of the timer.
    const INTERNAL: u64 = u64::MAX;

    /// A longer wait ends early, since older kernels count milliseconds in 32 bits. Any smaller bound would do.
    const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

    const MILLISECOND: Duration = Duration::from_millis(1);

    /// The system's poller.
    #[derive(Debug)]
    pub(crate) struct Poller {
        epoll: OwnedFd,
        /// An eventfd. Each write to it is an edge, so nothing has to read it.
        notifier: OwnedFd,
        /// For the last fraction of a millisecond: `epoll_wait` counts whole ones.
        timer: OwnedFd,
    }

    impl Poller {
        /// Whether events tell of ends.
        pub(crate) const REPORTS_ENDS: bool = true;

        pub(crate) fn new() -> io::Result<Self> {
            let poller = Poller {
                epoll: epoll::create(CreateFlags::CLOEXEC)?,
                notifier: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
                timer: timerfd_create(
                    TimerfdClockId::Monotonic,
                    TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK,
                )?,
            };
            for fd in [&poller.notifier, &poller.timer] {
                let flags = EventFlags::IN | EventFlags::ET;
                epoll::add(&poller.epoll, fd, EventData::new_u64(INTERNAL), flags)?;
            }
            Ok(poller)
        }

        /// Registers a descriptor under this key, which is less than `usize::MAX`, to be reported when it can be read or
        /// written.
        ///
        /// # Safety
        ///
        /// The descriptor is [deleted](Poller::delete) before it is closed.
        pub(crate) unsafe fn add(&self, fd: BorrowedFd<'_>, key: usize) -> io::Result<()> {
            let read = EventFlags::IN | EventFlags::PRI | EventFlags::RDHUP;
            let flags = EventFlags::ET | read | EventFlags::OUT;
            Ok(epoll::add(&self.epoll, fd, EventData::new_u64(key as u64), flags)?)
        }

        /// Reports nothing about the descriptor from now on.
        pub(crate) fn delete(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
            Ok(epoll::delete(&self.epoll, fd)?)
        }

        /// Waits for events: at most for `limit`, or without end. May return early, without events.
        pub(crate) fn wait(
            &self,
            events: &mut Vec<PollerEvent>,
            limit: Option<Duration>,
        ) -> io::Result<()> {
            events.clear();
            let Some(limit) = limit.filter(|limit| !limit.is_zero()) else {
                return self.collect(events, limit).map(drop);
            };
            let (start, limit) = (now(), limit.min(LONGEST));
            if limit >= MILLISECOND && self.collect(events, Some(limit))? > 0 {
                return Ok(());
            }
            let rest = limit.saturating_sub(now() - start);
            // The time is over, or a signal has ended the wait, which may return early.
            if rest.is_zero() || rest >= MILLISECOND {
                return Ok(());
            }
            let rest = Timespec { tv_sec: 0, tv_nsec: rest.subsec_nanos().into() };
            let once = Itimerspec { it_interval: Timespec::default(), it_value: rest };
            timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once)?;
            self.collect(events, None).map(drop)
        }

        /// One `epoll_wait`, for whole milliseconds. Returns how many events it found, including internal ones.
        fn collect(
            &self,
            events: &mut Vec<PollerEvent>,
            limit: Option<Duration>,
        ) -> io::Result<usize> {
            let limit = limit.map(|limit| Timespec {
                tv_sec: limit.as_secs() as _,
                tv_nsec: (limit.subsec_millis() * 1_000_000).into(),
            });
            let mut buffer = [MaybeUninit::uninit(); CAPACITY];
            let found = match epoll::wait(&self.epoll, &mut buffer, limit.as_ref()) {
                Ok((found, _)) => &*found,
                Err(Errno::INTR) => &[],
                Err(error) => return Err(error.into()),
            };
            let external = found.iter().filter(|event| event.data.u64() != INTERNAL);
            events.extend(external.map(decode));
            Ok(found.len())
        }

        /// Ends a [`wait`](Poller::wait), the current one or the next.
        pub(crate) fn notify(&self) -> io::Result<()> {
            let one = 1_u64.to_ne_bytes();
            Ok(retry_on_intr(|| rustix::io::write(&self.notifier, &one)).map(drop)?)
        }
    }

    fn decode(event: &epoll::Event) -> PollerEvent {
        let flags = event.flags;
        // The kernel reports these two for both directions, whatever was asked for.
        let both = EventFlags::HUP | EventFlags::ERR;
        let read_end = both | EventFlags::PRI | EventFlags::RDHUP;
        PollerEvent {
            key: event.data.u64() as usize,
            readable: flags.intersects(read_end | EventFlags::IN),
            writable: flags.intersects(both | EventFlags::OUT),
            ended: flags.intersects(read_end),
        }
    }
}

/// The same by the `polling` crate. `RUSTFLAGS="--cfg openwork_polling"` takes it on Linux too, for tests.
#[cfg(not(all(target_os = "linux", not(openwork_polling))))]
mod portable {
    use std::io;
    use std::os::fd::{AsRawFd, BorrowedFd};
    use std::time::Duration;

    use polling::PollMode;

    use super::PollerEvent;

    #[derive(Debug)]
    pub(crate) struct Poller(polling::Poller);

    impl Poller {
        pub(crate) const REPORTS_ENDS: bool = false;

        pub(crate) fn new() -> io::Result<Self> {
            Ok(Poller(polling::Poller::new()?))
        }

        /// # Safety
        ///
        /// The descriptor is [deleted](Poller::delete) before it is closed.
        pub(crate) unsafe fn add(&self, fd: BorrowedFd<'_>, key: usize) -> io::Result<()> {
            let event = polling::Event::all(key);
            // SAFETY: rule 5, as our caller promises.
            unsafe { self.0.add_with_mode(fd.as_raw_fd(), event, PollMode::Edge) }
        }

        pub(crate) fn delete(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
            self.0.delete(fd)
        }

        pub(crate) fn wait(
            &self,
            events: &mut Vec<PollerEvent>,
            limit: Option<Duration>,
        ) -> io::Result<()> {
            let mut found = polling::Events::new();
            self.0.wait(&mut found, limit)?;
            events.clear();
            events.extend(found.iter().map(
                |polling::Event { key, readable, writable, .. }| PollerEvent {
                    key,
                    readable,
                    writable,
                    ended: false,
                },
            ));
            Ok(())
        }

        pub(crate) fn notify(&self) -> io::Result<()> {
            self.0.notify()
        }
    }
}
