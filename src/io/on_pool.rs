//! How does one await a file?
//!
//! The system cannot say when a file is ready: for epoll a file on a disk always is, and a read of it
//! blocks nevertheless, for as long as the disk takes. The same goes for a terminal that somebody has
//! stopped. So each operation is a job for the blocking pool, and the object is in one of two states:
//!
//! ```text
//!              an operation is started
//!   ┌──────┐ ──────────────────────────▶ ┌──────┐   the job has a buffer of its own: to read into it,
//!   │ Idle │                             │ Busy │   or with a copy of what is to be written
//!   └──────┘ ◀────────────────────────── └──────┘
//!              the next operation finds the job done, and settles it
//! ```
//!
//! One operation at a time, so they happen in the order in which they were called. A **write** answers as
//! soon as its bytes are copied, and is settled by the next operation, which reports its error. `flush`
//! reports it too, and again, until something new is written: `flush` must not answer Ok for lost bytes.
//! When a write answers, the pool has accepted its job, and runs it even if the runtime ends.
//!
//! A **read** that is dropped goes on, and what it has read is there for the next one. Until then the object
//! is ahead of its reader, and an operation that depends on the position first goes back. What was read
//! ahead is dropped only when the job that went back has ended: a job that could not be started, or was
//! cancelled, has changed nothing.
//!
//! Next: `stdio.rs`, which has standard output this way.

use std::future::{Future, poll_fn};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::engine::coop;
use crate::runtime::Handle;
use crate::runtime::join_handle::JoinHandle;
use crate::sync::oneshot;

/// How much one job reads or writes at most, if nobody says otherwise. Tokio's number; its effect is how much
/// memory each file holds while it is in use.
pub(crate) const MAX_BUF_SIZE: usize = 2 * 1024 * 1024;

/// What std has, through a shared reference. What it cannot do is an error.
pub(crate) trait Object: Send + Sync + 'static {
    /// What its user calls it.
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

/// An object whose operations are jobs.
#[derive(Debug)]
pub(crate) struct OnPool<T> {
    object: Arc<T>,
    state: State,
    ahead: Ahead,
    /// The error of the last write that failed. The next write forgets it, if a flush has reported it.
    lost: Option<io::Error>,
    /// A flush has answered since the last write.
    flushed: bool,
    max_buf_size: usize,
}

#[derive(Debug)]
enum State {
    Idle,
    /// `writes`: if the job is cancelled, bytes are lost.
    Busy {
        job: JoinHandle<Ended>,
        writes: bool,
    },
}

/// What was read and is not yet handed out.
#[derive(Debug, Default)]
struct Ahead {
    bytes: Vec<u8>,
    /// How many of the bytes were handed out.
    taken: usize,
}

impl Ahead {
    fn left(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }

    /// An empty buffer for a job: this one, if nothing is left in it.
    fn spare(&mut self) -> Vec<u8> {
        if !self.left().is_empty() {
            return Vec::new();
        }
        let mut spare = mem::take(self).bytes;
        spare.clear();
        spare
    }
}

/// How a job ended.
#[derive(Debug)]
struct Ended {
    done: Done,
    /// What is now read ahead. None: what was before.
    ahead: Option<Vec<u8>>,
}

/// What a job was, and its result.
#[derive(Debug)]
enum Done {
    Read(io::Result<()>),
    Wrote(io::Result<()>),
    Sought(SeekFrom, io::Result<u64>),
    /// Something else, whose outcome went another way; or a job that was cancelled.
    Other(io::Result<()>),
}

/// What was settled.
enum Settled {
    Nothing,
    Read,
    Sought(SeekFrom, u64),
}

impl<T: Object> OnPool<T> {
    pub(crate) fn new(object: T) -> Self {
        OnPool {
            object: Arc::new(object),
            state: State::Idle,
            ahead: Ahead::default(),
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

    /// The object itself, at its reader's position, if nothing is in flight.
    pub(crate) fn try_into_inner(self) -> Result<T, Self> {
        if let State::Busy { .. } = self.state {
            return Err(self);
        }
        // A job drops its share before it ends, and none is in flight. Others are made by `object` only.
        match Arc::try_unwrap(self.object) {
            Ok(object) => {
                // On this thread: only the number of the position changes, no disk is asked. An error has
                // no effect: the caller gets the object all the same.
                let _ = go_back(&object, self.ahead.left().len());
                Ok(object)
            }
            Err(object) => Err(OnPool { object, ..self }),
        }
    }

    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        // Not even a job that is in flight: nothing was asked for, and 0 is not the end of the file.
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        ready!(coop::poll_proceed(cx));
        loop {
            let settled = ready!(self.poll_settle(cx))?;
            let left = self.ahead.left();
            let count = left.len().min(buf.len());
            if count > 0 || matches!(settled, Settled::Read) {
                buf[..count].copy_from_slice(&left[..count]);
                self.ahead.taken += count;
                coop::made_progress();
                return Poll::Ready(Ok(count));
            }
            let limit = buf.len().min(self.max_buf_size);
            let mut bytes = self.ahead.spare();
            self.start(T::NAME, false, move |object| {
                bytes.resize(limit, 0);
                let result = retry(|| object.read(&mut bytes));
                bytes.truncate(*result.as_ref().unwrap_or(&0));
                Ended { done: Done::Read(result.map(drop)), ahead: Some(bytes) }
            })?;
        }
    }

    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(coop::poll_proceed(cx));
        ready!(self.poll_settle(cx))?;
        let count = bytes.len().min(self.max_buf_size);
        if count == 0 {
            return Poll::Ready(Ok(0));
        }
        let unread = self.ahead.left().len();
        let mut copy = self.ahead.spare();
        copy.extend_from_slice(&bytes[..count]);
        self.start(T::NAME, true, move |object| {
            let (back, result) = from_unread(object, unread, |object| object.write_all(&copy));
            copy.clear();
            let ahead = (back || unread == 0).then_some(copy);
            Ended { done: Done::Wrote(result), ahead }
        })?;
        if mem::take(&mut self.flushed) {
            self.lost = None;
        }
        coop::made_progress();
        Poll::Ready(Ok(count))
    }

