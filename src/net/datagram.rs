//! One message at a time, whole or not at all.
//!
//! A datagram is sent with one call and received with one call. What does not fit into the receiver's buffer
//! is lost; a datagram may be empty, so 0 is no end. UDP and Unix datagrams differ in what an address is;
//! what one does with the bytes is alike, and stands here for both.
//!
//! There are no halves: every method takes `&self`, so a socket in an `Arc` serves as many tasks as one
//! likes.
//!
//! Next: `tcp`, then the other kinds, each with its addresses and options.

use std::io;
use std::task::{Context, Poll};

use super::socket::{Connected, Socket};
use crate::engine::reactor::Direction;
use crate::io::Interest;

/// Std's sockets that carry datagrams.
pub trait Datagram: Connected {
    /// As std's method.
    fn send(&self, buf: &[u8]) -> io::Result<usize>;

    /// As std's method.
    fn recv(&self, buf: &mut [u8]) -> io::Result<usize>;

    /// As std's method.
    fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, Self::Addr)>;
}

/// Datagrams. The `poll_` forms keep one waker for each direction, the last; of the others any number of
/// tasks may wait at once, and all are cancel safe.
impl<S: Datagram> Socket<S> {
    /// Sends a datagram to where the socket is connected.
    ///
    /// # Errors
    ///
    /// The system's, for instance that of a datagram sent before: [`io::ErrorKind::ConnectionRefused`].
    pub async fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.io.io(Interest::WRITABLE, |socket| socket.send(buf)).await
    }

    /// Sends a datagram now.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] if there is no room for it.
    pub fn try_send(&self, buf: &[u8]) -> io::Result<usize> {
        self.io.try_io(Interest::WRITABLE, |socket| socket.send(buf))
    }

    /// The poll form of [`send`](Socket::send).
    pub fn poll_send(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.io.poll_io(Direction::Write, cx, |socket| socket.send(buf))
    }

    /// The poll form of [`writable`](Socket::writable).
    pub fn poll_send_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.poll_ready(Direction::Write, cx).map_ok(drop)
    }

    /// Receives a datagram, and returns how much of it is in `buf`. If it was longer, the rest is lost.
    pub async fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.io(Interest::READABLE, |socket| socket.recv(buf)).await
    }

    /// Receives a datagram that is there now.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] if there is none.
    pub fn try_recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.try_io(Interest::READABLE, |socket| socket.recv(buf))
    }

    /// The poll form of [`recv`](Socket::recv).
    pub fn poll_recv(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.io.poll_io(Direction::Read, cx, |socket| socket.recv(buf))
    }

    /// The poll form of [`readable`](Socket::readable).
    pub fn poll_recv_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.poll_ready(Direction::Read, cx).map_ok(drop)
    }

    /// Receives a datagram, and says where it comes from.
    pub async fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, S::Addr)> {
        self.io.io(Interest::READABLE, |socket| socket.recv_from(buf)).await
    }

    /// Receives a datagram that is there now, and says where it comes from.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] if there is none.
    pub fn try_recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, S::Addr)> {
        self.io.try_io(Interest::READABLE, |socket| socket.recv_from(buf))
    }

    /// The poll form of [`recv_from`](Socket::recv_from).
    pub fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<(usize, S::Addr)>> {
        self.io.poll_io(Direction::Read, cx, |socket| socket.recv_from(buf))
    }
}
