//! All the bytes or an error: the steps that longer operations repeat.
//!
//! A read may return fewer bytes than its buffer holds, a write may take fewer than it was given, and a signal
//! may interrupt either before it has done anything. An operation on all the bytes loops, and treats two
//! answers as final: a read of 0 bytes is the end of the stream, and a write of 0 bytes means that the writer
//! takes no more. These loops are here, once.
//!
//! The caller keeps the progress as a plain number, so a pending operation continues where it was when it is
//! polled again.
//!
//! A single read or write (`AsyncReadExt::read`, `AsyncWriteExt::write`) does not use this file: it returns
//! what the stream returns, an interruption included, as Tokio's does.
//!
//! Next: `read_to_end.rs`, which reads an unknown number of bytes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};

/// Polls again while a signal interrupts the operation.
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

/// Fills `buf`, whose first `filled` bytes were read before.
pub(super) fn poll_fill<R: AsyncRead + ?Sized>(
    mut reader: Pin<&mut R>,
    buf: &mut [u8],
    filled: &mut usize,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    while *filled < buf.len() {
        let rest = &mut buf[*filled..];
        match ready!(uninterrupted(|| reader.as_mut().poll_read(cx, rest)))? {
            0 => {
                let text = "the stream ended before the buffer was full";
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::UnexpectedEof, text)));
            }
            count => *filled += count,
        }
    }
    Poll::Ready(Ok(()))
}

/// Writes some of `bytes`, which must not be empty, and returns how many: never 0.
pub(super) fn poll_write_some<W: AsyncWrite + ?Sized>(
    mut writer: Pin<&mut W>,
    bytes: &[u8],
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    uninterrupted(|| writer.as_mut().poll_write(cx, bytes)).map(|written| match written {
        Ok(0) => Err(io::ErrorKind::WriteZero.into()),
        written => written,
    })
}

/// Writes all of `bytes`, whose first `written` bytes were written before.
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
