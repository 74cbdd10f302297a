//! The echo server of a runtime: a task for each connection, in the words of any tutorial.
//!
//! Next: `bare.rs`, the same without a runtime; `parent.rs`, its talk with the process that started it;
//! then `child.rs`, that process's counterpart.

pub mod bare;
pub mod parent;

use std::io;

use crate::rt::Rt;

/// Room for what comes at once, in every server; Tokio's tutorial has as much.
const BUFFER: usize = 1024;

/// Serves until the process ends.
pub fn serve<R: Rt>(rt: &R) {
    let listener = parent::meet();
    rt.block_on(async {
        let listener = R::listen(listener).expect("a runtime can take it over");
        // On a multi-thread runtime the root future is on no worker; what accepts should be.
        R::join(R::spawn(accept_all::<R>(listener))).await;
    });
}

async fn accept_all<R: Rt>(listener: R::Listener) {
    loop {
        let stream = R::accept(&listener).await.expect("there are descriptors enough");
        R::detach(R::spawn(async move {
            // A client that is gone is none of our business.
            let _ = echo::<R>(stream).await;
        }));
    }
}

async fn echo<R: Rt>(mut stream: R::Stream) -> io::Result<()> {
    let mut buffer = [0; BUFFER];
    loop {
        let length = R::read(&mut stream, &mut buffer).await?;
        if length == 0 {
            return Ok(());
        }
        R::write_all(&mut stream, &buffer[..length]).await?;
    }
}
