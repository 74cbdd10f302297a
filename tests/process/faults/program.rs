//! The program whose system calls fail: a runtime, and a step for each kind of operation.
//!
//! A step that fails is done once more. That must succeed: an error ends one operation, and its resources are
//! released.

use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use openwork::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use openwork::net::unix::pipe;
use openwork::net::{TcpListener, TcpStream};
use openwork::runtime::{Builder, Handle, Runtime};
use openwork::signal::unix::{SignalKind, signal};
use openwork::sync::oneshot;
use openwork::task::spawn_blocking;
use openwork::time::{sleep, timeout};

use crate::common::{Flavour, panic_of};

const LOCAL: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// Runs all steps on a runtime of this flavour, and returns the errors.
pub fn run(flavour: Flavour, folder: Arc<Path>, signal: i32) -> Vec<io::Error> {
    let mut errors = Vec::new();
    let runtime = build(flavour).or_else(|error| {
        errors.push(error);
        build(flavour)
    });
    let runtime = runtime.expect("a second attempt succeeds");
    // In a task, so that on workers the steps wait on a worker, and this thread for them.
    let steps = runtime.spawn(async move {
        let errors = &mut errors;
        step(errors, "a sleep", sleeps).await;
        step(errors, "an echo by TCP", echo).await;
        step(errors, "a pipe", through_a_pipe).await;
        step(errors, "a closure", closure).await;
        step(errors, "a file", || file(folder.clone())).await;
        step(errors, "another thread", another_thread).await;
        step(errors, "a signal", || receive(signal)).await;
        assert_eq!(Handle::current().metrics().io_driver_fd_registered_count(), 0);
        std::mem::take(errors)
    });
    runtime.block_on(steps).expect("no step panics")
}

fn build(flavour: Flavour) -> io::Result<Runtime> {
    let mut builder: Builder = flavour.builder();
    builder.max_blocking_threads(2).build()
}

/// Does a step, and once more if it fails.
async fn step<F: Future<Output = io::Result<()>>>(
    errors: &mut Vec<io::Error>,
    name: &str,
    attempt: impl Fn() -> F,
) {
    if let Err(error) = attempt().await {
        errors.push(error);
        if let Err(error) = attempt().await {
            panic!("{name} fails again: {error}, after {errors:?}");
        }
    }
}

/// The poller waits for a fraction of a millisecond in another way.
async fn sleeps() -> io::Result<()> {
    sleep(Duration::from_micros(300)).await;
    sleep(Duration::from_micros(1200)).await;
    Ok(())
}

async fn echo() -> io::Result<()> {
    let listener = TcpListener::bind(LOCAL).await?;
    let address = listener.local_addr()?;
    let server = openwork::spawn(async move {
        let (mut stream, _) = listener.accept().await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        stream.write_all(text.as_bytes()).await?;
        io::Result::Ok(())
    });
    let client = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(b"are you there?").await?;
        stream.shutdown().await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        same(answer.as_bytes(), b"are you there?")
    };
    let answer = client.await;
    if answer.is_err() {
        // It may wait for a connection that does not come.
        server.abort();
    }
    match server.await {
        Ok(served) => served.and(answer),
        Err(cancelled) if cancelled.is_cancelled() => answer,
        Err(panicked) => panic!("{panicked}"),
    }
}

async fn through_a_pipe() -> io::Result<()> {
    let (mut sender, mut receiver) = pipe::pipe()?;
    let receives = openwork::spawn(async move {
        let mut text = Vec::new();
        receiver.read_to_end(&mut text).await?;
        same(&text, b"through a pipe")
    });
    let sent = sender.write_all(b"through a pipe").await;
    drop(sender);
    let received = receives.await.expect("it does not panic");
    sent.and(received)
}

async fn file(folder: Arc<Path>) -> io::Result<()> {
    let path = folder.join("written");
    let mut file = openwork::fs::File::create(&path).await?;
    file.write_all(b"in a file").await?;
    file.sync_all().await?;
    file.seek(io::SeekFrom::Start(0)).await?;
    drop(file);
    let mut file = openwork::fs::File::open(&path).await?;
    let mut text = Vec::new();
    file.read_to_end(&mut text).await?;
    same(&text, b"in a file")
}

async fn closure() -> io::Result<()> {
    let mut handles = Vec::new();
    // More than there are threads.
    for n in 0..3 {
        let refused = panic_of(|| handles.push(spawn_blocking(move || n)));
        if let Some(refused) = refused {
            return Err(io::Error::other(refused.message));
        }
    }
    for (n, handle) in handles.into_iter().enumerate() {
        assert_eq!(handle.await.map_err(io::Error::other)?, n);
    }
    Ok(())
}

/// Wakes this task from a thread that is not the runtime's.
async fn another_thread() -> io::Result<()> {
    let (send, receive) = oneshot::channel();
    let thread = thread::Builder::new().spawn(move || send.send("here").unwrap())?;
    assert_eq!(receive.await.unwrap(), "here");
    thread.join().expect("a wake does not panic");
    Ok(())
}

async fn receive(number: i32) -> io::Result<()> {
    let mut listener = signal(SignalKind::from_raw(number))?;
    signal_hook::low_level::raise(number)?;
    // A handler has no caller that it could return an error to.
    let received = timeout(Duration::from_secs(1), listener.recv()).await;
    received.ok().flatten().ok_or_else(|| io::Error::other(LOST_SIGNAL))
}

/// The text of an error.
pub const LOST_SIGNAL: &str = "the signal is lost";

fn same(got: &[u8], sent: &[u8]) -> io::Result<()> {
    if got == sent { Ok(()) } else { Err(ErrorKind::UnexpectedEof.into()) }
}
