//! The echo server of a runtime: one task for each connection, as in every tutorial.
//!
//! Next: `bare.rs`, the same without a runtime; `parent.rs`, the conversation with the process that started the
//! server; then `child.rs`, where a child process begins.

pub mod bare;
pub mod parent;

use std::io;

use crate::rt::Rt;

/// Bytes of the buffer in every server; as in Tokio's tutorial.
const BUFFER: usize = 1024;

/// Serves until the process ends.
pub fn serve<R: Rt>(rt: &R) {
    let listener = parent::meet();
    rt.block_on(async {
        let listener = R::listen(listener).expect("a runtime registers it");
        // On a multi-thread runtime no worker runs the root future. A worker must run the accept loop.
        R::join(R::spawn(accept_all::<R>(listener))).await;
    });
}

async fn accept_all<R: Rt>(listener: R::Listener) {
    loop {
        let stream = R::accept(&listener).await.expect("there are enough descriptors");
        R::detach(R::spawn(async move {
            // An error means that the client closed the connection.
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
