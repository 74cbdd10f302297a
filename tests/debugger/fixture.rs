//! The program that the tests of `src/debugger/openwork.py` look at with gdb. `debugger_fixture one` runs it on one
//! thread, `debugger_fixture two` on two workers. Each task waits for something else; when all of them do, one more
//! task calls [`look_now`], where the tests stop. They find the lines that they expect by the remarks `HERE`.

use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use openwork::io::AsyncReadExt;
use openwork::net::{TcpListener, TcpStream};
use openwork::runtime::Builder;
use openwork::sync::{Mutex, mpsc};
use openwork::time::{sleep, timeout};
use openwork::{spawn, task};

const LONG: Duration = Duration::from_secs(3600);

/// All tasks wait, but for the one that calls this.
#[inline(never)]
fn look_now(number: u32) -> u32 {
    black_box(number)
}

// ---- a sleep, three calls deep ----

async fn outer(level: u32) -> u32 {
    let text = format!("level {level}");
    middle(level + 1).await + text.len() as u32 // HERE outer
}

async fn middle(level: u32) -> u32 {
    let doubled = level * 2;
    inner(doubled).await; // HERE middle
    doubled
}

async fn inner(doubled: u32) {
    black_box(doubled);
    sleep(LONG).await; // HERE inner
    black_box(doubled);
}

// ---- sockets ----

async fn reads(mut stream: TcpStream) -> u8 {
    let mut byte = [0];
    stream.read_exact(&mut byte).await.unwrap(); // HERE reads
    byte[0]
}

async fn accepts(listener: TcpListener) {
    listener.accept().await.unwrap(); // HERE accepts
}

// ---- locks and channels ----

async fn holds(mutex: Arc<Mutex<u32>>) {
    let mut guard = mutex.lock().await;
    sleep(LONG).await; // HERE holds
    *guard += 1;
}

async fn wants(mutex: Arc<Mutex<u32>>) {
    *mutex.lock().await += 1; // HERE wants
}

async fn takes_both(first: Arc<Mutex<u32>>, second: Arc<Mutex<u32>>) {
    let mut one = first.lock().await;
    sleep(Duration::from_millis(20)).await;
    *one += *second.lock().await; // HERE takes_both
}

async fn receives(mut receiver: mpsc::Receiver<u32>) -> Option<u32> {
    receiver.recv().await // HERE receives
}

async fn sends(sender: mpsc::Sender<u32>) {
    sender.send(1).await.unwrap();
    sender.send(2).await.unwrap(); // HERE sends
}

// ---- several futures in one task ----

async fn joins() {
    let (first, second) = openwork::join!(middle(10), inner(20)); // HERE joins
    black_box((first, second));
}

async fn selects(mut receiver: mpsc::Receiver<u32>) {
    openwork::select! { // HERE selects
        _ = middle(30) => {}
        _ = receiver.recv() => {}
    }
}

async fn boxed() {
    let future: Pin<Box<dyn Future<Output = u32> + Send>> = Box::pin(middle(40));
    black_box(future.await); // HERE boxed
}

trait Speaks: Send + Sync {
    fn speak(&self) -> Pin<Box<dyn Future<Output = u32> + Send + '_>>;
}

struct Dog(u32);

impl Speaks for Dog {
    fn speak(&self) -> Pin<Box<dyn Future<Output = u32> + Send + '_>> {
        Box::pin(async move {
            inner(self.0).await; // HERE speak
            self.0
        })
    }
}

async fn asks(speaker: Arc<dyn Speaks>) {
    black_box(speaker.speak().await); // HERE asks
}

/// A wrapper that the script has never heard of.
struct Counted<F> {
    polls: u32,
    future: F,
}

impl<F: Future + Unpin> Future for Counted<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.polls += 1;
        Pin::new(&mut self.future).poll(cx)
    }
}

async fn wraps() {
    let counted = Counted { polls: 0, future: Box::pin(inner(50)) };
    let _ = timeout(LONG, counted).await; // HERE wraps
}

async fn awaits_task() {
    let child = spawn(inner(60)); // HERE child
    child.await.unwrap(); // HERE awaits_task
}

async fn run() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let _client = TcpStream::connect(address).await.unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    let mutex = Arc::new(Mutex::new(0));
    let (left, right) = (Arc::new(Mutex::new(1)), Arc::new(Mutex::new(2)));
    let (sender, receiver) = mpsc::channel(1);
    let (_quiet, no_message) = mpsc::channel(1);
    let (full, _kept) = mpsc::channel(1);
    drop(sender.clone());

    let _tasks = [
        spawn(async {
            outer(1).await;
        }),
        spawn(async {
            reads(stream).await;
        }),
        spawn(accepts(listener)),
        spawn(holds(mutex.clone())),
    ];
    task::yield_now().await;
    spawn(wants(mutex.clone()));
    task::yield_now().await;
    spawn(wants(mutex.clone()));
    spawn(takes_both(left.clone(), right.clone()));
    spawn(takes_both(right, left));
    spawn(async {
        receives(receiver).await;
    });
    spawn(sends(full));
    spawn(joins());
    spawn(selects(no_message));
    spawn(boxed());
    spawn(asks(Arc::new(Dog(45))));
    spawn(wraps());
    spawn(awaits_task());
    sleep(Duration::from_millis(200)).await;
    spawn(async {
        let number = 70;
        look_now(number); // HERE look
    })
    .await
    .unwrap();
    drop(sender);
}

fn main() {
    let mut builder = match std::env::args().nth(1).as_deref() {
        Some("two") => {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(2);
            builder
        }
        _ => Builder::new_current_thread(),
    };
    builder.build().unwrap().block_on(run());
}
