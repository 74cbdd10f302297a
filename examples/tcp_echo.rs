//! A TCP server that sends back what it receives.
//!
//! ```text
//! cargo run --example tcp_echo 127.0.0.1:7000     serves until you stop it with Ctrl-C …
//! nc 127.0.0.1 7000                               … and this, in another terminal, is a client
//! cargo run --example tcp_echo                    serves three clients of its own, and ends
//! ```
//!
//! The server is a loop that accepts, and a task for each connection. You will see that the clients are
//! served concurrently on one thread: while one waits, another one's task is polled.

use std::io;
use std::net::SocketAddr;

use openwork::io::{AsyncReadExt, AsyncWriteExt};
use openwork::net::{TcpListener, TcpStream};
use openwork::time::{Duration, sleep};

fn main() -> io::Result<()> {
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
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => drop(openwork::spawn(converse(stream, peer))),
            Err(error) => {
                // No descriptors left, for instance. The pending connection stays in the backlog, so
                // `accept` would fail again at once, for ever.
                eprintln!("cannot accept: {error}");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn converse(stream: TcpStream, peer: SocketAddr) {
    println!("{peer} came");
    match echo(stream).await {
        Ok(bytes) => println!("{peer} went after {bytes} bytes"),
        Err(error) => println!("{peer} is lost: {error}"),
    }
}

/// Sends back all data until the end of the stream, and returns the number of bytes.
async fn echo(mut stream: TcpStream) -> io::Result<usize> {
    let (mut buf, mut total) = (vec![0; 16 * 1024], 0);
    loop {
        let count = stream.read(&mut buf).await?;
        if count == 0 {
            return Ok(total);
        }
        stream.write_all(&buf[..count]).await?;
        total += count;
    }
}

/// Three clients at once; each sends three words, and pauses in between.
async fn demonstrate(server: SocketAddr) -> io::Result<()> {
    let clients = ["Ada", "Bob", "Cleo"].map(|name| openwork::spawn(client(name, server)));
    for client in clients {
        client.await??;
    }
    Ok(())
}

async fn client(name: &str, server: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(server).await?;
    for word in ["hello", "is anybody there?", "goodbye"] {
        stream.write_all(word.as_bytes()).await?;
        let mut echo = vec![0; word.len()];
        stream.read_exact(&mut echo).await?;
        println!("{name} hears: {}", String::from_utf8_lossy(&echo));
        sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
