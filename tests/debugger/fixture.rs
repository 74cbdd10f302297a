//! The program that the tests of `src/debugger/openwork.py` look at with gdb: `debugger_fixture one waits` runs on one
//! thread, `debugger_fixture two waits` on two workers. The tests find the lines that they expect by the remarks `HERE`.
//!
//! - `waits`: each task waits for something else. When all of them do, one more task calls [`look_now`], and stays there.
//! - `steps`: a hundred tasks run the same function with ten awaits.
//! - `others`: the same for the rest of what a task can wait for.
//! - `stuck`: tasks wait for each other's permits and read locks.
//! - `idle`: the workers park, and a thread outside of the runtime looks.
//! - `queues`: tasks are in the queues of a worker, and in the injector.
//! - `sleeps`: 5,000 tasks sleep, three calls deep.

use std::collections::HashMap;
use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Poll};
use std::time::Duration;

use openwork::io::AsyncReadExt;
use openwork::net::{TcpListener, TcpStream};
use openwork::runtime::{Builder, Handle};
use openwork::sync::OwnedSemaphorePermit;
use openwork::sync::{Barrier, CancellationToken, Mutex, Notify, OnceCell, RwLock, Semaphore};
use openwork::sync::{broadcast, mpsc, oneshot, watch};
use openwork::task::JoinSet;
use openwork::time::{sleep, timeout};
use openwork::{spawn, task};

const LONG: Duration = Duration::from_secs(3600);

