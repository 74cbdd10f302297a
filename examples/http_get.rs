//! Several pages at once, by name, with time-outs.
//!
//! ```text
//! cargo run --example http_get                          fetches from servers of its own, and ends
//! cargo run --example http_get http://example.com/ …    fetches what you name
//! ```
//!
//! Each page is a future: look up the name, connect, ask, and read until the server closes. `join_all` awaits
//! all of them together, so that it takes as long as the slowest, and that one no longer than a time-out lets
//! it. You will see two pages, then four ways to fail: too slow, no server, no HTTP, and too
//! much of it. The answers stand in the order in which they were asked for, whichever came first.
//!
//! As a client of HTTP it is a simple one: no encryption, no redirection, no connection used twice.

use std::io;

use openwork::future::join_all;
use openwork::io::{AsyncReadExt, AsyncWriteExt};
use openwork::net::{TcpListener, TcpStream};
use openwork::time::{Duration, Instant, error::Elapsed, sleep, timeout};

/// For a page, from the look-up of its name to its last byte.
const PATIENCE: Duration = Duration::from_secs(1);
const PATIENCE_FOR_THE_WORLD: Duration = Duration::from_secs(10);
const LARGEST: u64 = 1 << 20;

fn main() -> io::Result<()> {
    openwork::block_on(async {
        let mut urls: Vec<String> = std::env::args().skip(1).collect();
        let mut patience = PATIENCE_FOR_THE_WORLD;
        if urls.is_empty() {
            (urls, patience) = (servers().await?, PATIENCE);
        }
        let start = Instant::now();
        let pages = join_all(urls.iter().map(|url| timeout(patience, fetch(url)))).await;
        for (url, page) in urls.iter().zip(pages) {
            // The port of our own servers is another each time.
            let name = url.rsplit('/').next().unwrap_or(url);
            match page.unwrap_or_else(|elapsed: Elapsed| Err(elapsed.to_string())) {
                Ok(page) => println!("/{name}: {}, {} bytes", page.status, page.body.len()),
                Err(error) => println!("/{name}: failed: {error}"),
            }
        }
        println!("all of them took {} ms together", start.elapsed().as_millis());
        Ok(())
    })
}

struct Page {
    status: String,
    body: Vec<u8>,
}

async fn fetch(url: &str) -> Result<Page, String> {
    let rest = url.strip_prefix("http://").ok_or("not an http:// address")?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().map_err(|_| "not a port")?),
        None => (authority, 80),
    };
    // A name may stand for several addresses; this tries one after the other.
    let mut stream = TcpStream::connect((host, port)).await.map_err(|error| reason(&error))?;
    // In version 1.0 the answer ends where the connection does.
    let request = format!("GET /{path} HTTP/1.0\r\nHost: {authority}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.map_err(|error| reason(&error))?;
    let mut answer = Vec::new();
    // One byte more than we want, to see whether there is more.
    let read = stream.take(LARGEST + 1).read_to_end(&mut answer).await;
    read.map_err(|error| reason(&error))?;
    if answer.len() as u64 > LARGEST {
        return Err("more than we want to keep".to_owned());
    }
    parse(answer)
}

fn reason(error: &io::Error) -> String {
    error.kind().to_string()
}

/// Cuts an answer into its first line and what follows after an empty one.
fn parse(answer: Vec<u8>) -> Result<Page, String> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").ok_or("no HTTP")?;
    let head = std::str::from_utf8(&answer[..end]).map_err(|_| "no HTTP")?;
    let first = head.lines().next().unwrap_or_default();
    let (_, status) =
        first.split_once(' ').filter(|(v, _)| v.starts_with("HTTP/1.")).ok_or("no HTTP")?;
    Ok(Page { status: status.to_owned(), body: answer[end + 4..].to_vec() })
}

/// Starts a server for each kind of answer, and returns where they are.
async fn servers() -> io::Result<Vec<String>> {
    const OK: &str = "HTTP/1.0 200 OK\r\n\r\n";
    let hello = format!("{OK}Hello, world!\n");
    let not_found = "HTTP/1.0 404 Not Found\r\n\r\nThere is no such page.\n".to_owned();
    let flood = OK.to_owned() + &"all work and no play\n".repeat(100_000);
    let mut urls = Vec::new();
    for (name, ms, answer) in [
        ("hello", 0, hello.clone()),
        ("missing", 100, not_found),
        ("asleep", 60_000, hello),
        ("mail", 0, "220 mail.example ESMTP\r\n".to_owned()),
        ("flood", 0, flood),
    ] {
        let listener = TcpListener::bind("localhost:0").await?;
        urls.push(format!("http://localhost:{}/{name}", listener.local_addr()?.port()));
        openwork::spawn(async move {
            let (mut stream, _) = listener.accept().await?;
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await?;
            sleep(Duration::from_millis(ms)).await;
            stream.write_all(answer.as_bytes()).await
        });
    }
    // A port that was ours a moment ago, so that no program listens there.
    let nobody = TcpListener::bind("localhost:0").await?.local_addr()?;
    urls.push(format!("http://localhost:{}/nobody", nobody.port()));
    Ok(urls)
}
