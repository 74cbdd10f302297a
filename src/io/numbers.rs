//! Numbers as bytes, of a known length and order.
//!
//! `read_u32` and its 25 siblings differ in three things only: how many bytes they take, in which order
//! these stand, and what comes of them. The length is in the type of the future, and the rest is a function
//! such as `u32::from_be_bytes`. The methods themselves are in the traits, one line for each.
//!
//! Next: `take.rs`, a reader with a limit.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};

use super::whole::{poll_fill, poll_write_all};

/// Reads a number. From [`AsyncReadExt::read_u32`](super::AsyncReadExt::read_u32) and its siblings.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct ReadNumber<'a, R: ?Sized, T, const SIZE: usize> {
    reader: &'a mut R,
    bytes: [u8; SIZE],
    filled: usize,
    decode: fn([u8; SIZE]) -> T,
}

impl<'a, R: ?Sized, T, const SIZE: usize> ReadNumber<'a, R, T, SIZE> {
    pub(super) fn new(reader: &'a mut R, decode: fn([u8; SIZE]) -> T) -> Self {
        ReadNumber { reader, bytes: [0; SIZE], filled: 0, decode }
    }
}

impl<R, T, const SIZE: usize> Future for ReadNumber<'_, R, T, SIZE>
where
    R: AsyncRead + Unpin + ?Sized,
{
    type Output = io::Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let ReadNumber { reader, bytes, filled, decode } = &mut *self;
        ready!(poll_fill(Pin::new(&mut **reader), bytes, filled, cx))?;
        Poll::Ready(Ok(decode(*bytes)))
    }
}

/// Writes a number. From [`AsyncWriteExt::write_u32`](super::AsyncWriteExt::write_u32) and its siblings.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct WriteNumber<'a, W: ?Sized, const SIZE: usize> {
    writer: &'a mut W,
    bytes: [u8; SIZE],
    written: usize,
}

impl<'a, W: ?Sized, const SIZE: usize> WriteNumber<'a, W, SIZE> {
    pub(super) fn new(writer: &'a mut W, bytes: [u8; SIZE]) -> Self {
        WriteNumber { writer, bytes, written: 0 }
    }
}

impl<W: AsyncWrite + Unpin + ?Sized, const SIZE: usize> Future for WriteNumber<'_, W, SIZE> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let WriteNumber { writer, bytes, written } = &mut *self;
        poll_write_all(Pin::new(&mut **writer), bytes, written, cx)
    }
}
