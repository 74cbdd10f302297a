//! Two streams, each of which is sent what the other says: the heart of a proxy.
//!
//! Two copies in one future, and the end of one does not end the other. When one side has said all, the
//! other is told so, by shutting down its writing half, and may go on speaking:
//!
//! ```text
//!   Copying ── the reader ends ──▶ ShuttingDown ── the writer is shut down ──▶ Done
//! ```
//!
//! An error of either ends both at once, as there is nobody left to speak to.
//!
//! Both copies draw on the budget of one poll. If the same one always came first, and never had to wait, there
//! would never be anything left for the other; so they take turns at being first.
//!
//! Next: `split.rs`, for those who want a task for each direction.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};

use super::copy::{CAPACITY, Copying};

/// Copies from `a` to `b` and from `b` to `a`, until both have ended, and returns how many bytes went each
/// way. Where one has ended, the other is shut down. Through two buffers of 8 KiB.
///
/// Not cancel safe: what was read and not yet written is lost.
///
/// # Errors
///
/// The first of either side, at once. What was read and not yet written is lost.
pub fn copy_bidirectional<'a, A, B>(a: &'a mut A, b: &'a mut B) -> CopyBidirectional<'a, A, B>
where
    A: AsyncRead + AsyncWrite + Unpin + ?Sized,
    B: AsyncRead + AsyncWrite + Unpin + ?Sized,
{
    copy_bidirectional_with_sizes(a, b, CAPACITY, CAPACITY)
}

/// [`copy_bidirectional()`], with the sizes of the buffers.
///
/// # Panics
///
/// If one of them is 0.
#[track_caller]
pub fn copy_bidirectional_with_sizes<'a, A, B>(
    a: &'a mut A,
    b: &'a mut B,
    a_to_b_buf_size: usize,
    b_to_a_buf_size: usize,
) -> CopyBidirectional<'a, A, B>
where
    A: AsyncRead + AsyncWrite + Unpin + ?Sized,
    B: AsyncRead + AsyncWrite + Unpin + ?Sized,
{
    assert!(a_to_b_buf_size > 0, "`a_to_b_buf_size` must be greater than 0");
    assert!(b_to_a_buf_size > 0, "`b_to_a_buf_size` must be greater than 0");
    CopyBidirectional {
        a,
        b,
        a_to_b: Direction::Copying(Copying::new(a_to_b_buf_size)),
        b_to_a: Direction::Copying(Copying::new(b_to_a_buf_size)),
        b_first: false,
    }
}

/// Copies both ways. From [`copy_bidirectional()`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct CopyBidirectional<'a, A: ?Sized, B: ?Sized> {
    a: &'a mut A,
    b: &'a mut B,
    a_to_b: Direction,
    b_to_a: Direction,
    /// Whose turn it is.
    b_first: bool,
}

/// How far one direction has come. The numbers are bytes.
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

impl<A, B> Future for CopyBidirectional<'_, A, B>
where
    A: AsyncRead + AsyncWrite + Unpin + ?Sized,
    B: AsyncRead + AsyncWrite + Unpin + ?Sized,
{
    type Output = io::Result<(u64, u64)>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let CopyBidirectional { a, b, a_to_b, b_to_a, b_first } = &mut *self;
        *b_first = !*b_first;
        let (to_b, to_a);
        if *b_first {
            to_b = a_to_b.poll(*a, *b, cx)?;
            to_a = b_to_a.poll(*b, *a, cx)?;
        } else {
            to_a = b_to_a.poll(*b, *a, cx)?;
            to_b = a_to_b.poll(*a, *b, cx)?;
        }
        Poll::Ready(Ok((ready!(to_b), ready!(to_a))))
    }
}
