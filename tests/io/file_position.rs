//! The position of a file after a dropped read, and after operations that fail.
//!
//! A dropped read continues and reads ahead. The reader's position is behind the last byte that was returned, and every
//! operation must count from there.

use std::future::Future;
use std::io::{self, ErrorKind, Read, SeekFrom, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use crate::common::{
    Dir, Flavour, hold_up, on_every_flavour, panic_of, poll_once_and_drop, without_threads,
};
use openwork::fs::{self, File, OpenOptions};
use openwork::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use openwork::runtime::Runtime;

/// A runtime whose pool has one thread.
fn one_thread(flavour: Flavour) -> Runtime {
    flavour.builder().max_blocking_threads(1).build().unwrap()
}

/// Reads eight bytes by a read that is dropped, and then returns two of them.
async fn read_ahead(file: &mut File) {
    let (let_go, job) = hold_up();
    poll_once_and_drop(file.read(&mut [0; 8]));
    let_go.send(()).unwrap();
    job.await.unwrap();
    let mut two = [0; 2];
    file.read_exact(&mut two).await.unwrap();
    assert_eq!(&two, b"01");
}

/// A file that was read ahead, and its path.
async fn file_read_ahead(dir: &Dir) -> (File, PathBuf) {
    let path = dir.file("file", b"0123456789");
    let mut file = OpenOptions::new().read(true).write(true).open(&path).await.unwrap();
    read_ahead(&mut file).await;
    (file, path)
}

type Outcome<'a> = Pin<Box<dyn Future<Output = io::Result<()>> + 'a>>;

/// Each operation that runs on the pool.
const OPERATIONS: [for<'a> fn(&'a mut File) -> Outcome<'a>; 8] = [
    |file| Box::pin(async { file.write(b"XY").await.map(drop) }),
    |file| Box::pin(async { file.seek(SeekFrom::Current(1)).await.map(drop) }),
    |file| Box::pin(async { file.rewind().await }),
    |file| Box::pin(async { file.metadata().await.map(drop) }),
    |file| Box::pin(async { file.sync_all().await }),
    |file| Box::pin(async { file.sync_data().await }),
    |file| Box::pin(async { file.set_len(1).await }),
    |file| Box::pin(async { file.try_clone().await.map(drop) }),
];

/// Each way to find the reader's position.
const LOOKS: [fn(File, &Path) -> Outcome<'_>; 5] = [
    |mut file, _| {
        Box::pin(async move {
            let mut rest = String::new();
            file.read_to_string(&mut rest).await?;
            assert_eq!(rest, "23456789");
            Ok(())
        })
    },
    |mut file, path| {
        Box::pin(async move {
            file.write_all(b"AB").await?;
            file.flush().await?;
            assert_eq!(fs::read_to_string(path).await?, "01AB456789");
            Ok(())
        })
    },
    |mut file, _| {
        Box::pin(async move {
            assert_eq!(file.seek(SeekFrom::Current(0)).await?, 2);
            Ok(())
        })
    },
    |file, _| {
        Box::pin(async move {
            assert_eq!(io::read_to_string(file.into_std().await)?, "23456789");
            Ok(())
        })
    },
    |file, _| {
        Box::pin(async move {
            assert_eq!(io::read_to_string(file.try_clone().await?.into_std().await)?, "23456789");
            Ok(())
        })
    },
];

/// Reads ahead, lets something `happen` to the file outside the runtime, and checks the reader's position.
fn is_where_it_was(flavour: Flavour, happen: impl Fn(&mut File)) {
    for look in LOOKS {
        let (runtime, dir) = (one_thread(flavour), Dir::new());
        let (mut file, path) = runtime.block_on(file_read_ahead(&dir));
        happen(&mut file);
        runtime.block_on(look(file, &path)).unwrap();
    }
}

#[test]
fn a_file_that_was_read_ahead_has_its_readers_position() {
    on_every_flavour(|flavour| is_where_it_was(flavour, |_| ()));
}

#[test]
fn an_operation_without_a_thread_changes_nothing() {
    on_every_flavour(|flavour| {
        for operation in OPERATIONS {
            is_where_it_was(flavour, |file| {
                without_threads().block_on(operation(file)).unwrap_err();
            });
        }
    });
}

#[test]
fn an_operation_outside_of_a_runtime_changes_nothing() {
    on_every_flavour(|flavour| {
        for operation in OPERATIONS {
            is_where_it_was(flavour, |file| {
                panic_of(|| futures::executor::block_on(operation(file))).unwrap();
            });
        }
    });
}

/// A write is accepted there and its bytes are lost, but the position is kept.
#[test]
fn an_operation_on_a_closed_pool_changes_nothing() {
    on_every_flavour(|flavour| {
        let closed = flavour.build().handle().clone();
        for operation in OPERATIONS {
            is_where_it_was(flavour, |file| {
                let failed = closed.block_on(async {
                    operation(file).await.is_err() || file.flush().await.is_err()
                });
                assert!(failed);
            });
        }
    });
}

