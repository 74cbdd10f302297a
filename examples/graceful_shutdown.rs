//! A server that ends as one would like it to: what has begun is finished, nothing new is begun.
//!
//! Three things make it up. *Something that says "stop"*: here Ctrl-C. *Something that carries it everywhere*:
//! a `CancellationToken`; each task has a clone. *Something that waits until all have ended*: a
//! `TaskTracker`. And because a task may not end, the wait has a limit.
//!
//! ```text
//!   Ctrl-C ──▶ token.cancel() ──▶ the listener closes; each connection ends after what it has in hand
//!                                      └─▶ tracker.wait(), at most GRACE ──▶ what is left is dropped
//! ```
//!
//! What you will see: three clients: one has just been answered, one waits for an answer and gets it, and
//! one makes the server work on something that never ends. The program raises the signal itself.
//!
//!     cargo run --example graceful_shutdown

use std::io;

use openwork::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use openwork::net::{TcpListener, TcpStream};
use openwork::select;
use openwork::signal::ctrl_c;
use openwork::sync::CancellationToken;
use openwork::task::{JoinSet, TaskTracker};
use openwork::time::{Duration, sleep, timeout};

/// How long we wait for the last ones.
const GRACE: Duration = Duration::from_millis(500);

fn main() -> io::Result<()> {
    openwork::block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let mut clients = JoinSet::new();
        for (name, ms) in [("Cleo", "1000000"), ("Bob", "300"), ("Ada", "0")] {
            // They stand at the door already, and have written what they want.
            let mut stream = TcpStream::connect(listener.local_addr()?).await?;
            println!("{name}: please work for {ms} ms");
            stream.write_all(format!("{ms}\n").as_bytes()).await?;
            clients.spawn(listen(name, stream));
        }

        let (stop, tracker) = (CancellationToken::new(), TaskTracker::new());
        select! {
            error = accept(&listener, &stop, &tracker) => return Err(error),
            pressed = ctrl_c() => pressed?,
        }
        println!("server: Ctrl-C, {} connections are open", tracker.len());
        // From here on no connection is accepted.
        drop(listener);
        stop.cancel();
        // Otherwise `wait` would not end: more tasks could still be spawned.
        tracker.close();
        match timeout(GRACE, tracker.wait()).await {
            Ok(()) => println!("server: all are gone, good night"),
            Err(_) => println!("server: {} would not end, good night", tracker.len()),
        }
        // What is left is dropped at the end of `block_on`, wherever it waits.
        Ok(())
    })
}

/// Lets clients in, until it cannot any more.
async fn accept(
    listener: &TcpListener,
    stop: &CancellationToken,
    tracker: &TaskTracker,
) -> io::Error {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tracker.spawn(serve(stream, stop.clone()))),
            Err(error) => return error,
        }
    }
}

/// Each line is a number of milliseconds, for which we work on the answer.
async fn serve(stream: TcpStream, stop: CancellationToken) -> io::Result<()> {
    let mut lines = BufReader::new(&stream).lines();
    // Between requests the token ends it; a request, once it is read, is answered.
    while let Some(line) = stop.run_until_cancelled(lines.next_line()).await {
        let Some(line) = line? else { return Ok(()) };
        sleep(Duration::from_millis(line.parse().unwrap_or(0))).await;
        (&stream).write_all(b"done\n").await?;
    }
    (&stream).write_all(b"goodbye\n").await
}

/// A client: prints what the server sends until the end of the stream.
async fn listen(name: &str, stream: TcpStream) -> io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    while let Some(line) = lines.next_line().await? {
        println!("{name}: the server says: {line}");
        // Ada has her answer, so Bob and Cleo, which came before her, are being served.
        if (name, &*line) == ("Ada", "done") {
            println!("^C");
            signal_hook::low_level::raise(signal_hook::consts::SIGINT)?;
        }
    }
    Ok(())
}
