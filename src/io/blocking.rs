//! A file cannot be polled: for epoll a file on a disk is always ready, and a read of it blocks nevertheless.
//!
//! The same is true of a terminal whose output is stopped. So each operation is a job for the blocking pool, and
//! at most one job is in flight:
//!
//! ```text
//!              an operation is started
//!   ┌──────┐ ──────────────────────────▶ ┌──────┐   the job has a buffer of its own: to read into it,
//!   │ idle │                             │ busy │   or with a copy of the bytes to be written
//!   └──────┘ ◀────────────────────────── └──────┘
//!              `poll_complete`, called by the next operation
//! ```
//!
//! So operations happen in the order in which they were called. A **write** returns as soon as its bytes are
//! copied, and the next operation reports its error. `flush` reports it too, and again until something new is
//! written: `flush` must not answer Ok for lost bytes. When a write returns, the pool has accepted its job, and
//! runs it even if the runtime ends.
//!
//! A **read** that is dropped goes on, and the next read returns its bytes. Until then the object's position is
//! ahead of the reader's, and an operation that depends on the position first seeks back. The bytes that were read
//! ahead are dropped only when the job that seeked back has ended: a job that could not be started, or was
//! cancelled, has changed nothing.
//!
//! Next: `stdio.rs`, which has standard output this way.

use std::future::{Future, poll_fn};
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use futures_io::{AsyncRead, AsyncSeek, AsyncWrite};

use crate::engine::coop;
use crate::runtime::Handle;
use crate::runtime::join_handle::JoinHandle;
use crate::sync::oneshot;

/// The number of bytes that one job reads or writes at most, unless it is set. Tokio's number: it decides how
/// much memory each file holds while it is in use.
const MAX_BUF_SIZE: usize = 2 * 1024 * 1024;

/// The operations of std's object through a shared reference. One that it does not have is an error.
pub(crate) trait Object: Send + Sync + 'static {
    /// The name of our type, for messages.
    const NAME: &str;

    fn read(&self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn write_all(&self, bytes: &[u8]) -> io::Result<()>;

    fn seek(&self, _: SeekFrom) -> io::Result<u64> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl Object for std::fs::File {
    const NAME: &str = "fs::File";

    fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        Read::read(&mut &*self, buf)
    }

    fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        Write::write_all(&mut &*self, bytes)
    }

    fn seek(&self, to: SeekFrom) -> io::Result<u64> {
        Seek::seek(&mut &*self, to)
    }
}

/// An object whose operations are jobs of the blocking pool.
#[derive(Debug)]
pub(crate) struct Blocking<T> {
    object: Arc<T>,
    /// The job in flight.
    job: Option<Job>,
    /// Bytes that were read and not yet returned.
    ahead: Cursor<Vec<u8>>,
    /// The error of the last write that failed. The next write clears it, if a flush has reported it.
    lost: Option<io::Error>,
    /// A flush has answered since the last write.
    flushed: bool,
    max_buf_size: usize,
}

#[derive(Debug)]
struct Job {
    handle: JoinHandle<Ended>,
    /// If the job is cancelled, bytes are lost.
    writes: bool,
}

/// How a job ended.
#[derive(Debug)]
struct Ended {
    result: io::Result<Done>,
    /// The bytes that are read ahead now. None: the same as before.
    ahead: Option<Vec<u8>>,
}

/// What a job did.
#[derive(Debug)]
enum Done {
    Read,
    Sought(SeekFrom, u64),
    /// Something else, or there was no job.
    Other,
}

impl<T: Object> Blocking<T> {
    pub(crate) fn new(object: T) -> Self {
        Blocking {
            object: Arc::new(object),
            job: None,
            ahead: Cursor::default(),
            lost: None,
            flushed: false,
            max_buf_size: MAX_BUF_SIZE,
        }
    }

    pub(crate) fn object(&self) -> &Arc<T> {
        &self.object
    }

    pub(crate) fn max_buf_size(&self) -> usize {
        self.max_buf_size
    }

    pub(crate) fn set_max_buf_size(&mut self, size: usize) {
        self.max_buf_size = size.max(1);
    }

    /// Returns the object itself, at its reader's position, if no job is in flight.
    pub(crate) fn try_into_inner(self) -> Result<T, Self> {
        if self.job.is_some() {
            return Err(self);
        }
        // No job is in flight, and a job drops its reference before it ends. Only `object` makes others.
        match Arc::try_unwrap(self.object) {
            Ok(object) => {
                // On this thread: only the position changes, no disk is asked. An error has no effect, since
                // the caller gets the object nevertheless.
                let _ = seek_back(&object, self.ahead.remaining());
                Ok(object)
            }
            Err(object) => Err(Blocking { object, ..self }),
        }
    }

