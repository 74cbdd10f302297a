//! Sockets, pipes and foreign descriptors are read, written, accepted from and connected in the same way.
//!
//! Try; if it would block, wait; try again. That is written here once, and the sockets are thin around it. The
//! operation is a closure. It is tried at once while the source is ready, so an operation that can be done now
//! costs one system call.
//!
//! ```text
//!              poll_io                    io                   try_io
//!   waits      one task for each          any number, each     none
//!              direction, the last        with its own
//!              waker wins                 waker
//! ```
//!
//! A [`Descriptor`] owns a non-blocking object and its registration with the reactor, and orders their ends:
//! first it deregisters the descriptor, then it closes it. In the other order another thread's new descriptor
//! could have the number already. It does not know what the operations do.
//!
//! Next: `unix.rs`, the same for descriptors of other libraries.

use std::fmt;
use std::future::Future;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::interest::{Interest, Ready};
use crate::engine::coop;
use crate::engine::reactor::{Direction, ReadinessVersion, Source, Wait};
use crate::engine::scheduler::SchedulerHandle;
use crate::runtime::Handle;

/// A non-blocking object that a runtime watches.
pub(crate) struct Descriptor<T: AsFd> {
    /// None only at the end of [`into_inner`](Descriptor::into_inner).
    io: Option<T>,
    source: Arc<Source>,
    shared: Arc<SchedulerHandle>,
}

impl<T: AsFd> Descriptor<T> {
    /// Registers `io`, which must not block, with the runtime's reactor. `writable` says whether it counts as
    /// writable before the first event: a socket that is still connecting does not.
    pub(crate) fn new(io: T, runtime: &Handle, writable: bool) -> io::Result<Self> {
        Self::register(io, &runtime.inner.shared, writable)
    }

    /// Registers `io` with the runtime that watches this descriptor.
    pub(crate) fn beside<U: AsFd>(&self, io: U) -> io::Result<Descriptor<U>> {
        Descriptor::register(io, &self.shared, true)
    }

    fn register(io: T, shared: &Arc<SchedulerHandle>, writable: bool) -> io::Result<Self> {
        let driver = &shared.driver;
        let source = driver.reactor.register(&driver.tracer, &io, writable)?;
        Ok(Descriptor { io: Some(io), source, shared: shared.clone() })
    }

    pub(crate) fn get_ref(&self) -> &T {
        self.io.as_ref().expect("present until `into_inner`")
    }

    // ---- wait ----

    /// Waits until an operation in one of these directions is worth a try, which costs one unit of the task's
    /// budget. Any number of tasks at once.
    pub(crate) fn ready(&self, interest: Interest) -> Readiness<'_> {
        let wait = |direction| interest.has(direction).then(|| self.source.wait(direction));
        Readiness { waits: Direction::BOTH.map(wait) }
    }

    /// The same for one task for each direction: the last waker wins.
    pub(crate) fn poll_ready(
        &self,
        direction: Direction,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Found>> {
        ready!(coop::poll_proceed(cx));
        let version = ready!(self.source.poll_ready(direction, cx))?;
        coop::made_progress();
        Poll::Ready(Ok(Found::one(direction, version)))
    }

    /// Which of these directions are ready now, without waiting.
    fn readiness(&self, interest: Interest) -> io::Result<Found> {
        let mut found = Found::default();
        for direction in Direction::BOTH {
            if interest.has(direction) {
                found.0[direction as usize] = self.source.readiness(direction).transpose()?;
            }
        }
        Ok(found)
    }

    /// An operation answered `WouldBlock`: the directions that were `found` ready are not, unless an event came
    /// since.
    pub(crate) fn clear(&self, found: Found) {
        for direction in Direction::BOTH {
            if let Some(version) = found.0[direction as usize] {
                self.source.clear(direction, version);
            }
        }
    }

    // ---- try, and wait ----

    /// Does `operation`, or stores the waker until it is worth another try. One task for each direction.
    pub(crate) fn poll_io<R>(
        &self,
        direction: Direction,
        cx: &mut Context<'_>,
        mut operation: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        ready!(coop::poll_proceed(cx));
        loop {
            let version = ready!(self.source.poll_ready(direction, cx))?;
            let result = self.try_op(Found::one(direction, version), &mut operation);
            if !is_retried(&result) {
                coop::made_progress();
                return Poll::Ready(result);
            }
        }
    }

    /// The same for a read or a write of at most `len` bytes: fewer clear the readiness. No `len` if a short one
    /// proves nothing, as with lists of buffers: std cuts those that are longer than 1,024.
    pub(crate) fn poll_bytes(
        &self,
        direction: Direction,
        cx: &mut Context<'_>,
        len: Option<usize>,
        mut operation: impl FnMut(&T) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        self.poll_io(direction, cx, |io| {
            // Before the operation: an event that comes during it is not cleared.
            let version = self.source.readiness(direction);
            let count = operation(io)?;
            // 0 is the end of the stream, or an empty buffer.
            if let (Some(Ok(version)), Some(len)) = (version, len)
                && (1..len).contains(&count)
            {
                self.source.clear_if_short(direction, version);
            }
            Ok(count)
        })
    }

    /// Does `operation` as soon as it can be done. Any number of tasks at once.
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
        let found = self.readiness(interest)?;
        if found.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.try_op(found, operation)
    }

    /// Tries once. If it would block, the directions that were `found` ready are not.
    fn try_op<R>(
        &self,
        found: Found,
        operation: impl FnOnce(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        let result = operation(self.get_ref());
        if let Err(error) = &result
            && error.kind() == io::ErrorKind::WouldBlock
        {
            self.clear(found);
        }
        result
    }

    // ---- the end ----

    /// The object, which is no longer watched, and is still non-blocking.
    pub(crate) fn into_inner(mut self) -> T {
        self.deregister();
        self.io.take().expect("present until now")
    }

    fn deregister(&self) {
        if self.io.is_some() {
            let driver = &self.shared.driver;
            driver.reactor.deregister(&driver.tracer, &self.source);
        }
    }
}

