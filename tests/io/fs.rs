//! Files, whose operations run on the blocking pool.
//!
//! Where an operation must be in flight, the pool has one thread, and that thread runs a job that waits for the test.

use std::future::Future;
use std::io::{self, ErrorKind, SeekFrom};
use std::os::fd::{AsFd, AsRawFd, IntoRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::pin::pin;
use std::sync::mpsc;
use std::task::{Context, Waker};

use crate::common::{
    Dir, assert_not, ends, hold_up, on_every_flavour, panic_of, poll_once_and_drop, with_one_thread,
};
use openwork::fs::{self, File, OpenOptions};
use openwork::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use openwork::runtime::{Builder, Handle};
use openwork::task::spawn_blocking;

#[test]
fn written_and_flushed_bytes_are_in_the_file() {
    on_every_flavour(|flavour| {
        let dir = Dir::new();
        let path = dir.0.join("file");
        flavour.block_on(async {
            let mut file = File::create(&path).await.unwrap();
            file.write_all(b"hello ").await.unwrap();
            file.write_all(b"world").await.unwrap();
            file.flush().await.unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), b"hello world");
            file.write_all(b"!").await.unwrap();
            file.shutdown().await.unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), b"hello world!");
        });
    });
}

/// Behaviour 39.
#[test]
fn a_write_returns_before_it_is_done_and_flush_waits_for_it() {
    with_one_thread(|| async {
        let dir = Dir::new();
        let path = dir.0.join("file");
        let mut file = File::create(&path).await.unwrap();
        let (let_go, job) = hold_up();
        assert_eq!(file.write(b"later").await.unwrap(), 5);
        assert_eq!(std::fs::read(&path).unwrap(), b"");
        poll_once_and_drop(file.flush());
        let_go.send(()).unwrap();
        job.await.unwrap();
        file.flush().await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"later");
    });
}

#[test]
fn operations_happen_in_the_order_of_their_calls() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let dir = Dir::new();
            let path = dir.file("file", b"0123456789");
            let mut options = OpenOptions::new();
            let mut file = options.read(true).write(true).open(&path).await.unwrap();
            let mut two = [0; 2];
            file.read_exact(&mut two).await.unwrap();
            assert_eq!(&two, b"01");
            // Neither of these writes is flushed before the next operation.
            file.write_all(b"ab").await.unwrap();
            assert_eq!(file.seek(SeekFrom::Current(1)).await.unwrap(), 5);
            file.write_all(b"cd").await.unwrap();
            file.read_exact(&mut two).await.unwrap();
            assert_eq!(&two, b"78");
            file.write_all(b"ef").await.unwrap();
            assert_eq!(file.metadata().await.unwrap().len(), 11);
            file.rewind().await.unwrap();
            let mut all = String::new();
            file.read_to_string(&mut all).await.unwrap();
            assert_eq!(all, "01ab4cd78ef");
        });
    });
}

/// Behaviour 39.
#[test]
fn reading_into_an_empty_slice_is_not_the_end_of_the_file() {
    with_one_thread(|| async {
        let dir = Dir::new();
        let mut file = File::open(dir.file("file", b"abc")).await.unwrap();
        assert_eq!(file.read(&mut []).await.unwrap(), 0);
        let mut buf = [0; 8];
        assert_eq!(file.read(&mut buf).await.unwrap(), 3);
        // Even while a read is in flight.
        file.rewind().await.unwrap();
        let (let_go, job) = hold_up();
        poll_once_and_drop(file.read(&mut buf));
        assert_eq!(file.read(&mut []).await.unwrap(), 0);
        let_go.send(()).unwrap();
        job.await.unwrap();
        assert_eq!(file.read(&mut buf).await.unwrap(), 3);
        assert_eq!(file.read(&mut buf).await.unwrap(), 0);
    });
}

#[test]
fn a_dropped_read_loses_nothing() {
    with_one_thread(|| async {
        let dir = Dir::new();
        let mut file = File::open(dir.file("file", b"abcdef")).await.unwrap();
        let (let_go, job) = hold_up();
        poll_once_and_drop(file.read(&mut [0; 4]));
        let_go.send(()).unwrap();
        job.await.unwrap();
        let mut all = Vec::new();
        file.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, b"abcdef");
    });
}

