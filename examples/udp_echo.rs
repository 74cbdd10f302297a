//! Datagrams: a server that sends each one back to wherever it came from.
//!
//! ```text
//! cargo run --example udp_echo 127.0.0.1:7000     serves until you stop it with Ctrl-C …
//! nc -u 127.0.0.1 7000                            … and this, in another terminal, is a client
//! cargo run --example udp_echo                    serves two clients of its own, and ends
//! ```
//!
//! There are no connections, so one socket and one loop serve all clients. A datagram may get
//! lost, so each client waits with a time-out and asks again. You will see that happen,
//! as this server loses every third datagram on purpose.

use std::io;
use std::net::SocketAddr;

use openwork::net::UdpSocket;
use openwork::time::{Duration, timeout};

fn main() -> io::Result<()> {
    openwork::block_on(async {
        let address = std::env::args().nth(1);
        let socket = UdpSocket::bind(address.as_deref().unwrap_or("127.0.0.1:0")).await?;
        let here = socket.local_addr()?;
        println!("listening on {here}");
        if address.is_some() {
            return serve(socket, usize::MAX).await;
        }
        drop(openwork::spawn(serve(socket, 3)));
        // One after the other, so that the output is the same each time.
        for name in ["Ada", "Bob"] {
            client(name, here).await?;
        }
        Ok(())
    })
}

/// Sends back what comes, except for every so many-th datagram.
async fn serve(socket: UdpSocket, loses: usize) -> io::Result<()> {
    // The largest there can be. What does not fit into the buffer would be cut off, and lost.
    let mut buf = vec![0; 65_536];
    for number in 1_usize.. {
        let (count, peer) = socket.recv_from(&mut buf).await?;
        if number.is_multiple_of(loses) {
            println!("server: datagram {number} is lost on purpose");
        } else {
            socket.send_to(&buf[..count], peer).await?;
        }
    }
    Ok(())
}

async fn client(name: &str, server: SocketAddr) -> io::Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:0").await?;
    // For datagrams that means: send to this address, and receive from this address only.
    socket.connect(server).await?;
    let mut buf = [0; 1500];
    for word in ["hello", "is anybody there?", "", "goodbye"] {
        for attempt in 1..=3 {
            socket.send(word.as_bytes()).await?;
            match timeout(Duration::from_millis(200), socket.recv(&mut buf)).await {
                Ok(count) => {
                    let echo = String::from_utf8_lossy(&buf[..count?]);
                    println!("{name}: \"{echo}\" came back, at attempt {attempt}");
                    break;
                }
                Err(_) => println!("{name}: no answer to \"{word}\""),
            }
        }
    }
    Ok(())
}