#[test]
fn a_read_without_a_thread_skips_nothing() {
    on_every_flavour(|flavour| {
        let (runtime, dir) = (one_thread(flavour), Dir::new());
        let (mut file, _) = runtime.block_on(file_read_ahead(&dir));
        // The first read is served from the bytes read ahead.
        let mut six = [0; 6];
        without_threads().block_on(file.read_exact(&mut six)).unwrap();
        assert_eq!(&six, b"234567");
        without_threads().block_on(file.read(&mut six)).unwrap_err();
        runtime.block_on(async {
            assert_eq!(file.read(&mut six).await.unwrap(), 2);
            assert_eq!(&six[..2], b"89");
        });
    });
}

#[test]
fn a_seek_that_fails_changes_nothing() {
    on_every_flavour(|flavour| {
        for to in [SeekFrom::Current(-3), SeekFrom::Current(i64::MIN), SeekFrom::End(-11)] {
            is_where_it_was(flavour, |file| {
                let runtime = one_thread(flavour);
                let error = runtime.block_on(file.seek(to)).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::InvalidInput);
            });
        }
    });
}

#[test]
fn a_dropped_operation_keeps_the_readers_position() {
    on_every_flavour(|flavour| {
        is_where_it_was(flavour, |file| {
            one_thread(flavour).block_on(async {
                for operation in [OPERATIONS[3], OPERATIONS[4], OPERATIONS[7]] {
                    let (let_go, job) = hold_up();
                    poll_once_and_drop(operation(file));
                    let_go.send(()).unwrap();
                    job.await.unwrap();
                    file.flush().await.unwrap();
                }
            });
        });
    });
}

/// A socket has no positions. The reader gets the bytes read ahead, even after a write.
#[test]
fn a_file_without_positions_keeps_the_bytes_read_ahead() {
    on_every_flavour(|flavour| {
        let (ours, mut other) = UnixStream::pair().unwrap();
        let mut file = File::from(OwnedFd::from(ours));
        one_thread(flavour).block_on(async {
            other.write_all(b"01234567").unwrap();
            read_ahead(&mut file).await;
            file.write_all(b"question").await.unwrap();
            file.flush().await.unwrap();
            let mut question = [0; 8];
            other.read_exact(&mut question).unwrap();
            assert_eq!(&question, b"question");
            assert_eq!(file.rewind().await.unwrap_err().kind(), ErrorKind::NotSeekable);
            let clone = file.try_clone().await.unwrap();
            let mut rest = [0; 6];
            file.read_exact(&mut rest).await.unwrap();
            assert_eq!(&rest, b"234567");
            clone.into_std().await;
        });
    });
}

#[test]
fn into_std_has_the_readers_position() {
    on_every_flavour(|flavour| {
        one_thread(flavour).block_on(async {
            let dir = Dir::new();
            let (file, _) = file_read_ahead(&dir).await;
            let std = file.try_into_std().unwrap();
            assert_eq!(io::read_to_string(std).unwrap(), "23456789");
            // A read that is still in flight.
            let (mut file, _) = file_read_ahead(&dir).await;
            file.read_exact(&mut [0; 6]).await.unwrap();
            let (let_go, job) = hold_up();
            poll_once_and_drop(file.read(&mut [0; 8]));
            let_go.send(()).unwrap();
            job.await.unwrap();
            assert_eq!(io::read_to_string(file.into_std().await).unwrap(), "89");
        });
    });
}

#[test]
fn a_clone_keeps_the_size_of_the_buffer() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let dir = Dir::new();
            let mut file = File::open(dir.file("file", b"0123456789")).await.unwrap();
            file.set_max_buf_size(3);
            let mut clone = file.try_clone().await.unwrap();
            assert_eq!(clone.max_buf_size(), 3);
            assert_eq!(clone.read(&mut [0; 10]).await.unwrap(), 3);
        });
    });
}

#[test]
fn a_directory_without_a_thread_loses_no_entry() {
    on_every_flavour(|flavour| {
        let (runtime, dir) = (flavour.build(), Dir::new());
        let closed = flavour.build().handle().clone();
        (0..100).for_each(|number| _ = dir.file(&number.to_string(), b""));
        let mut entries = runtime.block_on(fs::read_dir(&dir.0)).unwrap();
        let (mut found, mut failed) = (Vec::new(), 0);
        loop {
            // The entries that were fetched before need no thread.
            let next = match without_threads().block_on(entries.next_entry()) {
                Ok(next) => next,
                Err(_) => {
                    failed += 1;
                    closed.block_on(entries.next_entry()).unwrap_err();
                    panic_of(|| futures::executor::block_on(entries.next_entry())).unwrap();
                    runtime.block_on(entries.next_entry()).unwrap()
                }
            };
            let Some(entry) = next else { break };
            found.push(entry.file_name().to_str().unwrap().parse::<usize>().unwrap());
        }
        found.sort_unstable();
        assert_eq!(found, (0..100).collect::<Vec<_>>());
        assert!(failed > 0);
    });
}
