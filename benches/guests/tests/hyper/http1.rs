//! HTTP/1.1, on every flavour of the runtime.

use std::net::SocketAddr;
use std::thread;

use hyper::client::conn::http1::handshake;
use hyper::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use hyper_util::rt::TokioIo;
use openwork::io::{AsyncReadExt, AsyncWriteExt};
use openwork::net::TcpStream;
use openwork::task::JoinSet;
use openwork_guests::on_tokio;
use openwork_guests::site::{pattern, pieces};

use crate::common::{ends, on_every_flavour, real};
use crate::sides::{all, client, get, post, server};

const MEGABYTES: usize = 3 << 20;

#[test]
fn a_connection_is_kept_for_request_after_request() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let server = server().await;
            // There is no other connection to fall back to.
            let mut client = client(server.address).await;
            for number in 0..100 {
                client.ready().await.unwrap();
                let response =
                    client.send_request(get(&format!("/number/{number}"))).await.unwrap();
                assert_eq!(all(response).await, number.to_string());
            }
        });
    });
}

#[test]
fn requests_one_behind_the_other_are_answered_in_their_order() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let server = server().await;
            let mut stream = TcpStream::connect(server.address).await.unwrap();
            let requests: String = (0..200)
                .map(|number| {
                    let close = if number == 199 { "Connection: close\r\n" } else { "" };
                    format!("GET /number/{number} HTTP/1.1\r\nHost: localhost\r\n{close}\r\n")
                })
                .collect();
            stream.write_all(requests.as_bytes()).await.unwrap();
            let mut answers = String::new();
            stream.read_to_string(&mut answers).await.unwrap();

            let mut rest = &answers[..];
            for number in 0..200 {
                let (head, body) = rest.split_once("\r\n\r\n").unwrap();
                assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
                rest = body.strip_prefix(&number.to_string()).expect("the answers in order");
            }
            assert_eq!(rest, "");
        });
    });
}

#[test]
fn megabytes_in_chunks_go_both_ways_at_once() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let server = server().await;
            let mut client = client(server.address).await;
            // The server sends back what comes while it comes, so neither side may wait for the other.
            let response = client.send_request(post("/echo", pieces(MEGABYTES))).await.unwrap();
            assert_eq!(response.headers()[TRANSFER_ENCODING], "chunked");
            assert!(response.headers().get(CONTENT_LENGTH).is_none());
            assert!(all(response).await.iter().copied().eq((0..MEGABYTES).map(pattern)));
        });
    });
}

#[test]
fn a_body_that_nobody_reads_holds_up_its_connection_alone() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let server = server().await;
            let path = format!("/pattern/{}", 64 << 20);
            let mut stalled = client(server.address).await;
            let unread = stalled.send_request(get(&path)).await.unwrap();
            let mut other = client(server.address).await;
            for _ in 0..10 {
                other.ready().await.unwrap();
                let response = other.send_request(get("/hello")).await.unwrap();
                assert_eq!(all(response).await, "Hello, World!");
            }
            drop(unread);
        });
    });
}

#[test]
fn a_crowd_is_answered_everyone_with_his_own() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let address = server().await.address;
            let mut crowd: JoinSet<()> = (0..50).map(|person| talk(person, address)).collect();
            while let Some(done) = crowd.join_next().await {
                done.unwrap();
            }
        });
    });
}

async fn talk(person: usize, address: SocketAddr) {
    let mut client = client(address).await;
    for word in 0..5 {
        let length = person * 100 + word;
        let response = client.send_request(get(&format!("/pattern/{length}"))).await.unwrap();
        assert!(all(response).await.iter().copied().eq((0..length).map(pattern)));
        let response = client.send_request(post("/echo", pieces(length))).await.unwrap();
        assert_eq!(all(response).await.len(), length);
    }
}

#[test]
fn nonsense_is_answered_with_400() {
    ends(|| {
        real().block_on(async {
            let server = server().await;
            for nonsense in
                ["\r\n\r\nwhat?\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\0\x01\x02\r\n\r\n"]
            {
                let mut stream = TcpStream::connect(server.address).await.unwrap();
                stream.write_all(nonsense.as_bytes()).await.unwrap();
                let mut answer = String::new();
                stream.read_to_string(&mut answer).await.unwrap();
                assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
            }
        });
    });
}

/// Two runtimes in a process do not disturb one another, and their servers cannot be told apart.
#[test]
fn who_is_at_the_other_end_runs_on_tokio() {
    ends(|| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let tokio = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        // A thread for the server, which ends with the process.
        thread::spawn(move || {
            tokio().block_on(async {
                on_tokio::serve(tokio::net::TcpListener::from_std(listener).unwrap()).await;
            });
        });
        real().block_on(async {
            let mut client = client(address).await;
            let response = client.send_request(post("/echo", pieces(MEGABYTES))).await.unwrap();
            assert!(all(response).await.iter().copied().eq((0..MEGABYTES).map(pattern)));
        });

        // And the other way round.
        let runtime = openwork::runtime::Runtime::new().unwrap();
        let address = runtime.block_on(server()).address;
        tokio().block_on(async {
            let stream = tokio::net::TcpStream::connect(address).await.unwrap();
            let (mut client, connection) = handshake(TokioIo::new(stream)).await.unwrap();
            tokio::spawn(connection);
            let response = client.send_request(post("/echo", pieces(MEGABYTES))).await.unwrap();
            assert!(all(response).await.iter().copied().eq((0..MEGABYTES).map(pattern)));
        });
    });
}
