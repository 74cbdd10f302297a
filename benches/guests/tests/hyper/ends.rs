//! How a connection ends: by a time-out, by a client that gives up, by a graceful shutdown, and by a failure.

use std::convert::Infallible;
use std::future::pending;
use std::io::Read;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use http_body_util::{BodyExt, StreamBody};
use hyper::Response;
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use openwork::io::{AsyncReadExt, AsyncWriteExt, duplex};
use openwork::net::{TcpListener, TcpStream};
use openwork::select;
use openwork::stream::wrappers::ReceiverStream;
use openwork::sync::{mpsc, oneshot};
use openwork::time::{Instant, sleep, timeout};
use openwork_guests::adapter::{OpenworkIo, OpenworkTimer};
use openwork_guests::site;

use crate::common::{ends, on_every_flavour, paused};
use crate::sides::{all, client, get, post, server};

const PATIENCE: Duration = Duration::from_secs(30);

/// With the virtual clock: it takes no time, and is exact.
#[test]
fn half_a_request_is_waited_for_just_so_long() {
    ends(|| {
        paused().block_on(async {
            let (mut near, far) = duplex(1024);
            let start = Instant::now();
            let connection = openwork::spawn(patient(OpenworkIo::new(far)));
            // Each request begins the wait anew.
            for number in 0..3 {
                let request = format!("GET /number/{number} HTTP/1.1\r\nHost: localhost\r\n\r\n");
                near.write_all(request.as_bytes()).await.unwrap();
                let mut answer = [0; 512];
                let count = near.read(&mut answer).await.unwrap();
                assert!(answer[..count].ends_with(format!("\r\n\r\n{number}").as_bytes()));
                sleep(Duration::from_secs(20)).await;
            }
            near.write_all(b"GET /number/3 HTTP/1.1\r\nHost").await.unwrap();
            let error = connection.await.unwrap().unwrap_err();
            assert!(error.is_timeout(), "{error}");
            assert_eq!(start.elapsed(), Duration::from_secs(40) + PATIENCE);
        });
    });
}

async fn patient<T>(stream: OpenworkIo<T>) -> hyper::Result<()>
where
    OpenworkIo<T>: hyper::rt::Read + hyper::rt::Write + Unpin,
{
    http1::Builder::new()
        .timer(OpenworkTimer)
        .header_read_timeout(PATIENCE)
        .serve_connection(stream, service_fn(site::answer))
        .await
}

/// A service that never answers, and says so when it is dropped.
#[test]
fn what_the_client_gives_up_the_server_gives_up() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let (begun, mut has_begun) = mpsc::unbounded_channel();
            drop(openwork::spawn(async move {
                let (stream, _) = listener.accept().await.unwrap();
                let never = service_fn(move |_| {
                    let (lives, has_gone) = oneshot::channel::<()>();
                    begun.send(has_gone).unwrap();
                    async move {
                        pending::<()>().await;
                        drop(lives);
                        Ok::<_, Infallible>(Response::new(site::whole("")))
                    }
                });
                http1::Builder::new().serve_connection(OpenworkIo::new(stream), never).await
            }));
            let mut client = client(address).await;
            let mut request = Box::pin(client.send_request(get("/")));
            let has_gone = select! {
                answer = &mut request => unreachable!("{answer:?}"),
                begun = has_begun.recv() => begun.unwrap(),
            };
            // The service has been called …
            assert!(timeout(Duration::from_millis(20), request).await.is_err());
            // … and now its future is dropped.
            assert!(has_gone.await.is_err());
        });
    });
}

#[test]
fn told_to_stop_a_server_answers_those_who_wait_and_nobody_else() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let server = server().await;
            // One is idle, one has sent half a body, and one has asked for much and not yet read it.
            let mut idle = client(server.address).await;
            all(idle.send_request(get("/hello")).await.unwrap()).await;
            let (body, response) = half_an_echo(server.address).await;
            let mut reader = client(server.address).await;
            let much = reader.send_request(get("/pattern/2000000")).await.unwrap();

            server.stop.cancel();
            // The idle one is cut off.
            while idle.ready().await.is_ok() {
                openwork::task::yield_now().await;
            }
            assert!(!server.task.is_finished());
            body.send(&b"the other half"[..]).await.unwrap();
            drop(body);
            let echo = response.collect().await.unwrap().to_bytes();
            assert_eq!(echo, "one half, the other half");
            assert_eq!(all(much).await.len(), 2_000_000);
            server.task.await.unwrap();
            assert!(TcpStream::connect(server.address).await.is_err(), "the listener is closed");
        });
    });
}

/// A request that has sent half of its body, and the body of the answer.
async fn half_an_echo(address: SocketAddr) -> (Words, Incoming) {
    let (words, receive) = mpsc::channel(1);
    // Word by word, through a channel of ours.
    let frames = ReceiverStream::new(receive).map(|word| Ok(Frame::data(Bytes::from_static(word))));
    words.send(&b"one half, "[..]).await.unwrap();
    let request = post("/echo", BodyExt::boxed(StreamBody::new(frames)));
    let response = client(address).await.send_request(request).await.unwrap();
    (words, response.into_body())
}

type Words = mpsc::Sender<&'static [u8]>;

#[test]
fn a_runtime_that_is_dropped_hangs_up() {
    on_every_flavour(|flavour| {
        let runtime = flavour.build();
        let address = runtime.block_on(server()).address;
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        let mut other = runtime.block_on(client(address));
        runtime.block_on(async { all(other.send_request(get("/hello")).await.unwrap()).await });
        drop(runtime);
        assert!(matches!(stream.read(&mut [0; 8]), Ok(0) | Err(_)));
        assert!(std::net::TcpStream::connect(address).is_err(), "the listener is closed");
        assert!(other.is_closed());
    });
}
