//! A connection that goes nowhere but to another task.
//!
//! To test what speaks over a socket, one wants both ends in one's own hand, and no socket. Two pipes do it,
//! each a queue of bytes with a bound, and each of the two streams reads from one and writes to the other:
//!
//! ```text
//!   DuplexStream ── write ──▶ [ pipe ] ── read ──▶ DuplexStream
//!                ◀── read ─── [ pipe ] ◀─ write ──
//! ```
//!
//! A pipe is closed by whoever leaves it, at either end. What is in it is still read, then comes the end of
//! the stream; who writes is refused. Both ends wait in the same way: look under the lock, and leave a waker
//! there if there is nothing. They are woken outside of it.
//!
//! Next: `framed`, messages instead of bytes.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use futures_io::{AsyncRead, AsyncWrite};

use super::split::{ReadHalf, WriteHalf, split};
use crate::engine::coop;
use crate::engine::prim::{Mutex, discard, poll_or_register, wake};
use crate::engine::trace::{self, Waiting};

/// One direction.
struct Pipe {
    /// How many bytes may be in it.
    bound: usize,
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
    fn new(bound: usize) -> Self {
        assert!(bound > 0, "`max_buf_size` must be greater than 0");
        let bytes = VecDeque::new();
        Pipe {
            bound,
            state: Mutex::new(State { bytes, closed: false, reader: None, writer: None }),
        }
    }

    fn poll_read(&self, buf: &mut [u8], cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        ready!(coop::poll_proceed(cx));
        let look = |state: &mut State| {
            let count = state.read(buf);
            if count == 0 && !buf.is_empty() && !state.closed {
                return Poll::Pending;
            }
            Poll::Ready((count, state.writer.take_if(|_| count > 0)))
        };
        let found = poll_or_register(&self.state, cx, look, |state| &mut state.reader);
        let Poll::Ready((count, writer)) = found else {
            trace::waiting(Waiting::On { what: "bytes from a pipe" });
            return Poll::Pending;
        };
        coop::made_progress();
        wake(writer);
        Poll::Ready(Ok(count))
    }

    fn poll_write(&self, bufs: &[IoSlice<'_>], cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        ready!(coop::poll_proceed(cx));
        let is_empty = bufs.iter().all(|buf| buf.is_empty());
        let look = |state: &mut State| {
            if state.closed {
                return Poll::Ready((Err(io::ErrorKind::BrokenPipe.into()), None));
            }
            let count = state.write(bufs, self.bound);
            if count == 0 && !is_empty {
                return Poll::Pending;
            }
            Poll::Ready((Ok(count), state.reader.take_if(|_| count > 0)))
        };
        let found = poll_or_register(&self.state, cx, look, |state| &mut state.writer);
        let Poll::Ready((count, reader)) = found else {
            trace::waiting(Waiting::On { what: "room in a pipe" });
            return Poll::Pending;
        };
        coop::made_progress();
        wake(reader);
        Poll::Ready(count)
    }

    /// Nothing more will be written.
    fn writer_leaves(&self) {
        let (reader, writer) = self.close();
        wake(reader);
        discard(writer);
    }

    /// Nothing more will be read.
    fn reader_leaves(&self) {
        let (reader, writer) = self.close();
        wake(writer);
        discard(reader);
    }

    /// Both wakers, for the caller to wake or to drop outside of the lock.
    fn close(&self) -> (Option<Waker>, Option<Waker>) {
        let mut state = self.state.lock();
        state.closed = true;
        (state.reader.take(), state.writer.take())
    }
}

impl State {
    /// Moves to `buf` what there is, and what it holds.
    fn read(&mut self, buf: &mut [u8]) -> usize {
        let count = buf.len().min(self.bytes.len());
        // The queue is a ring: it may lie in two parts.
        let (first, second) = self.bytes.as_slices();
        let cut = count.min(first.len());
        buf[..cut].copy_from_slice(&first[..cut]);
        buf[cut..count].copy_from_slice(&second[..count - cut]);
        self.bytes.drain(..count);
        count
    }

    /// Appends as much as the bound allows.
    fn write(&mut self, bufs: &[IoSlice<'_>], bound: usize) -> usize {
        let before = self.bytes.len();
        for buf in bufs {
            let count = buf.len().min(bound - self.bytes.len());
            self.bytes.extend(&buf[..count]);
        }
        self.bytes.len() - before
    }
}

/// One end of a connection in memory. From [`duplex()`].
///
/// When it is dropped, the other end reads what is still there and then the end of the stream, and its writes
/// fail with [`io::ErrorKind::BrokenPipe`].
#[derive(Debug)]
pub struct DuplexStream {
    read: Arc<Pipe>,
    write: Arc<Pipe>,
}

/// Two streams that are connected to each other. In each direction up to `max_buf_size` bytes may be on their
/// way; who writes more waits.
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
        self.write.writer_leaves();
        self.read.reader_leaves();
    }
}

impl AsyncRead for DuplexStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.read.poll_read(buf, cx)
    }
}

impl AsyncWrite for DuplexStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.write.poll_write(&[IoSlice::new(buf)], cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write.poll_write(bufs, cx)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write.writer_leaves();
        Poll::Ready(Ok(()))
    }
}

/// One pipe: what is written to it is read from it. From [`simplex`].
#[derive(Debug)]
pub struct SimplexStream {
    pipe: Pipe,
}

/// A pipe with room for `max_buf_size` bytes, as a half that reads and a half that writes.
///
/// To end it, shut the writing half down. To drop that does not do it, as both are halves of one stream.
///
/// # Panics
///
/// If `max_buf_size` is 0.
#[track_caller]
pub fn simplex(max_buf_size: usize) -> (ReadHalf<SimplexStream>, WriteHalf<SimplexStream>) {
    split(SimplexStream::new_unsplit(max_buf_size))
}

impl SimplexStream {
    /// A pipe with room for `max_buf_size` bytes, both of whose ends are this.
    ///
    /// # Panics
    ///
    /// If `max_buf_size` is 0.
    #[track_caller]
    pub fn new_unsplit(max_buf_size: usize) -> SimplexStream {
        SimplexStream { pipe: Pipe::new(max_buf_size) }
    }
}

impl AsyncRead for SimplexStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.pipe.poll_read(buf, cx)
    }
}

impl AsyncWrite for SimplexStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.pipe.poll_write(&[IoSlice::new(buf)], cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.pipe.poll_write(bufs, cx)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.pipe.writer_leaves();
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (len, closed) = {
            let state = self.state.lock();
            (state.bytes.len(), state.closed)
        };
        f.debug_struct("Pipe")
            .field("bytes", &format_args!("{len}/{}", self.bound))
            .field("closed", &closed)
            .finish()
    }
}
