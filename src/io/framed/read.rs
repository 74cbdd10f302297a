//! The read direction: reads bytes into a buffer, and decodes frames from it.
//!
//! [`ReadState`] starts in [`Step::Reading`], and does one step after another until it has a frame:
//!
//! ```text
//!            ┌────────── some bytes came ─────────┬───────────────────────┐
//!            ▼                                    │                       │
//!       ┌──────────┐ ─ no complete frame ▶ ┌─────────┐                    │
//!   ┌──▶│ Decoding │                       │ Reading │                    │
//!   │   └──────────┘                       └─────────┘                    │
//!   └── a frame ┘                               │ the stream has ended    │
//!                                               ▼                         │
//!       a frame ┌──▶ ┌────────┐ ── nothing left, or an error ──▶ ┌───────┐
//!               └─── │ Ending │                                  │ Ended │
//!                    └────────┘                                  └───────┘
//! ```
//!
//! After an error, one poll returns `None`, so that a loop over the frames ends. An error in `Decoding` or `Reading`
//! does not change the step. So a further poll continues with the bytes that are left: after a line that was too long,
//! for instance, with the next line. In `Ended` a poll reads again, since a file may have grown; it returns `None` if
//! nothing came.
//!
//! Each read goes into a [`Window`], and its bytes are appended to the buffer. So the buffer grows with the bytes that
//! were read, not with a length that a peer claims.
//!
//! Next: `framed.rs`, which has both directions.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use futures_io::AsyncRead;

use super::super::read_to_end::Window;
use super::Decoder;
use crate::engine::coop;

/// What [`ReadState::poll_next`] does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Decodes: the buffer may have a complete frame.
    Decoding,
    /// Reads: the buffer has no complete frame.
    Reading,
    /// Decodes the rest of the buffer: the stream has ended.
    Ending,
    /// Reads again, in case the stream goes on: it ended, and the rest of the buffer was decoded or was an error.
    Ended,
}

/// The state of the read direction.
#[derive(Debug)]
pub(super) struct ReadState {
    /// The bytes that were read and not yet decoded.
    pub(super) buffer: BytesMut,
    /// The memory that the stream reads into.
    window: Window,
    step: Step,
    /// The last poll returned an error, and the next returns `None`.
    failed: bool,
}

impl ReadState {
    /// `capacity` is the size of the first read.
    pub(super) fn new(capacity: usize) -> Self {
        let window = Window::starting_with(capacity);
        ReadState { buffer: BytesMut::new(), window, step: Step::Reading, failed: false }
    }

    /// The codec or the buffer may have changed: decodes again before the next read.
    pub(super) fn decode_again(&mut self) {
        if matches!(self.step, Step::Reading | Step::Ended) {
            self.step = Step::Decoding;
        }
    }

    /// Polls for the next frame. Reads only while the buffer has no complete frame.
    pub(super) fn poll_next<T: AsyncRead, D: Decoder>(
        &mut self,
        mut io: Pin<&mut T>,
        decoder: &mut D,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<D::Item, D::Error>>> {
        // While the buffer is full of small frames, every call is ready at once. The budget makes the task yield, as it
        // does for a socket that always has data.
        ready!(coop::poll_proceed(cx));
        if self.failed {
            self.failed = false;
            return Poll::Ready(None);
        }
        let frame = loop {
            let decoded = match self.step {
                Step::Decoding => decoder.decode(&mut self.buffer),
                Step::Ending => decoder.decode_eof(&mut self.buffer),
                Step::Reading | Step::Ended => match ready!(self.poll_read(io.as_mut(), cx)) {
                    Ok(0) if self.step == Step::Ended => break None,
                    Ok(count) => {
                        self.step = if count == 0 { Step::Ending } else { Step::Decoding };
                        continue;
                    }
                    Err(error) => Err(error.into()),
                },
            };
            match (decoded, self.step) {
                (Ok(Some(frame)), _) => break Some(Ok(frame)),
                (Ok(None), Step::Decoding) => self.step = Step::Reading,
                (Ok(None), _) => {
                    self.step = Step::Ended;
                    break None;
                }
                (Err(error), step) => {
                    self.failed = true;
                    if step == Step::Ending {
                        self.step = Step::Ended;
                    }
                    break Some(Err(error));
                }
            }
        };
        coop::made_progress();
        Poll::Ready(frame)
    }

    /// Reads once, and appends the bytes to the buffer.
    fn poll_read<T: AsyncRead>(
        &mut self,
        io: Pin<&mut T>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let bytes = ready!(self.window.poll_read(io, cx))?;
        self.buffer.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }
}
