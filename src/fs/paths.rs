//! The functions of `std::fs` take a path, and each runs on the blocking pool.
//!
//! Next: `dir.rs`.

use std::fs::{Metadata, Permissions};
use std::io;
use std::os::unix;
use std::path::{Path, PathBuf};

use super::job::run;

/// Functions of std's with their documentation, paths, other argument, and result.
macro_rules! on_the_pool {
    ($(
        $(#[$doc:meta])*
        $name:ident($($path:ident),+ $(; $arg:ident: $type:ty)?) -> $output:ty = $($std:ident)::+;
    )*) => {$(
        $(#[$doc])*
        #[doc = concat!("See [`", stringify!($($std)::+), "`].")]
        ///
        /// # Errors
        ///
        /// Those of the function of std's; or see the [module](super).
        pub async fn $name($($path: impl AsRef<Path>),+ $(, $arg: $type)?) -> io::Result<$output> {
            $(let $path = $path.as_ref().to_owned();)+
            let work = move || $($std)::+($($path),+ $(, $arg)?);
            run(concat!("fs::", stringify!($name)), work).await
        }
    )*};
}

on_the_pool! {
    /// Reads a whole file.
    read(path) -> Vec<u8> = std::fs::read;
    /// Reads a whole file, which must be UTF-8.
    read_to_string(path) -> String = std::fs::read_to_string;
    /// Copies a file's content and permissions, and returns the number of bytes.
    copy(from, to) -> u64 = std::fs::copy;
    /// Gives a file or a directory another name, and replaces what had that name.
    rename(from, to) -> () = std::fs::rename;
    /// Removes a file.
    remove_file(path) -> () = std::fs::remove_file;
    /// Gives a file a second name.
    hard_link(original, link) -> () = std::fs::hard_link;
    /// Makes a symbolic link to `original`.
    symlink(original, link) -> () = unix::fs::symlink;
    /// Returns the path to which a symbolic link leads.
    read_link(path) -> PathBuf = std::fs::read_link;
    /// Makes a directory.
    create_dir(path) -> () = std::fs::create_dir;
    /// Makes a directory, and the missing ones above it.
    create_dir_all(path) -> () = std::fs::create_dir_all;
    /// Removes a directory, which must be empty.
    remove_dir(path) -> () = std::fs::remove_dir;
    /// Removes a directory with everything in it. Use with care.
    remove_dir_all(path) -> () = std::fs::remove_dir_all;
    /// Returns what the system knows of a file, after following symbolic links.
    metadata(path) -> Metadata = std::fs::metadata;
    /// Returns what the system knows of a file or of a symbolic link itself.
    symlink_metadata(path) -> Metadata = std::fs::symlink_metadata;
    /// Changes the permissions of a file or a directory.
    set_permissions(path; permissions: Permissions) -> () = std::fs::set_permissions;
    /// Returns the absolute form of a path, without symbolic links.
    canonicalize(path) -> PathBuf = std::fs::canonicalize;
    /// Whether there is something at a path.
    try_exists(path) -> bool = std::fs::exists;
}

/// Writes a file with these contents, in place of one that exists. See [`std::fs::write`].
///
/// # Errors
///
/// Those of the function of std's; or see the [module](super).
pub async fn write(path: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> io::Result<()> {
    let (path, contents) = (path.as_ref().to_owned(), contents.as_ref().to_owned());
    run("fs::write", move || std::fs::write(path, contents)).await
}
