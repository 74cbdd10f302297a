//! Sockets and pipes between the processes of one machine.
//!
//! The types in [`net`](super) are here too, with the halves of a stream under Tokio's names for them, and
//! [`pipe`].

mod addr;
mod stream;
mod listener;
mod datagram;
pub mod pipe;

pub use std::os::unix::net::SocketAddr;

pub use datagram::UnixDatagram;
pub use listener::UnixListener;
pub use stream::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, UnixStream, WriteHalf};
