//! What does the program say, and what is it told?
//!
//! Standard **output** and **error** are objects on the pool, like files. What is written is on its way
//! when `write` answers, and has left the process when `flush` does, or when the runtime was dropped.
//!
//! Standard **input** is another matter. A read of it may wait for a human being, and cannot be called
//! off: a job that does so would keep a runtime from ending until somebody presses a key. So there is one
//! thread in the process that reads it, when asked to, and that nobody waits for: it ends with the
//! process. What it has read is there for whoever asks next.
//!
//! ```text
//!   poll_read ──▶ anything left? ──▶ take it
//!                   │ no
//!                   └──▶ ask the thread, leave a waker ·····▶ it has read something: all are woken,
//!                                                             and the first takes it
//! ```
//!
//! This is the last file of `io`. Next: `net`.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::mem;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::thread;

use futures_io::{AsyncRead, AsyncWrite};

use super::on_pool::{Object, OnPool};
use crate::engine::coop;
use crate::engine::prim::{Condvar, Mutex};
use crate::engine::trace::{self, Waiting};
use crate::sync::wait_queue::{Key, WaitQueue, WakeList, dequeue, poll_or_enqueue};

/// How much is read at a time. A terminal gives a line at most, a pipe 64 KiB; arbitrary.
const READ_AT_ONCE: usize = 8 * 1024;

// ---- output ----

impl Object for io::Stdout {
    const NAME: &str = "io::Stdout";

    fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        // With std's own flush: what we have written must not lie in its buffer.
        let mut stdout = self.lock();
        stdout.write_all(bytes)?;
        stdout.flush()
    }
}

impl Object for io::Stderr {
    const NAME: &str = "io::Stderr";

    fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        self.lock().write_all(bytes)
    }
}

/// Standard output. From [`stdout`].
#[derive(Debug)]
pub struct Stdout(OnPool<io::Stdout>);

/// Standard error. From [`stderr`].
#[derive(Debug)]
pub struct Stderr(OnPool<io::Stderr>);

/// Standard output of this process. Writes go through the blocking pool, so it is used inside a runtime.
///
/// A write answers when its bytes are on their way. It is carried out however the runtime ends, as long as the
/// process lives: a [`Runtime`](crate::runtime::Runtime) that is dropped waits for it. `flush` before the
/// process ends in another way. Each handle keeps its own writes in order; between two handles there is none.
///
/// A write that failed is reported as by [`fs::File`](crate::fs::File): by the next operation, and by each
/// `flush` until something new is written. std may have kept its bytes, and then writes them before the next.
pub fn stdout() -> Stdout {
    Stdout(OnPool::new(io::stdout()))
}

/// Standard error of this process; see [`stdout`].
pub fn stderr() -> Stderr {
    Stderr(OnPool::new(io::stderr()))
}

impl AsyncWrite for Stdout {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

impl AsyncWrite for Stderr {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

// ---- input ----

/// What the reading thread and those who ask it share.
struct Input {
    state: Mutex<InputState>,
    /// Somebody has asked.
    asked: Condvar,
}

struct InputState {
    /// What was read, and how much of it was taken.
    bytes: Vec<u8>,
    taken: usize,
    /// How the last read ended, if it brought nothing: the end of input, or an error. Told once.
    ended: Option<io::Result<()>>,
    /// The thread reads, or is about to.
    reading: bool,
    line: WaitQueue<()>,
}

impl InputState {
    /// What there is to hand out.
    fn take(&mut self, buf: &mut [u8]) -> Option<io::Result<usize>> {
        let left = &self.bytes[self.taken..];
        let count = left.len().min(buf.len());
        if count == 0 {
            return self.ended.take().map(|ended| ended.map(|()| 0));
        }
        buf[..count].copy_from_slice(&left[..count]);
        self.taken += count;
        Some(Ok(count))
    }
}

impl Input {
    fn new() -> Self {
        let state = InputState {
            bytes: Vec::new(),
            taken: 0,
            ended: None,
            reading: false,
            line: WaitQueue::new(),
        };
        Input { state: Mutex::new(state), asked: Condvar::new() }
    }

