//! hyper asks a runtime for four things, and for each it has a trait: to read, to write, to run a future
//! on the side, and to wait for a moment. Nobody can implement another crate's trait for another crate's
//! type, so each has a type here, which is a name around ours.
//!
//! Only one of them is more than a matter of names. hyper reads into memory that need not have been written
//! to before, and the traits of `futures-io` into a plain slice. So what is read into is set to zeros first,
//! and no more of it than is likely to be filled: of the 8 KiB that hyper offers a request has a few hundred
//! bytes, and to set it all, twice for each, cost the server five per cent. To say how much was read
//! takes the one line of unsafe.
//!
//! Next: `site.rs`.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hyper::rt::{Executor, Read, ReadBufCursor, Sleep, Timer, Write};
use openwork::io::{AsyncRead, AsyncWrite};
use openwork::time;
use pin_project_lite::pin_project;

/// A stream of bytes, as hyper wants it.
#[derive(Debug)]
pub struct OpenworkIo<T> {
    stream: T,
    /// So much is read next, at most: more when a read has filled it, and less when it has not.
    piece: usize,
}

/// The limits of a piece: a request without much to say, and what a socket holds.
const LEAST: usize = 1024;
const MOST: usize = 64 * 1024;

impl<T> OpenworkIo<T> {
    pub fn new(stream: T) -> Self {
        OpenworkIo { stream, piece: LEAST }
    }
}

impl<T: AsyncRead + Unpin> Read for OpenworkIo<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let piece = buf.remaining().min(self.piece);
        let zeros = buf.initialize_unfilled_to(piece);
        let count = ready!(Pin::new(&mut self.stream).poll_read(cx, zeros))?;
        assert!(count <= piece, "a reader has read more than there is room for");
        // SAFETY: the reader has read `count` bytes into initialised memory, above.
        unsafe { buf.advance(count) };
        self.piece = (count * 2).clamp(LEAST, MOST);
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> Write for OpenworkIo<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }

    /// The traits of `futures-io` have no such question. Sockets, which is what hyper is given, say yes;
    /// another stream is right as well, but may take one slice at a time.
    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }
}

/// Runs futures as tasks of the runtime in which it is used.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenworkExecutor;

impl<F> Executor<F> for OpenworkExecutor
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, future: F) {
        drop(openwork::spawn(future));
    }
}

/// Waits on the runtime in which it is used, and by its clock: with a virtual one, hyper's time-outs
/// take no time.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenworkTimer;

impl Timer for OpenworkTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        Box::pin(OpenworkSleep { sleep: time::sleep(duration) })
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(OpenworkSleep { sleep: time::sleep_until(deadline.into()) })
    }

    fn now(&self) -> Instant {
        time::Instant::now().into()
    }

    /// A time-out begins anew with each request: without another allocation.
    fn reset(&self, sleep: &mut Pin<Box<dyn Sleep>>, deadline: Instant) {
        match sleep.as_mut().downcast_mut_pin::<OpenworkSleep>() {
            Some(ours) => ours.project().sleep.reset(deadline.into()),
            None => *sleep = self.sleep_until(deadline),
        }
    }
}

pin_project! {
    struct OpenworkSleep {
        #[pin]
        sleep: time::Sleep,
    }
}

impl Future for OpenworkSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().sleep.poll(cx)
    }
}

impl Sleep for OpenworkSleep {}
