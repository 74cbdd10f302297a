//! Try; if it would block, wait; try again.
//!
//! Every kind of descriptor is read, written, accepted from and connected in the same way, so that way
//! stands here once, and the sockets are thin around it. What to try is a closure. It is tried at once as
//! long as the source counts as ready, so an operation that can be done at once is done without a detour.
//!
//! ```text
//!              poll_io               io                     try_io
//!   who        one task for each     any number, each       nobody waits
//!              direction, the last   with a place of
//!              one wins              its own
//! ```
//!
//! A [`Descriptor`] owns a non-blocking object and its registration with the reactor, and takes care of
//! the order in which they end: first the reactor forgets the descriptor, then it is closed. The other way
//! round, its number might belong to somebody else already.
//!
//! Next: `unix.rs`, the same for descriptors that are not ours.

use std::fmt;
use std::future::Future;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::interest::{Interest, Ready};
use crate::engine::context;
use crate::engine::reactor::{Direction, Seen, Source, Wait};
use crate::engine::shared::Share;
use crate::runtime::Handle;

/// A non-blocking object that a runtime watches.
pub(crate) struct Descriptor<T: AsFd> {
    /// None only on the way out of [`into_inner`](Descriptor::into_inner).
    io: Option<T>,
    source: Arc<Source>,
    shared: Arc<Share>,
}

impl<T: AsFd> Descriptor<T> {
    /// Lets the runtime watch `io`, which must not block. A socket that is still connecting is not
    /// `writable` yet.
    pub(crate) fn new(io: T, runtime: &Handle, writable: bool) -> io::Result<Self> {
        Self::within(io, &runtime.parts.shared, &Direction::BOTH, writable)
    }

    /// Lets the runtime watch `io` in some directions only. Nothing is known of it yet.
    pub(crate) fn with_interest(io: T, runtime: &Handle, interest: Interest) -> io::Result<Self> {
        let directions: &[Direction] = match (interest.is_readable(), interest.is_writable()) {
            (true, false) => &[Direction::Read],
            (false, true) => &[Direction::Write],
            _ => &Direction::BOTH,
        };
        Self::within(io, &runtime.parts.shared, directions, false)
    }

    /// Lets the runtime that watches this one watch `io` too.
    pub(crate) fn beside<U: AsFd>(&self, io: U) -> io::Result<Descriptor<U>> {
        Descriptor::within(io, &self.shared, &Direction::BOTH, true)
    }

    fn within(
        io: T,
        shared: &Arc<Share>,
        directions: &[Direction],
        writable: bool,
    ) -> io::Result<Self> {
        let source = shared.driver.reactor.register(&io, directions, writable)?;
        Ok(Descriptor { io: Some(io), source, shared: shared.clone() })
    }

    pub(crate) fn get_ref(&self) -> &T {
        self.io.as_ref().expect("it is there until `into_inner`")
    }

    // ---- to wait ----

    /// Waits until an operation in one of these directions is worth a try. As far as the budget goes, that
    /// is an operation itself. Any number of tasks at once.
    pub(crate) fn ready(&self, interest: Interest) -> Readiness<'_> {
        let wait = |direction| interest.has(direction).then(|| self.source.wait(direction));
        Readiness { read: wait(Direction::Read), write: wait(Direction::Write) }
    }

    /// The same for one task for each direction.
    pub(crate) fn poll_ready(
        &self,
        direction: Direction,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Found>> {
        ready!(context::poll_budget(cx));
        let seen = ready!(self.source.poll_ready(direction, cx))?;
        context::spend();
        Poll::Ready(Ok(Found::one(direction, seen)))
    }

    /// What is known already of these directions.
    pub(crate) fn look(&self, interest: Interest) -> io::Result<Found> {
        let mut found = Found::default();
        for direction in Direction::BOTH {
            if interest.has(direction) {
                *found.at(direction) = self.source.look(direction).transpose()?;
            }
        }
        Ok(found)
    }

    /// An operation that what was `found` gave hope for would block: the source is not ready, unless a
    /// report came meanwhile.
    pub(crate) fn clear(&self, mut found: Found) {
        for direction in Direction::BOTH {
            if let Some(seen) = *found.at(direction) {
                self.source.clear(direction, seen);
            }
        }
    }

    /// What was found, in words for the user. That a direction has come to its end the system is asked for
    /// here: the poller has no word for one that has ended while the other goes on.
    pub(crate) fn describe(&self, found: Found) -> Ready {
        let mut ready = Ready::EMPTY;
        let mut concerns = Ready::ERROR;
        if found.read.is_some() {
            ready |= Ready::READABLE;
            concerns |= Ready::from_interest(Interest::READABLE);
        }
        if found.write.is_some() {
            ready |= Ready::WRITABLE;
            concerns |= Ready::from_interest(Interest::WRITABLE);
        }
        ready | self.ends() & concerns
    }

    /// What the system says now of ends and errors.
    fn ends(&self) -> Ready {
        #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
        const READ_END: PollFlags = PollFlags::RDHUP;
        #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
        const READ_END: PollFlags = PollFlags::empty();

        let mut fds = [PollFd::new(self.get_ref(), READ_END)];
        // It does not wait. An error here means that nothing more is known.
        let _ = poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }));
        let says = fds[0].revents();
        let mut ends = Ready::EMPTY;
        if says.intersects(READ_END | PollFlags::HUP) {
            ends |= Ready::READ_CLOSED;
        }
        if says.intersects(PollFlags::HUP | PollFlags::ERR) {
            ends |= Ready::WRITE_CLOSED;
        }
        if says.contains(PollFlags::ERR) {
            ends |= Ready::ERROR;
        }
        ends
    }

    // ---- to try, and to wait ----

    /// Does `operation`, or keeps the waker until it is worth another try. One task for each direction.
    pub(crate) fn poll_io<R>(
        &self,
        direction: Direction,
        cx: &mut Context<'_>,
        mut operation: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        ready!(context::poll_budget(cx));
        loop {
            let seen = ready!(self.source.poll_ready(direction, cx))?;
            if let Some(result) = self.attempt(Found::one(direction, seen), &mut operation) {
                context::spend();
                return Poll::Ready(result);
            }
        }
    }

    /// Does `operation`, as soon as it can be done. Any number of tasks at once.
    pub(crate) fn io<R, F>(&self, interest: Interest, operation: F) -> Io<'_, T, F>
    where
        F: FnMut(&T) -> io::Result<R> + Unpin,
    {
        Io { descriptor: self, readiness: self.ready(interest), operation }
    }

    /// Does `operation` now, or answers `WouldBlock`.
    pub(crate) fn try_io<R>(
        &self,
        interest: Interest,
        operation: impl FnOnce(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        let found = self.look(interest)?;
        let result = if found.is_nothing() { None } else { self.attempt_once(found, operation) };
        result.unwrap_or_else(|| Err(io::ErrorKind::WouldBlock.into()))
    }

    /// Tries, and tries again after a signal: then nothing was done, and nothing is known.
    fn attempt<R>(
        &self,
        found: Found,
        operation: &mut impl FnMut(&T) -> io::Result<R>,
    ) -> Option<io::Result<R>> {
        loop {
            match self.attempt_once(found, &mut *operation) {
                Some(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    /// Tries once. None: it would block.
    fn attempt_once<R>(
        &self,
        found: Found,
        operation: impl FnOnce(&T) -> io::Result<R>,
    ) -> Option<io::Result<R>> {
        match operation(self.get_ref()) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.clear(found);
                None
            }
            result => Some(result),
        }
    }

    // ---- the end ----

    /// The object, no longer watched. It is still non-blocking.
    pub(crate) fn into_inner(mut self) -> T {
        self.deregister();
        self.io.take().expect("it is there until now")
    }

    fn deregister(&self) {
        if self.io.is_some() {
            self.shared.driver.reactor.deregister(&self.source);
        }
    }
}

impl<T: AsFd> Drop for Descriptor<T> {
    fn drop(&mut self) {
        // The object itself is dropped, and so closed, after this.
        self.deregister();
    }
}

impl<T: AsFd> AsFd for Descriptor<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.get_ref().as_fd()
    }
}

