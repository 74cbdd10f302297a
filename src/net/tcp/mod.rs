//! TCP.
//!
//! The types in [`net`](super) are here too, with the halves of a stream under Tokio's names for them.

mod stream;
mod listener;
mod socket;

pub use listener::TcpListener;
pub use socket::TcpSocket;
pub use stream::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, TcpStream, WriteHalf};
