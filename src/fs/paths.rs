//! What one does with a path: the functions of `std::fs`, each a job of its own.
//!
//! Next: `dir.rs`.

use std::fs::{Metadata, Permissions};
use std::io;
use std::path::{Path, PathBuf};

use super::job::run;

/// The whole content of a file. See [`std::fs::read`].
pub async fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let path = path.as_ref().to_owned();
    run("fs::read", move || std::fs::read(path)).await
}

/// The whole content of a file, which must be UTF-8. See [`std::fs::read_to_string`].
pub async fn read_to_string(path: impl AsRef<Path>) -> io::Result<String> {
    let path = path.as_ref().to_owned();
    run("fs::read_to_string", move || std::fs::read_to_string(path)).await
}

/// Makes a file of these contents, in the place of what was there. See [`std::fs::write`].
pub async fn write<C>(path: impl AsRef<Path>, contents: C) -> io::Result<()>
where
    C: AsRef<[u8]>,
{
    let (path, contents) = (path.as_ref().to_owned(), contents.as_ref().to_owned());
    run("fs::write", move || std::fs::write(path, contents)).await
}

/// Copies a file's content and permissions, and returns the number of bytes. See [`std::fs::copy`].
pub async fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<u64> {
    let (from, to) = (from.as_ref().to_owned(), to.as_ref().to_owned());
    run("fs::copy", move || std::fs::copy(from, to)).await
}

/// Gives a file or a directory another name, and takes the name from what had it. See [`std::fs::rename`].
pub async fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<()> {
    let (from, to) = (from.as_ref().to_owned(), to.as_ref().to_owned());
    run("fs::rename", move || std::fs::rename(from, to)).await
}

/// Removes a file. See [`std::fs::remove_file`].
pub async fn remove_file(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    run("fs::remove_file", move || std::fs::remove_file(path)).await
}

/// Gives a file another name. See [`std::fs::hard_link`].
pub async fn hard_link(original: impl AsRef<Path>, link: impl AsRef<Path>) -> io::Result<()> {
    let (original, link) = (original.as_ref().to_owned(), link.as_ref().to_owned());
    run("fs::hard_link", move || std::fs::hard_link(original, link)).await
}

/// Makes a symbolic link that leads to `original`. See [`std::os::unix::fs::symlink`].
pub async fn symlink(original: impl AsRef<Path>, link: impl AsRef<Path>) -> io::Result<()> {
    let (original, link) = (original.as_ref().to_owned(), link.as_ref().to_owned());
    run("fs::symlink", move || std::os::unix::fs::symlink(original, link)).await
}

/// Where a symbolic link leads. See [`std::fs::read_link`].
pub async fn read_link(path: impl AsRef<Path>) -> io::Result<PathBuf> {
    let path = path.as_ref().to_owned();
    run("fs::read_link", move || std::fs::read_link(path)).await
}

/// Makes a directory. See [`std::fs::create_dir`].
pub async fn create_dir(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    run("fs::create_dir", move || std::fs::create_dir(path)).await
}

/// Makes a directory, and those above it that are missing. See [`std::fs::create_dir_all`].
pub async fn create_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    run("fs::create_dir_all", move || std::fs::create_dir_all(path)).await
}

/// Removes a directory, which must be empty. See [`std::fs::remove_dir`].
pub async fn remove_dir(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    run("fs::remove_dir", move || std::fs::remove_dir(path)).await
}

/// Removes a directory with all that is in it. Use with care. See [`std::fs::remove_dir_all`].
pub async fn remove_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    run("fs::remove_dir_all", move || std::fs::remove_dir_all(path)).await
}

/// What the system knows of a file; of the one that a symbolic link leads to. See [`std::fs::metadata`].
pub async fn metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    let path = path.as_ref().to_owned();
    run("fs::metadata", move || std::fs::metadata(path)).await
}

/// What the system knows of a file, or of a symbolic link itself. See [`std::fs::symlink_metadata`].
pub async fn symlink_metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    let path = path.as_ref().to_owned();
    run("fs::symlink_metadata", move || std::fs::symlink_metadata(path)).await
}

/// Changes the permissions of a file or a directory. See [`std::fs::set_permissions`].
pub async fn set_permissions(path: impl AsRef<Path>, permissions: Permissions) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    run("fs::set_permissions", move || std::fs::set_permissions(path, permissions)).await
}

/// The absolute form of a path, without symbolic links. See [`std::fs::canonicalize`].
pub async fn canonicalize(path: impl AsRef<Path>) -> io::Result<PathBuf> {
    let path = path.as_ref().to_owned();
    run("fs::canonicalize", move || std::fs::canonicalize(path)).await
}

/// Whether there is something at a path. See [`Path::try_exists`].
pub async fn try_exists(path: impl AsRef<Path>) -> io::Result<bool> {
    let path = path.as_ref().to_owned();
    run("fs::try_exists", move || Path::try_exists(&path)).await
}
