//! A name must be looked up before it can be connected to, and the system's resolver blocks.
//!
//! An address is known at once. A name goes to the blocking pool, for as long as the resolver takes. A function
//! that takes an address takes everything that becomes a list of addresses ([`ToSocketAddrs`]), and tries them
//! one after the other.
//!
//! Next: `socket.rs`.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::panic::Location;
use std::vec;

use crate::runtime::Handle;

/// Types that become addresses: `SocketAddr`, `(IpAddr, u16)`, `("name", port)`, `"name:port"`, slices and
/// arrays of `SocketAddr`.
///
/// It cannot be implemented outside this crate.
pub trait ToSocketAddrs {
    #[doc(hidden)]
    fn target(&self) -> Target;
}

/// Addresses, or a name and perhaps a port that stand for them.
#[derive(Debug)]
pub enum Target {
    Known(Vec<SocketAddr>),
    Name(String, Option<u16>),
}

macro_rules! known {
    ($($address:ty),*) => {$(
        impl ToSocketAddrs for $address {
            fn target(&self) -> Target {
                Target::Known(vec![SocketAddr::from(*self)])
            }
        }
    )*};
}

known!(SocketAddr, SocketAddrV4, SocketAddrV6, (IpAddr, u16), (Ipv4Addr, u16), (Ipv6Addr, u16));

impl<T: ToSocketAddrs + ?Sized> ToSocketAddrs for &T {
    fn target(&self) -> Target {
        (**self).target()
    }
}

impl ToSocketAddrs for [SocketAddr] {
    fn target(&self) -> Target {
        Target::Known(self.to_vec())
    }
}

impl<const N: usize> ToSocketAddrs for [SocketAddr; N] {
    fn target(&self) -> Target {
        Target::Known(self.to_vec())
    }
}

impl ToSocketAddrs for str {
    fn target(&self) -> Target {
        match self.parse() {
            Ok(address) => Target::Known(vec![address]),
            Err(_) => Target::Name(self.to_owned(), None),
        }
    }
}

impl ToSocketAddrs for String {
    fn target(&self) -> Target {
        self.as_str().target()
    }
}

impl ToSocketAddrs for (&str, u16) {
    fn target(&self) -> Target {
        let (name, port) = *self;
        match name.parse::<IpAddr>() {
            Ok(ip) => Target::Known(vec![SocketAddr::new(ip, port)]),
            Err(_) => Target::Name(name.to_owned(), Some(port)),
        }
    }
}

impl ToSocketAddrs for (String, u16) {
    fn target(&self) -> Target {
        (self.0.as_str(), self.1).target()
    }
}

/// Looks a name up, on the blocking pool.
///
/// ```
/// # openwork::block_on(async {
/// let mut found = openwork::net::lookup_host(("127.0.0.1", 80)).await?;
/// assert_eq!(found.next(), Some("127.0.0.1:80".parse().unwrap()));
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
///
/// Cancel safe: the lookup goes on, and its result is dropped.
///
/// # Errors
///
/// The resolver's; [`io::ErrorKind::InvalidInput`] for a text that is no address; for a name, an error if the
/// runtime has shut down or the system gives no thread.
///
/// # Panics
///
/// If it is polled outside of a runtime, and `host` is a name.
#[track_caller]
pub fn lookup_host(
    host: impl ToSocketAddrs,
) -> impl Future<Output = io::Result<vec::IntoIter<SocketAddr>>> {
    let (target, caller) = (host.target(), Location::caller());
    async move {
        let (name, port) = match target {
            Target::Known(addresses) => return Ok(addresses.into_iter()),
            Target::Name(name, port) => (name, port),
        };
        let ask_resolver = move || match port {
            Some(port) => std::net::ToSocketAddrs::to_socket_addrs(&(name, port)),
            None => std::net::ToSocketAddrs::to_socket_addrs(&name),
        };
        let runtime = Handle::current_at("net::lookup_host", caller);
        runtime.try_spawn_blocking(ask_resolver)?.await?
    }
}

/// Tries one address after the other until one succeeds. The error is that of the last.
pub(super) async fn try_each<T, F: Future<Output = io::Result<T>>>(
    addresses: impl Future<Output = io::Result<vec::IntoIter<SocketAddr>>>,
    connect: impl Fn(SocketAddr) -> F,
) -> io::Result<T> {
    let mut last = None;
    for address in addresses.await? {
        match connect(address).await {
            Ok(socket) => return Ok(socket),
            Err(error) => last = Some(error),
        }
    }
    let none = || io::Error::new(io::ErrorKind::InvalidInput, "the name stands for no address");
    Err(last.unwrap_or_else(none))
}
