//! A directory is read some entries at a time.
//!
//! The reader and the entries that it has fetched are behind a lock. The job that fetches more takes the lock to
//! the pool, so a call that is dropped loses no entry: the next call waits for the job, and finds what it fetched.
//!
//! Next: `file.rs`.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{FileType, Metadata};
use std::io;
use std::os::unix::fs::DirEntryExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::job::run;
use crate::sync::mutex::Mutex;

/// The number of entries that one job fetches. Tokio's number: it decides how many jobs a large directory takes.
const AT_ONCE: usize = 32;

/// Reads the entries of a directory, in no order. See [`std::fs::read_dir`].
///
/// ```
/// # openwork::block_on(async {
/// let mut entries = openwork::fs::read_dir("src").await?;
/// while let Some(entry) = entries.next_entry().await? {
///     println!("{}", entry.path().display());
/// }
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
///
/// # Errors
///
/// Those of std's function; or see the [module](super).
pub async fn read_dir(path: impl AsRef<Path>) -> io::Result<ReadDir> {
    let path = path.as_ref().to_owned();
    run("fs::read_dir", move || {
        let mut entries =
            Entries { rest: Some(std::fs::read_dir(path)?), fetched: VecDeque::new() };
        entries.fetch();
        Ok(ReadDir(Arc::new(Mutex::new(entries))))
    })
    .await
}

/// The entries of a directory. From [`read_dir`].
#[derive(Debug)]
pub struct ReadDir(Arc<Mutex<Entries>>);

#[derive(Debug)]
struct Entries {
    /// None: all entries were fetched.
    rest: Option<std::fs::ReadDir>,
    fetched: VecDeque<io::Result<DirEntry>>,
}

impl Entries {
    fn fetch(&mut self) {
        let rest = self.rest.iter_mut().flatten().take(AT_ONCE);
        self.fetched.extend(rest.map(|entry| entry.map(|entry| DirEntry(Arc::new(entry)))));
        if self.fetched.len() < AT_ONCE {
            self.rest = None;
        }
    }
}

impl ReadDir {
    /// Returns the next entry, or None after the last.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// The system's. If the runtime has shut down or the system gives no thread, no entry is skipped: the next
    /// call tries again.
    pub async fn next_entry(&mut self) -> io::Result<Option<DirEntry>> {
        let mut entries = self.0.clone().lock_owned().await;
        if entries.fetched.is_empty() && entries.rest.is_some() {
            let fetch = move || {
                entries.fetch();
                Ok(entries)
            };
            entries = run("fs::ReadDir::next_entry", fetch).await?;
        }
        entries.fetched.pop_front().transpose()
    }
}

/// An entry of a directory. See [`std::fs::DirEntry`].
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

    /// Returns what the system knows of it; of a symbolic link itself.
    ///
    /// # Errors
    ///
    /// The system's; or see the [module](super).
    pub async fn metadata(&self) -> io::Result<Metadata> {
        let entry = self.0.clone();
        run("fs::DirEntry::metadata", move || entry.metadata()).await
    }

    /// Whether it is a file, a directory or a link.
    ///
    /// # Errors
    ///
    /// The system's; or see the [module](super).
    pub async fn file_type(&self) -> io::Result<FileType> {
        let entry = self.0.clone();
        run("fs::DirEntry::file_type", move || entry.file_type()).await
    }
}
