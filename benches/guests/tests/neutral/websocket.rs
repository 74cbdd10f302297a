//! A library that needs no runtime: `async-tungstenite` uses the traits of `futures-io`, and without its
//! runtime features it depends on no runtime.

use std::net::SocketAddr;

use async_tungstenite::tungstenite::protocol::CloseFrame;
use async_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use async_tungstenite::tungstenite::{Error, Message};
use async_tungstenite::{WebSocketStream, accept_async, client_async};
use futures::StreamExt;
use openwork::net::{TcpListener, TcpStream};
use openwork::task::JoinSet;
use openwork::time::{Duration, timeout};

use crate::common::{Random, ends, on_every_flavour, real};

/// A server that sends back what it is told.
async fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(openwork::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            drop(openwork::spawn(async { echo(accept_async(stream).await?).await }));
        }
    }));
    address
}

async fn echo(mut socket: WebSocketStream<TcpStream>) -> Result<(), Error> {
    while let Some(message) = socket.next().await {
        let message = message?;
        // Pings and the end are answered by the library.
        if message.is_text() || message.is_binary() {
            socket.send(message).await?;
        }
    }
    Ok(())
}

async fn client(server: SocketAddr) -> WebSocketStream<TcpStream> {
    let stream = TcpStream::connect(server).await.unwrap();
    client_async("ws://localhost/", stream).await.unwrap().0
}

fn bytes(length: usize) -> Message {
    Message::binary((0..length).map(|place| (place ^ (place >> 8)) as u8).collect::<Vec<_>>())
}

#[test]
fn messages_of_every_size_come_back_whole() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let mut socket = client(server().await).await;
            for length in [0, 1, 125, 126, 127, 65_535, 65_536, 1_000_000] {
                socket.send(bytes(length)).await.unwrap();
                // By their `next`, which is a stream's, and so is ours.
                assert!(socket.next().await.unwrap().unwrap() == bytes(length), "{length} bytes");
            }
            socket.send(Message::text("grüß dich")).await.unwrap();
            assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("grüß dich"));
        });
    });
}

#[test]
fn many_talk_at_once_and_each_hears_himself() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let server = server().await;
            let mut crowd = JoinSet::new();
            for person in 0..50 {
                crowd.spawn(async move {
                    let (mut socket, mut random) = (client(server).await, Random(person + 1));
                    for word in 0..10 {
                        let length = random.below(10_000);
                        socket.send(bytes(length)).await.unwrap();
                        assert!(socket.next().await.unwrap().unwrap() == bytes(length));
                        let word = Message::text(format!("{person} says {word}"));
                        socket.send(word.clone()).await.unwrap();
                        assert_eq!(socket.next().await.unwrap().unwrap(), word);
                    }
                });
            }
            while let Some(person) = crowd.join_next().await {
                person.unwrap();
            }
        });
    });
}

/// Two tasks on one stream, each with its own waker: more is on its way than the sockets hold.
#[test]
fn one_task_writes_while_another_reads() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let (mut to, mut from) = client(server().await).await.split();
            let writing = openwork::spawn(async move {
                for length in 0..100 {
                    to.send(bytes(length * 1000)).await.unwrap();
                }
                to
            });
            for length in 0..100 {
                assert!(from.next().await.unwrap().unwrap() == bytes(length * 1000));
            }
            drop(writing.await.unwrap());
        });
    });
}

#[test]
fn a_ping_is_answered_and_a_goodbye_too() {
    ends(|| {
        real().block_on(async {
            let mut socket = client(server().await).await;
            socket.send(Message::Ping(vec![1, 2, 3].into())).await.unwrap();
            assert_eq!(socket.next().await.unwrap().unwrap(), Message::Pong(vec![1, 2, 3].into()));
            let goodbye = CloseFrame { code: CloseCode::Normal, reason: "goodbye".into() };
            socket.close(Some(goodbye.clone())).await.unwrap();
            let answer = socket.next().await.unwrap().unwrap();
            assert_eq!(answer, Message::Close(Some(goodbye)));
            assert!(socket.next().await.is_none());
        });
    });
}

#[test]
fn who_stops_waiting_for_a_message_misses_nothing() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let mut socket = client(server().await).await;
            for length in [10, 1_000_000] {
                assert!(timeout(Duration::from_millis(5), socket.next()).await.is_err());
                socket.send(bytes(length)).await.unwrap();
                // It gives up again and again while the message comes in.
                let message = loop {
                    if let Ok(message) = timeout(Duration::from_micros(50), socket.next()).await {
                        break message.unwrap().unwrap();
                    }
                };
                assert!(message == bytes(length));
            }
        });
    });
}

#[test]
fn a_peer_that_vanishes_is_an_error() {
    on_every_flavour(|flavour| {
        flavour.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let vanishing = openwork::spawn(async move {
                let (stream, _) = listener.accept().await.unwrap();
                drop(accept_async(stream).await.unwrap());
            });
            let mut socket = client(address).await;
            assert!(socket.next().await.unwrap().is_err());
            vanishing.await.unwrap();
        });
    });
}
