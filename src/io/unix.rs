//! A library has a descriptor of its own (a serial line, inotify, a C library's socket) and must wait for it.
//!
//! [`AsyncFd`] registers the descriptor with a runtime and says when it is ready. Reading and writing remain
//! the library's work, and so does one duty: to report an operation that would have blocked, since only that
//! proves that the descriptor is *not* ready. The guards do so.
//!
//! ```text
//!   readable().await ──▶ guard ──▶ guard.try_io(operation) ─┬─ done ──────────▶ Ok(result)
//!         ▲                                                 └─ would block ──▶ Err(TryIoError)
//!         └────────────────────── the readiness is cleared ────────────────────────┘
//! ```
//!
//! Tokio has a `get_mut`. Here there is none: through `&mut` the descriptor could be closed while the poller
//! knows it, and its number reused. For the same reason the object owns its descriptor or shares it
//! (`Arc<OwnedFd>`), and does not borrow it.
//!
//! Next: `op.rs`, the future of the extension methods.

use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::task::{Context, Poll};

use super::delegate::as_fd_from;
use super::descriptor::{Descriptor, Found};
use super::interest::{Interest, Ready};
use crate::engine::reactor::Direction;
use crate::runtime::Handle;

/// Any descriptor, watched by the runtime.
///
/// The descriptor must be in non-blocking mode, and of a kind that can be waited for (a file on a disk is
/// not). Dropping the `AsyncFd` drops the object inside.
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
#[derive(Debug)]
pub struct AsyncFd<T: AsFd> {
    inner: Descriptor<T>,
}

as_fd_from!(AsyncFd<T>, inner, T: AsFd);

impl<T: AsFd + 'static> AsyncFd<T> {
    /// Registers a descriptor for reading and writing.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::PermissionDenied`] if the system cannot watch it (a file),
    /// [`io::ErrorKind::AlreadyExists`] if it is watched already.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn new(inner: T) -> io::Result<AsyncFd<T>> {
        let runtime = Handle::current_for("AsyncFd::new");
        Ok(AsyncFd { inner: Descriptor::new(inner, &runtime, false)? })
    }
}

impl<T: AsFd> AsyncFd<T> {
    /// The object inside.
    pub fn get_ref(&self) -> &T {
        self.inner.get_ref()
    }

    /// Returns the object inside, which is no longer watched.
    pub fn into_inner(self) -> T {
        self.inner.into_inner()
    }

    /// Waits until reading is worth a try. Cancel safe; any number of tasks at once.
    ///
    /// # Errors
    ///
    /// If the runtime has shut down.
    pub async fn readable(&self) -> io::Result<AsyncFdReadyGuard<'_, T>> {
        self.ready(Interest::READABLE).await
    }

    /// Waits until writing is worth a try. Cancel safe; any number of tasks at once.
    ///
    /// # Errors
    ///
    /// If the runtime has shut down.
    pub async fn writable(&self) -> io::Result<AsyncFdReadyGuard<'_, T>> {
        self.ready(Interest::WRITABLE).await
    }

    /// Waits until one of some directions is worth a try. Cancel safe; any number of tasks at once.
    ///
    /// # Errors
    ///
    /// If the runtime has shut down.
    pub async fn ready(&self, interest: Interest) -> io::Result<AsyncFdReadyGuard<'_, T>> {
        let found = self.inner.ready(interest).await?;
        Ok(AsyncFdReadyGuard { async_fd: self, found })
    }

    /// The poll form of [`readable`](AsyncFd::readable). It keeps one waker, the last.
    pub fn poll_read_ready(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyGuard<'_, T>>> {
        let found = self.inner.poll_ready(Direction::Read, cx);
        found.map_ok(|found| AsyncFdReadyGuard { async_fd: self, found })
    }

    /// The poll form of [`writable`](AsyncFd::writable). It keeps one waker, the last.
    pub fn poll_write_ready(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyGuard<'_, T>>> {
        let found = self.inner.poll_ready(Direction::Write, cx);
        found.map_ok(|found| AsyncFdReadyGuard { async_fd: self, found })
    }

    /// Waits until `operation` does not answer [`io::ErrorKind::WouldBlock`]. It is tried again after a signal
    /// ([`io::ErrorKind::Interrupted`]).
    ///
    /// Cancel safe if `operation` is. Any number of tasks at once.
    ///
    /// # Errors
    ///
    /// Those of `operation`; or the runtime has shut down.
    pub async fn async_io<R>(
        &self,
        interest: Interest,
        mut operation: impl FnMut(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.inner.io(interest, |inner| operation(inner)).await
    }

    /// Does `operation` now, if the descriptor counts as ready.
    ///
    /// # Errors
    ///
    /// Those of `operation`; [`io::ErrorKind::WouldBlock`] if the descriptor is not ready.
    pub fn try_io<R>(
        &self,
        interest: Interest,
        operation: impl FnOnce(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.inner.try_io(interest, operation)
    }
}

/// A descriptor that was found ready. From [`AsyncFd::readable`] and its siblings.
///
/// The descriptor counts as ready until [`try_io`](AsyncFdReadyGuard::try_io) or
/// [`clear_ready`](AsyncFdReadyGuard::clear_ready) clears that. Dropping the guard clears nothing.
#[must_use = "the descriptor counts as ready until the guard clears it"]
#[derive(Debug)]
pub struct AsyncFdReadyGuard<'a, T: AsFd> {
    async_fd: &'a AsyncFd<T>,
    found: Found,
}

impl<'a, T: AsFd> AsyncFdReadyGuard<'a, T> {
    /// Does `operation`. If it answers [`io::ErrorKind::WouldBlock`], the readiness is cleared: wait again.
    ///
    /// # Errors
    ///
    /// [`TryIoError`] if `operation` would block. Its other errors are inside the `Ok`.
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

    /// Clears the readiness of the directions that were found ready, after an operation that would have
    /// blocked. An event that came since they were found is not lost.
    pub fn clear_ready(&mut self) {
        self.async_fd.inner.clear(self.found);
    }

    /// The directions that were found ready.
    pub fn ready(&self) -> Ready {
        self.found.ready()
    }

    /// The object inside the descriptor.
    pub fn get_inner(&self) -> &'a T {
        self.async_fd.get_ref()
    }
}

/// The operation would have blocked. From [`AsyncFdReadyGuard::try_io`].
#[derive(Debug)]
pub struct TryIoError(());

impl fmt::Display for TryIoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the operation would block")
    }
}

impl std::error::Error for TryIoError {}
