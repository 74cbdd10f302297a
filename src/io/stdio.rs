//! Standard input, output and error.
//!
//! **Output and error** are written on the blocking pool, as files are. The bytes have been copied when `write` returns,
//! and have left the process when `flush` returns, or when the runtime has been dropped.
//!
//! **Input** is different. A read of it may wait for a person at a terminal and cannot be cancelled: a job on the pool
//! would keep a runtime from shutting down until a key is pressed. So a thread of its own does the read, one thread in
//! the process at a time, and only when a task asks for bytes. Nothing waits for this thread: the process may end during
//! the read. The bytes it has read go to the first task that asks for them.
//!
//! ```text
//!   poll_read ──▶ bytes left? ── yes ──▶ take them
//!                   │ no
//!                   └──▶ start the thread, enqueue a waker ·····▶ it has read: it wakes all tasks,
//!                                                                 and the first takes the bytes
//! ```
//!
//! This is the last file of `io`. Next: `net`.

use std::io::{self, Cursor, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, ready};
use std::thread;

use bytes::Buf;
use futures_io::{AsyncRead, AsyncWrite};

use super::blocking::{Blocking, Object, retry};
use super::delegate::write_to;
use crate::engine::coop;
use crate::engine::prim::Mutex;
use crate::engine::trace::{self, WaitReason};
use crate::sync::wait_queue::{Key, WaitQueue, WakeList, dequeue, poll_or_enqueue};

/// Bytes that one thread reads. A terminal has one line at most, a pipe 64 KiB.
const READ_SIZE: usize = 64 * 1024;

// ---- output ----

impl Object for io::Stdout {
    const NAME: &str = "io::Stdout";

    fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        // With std's own flush, or the bytes would stay in std's buffer.
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

/// Standard output or standard error, as [`Stdout`] and [`Stderr`].
#[derive(Debug)]
pub struct Output<T>(Blocking<T>);

/// Standard output. From [`stdout`].
pub type Stdout = Output<io::Stdout>;

/// Standard error. From [`stderr`].
pub type Stderr = Output<io::Stderr>;

/// Opens standard output of this process. Writes go through the blocking pool, so they need a runtime.
///
/// A write returns when its bytes have been copied. They are then written even if the runtime ends: dropping a
/// [`Runtime`](crate::runtime::Runtime) waits for them. Call `flush` before the process ends in another way. Each handle
/// keeps its own writes in order; between two handles there is no order.
///
/// As with [`fs::File`](crate::fs::File), the next operation reports a write that failed, and so does each `flush` until
/// something new is written. std may have kept the bytes; it then writes them before the next.
///
/// ```no_run
/// use openwork::io::{AsyncWriteExt, stdout};
///
/// # openwork::block_on(async {
/// let mut out = stdout();
/// out.write_all(b"hello\n").await.unwrap();
/// out.flush().await.unwrap();
/// # });
/// ```
pub fn stdout() -> Stdout {
    Output(Blocking::new(io::stdout()))
}

/// Opens standard error of this process. It behaves as [`stdout`].
pub fn stderr() -> Stderr {
    Output(Blocking::new(io::stderr()))
}

impl<T: Object> AsyncWrite for Output<T> {
    write_to!(self => Pin::new(&mut self.get_mut().0));
}

impl<T: Object + AsFd> AsFd for Output<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.object().as_fd()
    }
}

// ---- input ----

/// The bytes of the process's input that were read and not yet taken.
struct Input {
    /// The bytes of the last read, from the first that was not taken.
    bytes: Cursor<Vec<u8>>,
    /// The result of a last read that brought no bytes: the end of input, or an error. Returned once.
    ended: Option<io::Result<usize>>,
    /// A thread reads.
    reading: bool,
    waiters: WaitQueue<()>,
}

static INPUT: LazyLock<Mutex<Input>> = LazyLock::new(|| {
    let waiters = WaitQueue::new();
    Mutex::new(Input { bytes: Cursor::default(), ended: None, reading: false, waiters })
});

impl Input {
    /// Takes bytes that were read, or the result of a read that brought none. Starts a read if there is nothing to take.
    fn poll_take(&mut self, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let count = self.bytes.remaining().min(buf.len());
        if count > 0 {
            self.bytes.copy_to_slice(&mut buf[..count]);
            return Poll::Ready(Ok(count));
        }
        if let Some(ended) = self.ended.take() {
            return Poll::Ready(ended);
        }
        if !self.reading {
            thread::Builder::new().name("openwork-stdin".into()).spawn(read_input)?;
            self.reading = true;
        }
        Poll::Pending
    }
}

/// The thread: reads once, and wakes the tasks that wait.
fn read_input() {
    let mut bytes = vec![0; READ_SIZE];
    // From std's handle, so that a program that uses both handles in turn finds every byte once.
    let result = retry(|| io::stdin().lock().read(&mut bytes));
    let mut wakers = WakeList::default();
    let mut input = INPUT.lock();
    bytes.truncate(*result.as_ref().unwrap_or(&0));
    input.ended = bytes.is_empty().then_some(result);
    (input.bytes, input.reading) = (Cursor::new(bytes), false);
    input.waiters.pop_all(&mut wakers);
    drop(input);
    wakers.wake_all();
}

/// Standard input. From [`stdin`].
#[derive(Debug)]
pub struct Stdin {
    std: io::Stdin,
    /// Its waiter in the queue.
    key: Option<Key>,
}

/// Opens standard input of this process.
///
/// A thread reads it, and no runtime waits for that thread: a program can end during a read. All handles read from one
/// source, and each byte goes to one of them.
///
/// Cancel safe: a read that is dropped loses nothing.
pub fn stdin() -> Stdin {
    Stdin { std: io::stdin(), key: None }
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
        let look = |input: &mut Input| input.poll_take(buf);
        let Poll::Ready(result) =
            poll_or_enqueue(&INPUT, cx, &mut self.key, look, |input| &mut input.waiters)
        else {
            trace::waits(WaitReason::On { what: "standard input" });
            return Poll::Pending;
        };
        coop::made_progress();
        Poll::Ready(result)
    }
}

impl Drop for Stdin {
    fn drop(&mut self) {
        dequeue(&INPUT, self.key, |input| &mut input.waiters);
    }
}

impl AsFd for Stdin {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.std.as_fd()
    }
}
