//! The server on Tokio, with hyper-util's adapter: what a user of Tokio would write.
//!
//! Next: `main.rs`.

use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

use crate::site;

/// As on Openwork.
const PATIENCE: Duration = Duration::from_secs(30);

/// Serves for ever.
pub async fn serve(listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(converse(stream))),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn converse(stream: TcpStream) -> hyper::Result<()> {
    stream.set_nodelay(true).ok();
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(stream), service_fn(site::answer))
        .await
}
