//! Try again, and wait twice as long before each new attempt: exponential back-off.
//!
//! What fails for a moment should be tried again, but not at once and not for ever: clients that
//! ask again and again keep an overloaded server overloaded. Each attempt has a time-out too, as
//! no answer is the most usual failure of all. And an error that will not go away is not tried again.
//!
//! What you will see: three calls, one that succeeds after some failures, one that is given up, and one
//! that is refused. The clock is paused, so that a wait of seconds takes no time; the times are the
//! runtime's. Many clients should not wait for equally long: add something random to each pause.
//!
//!     cargo run --example retry

use std::cmp::min;

use openwork::runtime::Builder;
use openwork::time::{Duration, Instant, sleep, timeout};

const MS: Duration = Duration::from_millis(1);

/// How one tries.
#[derive(Clone, Copy)]
struct Policy {
    attempts: u32,
    /// How long to wait for an answer.
    patience: Duration,
    /// How long to pause after the first failure; then twice that, and so on.
    pause: Duration,
    longest_pause: Duration,
}

#[derive(Debug, Clone, Copy)]
enum Failure {
    /// May be better in a moment.
    Busy,
    /// Will be the same tomorrow.
    Forbidden,
    NoAnswer,
}

/// Calls until it succeeds, or there is no hope. The call is a closure, as a future can be awaited once only.
async fn retry<T>(
    policy: Policy,
    mut call: impl AsyncFnMut(u32) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let mut pause = policy.pause;
    for attempt in 1.. {
        let result = timeout(policy.patience, call(attempt)).await;
        let failure = match result.unwrap_or(Err(Failure::NoAnswer)) {
            Ok(value) => return Ok(value),
            Err(Failure::Forbidden) => return Err(Failure::Forbidden),
            Err(failure) if attempt == policy.attempts => return Err(failure),
            Err(failure) => failure,
        };
        println!("           {failure:?}: a pause of {pause:?}");
        sleep(pause).await;
        pause = min(2 * pause, policy.longest_pause);
    }
    unreachable!("there are fewer attempts than numbers")
}

fn main() -> std::io::Result<()> {
    let policy =
        Policy { attempts: 6, patience: 500 * MS, pause: 100 * MS, longest_pause: 1000 * MS };
    let runtime = Builder::new_current_thread().start_paused(true).build()?;
    runtime.block_on(async {
        println!("A server that is busy, then does not answer, then does:");
        report(policy, async |attempt| match attempt {
            1 | 2 => Err(Failure::Busy),
            3 => std::future::pending().await,
            _ => Ok("hello"),
        })
        .await;

        println!("One that stays busy:");
        report(policy, async |_| Err(Failure::Busy)).await;

        println!("One that does not want us:");
        report(policy, async |_| Err(Failure::Forbidden)).await;
    });
    Ok(())
}

/// Calls a server by `policy`, and says what happens, and when.
async fn report(policy: Policy, mut server: impl AsyncFnMut(u32) -> Result<&'static str, Failure>) {
    let start = Instant::now();
    let result = retry(policy, async |attempt| {
        println!("{:>7} ms attempt {attempt}", start.elapsed().as_millis());
        server(attempt).await
    })
    .await;
    println!("{:>7} ms the end: {result:?}\n", start.elapsed().as_millis());
}