#[test]
fn a_write_after_a_dropped_read_goes_to_the_readers_position() {
    with_one_thread(|| async {
        let dir = Dir::new();
        let path = dir.file("file", b"abcdef");
        let mut file = OpenOptions::new().read(true).write(true).open(&path).await.unwrap();
        let mut one = [0];
        file.read_exact(&mut one).await.unwrap();
        let (let_go, job) = hold_up();
        poll_once_and_drop(file.read(&mut [0; 4]));
        let_go.send(()).unwrap();
        job.await.unwrap();
        file.write_all(b"X").await.unwrap();
        file.flush().await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"aXcdef");
        // And a seek from the current position.
        let (let_go, job) = hold_up();
        poll_once_and_drop(file.read(&mut [0; 2]));
        let_go.send(()).unwrap();
        job.await.unwrap();
        assert_eq!(file.seek(SeekFrom::Current(0)).await.unwrap(), 2);
    });
}

#[test]
fn flush_and_the_next_operation_report_a_failed_write() {
    with_one_thread(|| async {
        let full = || async { OpenOptions::new().write(true).open("/dev/full").await.unwrap() };
        let kind = |result: io::Result<()>| result.unwrap_err().kind();

        let mut file = full().await;
        file.write_all(b"lost").await.unwrap();
        assert_eq!(kind(file.flush().await), ErrorKind::StorageFull);
        file.write_all(b"lost").await.unwrap();
        assert_eq!(kind(file.write_all(b"more").await), ErrorKind::StorageFull);
        file.write_all(b"lost").await.unwrap();
        assert_eq!(kind(file.rewind().await.map(drop)), ErrorKind::StorageFull);
        file.write_all(b"lost").await.unwrap();
        assert_eq!(kind(file.sync_all().await), ErrorKind::StorageFull);
        file.write_all(b"lost").await.unwrap();
        assert_eq!(kind(file.read(&mut [0]).await.map(drop)), ErrorKind::StorageFull);
        file.write_all(b"lost").await.unwrap();
        assert_eq!(kind(file.shutdown().await), ErrorKind::StorageFull);
    });
}

#[test]
fn a_file_that_is_not_open_for_an_operation_fails() {
    with_one_thread(|| async {
        let dir = Dir::new();
        let path = dir.file("file", b"abc");
        let mut file = File::create(&path).await.unwrap();
        assert!(file.read(&mut [0]).await.is_err());
        let mut file = File::open(&path).await.unwrap();
        file.write_all(b"abc").await.unwrap();
        assert!(file.flush().await.is_err());
        assert_eq!(File::open(dir.0.join("none")).await.unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(File::create_new(&path).await.unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert!(file.seek(SeekFrom::Current(-1)).await.is_err());
    });
}

/// Behaviour 39.
#[test]
fn an_operation_has_at_most_max_buf_size_bytes() {
    with_one_thread(|| async {
        let dir = Dir::new();
        let path = dir.0.join("file");
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).open(&path).await.unwrap();
        assert_eq!(file.max_buf_size(), 2 * 1024 * 1024);
        file.set_max_buf_size(10);
        assert_eq!(file.max_buf_size(), 10);
        assert_eq!(file.write(&[7; 100]).await.unwrap(), 10);
        file.write_all(&[7; 90]).await.unwrap();
        file.rewind().await.unwrap();
        let mut buf = [0; 100];
        assert_eq!(file.read(&mut buf).await.unwrap(), 10);
        file.read_exact(&mut buf[10..]).await.unwrap();
        assert_eq!(buf, [7; 100]);
        // A limit of 0 would make an endless loop.
        file.set_max_buf_size(0);
        file.write_all(b"end").await.unwrap();
        file.flush().await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap().len(), 103);
    });
}

/// Behaviour 39.
#[test]
fn try_into_std_returns_an_idle_file() {
    with_one_thread(|| async {
        let dir = Dir::new();
        let path = dir.0.join("file");
        let mut file = File::create(&path).await.unwrap();
        let (let_go, job) = hold_up();
        file.write_all(b"abc").await.unwrap();
        let file = file.try_into_std().expect_err("a write is in flight");
        let_go.send(()).unwrap();
        job.await.unwrap();
        let std = file.into_std().await;
        assert_eq!(std.metadata().unwrap().len(), 3);
        assert!(File::from_std(std).try_into_std().is_ok());
    });
}

#[test]
fn a_descriptor_becomes_a_file() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let dir = Dir::new();
            let path = dir.file("file", b"abc");
            let open = || std::fs::File::open(&path).unwrap();
            let std = open();
            let raw = std.as_raw_fd();
            let file = File::from(OwnedFd::from(std));
            assert_eq!((file.as_raw_fd(), file.as_fd().as_raw_fd()), (raw, raw));
            for mut file in [file, File::from(open())] {
                let mut content = String::new();
                file.read_to_string(&mut content).await.unwrap();
                assert_eq!(content, "abc");
            }
            // `into_std` waits for the operation that is in flight.
            assert_not!(File: IntoRawFd);
            assert_not!(File: Into<OwnedFd>);
        });
    });
}

