//! Warnings of four mistakes that make an async program hang, while it runs.
//!
//! ```text
//!   lost waker       a task waits, and no waker of it exists any more     the engine reports it (`WakerLost`)
//!   deadlock         tasks wait for each other's locks, or ends           when the last of them begins to wait
//!   busy task        10,000 polls, each after a wake by the task itself,  when the last of these polls ends
//!                    in none of which an operation completed
//!   blocked worker   a poll of more than 100 ms                           a thread looks every 25 ms
//! ```
//!
//! Each is reported once, on standard error. A lost waker is not seen if the task's own future stores its waker. A task
//! that awaits nothing but `std::future::pending` has no waker either: no warning if that is its whole future.
//!
//! Next: `signals.rs`.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::Once;
use std::thread;
use std::time::Duration;

use super::tasks::{self, Entry, Phase};
use crate::engine::event::{Event, Outcome, Record, TaskKind};
use crate::engine::trace::monotonic_now;

/// Polls in a row without progress after which a task is busy.
const BUSY_POLLS: u32 = 10_000;

/// How long one poll may take.
const LONGEST_POLL: Duration = Duration::from_millis(100);

/// How often the thread looks for longer polls.
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// A lint may be turned on in a runtime that is built later: the thread starts once.
static START: Once = Once::new();

/// Starts to look for polls that take too long.
pub(crate) fn start() {
    START.call_once(|| {
        let look = || {
            loop {
                thread::sleep(LOOK_EVERY);
                look_for_long_polls();
            }
        };
        if let Err(error) = thread::Builder::new().name("openwork-lints".into()).spawn(look) {
            report(&format!("openwork: long polls are not reported: {error}\n"));
        }
    });
}

/// Looks at an event, after the table of the tasks has seen it.
pub(crate) fn check(record: &Record) {
    match record.event {
        Event::WakerLost { task } => report_lost_waker(task),
        Event::PollEnds { task, outcome: Outcome::Pending } => {
            report_if_busy(task);
            report_deadlock(task);
        }
        _ => {}
    }
}

fn report_if_busy(task: u64) {
    if let Some(entry) = tasks::entry(task).filter(|entry| entry.idle_polls == BUSY_POLLS) {
        let what = format!(
            "busy task: task {task} was polled {BUSY_POLLS} times in a row, each time after it had \
             woken itself, and no operation completed; let it wait for what it needs"
        );
        report_about(&what, &[(task, &entry)]);
    }
}

fn report_lost_waker(task: u64) {
    let Some(entry) = tasks::entry(task) else { return };
    if entry.name.contains("future::pending::Pending") {
        return;
    }
    let what = format!(
        "lost waker: task {task} waits, and no waker of it exists any more: it is never polled again, \
         and can only be aborted; the future that returned `Pending` in poll {} must keep a clone of \
         `cx.waker()` and wake it",
        entry.polls
    );
    report_about(&what, &[(task, &entry)]);
}

fn report_deadlock(task: u64) {
    let circle = tasks::deadlock_of(task);
    if circle.is_empty() {
        return;
    }
    let entries: Vec<_> =
        circle.iter().filter_map(|(task, _)| Some((*task, tasks::entry(*task)?))).collect();
    let about: Vec<_> = entries.iter().map(|(task, entry)| (*task, entry)).collect();
    report_about(&format!("deadlock: {}", tasks::chain(&circle)), &about);
}

fn look_for_long_polls() {
    let now = monotonic_now();
    // On a worker: the future of `block_on` may run on a thread that is none, and a blocking job may take its time.
    let takes_long = |entry: &Entry| {
        entry.phase == Phase::Running
            && entry.has_lints
            && entry.kind != TaskKind::Blocking
            && entry.worker.is_some()
            && entry.long_poll != entry.polls
            && now.saturating_sub(entry.since) > LONGEST_POLL
    };
    for (task, entry) in tasks::entries(takes_long) {
        tasks::update(task, |now| now.long_poll = entry.polls);
        let worker = entry.worker.unwrap_or(0);
        let what = format!(
            "blocked worker: worker {worker} has been in one poll of task {task} for {} ms, and runs \
             nothing else meanwhile; call what blocks from `spawn_blocking`, and let a long \
             computation `yield_now().await`",
            now.saturating_sub(entry.since).as_millis()
        );
        report_about(&what, &[(task, &entry)]);
    }
}

fn report_about(what: &str, about: &[(u64, &Entry)]) {
    let mut text = format!("openwork: {what}\n");
    for (task, entry) in about {
        let _ = writeln!(text, "    task {task}: spawned at {}, {}", entry.location, entry.name);
    }
    report(&text);
}

/// One write, so that no other text comes in between. If standard error is closed, there is nowhere to say so.
pub(crate) fn report(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}
