//! Thousands of tasks that are cancelled at random.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use openwork::task::yield_now;
use openwork::time::timeout;

use super::random::Random;

const TASKS: usize = 3000;

/// Runs `something` again and again in thousands of tasks at once. Its future is awaited to completion, or for a
/// short time, or polled once or twice and dropped; and some of the tasks are aborted. So a future that waits in
/// it is dropped before its first poll, while it waits, and just after it was woken.
pub async fn crowd<F>(something: impl Fn(Random) -> F + Clone + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut random = Random(0x0bad_cafe);
    let mut tasks = Vec::new();
    for number in 0..TASKS {
        let something = something.clone();
        tasks.push(openwork::spawn(async move {
            let mut random = Random(number as u64 * 7919 + 1);
            for _ in 0..3 {
                let once = something(Random(random.below(1 << 30) as u64 + 1));
                match random.below(3) {
                    0 => once.await,
                    1 => _ = timeout(Duration::from_micros(random.below(500) as u64), once).await,
                    _ => polled(once, random.below(3)).await,
                }
            }
        }));
        if random.below(4) == 0 {
            tasks[random.below(tasks.len())].abort();
        }
        if random.below(16) == 0 {
            yield_now().await;
        }
    }
    for task in tasks {
        // An abort is expected, a panic is not.
        if let Err(error) = task.await {
            assert!(error.is_cancelled(), "{error}");
        }
    }
}

/// Polls a future at most `times` times, and drops it.
async fn polled(future: impl Future<Output = ()>, times: usize) {
    let mut future = pin!(future);
    for _ in 0..times {
        if poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_ready())).await {
            return;
        }
        yield_now().await;
    }
}