/// All tasks wait, but for the one that calls this.
#[inline(never)]
fn look_now(number: u32) -> u32 {
    black_box(number) // HERE look_now
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

async fn takes_both(barrier: Arc<Barrier>, first: Arc<Mutex<u32>>, second: Arc<Mutex<u32>>) {
    let mut one = first.lock().await;
    barrier.wait().await;
    *one += *second.lock().await; // HERE takes_both
}

/// Holds a lock that its child wants, and waits for the child.
async fn holds_and_joins() {
    let mutex = Arc::new(Mutex::new(0));
    let guard = mutex.lock().await;
    spawn(wants(mutex.clone())).await.unwrap(); // HERE holds_and_joins
    drop(guard);
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

async fn joins_all() {
    openwork::future::join_all([inner(22), inner(24)]).await; // HERE joins_all
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

/// Until every task waits for something.
async fn until_all_wait() {
    while Handle::current().tasks().iter().any(|task| task.state != "idle") {
        sleep(Duration::from_millis(1)).await;
    }
}

async fn waits() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let _client = TcpStream::connect(address).await.unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    let mutex = Arc::new(Mutex::new(0));
    let (left, right) = (Arc::new(Mutex::new(1)), Arc::new(Mutex::new(2)));
    let (sender, receiver) = mpsc::channel(1);
    let (_quiet, no_message) = mpsc::channel(1);
    let (full, _kept) = mpsc::channel(1);

    spawn(async {
        outer(1).await; // HERE in task 1
    });
    spawn(async {
        reads(stream).await;
    });
    spawn(accepts(listener));
    spawn(holds(mutex.clone()));
    until_all_wait().await;
    spawn(wants(mutex.clone()));
    until_all_wait().await;
    spawn(wants(mutex.clone()));
    let barrier = Arc::new(Barrier::new(2));
    spawn(takes_both(barrier.clone(), left.clone(), right.clone()));
    spawn(takes_both(barrier, right, left));
    spawn(async {
        receives(receiver).await;
    });
    spawn(sends(full));
    spawn(joins());
    spawn(selects(no_message));
    spawn(boxed());
    spawn(asks(Arc::new(Dog(45))));
    spawn(wraps());
    spawn(awaits_task()); // HERE spawns_parent
    spawn(joins_all());
    spawn(holds_and_joins());
    until_all_wait().await;
    spawn(async {
        let number = 70;
        look_now(number); // HERE look
    })
    .await // HERE awaits_look
    .unwrap();
    std::future::pending::<()>().await;
    drop(sender);
}

/// One task for each of the other things to wait for.
async fn others() {
    let semaphore = Arc::new(Semaphore::new(1));
    let lock = Arc::new(RwLock::new(0));
    let reader = lock.clone().read_owned().await;
    let (_keep, receiver) = oneshot::channel::<u32>();
    let (sender, mut messages) = broadcast::channel::<u32>(4);
    let (_watched, mut changes) = watch::channel(0);
    let mut set = JoinSet::new();
    set.spawn(sleep(LONG));
    spawn(async move {
        let _two = semaphore.acquire_many(2).await;
    });
    spawn(async move { *lock.write().await += 1 });
    spawn(async { Notify::new().notified().await });
    spawn(async { Barrier::new(2).wait().await.is_leader() });
    spawn(receiver);
    spawn(async move { messages.recv().await });
    spawn(async move { changes.changed().await });
    spawn(async move { set.join_next().await });
    spawn(async { CancellationToken::new().cancelled().await });
    // It stores no waker. There is one handle for the first, and one of each kind for the second.
    let lost = spawn(std::future::pending::<()>()).abort_handle(); // HERE loses
    let held = spawn(std::future::pending::<()>()); // HERE is held
    let handles = (lost, held.abort_handle(), held);
    until_all_wait().await;
    look_now(3);
    std::future::pending::<()>().await;
    drop((reader, sender, handles));
}

// ---- permits and read locks ----

type Prices = Arc<RwLock<HashMap<String, u64>>>;

/// Holds the lock, and wants a permit.
async fn refreshes(prices: Prices, connections: Arc<Semaphore>, ready: Arc<Barrier>) {
    let guard = prices.write().await;
    ready.wait().await;
    let _permit = connections.acquire().await; // HERE refreshes
    drop(guard);
}

/// Holds a permit, and wants the lock.
async fn looks_up(prices: Prices, connections: Arc<Semaphore>, ready: Arc<Barrier>) -> usize {
    let _permit = connections.acquire_owned().await;
    ready.wait().await;
    prices.read().await.len() // HERE looks_up
}

/// Its argument is gone while it sleeps.
async fn drops_early(permit: OwnedSemaphorePermit) {
    drop(permit);
    sleep(LONG).await;
}

async fn reads_twice(lock: Arc<RwLock<u32>>, go_on: oneshot::Receiver<()>) -> u32 {
    let first = lock.read().await;
    go_on.await.unwrap();
    let second = lock.read().await; // HERE reads_twice
    *first + *second
}

async fn stuck() {
    let (prices, connections) = (Prices::default(), Arc::new(Semaphore::new(2)));
    let ready = Arc::new(Barrier::new(3));
    spawn(refreshes(prices.clone(), connections.clone(), ready.clone()));
    spawn(looks_up(prices.clone(), connections.clone(), ready.clone()));
    spawn(looks_up(prices, connections.clone(), ready));
    until_all_wait().await;

    let limit = Arc::new(Semaphore::new(1));
    spawn(drops_early(limit.clone().acquire_owned().await.unwrap()));
    until_all_wait().await;
    let permit = limit.clone().acquire_owned().await.unwrap();
    spawn(async move {
        sleep(LONG).await;
        drop(permit);
    });
    spawn(async move { drop(limit.acquire_owned().await) });

    let (lock, (go_on, gate)) = (Arc::new(RwLock::new(0)), oneshot::channel());
    spawn(reads_twice(lock.clone(), gate));
    until_all_wait().await;
    spawn(async move { *lock.write().await += 1 }); // HERE writes
    until_all_wait().await;
    go_on.send(()).unwrap();

    let (cell, map) =
        (Arc::new(OnceCell::<u32>::new()), Arc::new(Mutex::new(HashMap::<u32, u32>::new())));
    for _ in 0..2 {
        let (cell, map) = (cell.clone(), map.clone());
        spawn(async move { *cell.get_or_init(std::future::pending).await });
        until_all_wait().await;
        spawn(async move {
            let _guard = map.lock_owned().await;
            sleep(LONG).await;
        });
        until_all_wait().await;
    }
    for _ in 0..25 {
        let connections = connections.clone();
        spawn(async move { drop(connections.acquire().await) });
        until_all_wait().await;
    }
    look_now(4);
    std::future::pending().await
}

// ---- to step through ----

async fn ten_awaits(number: u32) -> u32 {
    let mut sum = number; // HERE first
    task::yield_now().await;
    sum += add(1).await; // HERE second
    sleep(Duration::from_millis(50)).await;
    sum += add(2).await;
    task::yield_now().await;
    sum += boxed_add(3).await; // HERE boxed_add
    sleep(Duration::from_millis(100)).await;
    sum += add(4).await;
    task::yield_now().await;
    sum += add(5).await;
    sum // HERE last
}

async fn add(number: u32) -> u32 {
    let half = number / 2; // HERE add
    task::yield_now().await;
    number + half - half
}

fn boxed_add(number: u32) -> Pin<Box<dyn Future<Output = u32> + Send>> {
    Box::pin(async move {
        let doubled = number * 2; // HERE in boxed_add
        task::yield_now().await;
        doubled - number
    })
}

async fn tells(sender: oneshot::Sender<u32>) {
    sleep(Duration::from_millis(20)).await;
    sender.send(1).unwrap(); // HERE tells
}

async fn waits_for_ever() {
    black_box(0); // HERE before_ever
    std::future::pending::<()>().await; // HERE ever
}

async fn steps() {
    timeout(Duration::from_millis(5), waits_for_ever()).await.unwrap_err();
    let tasks: Vec<_> = (0..100).map(|number| spawn(ten_awaits(number))).collect(); // HERE hundred
    let (sender, receiver) = oneshot::channel();
    let hears = spawn(receiver);
    spawn(tells(sender));
    hears.await.unwrap().unwrap();
    for (number, task) in (0..).zip(tasks) {
        assert_eq!(task.await.unwrap(), number + 15);
    }
    println!("all steps are done");
}

// ---- queues ----

/// Three tasks in the queue of a worker, and one in the injector. Another worker, if there is one, is busy.
async fn queues(flavour: &str) {
    static BUSY: AtomicBool = AtomicBool::new(false);
    if flavour == "two" {
        spawn(async {
            BUSY.store(true, SeqCst);
            while BUSY.load(SeqCst) {
                std::hint::spin_loop();
            }
        });
        while !BUSY.load(SeqCst) {
            task::yield_now().await;
        }
    }
    let outside = Handle::current();
    let looks = spawn(async {
        let queued = [(); 3].map(|()| spawn(async {}));
        std::thread::spawn(move || outside.spawn(async {})).join().unwrap();
        look_now(2);
        BUSY.store(false, SeqCst);
        queued
    });
    drop(looks.await);
}

async fn sleeps() {
    for level in 0..5000 {
        spawn(outer(level));
    }
    until_all_wait().await;
    look_now(1);
    std::future::pending().await
}

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let mut builder = match arguments[0].as_str() {
        "two" => Builder::new_multi_thread(),
        _ => Builder::new_current_thread(),
    };
    builder.worker_threads(2);
    let runtime = builder.build().unwrap();
    match arguments[1].as_str() {
        "waits" => runtime.block_on(waits()),
        "others" => runtime.block_on(others()),
        "stuck" => runtime.block_on(stuck()),
        "idle" => {
            runtime.spawn(std::future::pending::<()>());
            loop {
                look_now(5);
            }
        }
        "queues" => runtime.block_on(queues(&arguments[0])),
        "steps" => runtime.block_on(steps()),
        _ => runtime.block_on(sleeps()),
    }
}
