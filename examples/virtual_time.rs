//! Time that passes only when there is nothing else to do.
//!
//! A program that waits is tedious to test: either the test waits too, or its times are made so short that a
//! busy machine breaks it. On a paused clock neither happens. Whenever all tasks wait, the clock jumps to
//! the next deadline; in between it stands still, however long the computer takes. Or one moves it by hand.
//!
//! What you will see: a year of backups in no time; a cache whose entry is looked at one millisecond
//! before it expires, and one after; and a hundred sleeps that end in the same order, to the nanosecond,
//! however often one runs them.
//!
//!     cargo run --example virtual_time

use openwork::runtime::{Builder, Runtime};
use openwork::task::JoinSet;
use openwork::time::{self, Duration, Instant, interval, sleep};

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn main() -> std::io::Result<()> {
    a_year()?.block_on(backups());
    a_year()?.block_on(cache());
    assert_eq!(order_of_sleeps()?, order_of_sleeps()?);
    println!("a hundred sleeps: the same order, at the same nanoseconds, in each of two runs");
    Ok(())
}

/// A runtime whose clock stands still, and so has all the time in the world.
fn a_year() -> std::io::Result<Runtime> {
    Builder::new_current_thread().start_paused(true).build()
}

async fn backups() {
    let (start, wall) = (Instant::now(), std::time::Instant::now());
    let mut days = interval(DAY);
    for _ in 0..365 {
        days.tick().await;
        // Each takes an hour. The next is due a day after this one was, and not after its end.
        sleep(HOUR).await;
    }
    assert_eq!(start.elapsed(), 364 * DAY + HOUR);
    println!("365 backups: the last has ended, after 364 days and an hour");
    assert!(wall.elapsed() < Duration::from_secs(10), "by the wall's clock it takes no time");
}

/// What we would test: something that is good for a minute.
struct Cached {
    since: Instant,
}

impl Cached {
    fn is_fresh(&self) -> bool {
        self.since.elapsed() < Duration::from_secs(60)
    }
}

async fn cache() {
    let cached = Cached { since: Instant::now() };
    // The hand on the clock: time does not pass by itself here, as this task never waits.
    time::advance(Duration::from_millis(59_999)).await;
    println!("after 59.999 s the entry is {}", if cached.is_fresh() { "fresh" } else { "stale" });
    time::advance(Duration::from_millis(1)).await;
    println!("after 60.000 s the entry is {}", if cached.is_fresh() { "fresh" } else { "stale" });
}

/// Who woke up when.
fn order_of_sleeps() -> std::io::Result<Vec<(u64, Duration)>> {
    Ok(a_year()?.block_on(async {
        let start = Instant::now();
        let mut sleepers = JoinSet::new();
        for sleeper in 0..100 {
            sleepers.spawn(async move {
                // Some number that looks like chance, and is the same each time.
                sleep(Duration::from_micros(sleeper * 7_919 % 1_009)).await;
                (sleeper, start.elapsed())
            });
        }
        let mut order = Vec::new();
        while let Some(woken) = sleepers.join_next().await {
            order.push(woken.expect("a sleeper does not panic"));
        }
        order
    }))
}
