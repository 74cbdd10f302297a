//! Try; if it would block, wait; try again.
//!
//! Every kind of descriptor is read, written, accepted from and connected in the same way, so that way
//! stands here once, and the sockets are thin around it. A [`Descriptor`] owns a non-blocking object and
//! its registration with the reactor, and takes care of the order in which they end: first the reactor
//! forgets the descriptor, then it is closed. The other way round, its number might belong to somebody
//! else already.
//!
//! What to try is a closure. It is tried at once as long as the source counts as ready, so an operation
//! that can be done at once is done without a detour.

use std::fmt;
use std::future::Future;
use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::engine::context;
use crate::engine::reactor::{Direction, Ready, Seen, Source};
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
        Self::within(io, &runtime.parts.shared, writable)
    }

    /// Lets the runtime that watches this one watch `io` too.
    pub(crate) fn beside<U: AsFd>(&self, io: U, writable: bool) -> io::Result<Descriptor<U>> {
        Descriptor::within(io, &self.shared, writable)
    }

    fn within(io: T, shared: &Arc<Share>, writable: bool) -> io::Result<Self> {
        let source = shared.driver.reactor.register(&io, writable)?;
        Ok(Descriptor { io: Some(io), source, shared: shared.clone() })
    }

    pub(crate) fn get_ref(&self) -> &T {
        self.io.as_ref().expect("it is there until `into_inner`")
    }

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
            if let Some(result) = self.attempt(direction, seen, &mut operation) {
                context::spend();
                return Poll::Ready(result);
            }
        }
    }

    /// Tries once. None: it would block, and the source is not ready any more, unless a report came
    /// meanwhile.
    fn attempt<R>(
        &self,
        direction: Direction,
        seen: Seen,
        operation: &mut impl FnMut(&T) -> io::Result<R>,
    ) -> Option<io::Result<R>> {
        loop {
            match operation(self.get_ref()) {
                // A signal came. Nothing was done, and nothing is known.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.source.clear(direction, seen);
                    return None;
                }
                result => return Some(result),
            }
        }
    }

    /// Does `operation`, as soon as it can be done. Any number of tasks at once.
    pub(crate) fn io<R, F>(&self, direction: Direction, operation: F) -> Io<'_, T, F>
    where
        F: FnMut(&T) -> io::Result<R> + Unpin,
    {
        Io { descriptor: self, direction, ready: self.source.ready(direction), operation }
    }

    /// Does `operation` now, or answers `WouldBlock`.
    pub(crate) fn try_io<R>(
        &self,
        direction: Direction,
        mut operation: impl FnMut(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        match self.source.look(direction).transpose()? {
            Some(seen) => self.attempt(direction, seen, &mut operation),
            None => None,
        }
        .unwrap_or_else(|| Err(io::ErrorKind::WouldBlock.into()))
    }

    /// Waits until an operation is worth trying. As far as the budget goes, that is one itself.
    pub(crate) fn ready(&self, direction: Direction) -> Io<'_, T, fn(&T) -> io::Result<()>> {
        self.io(direction, |_| Ok(()))
    }

    /// The object, no longer watched. It is still non-blocking.
    pub(crate) fn into_inner(mut self) -> T {
        self.deregister();
        self.io.take().expect("it is there until now")
    }

    fn deregister(&self) {
        if let Some(io) = &self.io {
            self.shared.driver.reactor.deregister(io, &self.source);
        }
    }
}

impl<T: AsFd> Drop for Descriptor<T> {
    fn drop(&mut self) {
        // The object itself is dropped, and so closed, after this.
        self.deregister();
    }
}

impl<T: AsFd + fmt::Debug> fmt::Debug for Descriptor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get_ref().fmt(f)
    }
}

/// Does an operation once it can be done. From [`Descriptor::io`].
#[derive(Debug)]
pub(crate) struct Io<'a, T: AsFd, F> {
    descriptor: &'a Descriptor<T>,
    direction: Direction,
    /// Its place among those who wait; it leaves the line when this is dropped.
    ready: Ready<'a>,
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
        let Io { descriptor, direction, ready, operation } = &mut *self;
        loop {
            let seen = ready!(Pin::new(&mut *ready).poll(cx))?;
            if let Some(result) = descriptor.attempt(*direction, seen, operation) {
                context::spend();
                return Poll::Ready(result);
            }
        }
    }
}
