//! A trace is an assertion: with the clock paused, what a small program does is known to the last
//! event. Whoever changes the engine such that one of these lists changes has changed the order in
//! which things happen, and should know it.

use std::future::pending;
use std::panic::resume_unwind;
use std::time::Duration;

use crate::common::{Tape, ends};
use openwork::runtime::Builder;
use openwork::task::yield_now;
use openwork::time::sleep;
use openwork::trace::Record;

const MS: Duration = Duration::from_millis(1);

/// Runs a program with the clock paused, and returns what happened, one line for each event: when, in
/// whose poll, what. Tasks are numbered as they appear, since ids go on from test to test.
fn trace<F: Future<Output = ()> + Send>(
    program: impl FnOnce() -> F + Send + 'static,
) -> Vec<String> {
    let mut builder = Builder::new_current_thread();
    let tape = Tape::listen(&mut builder);
    let runtime = builder.start_paused(true).build().unwrap();
    ends(move || {
        runtime.block_on(program());
        drop(runtime);
    });
    let mut seen = Vec::new();
    tape.take().iter().map(|record| line(record, &mut seen)).collect()
}

/// The text is the runtime's own, but for the numbers of the tasks, and for the line of this file that spawned: lines
/// move.
fn line(record: &Record, seen: &mut Vec<u64>) -> String {
    let mut number = |id: u64| {
        let known = seen.iter().position(|seen| *seen == id);
        let index = known.unwrap_or_else(|| {
            seen.push(id);
            seen.len() - 1
        });
        index + 1
    };
    let at = record.at.as_nanos() as f64 / 1e6;
    let within = record.task.map_or("-".to_owned(), |task| number(task).to_string());
    let text = record.event.to_string();
    let text = text.split(" at tests").next().unwrap();
    let mut parts = text.split("task ");
    let mut line = format!("{at:>2} ms  {within}  {}", parts.next().unwrap());
    for part in parts {
        let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        line += &match part[..digits].parse() {
            Ok(id) => format!("task {}{}", number(id), &part[digits..]),
            Err(_) => format!("task {part}"),
        };
    }
    line
}

/// The lines of a list: from the bar to the annotation.
fn expected(list: &str) -> Vec<String> {
    let events = list.lines().filter_map(|line| line.split_once('|'));
    events.map(|(_, line)| line.split("//").next().unwrap().trim_end().to_owned()).collect()
}

/// A list that differs is shown whole: that is how it is read.
fn assert_trace(trace: &[String], list: &str) {
    assert!(trace == expected(list), "this is what happened:\n{}\n", trace.join("\n"));
}

async fn two_sleeps_a_join_and_a_yield() {
    let long = openwork::spawn(async {
        sleep(20 * MS).await;
    });
    let short = openwork::spawn(async {
        yield_now().await;
        sleep(10 * MS).await;
    });
    short.await.unwrap();
    long.await.unwrap();
}