    /// Waits for what is in flight, and reports the error of a write that failed, again and again until
    /// something is written after that.
    ///
    /// That the next write has reported the error is not enough. A `BufWriter` keeps the bytes of that write,
    /// and its next flush writes them again; if they made the error forgotten, this flush would answer Ok
    /// although the bytes before them are lost.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let settled = ready!(self.poll_settle(cx));
        self.flushed = true;
        Poll::Ready(match &self.lost {
            Some(error) => Err(again(error)),
            None => settled.map(drop),
        })
    }

    /// To be called with the same `to` until it is ready. One that is dropped before may have happened or not.
    pub(crate) fn poll_seek(
        &mut self,
        cx: &mut Context<'_>,
        to: SeekFrom,
    ) -> Poll<io::Result<u64>> {
        loop {
            match ready!(self.poll_settle(cx))? {
                Settled::Sought(sought, position) if sought == to => {
                    return Poll::Ready(Ok(position));
                }
                _ => {}
            }
            let unread = self.ahead.left().len() as i64;
            let target = match to {
                // Saturating: from any position, this is a move to before the start.
                SeekFrom::Current(by) => SeekFrom::Current(by.saturating_sub(unread)),
                to => to,
            };
            self.start(T::NAME, false, move |object| {
                let result = object.seek(target);
                let ahead = result.is_ok().then(Vec::new);
                Ended { done: Done::Sought(to, result), ahead }
            })?;
        }
    }

    /// Does something else with the object, when what is in flight is done; with `back`, at its reader's
    /// position. Once it is begun it is done, even if this future is dropped, and before any later operation.
    pub(crate) async fn in_turn<R: Send + 'static>(
        &mut self,
        call: &'static str,
        back: bool,
        work: impl FnOnce(&T) -> io::Result<R> + Send + 'static,
    ) -> io::Result<R> {
        poll_fn(|cx| self.poll_settle(cx)).await?;
        let (answer, mut answered) = oneshot::channel();
        let unread = if back { self.ahead.left().len() } else { 0 };
        self.start(call, false, move |object| {
            let (back, result) = from_unread(object, unread, work);
            // An error: the future was dropped.
            let _ = answer.send(result);
            Ended { done: Done::Other(Ok(())), ahead: back.then(Vec::new) }
        })?;
        poll_fn(|cx| self.poll_settle(cx)).await?;
        answered.try_recv().expect("a job that was done has answered")
    }

    /// Waits for the job that is in flight, if there is one.
    fn poll_settle(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Settled>> {
        let State::Busy { job, writes } = &mut self.state else {
            return Poll::Ready(Ok(Settled::Nothing));
        };
        let ended = ready!(Pin::new(job).poll(cx)).unwrap_or_else(|error| {
            let error = Err(io::Error::other(error));
            let done = if *writes { Done::Wrote(error) } else { Done::Other(error) };
            Ended { done, ahead: None }
        });
        self.state = State::Idle;
        if let Some(bytes) = ended.ahead {
            self.ahead = Ahead { bytes, taken: 0 };
        }
        if let Done::Wrote(Err(error)) = &ended.done {
            self.lost = Some(again(error));
        }
        Poll::Ready(match ended.done {
            Done::Read(result) => result.map(|()| Settled::Read),
            Done::Wrote(result) | Done::Other(result) => result.map(|()| Settled::Nothing),
            Done::Sought(to, result) => result.map(|position| Settled::Sought(to, position)),
        })
    }

    /// Gives a job to the pool of the runtime that this thread is in. An error: there is no job.
    fn start(
        &mut self,
        call: &str,
        writes: bool,
        work: impl FnOnce(&T) -> Ended + Send + 'static,
    ) -> io::Result<()> {
        let object = self.object.clone();
        let job = Handle::current_for(call).try_spawn_blocking(move || work(&object))?;
        self.state = State::Busy { job, writes };
        Ok(())
    }
}

/// Does `work` at the reader's position, and says whether the object has gone back there.
fn from_unread<T: Object, R>(
    object: &T,
    unread: usize,
    work: impl FnOnce(&T) -> io::Result<R>,
) -> (bool, io::Result<R>) {
    match go_back(object, unread) {
        Ok(back) => (back, work(object)),
        Err(error) => (false, Err(error)),
    }
}

/// The object goes back by what was read and not handed out. It does not, and what was read remains the next
/// to be handed out, if it is a terminal, a pipe or a socket: these have no position.
fn go_back(object: &impl Object, unread: usize) -> io::Result<bool> {
    if unread == 0 {
        return Ok(false);
    }
    match object.seek(SeekFrom::Current(-(unread as i64))) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotSeekable => Ok(false),
        Err(error) => Err(error),
    }
}

/// The same error once more: one cannot clone it.
fn again(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

/// A signal is no error.
pub(crate) fn retry<R>(mut operation: impl FnMut() -> io::Result<R>) -> io::Result<R> {
    loop {
        match operation() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
