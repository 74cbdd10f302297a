//! Sockets.
//!
//! Each is one of std's, not blocking, in a [`Socket`], which is a `Descriptor` that tries, waits and tries
//! again. What all sockets can do stands there; what streams can do, whether TCP or Unix, stands in one file
//! too. What is left for each kind is how one is made, and its options.

mod addr;
mod socket;
mod stream;
mod halves;
pub mod tcp;
pub mod unix;

pub use addr::{Lookup, ToSocketAddrs, lookup_host};
pub use socket::Socket;
pub use tcp::{TcpListener, TcpStream};
pub use unix::{UnixListener, UnixStream};
