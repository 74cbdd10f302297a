//! Wakers of user code, which call the socket while it handles them.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Context;

use openwork::io::AsyncRead;
use openwork::net::TcpStream;

use crate::common::{Wakes, at_clone, ends, real};

#[test]
fn a_waker_may_come_back_to_the_socket_while_it_is_cloned() {
    ends(|| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        real().block_on(async {
            let socket = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let socket = Arc::new(socket);
            let ours = socket.clone();
            let curious = at_clone(move || {
                assert!(Wakes::new().poll(pin!(ours.readable())).is_pending());
            });
            let mut buf = [0; 8];
            let mut cx = Context::from_waker(&curious);
            assert!(pin!(socket.readable()).poll(&mut cx).is_pending());
            assert!(Pin::new(&mut &*socket).poll_read(&mut cx, &mut buf).is_pending());
        });
    });
}
