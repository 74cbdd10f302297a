//! A datagram arrives whole or not at all.
//!
//! It is sent with one call and received with one call. Bytes for which the receiver's buffer has no room are
//! lost; a datagram may be empty, so 0 is not an end. UDP and Unix datagrams differ in what an address is; sending
//! and receiving are the same, and stand here for both.
//!
//! There are no halves: every method takes `&self`, so a socket in an `Arc` serves any number of tasks.
//!
//! Next: `tcp`, then the other kinds, each with its addresses and options.

use std::io;
use std::task::{Context, Poll};

use super::socket::{Connected, Socket};
use crate::engine::reactor::Direction;
use crate::io::Interest;

/// Std's sockets that carry datagrams.
pub trait Datagram: Connected {
    /// The same as std's method.
    fn send(&self, buf: &[u8]) -> io::Result<usize>;

    /// The same as std's method.
    fn recv(&self, buf: &mut [u8]) -> io::Result<usize>;

    /// The same as std's method.
    fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, Self::Addr)>;
}

macro_rules! std_datagram {
    ($socket:ty) => {
        impl Datagram for $socket {
            fn send(&self, buf: &[u8]) -> io::Result<usize> {
                self.send(buf)
            }

            fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.recv(buf)
            }

            fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, Self::Addr)> {
                self.recv_from(buf)
            }
        }
    };
}

std_datagram!(std::net::UdpSocket);
std_datagram!(std::os::unix::net::UnixDatagram);

/// Datagrams. The `poll_` forms keep one waker for each direction, the last; of the others any number of tasks
/// may wait at once, and all are cancel safe. All of them fail once the runtime has shut down.
impl<S: Datagram> Socket<S> {
    /// Sends a datagram to the address that the socket is connected to.
    ///
    /// # Errors
    ///
    /// The system's. It may be that of a datagram sent before: [`io::ErrorKind::ConnectionRefused`].
    pub async fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.io.io(Interest::WRITABLE, |socket| socket.send(buf)).await
    }

    /// Sends a datagram now.
    ///
    /// # Errors
    ///
    /// The system's; [`io::ErrorKind::WouldBlock`] if there is no room for it.
    pub fn try_send(&self, buf: &[u8]) -> io::Result<usize> {
        self.io.try_io(Interest::WRITABLE, |socket| socket.send(buf))
    }

    /// The poll form of [`send`](Socket::send).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn poll_send(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.io.poll_io(Direction::Write, cx, |socket| socket.send(buf))
    }

    /// The poll form of [`writable`](Socket::writable).
    ///
    /// # Errors
    ///
    /// If the runtime has shut down.
    pub fn poll_send_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.poll_ready(Direction::Write, cx).map_ok(drop)
    }

    /// Receives a datagram, and returns the number of bytes in `buf`. If it was longer, the rest is lost.
    ///
    /// # Errors
    ///
    /// The system's. It may be that of a datagram sent before: [`io::ErrorKind::ConnectionRefused`].
    pub async fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.io(Interest::READABLE, |socket| socket.recv(buf)).await
    }

    /// Receives a datagram that has arrived.
    ///
    /// # Errors
    ///
    /// The system's; [`io::ErrorKind::WouldBlock`] if none has arrived.
    pub fn try_recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.try_io(Interest::READABLE, |socket| socket.recv(buf))
    }

    /// The poll form of [`recv`](Socket::recv).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn poll_recv(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.io.poll_io(Direction::Read, cx, |socket| socket.recv(buf))
    }

    /// The poll form of [`readable`](Socket::readable).
    ///
    /// # Errors
    ///
    /// If the runtime has shut down.
    pub fn poll_recv_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.poll_ready(Direction::Read, cx).map_ok(drop)
    }

    /// Receives a datagram, and returns the number of bytes in `buf` and the sender's address.
    ///
    /// # Errors
    ///
    /// Those of [`recv`](Socket::recv).
    pub async fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, S::Addr)> {
        self.io.io(Interest::READABLE, |socket| socket.recv_from(buf)).await
    }

    /// Receives a datagram that has arrived, with the sender's address.
    ///
    /// # Errors
    ///
    /// The system's; [`io::ErrorKind::WouldBlock`] if none has arrived.
    pub fn try_recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, S::Addr)> {
        self.io.try_io(Interest::READABLE, |socket| socket.recv_from(buf))
    }

    /// The poll form of [`recv_from`](Socket::recv_from).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<(usize, S::Addr)>> {
        self.io.poll_io(Direction::Read, cx, |socket| socket.recv_from(buf))
    }
}
