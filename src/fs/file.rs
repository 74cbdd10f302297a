//! A file is read and written without blocking the worker.
//!
//! Every operation is a job for the blocking pool, one after the other: `io/blocking.rs` says how a read or a
//! write becomes one, and what happens if it is dropped. This file has the operations that are neither a read nor
//! a write. They take `&self`, so any number of tasks may call them: a lock puts them in order, and its holder
//! waits for the job in flight.
//!
//! Next: `open_options.rs`.

use std::fmt;
use std::fs::{Metadata, Permissions};
use std::future::poll_fn;
use std::io::{self, SeekFrom};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncSeek, AsyncWrite};

use super::job::run;
use crate::io::blocking::Blocking;
use crate::io::delegate::{as_fd_from, read_from, write_to};
use crate::sync::mutex::Mutex;

/// An open file.
///
/// ```
/// # openwork::block_on(async {
/// use openwork::io::AsyncWriteExt;
/// # let path = std::env::temp_dir().join(format!("openwork-doc-{}", std::process::id()));
/// let mut file = openwork::fs::File::create(&path).await?;
/// file.write_all(b"first ").await?;
/// file.write_all(b"second").await?;
/// file.flush().await?; // before this, the second write may be in flight
/// assert_eq!(openwork::fs::read(&path).await?, b"first second");
/// # openwork::fs::remove_file(path).await
/// # }).unwrap();
/// ```
///
/// A write returns when its bytes are on their way. They are in the file, for every reader of its path, once
/// `flush`, `shutdown`, `sync_all` or `sync_data` has answered Ok.
///
/// The bytes of a write that failed are not kept. The next operation reports the error instead of doing its
/// work. The four above report it too, even if that operation has done so, and again at each call until
/// something is written after one of them has reported it. An operation for which the system gives no thread
/// answers with an error and has changed nothing.
///
/// A write that is on its way is carried out even if the file is dropped (its error is then lost), and however
/// the runtime ends, as long as the process lives: dropping a [`Runtime`](crate::runtime::Runtime) waits for it.
///
/// Reads and writes are made inside a runtime; outside of one they panic. In one that has shut down they fail.
pub struct File {
    std: Arc<std::fs::File>,
    max_buf_size: usize,
    inner: Mutex<Blocking<std::fs::File>>,
}

as_fd_from!(File, std);

impl File {
    /// Opens a file for reading.
    ///
    /// # Errors
    ///
    /// Those of std's function; or see the [module](super).
    pub async fn open(path: impl AsRef<Path>) -> io::Result<File> {
        let path = path.as_ref().to_owned();
        run("fs::File::open", || std::fs::File::open(path)).await.map(File::from_std)
    }

    /// Makes a file for writing, or empties the one that exists.
    ///
    /// # Errors
    ///
    /// Those of std's function; or see the [module](super).
    pub async fn create(path: impl AsRef<Path>) -> io::Result<File> {
        let path = path.as_ref().to_owned();
        run("fs::File::create", || std::fs::File::create(path)).await.map(File::from_std)
    }

    /// Makes a file for reading and writing, and fails if there is one.
    ///
    /// # Errors
    ///
    /// Those of std's function; or see the [module](super).
    pub async fn create_new(path: impl AsRef<Path>) -> io::Result<File> {
        let path = path.as_ref().to_owned();
        run("fs::File::create_new", || std::fs::File::create_new(path)).await.map(File::from_std)
    }

    /// Takes over a file of std's.
    pub fn from_std(file: std::fs::File) -> File {
        Self::from_blocking(Blocking::new(file))
    }

    fn from_blocking(inner: Blocking<std::fs::File>) -> File {
        let (std, max_buf_size) = (inner.object().clone(), inner.max_buf_size());
        File { std, max_buf_size, inner: Mutex::new(inner) }
    }

    /// Returns std's file after the operation in flight. Its position is the reader's: bytes that a dropped read
    /// has read count as unread. (They are lost if the file has no position, like a terminal.)
    ///
    /// The error of an earlier write is lost: `flush` first.
    pub async fn into_std(mut self) -> std::fs::File {
        // The error is that of an earlier operation; this one cannot fail.
        let _ = poll_fn(|cx| Pin::new(self.inner.get_mut()).poll_flush(cx)).await;
        self.try_into_std().expect("nothing is in flight")
    }

