//! Directories: to make one, and to go through one.
//!
//! Next: `file.rs`.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{FileType, Metadata};
use std::future::Future;
use std::io;
use std::os::unix::fs::{DirBuilderExt, DirEntryExt};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::job::run;
use crate::engine::coop;
use crate::engine::prim::Mutex;
use crate::runtime::Handle;
use crate::runtime::join_handle::JoinHandle;

/// Makes directories, in various ways. See [`std::fs::DirBuilder`].
#[derive(Debug, Default)]
pub struct DirBuilder {
    recursive: bool,
    mode: Option<u32>,
}

impl DirBuilder {
    /// Makes one directory, with the usual permissions.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether to make also those above it that are missing; then one that is there already is no error.
    pub fn recursive(&mut self, recursive: bool) -> &mut Self {
        self.recursive = recursive;
        self
    }

    /// The permissions, less those that the process does not give.
    pub fn mode(&mut self, mode: u32) -> &mut Self {
        self.mode = Some(mode);
        self
    }

    /// Makes the directory.
    pub async fn create(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(self.recursive);
        if let Some(mode) = self.mode {
            builder.mode(mode);
        }
        let path = path.as_ref().to_owned();
        run("fs::DirBuilder::create", move || builder.create(path)).await
    }
}

/// Entries that one job fetches. Tokio's number; its effect is how many ways to the pool a large directory takes.
const AT_ONCE: usize = 32;

/// The entries of a directory, in no order. See [`std::fs::read_dir`].
pub async fn read_dir(path: impl AsRef<Path>) -> io::Result<ReadDir> {
    let path = path.as_ref().to_owned();
    run("fs::read_dir", move || {
        let mut rest = std::fs::read_dir(path)?;
        let fetched = fetch(&mut rest);
        let rest = (fetched.len() == AT_ONCE).then(|| Arc::new(Mutex::new(rest)));
        Ok(ReadDir { fetched, rest, job: None })
    })
    .await
}

type Fetched = VecDeque<io::Result<DirEntry>>;

fn fetch(rest: &mut std::fs::ReadDir) -> Fetched {
    let entries = rest.take(AT_ONCE);
    entries.map(|entry| entry.map(|entry| DirEntry(Arc::new(entry)))).collect()
}

/// The entries of a directory. From [`read_dir`].
#[derive(Debug)]
pub struct ReadDir {
    fetched: Fetched,
    /// Those behind them. None: these were all. Shared with the job, so that a job that is not run takes
    /// nothing with it.
    rest: Option<Arc<Mutex<std::fs::ReadDir>>>,
    job: Option<JoinHandle<Fetched>>,
}

impl ReadDir {
    /// The next entry, or none if these were all.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// The system's. If the runtime has ended or the system gives no thread, no entry is skipped: the next
    /// call tries again.
    pub fn next_entry(&mut self) -> NextEntry<'_> {
        NextEntry { dir: self }
    }

    /// As [`next_entry`](ReadDir::next_entry), for a `poll` function.
    pub fn poll_next_entry(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<DirEntry>>> {
        ready!(coop::poll_proceed(cx));
        loop {
            if let Some(job) = &mut self.job {
                let joined = ready!(Pin::new(job).poll(cx));
                self.job = None;
                self.fetched = joined.map_err(io::Error::other)?;
                if self.fetched.len() < AT_ONCE {
                    self.rest = None;
                }
            }
            let next = self.fetched.pop_front().transpose();
            let Some(rest) = self.rest.as_ref().filter(|_| matches!(next, Ok(None))) else {
                coop::made_progress();
                return Poll::Ready(next);
            };
            let rest = rest.clone();
            let job = move || fetch(&mut rest.lock());
            self.job = Some(Handle::current_for("fs::ReadDir").try_spawn_blocking(job)?);
        }
    }
}

/// Awaits the next entry of a directory. From [`ReadDir::next_entry`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct NextEntry<'a> {
    dir: &'a mut ReadDir,
}

impl Future for NextEntry<'_> {
    type Output = io::Result<Option<DirEntry>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.dir.poll_next_entry(cx)
    }
}

/// What lies in a directory. See [`std::fs::DirEntry`].
#[derive(Debug)]
pub struct DirEntry(Arc<std::fs::DirEntry>);

impl DirEntry {
    /// Its path: that of the directory, as it was given, and its name.
    pub fn path(&self) -> PathBuf {
        self.0.path()
    }

    /// Its name alone.
    pub fn file_name(&self) -> OsString {
        self.0.file_name()
    }

    /// The number of its inode.
    pub fn ino(&self) -> u64 {
        self.0.ino()
    }

    /// What the system knows of it; of a symbolic link itself.
    pub async fn metadata(&self) -> io::Result<Metadata> {
        let entry = self.0.clone();
        run("fs::DirEntry::metadata", move || entry.metadata()).await
    }

    /// Whether it is a file, a directory or a link.
    pub async fn file_type(&self) -> io::Result<FileType> {
        let entry = self.0.clone();
        run("fs::DirEntry::file_type", move || entry.file_type()).await
    }
}
