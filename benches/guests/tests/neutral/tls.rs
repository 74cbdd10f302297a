//! A library that needs no runtime: `futures-rustls` puts TLS on any stream with the traits of `futures-io`.
//! The certificate is made here, and trusted here only.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;

use async_tungstenite::tungstenite::Message;
use async_tungstenite::{accept_async, client_async};
use futures::StreamExt;
use futures_rustls::client::TlsStream;
use futures_rustls::pki_types::{PrivateKeyDer, ServerName};
use futures_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use futures_rustls::{TlsAcceptor, TlsConnector};
use openwork::io::{AsyncReadExt, AsyncWriteExt, copy, duplex, split};
use openwork::net::{TcpListener, TcpStream};
use openwork::task::JoinSet;

use crate::common::{ends, on_every_flavour, real};

/// Both sides, which trust each other, if the client asks for "localhost".
fn sides() -> (TlsAcceptor, TlsConnector) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let server = ServerConfig::builder().with_no_client_auth();
    let server = server.with_single_cert(vec![certificate.clone()], key).unwrap();
    let mut trusted = RootCertStore::empty();
    trusted.add(certificate).unwrap();
    let client = ClientConfig::builder().with_root_certificates(trusted).with_no_client_auth();
    (TlsAcceptor::from(Arc::new(server)), TlsConnector::from(Arc::new(client)))
}

fn name(name: &'static str) -> ServerName<'static> {
    ServerName::try_from(name).unwrap()
}

/// A server that sends back what it gets.
async fn server(acceptor: TlsAcceptor) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(openwork::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            drop(openwork::spawn(async move {
                let (mut from, mut to) = split(acceptor.accept(stream).await?);
                copy(&mut from, &mut to).await?;
                to.shutdown().await
            }));
        }
    }));
    address
}

async fn client(server: SocketAddr, connector: &TlsConnector) -> TlsStream<TcpStream> {
    let stream = TcpStream::connect(server).await.unwrap();
    connector.connect(name("localhost"), stream).await.unwrap()
}

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|place| (place ^ (place >> 8)) as u8).collect()
}

#[test]
fn a_megabyte_goes_there_and_back_to_its_end() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (acceptor, connector) = sides();
            let stream = client(server(acceptor).await, &connector).await;
            let (mut from, mut to) = split(stream);
            let writing = openwork::spawn(async move {
                to.write_all(&bytes(1 << 20)).await.unwrap();
                to.shutdown().await.unwrap();
            });
            let mut echo = Vec::new();
            from.read_to_end(&mut echo).await.unwrap();
            assert!(echo == bytes(1 << 20));
            writing.await.unwrap();
        });
    });
}

#[test]
fn many_greet_at_once() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (acceptor, connector) = sides();
            let server = server(acceptor).await;
            let mut crowd = JoinSet::new();
            for person in 0..20 {
                let connector = connector.clone();
                crowd.spawn(async move {
                    let mut stream = client(server, &connector).await;
                    for length in [1, 100, 20_000] {
                        stream.write_all(&bytes(person + length)).await.unwrap();
                        let mut echo = vec![0; person + length];
                        stream.read_exact(&mut echo).await.unwrap();
                        assert!(echo == bytes(person + length));
                    }
                });
            }
            while let Some(person) = crowd.join_next().await {
                person.unwrap();
            }
        });
    });
}

#[test]
fn who_is_not_trusted_is_refused_by_both() {
    ends(|| {
        real().block_on(async {
            let ((acceptor, right), (_, wrong)) = (sides(), sides());
            for (connector, asked) in [(&wrong, "localhost"), (&right, "elsewhere")] {
                let (near, far) = duplex(4096);
                let accepting = openwork::spawn(acceptor.accept(far).into_fallible());
                let error = connector.connect(name(asked), near).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::InvalidData);
                let (error, _) = accepting.await.unwrap().unwrap_err();
                assert_eq!(error.kind(), ErrorKind::InvalidData);
            }
        });
    });
}

/// An end that was not announced may be an attacker who cuts the connection.
#[test]
fn an_end_without_a_goodbye_is_an_error() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (acceptor, connector) = sides();
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let cutting = openwork::spawn(async move {
                let (stream, _) = listener.accept().await.unwrap();
                let mut stream = acceptor.accept(stream).await.unwrap();
                stream.write_all(b"to be contin").await.unwrap();
                stream.flush().await.unwrap();
                drop(stream);
            });
            let mut stream = client(address, &connector).await;
            let mut all = Vec::new();
            let error = stream.read_to_end(&mut all).await.unwrap_err();
            assert_eq!((error.kind(), &all[..]), (ErrorKind::UnexpectedEof, &b"to be contin"[..]));
            cutting.await.unwrap();
        });
    });
}

/// Three layers. Each uses only the traits of the one below.
#[test]
fn a_web_socket_stands_on_tls_and_tls_on_tcp() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (acceptor, connector) = sides();
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let serving = openwork::spawn(async move {
                let (stream, _) = listener.accept().await.unwrap();
                let stream = acceptor.accept(stream).await.unwrap();
                let mut socket = accept_async(stream).await.unwrap();
                while let Some(Ok(message @ Message::Binary(_))) = socket.next().await {
                    socket.send(message).await.unwrap();
                }
            });
            let stream = client(address, &connector).await;
            let (mut socket, _) = client_async("wss://localhost/", stream).await.unwrap();
            for length in [0, 100, 200_000] {
                socket.send(Message::binary(bytes(length))).await.unwrap();
                assert!(socket.next().await.unwrap().unwrap() == Message::binary(bytes(length)));
            }
            socket.close(None).await.unwrap();
            serving.await.unwrap();
        });
    });
}
