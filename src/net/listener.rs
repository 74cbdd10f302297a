//! The system accepts connections in the name of a listener and queues them, and the listener becomes readable.
//!
//! `accept` takes the first connection of the queue, and waits if the queue is empty. Several tasks may wait for one
//! listener. A new connection belongs to the listener's runtime, whichever task polls.
//!
//! Next: `stream.rs`, which reads and writes.

use std::io;
use std::task::{Context, Poll};

use super::socket::{Local, Socket};
use crate::engine::reactor::Direction;
use crate::io::Interest;

/// Std's sockets that accept connections.
pub trait Listener: Local {
    /// Std's socket of a connection.
    type Stream: Local<Addr = Self::Addr>;

    /// Takes one connection, whose socket does not block.
    fn accept(&self) -> io::Result<(Self::Stream, Self::Addr)>;
}

/// A new connection, and the address that it comes from.
type Accepted<S> = (Socket<<S as Listener>::Stream>, <S as Local>::Addr);

impl<S: Listener> Socket<S> {
    /// Waits for the next connection, and returns it with the address that it comes from.
    ///
    /// Cancel safe: an `accept` that is dropped has taken no connection. Any number of tasks at once.
    ///
    /// # Errors
    ///
    /// The system's. Most pass: a connection that was reset before it was accepted, or a limit of descriptors
    /// that is reached. The listener stays usable; after the latter wait a little before the next try, as the
    /// connection stays in the backlog.
    pub async fn accept(&self) -> io::Result<Accepted<S>> {
        let (stream, address) = self.io.io(Interest::READABLE, S::accept).await?;
        Ok((Socket { io: self.io.beside(stream)? }, address))
    }

    /// The poll form of [`accept`](Socket::accept). It keeps one waker, the last.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted<S>>> {
        let accepted = self.io.poll_io(Direction::Read, cx, S::accept);
        accepted.map(|accepted| {
            let (stream, address) = accepted?;
            Ok((Socket { io: self.io.beside(stream)? }, address))
        })
    }
}
