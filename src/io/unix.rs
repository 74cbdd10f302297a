//! Descriptors that somebody else made.
//!
//! A library has a descriptor of its own, of a serial line, of inotify, of a C library's socket, and wants
//! to wait for it. [`AsyncFd`] lets a runtime watch it and says when it is ready. The reading and writing
//! remain the library's, and so does one duty: to say when an attempt would have blocked, since only that
//! proves that the descriptor is *not* ready. The guards see to it.
//!
//! ```text
//!   readable().await ──▶ guard ──▶ guard.try_io(attempt) ─┬─ done ──────────▶ Ok(result)
//!         ▲                                               └─ would block ──▶ Err(TryIoError)
//!         └────────────────────────── and not ready any more ────────────────────┘
//! ```
//!
//! There is no `&mut` to what is inside, which Tokio gives. Through it the descriptor could be closed while
//! the poller knows it, and its number go to somebody else. For the same reason what is inside owns its
//! descriptor, or shares it (`Arc<OwnedFd>`), and does not borrow it.
//!
//! Next: `op.rs`, the future of the extension methods.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::task::{Context, Poll, ready};

use super::descriptor::{Descriptor, Found};
use super::interest::{Interest, Ready};
use crate::engine::reactor::Direction;
use crate::runtime::Handle;

/// Any descriptor, watched by the runtime.
///
/// It must be in non-blocking mode, and of a kind that can be waited for: a file on a disk, for instance, is
/// not. When this is dropped, so is what is inside.
///
/// ```
/// use openwork::io::unix::AsyncFd;
/// use std::io::{ErrorKind, Read, Write};
/// use std::os::unix::net::UnixStream;
///
/// # openwork::block_on(async {
/// let (near, mut far) = UnixStream::pair()?;
/// near.set_nonblocking(true)?;
/// let near = AsyncFd::new(near)?;
/// far.write_all(b"hello")?;
/// let mut buf = [0; 8];
/// let count = loop {
///     let mut guard = near.readable().await?;
///     if let Ok(result) = guard.try_io(|near| near.get_ref().read(&mut buf)) {
///         break result?;
///     }
/// };
/// assert_eq!(&buf[..count], b"hello");
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub struct AsyncFd<T: AsFd> {
    io: Descriptor<T>,
}

impl<T: AsFd + 'static> AsyncFd<T> {
    /// Lets the runtime watch a descriptor, for reading and for writing.
    ///
    /// # Errors
    ///
    /// If the system cannot watch it, with its kind: [`io::ErrorKind::PermissionDenied`] for a file,
    /// [`io::ErrorKind::AlreadyExists`] for a descriptor that is watched already.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn new(inner: T) -> io::Result<AsyncFd<T>> {
        let runtime = Handle::current_for("AsyncFd::new");
        let io =
            Descriptor::with_interest(inner, &runtime, Interest::READABLE | Interest::WRITABLE)?;
        Ok(AsyncFd { io })
    }

    /// The same for some directions only. In the others it never becomes ready.
    ///
    /// # Errors
    ///
    /// See [`new`](AsyncFd::new).
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn with_interest(inner: T, interest: Interest) -> io::Result<AsyncFd<T>> {
        let runtime = Handle::current_for("AsyncFd::with_interest");
        Ok(AsyncFd { io: Descriptor::with_interest(inner, &runtime, interest)? })
    }
}

impl<T: AsFd> AsyncFd<T> {
    /// What is inside.
    pub fn get_ref(&self) -> &T {
        self.io.get_ref()
    }

    /// What is inside, no longer watched.
    pub fn into_inner(self) -> T {
        self.io.into_inner()
    }

