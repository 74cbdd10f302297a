//! Wakers that were not made by us, and call back from where one does not expect it.

mod common;

use std::future::Future;
use std::pin::{Pin, pin};
use std::ptr;
use std::sync::{Arc, Mutex};
use std::task::{Context, RawWaker, RawWakerVTable, Waker};

use openwork::io::AsyncRead;
use openwork::net::TcpStream;

use common::{Wakes, ends, real};

/// The socket that the waker below looks at whenever it is cloned.
static LOOKS_AT: Mutex<Option<Arc<TcpStream>>> = Mutex::new(None);

/// A waker whose `clone` waits for a socket itself.
fn curious() -> Waker {
    fn clone(_: *const ()) -> RawWaker {
        let socket = LOOKS_AT.lock().unwrap().take();
        if let Some(socket) = socket {
            let wakes = Wakes::new();
            assert!(wakes.poll(pin!(socket.readable())).is_pending());
            *LOOKS_AT.lock().unwrap() = Some(socket);
        }
        RawWaker::new(ptr::null(), &TABLE)
    }
    static TABLE: RawWakerVTable = RawWakerVTable::new(clone, |_| (), |_| (), |_| ());
    // SAFETY: the functions of the table use no data.
    unsafe { Waker::from_raw(RawWaker::new(ptr::null(), &TABLE)) }
}

#[test]
fn a_waker_may_come_back_to_the_socket_while_it_is_cloned() {
    ends(|| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        real().block_on(async {
            let socket = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let socket = Arc::new(socket);
            *LOOKS_AT.lock().unwrap() = Some(socket.clone());
            let (curious, mut buf) = (curious(), [0; 8]);
            let mut cx = Context::from_waker(&curious);
            assert!(pin!(socket.readable()).poll(&mut cx).is_pending());
            assert!(Pin::new(&mut &*socket).poll_read(&mut cx, &mut buf).is_pending());
            *LOOKS_AT.lock().unwrap() = None;
        });
    });
}
