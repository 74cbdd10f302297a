//! Pipes: made here, or found in the file system.

use std::fs::{self, File};
use std::future::poll_fn;
use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Command;
use std::thread;

use openwork::io::{AsyncReadExt, AsyncWriteExt, Interest};
use openwork::net::unix::pipe::{self, OpenOptions, Receiver, Sender};

use crate::common::sockets::{Directory, Turns};
use crate::common::{Probe, ends, on_every_flavour, real};

fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

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
            turns.turn().await;
            assert!(read.is_woken());
            assert_eq!(read.assert_ready().unwrap(), 1);
            drop(read);

            while sender.try_write(&[0; 4096]).is_ok() {}
            let mut writable = Probe::new(sender.writable());
            writable.assert_pending();
            turns.turn().await;
            while receiver.try_read(&mut [0; 4096]).is_ok() {}
            turns.turn().await;
            assert!(writable.is_woken());
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
            assert!(sender.ready(Interest::WRITABLE).await.unwrap().is_write_closed());
            assert_eq!(sender.write(b"!").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
            let (sender, mut receiver) = pipe::pipe().unwrap();
            let mut read = Probe::new(receiver.readable());
            read.assert_pending();
            drop(sender);
            receiver.readable().await.unwrap();
            assert!(read.is_woken());
            drop(read);
            assert!(receiver.ready(Interest::READABLE).await.unwrap().is_read_closed());
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
fn a_pipe_may_be_half_anothers() {
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

            // And is given away again, with or without what was changed.
            let (sender, receiver) = pipe::pipe().unwrap();
            let mut reader = File::from(receiver.into_nonblocking_fd().unwrap());
            assert_eq!(reader.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
            let mut writer = File::from(sender.into_blocking_fd().unwrap());
            let foreign = thread::spawn(move || writer.write_all(&vec![0; 1 << 20]));
            let mut receiver = Receiver::from_file(reader).unwrap();
            let mut got = Vec::new();
            receiver.read_to_end(&mut got).await.unwrap();
            assert_eq!(got.len(), 1 << 20);
            foreign.join().unwrap().unwrap();
        });
    });
}

#[test]
fn what_is_no_pipe_or_not_for_this_direction_is_refused() {
    ends(|| {
        real().block_on(async {
            let directory = Directory::new();
            let path = directory.path("file");
            fs::write(&path, "text").unwrap();
            let open =
                || OwnedFd::from(File::options().read(true).write(true).open(&path).unwrap());
            let (reader, writer) = std::io::pipe().unwrap();
            let (reader, writer) = (OwnedFd::from(reader), OwnedFd::from(writer));
            for error in [
                Sender::from_owned_fd(open()).unwrap_err(),
                Receiver::from_owned_fd(open()).unwrap_err(),
                OpenOptions::new().open_receiver(&path).unwrap_err(),
                OpenOptions::new().open_sender(&path).unwrap_err(),
                Sender::from_owned_fd(reader).unwrap_err(),
                Receiver::from_owned_fd(writer).unwrap_err(),
            ] {
                assert_eq!(error.kind(), ErrorKind::InvalidInput);
            }
            // Unchecked it is the system that refuses: a file cannot be waited for.
            let error = OpenOptions::new().unchecked(true).open_receiver(&path).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        });
    });
}

#[test]
fn a_pipe_in_the_file_system_brings_strangers_together() {
    on_every_flavour(|flavour| {
        let directory = Directory::new();
        let path = directory.path("fifo");
        fifo(&path);
        flavour.block_on(async {
            // Nobody reads: the system says so at once.
            let error = OpenOptions::new().open_sender(&path).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::NXIO.raw_os_error()));
            let mut receiver = OpenOptions::new().open_receiver(&path).unwrap();
            let foreign = thread::spawn({
                let path = path.clone();
                move || fs::write(path, "from a stranger")
            });
            let mut text = [0; 15];
            receiver.read_exact(&mut text).await.unwrap();
            assert_eq!(&text, b"from a stranger");
            foreign.join().unwrap().unwrap();
            let mut sender = OpenOptions::new().open_sender(&path).unwrap();
            sender.write_all(b"ours").await.unwrap();
            let mut text = [0; 4];
            receiver.read_exact(&mut text).await.unwrap();
            assert_eq!(&text, b"ours");
        });
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_pipe_that_is_opened_for_both_directions_has_no_end() {
    ends(|| {
        real().block_on(async {
            let directory = Directory::new();
            let path = directory.path("fifo");
            fifo(&path);
            let turns = Turns::new();
            // A sender before there is a receiver.
            let sender = OpenOptions::new().read_write(true).open_sender(&path).unwrap();
            assert_eq!(sender.try_write(b"early").unwrap(), 5);
            let mut receiver = OpenOptions::new().read_write(true).open_receiver(&path).unwrap();
            let mut buf = [0; 8];
            assert_eq!(receiver.read(&mut buf).await.unwrap(), 5);
            drop(sender);
            let mut read = Probe::new(receiver.read(&mut buf));
            read.assert_pending();
            turns.turn().await;
            assert!(!read.is_woken(), "the last sender has left, and nobody says so");
            drop(OpenOptions::new().open_sender(&path).unwrap());
            read.assert_pending();
        });
    });
}
