//! How does one await a file?
//!
//! The system cannot say when a file is ready: for epoll a file on a disk always is, and a read of it
//! blocks nevertheless, for as long as the disk takes. The same goes for a terminal that somebody has
//! stopped. So each operation is a job for the blocking pool, and the object is in one of two states:
//!
//! ```text
//!              an operation is started
//!   ┌──────┐ ──────────────────────────▶ ┌──────┐   the job has the buffer: to read into it, or
//!   │ Idle │                             │ Busy │   with a copy of what is to be written
//!   └──────┘ ◀────────────────────────── └──────┘
//!              whoever comes next finds the job done, and settles it
//! ```
//!
//! One operation at a time, so they happen in the order in which they were called. A **write** answers as
//! soon as its bytes are copied, and is settled by the next operation: an error comes then, at the latest
//! with `flush`. A **read** that is dropped goes on, and what it has read is there for the next one; if
//! the next one is no read, the object goes back by what nobody has taken.
//!
//! Next: `stdio.rs`, which has standard output this way.

use std::future::{Future, poll_fn};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::engine::context;
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
    max_buf_size: usize,
}

#[derive(Debug)]
enum State {
    Idle(Buffer),
    Busy(JoinHandle<(Done, Buffer)>),
}

/// Bytes on their way.
#[derive(Debug, Default)]
struct Buffer {
    bytes: Vec<u8>,
    /// How many of them were taken.
    taken: usize,
}

impl Buffer {
    fn left(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.taken = 0;
    }
}

/// What a job was, and how it ended.
#[derive(Debug)]
enum Done {
    Read(io::Result<()>),
    Wrote(io::Result<()>),
    Sought(SeekFrom, io::Result<u64>),
    /// Something else, whose outcome went another way.
    Other,
}

/// What was settled.
enum Settled {
    Nothing,
    Read,
    Sought(SeekFrom, u64),
}

impl<T: Object> OnPool<T> {
    pub(crate) fn new(object: T) -> Self {
        let state = State::Idle(Buffer::default());
        OnPool { object: Arc::new(object), state, max_buf_size: MAX_BUF_SIZE }
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

    /// The object itself, if nothing is in flight.
    pub(crate) fn try_into_inner(self) -> Result<T, Self> {
        if let State::Busy(_) = self.state {
            return Err(self);
        }
        // A job drops its share before it ends, and here none is under way; but somebody may look at it.
        Arc::try_unwrap(self.object).map_err(|object| OnPool { object, ..self })
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
        ready!(context::poll_budget(cx));
        loop {
            let settled = ready!(self.poll_settle(cx))?;
            let buffer = self.buffer();
            let count = buffer.left().len().min(buf.len());
            if count > 0 || matches!(settled, Settled::Read) {
                buf[..count].copy_from_slice(&buffer.left()[..count]);
                buffer.taken += count;
                context::spend();
                return Poll::Ready(Ok(count));
            }
            let limit = buf.len().min(self.max_buf_size);
            self.start(T::NAME, move |object, buffer| {
                buffer.clear();
                buffer.bytes.resize(limit, 0);
                let result = retry(|| object.read(&mut buffer.bytes));
                buffer.bytes.truncate(*result.as_ref().unwrap_or(&0));
                Done::Read(result.map(drop))
            })?;
        }
    }

    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(context::poll_budget(cx));
        ready!(self.poll_settle(cx))?;
        let count = bytes.len().min(self.max_buf_size);
        if count == 0 {
            return Poll::Ready(Ok(0));
        }
        let buffer = self.buffer();
        let unread = buffer.left().len();
        buffer.clear();
        buffer.bytes.extend_from_slice(&bytes[..count]);
        self.start(T::NAME, move |object, buffer| {
            let result = go_back(object, unread).and_then(|()| object.write_all(&buffer.bytes));
            buffer.clear();
            Done::Wrote(result)
        })?;
        context::spend();
        Poll::Ready(Ok(count))
    }

    /// Waits for what is in flight, and reports its error.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_settle(cx).map_ok(drop)
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
            let buffer = self.buffer();
            let unread = buffer.left().len();
            buffer.clear();
            self.start(T::NAME, move |object, _| {
                let result = go_back(object, unread).and_then(|()| object.seek(to));
                Done::Sought(to, result)
            })?;
        }
    }

    /// Does something else with the object, when what is in flight is done. It happens also if this is
    /// dropped, and before whatever is begun after it.
    pub(crate) async fn in_turn<R: Send + 'static>(
        &mut self,
        call: &'static str,
        work: impl FnOnce(&T) -> io::Result<R> + Send + 'static,
    ) -> io::Result<R> {
        poll_fn(|cx| self.poll_flush(cx)).await?;
        let (answer, mut answered) = oneshot::channel();
        self.start(call, move |object, _| {
            // An error: nobody is there to hear it.
            let _ = answer.send(work(object));
            Done::Other
        })?;
        poll_fn(|cx| self.poll_flush(cx)).await?;
        answered.try_recv().expect("a job that was done has answered")
    }

    /// Waits for the job that is in flight, if there is one.
    fn poll_settle(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Settled>> {
        let State::Busy(job) = &mut self.state else {
            return Poll::Ready(Ok(Settled::Nothing));
        };
        let ended = ready!(Pin::new(job).poll(cx));
        let (done, buffer) = ended.unwrap_or_else(|error| {
            // What it would have written is lost, and so it must not pass for done.
            (Done::Wrote(Err(io::Error::other(error))), Buffer::default())
        });
        self.state = State::Idle(buffer);
        Poll::Ready(match done {
            Done::Read(result) => result.map(|()| Settled::Read),
            Done::Wrote(result) => result.map(|()| Settled::Nothing),
            Done::Sought(to, result) => result.map(|position| Settled::Sought(to, position)),
            Done::Other => Ok(Settled::Nothing),
        })
    }

    fn buffer(&mut self) -> &mut Buffer {
        match &mut self.state {
            State::Idle(buffer) => buffer,
            State::Busy(_) => unreachable!("it was settled"),
        }
    }

    /// Gives a job to the pool of the runtime that this thread is in.
    fn start(
        &mut self,
        call: &str,
        work: impl FnOnce(&T, &mut Buffer) -> Done + Send + 'static,
    ) -> io::Result<()> {
        let object = self.object.clone();
        let mut buffer = mem::take(self.buffer());
        let job = move || (work(&object, &mut buffer), buffer);
        self.state = State::Busy(Handle::current_for(call).try_spawn_blocking(job)?);
        Ok(())
    }
}

/// The object goes back by what was read and nobody has taken.
fn go_back(object: &impl Object, unread: usize) -> io::Result<()> {
    match unread {
        0 => Ok(()),
        _ => object.seek(SeekFrom::Current(-(unread as i64))).map(drop),
    }
}

/// A signal is no error.
fn retry<R>(mut operation: impl FnMut() -> io::Result<R>) -> io::Result<R> {
    loop {
        match operation() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
