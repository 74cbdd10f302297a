//! What tests of sockets need: a turn of the reactor, and a directory for paths.

// Each test uses its part.
#![allow(dead_code)]

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use openwork::io::unix::AsyncFd;

/// Turns of the reactor, on demand.
///
/// A byte goes through a connection of its own. The poller returns events in their order: when the byte's event has
/// come, all earlier events have come too.
///
/// On a multi-thread runtime the driver takes several events at once, and calls the wakers one after the other; a
/// task may find the byte before another task is woken. So a second byte follows the first: its event is taken only
/// after all wakers of the first batch were called.
pub struct Turns {
    near: AsyncFd<UnixStream>,
    far: UnixStream,
}

impl Turns {
    pub fn new() -> Turns {
        let (near, far) = UnixStream::pair().unwrap();
        near.set_nonblocking(true).unwrap();
        Turns { near: AsyncFd::new(near).unwrap(), far }
    }

    pub async fn turn(&self) {
        for _ in 0..2 {
            (&self.far).write_all(b"t").unwrap();
            let mut guard = self.near.readable().await.unwrap();
            assert_eq!(guard.get_inner().read(&mut [0; 2]).unwrap(), 1);
            // Or it would still count as readable, and the next turn would be none.
            guard.clear_ready();
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