#[test]
fn a_program_does_this_and_nothing_else() {
    // When, whose poll it is ("-" is the root, or the runtime itself), what.
    assert_trace(
        &trace(two_sleeps_a_join_and_a_yield),
        "
        | 0 ms  -  the runtime begins, without threads of its own
        | 0 ms  -  task 1 is the future of block_on             // It is in no queue: its thread polls it.
        | 0 ms  1  the poll of task 1 begins
        | 0 ms  1  task 2 is spawned
        | 0 ms  1  task 2 goes into the local queue
        | 0 ms  1  task 3 is spawned
        | 0 ms  1  task 3 goes into the local queue
        | 0 ms  1  waits for the end of task 3                  // It awaits the second one first.
        | 0 ms  1  the poll of task 1 ends: pending
        | 0 ms  -  task 2 is taken from the local queue         // The queue is first in, first out.
        | 0 ms  2  the poll of task 2 begins
        | 0 ms  2  timer 0 is set to 20 ms
        | 0 ms  2  waits for its deadline at 20 ms              // The future that is pending says why,
        | 0 ms  2  the poll of task 2 ends: pending             // and so the task is.
        | 0 ms  -  task 3 is taken from the local queue
        | 0 ms  3  the poll of task 3 begins
        | 0 ms  3  task 3 wakes itself                          // A yield is a wake during the poll:
        | 0 ms  3  the poll of task 3 ends: pending
        | 0 ms  -  task 3 goes into the local queue             // it goes to the back of the queue.
        | 0 ms  -  takes the driver
        | 0 ms  -  releases the driver
        | 0 ms  -  task 3 is taken from the local queue
        | 0 ms  3  the poll of task 3 begins
        | 0 ms  3  timer 1 is set to 10 ms
        | 0 ms  3  waits for its deadline at 10 ms
        | 0 ms  3  the poll of task 3 ends: pending
        | 0 ms  -  parks until 10 ms                            // Nothing can run. The earlier deadline counts,
        | 0 ms  -  takes the driver
        |10 ms  -  the paused clock moves by 10 ms              // and as the clock is paused, it is now.
        |10 ms  -  releases the driver
        |10 ms  -  runs again
        |10 ms  -  timer 1, set to 10 ms, fires
        |10 ms  -  task 3 is woken by timer 1
        |10 ms  -  task 3 goes into the local queue
        |10 ms  -  task 3 is taken from the local queue
        |10 ms  3  the poll of task 3 begins
        |10 ms  3  timer 1 is removed                           // It has fired, and its sleep has seen that.
        |10 ms  3  the poll of task 3 ends: returned            // Its end wakes the root,
        |10 ms  3  task 1 is woken by task 3
        |10 ms  -  takes the driver
        |10 ms  -  releases the driver
        |10 ms  1  the poll of task 1 begins
        |10 ms  1  waits for the end of task 2                  // which awaits the other one now.
        |10 ms  1  the poll of task 1 ends: pending
        |10 ms  -  parks until 20 ms
        |10 ms  -  takes the driver
        |20 ms  -  the paused clock moves by 10 ms
        |20 ms  -  releases the driver
        |20 ms  -  runs again
        |20 ms  -  timer 0, set to 20 ms, fires
        |20 ms  -  task 2 is woken by timer 0
        |20 ms  -  task 2 goes into the local queue
        |20 ms  -  task 2 is taken from the local queue
        |20 ms  2  the poll of task 2 begins
        |20 ms  2  timer 0 is removed
        |20 ms  2  the poll of task 2 ends: returned
        |20 ms  2  task 1 is woken by task 2
        |20 ms  -  takes the driver
        |20 ms  -  releases the driver
        |20 ms  1  the poll of task 1 begins
        |20 ms  1  the poll of task 1 ends: returned
        |20 ms  -  the runtime ends
        ",
    );
}

#[test]
fn the_same_program_does_the_same_again() {
    /// Larger, with everything in it that could be in doubt.
    async fn program() {
        let tasks: Vec<_> = (0..500_u32)
            .map(|n| {
                openwork::spawn(async move {
                    for _ in 0..n % 3 {
                        yield_now().await;
                    }
                    let child = openwork::spawn(sleep(n * 7919 % 100 * MS));
                    if n % 5 == 0 {
                        child.abort();
                    }
                    let _ = child.await;
                    if n % 11 == 0 {
                        resume_unwind(Box::new("a panic, without the noise"));
                    }
                })
            })
            .collect();
        for task in tasks {
            let _ = task.await;
        }
    }
    let first = trace(program);
    assert!(first.len() > 5_000);
    for _ in 0..2 {
        let again = trace(program);
        let differs = first.iter().zip(&again).position(|(first, again)| first != again);
        assert_eq!(differs.map(|line| (&first[line], &again[line])), None);
        assert_eq!(first.len(), again.len());
    }
}

async fn three_ends() {
    let parent = openwork::spawn(async {
        let child = openwork::spawn(async { resume_unwind(Box::new("a panic")) });
        let _: Result<(), _> = child.await;
        pending::<()>().await;
    });
    drop(openwork::spawn(pending::<()>()));
    for _ in 0..3 {
        yield_now().await;
    }
    parent.abort();
    assert!(parent.await.unwrap_err().is_cancelled());
}

