//! A connection in memory, between two tasks.
//!
//! A test of code that speaks over a socket wants to hold both ends, without a socket. Two pipes are enough. Each is a
//! bounded queue of bytes, and each of the two streams reads from one and writes to the other:
//!
//! ```text
//!   DuplexStream ── write ──▶ [ pipe ] ── read ──▶ DuplexStream
//!                ◀── read ─── [ pipe ] ◀─ write ──
//! ```
//!
//! Dropping either end closes both pipes: the bytes in a closed pipe can still be read, then the stream ends, and a
//! write fails. Both ends wait in the same way: look under the lock, and store a waker there if there is nothing to
//! do. Wakers are called outside the lock.
//!
//! Next: `framed`, messages instead of bytes.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, IoSlice, Read as _};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use futures_io::{AsyncRead, AsyncWrite};

use crate::engine::coop;
use crate::engine::prim::{Mutex, discard, poll_or_register, wake};
use crate::engine::trace::{self, WaitReason};

/// One direction of a connection.
struct Pipe {
    /// How many bytes fit in.
    capacity: usize,
    state: Mutex<State>,
}

struct State {
    bytes: VecDeque<u8>,
    closed: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Pipe {
    #[track_caller]
    fn new(capacity: usize) -> Self {
        assert!(capacity > 0, "`max_buf_size` must be greater than 0");
        let state = State { bytes: VecDeque::new(), closed: false, reader: None, writer: None };
        Pipe { capacity, state: Mutex::new(state) }
    }

    /// Looks under the lock for something to do, and waits if there is nothing. `look` returns its result and the
    /// waker of the other end, and `slot` is where this end's waker is stored.
    fn poll<R>(
        &self,
        cx: &mut Context<'_>,
        waiting_for: &'static str,
        look: impl FnMut(&mut State) -> Poll<(R, Option<Waker>)>,
        slot: fn(&mut State) -> &mut Option<Waker>,
    ) -> Poll<R> {
        ready!(coop::poll_proceed(cx));
        let Poll::Ready((result, other)) = poll_or_register(&self.state, cx, look, slot) else {
            trace::waits(WaitReason::On { what: waiting_for });
            return Poll::Pending;
        };
        coop::made_progress();
        wake(other);
        Poll::Ready(result)
    }

    /// Lets nothing more be written. Returns the wakers of the reader and of the writer.
    #[must_use]
    fn close(&self) -> (Option<Waker>, Option<Waker>) {
        let mut state = self.state.lock();
        state.closed = true;
        (state.reader.take(), state.writer.take())
    }
}

impl State {
    /// Moves bytes to `buf`, as many as there are and as fit.
    fn read(&mut self, buf: &mut [u8]) -> usize {
        // The queue is a ring, whose bytes may be in two parts. A read of std's takes from the first, and cannot fail.
        let mut count = self.bytes.read(buf).unwrap_or(0);
        if count < buf.len() && !self.bytes.is_empty() {
            count += self.bytes.read(&mut buf[count..]).unwrap_or(0);
        }
        count
    }

    /// Appends bytes, as many as the capacity allows.
    fn write(&mut self, bufs: &[IoSlice<'_>], capacity: usize) -> usize {
        let before = self.bytes.len();
        for buf in bufs {
            let count = buf.len().min(capacity - self.bytes.len());
            self.bytes.extend(&buf[..count]);
        }
        self.bytes.len() - before
    }
}

/// One end of a connection in memory. From [`duplex()`].
///
/// When it is dropped, the other end reads the bytes that are still there and then the end of the stream, and its
/// writes fail with [`io::ErrorKind::BrokenPipe`].
pub struct DuplexStream {
    read: Arc<Pipe>,
    write: Arc<Pipe>,
}

/// Creates two streams that are connected to each other. Each direction holds up to `max_buf_size` bytes; a write
/// waits while it is full.
///
/// ```
/// use openwork::io::{AsyncReadExt, AsyncWriteExt, duplex};
///
/// # openwork::block_on(async {
/// let (mut client, mut server) = duplex(64);
/// client.write_all(b"ping").await.unwrap();
/// let mut word = [0; 4];
/// server.read_exact(&mut word).await.unwrap();
/// # });
/// ```
///
/// # Panics
///
/// If `max_buf_size` is 0.
#[track_caller]
pub fn duplex(max_buf_size: usize) -> (DuplexStream, DuplexStream) {
    let one = Arc::new(Pipe::new(max_buf_size));
    let two = Arc::new(Pipe::new(max_buf_size));
    (DuplexStream { read: one.clone(), write: two.clone() }, DuplexStream { read: two, write: one })
}

impl Drop for DuplexStream {
    fn drop(&mut self) {
        let (reader, own_writer) = self.write.close();
        let (own_reader, writer) = self.read.close();
        wake(reader.into_iter().chain(writer));
        discard(own_reader.into_iter().chain(own_writer));
    }
}

impl AsyncRead for DuplexStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let look = |state: &mut State| {
            let count = state.read(buf);
            if count == 0 && !buf.is_empty() && !state.closed {
                return Poll::Pending;
            }
            Poll::Ready((Ok(count), state.writer.take_if(|_| count > 0)))
        };
        self.read.poll(cx, "bytes from a pipe", look, |state| &mut state.reader)
    }
}

impl AsyncWrite for DuplexStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let capacity = self.write.capacity;
        let look = |state: &mut State| {
            if state.closed {
                return Poll::Ready((Err(io::ErrorKind::BrokenPipe.into()), None));
            }
            let count = state.write(bufs, capacity);
            if count == 0 && bufs.iter().any(|buf| !buf.is_empty()) {
                return Poll::Pending;
            }
            Poll::Ready((Ok(count), state.reader.take_if(|_| count > 0)))
        };
        self.write.poll(cx, "room in a pipe", look, |state| &mut state.writer)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (reader, writer) = self.write.close();
        // The writer too: a write that another task has left waiting now fails.
        wake(reader.into_iter().chain(writer));
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for DuplexStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DuplexStream").finish_non_exhaustive()
    }
}
