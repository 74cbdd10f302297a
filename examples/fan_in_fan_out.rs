//! From one to many, and from many to one.
//!
//! - *Scatter and gather*: a question to several at once, and the answers in the order in which they come.
//! - *Fan in*: many senders, one receiver. An mpsc channel; each sender has a clone.
//! - *Fan out, each gets some*: one queue, shared by workers. See `worker_pool`.
//! - *Fan out, each gets all*: a broadcast channel. It keeps the last few messages, and does not wait for
//!   a slow receiver, which learns how many it has missed.
//! - *Fan out, each gets the newest*: a watch channel. It keeps one value.
//!
//! What you will see is one of each, with times on a paused clock.
//!
//!     cargo run --example fan_in_fan_out

use openwork::runtime::Builder;
use openwork::sync::broadcast::error::RecvError;
use openwork::sync::{broadcast, mpsc, watch};
use openwork::task::JoinSet;
use openwork::time::{Duration, Instant, sleep};

const MS: Duration = Duration::from_millis(1);

fn main() -> std::io::Result<()> {
    let runtime = Builder::new_current_thread().start_paused(true).build()?;
    runtime.block_on(async {
        scatter_and_gather().await;
        fan_in().await;
        everybody_gets_all().await;
        everybody_gets_the_newest().await;
    });
    Ok(())
}

async fn scatter_and_gather() {
    println!("Three shops are asked at once:");
    let start = Instant::now();
    let mut offers = JoinSet::new();
    for (shop, price, ms) in [("north", 12, 80), ("south", 9, 30), ("west", 10, 50)] {
        offers.spawn(async move {
            sleep(ms * MS).await;
            (price, shop)
        });
    }
    let mut best = None;
    while let Some(offer) = offers.join_next().await {
        let (price, shop) = offer.expect("a shop does not panic");
        println!("{:>5} ms  {shop}: {price}", start.elapsed().as_millis());
        best = best.max(Some(std::cmp::Reverse((price, shop))));
    }
    let std::cmp::Reverse((price, shop)) = best.expect("there were offers");
    println!("          the best: {price}, by {shop}\n");
}

async fn fan_in() {
    println!("Two thermometers, one log:");
    let start = Instant::now();
    let (sender, mut log) = mpsc::channel(4);
    for (place, ms) in [("roof", 30), ("cellar", 50)] {
        let sender = sender.clone();
        openwork::spawn(async move {
            for degrees in 18..=20 {
                sleep(ms * MS).await;
                sender.send((place, degrees)).await.expect("the log is read to the end");
            }
        });
    }
    // Else the log would never end: we could still write into it ourselves.
    drop(sender);
    while let Some((place, degrees)) = log.recv().await {
        println!("{:>5} ms  {place}: {degrees} degrees", start.elapsed().as_millis());
    }
    println!("          both are done\n");
}

async fn everybody_gets_all() {
    println!("News for two readers, of whom one is slow; the last 4 are kept:");
    let (news, _) = broadcast::channel(4);
    let mut readers = JoinSet::new();
    for (reader, ms) in [("quick", 0), ("slow", 35)] {
        let mut news = news.subscribe();
        readers.spawn(async move {
            let mut heard = Vec::new();
            loop {
                match news.recv().await {
                    Ok(number) => heard.push(format!("{number}")),
                    Err(RecvError::Lagged(missed)) => heard.push(format!("({missed} missed)")),
                    Err(RecvError::Closed) => break,
                }
                sleep(ms * MS).await;
            }
            println!("          {reader}: {}", heard.join(" "));
        });
    }
    for number in 1..=12 {
        news.send(number).expect("there are readers");
        sleep(10 * MS).await;
    }
    drop(news);
    readers.join_all().await;
    println!();
}

async fn everybody_gets_the_newest() {
    println!("A setting that two tasks look at, of whom one is slow:");
    let (setting, _) = watch::channel(0);
    let mut tasks = JoinSet::new();
    for (task, ms) in [("quick", 0), ("slow", 35)] {
        let mut setting = setting.subscribe();
        tasks.spawn(async move {
            let mut seen = Vec::new();
            while setting.changed().await.is_ok() {
                seen.push(setting.borrow_and_update().to_string());
                sleep(ms * MS).await;
            }
            println!("          {task}: {}", seen.join(" "));
        });
    }
    for value in 1..=12 {
        setting.send(value).expect("a receiver exists");
        sleep(10 * MS).await;
    }
    drop(setting);
    tasks.join_all().await;
}
