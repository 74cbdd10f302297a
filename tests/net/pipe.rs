//! Pipes: made here, or made elsewhere.

use std::fs::{self, File};
use std::future::poll_fn;
use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::process::Command;
use std::thread;

use openwork::io::{AsyncReadExt, AsyncWriteExt, Interest};
use openwork::net::unix::pipe::{self, Receiver, Sender};

use crate::common::sockets::{Directory, Turns};
use crate::common::{Probe, ends, on_every_flavour, real};

#[test]
fn what_is_written_at_one_end_is_read_at_the_other() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (mut sender, mut receiver) = pipe::pipe().unwrap();
            let sent: Vec<u8> = (0..1_000_000_u32).map(|number| (number % 251) as u8).collect();
            let expected = sent.clone();
            let writes = openwork::spawn(async move {
                sender.write_all(&sent).await.unwrap();
                sender.flush().await.unwrap();
            });
            let mut got = Vec::new();
            receiver.read_to_end(&mut got).await.unwrap();
            assert!(got == expected);
            writes.await.unwrap();
        });
    });
}

#[test]
fn each_end_is_woken_by_what_the_other_does() {
    ends(|| {
        real().block_on(async {
            let (turns, (sender, mut receiver)) = (Turns::new(), pipe::pipe().unwrap());
            let mut buf = [0; 8];
            let mut read = Probe::new(receiver.read(&mut buf));
            read.assert_pending();
            assert_eq!(sender.try_write(b"!").unwrap(), 1);
            turns.until(|| read.is_woken()).await;
            assert_eq!(read.assert_ready().unwrap(), 1);
            drop(read);

            while sender.try_write(&[0; 4096]).is_ok() {}
            let mut writable = Probe::new(sender.writable());
            writable.assert_pending();
            turns.turn().await;
            while receiver.try_read(&mut [0; 4096]).is_ok() {}
            turns.until(|| writable.is_woken()).await;
            writable.assert_ready().unwrap();
        });
    });
}

#[test]
fn an_end_without_the_other_is_at_its_end_or_broken() {
    ends(|| {
        real().block_on(async {
            let (mut sender, receiver) = pipe::pipe().unwrap();
            drop(receiver);
            assert!(sender.ready(Interest::WRITABLE).await.unwrap().is_writable());
            assert_eq!(sender.write(b"!").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
            let (sender, mut receiver) = pipe::pipe().unwrap();
            let mut read = Probe::new(receiver.readable());
            read.assert_pending();
            drop(sender);
            receiver.readable().await.unwrap();
            assert!(read.is_woken());
            drop(read);
            assert!(receiver.ready(Interest::READABLE).await.unwrap().is_readable());
            assert_eq!(receiver.read(&mut [0; 8]).await.unwrap(), 0);
        });
    });
}

#[test]
fn several_buffers_go_with_one_call() {
    ends(|| {
        real().block_on(async {
            let (sender, receiver) = pipe::pipe().unwrap();
            let pieces = [IoSlice::new(b"scatter"), IoSlice::new(b", gather")];
            assert_eq!(sender.try_write_vectored(&pieces).unwrap(), 15);
            poll_fn(|cx| sender.poll_write_ready(cx)).await.unwrap();
            poll_fn(|cx| receiver.poll_read_ready(cx)).await.unwrap();
            let (mut left, mut right) = ([0; 7], [0; 16]);
            let mut pieces = [IoSliceMut::new(&mut left), IoSliceMut::new(&mut right)];
            assert_eq!(receiver.try_read_vectored(&mut pieces).unwrap(), 15);
            assert_eq!((&left, &right[..8]), (b"scatter", &b", gather"[..]));
        });
    });
}

#[test]
fn an_end_may_come_from_elsewhere_and_go_elsewhere() {
    ends(|| {
        let runtime = real();
        runtime.block_on(async {
            let (reader, mut writer) = std::io::pipe().unwrap();
            let mut receiver = Receiver::from_owned_fd(reader.into()).unwrap();
            let foreign = thread::spawn(move || writer.write_all(b"from a thread"));
            let mut text = String::new();
            receiver.read_to_string(&mut text).await.unwrap();
            assert_eq!(text, "from a thread");
            foreign.join().unwrap().unwrap();

            // Both ends can be given away again, in non-blocking mode or not.
            let (sender, receiver) = pipe::pipe().unwrap();
            let mut reader = File::from(OwnedFd::from(receiver.into_std().unwrap()));
            assert_eq!(reader.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
            let mut writer = File::from(sender.into_blocking_fd().unwrap());
            let foreign = thread::spawn(move || writer.write_all(&vec![0; 1 << 20]));
            let mut receiver = Receiver::from_owned_fd(reader.into()).unwrap();
            let mut got = Vec::new();
            receiver.read_to_end(&mut got).await.unwrap();
            assert_eq!(got.len(), 1 << 20);
            foreign.join().unwrap().unwrap();
        });
    });
}

#[test]
fn a_pipe_in_the_file_system_connects_processes_that_know_its_path() {
    on_every_flavour(|flavour| {
        let directory = Directory::new();
        let path = directory.path("fifo");
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        // Otherwise opening would block until the other end is open.
        let mut options = File::options();
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32);
        flavour.block_on(async {
            let reader = options.read(true).open(&path).unwrap();
            let mut receiver = Receiver::from_owned_fd(reader.into()).unwrap();
            let foreign = thread::spawn({
                let path = path.clone();
                move || fs::write(path, "from another thread")
            });
            let mut text = [0; 19];
            receiver.read_exact(&mut text).await.unwrap();
            assert_eq!(&text, b"from another thread");
            foreign.join().unwrap().unwrap();
            let writer = options.read(false).write(true).open(&path).unwrap();
            let mut sender = Sender::from_owned_fd(writer.into()).unwrap();
            sender.write_all(b"ours").await.unwrap();
            let mut text = [0; 4];
            receiver.read_exact(&mut text).await.unwrap();
            assert_eq!(&text, b"ours");
        });
    });
}

#[test]
fn what_cannot_be_watched_is_refused() {
    ends(|| {
        real().block_on(async {
            let directory = Directory::new();
            let path = directory.path("file");
            fs::write(&path, "text").unwrap();
            let error = Receiver::from_owned_fd(File::open(&path).unwrap().into()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        });
    });
}
