//! Not too many at once, and not too many in a second: two limits, both by a semaphore.
//!
//! A semaphore holds permits. A task that needs one and finds none waits. If the permit comes back when the
//! work is done, that limits how many work *at once*. If it is thrown away, and a clock puts new ones in,
//! that limits how many *begin in a second*: the "token bucket".
//!
//! What you will see: six requests of 50 ms, two at a time; then eight requests: the first three go at
//! once, as the bucket is full, and the others one by one, every 100 ms. The clock is
//! paused, so the times are exact.
//!
//!     cargo run --example rate_limiter

use std::sync::Arc;

use openwork::runtime::Builder;
use openwork::sync::Semaphore;
use openwork::task::JoinSet;
use openwork::time::{Duration, Instant, MissedTickBehavior, interval_at, sleep};

const MS: Duration = Duration::from_millis(1);

fn main() -> std::io::Result<()> {
    let runtime = Builder::new_current_thread().start_paused(true).build()?;
    runtime.block_on(async {
        two_at_once().await;
        ten_in_a_second().await;
    });
    Ok(())
}

async fn two_at_once() {
    println!("At most 2 at once, each takes 50 ms:");
    let start = Instant::now();
    let limit = Arc::new(Semaphore::new(2));
    let mut requests = JoinSet::new();
    for number in 1..=6 {
        let limit = limit.clone();
        requests.spawn(async move {
            // Held until the end of the block, even if the task is aborted or panics.
            let _permit = limit.acquire().await.expect("it is never closed");
            println!("{:>5} ms  request {number} begins", start.elapsed().as_millis());
            sleep(50 * MS).await;
        });
    }
    requests.join_all().await;
    println!("{:>5} ms  all are done\n", start.elapsed().as_millis());
}

/// A bucket of permits, into which a new one falls every now and then.
struct Bucket {
    permits: Arc<Semaphore>,
    /// Aborts the task that fills it, when dropped.
    _filler: JoinSet<()>,
}

impl Bucket {
    fn new(size: usize, period: Duration) -> Self {
        let permits = Arc::new(Semaphore::new(size));
        let (mut filler, filled) = (JoinSet::new(), permits.clone());
        filler.spawn(async move {
            let mut ticks = interval_at(Instant::now() + period, period);
            // After a delay not all at once what was missed: that would be the burst that we want to avoid.
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                // What does not fit runs over.
                if filled.available_permits() < size {
                    filled.add_permits(1);
                }
            }
        });
        Bucket { permits, _filler: filler }
    }

    /// Waits for its turn.
    async fn acquire(&self) {
        let permit = self.permits.acquire().await.expect("it is never closed");
        // It does not come back.
        permit.forget();
    }
}

async fn ten_in_a_second() {
    println!("At most 10 in a second, and a burst of 3:");
    let start = Instant::now();
    let bucket = Bucket::new(3, 100 * MS);
    for number in 1..=8 {
        bucket.acquire().await;
        println!("{:>5} ms  request {number} begins", start.elapsed().as_millis());
    }
    println!("After a second without requests the bucket is full again, and no fuller:");
    sleep(1000 * MS).await;
    println!(
        "{:>5} ms  permits: {}",
        start.elapsed().as_millis(),
        bucket.permits.available_permits()
    );
}
