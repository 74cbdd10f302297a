//! What tests of sockets need: a turn of the driver, and a directory for paths.

// Each test uses its part.
#![allow(dead_code)]

use std::fs;
use std::future::Future;
use std::io::{ErrorKind, Write};
use std::net::{TcpListener as StdListener, TcpStream as StdStream};
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use openwork::net::TcpStream;

/// Turns of the driver, on demand.
///
/// A turn sends a byte through a connection of its own, and waits until the byte is reported. The poller returns events
/// in their order, and the driver sets the readiness of all descriptors of a batch in that order, under its lock. So
/// after a turn every operation finds the readiness of every event that came before the turn.
///
/// The connection is TCP: the kernel may deliver what goes through TCP or UDP a moment after the send, in its order.
///
/// **A turn does not prove that a waker was called.** The driver calls the wakers of a batch after it has released
/// its lock. On a multi-thread runtime another worker may then take the driver, report the byte and run the test's
/// task, while the first worker still calls wakers. So a test that expects a wake waits for it with
/// [`until`](Turns::until). A test that expects none checks that after a turn: that shows a wrong wake in almost every
/// run, and on a current-thread runtime in every run, since there all wakers are called before the next poll.
pub struct Turns {
    near: TcpStream,
    far: StdStream,
}

/// For the slowest machine: a wake takes microseconds.
const LIMIT: Duration = Duration::from_secs(10);

impl Turns {
    pub fn new() -> Turns {
        let listener = StdListener::bind("127.0.0.1:0").unwrap();
        let far = StdStream::connect(listener.local_addr().unwrap()).unwrap();
        let (near, _) = listener.accept().unwrap();
        near.set_nonblocking(true).unwrap();
        Turns { near: TcpStream::from_std(near).unwrap(), far }
    }

    pub async fn turn(&self) {
        // The second byte comes in a later batch than the first: the lock was released after the first batch.
        for _ in 0..2 {
            (&self.far).write_all(b"t").unwrap();
            self.near.readable().await.unwrap();
            assert_eq!(self.near.try_read(&mut [0; 2]).unwrap(), 1);
            // Otherwise it would still count as readable, and the next turn would not wait.
            assert_eq!(self.near.try_read(&mut [0; 2]).unwrap_err().kind(), ErrorKind::WouldBlock);
        }
    }

    /// Makes turns, at least one, until `is_so` returns true. Panics with the caller's line if it does not within ten
    /// seconds.
    #[track_caller]
    pub fn until(&self, mut is_so: impl FnMut() -> bool) -> impl Future<Output = ()> {
        let (caller, start) = (Location::caller(), Instant::now());
        async move {
            loop {
                self.turn().await;
                if is_so() {
                    return;
                }
                assert!(start.elapsed() < LIMIT, "still not so after {LIMIT:?}: {caller}");
            }
        }
    }
}

/// A directory that is gone with this.
pub struct Directory(PathBuf);

impl Directory {
    pub fn new() -> Directory {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name =
            format!("openwork-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Directory(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        Path::join(&self.0, name)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
