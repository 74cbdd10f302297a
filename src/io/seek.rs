//! The methods of a stream with a position.
//!
//! Next: `util.rs`, streams that hold nothing.

use std::io::SeekFrom;
use std::pin::Pin;

use futures_io::AsyncSeek;

use super::op::{IoOp, Op};

/// Methods of every [`AsyncSeek`].
pub trait AsyncSeekExt: AsyncSeek {
    /// Moves to a position and returns it, counted from the start. `SeekFrom::Current(0)` only returns it.
    ///
    /// Not cancel safe: after a drop, the stream may or may not have moved.
    ///
    /// # Errors
    ///
    /// For instance [`ErrorKind::InvalidInput`](std::io::ErrorKind::InvalidInput) for a position before the start.
    fn seek(&mut self, position: SeekFrom) -> IoOp<(&mut Self, SeekFrom), u64>
    where
        Self: Unpin,
    {
        Op::new((self, position), |(stream, to), cx| Pin::new(stream).poll_seek(cx, *to))
    }

    /// Moves to the start.
    ///
    /// Not cancel safe: after a drop, the stream may or may not have moved.
    fn rewind(&mut self) -> IoOp<&mut Self, ()>
    where
        Self: Unpin,
    {
        Op::new(self, |stream, cx| Pin::new(stream).poll_seek(cx, SeekFrom::Start(0)).map_ok(drop))
    }
}

impl<S: AsyncSeek + ?Sized> AsyncSeekExt for S {}
