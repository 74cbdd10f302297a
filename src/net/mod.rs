//! Sockets.
//!
//! Each is one of std's, not blocking, in a [`Socket`], which is a `Descriptor` that tries, waits and tries
//! again. What all sockets can do stands there; what streams can do, whether TCP or Unix, stands in one file
//! too, and what datagrams can do in another. What is left for each kind is how one is made, and its
//! options.
//!
//! ```text
//!             Socket<S>: readable, writable, ready, try_io, async_io …
//!              ╱                   │                        ╲
//!      listeners: accept     streams: read, write,      datagrams: send, recv
//!         ╱        ╲         peek, split                   ╱           ╲
//!  TcpListener  UnixListener     ╱         ╲          UdpSocket    UnixDatagram
//!                          TcpStream   UnixStream
//! ```

mod addr;
mod socket;
mod stream;
pub mod halves;
mod datagram;
pub mod tcp;
mod udp;
pub mod unix;

pub use addr::{Lookup, ToSocketAddrs, lookup_host};
pub use socket::Socket;
pub use tcp::{TcpListener, TcpSocket, TcpStream};
pub use udp::UdpSocket;
pub use unix::{UnixDatagram, UnixListener, UnixStream};
