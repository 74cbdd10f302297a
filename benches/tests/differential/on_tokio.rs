//! The subjects, compiled for Tokio.

#![allow(clippy::duplicate_mod, reason = "the same text for each of the two crates")]
#![allow(clippy::unit_arg, reason = "the answer of an operation may be `()`")]

use std::io::{IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio as peer;
use tokio::io::{DuplexStream, ReadBuf};
use tokio::runtime::{Builder, Runtime};
use tokio_util::codec;
use tokio_util::sync::CancellationToken as Token;

#[path = "subjects/mod.rs"]
pub mod subjects;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

// Tokio's own traits.

fn poll_read(
    stream: &mut DuplexStream,
    cx: &mut Context<'_>,
    buffer: &mut [u8],
) -> Poll<Result<usize>> {
    let mut buffer = ReadBuf::new(buffer);
    ready!(tokio::io::AsyncRead::poll_read(Pin::new(stream), cx, &mut buffer))?;
    Poll::Ready(Ok(buffer.filled().len()))
}

fn poll_write(
    stream: &mut DuplexStream,
    cx: &mut Context<'_>,
    pieces: &[IoSlice<'_>],
) -> Poll<Result<usize>> {
    match pieces {
        [piece] => tokio::io::AsyncWrite::poll_write(Pin::new(stream), cx, piece),
        _ => tokio::io::AsyncWrite::poll_write_vectored(Pin::new(stream), cx, pieces),
    }
}

fn poll_flush(stream: &mut DuplexStream, cx: &mut Context<'_>) -> Poll<Result<()>> {
    tokio::io::AsyncWrite::poll_flush(Pin::new(stream), cx)
}

fn poll_shutdown(stream: &mut DuplexStream, cx: &mut Context<'_>) -> Poll<Result<()>> {
    tokio::io::AsyncWrite::poll_shutdown(Pin::new(stream), cx)
}
