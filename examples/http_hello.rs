//! A web server that says hello, to browsers and load generators, and is not impressed by the rest.
//!
//! ```text
//! cargo run --release --example http_hello 127.0.0.1:8080     serves until you stop it with Ctrl-C …
//! curl http://127.0.0.1:8080/                                 … and these, in another terminal,
//! wrk http://127.0.0.1:8080/                                  are clients
//! cargo run --example http_hello                              serves clients of its own, and ends
//! ```
//!
//! A connection is kept for as many requests as the client likes ("keep-alive"), and they may come
//! without waiting for the answers ("pipelining"): all that is complete is answered in one write. Whatever a
//! client does, it costs no more than a little memory for a few seconds: what is too large, too slow or not HTTP
//! at all gets an answer that says so, and the connection ends.
//!
//! You will see a client of each kind, the first line of each answer, and then forty at once.

use std::io;
use std::net::SocketAddr;

use bytes::{Buf, BytesMut};
use openwork::io::{AsyncReadExt, AsyncWriteExt, copy, sink};
use openwork::net::{TcpListener, TcpStream};
use openwork::task::JoinSet;
use openwork::time::{Duration, Instant, sleep, timeout, timeout_at};

/// How large the head and the body of a request may be.
const LARGEST_HEAD: usize = 8 * 1024;
const LARGEST_BODY: usize = 64 * 1024;
/// How long a client may be silent between two requests, and how long one may take once it has begun.
const IDLE: Duration = Duration::from_secs(10);
const SLOW: Duration = Duration::from_secs(1);

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
            // A client that is gone is no news.
            Ok((stream, _)) => drop(openwork::spawn(converse(stream))),
            Err(error) => {
                // No descriptors left, for instance; soon there will be.
                eprintln!("cannot accept: {error}");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// One connection, from its first request to its last.
async fn converse(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut input, mut output) = (BytesMut::new(), Vec::new());
    let mut deadline = Instant::now() + IDLE;
    loop {
        match parse(&input) {
            Ok(Some(request)) => {
                input.advance(request.length);
                respond(&request, &mut output);
                if !request.keep_alive {
                    break;
                }
                deadline = Instant::now() + if input.is_empty() { IDLE } else { SLOW };
                continue;
            }
            Ok(None) => {}
            Err(status) => {
                write_answer(&mut output, status, "", false, true);
                break;
            }
        }
        // All that is complete is answered. A client that does not read the answers is slow too.
        timeout(SLOW, stream.write_all(&output)).await??;
        output.clear();

        input.reserve(4096);
        let status = match timeout_at(deadline, stream.read_buf(&mut input)).await {
            Ok(Ok(1..)) => {
                // From its first byte on, a request has so long; not from each byte on.
                deadline = deadline.min(Instant::now() + SLOW);
                continue;
            }
            // The end, or silence, between two requests: that is how it should be.
            _ if input.is_empty() => return Ok(()),
            Ok(end) => end.map(|_| "400 Bad Request")?,
            Err(_) => "408 Request Timeout",
        };
        write_answer(&mut output, status, "", false, true);
        break;
    }
    timeout(SLOW, stream.write_all(&output)).await??;
    hang_up(stream).await
}

/// Ends a connection on which the client may still be speaking. If we closed while there is something that we
/// have not read, the system would reset the connection, and the client might never see our last answer.
async fn hang_up(mut stream: TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    timeout(SLOW, copy(&mut stream.take(1 << 20), &mut sink())).await??;
    Ok(())
}

struct Request {
    method: String,
    path: String,
    keep_alive: bool,
    /// In bytes, head and body.
    length: usize,
}

fn respond(request: &Request, output: &mut Vec<u8>) {
    let (status, body) = match (&*request.method, &*request.path) {
        ("GET" | "HEAD", "/") => ("200 OK", "Hello, world!\n"),
        ("GET" | "HEAD", _) => ("404 Not Found", "There is only /\n"),
        _ => ("405 Method Not Allowed", "You may only GET\n"),
    };
    write_answer(output, status, body, request.keep_alive, request.method != "HEAD");
}

fn write_answer(output: &mut Vec<u8>, status: &str, body: &str, keep_alive: bool, with_body: bool) {
    // The client may speak version 1.0, and then wants to be told.
    let connection = if keep_alive { "keep-alive" } else { "close" };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nAllow: GET, HEAD\r\n\
         Content-Length: {}\r\nConnection: {connection}\r\n\r\n",
        body.len()
    );
    output.extend_from_slice(head.as_bytes());
    if with_body {
        output.extend_from_slice(body.as_bytes());
    }
}

