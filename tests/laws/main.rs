//! Tries runtimes by the laws.
//!
//! This crate keeps them all, on one thread and on two. Each step of the ladder breaks those that its
//! opening calls "still wrong", and no others. Each program of `examples/broken` breaks the laws that its
//! one fault breaks, and no others: so the table tells one fault from another.
//!
//! `mod.rs` says what a law is and leads to the table.

#[path = "../common/mod.rs"]
mod common;
#[path = "mod.rs"]
mod laws;
mod ours;
mod steps;

use laws::contract::Runtime;
use laws::judge::{self, Verdict};
use laws::table::{LAWS, Law};
use std::collections::BTreeSet;
use std::env;
use std::process::Command;
use std::time::Duration;

/// A runtime, and the laws that it breaks.
struct Subject {
    name: &'static str,
    runtime: Runtime,
    breaks: &'static [&'static str],
}

const SUBJECTS: &[&[Subject]] = &[&ours::SUBJECTS, &steps::SUBJECTS];

fn subject(name: &str) -> &'static Subject {
    let mut all = SUBJECTS.iter().copied().flatten();
    all.find(|subject| subject.name == name).expect("a subject of this name")
}

/// Names the subject that a process tries.
const SUBJECT: &str = "OPENWORK_SUBJECT";

#[test]
fn a_case_in_a_process_of_its_own() {
    let (Ok(name), Ok(law)) = (env::var(SUBJECT), env::var(judge::CASE)) else { return };
    judge::try_here(&subject(&name).runtime, &law);
}

fn assert_keeps_all_but_these(name: &str) {
    assert_breaks(name, subject(name).breaks, || {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["a_case_in_a_process_of_its_own", "--exact", "--nocapture"]);
        command.env(SUBJECT, name);
        command
    });
}

/// Asserts that a program breaks these laws, and no others.
fn assert_breaks(name: &str, breaks: &[&str], program: impl Fn() -> Command + Sync) {
    for law in breaks {
        assert!(LAWS.iter().any(|known| known.name == *law), "there is no law called {law}");
    }
    let command = |law: &Law| {
        let mut command = program();
        command.env(judge::CASE, law.name);
        // 30 s: a case that passes must end on the slowest machine. 5 s: many cases that fail hang, and those that
        // give up by themselves need less.
        let limit = if breaks.contains(&law.name) { 5 } else { 30 };
        (command, Duration::from_secs(limit))
    };
    let mut wrong = Vec::new();
    judge::try_all(command, |law, verdict| {
        println!("{name}, {}: {verdict:?}", law.name);
        let expected = breaks.contains(&law.name);
        let broken = matches!(verdict, Verdict::Broken(_));
        if broken != expected {
            let said = if expected { "must break" } else { "must keep" };
            wrong.push(format!("it {said} {}: {verdict:?}", law.name));
        }
    });
    assert!(wrong.is_empty(), "{name}:\n{}\n", wrong.join("\n"));
}

#[test]
fn the_names_of_the_laws_differ_and_each_has_its_reason() {
    let names: BTreeSet<_> = LAWS.iter().map(|law| law.name).collect();
    assert_eq!(names.len(), LAWS.len());
    assert!(LAWS.iter().all(|law| !law.why.is_empty() && law.why.len() < 100));
}

#[test]
fn openwork_on_one_thread_keeps_every_law() {
    assert_keeps_all_but_these("openwork, one thread");
}

#[test]
fn openwork_on_two_threads_keeps_every_law() {
    assert_keeps_all_but_these("openwork, two threads");
}

#[test]
fn step_1_of_the_ladder_breaks_only_what_it_says() {
    assert_keeps_all_but_these("step 1");
}

#[test]
fn step_2_of_the_ladder_breaks_only_what_it_says() {
    assert_keeps_all_but_these("step 2");
}

#[test]
fn step_3_of_the_ladder_breaks_only_what_it_says() {
    assert_keeps_all_but_these("step 3");
}

#[test]
fn step_4_of_the_ladder_breaks_only_what_it_says() {
    assert_keeps_all_but_these("step 4");
}

#[test]
fn step_5_of_the_ladder_breaks_only_what_it_says() {
    assert_keeps_all_but_these("step 5");
}

#[test]
fn step_6_of_the_ladder_breaks_only_what_it_says() {
    assert_keeps_all_but_these("step 6");
}

/// Each fault, with the laws that it breaks. The programs are puzzles: they name their fault in the last lines only.
const FAULTS: [(&str, &str, &[&str]); 8] = [
    ("broken_1", "starvation", &["two_tasks_that_wake_each_other_do_not_starve_a_third"]),
    ("broken_2", "a missed end of stream", &["the_end_of_a_stream_is_seen_after_a_short_read"]),
    (
        "broken_3",
        "a lost wake",
        &[
            "a_task_that_wakes_itself_in_its_poll_is_polled_again",
            "a_task_that_is_woken_in_its_poll_is_polled_again",
        ],
    ),
    ("broken_4", "a thread for each timer", &["a_thousand_sleeps_take_no_thousand_threads"]),
    (
        "broken_5",
        "a double poll",
        &[
            "a_task_is_not_polled_after_its_end",
            "a_finished_task_is_dropped_though_its_waker_lives", // it stays, to be polled again
        ],
    ),
    ("broken_6", "a stale waker", &["a_sleep_that_moves_wakes_its_new_task"]),
    ("broken_7", "a lock that is held while polling", &["two_tasks_are_polled_at_once"]),
    (
        "broken_8",
        "busy waiting",
        &["an_idle_runtime_sleeps", "a_runtime_that_waits_for_a_deadline_sleeps"],
    ),
];

#[test]
fn each_fault_breaks_its_law_and_no_other() {
    // All programs at once: most wait for the time limit of a case that hangs.
    std::thread::scope(|scope| {
        for (program, _, breaks) in FAULTS {
            scope.spawn(|| assert_breaks(program, breaks, || common::example(program)));
        }
    });
}

#[test]
fn a_puzzle_names_its_fault_in_its_last_lines_only() {
    for (program, fault, _) in FAULTS {
        let path = format!("{}/examples/broken/{program}.rs", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        let (puzzle, answer) = text.split_once("\n// The fault: ").expect("an answer");
        assert!(answer.starts_with(fault), "{program} is {answer:?}");
        assert!(!puzzle.contains(fault), "{program} names it before");
        assert!(answer.lines().skip(1).all(|line| line.starts_with("//")), "{program} goes on");
    }
}

#[test]
fn a_runtime_without_bodies_keeps_no_law_and_the_table_is_complete() {
    let output = common::example("yours").output().unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", output.status);
    assert!(table.contains("\n0 of 43 laws are kept"), "{table}");
    assert!(table.contains("seen: not yet implemented: poll the future"), "{table}");
}
