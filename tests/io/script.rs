//! Readers and writers that follow a script.
//!
//! Code on top of the traits must handle everything that they allow: one byte at a time, `Pending` at any point, an error
//! after half the work, an early end.

// Each test uses a part of this file.
#![allow(dead_code)]

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use openwork::io::{AsyncBufRead, AsyncRead, AsyncWrite};

/// What a reader or a writer does when it is polled.
#[derive(Debug, Clone)]
pub enum Step {
    /// Returns these bytes, as many at a time as the buffer holds.
    Data(Vec<u8>),
    /// Takes at most this number of bytes, in one call.
    Take(usize),
    /// Returns `Pending` once, and wakes at once.
    Pending,
    /// Returns `Pending` and never wakes.
    Stall,
    Fail(ErrorKind),
    Panic,
}
use Step::{Data, Fail, Pending, Stall, Take};

pub fn text(text: &str) -> Step {
    Data(text.as_bytes().to_vec())
}

/// Follows one script for reads, and one for writes, flushes and closes.
#[derive(Debug, Default)]
pub struct Script {
    pub reads: VecDeque<Step>,
    pub writes: VecDeque<Step>,
    /// After the last step it takes everything, instead of nothing.
    pub takes_all: bool,
    /// Takes from all slices of a vectored write.
    pub vectored: bool,
    /// The bytes that were written, and the calls by name; a write with its length.
    pub written: Vec<u8>,
    pub calls: Vec<String>,
    /// The length of the buffer of each read.
    pub rooms: Vec<usize>,
}

/// A stream that reads by the script and then ends. It takes no bytes.
pub fn reader(steps: impl IntoIterator<Item = Step>) -> Script {
    Script { reads: steps.into_iter().collect(), ..Script::default() }
}

/// A stream that writes by the script and then takes no bytes. For reading, it has ended.
pub fn writer(steps: impl IntoIterator<Item = Step>) -> Script {
    Script { writes: steps.into_iter().collect(), ..Script::default() }
}

/// A stream that takes all bytes.
pub fn greedy() -> Script {
    Script { takes_all: true, ..Script::default() }
}

impl Script {
    pub fn with_writes(mut self, steps: impl IntoIterator<Item = Step>) -> Script {
        self.writes = steps.into_iter().collect();
        self
    }

    pub fn called(&self, call: &str) -> usize {
        self.calls.iter().filter(|made| *made == call).count()
    }

    fn take(&mut self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let len: usize = bufs.iter().map(|buf| buf.len()).sum();
        self.calls.push(format!("write {len}"));
        if let Some(poll) = common_step(&mut self.writes, cx) {
            return poll.map(Err);
        }
        let most = match self.writes.pop_front() {
            Some(Take(most)) => most,
            Some(step) => panic!("{step:?} is nothing to do at a write"),
            None if self.takes_all => usize::MAX,
            None => 0,
        };
        let all = bufs.iter().flat_map(|buf| buf.iter());
        let before = self.written.len();
        self.written.extend(all.take(most));
        Poll::Ready(Ok(self.written.len() - before))
    }

    fn poll_call(&mut self, cx: &mut Context<'_>, call: &str) -> Poll<io::Result<()>> {
        self.calls.push(call.to_owned());
        common_step(&mut self.writes, cx).map_or(Poll::Ready(Ok(())), |poll| poll.map(Err))
    }
}

/// Does a step that is the same for all calls: `Pending`, an error or a panic. `None` means another step.
fn common_step(steps: &mut VecDeque<Step>, cx: &mut Context<'_>) -> Option<Poll<io::Error>> {
    let poll = match steps.front()? {
        Stall => return Some(Poll::Pending),
        Pending => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
        Fail(kind) => Poll::Ready((*kind).into()),
        Step::Panic => {
            steps.pop_front();
            panic!("this panic belongs to the test")
        }
        Data(_) | Take(_) => return None,
    };
    steps.pop_front();
    Some(poll)
}

impl AsyncRead for Script {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.rooms.push(buf.len());
        // A reader may leave anything in the part of the buffer that it does not use.
        buf.fill(0xEE);
        if let Some(poll) = common_step(&mut self.reads, cx) {
            return poll.map(Err);
        }
        let Some(Data(bytes)) = self.reads.front_mut() else { return Poll::Ready(Ok(0)) };
        let count = bytes.len().min(buf.len());
        buf[..count].copy_from_slice(&bytes[..count]);
        bytes.drain(..count);
        if bytes.is_empty() {
            self.reads.pop_front();
        }
        Poll::Ready(Ok(count))
    }
}

impl AsyncWrite for Script {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.take(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.vectored {
            return self.take(cx, bufs);
        }
        // The trait's default: take from the first slice that is not empty.
        let first = bufs.iter().find(|buf| !buf.is_empty()).map_or(&[][..], |buf| buf);
        self.poll_write(cx, first)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_call(cx, "flush")
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_call(cx, "close")
    }
}

/// Bytes in which a missing, repeated or misplaced piece is found by a comparison.
pub fn pattern(len: usize) -> Vec<u8> {
    // Blocks of a length that no buffer has, each with its number.
    let mut block: Vec<u8> =
        (0..4099_u32).map(|n| (n.wrapping_mul(0x9E37_79B9) >> 24) as u8).collect();
    let mut bytes = Vec::with_capacity(len + block.len());
    for number in 0_u64.. {
        if bytes.len() >= len {
            break;
        }
        block[..8].copy_from_slice(&number.to_le_bytes());
        bytes.extend_from_slice(&block);
    }
    bytes.truncate(len);
    bytes
}

/// The bytes in random pieces of at most `most`, with pauses and interruptions between them.
pub fn in_pieces(bytes: &[u8], most: usize, mut below: impl FnMut(usize) -> usize) -> Vec<Step> {
    let (mut steps, mut rest) = (Vec::new(), bytes);
    while !rest.is_empty() {
        let (piece, tail) = rest.split_at((1 + below(most)).min(rest.len()));
        rest = tail;
        steps.push(Data(piece.to_vec()));
        match below(4) {
            0 => steps.push(Pending),
            1 => steps.push(Fail(ErrorKind::Interrupted)),
            _ => {}
        }
    }
    steps
}

/// Writes of random sizes of at most `most`, with pauses and interruptions between them.
pub fn bites(number: usize, most: usize, mut below: impl FnMut(usize) -> usize) -> Vec<Step> {
    let mut steps = Vec::new();
    for _ in 0..number {
        steps.push(Take(1 + below(most)));
        match below(4) {
            0 => steps.push(Pending),
            1 => steps.push(Fail(ErrorKind::Interrupted)),
            _ => {}
        }
    }
    steps
}

/// The bytes in a reader's buffer, by the `futures` crate's method.
pub fn fill_buf<R: AsyncBufRead + Unpin>(
    reader: &mut R,
) -> impl Future<Output = io::Result<&[u8]>> {
    futures::AsyncBufReadExt::fill_buf(reader)
}

/// Removes bytes from a reader's buffer, by the `futures` crate's method.
pub fn consume<R: AsyncBufRead + Unpin>(reader: &mut R, amount: usize) {
    futures::AsyncBufReadExt::consume_unpin(reader, amount);
}
