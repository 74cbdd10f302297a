//! Files of a test's own, and operations on them that stay in flight.

use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc;
use std::task::{Context, Waker};
use std::{env, process};

use openwork::runtime::{Builder, Runtime};
use openwork::task::{JoinHandle, spawn_blocking};

use super::ends::ends;

/// A directory of the test's own, which goes with it.
pub struct Dir(pub PathBuf);

impl Dir {
    pub fn new() -> Dir {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let name = format!("openwork-fs-{}-{}", process::id(), NUMBER.fetch_add(1, SeqCst));
        let path = env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Dir(path)
    }

    pub fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs a test on a runtime whose pool has one thread.
pub fn with_one_thread<F: Future>(test: impl FnOnce() -> F + Send + 'static) {
    ends(|| {
        let runtime = Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
        runtime.block_on(test());
    });
}

/// Blocks the pool's only thread until it is released.
pub fn hold_up() -> (mpsc::Sender<()>, JoinHandle<()>) {
    let (release, held) = mpsc::channel();
    (release, spawn_blocking(move || held.recv().unwrap_or(())))
}

/// Polls once, and drops.
pub fn poll_once_and_drop(future: impl Future) {
    assert!(pin!(future).poll(&mut Context::from_waker(Waker::noop())).is_pending());
}

/// A runtime that the system gives no thread for blocking work.
pub fn without_threads() -> Runtime {
    Builder::new_current_thread().thread_stack_size(usize::MAX / 4).build().unwrap()
}
