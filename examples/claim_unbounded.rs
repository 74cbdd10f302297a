//! The claim: an unbounded channel takes memory without bound.
//!
//! A channel holds what was sent and not yet received. If messages come faster than they go, there are
//! more of them all the time, and sooner or later the process is killed, far from the line that is at
//! fault. A channel with a bound makes the producer wait for room, so that it comes down to the
//! consumer's pace; where it must not wait, it learns by `try_send` that it has to drop something.
//!
//! What you will see: a producer that makes messages of 1 KiB as fast as it can, and a consumer that
//! takes one in a millisecond, for 400 ms; how many messages were queued at most, and how much memory
//! that took. Expect about 1 KiB for each message that was made with the one channel, and nothing to
//! speak of with the other.
//!
//!     cargo run --release --example claim_unbounded

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fs, io};

use futures::{Stream, StreamExt};
use openwork::runtime::Builder;
use openwork::stream::wrappers::{ReceiverStream, UnboundedReceiverStream};
use openwork::sync::mpsc;
use openwork::task::yield_now;
use openwork::time::{Duration, sleep, timeout};

const TIME: Duration = Duration::from_millis(400);
const PACE: Duration = Duration::from_millis(1);
const ROOM: usize = 100;
/// The end of our patience: 64 MiB.
const MOST: usize = 64 << 10;

type Message = Box<[u8; 1024]>;

fn message() -> Message {
    Box::new([1; 1024])
}

fn main() -> io::Result<()> {
    if resident().is_none() {
        println!(
            "(The memory is Linux's figure, from /proc/self/smaps_rollup, and there is none here.)"
        );
    }
    println!("{:32} {:>8} {:>8} {:>14} {:>12}", "", "made", "taken", "most in line", "memory");
    let bounded = row("bounded, room for 100", bounded)?;
    let dropping = row("bounded, full means dropped", dropping)?;
    let unbounded = row("unbounded", unbounded)?;

    println!(
        "\nSo in {} ms the unbounded channel had {} times as many messages in line, and took {} KiB \
         where the bounded one took {}.",
        TIME.as_millis(),
        unbounded.most / bounded.most.max(1),
        unbounded.kib,
        bounded.kib
    );
    assert!(bounded.most <= ROOM && dropping.most <= ROOM, "there is room for no more");
    assert!(unbounded.most > 10 * ROOM, "there is no end to it");
    if resident().is_some() {
        assert!(unbounded.kib > 10 * bounded.kib.max(100), "and it is memory");
    }
    Ok(())
}

async fn unbounded(counts: Arc<Counts>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    openwork::spawn(consume(UnboundedReceiverStream::new(receiver), counts.clone()));
    while counts.made.load(Ordering::Relaxed) < MOST {
        counts.made();
        sender.send(message()).expect("the consumer lives");
        counts.sent();
        // `send` never has to wait; without this line the consumer, on the same thread, would have no
        // turn at all.
        yield_now().await;
    }
    pending().await
}

async fn bounded(counts: Arc<Counts>) {
    let (sender, receiver) = mpsc::channel(ROOM);
    openwork::spawn(consume(ReceiverStream::new(receiver), counts.clone()));
    loop {
        counts.made();
        sender.send(message()).await.expect("the consumer lives");
        counts.sent();
    }
}

async fn dropping(counts: Arc<Counts>) {
    let (sender, receiver) = mpsc::channel(ROOM);
    openwork::spawn(consume(ReceiverStream::new(receiver), counts.clone()));
    loop {
        counts.made();
        if sender.try_send(message()).is_ok() {
            counts.sent();
        }
        yield_now().await;
    }
}

async fn consume(messages: impl Stream<Item = Message>, counts: Arc<Counts>) {
    let mut messages = pin!(messages);
    while messages.next().await.is_some() {
        counts.taken.fetch_add(1, Ordering::Relaxed);
        sleep(PACE).await;
    }
}

/// All on one thread, so any ordering will do.
#[derive(Default)]
struct Counts {
    made: AtomicUsize,
    sent: AtomicUsize,
    taken: AtomicUsize,
    most: AtomicUsize,
}

impl Counts {
    fn made(&self) {
        self.made.fetch_add(1, Ordering::Relaxed);
    }

    fn sent(&self) {
        let sent = 1 + self.sent.fetch_add(1, Ordering::Relaxed);
        self.most.fetch_max(sent - self.taken.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

/// The most messages in the queue, and the memory that the process has taken meanwhile.
struct Outcome {
    most: usize,
    kib: usize,
}

fn row<F: Future<Output = ()>>(what: &str, produce: fn(Arc<Counts>) -> F) -> io::Result<Outcome> {
    let runtime = Builder::new_current_thread().build()?;
    let counts = Arc::<Counts>::default();
    let before = resident().unwrap_or(0);
    let kib = runtime.block_on(async {
        timeout(TIME, produce(counts.clone())).await.expect_err("it goes on for ever");
        // Asked while the messages are still there.
        resident().unwrap_or(0).saturating_sub(before)
    });
    let of = |count: &AtomicUsize| count.load(Ordering::Relaxed);
    let (made, taken, most) = (of(&counts.made), of(&counts.taken), of(&counts.most));
    println!("{what:32} {made:8} {taken:8} {most:14} {kib:8} KiB");
    Ok(Outcome { most, kib })
}

/// The memory that the system has really given to this process, in KiB.
fn resident() -> Option<usize> {
    let text = fs::read_to_string("/proc/self/smaps_rollup").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Rss:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}