    /// Does `work` when the job in flight is done; with `back`, at the reader's position. Once it is begun it is
    /// done, even if this future is dropped, and before any later operation.
    pub(crate) async fn run<R: Send + 'static>(
        &mut self,
        call: &'static str,
        back: bool,
        work: impl FnOnce(&T) -> io::Result<R> + Send + 'static,
    ) -> io::Result<R> {
        poll_fn(|cx| self.poll_complete(cx)).await?;
        let (sender, mut receiver) = oneshot::channel();
        let unread = if back { self.ahead.remaining() } else { 0 };
        self.start(call, false, move |object| {
            let (back, result) = at_reader(object, unread, work);
            // An error: the future was dropped.
            let _ = sender.send(result);
            Ended { result: Ok(Done::Other), ahead: back.then(Vec::new) }
        })?;
        poll_fn(|cx| self.poll_complete(cx)).await?;
        receiver.try_recv().expect("a job that was done has answered")
    }

    /// Waits for the job in flight, if there is one, and takes its result.
    fn poll_complete(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Done>> {
        let Some(Job { handle, writes }) = &mut self.job else {
            return Poll::Ready(Ok(Done::Other));
        };
        let ended = ready!(Pin::new(handle).poll(cx))
            .unwrap_or_else(|error| Ended { result: Err(io::Error::other(error)), ahead: None });
        if let (true, Err(error)) = (*writes, &ended.result) {
            self.lost = Some(same_error(error));
        }
        self.job = None;
        if let Some(bytes) = ended.ahead {
            self.ahead = Cursor::new(bytes);
        }
        Poll::Ready(ended.result)
    }

    /// Gives a job to the pool of the runtime that this thread is in. An error: there is no job.
    fn start(
        &mut self,
        call: &str,
        writes: bool,
        work: impl FnOnce(&T) -> Ended + Send + 'static,
    ) -> io::Result<()> {
        let object = self.object.clone();
        let handle = Handle::current_for(call).try_spawn_blocking(move || work(&object))?;
        self.job = Some(Job { handle, writes });
        Ok(())
    }

    /// An empty buffer for a job: that of `ahead`, if all of its bytes were returned.
    fn spare_buf(&mut self) -> Vec<u8> {
        if self.ahead.has_remaining() {
            return Vec::new();
        }
        let mut buf = mem::take(&mut self.ahead).into_inner();
        buf.clear();
        buf
    }
}

impl<T: Object> AsyncRead for Blocking<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        // Even if a job is in flight: no byte was asked for, and 0 is not the end of the file.
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        ready!(coop::poll_proceed(cx));
        loop {
            let done = ready!(self.poll_complete(cx))?;
            let count = self.ahead.remaining().min(buf.len());
            if count > 0 || matches!(done, Done::Read) {
                self.ahead.copy_to_slice(&mut buf[..count]);
                coop::made_progress();
                return Poll::Ready(Ok(count));
            }
            let limit = buf.len().min(self.max_buf_size);
            let mut bytes = self.spare_buf();
            self.start(T::NAME, false, move |object| {
                bytes.resize(limit, 0);
                let result = retry(|| object.read(&mut bytes));
                bytes.truncate(*result.as_ref().unwrap_or(&0));
                Ended { result: result.map(|_| Done::Read), ahead: Some(bytes) }
            })?;
        }
    }
}

impl<T: Object> AsyncWrite for Blocking<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(coop::poll_proceed(cx));
        ready!(self.poll_complete(cx))?;
        let count = bytes.len().min(self.max_buf_size);
        if count == 0 {
            return Poll::Ready(Ok(0));
        }
        let unread = self.ahead.remaining();
        let mut copy = self.spare_buf();
        copy.extend_from_slice(&bytes[..count]);
        self.start(T::NAME, true, move |object| {
            let (back, result) = at_reader(object, unread, |object| object.write_all(&copy));
            copy.clear();
            let ahead = (back || unread == 0).then_some(copy);
            Ended { result: result.map(|()| Done::Other), ahead }
        })?;
        if mem::take(&mut self.flushed) {
            self.lost = None;
        }
        coop::made_progress();
        Poll::Ready(Ok(count))
    }

    /// Waits for the job in flight, and reports the error of a write that failed, again and again until something
    /// is written after that.
    ///
    /// That the next write has reported the error is not enough. A `BufWriter` keeps the bytes of that write, and
    /// its next flush writes them again; if they cleared the error, this flush would answer Ok although the bytes
    /// before them are lost.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = ready!(self.poll_complete(cx));
        self.flushed = true;
        Poll::Ready(match &self.lost {
            Some(error) => Err(same_error(error)),
            None => result.map(drop),
        })
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

impl<T: Object> AsyncSeek for Blocking<T> {
    /// To be called with the same `to` until it is ready. A seek that is dropped before may have happened or not.
    fn poll_seek(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: SeekFrom,
    ) -> Poll<io::Result<u64>> {
        loop {
            match ready!(self.poll_complete(cx))? {
                Done::Sought(sought, position) if sought == to => return Poll::Ready(Ok(position)),
                _ => {}
            }
            let unread = self.ahead.remaining() as i64;
            let target = match to {
                // Saturating: from any position, this is a move to before the start.
                SeekFrom::Current(by) => SeekFrom::Current(by.saturating_sub(unread)),
                to => to,
            };
            self.start(T::NAME, false, move |object| {
                let result = object.seek(target);
                let ahead = result.is_ok().then(Vec::new);
                Ended { result: result.map(|position| Done::Sought(to, position)), ahead }
            })?;
        }
    }
}

/// Does `work` at the reader's position, and returns whether the object has seeked back for that.
fn at_reader<T: Object, R>(
    object: &T,
    unread: usize,
    work: impl FnOnce(&T) -> io::Result<R>,
) -> (bool, io::Result<R>) {
    match seek_back(object, unread) {
        Ok(back) => (back, work(object)),
        Err(error) => (false, Err(error)),
    }
}

/// Seeks back by the bytes that were read and not returned. A terminal, a pipe or a socket has no position: it does
/// not seek, and these bytes remain the next to be returned.
fn seek_back(object: &impl Object, unread: usize) -> io::Result<bool> {
    if unread == 0 {
        return Ok(false);
    }
    match object.seek(SeekFrom::Current(-(unread as i64))) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotSeekable => Ok(false),
        Err(error) => Err(error),
    }
}

/// An error cannot be cloned; this makes an equal one.
fn same_error(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

/// Tries again after a signal.
pub(crate) fn retry<R>(mut operation: impl FnMut() -> io::Result<R>) -> io::Result<R> {
    loop {
        match operation() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
