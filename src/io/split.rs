//! Splitting one stream for two tasks: one reads, the other writes.
//!
//! Both halves share the stream, and each poll locks it. The lock is held briefly, since a poll does what can be done
//! at once and never waits. But it is held while the stream's own code runs: a waker that the stream calls there must
//! not poll the other half on the spot, or it deadlocks. The wakers of this crate's runtime only schedule a task.
//!
//! Dropping a half closes nothing: the stream is dropped with the second half. Sockets have a better way
//! (`TcpStream::into_split`), without a lock.
//!
//! Next: `duplex.rs`, a stream between two tasks.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use futures_io::{AsyncRead, AsyncWrite};

use super::delegate::{read_from, write_to};
use crate::engine::prim::Mutex;

/// A stream that two halves share. The box pins it: a mutex cannot lend its value pinned without unsafe code.
type Shared<T> = Arc<Mutex<Pin<Box<T>>>>;

/// The read half of a stream. From [`split()`].
pub struct ReadHalf<T> {
    stream: Shared<T>,
}

/// The write half of a stream. From [`split()`].
pub struct WriteHalf<T> {
    stream: Shared<T>,
}

/// Splits a stream into a half that reads and a half that writes. [`ReadHalf::unsplit`] joins them again.
///
/// To end the stream, call `shutdown` on the write half: dropping that half does not end it.
///
/// ```
/// use openwork::io::{AsyncReadExt, AsyncWriteExt, duplex, split};
///
/// # openwork::block_on(async {
/// let (mut client, server) = duplex(64);
/// let (mut reader, mut writer) = split(server);
/// let echo = openwork::spawn(async move { openwork::io::copy(&mut reader, &mut writer).await });
/// client.write_all(b"hi").await.unwrap();
/// assert_eq!(client.read_u8().await.unwrap(), b'h');
/// # echo.abort();
/// # });
/// ```
pub fn split<T: AsyncRead + AsyncWrite>(stream: T) -> (ReadHalf<T>, WriteHalf<T>) {
    let stream = Arc::new(Mutex::new(Box::pin(stream)));
    (ReadHalf { stream: stream.clone() }, WriteHalf { stream })
}

impl<T> ReadHalf<T> {
    /// Returns whether both are halves of one stream.
    pub fn is_pair_of(&self, other: &WriteHalf<T>) -> bool {
        Arc::ptr_eq(&self.stream, &other.stream)
    }

    /// Joins the halves to the stream again.
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
            "`unsplit` was called with the write half of another stream"
        );
        drop(other);
        let stream = Arc::into_inner(self.stream).expect("there are only two halves");
        *Pin::into_inner(stream.into_inner())
    }
}

impl<T: AsyncRead> AsyncRead for ReadHalf<T> {
    read_from!(self => self.stream.lock().as_mut());
}

impl<T: AsyncWrite> AsyncWrite for WriteHalf<T> {
    write_to!(self => self.stream.lock().as_mut());
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