/// The request at the beginning; none if more must come; else the status with which to refuse it.
fn parse(input: &[u8]) -> Result<Option<Request>, &'static str> {
    const BAD: &str = "400 Bad Request";
    let within = &input[..input.len().min(LARGEST_HEAD)];
    let Some(end) = within.windows(4).position(|four| four == b"\r\n\r\n") else {
        let too_large = input.len() >= LARGEST_HEAD;
        return if too_large { Err("431 Request Header Fields Too Large") } else { Ok(None) };
    };
    let head = std::str::from_utf8(&input[..end]).map_err(|_| BAD)?;
    let mut lines = head.split("\r\n");
    let first: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
    let [method, path, version] = first[..] else { return Err(BAD) };
    let persists = match version {
        "HTTP/1.1" => true,
        "HTTP/1.0" => false,
        _ if version.starts_with("HTTP/") => return Err("505 HTTP Version Not Supported"),
        _ => return Err(BAD),
    };
    if !is_token(method) || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(BAD);
    }
    let (mut keep_alive, mut body, mut hosts) = (persists, None, 0);
    for line in lines {
        let (name, value) = line.split_once(':').ok_or(BAD)?;
        let value = value.trim_matches([' ', '\t']);
        if !is_token(name) || value.contains(|c: char| c.is_control() && c != '\t') {
            return Err(BAD);
        }
        match &*name.to_ascii_lowercase() {
            "host" => hosts += 1,
            "connection" if value.eq_ignore_ascii_case("close") => keep_alive = false,
            "connection" if value.eq_ignore_ascii_case("keep-alive") => keep_alive = true,
            // Two different lengths are the way to smuggle a request past a proxy.
            "content-length" => {
                let digits = value.bytes().all(|byte| byte.is_ascii_digit());
                let length = value.parse::<usize>().ok().filter(|_| digits).ok_or(BAD)?;
                if body.replace(length).is_some_and(|earlier| earlier != length) {
                    return Err(BAD);
                }
            }
            "transfer-encoding" => return Err("501 Not Implemented"),
            "expect" => return Err("417 Expectation Failed"),
            _ => {}
        }
    }
    if hosts > 1 || (persists && hosts == 0) {
        return Err(BAD);
    }
    let body = body.unwrap_or(0);
    if body > LARGEST_BODY {
        return Err("413 Content Too Large");
    }
    let length = end + 4 + body;
    let request = Request { method: method.to_owned(), path: path.to_owned(), keep_alive, length };
    Ok((input.len() >= length).then_some(request))
}

fn is_token(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(allowed)
}

const GET: &str = "GET / HTTP/1.1\r\nHost: here\r\n\r\n";
const LAST_GET: &str = "GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n";

/// A client of each kind, then many.
async fn demonstrate(server: SocketAddr) -> io::Result<()> {
    for (what, request) in [
        ("one request", LAST_GET.to_owned()),
        ("three at once", [GET, GET, LAST_GET].concat()),
        ("an old client", "GET / HTTP/1.0\r\n\r\n".to_owned()),
        ("another page", LAST_GET.replace(" / ", " /other ")),
        ("something else", LAST_GET.replace("GET", "BREW")),
        ("not HTTP", "hello?\r\n\r\n".to_owned()),
        ("too large", format!("GET / HTTP/1.1\r\nCookie: {}", "x".repeat(100_000))),
        ("never finished", "GET / HTTP/1.1\r\nHo".to_owned()),
    ] {
        let answers = ask(server, &request).await?;
        let statuses: Vec<&str> =
            answers.lines().filter_map(|line| line.strip_prefix("HTTP/1.1 ")).collect();
        println!("{what:>15}: {}", statuses.join(", "));
    }

    let start = Instant::now();
    let mut clients = JoinSet::new();
    for _ in 0..40 {
        clients.spawn(async move {
            let requests = GET.repeat(49) + LAST_GET;
            ask(server, &requests).await.map(|answers| answers.matches("Hello, world!").count())
        });
    }
    let hellos = clients.join_all().await.into_iter().sum::<io::Result<usize>>()?;
    println!("{hellos} hellos to 40 clients in {} ms", start.elapsed().as_millis());
    Ok(())
}

/// Sends something, and returns all that comes back.
async fn ask(server: SocketAddr, request: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(server).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answers = String::new();
    stream.read_to_string(&mut answers).await?;
    Ok(answers)
}
