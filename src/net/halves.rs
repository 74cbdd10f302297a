//! One to read, another to write: a stream in two parts.
//!
//! Both directions of a stream may be used at once through a shared reference, so to split one needs no lock
//! and no bookkeeping. A **half** is a reference to the whole that gives half of its methods. What kind of
//! reference is all that differs: `&` for two halves within one task, which is free, and `Arc` for halves
//! that go to different tasks.
//!
//! ```text
//!   split(&mut self)  ──▶  ReadHalf<&Stream>       WriteHalf<&Stream>
//!   into_split(self)  ──▶  ReadHalf<Arc<Stream>>   WriteHalf<Ends<Stream>>
//! ```
//!
//! There is one more difference. Whoever drops the writing half of the second kind has written everything
//! there will be, so the other side is told that the stream ends. [`Ends`] is an `Arc` that does so.
//!
//! Next: `datagram.rs`, for those that carry no stream.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::BufMut;
use futures_io::{AsyncRead, AsyncWrite};

use super::socket::Socket;
use super::stream::Stream;
use crate::io::{Interest, Ready};

impl<S: Stream> Socket<S> {
    /// Splits the stream into two halves that borrow it, for one task. It costs nothing.
    pub fn split(&mut self) -> (ReadHalf<&Self>, WriteHalf<&Self>) {
        (ReadHalf(self), WriteHalf(self))
    }

    /// Splits the stream into two halves that may go to different tasks. When the writing half is dropped,
    /// the other side reads the end of the stream.
    pub fn into_split(self) -> (ReadHalf<Arc<Self>>, WriteHalf<Ends<S>>) {
        let stream = Arc::new(self);
        (ReadHalf(stream.clone()), WriteHalf(Ends { stream, at_drop: true }))
    }
}

/// The half of a stream that reads. From [`split`](Socket::split), if it borrows the stream, or from
/// [`into_split`](Socket::into_split).
#[derive(Debug)]
pub struct ReadHalf<H>(H);

/// The half of a stream that writes. From [`split`](Socket::split), if it borrows the stream, or from
/// [`into_split`](Socket::into_split); the latter, when dropped, ends the stream.
#[derive(Debug)]
pub struct WriteHalf<H>(H);

impl<S: Stream, H: Deref<Target = Socket<S>>> ReadHalf<H> {
    /// As [`Socket::peek`].
    pub async fn peek(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.peek(buf).await
    }

    /// As [`Socket::poll_peek`].
    pub fn poll_peek(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.0.poll_peek(cx, buf)
    }

    /// As [`Socket::readable`].
    pub async fn readable(&self) -> io::Result<()> {
        self.0.readable().await
    }

    /// As [`Socket::ready`].
    pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        self.0.ready(interest).await
    }

    /// As [`Socket::try_read`].
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buf)
    }

    /// As [`Socket::try_read_buf`].
    pub fn try_read_buf<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
        self.0.try_read_buf(buf)
    }

    /// As [`Socket::try_read_vectored`].
    pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.0.try_read_vectored(bufs)
    }

    /// The address of this side.
    pub fn local_addr(&self) -> io::Result<S::Addr> {
        self.0.local_addr()
    }

    /// The address of the other side.
    pub fn peer_addr(&self) -> io::Result<S::Addr> {
        self.0.peer_addr()
    }
}

impl<S: Stream, H: Deref<Target = Socket<S>>> WriteHalf<H> {
    /// As [`Socket::writable`].
    pub async fn writable(&self) -> io::Result<()> {
        self.0.writable().await
    }

    /// As [`Socket::ready`].
    pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        self.0.ready(interest).await
    }

    /// As [`Socket::try_write`].
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.0.try_write(buf)
    }

    /// As [`Socket::try_write_vectored`].
    pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(bufs)
    }

    /// The address of this side.
    pub fn local_addr(&self) -> io::Result<S::Addr> {
        self.0.local_addr()
    }

    /// The address of the other side.
    pub fn peer_addr(&self) -> io::Result<S::Addr> {
        self.0.peer_addr()
    }
}

/// Shares a stream, and ends its writing direction when dropped.
pub struct Ends<S: Stream> {
    stream: Arc<Socket<S>>,
    at_drop: bool,
}

impl<S: Stream> Ends<S> {
    /// The stream, which goes on.
    fn forget(mut self) -> Arc<Socket<S>> {
        self.at_drop = false;
        self.stream.clone()
    }
}

impl<S: Stream> Deref for Ends<S> {
    type Target = Socket<S>;

    fn deref(&self) -> &Socket<S> {
        &self.stream
    }
}

impl<S: Stream> Drop for Ends<S> {
    fn drop(&mut self) {
        if self.at_drop {
            // An error means that there is nobody to tell.
            let _ = self.stream.end();
        }
    }
}

impl<S: Stream + fmt::Debug> fmt::Debug for Ends<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stream.fmt(f)
    }
}

impl<S: Stream> ReadHalf<Arc<Socket<S>>> {
    /// Makes the stream whole again.
    ///
    /// # Errors
    ///
    /// If the halves are of different streams. The error has them both.
    pub fn reunite(self, other: WriteHalf<Ends<S>>) -> Result<Socket<S>, ReuniteError<S>> {
        if !Arc::ptr_eq(&self.0, &other.0.stream) {
            return Err(ReuniteError(self, other));
        }
        drop(other.0.forget());
        Ok(Arc::into_inner(self.0).expect("there are two halves, and the other is gone"))
    }
}

impl<S: Stream> WriteHalf<Ends<S>> {
    /// Makes the stream whole again.
    ///
    /// # Errors
    ///
    /// If the halves are of different streams. The error has them both.
    pub fn reunite(self, other: ReadHalf<Arc<Socket<S>>>) -> Result<Socket<S>, ReuniteError<S>> {
        other.reunite(self)
    }

    /// Drops this half without ending the stream. It ends when the reading half is dropped too.
    pub fn forget(self) {
        drop(self.0.forget());
    }
}

/// Two halves are not of the same stream. From [`ReadHalf::reunite`]; it gives them back.
pub struct ReuniteError<S: Stream>(pub ReadHalf<Arc<Socket<S>>>, pub WriteHalf<Ends<S>>);

impl<S: Stream + fmt::Debug> fmt::Debug for ReuniteError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReuniteError").field(&self.0).field(&self.1).finish()
    }
}

impl<S: Stream> fmt::Display for ReuniteError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("these halves are of different streams")
    }
}

impl<S: Stream + fmt::Debug> std::error::Error for ReuniteError<S> {}

impl<S: Stream, H: Deref<Target = Socket<S>>> AsyncRead for ReadHalf<H> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self.0).poll_read(cx, buf)
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self.0).poll_read_vectored(cx, bufs)
    }
}

impl<S: Stream, H: Deref<Target = Socket<S>>> AsyncWrite for WriteHalf<H> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self.0).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self.0).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self.0).poll_close(cx)
    }
}

impl<S: Stream, H: Deref<Target = Socket<S>>> AsRef<Socket<S>> for ReadHalf<H> {
    fn as_ref(&self) -> &Socket<S> {
        &self.0
    }
}

impl<S: Stream, H: Deref<Target = Socket<S>>> AsRef<Socket<S>> for WriteHalf<H> {
    fn as_ref(&self) -> &Socket<S> {
        &self.0
    }
}
