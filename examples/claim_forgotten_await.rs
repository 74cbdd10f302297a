//! The claim: a future that is not awaited does nothing.
//!
//! A call of an `async fn` makes a value and runs none of its lines: the value must be polled. The runtime
//! polls a task, from `spawn` on, even if its handle was dropped. So without an `.await` the work is not
//! done; without a handle only the answer is lost. The compiler warns of the first:
//!
//! ```text
//! warning: unused implementer of `Future` that must be used
//!    = note: futures do nothing unless you `.await` or poll them
//! ```
//!
//! What you will see: what became of work that begins, takes 100 ms and ends, and when, for several
//! ways to start it. The clock is paused, so the times are exact, and take no time. Expect "begun" only
//! where the future is polled, and "ended" only where it is not dropped before.
//!
//!     cargo run --example claim_forgotten_await

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use openwork::runtime::Builder;
use openwork::task::JoinSet;
use openwork::time::{Duration, Instant, sleep, timeout};

const WORK: Duration = Duration::from_millis(100);

/// What has become of the work.
#[derive(Clone, Default)]
struct Log(Arc<[AtomicU32; 2]>);

async fn work(log: Log) {
    let [begun, ended] = &*log.0;
    begun.fetch_add(1, Ordering::Relaxed);
    sleep(WORK).await;
    ended.fetch_add(1, Ordering::Relaxed);
}

fn main() -> std::io::Result<()> {
    println!("{:46} {:>7} {:>7} {:>11}", "", "begun", "ended", "took");

    let never = row("`work();`, and no `.await`", async |log| drop(work(log)))?;
    let awaited = row("`work().await`", async |log| work(log).await)?;
    let spawned = row("`spawn(work())`, the handle dropped", async |log| {
        drop(openwork::spawn(work(log)));
    })?;
    row("`spawn(work())`, aborted at half time", async |log| {
        let task = openwork::spawn(work(log));
        sleep(WORK / 2).await;
        task.abort();
    })?;
    row("`timeout(50 ms, work()).await`", async |log| {
        // What is inside is dropped when the time is over.
        timeout(WORK / 2, work(log)).await.expect_err("50 ms are less than 100");
    })?;
    let set = row("a `JoinSet` with it, dropped at half time", async |log| {
        let mut set = JoinSet::new();
        set.spawn(work(log));
        sleep(WORK / 2).await;
    })?;
    println!();
    let in_turn = row("two made, then awaited one after the other", async |log| {
        let (first, second) = (work(log.clone()), work(log));
        first.await;
        second.await;
    })?;
    let joined = row("two in `join!`", async |log| {
        openwork::join!(work(log.clone()), work(log));
    })?;
    let tasks = row("two spawned, then awaited", async |log| {
        let (first, second) = (openwork::spawn(work(log.clone())), openwork::spawn(work(log)));
        first.await.expect("it does not panic");
        second.await.expect("it does not panic");
    })?;

    println!(
        "\nSo of what was only called {} began, of what was spawned and forgotten {} \
         ended, and two that were only made took {:.0} times as long as two that were joined.",
        never.begun,
        spawned.ended,
        in_turn.took.div_duration_f64(joined.took)
    );
    assert_eq!((never.begun, never.ended), (0, 0));
    assert_eq!((awaited.begun, awaited.ended), (1, 1));
    assert_eq!((spawned.begun, spawned.ended), (1, 1));
    assert_eq!((set.begun, set.ended), (1, 0));
    assert_eq!((in_turn.took, joined.took, tasks.took), (2 * WORK, WORK, WORK));
    Ok(())
}

struct Outcome {
    begun: u32,
    ended: u32,
    /// Until it was awaited, as the caller sees it.
    took: Duration,
}

/// Does it, waits for what may come later, and prints what has come.
fn row(what: &str, start_it: impl AsyncFnOnce(Log)) -> std::io::Result<Outcome> {
    let runtime = Builder::new_current_thread().start_paused(true).build()?;
    let log = Log::default();
    let took = runtime.block_on(async {
        let start = Instant::now();
        start_it(log.clone()).await;
        let took = start.elapsed();
        sleep(10 * WORK).await;
        took
    });
    let [begun, ended] = [0, 1].map(|n| log.0[n].load(Ordering::Relaxed));
    println!("{what:46} {begun:7} {ended:7} {:>11}", format!("{} ms", took.as_millis()));
    Ok(Outcome { begun, ended, took })
}
