//! A write that returned Ok is carried out, no matter how the runtime ends.

use std::future::{Future, pending};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc;
use std::task::{Context, Waker};
use std::{env, fs};

use crate::common::{
    Flavour, again, ends, in_each_way, on_every_flavour, runs_on, until_it_ends, with_workers,
};
use openwork::fs::File;
use openwork::io::{AsyncWriteExt, stderr, stdout};
use openwork::runtime::{Handle, Runtime};

/// A path of a file that does not exist; removed on drop.
struct Temporary(PathBuf);

impl Temporary {
    fn new() -> Temporary {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("openwork-last-{}-{}", std::process::id(), NEXT.fetch_add(1, SeqCst));
        Temporary(env::temp_dir().join(name))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Checks that the bytes that `write` has written are in the file, for each way to end the runtime.
fn is_carried_out<F: Future>(write: impl Fn(&Runtime, PathBuf) -> F + Copy + Send + 'static) {
    on_every_flavour(move |flavour| {
        in_each_way(
            flavour,
            |runtime| {
                let path = Temporary::new();
                runtime.block_on(write(runtime, path.0.clone()));
                path
            },
            |name, path| assert_eq!(fs::read(&path.0).unwrap(), b"hello", "{name}"),
        );
    });
}

/// A new file, created on this thread since the pool is busy.
fn create(path: &Path) -> File {
    File::from_std(fs::File::create(path).unwrap())
}

#[test]
fn the_last_write_of_block_on_is_carried_out() {
    is_carried_out(|_, path| async move {
        create(&path).write_all(b"hello").await.unwrap();
    });
}

/// The task lives until the runtime ends, with its file.
#[test]
fn the_last_write_of_a_task_is_carried_out() {
    is_carried_out(|runtime, path| {
        let (wrote, written) = futures::channel::oneshot::channel();
        drop(runtime.spawn(async move {
            let mut file = create(&path);
            file.write_all(b"hello").await.unwrap();
            wrote.send(()).unwrap();
            pending::<()>().await;
        }));
        written
    });
}

#[test]
fn a_started_and_dropped_call_is_carried_out() {
    is_carried_out(|_, path| async move {
        let write = pin!(openwork::fs::write(path, b"hello"));
        assert!(write.poll(&mut Context::from_waker(Waker::noop())).is_pending());
    });
}

/// The second write waits for the first one, and has not returned when the runtime ends.
#[test]
fn of_two_writes_the_one_that_returned_is_carried_out() {
    is_carried_out(|_, path| async move {
        let mut file = create(&path);
        file.write_all(b"hello").await.unwrap();
        let second = pin!(file.write(b" and more"));
        assert!(second.poll(&mut Context::from_waker(Waker::noop())).is_pending());
    });
}

#[test]
fn a_write_after_shutdown_fails() {
    on_every_flavour(|flavour| {
        let path = Temporary::new();
        let mut file = create(&path.0);
        let runtime = flavour.build();
        let handle = runtime.handle().clone();
        drop(runtime);
        handle.block_on(async {
            for _ in 0..3 {
                assert!(file.write(b"hello").await.is_err());
            }
            // Nothing was accepted.
            file.flush().await.unwrap();
        });
        assert!(stdout_refuses(&handle));
        assert_eq!(fs::read(&path.0).unwrap(), b"");
    });
}

fn stdout_refuses(handle: &Handle) -> bool {
    handle.block_on(async {
        stdout().write(b"refused\n").await.is_err() && stderr().write(b"refused\n").await.is_err()
    })
}

/// The shutdown begins while the task is polled on another thread.
#[test]
fn a_write_in_a_poll_that_outlasts_shutdown_fails() {
    with_workers(|flavour| {
        let path = Temporary::new();
        let mut file = create(&path.0);
        let runtime = flavour.builder().max_blocking_threads(1).build().unwrap();
        let (running, let_go) = runs_on(runtime.handle());
        let (begins, begun) = mpsc::channel();
        let task = runtime.spawn(async move {
            begins.send(()).unwrap();
            until_it_ends(&Handle::current());
            file.write(b"hello").await
        });
        begun.recv().unwrap();
        runtime.shutdown_background();
        assert!(futures::executor::block_on(task).unwrap().is_err());
        let_go.send(()).unwrap();
        futures::executor::block_on(running).unwrap();
        assert_eq!(fs::read(&path.0).unwrap(), b"");
    });
}

/// In a process of its own, whose output is counted.
#[test]
fn the_last_write_to_standard_output_is_carried_out() {
    const NAME: &str = "the_last_write_to_standard_output_is_carried_out";
    const INNER: &str = "OPENWORK_TEST_LAST_WRITES";
    if env::var_os(INNER).is_some() {
        for flavour in [Flavour::CurrentThread, Flavour::Workers(2)] {
            let write = |runtime: &Runtime| {
                runtime.block_on(async {
                    stdout().write_all(b"<out>").await.unwrap();
                    stderr().write_all(b"<err>").await.unwrap();
                });
            };
            in_each_way(flavour, write, |_, ()| std::io::stdout().write_all(b"<next>").unwrap());
        }
        return;
    }
    ends(|| {
        let output = again(NAME).env(INNER, "yes").output().unwrap();
        assert!(output.status.success());
        let (out, err) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(out.matches("<out><next>").count(), 12, "{out}");
        assert_eq!(err.matches("<err>").count(), 12, "{err}");
    });
}