impl<T: AsFd> AsRawFd for Descriptor<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl<T: AsFd + fmt::Debug> fmt::Debug for Descriptor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get_ref().fmt(f)
    }
}

/// In which directions a descriptor was found ready: to be given back to [`Descriptor::clear`].
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Found {
    read: Option<Seen>,
    write: Option<Seen>,
}

impl Found {
    fn one(direction: Direction, seen: Seen) -> Found {
        let mut found = Found::default();
        *found.at(direction) = Some(seen);
        found
    }

    fn at(&mut self, direction: Direction) -> &mut Option<Seen> {
        match direction {
            Direction::Read => &mut self.read,
            Direction::Write => &mut self.write,
        }
    }

    pub(crate) fn is_nothing(&self) -> bool {
        self.read.is_none() && self.write.is_none()
    }

    /// Takes out what concerns `ready`.
    pub(crate) fn take(&mut self, ready: Ready) -> Found {
        Found {
            read: self.read.take_if(|_| ready.is_readable()),
            write: self.write.take_if(|_| ready.is_writable()),
        }
    }
}

/// Waits until a descriptor is ready in one of some directions. From [`Descriptor::ready`].
#[derive(Debug)]
pub(crate) struct Readiness<'a> {
    /// Its places among those who wait; it leaves the lines when this is dropped.
    read: Option<Wait<'a>>,
    write: Option<Wait<'a>>,
}

impl Readiness<'_> {
    /// The same without a look at the budget.
    fn poll_found(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Found>> {
        let mut found = Found::default();
        for direction in Direction::BOTH {
            let wait = match direction {
                Direction::Read => &mut self.read,
                Direction::Write => &mut self.write,
            };
            if let Some(wait) = wait
                && let Poll::Ready(seen) = Pin::new(wait).poll(cx)
            {
                *found.at(direction) = Some(seen?);
            }
        }
        if found.is_nothing() { Poll::Pending } else { Poll::Ready(Ok(found)) }
    }
}

impl Future for Readiness<'_> {
    type Output = io::Result<Found>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(context::poll_budget(cx));
        let found = ready!(self.poll_found(cx));
        context::spend();
        Poll::Ready(found)
    }
}

/// Does an operation once it can be done. From [`Descriptor::io`].
#[derive(Debug)]
pub(crate) struct Io<'a, T: AsFd, F> {
    descriptor: &'a Descriptor<T>,
    readiness: Readiness<'a>,
    operation: F,
}

impl<T, F, R> Future for Io<'_, T, F>
where
    T: AsFd,
    F: FnMut(&T) -> io::Result<R> + Unpin,
{
    type Output = io::Result<R>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(context::poll_budget(cx));
        let Io { descriptor, readiness, operation } = &mut *self;
        loop {
            let found = ready!(readiness.poll_found(cx))?;
            if let Some(result) = descriptor.attempt(found, operation) {
                context::spend();
                return Poll::Ready(result);
            }
        }
    }
}
