//! A pipe carries bytes in one direction, from a [`Sender`] to a [`Receiver`].
//!
//! A program makes a pipe and gives one end to another process, or takes over an end that was made elsewhere: the
//! output of a child process, or a FIFO that it has opened. The ends are read and written like streams, and have
//! no addresses.
//!
//! This is the last file of `net`. Next: `fs`.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::OwnedFd;

use crate::net::socket::{Socket, StdSocket};
use crate::net::stream::{Readable, Writable};
use crate::runtime::Handle;

/// The end of a pipe that writes.
///
/// When the other end is closed, writing gives [`io::ErrorKind::BrokenPipe`].
pub type Sender = Socket<PipeWriter>;

/// The end of a pipe that reads.
///
/// When the other end is closed, the stream is at its end.
///
/// ```
/// use openwork::io::AsyncReadExt;
/// use openwork::net::unix::pipe::Receiver;
/// use std::process::{Command, Stdio};
///
/// # openwork::block_on(async {
/// let mut child = Command::new("echo").arg("hello").stdout(Stdio::piped()).spawn()?;
/// let mut output = Receiver::from_owned_fd(child.stdout.take().unwrap().into())?;
/// let mut text = String::new();
/// output.read_to_string(&mut text).await?;
/// assert_eq!(text, "hello\n");
/// openwork::task::spawn_blocking(move || child.wait()).await?
/// # }).unwrap();
/// ```
pub type Receiver = Socket<PipeReader>;

impl Writable for PipeWriter {
    fn writer(&self) -> impl Write {
        self
    }
}

impl Readable for PipeReader {
    fn reader(&self) -> impl Read {
        self
    }
}

/// Std's ends of a pipe.
pub trait PipeEnd: StdSocket + From<OwnedFd> + Into<OwnedFd> {}

impl PipeEnd for PipeWriter {}
impl PipeEnd for PipeReader {}

impl<P: PipeEnd> Socket<P> {
    /// Takes over the end of a pipe that was made elsewhere, and sets it to non-blocking mode. It must be open for
    /// this direction.
    ///
    /// # Errors
    ///
    /// If the reactor cannot watch it: [`io::ErrorKind::PermissionDenied`] for a file.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn from_owned_fd(fd: OwnedFd) -> io::Result<Self> {
        Self::from_std(fd.into())
    }

    /// Returns the descriptor, no longer watched, and in blocking mode.
    ///
    /// # Errors
    ///
    /// If the system cannot set that mode.
    pub fn into_blocking_fd(self) -> io::Result<OwnedFd> {
        let fd = self.into_std()?.into();
        rustix::io::ioctl_fionbio(&fd, false)?;
        Ok(fd)
    }
}

/// Makes a new pipe.
///
/// ```
/// use openwork::io::{AsyncReadExt, AsyncWriteExt};
/// use openwork::net::unix::pipe;
///
/// # openwork::block_on(async {
/// let (mut sender, mut receiver) = pipe::pipe()?;
/// sender.write_all(b"hello").await?;
/// drop(sender);
/// let mut text = String::new();
/// receiver.read_to_string(&mut text).await?;
/// assert_eq!(text, "hello");
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
///
/// # Errors
///
/// The system's, for instance at the limit of descriptors.
///
/// # Panics
///
/// Outside of a runtime.
#[track_caller]
pub fn pipe() -> io::Result<(Sender, Receiver)> {
    let runtime = Handle::current_for("pipe::pipe");
    let (reader, writer) = io::pipe()?;
    Ok((Sender::from_std_on(writer, &runtime)?, Receiver::from_std_on(reader, &runtime)?))
}
