//! A pipeline of streams, with a limit to how many items are in work at once.
//!
//! ```text
//!   numbers ──▶ only the odd ones ──▶ fetch, up to 3 at once ──▶ parse, one by one ──▶ sum
//! ```
//!
//! The methods of streams are those of the `futures` crate; the runtime has the channels and timers. A stream does
//! nothing until it is polled for the next item, so the last stage sets the pace: only what will be used is fetched.
//! `buffered(n)` keeps up to n futures running, and gives their outputs in the order of the input;
//! `buffer_unordered(n)` gives the output that is ready first. Neither needs a task.
//!
//! What you will see: the same five fetches three times, one after the other, in order, and in the order in which
//! they are ready, with times on a paused clock; then a channel as the source, with a task that sends the work.
//!
//!     cargo run --example pipeline

use std::future::ready;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use futures::{Stream, StreamExt, stream};
use openwork::runtime::Builder;
use openwork::stream::wrappers::ReceiverStream;
use openwork::sync::mpsc;
use openwork::time::{Duration, Instant, sleep};

/// How many fetches are running, and the most that ran at once.
static NOW: AtomicUsize = AtomicUsize::new(0);
static AT_MOST: AtomicUsize = AtomicUsize::new(0);

/// Takes 60, 50, 40 … ms: later pages take less time.
async fn fetch(page: u64) -> String {
    AT_MOST.fetch_max(NOW.fetch_add(1, Relaxed) + 1, Relaxed);
    sleep(Duration::from_millis(10 * (7 - page.min(6)))).await;
    NOW.fetch_sub(1, Relaxed);
    format!("page {page}")
}

fn pages() -> impl Stream<Item = u64> {
    stream::iter(1..).filter(|number| ready(number % 2 == 1)).map(|odd| odd / 2 + 1).take(5)
}

fn main() -> std::io::Result<()> {
    let runtime = Builder::new_current_thread().start_paused(true).build()?;
    runtime.block_on(async {
        show("one after the other: then(fetch)", pages().then(fetch)).await;
        show("in order: map(fetch).buffered(3)", pages().map(fetch).buffered(3)).await;
        let unordered = pages().map(fetch).buffer_unordered(3);
        show("as they come: map(fetch).buffer_unordered(3)", unordered).await;
        from_a_channel().await;
    });
    Ok(())
}

async fn show(how: &str, pages: impl Stream<Item = String>) {
    println!("{how}");
    AT_MOST.store(0, Relaxed);
    let start = Instant::now();
    pages
        .for_each(|page| {
            println!("{:>5} ms  {page}", start.elapsed().as_millis());
            ready(())
        })
        .await;
    println!("          at most {} at once\n", AT_MOST.load(Relaxed));
}

/// The source is a channel, the last stage a sum; a page that cannot be parsed is left out.
async fn from_a_channel() {
    println!("from a channel with room for two");
    let start = Instant::now();
    let (sender, receiver) = mpsc::channel(2);
    openwork::spawn(async move {
        for page in 1..=20 {
            // Waits while the channel is full: a slow stage holds back the stages before it.
            sender.send(page).await.expect("the receiver exists");
        }
        println!("{:>5} ms  the last page is in the channel", start.elapsed().as_millis());
    });
    let sum = ReceiverStream::new(receiver)
        .map(fetch)
        .buffer_unordered(4)
        .filter_map(|page| ready(page.strip_prefix("page ").and_then(|number| number.parse().ok())))
        .fold(0, |sum: u64, number: u64| ready(sum + number))
        .await;
    println!("{:>5} ms  the sum of all numbers of pages is {sum}", start.elapsed().as_millis());
}
