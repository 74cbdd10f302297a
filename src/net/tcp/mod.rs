//! TCP.
//!
//! The types in [`net`](super) are here too.

mod stream;
mod listener;

pub use listener::TcpListener;
pub use stream::TcpStream;