    /// That of the process, with its thread, which is started by the first who asks.
    fn of_process() -> io::Result<&'static Arc<Input>> {
        static INPUT: OnceLock<Arc<Input>> = OnceLock::new();
        static STARTING: std::sync::Mutex<()> = std::sync::Mutex::new(());
        let _starting = STARTING.lock();
        if let Some(input) = INPUT.get() {
            return Ok(input);
        }
        let input = Arc::new(Input::new());
        let thread = input.clone();
        thread::Builder::new().name("openwork-stdin".into()).spawn(move || thread.read())?;
        Ok(INPUT.get_or_init(|| input))
    }

    /// What the thread does, until the process ends.
    fn read(&self) {
        let mut buf = [0; READ_AT_ONCE];
        loop {
            let mut state = self.state.lock();
            while !state.reading {
                state = self.asked.wait(state);
            }
            drop(state);
            // Of std's handle, so that who reads from that one in between gets what comes then.
            let result = loop {
                match io::stdin().lock().read(&mut buf) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    result => break result,
                }
            };
            let mut wakers = WakeList::default();
            let mut state = self.state.lock();
            state.reading = false;
            state.taken = 0;
            state.bytes.clear();
            match result {
                Ok(0) => state.ended = Some(Ok(())),
                Ok(count) => state.bytes.extend_from_slice(&buf[..count]),
                Err(error) => state.ended = Some(Err(error)),
            }
            state.line.pop_all(&mut wakers);
            drop(state);
            wakers.wake_all();
        }
    }
}

/// Standard input. From [`stdin`].
pub struct Stdin {
    std: io::Stdin,
    input: Option<&'static Arc<Input>>,
    /// Its place among those who wait.
    place: Option<Key>,
}

/// Standard input of this process.
///
/// It is read by a thread of its own, which no runtime waits for: a program can end while a read is under
/// way. All handles read from one source, and each byte goes to one of them. A read that is dropped loses
/// nothing.
pub fn stdin() -> Stdin {
    Stdin { std: io::stdin(), input: None, place: None }
}

impl AsyncRead for Stdin {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        ready!(coop::poll_proceed(cx));
        let input = match self.input {
            Some(input) => input,
            None => *self.input.insert(Input::of_process()?),
        };
        let look = |state: &mut InputState| match state.take(buf) {
            Some(result) => Poll::Ready(result),
            None => {
                if !mem::replace(&mut state.reading, true) {
                    input.asked.notify_one();
                }
                Poll::Pending
            }
        };
        let place = &mut self.place;
        let Poll::Ready(result) =
            poll_or_enqueue(&input.state, cx, place, look, |state| &mut state.line)
        else {
            trace::waiting(Waiting::On { what: "standard input" });
            return Poll::Pending;
        };
        coop::made_progress();
        Poll::Ready(result)
    }
}

impl Drop for Stdin {
    fn drop(&mut self) {
        if let Some(input) = self.input {
            dequeue(&input.state, self.place, |state| &mut state.line);
        }
    }
}

impl fmt::Debug for Stdin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stdin").finish_non_exhaustive()
    }
}

// ---- descriptors ----

impl AsFd for Stdin {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.std.as_fd()
    }
}

impl AsRawFd for Stdin {
    fn as_raw_fd(&self) -> RawFd {
        self.std.as_raw_fd()
    }
}

impl AsFd for Stdout {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.object().as_fd()
    }
}

impl AsRawFd for Stdout {
    fn as_raw_fd(&self) -> RawFd {
        self.0.object().as_raw_fd()
    }
}

impl AsFd for Stderr {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.object().as_fd()
    }
}

impl AsRawFd for Stderr {
    fn as_raw_fd(&self) -> RawFd {
        self.0.object().as_raw_fd()
    }
}
