//! Puzzle 2 of 8: a socket on a good runtime.
//!
//! The runtime is Openwork, and only the socket is made by hand. The poller reports an *edge*: more
//! data has come. So the reader takes all data, and clears the readiness when the socket is drained.
//!
//! It breaks a law that every runtime must keep. Read it, and find the line; then run it, which tells
//! you the law: `cargo run --example broken_2`. Mend it, and run it again. What was wrong stands at
//! the very end of the file.

#[path = "../../tests/laws/mod.rs"]
mod laws;

use laws::contract::{Boxed, Runtime, Socket};
use openwork::io::unix::AsyncFd;
use std::io::{Read, Result, Write};
use std::net::TcpStream;

fn run(root: Boxed<'static>) {
    openwork::block_on(root);
}

fn spawn(future: Boxed<'static>) {
    openwork::spawn(future);
}

struct Stream(AsyncFd<TcpStream>);

fn socket(stream: TcpStream) -> Box<dyn Socket> {
    stream.set_nonblocking(true).unwrap();
    Box::new(Stream(AsyncFd::new(stream).unwrap()))
}

impl Stream {
    async fn read_some(&self, buffer: &mut [u8]) -> Result<usize> {
        loop {
            let mut ready = self.0.readable().await?;
            let Ok(read) = ready.try_io(|fd| fd.get_ref().read(buffer)) else { continue };
            // A short read: the socket is drained, and the next attempt can be saved.
            if read.as_ref().is_ok_and(|&length| 0 < length && length < buffer.len()) {
                ready.clear_ready();
            }
            return read;
        }
    }

    async fn write_all(&self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let mut ready = self.0.writable().await?;
            if let Ok(written) = ready.try_io(|fd| fd.get_ref().write(bytes)) {
                bytes = &bytes[written?..];
            }
        }
        Ok(())
    }
}

impl Socket for Stream {
    fn read<'a>(&'a mut self, buffer: &'a mut [u8]) -> Boxed<'a, Result<usize>> {
        Box::pin(self.read_some(buffer))
    }

    fn write_all<'a>(&'a mut self, bytes: &'a [u8]) -> Boxed<'a, Result<()>> {
        Box::pin(Stream::write_all(self, bytes))
    }
}

fn main() {
    let (spawn, socket) = (Some(spawn as _), Some(socket as _));
    laws::judge::main(Runtime { run, spawn, sleep: None, join: None, socket, threads: 1 });
}

// The fault: a missed end of stream. The end may lie right behind the last bytes, and both come with one
// edge. After a short read there may be no further edge, ever. Here only `WouldBlock` proves that
// the socket is drained.
