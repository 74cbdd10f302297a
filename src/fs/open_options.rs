//! Options say how a file is opened.
//!
//! This is the last file of `fs`. Next: `signal.rs`.

use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::file::File;
use super::job::run;

/// How a file is opened. The methods are those of [`std::fs::OpenOptions`].
#[derive(Debug, Clone)]
pub struct OpenOptions(std::fs::OpenOptions);

macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident: $type:ty;)*) => {$(
        $(#[$doc])*
        pub fn $name(&mut self, $name: $type) -> &mut Self {
            self.0.$name($name);
            self
        }
    )*};
}

impl OpenOptions {
    /// Options that allow nothing yet.
    pub fn new() -> Self {
        OpenOptions(std::fs::OpenOptions::new())
    }

    setters! {
        /// Whether to read from the file.
        read: bool;
        /// Whether to write to the file.
        write: bool;
        /// Whether each write goes to the end of the file, wherever that is by then.
        append: bool;
        /// Whether to empty the file first.
        truncate: bool;
        /// Whether to make the file if there is none.
        create: bool;
        /// Whether to make the file, and fail if there is one.
        create_new: bool;
        /// The permissions of a file that is made, less the process's `umask`.
        mode: u32;
        /// Further flags for the system, such as `O_NOFOLLOW`.
        custom_flags: i32;
    }

    /// Opens the file.
    ///
    /// # Errors
    ///
    /// Those of std's function; or see the [module](super).
    pub async fn open(&self, path: impl AsRef<Path>) -> io::Result<File> {
        let (options, path) = (self.0.clone(), path.as_ref().to_owned());
        run("fs::OpenOptions::open", move || options.open(path)).await.map(File::from_std)
    }
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl From<std::fs::OpenOptions> for OpenOptions {
    fn from(options: std::fs::OpenOptions) -> Self {
        OpenOptions(options)
    }
}

impl File {
    /// Options for all the other ways to open a file.
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }
}
