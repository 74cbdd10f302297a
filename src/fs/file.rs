//! How does one read and write a file without holding up everybody else?
//!
//! Every operation is a job for the blocking pool, one after the other: `io/on_pool.rs` tells how a read
//! or a write becomes one, and what happens if it is dropped. What is here is the file around that, and
//! the operations that are neither a read nor a write. They wait for their turn like everybody: the lock
//! is a queue, and whoever has it first waits for the job that is in flight.
//!
//! ```
//! # openwork::block_on(async {
//! use openwork::io::AsyncWriteExt;
//! # let path = std::env::temp_dir().join(format!("openwork-doc-{}", std::process::id()));
//! let mut file = openwork::fs::File::create(&path).await?;
//! file.write_all(b"first ").await?;
//! file.write_all(b"second").await?;
//! file.flush().await?; // before this, the second write may still be on its way
//! assert_eq!(openwork::fs::read(&path).await?, b"first second");
//! # openwork::fs::remove_file(path).await
//! # }).unwrap();
//! ```
//!
//! Next: `open_options.rs`.

use std::fmt;
use std::fs::{FileTimes, Metadata, Permissions};
use std::future::poll_fn;
use std::io::{self, SeekFrom};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncSeek, AsyncWrite};

use super::job::run;
use crate::io::on_pool::OnPool;
use crate::sync::mutex::Mutex;

/// A file that is open.
///
/// A write answers when its bytes are on their way. They are in the file, for every reader of its path, once
/// `flush`, `shutdown`, `sync_all` or `sync_data` has answered Ok.
///
/// The bytes of a write that failed are not kept. The next operation reports the error instead of doing its
/// work. The four above report it too, even if that operation has done so, and again at each call until
/// something is written after one of them has reported it. An operation for which the system gives no thread
/// answers with an error and has changed nothing.
///
/// A write that is on its way is carried out even if the file is dropped (its error is then lost), and however
/// the runtime ends, as long as the process lives: a [`Runtime`](crate::runtime::Runtime) that is dropped
/// waits for it.
///
/// Reads and writes are made inside a runtime; outside of one they panic. In one that has ended they fail.
pub struct File {
    std: Arc<std::fs::File>,
    max_buf_size: usize,
    /// Locked by whose turn it is.
    inner: Mutex<OnPool<std::fs::File>>,
}

impl File {
    /// Opens a file to read it.
    pub async fn open(path: impl AsRef<Path>) -> io::Result<File> {
        let path = path.as_ref().to_owned();
        run("fs::File::open", move || std::fs::File::open(path)).await.map(File::from_std)
    }

    /// Makes a file to write it, or empties the one that is there.
    pub async fn create(path: impl AsRef<Path>) -> io::Result<File> {
        let path = path.as_ref().to_owned();
        run("fs::File::create", move || std::fs::File::create(path)).await.map(File::from_std)
    }

    /// Makes a file to read and write it, and fails if there is one.
    pub async fn create_new(path: impl AsRef<Path>) -> io::Result<File> {
        let path = path.as_ref().to_owned();
        run("fs::File::create_new", move || std::fs::File::create_new(path))
            .await
            .map(File::from_std)
    }

    /// Takes over a file of std's.
    pub fn from_std(file: std::fs::File) -> File {
        Self::around(OnPool::new(file))
    }

    fn around(inner: OnPool<std::fs::File>) -> File {
        File {
            std: inner.object().clone(),
            max_buf_size: inner.max_buf_size(),
            inner: Mutex::new(inner),
        }
    }

    /// The file as std knows it, after what is in flight. Its position is that of the reader: what a dropped
    /// read has read counts as unread. (It is lost if the file has no position, like a terminal.)
    ///
    /// The error of a write before is lost: `flush` first.
    pub async fn into_std(mut self) -> std::fs::File {
        // An error is of an operation before; this one cannot fail.
        let _ = poll_fn(|cx| self.inner.get_mut().poll_flush(cx)).await;
        self.try_into_std().expect("nothing is in flight")
    }

