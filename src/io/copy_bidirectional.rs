//! Copying between two streams in both directions: the core of a proxy.
//!
//! Two copies run in one future, and the end of one does not end the other. When one stream has ended, the copy shuts
//! down the write direction of the other, which may go on sending:
//!
//! ```text
//!   Copying ── the reader ends ──▶ ShuttingDown ── the writer is shut down ──▶ Done
//! ```
//!
//! An error of either stream ends both directions at once.
//!
//! Both copies use the budget of one poll. If the same one always came first and never had to wait, it would leave
//! nothing for the other; so they come first in turn.
//!
//! Next: `split.rs`, for a task for each direction.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};

use super::copy::{CAPACITY, Copying};

/// Copies from `a` to `b` and from `b` to `a` until both have ended, and returns the number of bytes in each
/// direction. Where one has ended, the other is shut down. Uses two buffers of 8 KiB.
///
/// Not cancel safe: bytes that were read and not yet written are lost.
///
/// # Errors
///
/// The first error of either stream. Bytes that were read and not yet written are lost.
pub fn copy_bidirectional<A, B>(
    a: &mut A,
    b: &mut B,
) -> impl Future<Output = io::Result<(u64, u64)>>
where
    A: AsyncRead + AsyncWrite + Unpin + ?Sized,
    B: AsyncRead + AsyncWrite + Unpin + ?Sized,
{
    let mut a_to_b = Direction::Copying(Copying::new(CAPACITY));
    let mut b_to_a = Direction::Copying(Copying::new(CAPACITY));
    let mut b_first = true;
    poll_fn(move |cx| {
        b_first = !b_first;
        let (to_b, to_a);
        if b_first {
            to_a = b_to_a.poll(b, a, cx)?;
            to_b = a_to_b.poll(a, b, cx)?;
        } else {
            to_b = a_to_b.poll(a, b, cx)?;
            to_a = b_to_a.poll(b, a, cx)?;
        }
        Poll::Ready(Ok((ready!(to_b), ready!(to_a))))
    })
}

/// The state of one direction. The numbers are bytes.
#[derive(Debug)]
enum Direction {
    Copying(Copying),
    ShuttingDown(u64),
    Done(u64),
}

impl Direction {
    fn poll<R, W>(
        &mut self,
        reader: &mut R,
        writer: &mut W,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<u64>>
    where
        R: AsyncRead + Unpin + ?Sized,
        W: AsyncWrite + Unpin + ?Sized,
    {
        loop {
            *self = match self {
                Direction::Copying(copying) => {
                    let (reader, writer) = (Pin::new(&mut *reader), Pin::new(&mut *writer));
                    Direction::ShuttingDown(ready!(copying.poll(reader, writer, cx))?)
                }
                Direction::ShuttingDown(copied) => {
                    ready!(Pin::new(&mut *writer).poll_close(cx))?;
                    Direction::Done(*copied)
                }
                Direction::Done(copied) => return Poll::Ready(Ok(*copied)),
            }
        }
    }
}
