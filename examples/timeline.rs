//! A program worth watching: it writes `target/timeline.html`, a page to open in a browser.
//!
//! It has sleeps, a bounded channel that is full most of the time, echo clients, tasks that are stolen, and a mutex that
//! several tasks want. Run it:
//!
//! ```sh
//! cargo run --example timeline
//! ```

use std::sync::Arc;
use std::thread;

use futures::{AsyncReadExt, AsyncWriteExt};
use openwork::net::{TcpListener, TcpStream};
use openwork::runtime::Builder;
use openwork::sync::{Mutex, mpsc};
use openwork::task::spawn_blocking;
use openwork::time::{Duration, sleep};
use openwork::trace::Recorder;

const MS: Duration = Duration::from_millis(1);

fn main() -> std::io::Result<()> {
    let recorder = Recorder::new();
    let runtime = Builder::new_multi_thread().worker_threads(2).trace(&recorder).build()?;
    runtime.block_on(async {
        sleepers().await;
        back_pressure().await;
        echo().await.expect("the loopback device works");
        stealing().await;
        contention().await;
        spawn_blocking(|| thread::sleep(2 * MS)).await.expect("the job does not panic");
    });
    drop(runtime);
    // It may be missing: cargo can be told to build elsewhere.
    std::fs::create_dir_all("target")?;
    recorder.save("target/timeline.html")?;
    println!(
        "{} events are in target/timeline.html: open it in a browser",
        recorder.records().len()
    );
    Ok(())
}

/// Three sleeps at once: the whole takes as long as the longest.
async fn sleepers() {
    let sleepers = [3, 1, 2].map(|n| openwork::spawn(sleep(n * MS)));
    for sleeper in sleepers {
        sleeper.await.expect("a sleep does not panic");
    }
}

/// A fast producer waits for room, a slow consumer for nothing.
async fn back_pressure() {
    let (tx, mut rx) = mpsc::channel(2);
    let producer = openwork::spawn(async move {
        for n in 0..8 {
            tx.send(n).await.expect("the consumer lives");
        }
    });
    while rx.recv().await.is_some() {
        sleep(MS / 2).await;
    }
    producer.await.expect("the producer does not panic");
}

/// Two clients send to a server, and read what comes back.
async fn echo() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    let server = openwork::spawn(async move {
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().await?;
            openwork::spawn(async move {
                let mut buf = [0; 64];
                while let Ok(n @ 1..) = stream.read(&mut buf).await {
                    let _ = stream.write_all(&buf[..n]).await;
                }
            });
        }
        std::io::Result::Ok(())
    });
    let clients = [(); 2].map(|()| {
        openwork::spawn(async move {
            let mut stream = TcpStream::connect(addr).await?;
            for _ in 0..3 {
                stream.write_all(b"hello").await?;
                stream.read_exact(&mut [0; 5]).await?;
            }
            std::io::Result::Ok(())
        })
    });
    for client in clients {
        client.await.expect("a client does not panic")?;
    }
    server.await.expect("the server does not panic")
}

/// One task spawns six that work, on its own worker: the other worker steals some of them.
async fn stealing() {
    let parent =
        openwork::spawn(async { [(); 6].map(|()| openwork::spawn(async { thread::sleep(MS) })) });
    for child in parent.await.expect("the parent does not panic") {
        child.await.expect("a child does not panic");
    }
}

/// Three tasks want one mutex, and hold it over a sleep.
async fn contention() {
    let mutex = Arc::new(Mutex::new(0));
    let tasks = [(); 3].map(|()| {
        let mutex = mutex.clone();
        openwork::spawn(async move {
            let mut count = mutex.lock().await;
            sleep(MS).await;
            *count += 1;
        })
    });
    for task in tasks {
        task.await.expect("a task does not panic");
    }
}
