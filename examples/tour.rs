//! The tour: sleeping, channels and sockets, first on one thread, then on several.
//!
//! What you will see is said line by line as it happens; in front stand the time in milliseconds since the
//! start, and the thread. No wait here holds a thread: a task that waits is pending, and
//! another task runs meanwhile. On one thread the tasks take turns; on two workers each task runs where it
//! was spawned or woken, or where an idle worker has taken it.
//!
//!     cargo run --example tour

use std::io;
use std::thread;

use openwork::io::{AsyncReadExt, AsyncWriteExt};
use openwork::net::{TcpListener, TcpStream};
use openwork::runtime::Builder;
use openwork::sync::mpsc;
use openwork::task::JoinHandle;
use openwork::time::{Duration, Instant, sleep};

fn main() -> io::Result<()> {
    println!("═══ One thread: `openwork::block_on` ═══\n");
    openwork::block_on(demos())?;

    println!("\n═══ The same on two workers: `Builder::new_multi_thread()` ═══\n");
    let runtime = Builder::new_multi_thread().worker_threads(2).build()?;
    runtime.block_on(demos())
}

async fn demos() -> io::Result<()> {
    let clock = Clock(Instant::now());
    sleeps(clock).await;
    channel(clock).await;
    echo(clock).await?;
    clock.say("that was all; drop the runtime, and with it whatever still waits");
    Ok(())
}

/// Says what happens, when, and on which thread.
#[derive(Clone, Copy)]
struct Clock(Instant);

impl Clock {
    fn say(self, line: impl AsRef<str>) {
        let thread = thread::current();
        let name = thread.name().unwrap_or("?").trim_start_matches("openwork-");
        println!("{:5}  {name:9} {}", self.0.elapsed().as_millis(), line.as_ref());
    }
}

/// Awaits tasks that do not panic.
async fn join_all(tasks: impl IntoIterator<Item = JoinHandle<()>>) {
    for task in tasks {
        task.await.expect("no task of the tour panics");
    }
}

/// Three sleeps end in the order of their deadlines, and take as long as the longest.
async fn sleeps(clock: Clock) {
    clock.say("── 1. Sleeping: three tasks ──");
    let tasks = [("A", 300), ("B", 100), ("C", 200)].map(|(name, ms)| {
        clock.say(format!("spawn {name}, which will sleep for {ms} ms"));
        openwork::spawn(async move {
            clock.say(format!(
                "{name} is polled for the first time, sets a timer, and is put aside"
            ));
            sleep(Duration::from_millis(ms)).await;
            clock.say(format!("{name} was woken by its timer, and is done"));
        })
    });
    clock.say("now await them: this task is put aside too, and the others run");
    let start = Instant::now();
    join_all(tasks).await;
    let took = start.elapsed().as_millis();
    clock.say(format!(
        "all three took {took} ms together: as long as the longest, not as the sum\n"
    ));
}

/// A producer that is faster than its consumer is held back by the channel between them.
async fn channel(clock: Clock) {
    clock.say("── 2. A channel with room for two ──");
    let (sender, mut receiver) = mpsc::channel(2);
    let producer = openwork::spawn(async move {
        for number in 1..=5 {
            let start = Instant::now();
            sender.send(number).await.expect("the receiver lives");
            let waited = start.elapsed().as_millis();
            clock.say(match waited {
                0..5 => format!("producer: sent {number} at once, there was room"),
                _ => format!("producer: sent {number}, after waiting {waited} ms for room"),
            });
        }
        clock.say("producer: done; my end of the channel closes");
    });
    while let Some(number) = receiver.recv().await {
        clock.say(format!("consumer: got {number}, and need 100 ms for it"));
        sleep(Duration::from_millis(100)).await;
    }
    clock.say("consumer: the channel is closed and empty\n");
    join_all([producer]).await;
}

/// A server and its clients, as tasks of the same runtime.
async fn echo(clock: Clock) -> io::Result<()> {
    clock.say("── 3. An echo server and three clients ──");
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    clock.say(format!("the server listens on {address}"));
    let server = openwork::spawn(async move {
        loop {
            let (stream, peer) = listener.accept().await.expect("loopback accepts");
            clock.say(format!("server: a client from port {}; it gets a task", peer.port()));
            openwork::spawn(async move { serve(stream).await.expect("the client reads on") });
        }
    });
    join_all([("ann", 60), ("bob", 90), ("cleo", 130)].map(|(name, pause)| {
        openwork::spawn(async move {
            let pause = Duration::from_millis(pause);
            client(clock, name, pause, address).await.expect("the server answers");
        })
    }))
    .await;
    clock.say("the server would wait for ever, so its task is aborted");
    server.abort();
    let error = server.await.expect_err("it never returns by itself");
    clock.say(format!("the runtime answers: {error}\n"));
    Ok(())
}

/// Sends back what comes, until the client has no more.
async fn serve(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 1024];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            count => stream.write_all(&buffer[..count]).await?,
        }
    }
}

/// Says three things to the server, with a pause after each, and reads them back.
async fn client(
    clock: Clock,
    name: &str,
    pause: Duration,
    address: std::net::SocketAddr,
) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    for turn in 1..=3 {
        let message = format!("{name}'s message {turn}");
        stream.write_all(message.as_bytes()).await?;
        let mut reply = vec![0; message.len()];
        stream.read_exact(&mut reply).await?;
        assert_eq!(reply, message.as_bytes());
        clock.say(format!("{name:4}: \"{message}\" came back"));
        sleep(pause).await;
    }
    stream.shutdown().await
}
