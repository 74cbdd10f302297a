//! A Unix stream is made by the path at which another process listens, or as a pair.
//!
//! A program keeps one stream of a pair and gives the other to a task, a thread or another process. The methods
//! of a stream are in `net/stream.rs`, the same as those of TCP.
//!
//! Next: `listener.rs`, the other side.

use std::future::Future;
use std::io;
use std::os::unix::net;
use std::panic::Location;
use std::path::Path;
use std::sync::Arc;

use rustix::net::AddressFamily;

use super::addr::raw;
use crate::net::halves::{self, EndOnDrop};
use crate::net::socket::Socket;
use crate::net::stream::new_socket;
use crate::runtime::Handle;

/// A stream of bytes in each direction, to a process of the same machine.
///
/// It is read and written in the same way as a [`TcpStream`](crate::net::TcpStream), with the same rules for
/// several tasks.
///
/// ```
/// use openwork::io::{AsyncReadExt, AsyncWriteExt};
/// use openwork::net::UnixStream;
///
/// # openwork::block_on(async {
/// let (mut near, mut far) = UnixStream::pair()?;
/// near.write_all(b"hello").await?;
/// drop(near);
/// let mut text = String::new();
/// far.read_to_string(&mut text).await?;
/// assert_eq!(text, "hello");
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub type UnixStream = Socket<net::UnixStream>;

/// The half that reads. From [`UnixStream::split`].
pub type ReadHalf<'a> = halves::ReadHalf<&'a UnixStream>;
/// The half that writes. From [`UnixStream::split`].
pub type WriteHalf<'a> = halves::WriteHalf<&'a UnixStream>;
/// The half that reads. From [`UnixStream::into_split`].
pub type OwnedReadHalf = halves::ReadHalf<Arc<UnixStream>>;
/// The half that writes, and ends the stream when it is dropped. From [`UnixStream::into_split`].
pub type OwnedWriteHalf = halves::WriteHalf<EndOnDrop<net::UnixStream>>;
/// Two halves are not of the same stream. From [`OwnedReadHalf::reunite`]; it returns them.
pub type ReuniteError = halves::ReuniteError<net::UnixStream>;

impl UnixStream {
    /// Connects to the listener at a path. On Linux a path that begins with a NUL byte is an abstract name, which
    /// is in no directory.
    ///
    /// Cancel safe: the connection is closed.
    ///
    /// # Errors
    ///
    /// The system's, for instance [`io::ErrorKind::NotFound`], or [`io::ErrorKind::ConnectionRefused`] if no
    /// socket listens any more. On Linux [`io::ErrorKind::WouldBlock`] if the listener's backlog is full: no
    /// event would tell when there is room again.
    ///
    /// # Panics
    ///
    /// If it is polled outside of a runtime.
    #[track_caller]
    pub fn connect<P: AsRef<Path>>(path: P) -> impl Future<Output = io::Result<UnixStream>> {
        let caller = Location::caller();
        async move {
            let runtime = Handle::current_at("UnixStream::connect", caller);
            let address = raw(path.as_ref())?;
            Self::connect_to(new_socket(AddressFamily::UNIX)?, &address, &runtime).await
        }
    }

    /// Makes two streams that are connected to each other.
    ///
    /// # Errors
    ///
    /// The system's, for instance at the limit of descriptors.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn pair() -> io::Result<(UnixStream, UnixStream)> {
        let runtime = Handle::current_for("UnixStream::pair");
        let (one, other) = net::UnixStream::pair()?;
        Ok((Self::from_std_on(one, &runtime)?, Self::from_std_on(other, &runtime)?))
    }
}
