//! Files and directories.
//!
//! Everything here is std's, done by the blocking pool of the runtime that the thread is in: the system has no
//! other way to wait for a disk. A call costs a way to another thread and back, some microseconds; a program
//! with many calls makes all of them in one [`spawn_blocking`](crate::task::spawn_blocking).
//!
//! The functions have std's names, and its errors. Nothing is begun before the first poll. After it the work is
//! done to its end, even if the future is dropped or the runtime shuts down meanwhile.
//!
//! # Errors and panics
//!
//! Besides std's errors: one of the kind `Other` if the runtime has shut down, and the system's if it gives no
//! thread; then nothing has changed. Outside of a runtime all of them panic.

mod job;
mod paths;
mod dir;
mod file;
mod open_options;

pub use dir::{DirEntry, ReadDir, read_dir};
pub use file::File;
pub use open_options::OpenOptions;
pub use paths::{
    canonicalize, copy, create_dir, create_dir_all, hard_link, metadata, read, read_link,
    read_to_string, remove_dir, remove_dir_all, remove_file, rename, set_permissions, symlink,
    symlink_metadata, try_exists, write,
};
