//! A fixed number of workers, one queue of jobs, and the results as they come.
//!
//! Not a task for each job, but three tasks that each take the next one as soon as they are done with the
//! last: so never more than three are in work, and a long job holds up one worker only. A channel has one
//! receiver; here the workers share it under a lock; the worker that waits for the next job holds it.
//!
//! What you will see: which worker takes which job when (on a paused clock, so the times are exact), a job
//! that panics and ends no worker, and a queue with room for two that makes the producer wait.
//!
//!     cargo run --example worker_pool

use std::sync::Arc;

use openwork::runtime::Builder;
use openwork::sync::{Mutex, mpsc};
use openwork::task::JoinSet;
use openwork::time::{Duration, Instant, sleep};

/// So many milliseconds of work.
struct Job {
    number: u32,
    ms: u64,
}

type Outcome = (u32, Result<u64, String>);

fn main() -> std::io::Result<()> {
    // The panic of a job is reported below; the default hook would say it once more, with a place.
    std::panic::set_hook(Box::new(|_| ()));
    let runtime = Builder::new_current_thread().start_paused(true).build()?;
    runtime.block_on(async {
        let start = Instant::now();
        let (jobs, queue) = mpsc::channel(2);
        let (outcomes, mut results) = mpsc::channel(2);
        let queue = Arc::new(Mutex::new(queue));
        let mut workers = JoinSet::new();
        for name in ["Ada", "Bob", "Cleo"] {
            workers.spawn(work(name, start, queue.clone(), outcomes.clone()));
        }
        // Only the workers' own are left, so that the results end when the workers do.
        drop(outcomes);

        openwork::spawn(async move {
            for (number, ms) in (1..).zip([50, 20, 200, 30, 0, 40, 10, 60]) {
                jobs.send(Job { number, ms }).await.expect("the workers take all jobs");
            }
            println!("{:>5} ms  the last job is in the queue", start.elapsed().as_millis());
        });

        let mut done = 0;
        while let Some((number, result)) = results.recv().await {
            match result {
                Ok(ms) => done += ms,
                Err(message) => println!("          job {number} has failed: {message}"),
            }
        }
        workers.join_all().await;
        let took = start.elapsed().as_millis();
        println!("{done} ms of work, done by three in {took} ms");
    });
    Ok(())
}

/// Takes jobs until there are no more.
async fn work(
    name: &str,
    start: Instant,
    queue: Arc<Mutex<mpsc::Receiver<Job>>>,
    outcomes: mpsc::Sender<Outcome>,
) {
    loop {
        // A statement of its own, at whose end the lock is open again. In the head of a `while let` it would
        // stay shut for as long as the job takes, and the others would look on.
        let job = queue.lock().await.recv().await;
        let Some(Job { number, ms }) = job else { return };
        println!("{:>5} ms  {name} takes job {number}, of {ms} ms", start.elapsed().as_millis());
        // A task of its own, for the sake of panics: they end the task, and the worker lives.
        let job = openwork::spawn(async move {
            assert!(ms > 0, "there is nothing to do");
            sleep(Duration::from_millis(ms)).await;
            ms
        });
        let result = job.await.map_err(|error| error.to_string());
        if outcomes.send((number, result)).await.is_err() {
            return;
        }
    }
}
