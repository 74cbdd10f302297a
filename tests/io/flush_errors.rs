//! A flush returns Ok only if the bytes written before it are in the file.
//!
//! `/dev/full` behaves as a disk that stays full. A non-blocking socket behaves as a disk that has room again when the peer
//! reads.

use std::future::Future;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::pin::Pin;

use crate::common::{Dir, hold_up, on_every_flavour, poll_once_and_drop};
use bytes::Bytes;
use futures::SinkExt;
use openwork::fs::{File, OpenOptions};
use openwork::io::framed::{BytesCodec, FramedWrite};
use openwork::io::{AsyncReadExt, AsyncSeekExt, AsyncWrite, AsyncWriteExt, BufWriter};

async fn dev_full() -> File {
    OpenOptions::new().read(true).write(true).open("/dev/full").await.unwrap()
}

type Outcome<'a> = Pin<Box<dyn Future<Output = io::Result<()>> + 'a>>;

/// Each operation that returns Ok only if nothing is lost.
const FLUSHES: [for<'a> fn(&'a mut File) -> Outcome<'a>; 4] = [
    |file| Box::pin(async { file.flush().await }),
    |file| Box::pin(async { file.shutdown().await }),
    |file| Box::pin(async { file.sync_all().await }),
    |file| Box::pin(async { file.sync_data().await }),
];

/// Each other operation.
const OTHERS: [for<'a> fn(&'a mut File) -> Outcome<'a>; 6] = [
    |file| Box::pin(async { file.write(b"more").await.map(drop) }),
    |file| Box::pin(async { file.read(&mut [0]).await.map(drop) }),
    |file| Box::pin(async { file.rewind().await }),
    |file| Box::pin(async { file.metadata().await.map(drop) }),
    |file| Box::pin(async { file.set_len(0).await }),
    |file| Box::pin(async { file.try_clone().await.map(drop) }),
];

fn kind(result: io::Result<()>) -> ErrorKind {
    result.unwrap_err().kind()
}

#[test]
fn a_failed_flush_fails_again() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            for first in FLUSHES {
                let mut file = dev_full().await;
                file.write_all(b"lost").await.unwrap();
                assert_eq!(kind(first(&mut file).await), ErrorKind::StorageFull);
                for again in FLUSHES {
                    let error = again(&mut file).await.unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::StorageFull);
                    assert!(error.raw_os_error().is_some());
                }
                // No other operation fails.
                file.metadata().await.unwrap();
                assert_eq!(file.read(&mut [1]).await.unwrap(), 1);
            }
        });
    });
}

#[test]
fn flush_reports_an_error_that_another_operation_has_reported() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            for other in OTHERS {
                let mut file = dev_full().await;
                file.write_all(b"lost").await.unwrap();
                assert_eq!(kind(other(&mut file).await), ErrorKind::StorageFull);
                assert_eq!(kind(file.flush().await), ErrorKind::StorageFull);
                assert_eq!(kind(file.flush().await), ErrorKind::StorageFull);
            }
        });
    });
}

/// A file that is full until the peer reads.
struct Full {
    file: File,
    other: UnixStream,
}

fn fill(mut stream: &UnixStream) -> usize {
    stream.set_nonblocking(true).unwrap();
    let mut filled = 0;
    loop {
        match stream.write(&[0; 1000]) {
            Ok(count) => filled += count,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                return filled;
            }
        }
    }
}

impl Full {
    fn new() -> Full {
        let (ours, other) = UnixStream::pair().unwrap();
        fill(&ours);
        Full { file: File::from(OwnedFd::from(ours)), other }
    }
}

/// Makes room, and returns the last bytes that were written.
fn make_room(other: &mut UnixStream, end: usize) -> Vec<u8> {
    other.set_nonblocking(true).unwrap();
    let mut all = Vec::new();
    assert_eq!(other.read_to_end(&mut all).unwrap_err().kind(), ErrorKind::WouldBlock);
    all.split_off(all.len() - end)
}

