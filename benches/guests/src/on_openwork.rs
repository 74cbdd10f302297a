//! The server on Openwork: a loop that accepts, a task for each connection, and an end in good order.
//!
//! Next: `on_tokio.rs`, the same without the end.

use std::pin::pin;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use openwork::net::{TcpListener, TcpStream};
use openwork::select;
use openwork::sync::CancellationToken;
use openwork::task::TaskTracker;

use crate::adapter::{OpenworkIo, OpenworkTimer};
use crate::site;

/// How long a client may take to send the head of a request.
const PATIENCE: Duration = Duration::from_secs(30);

/// Serves until `stop` is cancelled. Then it answers the requests that it has received, closes the other connections,
/// and returns when all connections have ended.
pub async fn serve(listener: TcpListener, stop: CancellationToken) {
    let connections = TaskTracker::new();
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, _)) => drop(connections.spawn(converse(stream, stop.clone()))),
            // No descriptors left, for instance: to ask again at once would fail at once.
            Err(_) => openwork::time::sleep(Duration::from_millis(100)).await,
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

async fn converse(stream: TcpStream, stop: CancellationToken) -> hyper::Result<()> {
    stream.set_nodelay(true).ok();
    let connection = http1::Builder::new()
        .timer(OpenworkTimer)
        .header_read_timeout(PATIENCE)
        .serve_connection(OpenworkIo::new(stream), service_fn(site::answer));
    let mut connection = pin!(connection);
    select! {
        done = connection.as_mut() => return done,
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    connection.await
}
