//! Five programs that hang, to practise on. Each contains one mistake:
//!
//! ```sh
//! cargo run --example hang -- deadlock     # or lost-waker, blocked, busy, channel
//! ```
//!
//! Find the task and the line without reading on. Three tools say it; NOTES.md, "Watching it" and "Step through it":
//!
//! ```sh
//! OPENWORK_DUMP=1 cargo run --example hang -- deadlock     # then press Ctrl-\: the table of the tasks
//! OPENWORK_LINT=1 cargo run --example hang -- deadlock     # a warning as it happens
//! gdb -p PROCESS                                           # then: async tasks, async bt, async locks
//! ```

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc as std_mpsc};
use std::task::{Context, Poll};

use openwork::runtime::Builder;
use openwork::sync::{Mutex, mpsc};
use openwork::task::{JoinHandle, yield_now};
use openwork::time::{Duration, sleep};

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let Some(mistake) = arguments.next() else {
        println!("usage: hang deadlock | lost-waker | blocked | busy | channel");
        return Ok(());
    };
    let runtime = Builder::new_multi_thread().worker_threads(2).build()?;
    println!("process {} is about to hang", std::process::id());
    runtime.block_on(async {
        match &*mistake {
            "deadlock" => deadlock().await,
            "lost-waker" => lost_waker().await,
            "blocked" => blocked().await,
            "busy" => busy().await,
            "channel" => channel().await,
            _ => println!("there is no mistake with the name {mistake}"),
        }
    });
    Ok(())
}

async fn join_all(tasks: impl IntoIterator<Item = JoinHandle<()>>) {
    for task in tasks {
        task.await.expect("the task does not panic");
    }
}

// ---- deadlock: two transfers between two accounts ----

type Account = Arc<Mutex<u64>>;

async fn transfer(from: Account, to: Account, amount: u64) {
    let mut source = from.lock().await;
    sleep(Duration::from_millis(10)).await;
    let mut target = to.lock().await;
    *source -= amount;
    *target += amount;
}

async fn deadlock() {
    let (a, b) = (Account::new(Mutex::new(100)), Account::new(Mutex::new(100)));
    let there = openwork::spawn(transfer(a.clone(), b.clone(), 10));
    let back = openwork::spawn(transfer(b, a, 20));
    join_all([there, back]).await;
}

// ---- lost waker: a future that is written by hand ----

struct Flag(Arc<AtomicBool>);

impl Future for Flag {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<()> {
        if self.0.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
    }
}

async fn lost_waker() {
    let flag = Arc::new(AtomicBool::new(false));
    let waiter = openwork::spawn(Flag(flag.clone()));
    let setter = openwork::spawn(async move {
        sleep(Duration::from_millis(10)).await;
        flag.store(true, Ordering::Release);
    });
    join_all([setter, waiter]).await;
}

// ---- blocked: workers that wait for what runs on the workers ----

async fn blocked() {
    let (sender, receiver) = std_mpsc::channel::<u32>();
    let receivers = Arc::new(std::sync::Mutex::new(receiver));
    let take = |receivers: Arc<std::sync::Mutex<std_mpsc::Receiver<u32>>>| async move {
        let number = receivers.lock().unwrap().recv().unwrap();
        println!("received {number}");
    };
    let takers = [(); 2].map(|()| openwork::spawn(take(receivers.clone())));
    sleep(Duration::from_millis(10)).await;
    let giver = openwork::spawn(async move {
        sender.send(1).unwrap();
        sender.send(2).unwrap();
    });
    join_all(takers).await;
    join_all([giver]).await;
}

// ---- busy: a task that asks again and again ----

async fn busy() {
    let is_done = Arc::new(AtomicBool::new(false));
    let asks = is_done.clone();
    let asker = openwork::spawn(async move {
        while !asks.load(Ordering::Acquire) {
            yield_now().await;
        }
    });
    join_all([asker]).await;
    is_done.store(true, Ordering::Release);
}

// ---- channel: the end of the messages does not come ----

async fn channel() {
    let (sender, mut receiver) = mpsc::channel(8);
    let senders = [1, 2, 3].map(|number| {
        let sender = sender.clone();
        openwork::spawn(async move { sender.send(number).await.expect("the receiver exists") })
    });
    let receiver = openwork::spawn(async move {
        while let Some(number) = receiver.recv().await {
            println!("received {number}");
        }
    });
    join_all(senders).await;
    join_all([receiver]).await;
    drop(sender);
}
