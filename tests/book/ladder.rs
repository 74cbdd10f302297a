//! Is each step of the ladder the one before plus one idea?
//!
//! What a step adds is seen best in a `diff`, if it shows nothing else. So it is measured: of the
//! lines of a step, how many stand in the next, in the same order? And each step, run to its end,
//! prints what it always printed.

use std::fs;

const STEPS: [&str; 6] = [
    "ladder_1_block_on",
    "ladder_2_run_queue",
    "ladder_3_timer_heap",
    "ladder_4_reactor",
    "ladder_5_join_handle",
    "ladder_6_threads",
];

/// So many in a hundred lines of each step stand in the next. The loop and what it runs remain; the
/// opening and `main` change; from 2 to 3 the future by hand goes, and with it its thread.
const UNCHANGED: [usize; 5] = [65, 65, 77, 78, 81];

#[test]
fn a_step_is_the_one_before_plus_one_idea() {
    let texts = STEPS.map(|step| {
        fs::read_to_string(format!("{}/examples/{step}.rs", env!("CARGO_MANIFEST_DIR"))).unwrap()
    });
    for (at, least) in UNCHANGED.into_iter().enumerate() {
        let (before, after) = (lines(&texts[at]), lines(&texts[at + 1]));
        let percent = 100 * common_lines(&before, &after) / before.len();
        println!("{} to {}: {percent} in 100 lines stand", STEPS[at], STEPS[at + 1]);
        assert!(percent >= least, "{}: {percent} in 100 lines, of {least}", STEPS[at + 1]);
        assert!(after.len() > before.len(), "{} is no longer than the one before", STEPS[at + 1]);
    }
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.is_empty()).collect()
}

/// How many lines the two have in common, in the same order.
fn common_lines(one: &[&str], other: &[&str]) -> usize {
    let mut best = vec![0; other.len() + 1]; // with the lines of `one` so far and `at` of the other
    for line in one {
        let mut before = 0; // the best without this line
        for at in 0..other.len() {
            let here = best[at + 1];
            best[at + 1] = if line == &other[at] { before + 1 } else { here.max(best[at]) };
            before = here;
        }
    }
    best[other.len()]
}

#[test]
fn the_measure_counts_lines_in_the_same_order() {
    assert_eq!(common_lines(&["a", "b", "c"], &["x", "a", "c", "b"]), 2);
    assert_eq!(common_lines(&["a", "a"], &["a"]), 1);
    assert_eq!(common_lines(&["a"], &[]), 0);
}

/// What the step prints; each number is an N.
fn printed(step: usize) -> Vec<String> {
    let output = crate::common::example(STEPS[step - 1]).output().unwrap();
    assert!(output.status.success(), "step {step}: {}", output.status);
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(without_numbers).collect()
}

fn without_numbers(line: &str) -> String {
    let mut text = line.replace(|c: char| c.is_ascii_digit(), "N");
    while text.contains("NN") {
        text = text.replace("NN", "N");
    }
    text
}

fn assert_printed(step: usize, expected: &[&str]) {
    assert_eq!(printed(step), expected, "step {step}");
}

#[test]
fn step_1_polls_twice() {
    assert_printed(1, &["polled: None", "polled: Some(N)", "the answer is N"]);
}

#[test]
fn step_2_asks_three_and_polls_each_twice() {
    let asks = ["task N: asks", "polled: None"];
    let told = ["polled: Some(N)", "task N: the answer is N"];
    assert_printed(2, &[asks, asks, asks, told, told, told].concat());
}

#[test]
fn step_3_sleeps_three_times_at_once() {
    let (asleep, awake) = ("task N: sleeps N ms", "task N: awake after N ms");
    let end = "all done after N ms, the time of the longest";
    assert_printed(3, &[asleep, asleep, asleep, awake, awake, awake, end]);
}

#[test]
fn step_4_serves_three_clients() {
    let mut lines = printed(4);
    lines.sort();
    let line = |name| format!("{name}: round N: what came back is what was sent");
    let expected = ["A", "B", "C"].map(line);
    let expected: Vec<_> = expected.into_iter().flat_map(|line| vec![line; 3]).collect();
    assert_eq!(lines, expected);
}

#[test]
fn step_5_tells_four_ends() {
    assert_printed(
        5,
        &[
            "one returns: Ok(N)",
            "one panics: Err(Panicked(\"I give up\"))",
            "one is aborted: Err(Cancelled)",
            "one echoes: N bytes",
        ],
    );
}

#[test]
fn step_6_does_it_on_three_threads() {
    let mut lines = printed(6);
    lines.sort();
    let mut expected = vec!["worker N has computed N"; 4];
    expected.extend(["worker N has a task from outside", "worker N has blocked"]);
    expected.extend(["one echoes: N bytes", "worker N has slept"]);
    expected.sort();
    assert_eq!(lines, expected);
}
