//! A trace is an assertion: with the clock paused, what a small program does is known to the last
//! event. A change of the engine that changes one of these lists has changed the order in which things
//! happen.

use std::future::pending;
use std::panic::resume_unwind;
use std::time::Duration;

use crate::common::{Tape, ends};
use openwork::runtime::Builder;
use openwork::task::yield_now;
use openwork::time::sleep;
use openwork::trace::{Event, Record, Waiting};

const MS: Duration = Duration::from_millis(1);

/// Runs a program with the clock paused, and returns what happened, one line for each event: when, in
/// whose poll, what. Tasks are numbered as they appear, since their ids differ from run to run.
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
    let mut number = |id: u64| {
        let known = seen.iter().position(|seen| *seen == id);
        let index = known.unwrap_or_else(|| {
            seen.push(id);
            seen.len() - 1
        });
        index as u64 + 1
    };
    let mut line = |mut record: Record| {
        match &mut record.event {
            Event::Spawned { task, .. }
            | Event::Woken { task }
            | Event::PollBegins { task }
            | Event::Pending { task, .. }
            | Event::Finished { task, .. }
            | Event::Waiting(Waiting::Join { task }) => *task = number(*task),
            _ => {}
        }
        // The text is that of `trace`, except for the line of this file that spawned, which changes.
        let text = record.to_string();
        let text = text.split(" at tests").next().unwrap();
        let (at, what) = text.split_once(" ms  ").unwrap();
        let at: f64 = at.trim().parse().unwrap();
        let within = record.task.map_or("-".to_owned(), |task| number(task).to_string());
        format!("{at:>2} ms  {within}  {what}")
    };
    tape.take().into_iter().map(&mut line).collect()
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
        | 0 ms  -  task 1 spawned                     // The root is polled first, and spawns.
        | 0 ms  -  task 2 spawned
        | 0 ms  -  waits for the end of task 2        // It awaits the second one first.
        | 0 ms  1  task 1 is polled                   // The line is first in, first out.
        | 0 ms  1  waits for a deadline at 20ms       // The future that is pending says why,
        | 0 ms  1  task 1 is pending                  // and so the task is.
        | 0 ms  2  task 2 is polled
        | 0 ms  2  task 2 gives way                   // A yield is a wake during the poll:
        | 0 ms  2  task 2 is polled                   // nobody sleeps on account of it.
        | 0 ms  2  waits for a deadline at 10ms
        | 0 ms  2  task 2 is pending
        | 0 ms  -  sleeps until 10ms                  // Nothing can run. The earlier deadline counts,
        |10 ms  -  the clock jumps by 10ms            // and as the clock is paused, it is now.
        |10 ms  -  wakes up
        |10 ms  -  timer due at 10ms fires
        |10 ms  -  task 2 woken
        |10 ms  2  task 2 is polled
        |10 ms  2  task 2 returned                    // Its end wakes the root,
        |10 ms  -  waits for the end of task 1        // which awaits the other one now.
        |10 ms  -  sleeps until 20ms
        |20 ms  -  the clock jumps by 10ms
        |20 ms  -  wakes up
        |20 ms  -  timer due at 20ms fires
        |20 ms  -  task 1 woken
        |20 ms  1  task 1 is polled
        |20 ms  1  task 1 returned                    // The root is ready: nothing is left to say.
        ",
    );
}

#[test]
fn the_same_program_does_the_same_again() {
    /// Larger, with all kinds of events.
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
        | 0 ms  -  task 1 spawned
        | 0 ms  -  task 2 spawned
        | 0 ms  1  task 1 is polled
        | 0 ms  1  task 3 spawned                     // By task 1, in its poll,
        | 0 ms  1  waits for the end of task 3        // which awaits it.
        | 0 ms  1  task 1 is pending
        | 0 ms  2  task 2 is polled
        | 0 ms  2  task 2 is pending
        | 0 ms  3  task 3 is polled
        | 0 ms  3  task 3 panicked                    // First end: it panics,
        | 0 ms  3  task 1 woken                       // and wakes the task that waits.
        | 0 ms  1  task 1 is polled
        | 0 ms  1  task 1 is pending
        | 0 ms  -  waits for the end of task 1        // The root has aborted it, and awaits that.
        | 0 ms  1  task 1 was cancelled               // Second end: no poll, it is just dropped.
        | 0 ms  2  task 2 was cancelled               // Third end: the runtime's own.
        ",
    );
}
