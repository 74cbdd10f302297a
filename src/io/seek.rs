//! Methods of something with a position that can be awaited.
//!
//! Next: `cursor.rs`, which has one.

use std::future::Future;
use std::io::{self, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::AsyncSeek;

/// Methods of every [`AsyncSeek`].
pub trait AsyncSeekExt: AsyncSeek {
    /// Moves to a position, and returns it, counted from the start.
    ///
    /// # Errors
    ///
    /// For instance [`io::ErrorKind::InvalidInput`] for a position before the start.
    fn seek(&mut self, position: SeekFrom) -> Seek<'_, Self>
    where
        Self: Unpin,
    {
        Seek { seeker: self, position }
    }

    /// Moves to the start.
    fn rewind(&mut self) -> Rewind<'_, Self>
    where
        Self: Unpin,
    {
        Rewind { seek: self.seek(SeekFrom::Start(0)) }
    }

    /// The position, counted from the start.
    fn stream_position(&mut self) -> Seek<'_, Self>
    where
        Self: Unpin,
    {
        self.seek(SeekFrom::Current(0))
    }
}

impl<S: AsyncSeek + ?Sized> AsyncSeekExt for S {}

/// Moves to a position. From [`AsyncSeekExt::seek`] and [`AsyncSeekExt::stream_position`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Seek<'a, S: ?Sized> {
    seeker: &'a mut S,
    position: SeekFrom,
}

impl<S: AsyncSeek + Unpin + ?Sized> Future for Seek<'_, S> {
    type Output = io::Result<u64>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let position = self.position;
        Pin::new(&mut *self.seeker).poll_seek(cx, position)
    }
}

/// Moves to the start. From [`AsyncSeekExt::rewind`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Rewind<'a, S: ?Sized> {
    seek: Seek<'a, S>,
}

impl<S: AsyncSeek + Unpin + ?Sized> Future for Rewind<'_, S> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.seek).poll(cx).map_ok(drop)
    }
}