#[test]
fn a_file_that_is_dropped_finishes_what_is_in_flight() {
    with_one_thread(|| async {
        let dir = Dir::new();
        let path = dir.0.join("file");
        let mut file = File::create(&path).await.unwrap();
        let (let_go, _job) = hold_up();
        file.write_all(&[1; 100_000]).await.unwrap();
        drop(file);
        let_go.send(()).unwrap();
        // The next job.
        spawn_blocking(|| ()).await.unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 100_000);
    });
}

#[test]
fn several_tasks_may_use_one_file_at_once() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let dir = Dir::new();
            let mut file = File::create(dir.0.join("file")).await.unwrap();
            file.write_all(b"abc").await.unwrap();
            let file = std::sync::Arc::new(file);
            let tasks: Vec<_> = (0..20)
                .map(|_| {
                    let file = file.clone();
                    openwork::spawn(async move {
                        file.sync_data().await.unwrap();
                        file.metadata().await.unwrap().len()
                    })
                })
                .collect();
            for task in tasks {
                assert_eq!(task.await.unwrap(), 3);
            }
        });
    });
}

/// Behaviour 39.
#[test]
fn operations_on_a_dead_pool_fail_and_do_not_panic() {
    ends(|| {
        let dir = Dir::new();
        let path = dir.file("file", b"abc");
        let runtime = Builder::new_current_thread().build().unwrap();
        let mut file =
            runtime.block_on(OpenOptions::new().read(true).write(true).open(&path)).unwrap();
        let handle = runtime.handle().clone();
        drop(runtime);
        handle.block_on(async {
            for _ in 0..3 {
                assert!(file.read(&mut [0; 3]).await.is_err());
                assert!(file.write(b"x").await.is_err());
                assert!(file.rewind().await.is_err());
                assert!(file.sync_all().await.is_err());
                assert!(file.metadata().await.is_err());
                assert!(File::open(&path).await.is_err());
                assert!(fs::read(&path).await.is_err());
                assert!(fs::read_dir(&dir.0).await.is_err());
            }
        });
        assert_eq!(std::fs::read(&path).unwrap(), b"abc");
    });
}

#[test]
fn a_panic_outside_a_runtime_names_the_call() {
    let dir = Dir::new();
    let path = dir.file("file", b"abc");
    let panicked = panic_of(|| futures::executor::block_on(fs::read(&path))).unwrap();
    assert!(panicked.message.contains("`fs::read`"), "{}", panicked.message);
    let mut file = File::from_std(std::fs::File::open(&path).unwrap());
    let panicked = panic_of(|| futures::executor::block_on(file.read(&mut [0]))).unwrap();
    assert!(panicked.message.contains("`fs::File`"), "{}", panicked.message);
    // Inside a runtime the file can still be used.
    Builder::new_current_thread().build().unwrap().block_on(async {
        assert_eq!(file.read(&mut [0; 9]).await.unwrap(), 3);
    });
}

#[test]
fn a_paused_clock_does_not_jump_while_a_file_is_read() {
    ends(|| {
        let runtime = crate::common::paused();
        runtime.block_on(async {
            let (let_go, held) = mpsc::channel::<()>();
            let began = openwork::time::Instant::now();
            let sleeper = openwork::spawn(async {
                openwork::time::sleep(openwork::time::Duration::from_secs(60)).await;
            });
            let job = spawn_blocking(move || held.recv());
            let dir = Dir::new();
            assert_eq!(fs::read(dir.file("file", b"abc")).await.unwrap(), b"abc");
            assert!(!sleeper.is_finished());
            assert_eq!(began.elapsed(), std::time::Duration::ZERO);
            drop(let_go);
            let _ = job.await.unwrap();
        });
    });
}

#[test]
fn a_directory_is_read_to_its_end() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let dir = Dir::new();
            for entries in [0, 1, 31, 32, 33, 100] {
                let path = dir.0.join(entries.to_string());
                fs::create_dir(&path).await.unwrap();
                for number in 0..entries {
                    std::fs::write(path.join(number.to_string()), [0; 5]).unwrap();
                }
                let (mut read_dir, mut found) = (fs::read_dir(&path).await.unwrap(), Vec::new());
                while let Some(entry) = read_dir.next_entry().await.unwrap() {
                    assert!(entry.file_type().await.unwrap().is_file());
                    assert_eq!(entry.metadata().await.unwrap().len(), 5);
                    assert_eq!(entry.path(), path.join(entry.file_name()));
                    assert!(entry.ino() > 0);
                    found.push(entry.file_name().to_str().unwrap().parse::<usize>().unwrap());
                }
                assert!(read_dir.next_entry().await.unwrap().is_none());
                found.sort_unstable();
                assert_eq!(found, (0..entries).collect::<Vec<_>>());
            }
            assert!(fs::read_dir(dir.0.join("none")).await.is_err());
        });
    });
}

