//! All of it, or an error: the steps that longer operations repeat.
//!
//! A read may bring less than was asked for, a write may take less than it was given, and a signal may
//! interrupt either before it has done anything. Whoever wants the whole thing must go on, and must see the
//! two answers that mean "never": a read of nothing is the end of the stream, a write of nothing is a writer
//! that takes no more. That is said once, here.
//!
//! Progress is a plain number that the caller keeps, so an operation that is pending, and polled again,
//! goes on where it was.
//!
//! A single read or write (`AsyncReadExt::read`, `AsyncWriteExt::write`) does not pass through here: it hands
//! on what it gets, an interruption too, as Tokio's does.
//!
//! Next: `read_to_end.rs`, which reads a whole whose length nobody knows.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};

/// Polls again for as long as a signal interrupts.
pub(super) fn uninterrupted<T>(
    mut poll: impl FnMut() -> Poll<io::Result<T>>,
) -> Poll<io::Result<T>> {
    loop {
        match poll() {
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Fills `buf`, of which `filled` bytes are there already.
pub(super) fn poll_fill<R: AsyncRead + ?Sized>(
    mut reader: Pin<&mut R>,
    buf: &mut [u8],
    filled: &mut usize,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    while *filled < buf.len() {
        let room = &mut buf[*filled..];
        match ready!(uninterrupted(|| reader.as_mut().poll_read(cx, room)))? {
            0 => return Poll::Ready(Err(early_eof())),
            count => *filled += count,
        }
    }
    Poll::Ready(Ok(()))
}

fn early_eof() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the stream ended before the buffer was full")
}

/// Writes some of `bytes`, which are not empty, and says how many. It is never 0.
pub(super) fn poll_write_some<W: AsyncWrite + ?Sized>(
    mut writer: Pin<&mut W>,
    bytes: &[u8],
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    uninterrupted(|| writer.as_mut().poll_write(cx, bytes)).map(not_zero)
}

/// A write of nothing, where there was something to write, is an error.
pub(super) fn not_zero(written: io::Result<usize>) -> io::Result<usize> {
    match written {
        Ok(0) => Err(io::ErrorKind::WriteZero.into()),
        written => written,
    }
}

/// Writes all of `bytes`, of which `written` are written already.
pub(super) fn poll_write_all<W: AsyncWrite + ?Sized>(
    mut writer: Pin<&mut W>,
    bytes: &[u8],
    written: &mut usize,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    while *written < bytes.len() {
        *written += ready!(poll_write_some(writer.as_mut(), &bytes[*written..], cx))?;
    }
    Poll::Ready(Ok(()))
}
