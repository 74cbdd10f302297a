//! The descriptors of a runtime: how many it has, and when it closes them.

use std::fs;
use std::io::Read;
use std::net::{TcpListener as StdListener, TcpStream as StdStream};

use openwork::net::TcpStream;

use crate::alone;
use crate::common::{Flavour, on_every_flavour};

fn open() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn what_outlives_a_runtime_keeps_no_descriptor_of_it_open() {
    alone("what_outlives_a_runtime_keeps_no_descriptor_of_it_open", || {
        on_every_flavour(|flavour: Flavour| {
            let listener = StdListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let before = open();
            let runtime = flavour.build();
            let (socket, waker) = runtime.block_on(async {
                let socket = TcpStream::connect(address).await.unwrap();
                let waker = openwork::spawn(std::future::poll_fn(|cx| {
                    std::task::Poll::Ready(cx.waker().clone())
                }));
                (socket, waker.await.unwrap())
            });
            let mut far: StdStream = listener.accept().unwrap().0;
            let handle = runtime.handle().clone();
            drop(runtime);
            // The connection's two ends, and no descriptor of the runtime.
            assert_eq!(open(), before + 2);
            waker.wake();
            assert!(handle.block_on(socket.readable()).is_err());
            drop(socket);
            assert_eq!(far.read(&mut [0; 1]).unwrap(), 0, "closed");
            assert_eq!(open(), before + 1);
        });
    });
}
