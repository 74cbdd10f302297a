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
use crate::engine::context;
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
        let mut entries = Entries::new(std::fs::read_dir(path)?);
        entries.fetch();
        Ok(ReadDir(State::Idle(entries)))
    })
    .await
}

/// Entries that were fetched, and those behind them.
#[derive(Debug)]
struct Entries {
    fetched: VecDeque<io::Result<DirEntry>>,
    /// None: these were all.
    rest: Option<std::fs::ReadDir>,
}

impl Entries {
    fn new(rest: std::fs::ReadDir) -> Self {
        Entries { fetched: VecDeque::new(), rest: Some(rest) }
    }

    fn fetch(&mut self) {
        let Some(rest) = &mut self.rest else { return };
        let entries = rest.by_ref().take(AT_ONCE);
        self.fetched.extend(entries.map(|entry| entry.map(|entry| DirEntry(Arc::new(entry)))));
        if self.fetched.len() < AT_ONCE {
            self.rest = None;
        }
    }
}

/// The entries of a directory. From [`read_dir`].
#[derive(Debug)]
pub struct ReadDir(State);

#[derive(Debug)]
enum State {
    Idle(Entries),
    Busy(JoinHandle<Entries>),
    /// A job was lost with its runtime.
    Lost,
}

impl ReadDir {
    /// The next entry, or none if these were all.
    ///
    /// Cancel safe.
    pub fn next_entry(&mut self) -> NextEntry<'_> {
        NextEntry { dir: self }
    }

    /// As [`next_entry`](ReadDir::next_entry), for a `poll` function.
    pub fn poll_next_entry(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<DirEntry>>> {
        ready!(context::poll_budget(cx));
        loop {
            match &mut self.0 {
                State::Idle(entries) => {
                    let next = entries.fetched.pop_front().transpose();
                    if entries.rest.is_none() || !matches!(next, Ok(None)) {
                        context::spend();
                        return Poll::Ready(next);
                    }
                    self.start_fetch()?;
                }
                State::Busy(job) => {
                    self.0 = match ready!(Pin::new(job).poll(cx)) {
                        Ok(entries) => State::Idle(entries),
                        Err(error) => {
                            self.0 = State::Lost;
                            return Poll::Ready(Err(io::Error::other(error)));
                        }
                    }
                }
                State::Lost => {
                    return Poll::Ready(Err(io::Error::other(
                        "the directory went with its runtime",
                    )));
                }
            }
        }
    }

    fn start_fetch(&mut self) -> io::Result<()> {
        let State::Idle(mut entries) = std::mem::replace(&mut self.0, State::Lost) else {
            unreachable!("it is idle")
        };
        let job = Handle::current_for("fs::ReadDir").try_spawn_blocking(move || {
            entries.fetch();
            entries
        })?;
        self.0 = State::Busy(job);
        Ok(())
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
