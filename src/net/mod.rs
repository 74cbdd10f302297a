//! Sockets.
//!
//! Each is std's socket, not blocking, in a `Descriptor` that tries, waits and tries again.

mod addr;
mod tcp_stream;
mod tcp_listener;

pub use addr::{Lookup, ToSocketAddrs, lookup_host};
pub use tcp_listener::TcpListener;
pub use tcp_stream::TcpStream;
