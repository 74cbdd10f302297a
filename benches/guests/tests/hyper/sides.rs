//! A server and a client, and what one says to the other.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Response, body::Incoming, header};
use openwork::net::{TcpListener, TcpStream};
use openwork::sync::CancellationToken;
use openwork::task::JoinHandle;
use openwork_guests::adapter::OpenworkIo;
use openwork_guests::on_openwork;
use openwork_guests::site::{Body, whole};

pub struct Server {
    pub address: SocketAddr,
    pub stop: CancellationToken,
    pub task: JoinHandle<()>,
}

pub async fn server() -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    let task = openwork::spawn(on_openwork::serve(listener, stop.clone()));
    Server { address, stop, task }
}

/// One connection, which a task of its own drives.
pub async fn client(address: SocketAddr) -> SendRequest<Body> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (client, connection) = handshake(OpenworkIo::new(stream)).await.unwrap();
    drop(openwork::spawn(connection));
    client
}

pub fn get(path: &str) -> Request<Body> {
    Request::get(path).header(header::HOST, "localhost").body(whole("")).unwrap()
}

pub fn post(path: &str, body: Body) -> Request<Body> {
    Request::post(path).header(header::HOST, "localhost").body(body).unwrap()
}

pub async fn all(response: Response<Incoming>) -> Bytes {
    assert_eq!(response.status(), 200);
    response.into_body().collect().await.unwrap().to_bytes()
}