    /// Waits until reading is worth a try. Cancel safe; any number of tasks at once.
    ///
    /// # Errors
    ///
    /// If the runtime has ended; here and below.
    pub async fn readable(&self) -> io::Result<AsyncFdReadyGuard<'_, T>> {
        self.ready(Interest::READABLE).await
    }

    /// Waits until writing is worth a try. Cancel safe; any number of tasks at once.
    pub async fn writable(&self) -> io::Result<AsyncFdReadyGuard<'_, T>> {
        self.ready(Interest::WRITABLE).await
    }

    /// Waits until one of some directions is worth a try. Cancel safe; any number of tasks at once.
    pub async fn ready(&self, interest: Interest) -> io::Result<AsyncFdReadyGuard<'_, T>> {
        let found = self.io.ready(interest).await?;
        Ok(AsyncFdReadyGuard { async_fd: self, found })
    }

    /// The poll form of [`readable`](AsyncFd::readable). It keeps one waker, the last.
    pub fn poll_read_ready(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyGuard<'_, T>>> {
        let found = ready!(self.io.poll_ready(Direction::Read, cx))?;
        Poll::Ready(Ok(AsyncFdReadyGuard { async_fd: self, found }))
    }

    /// The poll form of [`writable`](AsyncFd::writable). It keeps one waker, the last.
    pub fn poll_write_ready(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyGuard<'_, T>>> {
        let found = ready!(self.io.poll_ready(Direction::Write, cx))?;
        Poll::Ready(Ok(AsyncFdReadyGuard { async_fd: self, found }))
    }

    /// Does `operation` as soon as it does not answer [`io::ErrorKind::WouldBlock`]. It is tried again after
    /// a signal ([`io::ErrorKind::Interrupted`]).
    ///
    /// Cancel safe as far as `operation` is. Any number of tasks at once.
    pub async fn async_io<R>(
        &self,
        interest: Interest,
        mut operation: impl FnMut(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.io.io(interest, |inner| operation(inner)).await
    }

    /// Does `operation` now, if it is worth a try.
    ///
    /// # Errors
    ///
    /// Those of `operation`; [`io::ErrorKind::WouldBlock`] also if it was not worth a try.
    pub fn try_io<R>(
        &self,
        interest: Interest,
        operation: impl FnOnce(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.io.try_io(interest, operation)
    }
}

impl<T: AsFd> AsFd for AsyncFd<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.io.as_fd()
    }
}

impl<T: AsFd> AsRawFd for AsyncFd<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.io.as_raw_fd()
    }
}

impl<T: AsFd + fmt::Debug> fmt::Debug for AsyncFd<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncFd").field("inner", self.get_ref()).finish()
    }
}

/// A descriptor was found ready. From [`AsyncFd::readable`] and its siblings.
///
/// It counts as ready until somebody says otherwise, by [`try_io`](AsyncFdReadyGuard::try_io) or
/// [`clear_ready`](AsyncFdReadyGuard::clear_ready). To drop this says nothing.
#[must_use = "the descriptor counts as ready until the guard is told otherwise"]
pub struct AsyncFdReadyGuard<'a, T: AsFd> {
    async_fd: &'a AsyncFd<T>,
    found: Found,
}

impl<'a, T: AsFd> AsyncFdReadyGuard<'a, T> {
    /// Does `operation`. If it answers [`io::ErrorKind::WouldBlock`], the descriptor is not ready any more,
    /// and this answers [`TryIoError`]: wait again.
    ///
    /// # Errors
    ///
    /// See above. The errors of `operation` are within the `Ok`.
    pub fn try_io<R>(
        &mut self,
        operation: impl FnOnce(&'a AsyncFd<T>) -> io::Result<R>,
    ) -> Result<io::Result<R>, TryIoError> {
        match operation(self.async_fd) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.clear_ready();
                Err(TryIoError(()))
            }
            result => Ok(result),
        }
    }

    /// An attempt would have blocked: it is not ready any more, in any of the directions that were found
    /// ready. A report that came meanwhile is not lost.
    pub fn clear_ready(&mut self) {
        self.async_fd.io.clear(self.found);
    }

    /// The same for what concerns `ready` only.
    pub fn clear_ready_matching(&mut self, ready: Ready) {
        self.async_fd.io.clear(self.found.take(ready));
    }

    /// It is still ready: says the same as to do nothing.
    pub fn retain_ready(&mut self) {}

    /// What it was found ready for, with the ends and errors that the system tells of now.
    pub fn ready(&self) -> Ready {
        self.async_fd.io.describe(self.found)
    }

    /// The descriptor.
    pub fn get_ref(&self) -> &'a AsyncFd<T> {
        self.async_fd
    }

    /// What is inside of it.
    pub fn get_inner(&self) -> &'a T {
        self.async_fd.get_ref()
    }
}

impl<T: AsFd + fmt::Debug> fmt::Debug for AsyncFdReadyGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncFdReadyGuard").field("async_fd", self.async_fd).finish_non_exhaustive()
    }
}

/// The attempt would have blocked. From [`AsyncFdReadyGuard::try_io`].
#[derive(Debug)]
pub struct TryIoError(());

impl fmt::Display for TryIoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the descriptor was not ready after all")
    }
}

impl std::error::Error for TryIoError {}