    /// Returns std's file at once, if no operation is in flight; see [`into_std`](File::into_std).
    ///
    /// # Errors
    ///
    /// This file, if an operation is in flight.
    #[expect(clippy::result_large_err, reason = "the error is the file, which the caller has now")]
    pub fn try_into_std(self) -> Result<std::fs::File, File> {
        let File { std, inner, .. } = self;
        drop(std);
        inner.into_inner().try_into_inner().map_err(File::from_blocking)
    }

    /// Waits until everything that was written is on the disk.
    ///
    /// # Errors
    ///
    /// The system's, and that of a write that failed.
    pub async fn sync_all(&self) -> io::Result<()> {
        self.sync("fs::File::sync_all", std::fs::File::sync_all).await
    }

    /// Waits until the content is on the disk, with what is needed to read it, but for instance not the time of
    /// the change.
    ///
    /// # Errors
    ///
    /// The system's, and that of a write that failed.
    pub async fn sync_data(&self) -> io::Result<()> {
        self.sync("fs::File::sync_data", std::fs::File::sync_data).await
    }

    /// Cuts the file off at this length, or extends it by zeros.
    ///
    /// # Errors
    ///
    /// The system's.
    pub async fn set_len(&self, size: u64) -> io::Result<()> {
        self.run("fs::File::set_len", move |file| file.set_len(size)).await
    }

    /// Returns what the system knows of the file.
    ///
    /// # Errors
    ///
    /// The system's.
    pub async fn metadata(&self) -> io::Result<Metadata> {
        self.run("fs::File::metadata", std::fs::File::metadata).await
    }

    /// Changes the file's permissions.
    ///
    /// # Errors
    ///
    /// The system's.
    pub async fn set_permissions(&self, permissions: Permissions) -> io::Result<()> {
        self.run("fs::File::set_permissions", |file| file.set_permissions(permissions)).await
    }

    /// Returns a second handle of the file, which shares the position and has the same
    /// [`max_buf_size`](File::max_buf_size). Bytes that a dropped read has read count as unread for both.
    ///
    /// # Errors
    ///
    /// The system's, for instance at the limit of descriptors.
    pub async fn try_clone(&self) -> io::Result<File> {
        let mut inner = self.inner.lock().await;
        let std = inner.run("fs::File::try_clone", true, std::fs::File::try_clone).await?;
        let mut clone = File::from_std(std);
        clone.set_max_buf_size(self.max_buf_size);
        Ok(clone)
    }

    /// The number of bytes that one job reads or writes at most; 2 MiB at first.
    pub fn max_buf_size(&self) -> usize {
        self.max_buf_size
    }

    /// Sets the number of bytes that one job reads or writes at most. A file holds memory of up to this size.
    pub fn set_max_buf_size(&mut self, bytes: usize) {
        self.max_buf_size = bytes;
        self.inner.get_mut().set_max_buf_size(bytes);
    }

    /// Does `work` when the operations before it are done.
    async fn run<R, F>(&self, call: &'static str, work: F) -> io::Result<R>
    where
        F: FnOnce(&std::fs::File) -> io::Result<R> + Send + 'static,
        R: Send + 'static,
    {
        self.inner.lock().await.run(call, false, work).await
    }

    /// The same, if no write has failed.
    async fn sync(
        &self,
        call: &'static str,
        work: fn(&std::fs::File) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut inner = self.inner.lock().await;
        poll_fn(|cx| Pin::new(&mut *inner).poll_flush(cx)).await?;
        inner.run(call, false, work).await
    }
}

impl AsyncRead for File {
    read_from!(self => Pin::new(self.get_mut().inner.get_mut()));
}

impl AsyncWrite for File {
    write_to!(self => Pin::new(self.get_mut().inner.get_mut()));
}

impl AsyncSeek for File {
    fn poll_seek(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: SeekFrom,
    ) -> Poll<io::Result<u64>> {
        Pin::new(self.get_mut().inner.get_mut()).poll_seek(cx, to)
    }
}

impl From<std::fs::File> for File {
    fn from(file: std::fs::File) -> File {
        File::from_std(file)
    }
}

impl From<OwnedFd> for File {
    fn from(fd: OwnedFd) -> File {
        File::from_std(fd.into())
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File").field("std", &self.std).finish_non_exhaustive()
    }
}
