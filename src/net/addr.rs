//! Where to? Addresses, and names that stand for them.
//!
//! An address is known at once. A name must be looked up, and the system's resolver blocks, for seconds
//! if it must: so that goes to the blocking pool. Whoever takes "an address" takes anything that becomes a
//! list of them, and tries one after the other.
//!
//! Next: `socket.rs`.

use std::future::Future;
use std::io;
use std::mem;
use std::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6, ToSocketAddrs as StdToSocketAddrs};
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::vec;

use crate::runtime::Handle;
use crate::task::JoinHandle;

/// What can be turned into addresses: `SocketAddr`, `(IpAddr, u16)`, `("name", port)`, `"name:port"`,
/// slices and arrays of `SocketAddr`.
///
/// Sealed: the set is closed.
pub trait ToSocketAddrs: sealed::Resolve {}

impl<T: sealed::Resolve + ?Sized> ToSocketAddrs for T {}

/// Looks a name up.
///
/// ```
/// # openwork::block_on(async {
/// let mut found = openwork::net::lookup_host(("127.0.0.1", 80)).await?;
/// assert_eq!(found.next(), Some("127.0.0.1:80".parse().unwrap()));
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
///
/// # Errors
///
/// What the system's resolver says, and [`io::ErrorKind::InvalidInput`] for what is no address at all. For a
/// name, the system's error if it gives no thread.
///
/// # Panics
///
/// If it is polled outside of a runtime, and `host` is a name.
#[track_caller]
pub fn lookup_host(host: impl ToSocketAddrs) -> Lookup {
    host.resolve()
}

/// The addresses of a host, soon. From [`lookup_host`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Lookup(State);

#[derive(Debug)]
enum State {
    Known(vec::IntoIter<SocketAddr>),
    /// A name, not yet looked up, and the line that wants to know.
    Name {
        name: String,
        port: Option<u16>,
        place: &'static Location<'static>,
    },
    Asked(JoinHandle<io::Result<vec::IntoIter<SocketAddr>>>),
}

impl Lookup {
    fn known(addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        Lookup(State::Known(Vec::from_iter(addresses).into_iter()))
    }

    #[track_caller]
    fn name(name: &str, port: Option<u16>) -> Self {
        Lookup(State::Name { name: name.to_owned(), port, place: Location::caller() })
    }
}

impl Future for Lookup {
    type Output = io::Result<vec::IntoIter<SocketAddr>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            match &mut self.0 {
                State::Known(addresses) => return Poll::Ready(Ok(mem::take(addresses))),
                State::Asked(task) => return Pin::new(task).poll(cx).map(|joined| joined?),
                State::Name { name, port, place } => {
                    let runtime = Handle::current_at("net::lookup_host", place);
                    // The system's resolver, on a thread that may block.
                    let (name, port) = (mem::take(name), *port);
                    let ask = move || match port {
                        Some(port) => (name, port).to_socket_addrs(),
                        None => name.to_socket_addrs(),
                    };
                    self.0 = State::Asked(runtime.try_spawn_blocking(ask)?);
                }
            }
        }
    }
}

mod sealed {
    use super::*;

    pub trait Resolve {
        #[doc(hidden)]
        #[track_caller]
        fn resolve(&self) -> Lookup;
    }

    impl<T: Resolve + ?Sized> Resolve for &T {
        #[track_caller]
        fn resolve(&self) -> Lookup {
            (**self).resolve()
        }
    }

    macro_rules! known {
        ($($address:ty),*) => {$(
            impl Resolve for $address {
                fn resolve(&self) -> Lookup {
                    Lookup::known([SocketAddr::from(*self)])
                }
            }
        )*};
    }

    known!(SocketAddr, SocketAddrV4, SocketAddrV6, (IpAddr, u16));
    known!((std::net::Ipv4Addr, u16), (std::net::Ipv6Addr, u16));

    impl Resolve for [SocketAddr] {
        fn resolve(&self) -> Lookup {
            Lookup::known(self.iter().copied())
        }
    }

    impl<const N: usize> Resolve for [SocketAddr; N] {
        fn resolve(&self) -> Lookup {
            Lookup::known(*self)
        }
    }

    impl Resolve for str {
        #[track_caller]
        fn resolve(&self) -> Lookup {
            match self.parse() {
                Ok(address) => Lookup::known([address]),
                Err(_) => Lookup::name(self, None),
            }
        }
    }

    impl Resolve for String {
        #[track_caller]
        fn resolve(&self) -> Lookup {
            self.as_str().resolve()
        }
    }

    impl Resolve for (&str, u16) {
        #[track_caller]
        fn resolve(&self) -> Lookup {
            let (name, port) = *self;
            match name.parse::<IpAddr>() {
                Ok(ip) => Lookup::known([SocketAddr::new(ip, port)]),
                Err(_) => Lookup::name(name, Some(port)),
            }
        }
    }

    impl Resolve for (String, u16) {
        #[track_caller]
        fn resolve(&self) -> Lookup {
            (self.0.as_str(), self.1).resolve()
        }
    }
}

/// Tries one address after the other, until one serves. The error is that of the last.
pub(super) async fn first_that<T, F: Future<Output = io::Result<T>>>(
    addresses: Lookup,
    attempt: impl Fn(SocketAddr) -> F,
) -> io::Result<T> {
    let mut last = None;
    for address in addresses.await? {
        match attempt(address).await {
            Ok(socket) => return Ok(socket),
            Err(error) => last = Some(error),
        }
    }
    let none = || io::Error::new(io::ErrorKind::InvalidInput, "the name stands for no address");
    Err(last.unwrap_or_else(none))
}
