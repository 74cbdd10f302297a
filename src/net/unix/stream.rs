//! How does one come by a stream to another process?
//!
//! By the path at which it listens; or as a pair that one makes oneself, and gives one end of away. What a
//! stream can do then is in `net/stream.rs`, and is the same for TCP.
//!
//! Next: `listener.rs`, the other side.

use std::future::Future;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{self, SocketAddr};
use std::panic::Location;
use std::path::Path;
use std::sync::Arc;

use rustix::net::AddressFamily;

#[cfg(any(target_os = "linux", target_os = "android"))]
use super::addr::UCred;
use super::addr::{address, raw};
use crate::net::halves::{self, Ends};
use crate::net::socket::{Connected, Socket, StdSocket};
use crate::net::stream::{Stream, new_socket};
use crate::runtime::Handle;

/// A stream of bytes in each direction, to a process of the same machine.
///
/// Read and written as a [`TcpStream`](crate::net::TcpStream), with the same rules for several tasks.
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
pub type OwnedWriteHalf = halves::WriteHalf<Ends<net::UnixStream>>;
/// Two halves are not of the same stream. From [`OwnedReadHalf::reunite`]; it gives them back.
pub type ReuniteError = halves::ReuniteError<net::UnixStream>;

impl StdSocket for net::UnixStream {
    const NAME: &'static str = "UnixStream";

    type Addr = SocketAddr;

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.local_addr()
    }
}

impl Connected for net::UnixStream {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.peer_addr()
    }
}

impl Stream for net::UnixStream {
    /// A read stops behind bytes that came with descriptors, and no event tells of that.
    const SHORT_IS_DRAINED: bool = false;

    fn bytes(&self) -> impl Read + Write {
        self
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.shutdown(how)
    }
}

impl UnixStream {
    /// Connects to whoever listens at this path. On Linux a path that begins with a NUL byte is an abstract
    /// name, which is in no directory.
    ///
    /// # Errors
    ///
    /// The system's, for instance [`io::ErrorKind::NotFound`], or [`io::ErrorKind::ConnectionRefused`] if
    /// nobody listens any more. On Linux [`io::ErrorKind::WouldBlock`] if as many wait to be accepted as the
    /// listener allows: there is nothing to wait for that would tell when they are fewer.
    ///
    /// # Panics
    ///
    /// If it is polled outside of a runtime.
    #[track_caller]
    pub fn connect<P: AsRef<Path>>(path: P) -> impl Future<Output = io::Result<UnixStream>> {
        let place = Location::caller();
        let address = address(path.as_ref());
        async move { Self::connect_at(&address?, place).await }
    }

    /// The same with an address.
    #[track_caller]
    pub fn connect_addr(address: &SocketAddr) -> impl Future<Output = io::Result<UnixStream>> {
        Self::connect_at(address, Location::caller())
    }

    async fn connect_at(address: &SocketAddr, place: &Location<'_>) -> io::Result<UnixStream> {
        let runtime = Handle::current_at("UnixStream::connect", place);
        Self::connect_to(new_socket(AddressFamily::UNIX)?, &raw(address)?, &runtime).await
    }

    /// Two streams, each of which is the other's other side.
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
        Ok((Self::adopt(one, &runtime)?, Self::adopt(other, &runtime)?))
    }

    /// Who has made the other end.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn peer_cred(&self) -> io::Result<UCred> {
        UCred::of_peer(&self.io)
    }
}

impl TryFrom<net::UnixStream> for UnixStream {
    type Error = io::Error;

    /// As [`from_std`](Socket::from_std).
    #[track_caller]
    fn try_from(stream: net::UnixStream) -> io::Result<UnixStream> {
        UnixStream::from_std(stream)
    }
}
