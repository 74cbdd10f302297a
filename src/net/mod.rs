//! Sockets.
//!
//! Each is one of std's, in non-blocking mode, in a [`Socket`], which is a `Descriptor` that tries, waits and
//! tries again. The methods that several kinds share are written once, in a file for each box below. The file of
//! each kind has the functions that make one, and its options.
//!
//! ```text
//!             Socket<S>: readable, writable, ready, try_io, async_io …
//!              ╱                   │                        ╲
//!      listeners: accept     streams: read, write,      datagrams: send, recv
//!         ╱        ╲         peek, split                   ╱           ╲
//!  TcpListener  UnixListener    ╱      │     ╲        UdpSocket    UnixDatagram
//!                       TcpStream UnixStream  pipe
//! ```

mod addr;
mod socket;
mod listener;
mod stream;
pub mod halves;
mod datagram;
pub mod tcp;
mod udp;
pub mod unix;

pub use addr::{ToSocketAddrs, lookup_host};
pub use socket::Socket;
pub use tcp::{TcpListener, TcpSocket, TcpStream};
pub use udp::UdpSocket;
pub use unix::{UnixDatagram, UnixListener, UnixStream};