#[test]
fn the_functions_behave_as_those_of_std() {
    with_one_thread(|| async {
        let dir = Dir::new();
        let at = |name: &str| dir.0.join(name);
        fs::write(at("a"), "text").await.unwrap();
        assert_eq!(fs::read_to_string(at("a")).await.unwrap(), "text");
        assert_eq!(fs::copy(at("a"), at("b")).await.unwrap(), 4);
        fs::rename(at("b"), at("c")).await.unwrap();
        assert!(!fs::try_exists(at("b")).await.unwrap());
        assert!(fs::try_exists(at("c")).await.unwrap());
        fs::hard_link(at("a"), at("d")).await.unwrap();
        fs::symlink(at("a"), at("e")).await.unwrap();
        assert_eq!(fs::read_link(at("e")).await.unwrap(), at("a"));
        assert!(fs::symlink_metadata(at("e")).await.unwrap().is_symlink());
        assert!(fs::metadata(at("e")).await.unwrap().is_file());
        assert_eq!(fs::canonicalize(at("e")).await.unwrap(), at("a").canonicalize().unwrap());
        let mut permissions = fs::metadata(at("c")).await.unwrap().permissions();
        permissions.set_mode(0o400);
        fs::set_permissions(at("c"), permissions).await.unwrap();
        assert_eq!(fs::metadata(at("c")).await.unwrap().permissions().mode() & 0o777, 0o400);
        fs::create_dir_all(at("f/g/h")).await.unwrap();
        fs::remove_dir(at("f/g/h")).await.unwrap();
        assert!(fs::remove_dir(at("f")).await.is_err());
        fs::remove_dir_all(at("f")).await.unwrap();
        fs::remove_file(at("c")).await.unwrap();
        let mut options = OpenOptions::new();
        options.append(true).create(true).mode(0o600);
        let mut file = options.open(at("log")).await.unwrap();
        file.write_all(b"one").await.unwrap();
        file.flush().await.unwrap();
        let copy = file.try_clone().await.unwrap();
        copy.set_len(1).await.unwrap();
        assert_eq!(fs::read(at("log")).await.unwrap(), b"o");
    });
}

#[test]
fn a_long_file_is_copied_completely() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let dir = Dir::new();
            let content: Vec<u8> = (0..3_000_000_u32).map(|n| ((n * 31) >> 7) as u8).collect();
            let from = dir.file("from", &content);
            let mut reader = File::open(from).await.unwrap();
            let mut writer = File::create(dir.0.join("to")).await.unwrap();
            let mut buf = vec![0; 100_001];
            loop {
                match reader.read(&mut buf).await.unwrap() {
                    0 => break,
                    count => writer.write_all(&buf[..count]).await.unwrap(),
                }
            }
            writer.flush().await.unwrap();
            assert!(fs::read(dir.0.join("to")).await.unwrap() == content);
        });
    });
}

#[test]
fn a_file_is_send_and_sync() {
    fn anywhere<T: Send + Sync + Unpin + std::fmt::Debug>() {}
    fn send<T: Send>(_: T) {}
    anywhere::<File>();
    anywhere::<OpenOptions>();
    anywhere::<fs::ReadDir>();
    anywhere::<fs::DirEntry>();
    send(fs::read(Path::new("")));
    send(File::open(""));
    let _ = Handle::try_current();
}

/// The operation is no longer awaited, but it runs, and might truncate what is written after it.
#[test]
fn a_dropped_operation_is_done_before_the_next() {
    with_one_thread(|| async {
        let dir = Dir::new();
        let mut file = File::create(dir.0.join("file")).await.unwrap();
        let (let_go, held) = hold_up();
        poll_once_and_drop(file.set_len(0));
        // It has not started.
        poll_once_and_drop(file.write(b"after"));
        let_go.send(()).unwrap();
        held.await.unwrap();
        file.write_all(b"after").await.unwrap();
        file.flush().await.unwrap();
        assert_eq!(fs::read(dir.0.join("file")).await.unwrap(), b"after");
    });
}

#[test]
fn into_std_waits_for_a_dropped_operation() {
    with_one_thread(|| async {
        let dir = Dir::new();
        let file = File::open(dir.file("file", b"text")).await.unwrap();
        let (let_go, held) = hold_up();
        poll_once_and_drop(file.metadata());
        let file = file.try_into_std().expect_err("it is in flight");
        let mut back = pin!(file.into_std());
        assert!(back.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let_go.send(()).unwrap();
        held.await.unwrap();
        assert_eq!(back.await.metadata().unwrap().len(), 4);
    });
}
