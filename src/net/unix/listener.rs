//! A Unix listener is bound to a path.
//!
//! The path stays when the listener is gone, and keeps the next one from being bound there. A server removes it
//! first, if it knows that no other server listens there.
//!
//! Next: `datagram.rs`.

use std::io;
use std::os::unix::net::{self, SocketAddr};
use std::path::Path;

use super::addr::address;
use crate::io::descriptor::Descriptor;
use crate::net::listener::Listener;
use crate::net::socket::Socket;
use crate::runtime::Handle;

/// A Unix socket that accepts connections.
///
/// Its path is not removed when it is dropped.
///
/// ```
/// use openwork::net::{UnixListener, UnixStream};
///
/// # openwork::block_on(async {
/// # let path = std::env::temp_dir().join(format!("openwork-doc-{}.sock", std::process::id()));
/// let listener = UnixListener::bind(&path)?;
/// let _client = UnixStream::connect(&path).await?;
/// let (_server, from) = listener.accept().await?;
/// assert!(from.is_unnamed());
/// # std::fs::remove_file(path) }).unwrap();
/// ```
pub type UnixListener = Socket<net::UnixListener>;

impl Listener for net::UnixListener {
    type Stream = net::UnixStream;

    fn accept(&self) -> io::Result<(net::UnixStream, SocketAddr)> {
        let (stream, address) = self.accept()?;
        stream.set_nonblocking(true)?;
        Ok((stream, address))
    }
}

impl UnixListener {
    /// Listens at a path. On Linux a path that begins with a NUL byte is an abstract name, which is in no
    /// directory.
    ///
    /// # Errors
    ///
    /// The system's, for instance [`io::ErrorKind::AddrInUse`] if the path exists.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixListener> {
        let runtime = Handle::current_for("UnixListener::bind");
        let listener = net::UnixListener::bind_addr(&address(path.as_ref())?)?;
        listener.set_nonblocking(true)?;
        Ok(Socket { io: Descriptor::new(listener, &runtime, false)? })
    }
}
