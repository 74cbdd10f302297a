//! A pipeline of streams, with a limit to how many items are in work at once.
//!
//! ```text
//!   numbers ──▶ only the odd ones ──▶ fetch, up to 3 at once ──▶ parse, one by one ──▶ sum
//! ```
//!
//! A stream does nothing until it is asked for the next item, so the last stage sets the pace: only what
//! will be used is fetched. `buffered(n)` keeps up to n futures going, and gives their outputs in the
//! order of the input; `buffer_unordered(n)` gives whatever is ready first. Neither needs a task.
//!
//! What you will see: the same five fetches three times, one after the other, in order and as they
//! come, with times on a paused clock; and a channel as the source, into which others put the work.
//!
//!     cargo run --example pipeline

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use openwork::runtime::Builder;
use openwork::stream::wrappers::ReceiverStream;
use openwork::stream::{self, Stream, StreamExt};
use openwork::sync::mpsc;
use openwork::time::{Duration, Instant, sleep};

/// How many fetches are under way, and how many were at most.
static NOW: AtomicUsize = AtomicUsize::new(0);
static AT_MOST: AtomicUsize = AtomicUsize::new(0);

/// Takes 60, 50, 40 … ms: the later pages come quicker.
async fn fetch(page: u64) -> String {
    AT_MOST.fetch_max(NOW.fetch_add(1, Relaxed) + 1, Relaxed);
    sleep(Duration::from_millis(10 * (7 - page.min(6)))).await;
    NOW.fetch_sub(1, Relaxed);
    format!("page {page}")
}

fn pages() -> impl Stream<Item = u64> {
    stream::iter(1..).filter(|number| number % 2 == 1).map(|odd| odd / 2 + 1).take(5)
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
    pages.for_each(async |page| println!("{:>5} ms  {page}", start.elapsed().as_millis())).await;
    println!("          at most {} at once\n", AT_MOST.load(Relaxed));
}

/// The source is a channel, the sink a sum; a page that cannot be parsed is left out.
async fn from_a_channel() {
    println!("from a channel with room for two");
    let start = Instant::now();
    let (sender, receiver) = mpsc::channel(2);
    openwork::spawn(async move {
        for page in 1..=20 {
            // Waits for as long as the pipeline is full, all the way from its end to here.
            sender.send(page).await.expect("the pipeline takes all");
        }
        println!("{:>5} ms  the last page is in the channel", start.elapsed().as_millis());
    });
    let sum = ReceiverStream::new(receiver)
        .map(fetch)
        .buffer_unordered(4)
        .filter_map(|page| page.strip_prefix("page ")?.parse::<u64>().ok())
        .fold(0, |sum, number| sum + number)
        .await;
    println!("{:>5} ms  the sum of all numbers of pages is {sum}", start.elapsed().as_millis());
}