#[test]
fn a_write_after_a_failed_flush_is_flushed_on_its_own() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let Full { mut file, mut other } = Full::new();
            file.write_all(b"lost").await.unwrap();
            assert_eq!(kind(file.flush().await), ErrorKind::WouldBlock);
            assert_eq!(make_room(&mut other, 4), [0; 4]);
            // There is room now, but the bytes are lost.
            assert_eq!(kind(file.flush().await), ErrorKind::WouldBlock);
            // An empty write does not count as a new write.
            assert_eq!(file.write(b"").await.unwrap(), 0);
            assert_eq!(kind(file.flush().await), ErrorKind::WouldBlock);
            file.write_all(b"new").await.unwrap();
            file.flush().await.unwrap();
            assert_eq!(make_room(&mut other, 3), b"new");
        });
    });
}

/// The buffer keeps the bytes that its writer has not taken, but the writer has taken the first ones.
#[test]
fn a_buffer_that_writes_again_does_not_hide_a_loss() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let Full { file, mut other } = Full::new();
            let mut writer = BufWriter::with_capacity(8, file);
            // The file takes these bytes and loses them.
            writer.write_all(b"01234567").await.unwrap();
            writer.write_all(b"8").await.unwrap();
            assert_eq!(kind(writer.flush().await), ErrorKind::WouldBlock);
            make_room(&mut other, 0);
            // The file takes the rest.
            assert_eq!(kind(writer.flush().await), ErrorKind::WouldBlock);
            assert_eq!(kind(writer.flush().await), ErrorKind::WouldBlock);
            assert_eq!(make_room(&mut other, 1), b"8");
            writer.write_all(b"new").await.unwrap();
            writer.flush().await.unwrap();
            assert_eq!(make_room(&mut other, 3), b"new");
        });
    });
}

#[test]
fn a_buffer_over_a_full_disk_fails_each_time() {
    async fn fails_again<W: AsyncWrite + Unpin>(mut writer: W) {
        for _ in 0..3 {
            assert_eq!(kind(writer.flush().await), ErrorKind::StorageFull);
        }
        assert_eq!(kind(writer.shutdown().await), ErrorKind::StorageFull);
    }
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            for len in [1, 8, 9, 100] {
                let mut writer = BufWriter::with_capacity(8, dev_full().await);
                let _ = writer.write_all(&vec![1; len]).await;
                fails_again(writer).await;
                let mut frames = FramedWrite::new(dev_full().await, BytesCodec::new());
                frames.feed(Bytes::from(vec![1; len])).await.unwrap();
                for _ in 0..3 {
                    assert_eq!(kind(frames.flush().await), ErrorKind::StorageFull);
                }
                assert_eq!(kind(frames.close().await), ErrorKind::StorageFull);
            }
        });
    });
}

#[test]
fn each_flush_reports_a_cancelled_write() {
    on_every_flavour(|flavour| {
        let (runtime, dir) = (flavour.build(), Dir::new());
        let closed = flavour.build().handle().clone();
        let mut file = runtime.block_on(File::create(dir.0.join("file"))).unwrap();
        if closed.block_on(file.write(b"lost")).is_err() {
            // The file has not taken these bytes, and so has not lost them.
            return runtime.block_on(file.flush()).unwrap();
        }
        for _ in 0..3 {
            runtime.block_on(file.flush()).unwrap_err();
        }
        runtime.block_on(async {
            file.write_all(b"new").await.unwrap();
            file.flush().await.unwrap();
            assert_eq!(std::fs::read(dir.0.join("file")).unwrap(), b"new");
        });
    });
}

/// Only a write can lose bytes.
#[test]
fn a_failed_operation_that_writes_nothing_is_reported_once() {
    on_every_flavour(|flavour| {
        let dir = Dir::new();
        let runtime = flavour.builder().max_blocking_threads(1).build().unwrap();
        let mut file = File::from_std(std::fs::File::create(dir.0.join("file")).unwrap());
        runtime.block_on(async {
            // The file is not open for reading, and there is nothing before its start.
            for seek in [false, true] {
                let (let_go, job) = hold_up();
                if seek {
                    poll_once_and_drop(file.seek(io::SeekFrom::Current(-1)));
                } else {
                    poll_once_and_drop(file.read(&mut [0; 8]));
                }
                let_go.send(()).unwrap();
                job.await.unwrap();
                file.flush().await.unwrap_err();
                file.flush().await.unwrap();
            }
        });
        let closed = flavour.build().handle().clone();
        closed.block_on(file.read(&mut [0; 8])).unwrap_err();
        closed.block_on(file.metadata()).unwrap_err();
        runtime.block_on(file.flush()).unwrap();
    });
}
