//! HTTP/2, where hyper wants an executor too: a connection carries many requests at once, and each has its
//! own task.

use std::time::Duration;

use hyper::client::conn::http2::handshake;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use openwork::io::{AsyncWriteExt, duplex};
use openwork::net::{TcpListener, TcpStream};
use openwork::task::JoinSet;
use openwork::time::Instant;
use openwork_guests::adapter::{OpenworkExecutor, OpenworkIo, OpenworkTimer};
use openwork_guests::site::{self, pattern, pieces};

use crate::common::{ends, on_every_flavour, paused};
use crate::sides::{all, get, post};

#[test]
fn a_hundred_requests_share_a_connection() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            drop(openwork::spawn(async move {
                let (stream, _) = listener.accept().await.unwrap();
                let server = http2::Builder::new(OpenworkExecutor);
                server.serve_connection(OpenworkIo::new(stream), service_fn(site::answer)).await
            }));
            let stream = TcpStream::connect(address).await.unwrap();
            let (client, connection) =
                handshake(OpenworkExecutor, OpenworkIo::new(stream)).await.unwrap();
            drop(openwork::spawn(connection));
            let requests = (0..100).map(|number| {
                let mut client = client.clone();
                async move {
                    let response = client.send_request(get(&format!("http://x/number/{number}")));
                    assert_eq!(all(response.await.unwrap()).await, number.to_string());
                    let length = number * 300;
                    let echo = client.send_request(post("http://x/echo", pieces(length)));
                    let echo = all(echo.await.unwrap()).await;
                    assert!(echo.iter().copied().eq((0..length).map(pattern)));
                }
            });
            let mut requests: JoinSet<()> = requests.collect();
            while let Some(done) = requests.join_next().await {
                done.unwrap();
            }
        });
    });
}

/// The executor's clock is hyper's: this takes no time.
#[test]
fn a_peer_that_answers_no_ping_is_given_up() {
    ends(|| {
        paused().block_on(async {
            let (mut near, far) = duplex(64 * 1024);
            // A client's first words, an empty frame of settings, and then no more.
            near.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
            near.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
            let start = Instant::now();
            let error = http2::Builder::new(OpenworkExecutor)
                .timer(OpenworkTimer)
                .keep_alive_interval(Duration::from_secs(600))
                .keep_alive_timeout(Duration::from_secs(20))
                .serve_connection(OpenworkIo::new(far), service_fn(site::answer))
                .await
                .unwrap_err();
            assert!(error.is_timeout(), "{error}");
            assert_eq!(start.elapsed(), Duration::from_secs(620));
        });
    });
}
