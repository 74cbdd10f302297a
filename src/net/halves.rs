//! A stream is split into a half that reads and a half that writes.
//!
//! Both directions of a stream may be used at once through a shared reference, so splitting one needs no lock
//! and no bookkeeping. A **half** is a reference to the stream that has half of its methods. The halves differ in
//! the kind of reference only: `&` for two halves within one task, which is free, and `Arc` for halves that go to
//! different tasks.
//!
//! ```text
//!   split(&mut self)  ──▶  ReadHalf<&Stream>       WriteHalf<&Stream>
//!   into_split(self)  ──▶  ReadHalf<Arc<Stream>>   WriteHalf<EndOnDrop<Stream>>
//! ```
//!
//! There is one more difference. When an owned writing half is dropped, everything is written, so the other side
//! learns that the stream ends. [`EndOnDrop`] is an `Arc` that does so.
//!
//! Next: `datagram.rs`, for sockets that carry no stream.

use std::fmt;
use std::future::Future;
use std::io::{self, IoSlice, IoSliceMut};
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::BufMut;
use futures_io::{AsyncRead, AsyncWrite};

use super::socket::Socket;
use super::stream::Stream;
use crate::io::delegate::{read_from, write_to};
use crate::io::{Interest, Ready};

impl<S: Stream> Socket<S> {
    /// Splits the stream into two halves that borrow it, for one task. It costs nothing.
    pub fn split(&mut self) -> (ReadHalf<&Self>, WriteHalf<&Self>) {
        (ReadHalf(self), WriteHalf(self))
    }

    /// Splits the stream into two halves that may go to different tasks. When the writing half is dropped, the
    /// other side reads the end of the stream.
    pub fn into_split(self) -> (ReadHalf<Arc<Self>>, WriteHalf<EndOnDrop<S>>) {
        let stream = Arc::new(self);
        (ReadHalf(stream.clone()), WriteHalf(EndOnDrop { stream, enabled: true }))
    }
}

/// The half of a stream that reads. From [`split`](Socket::split), if it borrows the stream, or from
/// [`into_split`](Socket::into_split).
#[derive(Debug)]
pub struct ReadHalf<H>(H);

/// The half of a stream that writes. From [`split`](Socket::split), if it borrows the stream, or from
/// [`into_split`](Socket::into_split); dropping the latter ends the stream.
#[derive(Debug)]
pub struct WriteHalf<H>(H);

/// Methods that call the stream's method of the same name.
macro_rules! same_as_the_stream {
    ($(fn $name:ident $(<$buf:ident>)? ($($arg:ident: $type:ty),*) -> $output:ty;)*) => {$(
        #[doc = concat!("The same as the stream's [`", stringify!($name), "`](Socket::", stringify!($name), ").")]
        pub fn $name $(<$buf: BufMut>)? (&self, $($arg: $type),*) -> $output {
            self.0.$name($($arg),*)
        }
    )*};
}

impl<S: Stream, H: Deref<Target = Socket<S>>> ReadHalf<H> {
    same_as_the_stream! {
        fn peek(buf: &mut [u8]) -> impl Future<Output = io::Result<usize>>;
        fn poll_peek(cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>>;
        fn readable() -> impl Future<Output = io::Result<()>>;
        fn ready(interest: Interest) -> impl Future<Output = io::Result<Ready>>;
        fn try_read(buf: &mut [u8]) -> io::Result<usize>;
        fn try_read_buf<B>(buf: &mut B) -> io::Result<usize>;
        fn try_read_vectored(bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize>;
        fn local_addr() -> io::Result<S::Addr>;
        fn peer_addr() -> io::Result<S::Addr>;
    }
}

impl<S: Stream, H: Deref<Target = Socket<S>>> WriteHalf<H> {
    same_as_the_stream! {
        fn writable() -> impl Future<Output = io::Result<()>>;
        fn ready(interest: Interest) -> impl Future<Output = io::Result<Ready>>;
        fn try_write(buf: &[u8]) -> io::Result<usize>;
        fn try_write_vectored(bufs: &[IoSlice<'_>]) -> io::Result<usize>;
        fn local_addr() -> io::Result<S::Addr>;
        fn peer_addr() -> io::Result<S::Addr>;
    }
}

/// Shares a stream, and ends its writing direction when dropped.
#[derive(Debug)]
pub struct EndOnDrop<S: Stream> {
    stream: Arc<Socket<S>>,
    enabled: bool,
}

impl<S: Stream> Deref for EndOnDrop<S> {
    type Target = Socket<S>;

    fn deref(&self) -> &Socket<S> {
        &self.stream
    }
}

impl<S: Stream> Drop for EndOnDrop<S> {
    fn drop(&mut self) {
        if self.enabled {
            // An error means that the connection is gone.
            let _ = self.stream.io.get_ref().end();
        }
    }
}

impl<S: Stream> ReadHalf<Arc<Socket<S>>> {
    /// Joins the two halves of a stream again.
    ///
    /// # Errors
    ///
    /// If the halves are of different streams. The error returns them both.
    pub fn reunite(self, other: WriteHalf<EndOnDrop<S>>) -> Result<Socket<S>, ReuniteError<S>> {
        if !Arc::ptr_eq(&self.0, &other.0.stream) {
            return Err(ReuniteError(self, other));
        }
        other.forget();
        Ok(Arc::into_inner(self.0).expect("there are two halves, and the other is gone"))
    }
}

impl<S: Stream> WriteHalf<EndOnDrop<S>> {
    /// Joins the two halves of a stream again.
    ///
    /// # Errors
    ///
    /// If the halves are of different streams. The error returns them both.
    pub fn reunite(self, other: ReadHalf<Arc<Socket<S>>>) -> Result<Socket<S>, ReuniteError<S>> {
        other.reunite(self)
    }

    /// Drops this half without ending the stream. It ends when the reading half is dropped too.
    pub fn forget(mut self) {
        self.0.enabled = false;
    }
}

/// Two halves are not of the same stream. From [`ReadHalf::reunite`]; it returns them.
#[derive(Debug)]
pub struct ReuniteError<S: Stream>(pub ReadHalf<Arc<Socket<S>>>, pub WriteHalf<EndOnDrop<S>>);

impl<S: Stream> fmt::Display for ReuniteError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("these halves are of different streams")
    }
}

impl<S: Stream + fmt::Debug> std::error::Error for ReuniteError<S> {}

impl<S: Stream, H: Deref<Target = Socket<S>>> AsyncRead for ReadHalf<H> {
    read_from!(self => Pin::new(&mut &*self.0));
}

impl<S: Stream, H: Deref<Target = Socket<S>>> AsyncWrite for WriteHalf<H> {
    write_to!(self => Pin::new(&mut &*self.0));
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
