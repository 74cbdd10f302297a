//! A chat: what one says, all others hear.
//!
//! ```text
//! cargo run --example chat_server 127.0.0.1:7000     serves until you stop it with Ctrl-C …
//! nc 127.0.0.1 7000                                  … and this, in other terminals, are clients
//! cargo run --example chat_server                    serves three clients of its own, and ends
//! ```
//!
//! Each client has a task, which waits for two things at once: a line of its client, and a line of any
//! other, by a broadcast channel. That channel keeps the last few lines for a slow receiver, and then
//! tells it how many it has missed: a client that does not read costs neither memory nor time.
//!
//! You will see each line that is sent, and each that is received.

use std::io;
use std::net::SocketAddr;

use openwork::io::framed::{Framed, LinesCodec, LinesCodecError};
use openwork::net::{TcpListener, TcpStream};
use openwork::select;
use openwork::sync::broadcast::{self, error::RecvError};
use openwork::time::{Duration, sleep};

/// A line, and whose it is.
type News = (SocketAddr, String);
type Lines = Framed<TcpStream, LinesCodec>;

fn main() -> Result<(), LinesCodecError> {
    openwork::block_on(async {
        let address = std::env::args().nth(1);
        let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:0")).await?;
        let here = listener.local_addr()?;
        println!("listening on {here}");
        if address.is_some() {
            serve(listener).await;
        } else {
            drop(openwork::spawn(serve(listener)));
            demonstrate(here).await?;
        }
        Ok(())
    })
}

async fn serve(listener: TcpListener) {
    let (room, _) = broadcast::channel(64);
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let room = room.clone();
                openwork::spawn(async move {
                    if let Err(error) = welcome(stream, peer, room).await {
                        println!("{peer} is lost: {error}");
                    }
                });
            }
            Err(error) => {
                eprintln!("cannot accept: {error}");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// From the first line of a client, which is a name, to the last.
async fn welcome(
    stream: TcpStream,
    peer: SocketAddr,
    room: broadcast::Sender<News>,
) -> Result<(), LinesCodecError> {
    // A limit for each line, so that no client can fill the memory with one.
    let mut lines = Framed::new(stream, LinesCodec::new_with_max_length(200));
    lines.send("What is your name?").await?;
    let Some(name) = lines.next().await.transpose()? else { return Ok(()) };
    let news = room.subscribe();
    lines.send(format!("Welcome, {name}.")).await?;
    // It fails only without a receiver, and this task has one, until just before its last line.
    let _ = room.send((peer, format!("* {name} has come")));
    let result = chat(&mut lines, peer, &name, &room, news).await;
    let _ = room.send((peer, format!("* {name} has gone")));
    result
}

async fn chat(
    lines: &mut Lines,
    peer: SocketAddr,
    name: &str,
    room: &broadcast::Sender<News>,
    mut news: broadcast::Receiver<News>,
) -> Result<(), LinesCodecError> {
    loop {
        // Both branches may be dropped at any time: half a line stays in the buffer of `lines`.
        select! {
            line = lines.next() => match line.transpose()? {
                Some(line) => _ = room.send((peer, format!("{name}: {line}"))),
                None => return Ok(()),
            },
            heard = news.recv() => match heard {
                Ok((whose, _)) if whose == peer => {}
                Ok((_, line)) => lines.send(line).await?,
                Err(RecvError::Lagged(missed)) => {
                    lines.send(format!("* you have missed {missed} lines")).await?;
                }
                Err(RecvError::Closed) => return Ok(()),
            },
        }
    }
}

/// Somebody at the other end.
struct Guest {
    name: &'static str,
    lines: Lines,
}

impl Guest {
    async fn enter(name: &'static str, server: SocketAddr) -> Result<Guest, LinesCodecError> {
        let stream = TcpStream::connect(server).await?;
        let mut guest = Guest { name, lines: Framed::new(stream, LinesCodec::new()) };
        guest.reads().await?;
        guest.says(name).await?;
        guest.reads().await?;
        Ok(guest)
    }

    async fn says(&mut self, line: &str) -> Result<(), LinesCodecError> {
        println!("{:>4} says:  {line}", self.name);
        self.lines.send(line).await
    }

    async fn reads(&mut self) -> Result<(), LinesCodecError> {
        let line = self.lines.next().await.transpose()?.ok_or(io::ErrorKind::UnexpectedEof);
        println!("{:>4} reads:      {}", self.name, line.map_err(io::Error::from)?);
        Ok(())
    }
}

/// Three guests. One thing after the other, so that all read it in the same order each time.
async fn demonstrate(server: SocketAddr) -> Result<(), LinesCodecError> {
    let mut ada = Guest::enter("Ada", server).await?;
    let mut bob = Guest::enter("Bob", server).await?;
    ada.reads().await?;
    let mut cleo = Guest::enter("Cleo", server).await?;
    ada.reads().await?;
    bob.reads().await?;

    ada.says("hello, both of you").await?;
    bob.reads().await?;
    cleo.reads().await?;
    bob.says("hello, Ada").await?;
    ada.reads().await?;
    cleo.reads().await?;

    println!("Cleo goes, without a word");
    drop(cleo);
    ada.reads().await?;
    bob.reads().await
}