#[test]
fn an_end_says_of_what_kind_it_is() {
    assert_trace(
        &trace(three_ends),
        "
        | 0 ms  -  the runtime begins, without threads of its own
        | 0 ms  -  task 1 is the future of block_on
        | 0 ms  1  the poll of task 1 begins
        | 0 ms  1  task 2 is spawned
        | 0 ms  1  task 2 goes into the local queue
        | 0 ms  1  task 3 is spawned
        | 0 ms  1  task 3 goes into the local queue
        | 0 ms  1  task 1 wakes itself
        | 0 ms  1  the poll of task 1 ends: pending
        | 0 ms  -  task 2 is taken from the local queue
        | 0 ms  2  the poll of task 2 begins
        | 0 ms  2  task 4 is spawned                            // By task 2, in its poll,
        | 0 ms  2  task 4 goes into the local queue
        | 0 ms  2  waits for the end of task 4                  // which awaits it.
        | 0 ms  2  the poll of task 2 ends: pending
        | 0 ms  -  task 3 is taken from the local queue
        | 0 ms  3  the poll of task 3 begins
        | 0 ms  3  the poll of task 3 ends: pending
        | 0 ms  3  task 3 has no waker any more: it is never polled again
        | 0 ms  -  task 4 is taken from the local queue
        | 0 ms  4  the poll of task 4 begins
        | 0 ms  4  the poll of task 4 ends: panicked            // First end: it panics,
        | 0 ms  4  task 2 is woken by task 4                    // and then wakes the task that waits.
        | 0 ms  4  task 2 goes into the local queue
        | 0 ms  -  task 2 is taken from the local queue
        | 0 ms  2  the poll of task 2 begins
        | 0 ms  2  the poll of task 2 ends: pending
        | 0 ms  2  task 2 has no waker any more: it is never polled again
        | 0 ms  -  takes the driver
        | 0 ms  -  releases the driver
        | 0 ms  1  the poll of task 1 begins
        | 0 ms  1  task 1 wakes itself
        | 0 ms  1  the poll of task 1 ends: pending
        | 0 ms  -  takes the driver
        | 0 ms  -  releases the driver
        | 0 ms  1  the poll of task 1 begins
        | 0 ms  1  task 1 wakes itself
        | 0 ms  1  the poll of task 1 ends: pending
        | 0 ms  -  takes the driver
        | 0 ms  -  releases the driver
        | 0 ms  1  the poll of task 1 begins
        | 0 ms  1  task 2 is aborted by task 1                  // The root aborts it, and awaits that.
        | 0 ms  1  task 2 goes into the local queue
        | 0 ms  1  waits for the end of task 2
        | 0 ms  1  the poll of task 1 ends: pending
        | 0 ms  -  task 2 is taken from the local queue
        | 0 ms  2  the poll of task 2 begins
        | 0 ms  2  the poll of task 2 ends: cancelled           // Second end: this poll only drops it.
        | 0 ms  2  task 1 is woken by task 2
        | 0 ms  -  takes the driver
        | 0 ms  -  releases the driver
        | 0 ms  1  the poll of task 1 begins
        | 0 ms  1  the poll of task 1 ends: returned
        | 0 ms  -  the runtime ends
        | 0 ms  3  the poll of task 3 begins
        | 0 ms  3  the poll of task 3 ends: cancelled           // Third end: the runtime's own.
        ",
    );
}

/// The receiver waits for a message, and the sender for room.
async fn a_channel_of_one() {
    let (tx, mut rx) = openwork::sync::mpsc::channel(1);
    let sender = openwork::spawn(async move {
        for n in 0..2 {
            tx.send(n).await.unwrap();
        }
    });
    assert_eq!(rx.recv().await, Some(0));
    assert_eq!(rx.recv().await, Some(1));
    sender.await.unwrap();
}

#[test]
fn a_full_channel_and_an_empty_one_say_so() {
    assert_trace(
        &trace(a_channel_of_one),
        "
        | 0 ms  -  the runtime begins, without threads of its own
        | 0 ms  -  task 1 is the future of block_on
        | 0 ms  1  the poll of task 1 begins
        | 0 ms  1  task 2 is spawned
        | 0 ms  1  task 2 goes into the local queue
        | 0 ms  1  waits for a message (senders: 1)             // The channel is empty.
        | 0 ms  1  the poll of task 1 ends: pending
        | 0 ms  -  task 2 is taken from the local queue
        | 0 ms  2  the poll of task 2 begins
        | 0 ms  2  task 1 is woken by task 2                    // The message is there.
        | 0 ms  2  waits for room in a channel                  // The channel is full.
        | 0 ms  2  the poll of task 2 ends: pending
        | 0 ms  -  takes the driver
        | 0 ms  -  releases the driver
        | 0 ms  1  the poll of task 1 begins
        | 0 ms  1  task 2 is woken by task 1
        | 0 ms  1  task 2 goes into the local queue
        | 0 ms  1  waits for a message (senders: 1)
        | 0 ms  1  the poll of task 1 ends: pending
        | 0 ms  -  task 2 is taken from the local queue
        | 0 ms  2  the poll of task 2 begins
        | 0 ms  2  task 1 is woken by task 2
        | 0 ms  2  the poll of task 2 ends: returned
        | 0 ms  -  takes the driver
        | 0 ms  -  releases the driver
        | 0 ms  1  the poll of task 1 begins
        | 0 ms  1  the poll of task 1 ends: returned
        | 0 ms  -  the runtime ends
        ",
    );
}