    /// The same as [`into_std`](File::into_std), at once, if nothing is in flight.
    ///
    /// # Errors
    ///
    /// This file, if something is.
    #[expect(
        clippy::result_large_err,
        reason = "it is the file itself, which the caller has still"
    )]
    pub fn try_into_std(self) -> Result<std::fs::File, File> {
        let File { std, inner, .. } = self;
        drop(std);
        inner.into_inner().try_into_inner().map_err(File::around)
    }

    /// Waits until everything that was written is on the disk.
    pub async fn sync_all(&self) -> io::Result<()> {
        self.sync("fs::File::sync_all", |file| file.sync_all()).await
    }

    /// The same for the content and what is needed to read it, but for instance not the time of the change.
    pub async fn sync_data(&self) -> io::Result<()> {
        self.sync("fs::File::sync_data", |file| file.sync_data()).await
    }

    /// Cuts the file off at this length, or extends it by zeros.
    pub async fn set_len(&self, size: u64) -> io::Result<()> {
        self.in_turn("fs::File::set_len", move |file| file.set_len(size)).await
    }

    /// What the system knows of the file.
    pub async fn metadata(&self) -> io::Result<Metadata> {
        self.in_turn("fs::File::metadata", |file| file.metadata()).await
    }

    /// Changes the file's permissions.
    pub async fn set_permissions(&self, permissions: Permissions) -> io::Result<()> {
        self.in_turn("fs::File::set_permissions", |file| file.set_permissions(permissions)).await
    }

    /// Changes the times that the system keeps of the file.
    pub async fn set_times(&self, times: FileTimes) -> io::Result<()> {
        self.in_turn("fs::File::set_times", move |file| file.set_times(times)).await
    }

    /// The same file once more, with which it shares its position, and with the same
    /// [`max_buf_size`](File::max_buf_size). What a dropped read has read counts as unread, for both.
    pub async fn try_clone(&self) -> io::Result<File> {
        let mut inner = self.inner.lock().await;
        let std = inner.in_turn("fs::File::try_clone", true, |file| file.try_clone()).await?;
        let mut clone = File::from_std(std);
        clone.set_max_buf_size(self.max_buf_size);
        Ok(clone)
    }

    /// How much one job reads or writes at most; 2 MiB at first.
    pub fn max_buf_size(&self) -> usize {
        self.max_buf_size
    }

    /// Sets how much one job reads or writes at most. A file holds memory of up to this size.
    pub fn set_max_buf_size(&mut self, bytes: usize) {
        self.max_buf_size = bytes;
        self.inner.get_mut().set_max_buf_size(bytes);
    }

    /// Does something with the file when what was begun before is done.
    async fn in_turn<R, F>(&self, call: &'static str, work: F) -> io::Result<R>
    where
        F: FnOnce(&std::fs::File) -> io::Result<R> + Send + 'static,
        R: Send + 'static,
    {
        self.inner.lock().await.in_turn(call, false, work).await
    }

    /// The same, if no write has failed.
    async fn sync<F>(&self, call: &'static str, work: F) -> io::Result<()>
    where
        F: FnOnce(&std::fs::File) -> io::Result<()> + Send + 'static,
    {
        let mut inner = self.inner.lock().await;
        poll_fn(|cx| inner.poll_flush(cx)).await?;
        inner.in_turn(call, false, work).await
    }
}

impl AsyncRead for File {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.inner.get_mut().poll_read(cx, buf)
    }
}

impl AsyncWrite for File {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.inner.get_mut().poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner.get_mut().poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

impl AsyncSeek for File {
    fn poll_seek(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: SeekFrom,
    ) -> Poll<io::Result<u64>> {
        self.inner.get_mut().poll_seek(cx, to)
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

impl FromRawFd for File {
    /// # Safety
    ///
    /// As for [`OwnedFd`]: the descriptor is open, and the file becomes its only owner.
    unsafe fn from_raw_fd(fd: RawFd) -> File {
        // SAFETY: rule 12, which the caller keeps.
        unsafe { OwnedFd::from_raw_fd(fd) }.into()
    }
}

impl AsFd for File {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.std.as_fd()
    }
}

impl AsRawFd for File {
    fn as_raw_fd(&self) -> RawFd {
        self.std.as_raw_fd()
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File").field("std", &self.std).finish()
    }
}
