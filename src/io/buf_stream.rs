//! A stream with a buffer for each direction.
//!
//! Next: `copy.rs`.

use std::io::{self, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite};
use pin_project_lite::pin_project;

use super::buf_reader::BufReader;
use super::buf_writer::BufWriter;
use super::forward::{buf_read_from, read_from, write_to};

pin_project! {
    /// A stream with a buffer for each direction: [`BufReader`] and [`BufWriter`] in one.
    ///
    /// **Flush it**, or shut it down, at the end: what is in the buffer when this is dropped is lost.
    #[derive(Debug)]
    pub struct BufStream<RW> {
        #[pin]
        inner: BufReader<BufWriter<RW>>,
    }
}

impl<RW> BufStream<RW> {
    /// With two buffers of 8 KiB.
    pub fn new(stream: RW) -> Self {
        BufReader::new(BufWriter::new(stream)).into()
    }

    /// With buffers of so many bytes.
    ///
    /// # Panics
    ///
    /// If the reader's is 0.
    #[track_caller]
    pub fn with_capacity(reader_capacity: usize, writer_capacity: usize, stream: RW) -> Self {
        let writer = BufWriter::with_capacity(writer_capacity, stream);
        BufReader::with_capacity(reader_capacity, writer).into()
    }

    /// The stream.
    pub fn get_ref(&self) -> &RW {
        self.inner.get_ref().get_ref()
    }

    /// The stream. What is read or written there directly comes out of order.
    pub fn get_mut(&mut self) -> &mut RW {
        self.inner.get_mut().get_mut()
    }

    /// The stream, pinned.
    pub fn get_pin_mut(self: Pin<&mut Self>) -> Pin<&mut RW> {
        self.project().inner.get_pin_mut().get_pin_mut()
    }

    /// The stream. What is in the buffers is lost.
    pub fn into_inner(self) -> RW {
        self.inner.into_inner().into_inner()
    }
}

impl<RW> From<BufReader<BufWriter<RW>>> for BufStream<RW> {
    fn from(inner: BufReader<BufWriter<RW>>) -> Self {
        BufStream { inner }
    }
}

impl<RW> From<BufWriter<BufReader<RW>>> for BufStream<RW> {
    /// Both buffers keep what they have.
    fn from(writer: BufWriter<BufReader<RW>>) -> Self {
        let BufWriter { inner: BufReader { inner, buf: shown, pos, end }, buf, written } = writer;
        let inner = BufWriter { inner, buf, written };
        BufReader { inner, buf: shown, pos, end }.into()
    }
}

impl<RW: AsyncRead> AsyncRead for BufStream<RW> {
    read_from!(inner);
}

impl<RW: AsyncRead> AsyncBufRead for BufStream<RW> {
    buf_read_from!(inner);
}

impl<RW: AsyncWrite> AsyncWrite for BufStream<RW> {
    write_to!(inner);
}

impl<RW: AsyncRead + AsyncWrite + AsyncSeek> AsyncSeek for BufStream<RW> {
    fn poll_seek(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        position: SeekFrom,
    ) -> Poll<io::Result<u64>> {
        self.project().inner.poll_seek(cx, position)
    }
}
