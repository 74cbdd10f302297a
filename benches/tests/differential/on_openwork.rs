//! The subjects, compiled for this crate.

#![allow(clippy::duplicate_mod, reason = "the same text for each of the two crates")]
#![allow(clippy::unit_arg, reason = "the answer of an operation may be `()`")]

use openwork as peer;
use openwork::io::DuplexStream;
use openwork::io::framed as codec;
use openwork::runtime::{Builder, Runtime};
use openwork::sync::CancellationToken as Token;
use std::io::{IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll};

#[path = "subjects/mod.rs"]
pub mod subjects;

fn runtime() -> Runtime {
    Builder::new_current_thread().start_paused(true).build().unwrap()
}

// The traits of futures-io.

fn poll_read(
    stream: &mut DuplexStream,
    cx: &mut Context<'_>,
    buffer: &mut [u8],
) -> Poll<Result<usize>> {
    openwork::io::AsyncRead::poll_read(Pin::new(stream), cx, buffer)
}

fn poll_write(
    stream: &mut DuplexStream,
    cx: &mut Context<'_>,
    pieces: &[IoSlice<'_>],
) -> Poll<Result<usize>> {
    match pieces {
        [piece] => openwork::io::AsyncWrite::poll_write(Pin::new(stream), cx, piece),
        _ => openwork::io::AsyncWrite::poll_write_vectored(Pin::new(stream), cx, pieces),
    }
}

fn poll_flush(stream: &mut DuplexStream, cx: &mut Context<'_>) -> Poll<Result<()>> {
    openwork::io::AsyncWrite::poll_flush(Pin::new(stream), cx)
}

fn poll_shutdown(stream: &mut DuplexStream, cx: &mut Context<'_>) -> Poll<Result<()>> {
    openwork::io::AsyncWrite::poll_close(Pin::new(stream), cx)
}
