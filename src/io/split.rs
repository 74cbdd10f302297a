//! One stream, two tasks: one reads, the other writes.
//!
//! Both hold the stream, and each poll takes a lock on it. That is short: a poll does what can be done at once
//! and never waits. It is the stream's own code that runs under the lock, and cannot be otherwise; a waker
//! that is called there, and polls the other half on the spot, would wait for itself. Those of this crate's
//! runtime do not.
//!
//! A half that is dropped closes nothing: the stream is dropped with the second. Sockets have better ways
//! (`TcpStream::into_split`), without a lock.
//!
//! Next: `join.rs`, the way back for halves that never were one.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};

use crate::engine::prim::Mutex;

/// A stream that two halves share. The box is what pins it: a mutex cannot lend what it holds pinned, without
/// unsafe code.
type Shared<T> = Arc<Mutex<Pin<Box<T>>>>;

/// The reading half of a stream. From [`split()`].
pub struct ReadHalf<T> {
    stream: Shared<T>,
}

/// The writing half of a stream. From [`split()`].
pub struct WriteHalf<T> {
    stream: Shared<T>,
}

/// Splits a stream into a half that reads and one that writes. [`ReadHalf::unsplit`] is the way back.
///
/// To end the stream, shut the writing half down: it does not happen when that is dropped.
pub fn split<T: AsyncRead + AsyncWrite>(stream: T) -> (ReadHalf<T>, WriteHalf<T>) {
    let stream = Arc::new(Mutex::new(Box::pin(stream)));
    (ReadHalf { stream: stream.clone() }, WriteHalf { stream })
}

impl<T> ReadHalf<T> {
    /// Whether both are halves of one stream.
    pub fn is_pair_of(&self, other: &WriteHalf<T>) -> bool {
        Arc::ptr_eq(&self.stream, &other.stream)
    }

    /// The stream.
    ///
    /// # Panics
    ///
    /// If the other is half of another stream.
    #[track_caller]
    pub fn unsplit(self, other: WriteHalf<T>) -> T
    where
        T: Unpin,
    {
        assert!(
            self.is_pair_of(&other),
            "`unsplit` was called with the writing half of another stream"
        );
        drop(other);
        let stream = Arc::into_inner(self.stream).expect("there are only two halves");
        *Pin::into_inner(stream.into_inner())
    }
}

impl<T> WriteHalf<T> {
    /// Whether both are halves of one stream.
    pub fn is_pair_of(&self, other: &ReadHalf<T>) -> bool {
        other.is_pair_of(self)
    }
}

impl<T: AsyncRead> AsyncRead for ReadHalf<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.stream.lock().as_mut().poll_read(cx, buf)
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream.lock().as_mut().poll_read_vectored(cx, bufs)
    }
}

impl<T: AsyncWrite> AsyncWrite for WriteHalf<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream.lock().as_mut().poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream.lock().as_mut().poll_write_vectored(cx, bufs)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.lock().as_mut().poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.lock().as_mut().poll_close(cx)
    }
}

impl<T> fmt::Debug for ReadHalf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadHalf").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for WriteHalf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteHalf").finish_non_exhaustive()
    }
}