impl<T: AsFd> Drop for Descriptor<T> {
    fn drop(&mut self) {
        // The object is dropped, and so closed, after this.
        self.deregister();
    }
}

impl<T: AsFd> AsFd for Descriptor<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.get_ref().as_fd()
    }
}

impl<T: AsFd + fmt::Debug> fmt::Debug for Descriptor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get_ref().fmt(f)
    }
}

/// Whether an operation is tried again: it would block, or a signal ended it before it had done anything.
fn is_retried<R>(result: &io::Result<R>) -> bool {
    use io::ErrorKind::{Interrupted, WouldBlock};

    result.as_ref().is_err_and(|error| matches!(error.kind(), WouldBlock | Interrupted))
}

/// The directions in which a descriptor was found ready: the caller gives it back to [`Descriptor::clear`].
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Found([Option<ReadinessVersion>; 2]);

impl Found {
    fn one(direction: Direction, version: ReadinessVersion) -> Found {
        let mut found = Found::default();
        found.0[direction as usize] = Some(version);
        found
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    /// The same as a set of directions, for the user.
    pub(crate) fn ready(&self) -> Ready {
        match self.0.map(|version| version.is_some()) {
            [true, true] => Ready::ALL,
            [true, false] => Ready::READABLE,
            [false, true] => Ready::WRITABLE,
            [false, false] => Ready::EMPTY,
        }
    }
}

/// Waits until a descriptor is ready in one of some directions. From [`Descriptor::ready`].
#[derive(Debug)]
pub(crate) struct Readiness<'a> {
    /// One for each direction. Dropped with this, they remove their wakers.
    waits: [Option<Wait<'a>>; 2],
}

impl Readiness<'_> {
    /// The same without the budget.
    fn poll_found(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Found>> {
        let mut found = Found::default();
        for (wait, found) in self.waits.iter_mut().zip(&mut found.0) {
            if let Some(wait) = wait
                && let Poll::Ready(version) = Pin::new(wait).poll(cx)
            {
                *found = Some(version?);
            }
        }
        if found.is_empty() { Poll::Pending } else { Poll::Ready(Ok(found)) }
    }
}

impl Future for Readiness<'_> {
    type Output = io::Result<Found>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(coop::poll_proceed(cx));
        let found = ready!(self.poll_found(cx));
        coop::made_progress();
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
        ready!(coop::poll_proceed(cx));
        let Io { descriptor, readiness, operation } = &mut *self;
        loop {
            let found = ready!(readiness.poll_found(cx))?;
            let result = descriptor.try_op(found, &mut *operation);
            if !is_retried(&result) {
                coop::made_progress();
                return Poll::Ready(result);
            }
        }
    }
}
