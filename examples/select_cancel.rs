//! Whichever is first: time-outs and cancellation by `select!`.
//!
//! `select!` polls several futures until one of them is done, and drops the others. In Rust that is all
//! there is to cancelling: a future that is dropped does not go on, and what it held is dropped with it.
//! To keep a future that is not done yet, pass a reference to it.
//!
//! What you will see, each with its time on a paused clock: work that is cut off by a time-out; a task that
//! is told to stop through a oneshot channel, and puts its things in order; a long piece of work that goes on
//! from turn to turn of a loop, while others of its branches are done and begun anew; and a channel that
//! is read until a quiet moment.
//!
//!     cargo run --example select_cancel

use std::pin::pin;

use openwork::runtime::Builder;
use openwork::select;
use openwork::sync::{mpsc, oneshot};
use openwork::time::{Duration, Instant, interval, sleep};

const MS: Duration = Duration::from_millis(1);

fn main() -> std::io::Result<()> {
    let runtime = Builder::new_current_thread().start_paused(true).build()?;
    runtime.block_on(async {
        time_out().await;
        told_to_stop().await;
        goes_on().await;
        until_it_is_quiet().await;
    });
    Ok(())
}

/// Says so when it goes, done or not.
struct Tools(&'static str);

impl Drop for Tools {
    fn drop(&mut self) {
        println!("          {} puts its tools away", self.0);
    }
}

async fn work(name: &'static str, duration: Duration) -> &'static str {
    let _tools = Tools(name);
    sleep(duration).await;
    "done"
}

/// Of two futures the slower one is dropped in mid-wait.
async fn time_out() {
    let start = Instant::now();
    println!("1. Work against the clock");
    for (name, duration) in [("the quick one", 30 * MS), ("the slow one", 300 * MS)] {
        // `time::timeout` is this, in a word.
        select! {
            result = work(name, duration) => println!("{:>6} ms {name} is {result}", at(start)),
            () = sleep(100 * MS) => println!("{:>6} ms too late for {name}", at(start)),
        }
    }
}

/// A task that may be told to stop, and then still has a word to say; `abort` would not let it.
async fn told_to_stop() {
    let start = Instant::now();
    println!("2. A task that is told to stop");
    let (stop, mut stopped) = oneshot::channel::<&str>();
    let task = openwork::spawn(async move {
        let mut steps = 0;
        loop {
            select! {
                // By reference: the next turn goes on listening to the same channel.
                reason = &mut stopped => break (steps, reason),
                () = sleep(40 * MS) => steps += 1,
            }
        }
    });
    sleep(100 * MS).await;
    stop.send("the boss said so").expect("the task listens");
    let (steps, reason) = task.await.expect("the task does not panic");
    println!("{:>6} ms it stops after {steps} steps: {reason:?}", at(start));
}

/// A future that is polled by reference is not dropped when another branch wins.
async fn goes_on() {
    let start = Instant::now();
    println!("3. Work that goes on while something else happens");
    let mut work = pin!(work("the long one", 250 * MS));
    let mut ticks = interval(100 * MS);
    loop {
        select! {
            // In order, and not by chance: the work is polled before a tick of the same moment.
            biased;
            result = &mut work => {
                println!("{:>6} ms {result}", at(start));
                break;
            }
            _ = ticks.tick() => println!("{:>6} ms still at work", at(start)),
        }
    }
}

/// A pattern that does not match takes its branch out; `else` runs when all branches are out.
async fn until_it_is_quiet() {
    let start = Instant::now();
    println!("4. A channel, until 100 ms pass without a message, or the last sender is dropped");
    for pauses in [[20, 60, 200], [20, 60, 80]] {
        let (sender, mut receiver) = mpsc::channel(1);
        openwork::spawn(async move {
            for pause in pauses {
                sleep(pause * MS).await;
                // An error means that the receiver has gone, as it will after a long pause.
                let _ = sender.send(pause).await;
            }
        });
        let mut quiet = pin!(sleep(100 * MS));
        loop {
            select! {
                Some(pause) = receiver.recv() => {
                    println!("{:>6} ms a message after {pause} ms", at(start));
                    quiet.as_mut().reset(Instant::now() + 100 * MS);
                }
                // Only while a sender is left.
                () = &mut quiet, if !receiver.is_closed() => {
                    println!("{:>6} ms it is quiet", at(start));
                    break;
                }
                else => {
                    println!("{:>6} ms the last sender is dropped", at(start));
                    break;
                }
            }
        }
    }
}

fn at(start: Instant) -> u128 {
    start.elapsed().as_millis()
}
