//! The examples, each to its end, with the lines for which one runs it.
//!
//! What depends on the machine (how many milliseconds, which port, which thread) is left out, and what two
//! threads say at the same time is asked for by one of them only. A line is found by a part of it.

use std::collections::BTreeSet;
use std::fs;

use crate::common::{ends, example};

/// One test for each example: these lines appear, in this order, perhaps with others between them.
macro_rules! examples {
    ($($name:ident: $lines:expr;)*) => {
        const TRIED: &[&str] = &[$(stringify!($name)),*];
        $(#[test]
        fn $name() {
            says(stringify!($name), &$lines);
        })*
    };
}

examples! {
    debug_me: ["1 loaves after 1 h", "2 loaves after 2 h", "3 loaves after 3 h", "6 loaves in all"];
    ladder_1_block_on: ["polled: None", "polled: Some(42)", "the answer is 42"];
    ladder_2_run_queue: [
        "polled: None",
        "task 100: the answer is 42",
        "task 200: the answer is 42",
        "task 300: the answer is 42",
    ];
    ladder_3_timer_heap: [
        "task 300: sleeps", "task 100: awake", "task 200: awake", "task 300: awake", "all done",
    ];
    ladder_4_reactor: ["A: round 1", "A: round 2", "A: round 3: what came back is what was sent"];
    ladder_5_join_handle: [
        "one returns: Ok(42)", "one panics: Err(Panicked(\"I give up\"))",
        "one is aborted: Err(Cancelled)", "one echoes: 5 bytes",
    ];
    ladder_6_threads: ["has computed"];
    yours: ["✗ the root future gets a real waker", "not yet implemented"];

    tour: [
        "── 1. Sleeping", "B was woken by its timer", "C was woken", "A was woken",
        "── 2. A channel", "consumer: got 5", "── 3. An echo server", "was cancelled",
        "The same on two workers", "consumer: got 5", "was cancelled", "that was all",
    ];
    sleep: [
        "slept for 100 ms", "slept for 200 ms", "slept for 300 ms", "all three are awake",
        "time-out: deadline has elapsed", "slept for 3600s by the runtime's clock",
    ];
    virtual_time: [
        "365 backups: the last has ended, after 364 days and an hour",
        "after 59.999 s the entry is fresh", "after 60.000 s the entry is stale",
        "a hundred sleeps: the same order",
    ];
    race: [
        "in the usual order of tasks: right, a thousand times",
        "seed 780 is the first that fails", "the reader loads version 0",
        "the writer removes the old value from the cache", "the reader stores version 0 in the cache",
        "with that seed: the same steps, a hundred times",
        "the repaired program: right under all seeds",
    ];
    hang: ["usage: hang deadlock | lost-waker | blocked | busy | channel"];
    timeline: ["events are in target/timeline.html: open it in a browser"];
    steal: ["at first worker 0 and worker 1 have stolen [0, 0] tasks", "the parent is spawned"];

    channels: [
        "made part  3: there is room", "made part  4: had to wait for room", "part 10 taken",
        "No sender is left", "2 squared is 4", "4 squared is 16", "answered 3 of 4",
    ];
    request_response: [
        "   50 ms  client: it is \"Haus\"", "  100 ms  client: there will be no answer",
        "  200 ms  client: that takes too long, never mind",
        "  200 ms  server: no task waits for \"serendipity\" any more",
    ];
    actor: [
        "opened with 100", "Ada takes 30, and leaves 70", "Bob wants 90: there are only 70",
        "Cleo takes 50, and leaves 20", "the actor: no handle is left, good night; 20 remain",
    ];
    fan_in_fan_out: [
        "the best: 9, by south", "  100 ms  cellar: 19 degrees", "both are done",
        "quick: 1 2 3 4 5 6 7 8 9 10 11 12",
        "slow: 1 2 (2 missed) (3 missed) (1 missed) 9 10 11 12",
        "quick: 1 2 3 4 5 6 7 8 9 10 11 12", "slow: 1 4 8 11 12",
    ];
    worker_pool: [
        "    0 ms  Cleo takes job 3, of 200 ms", "   20 ms  Bob takes job 4, of 30 ms",
        "   50 ms  the last job is in the queue", "job 5 has failed", "there is nothing to do",
        "410 ms of work, done by three in 200 ms",
    ];
    pipeline: [
        "  200 ms  page 5", "at most 1 at once", "   60 ms  page 1", "   90 ms  page 5",
        "at most 3 at once", "   40 ms  page 3", "   70 ms  page 5", "at most 3 at once",
        "   90 ms  the sum of all numbers of pages is 210",
    ];
    rate_limiter: [
        "   50 ms  request 3 begins", "  100 ms  request 6 begins", "  150 ms  all are done",
        "    0 ms  request 3 begins", "  100 ms  request 4 begins", "  500 ms  request 8 begins",
        " 1500 ms  permits: 3",
    ];

    retry: [
        "   1200 ms the end: Ok(\"hello\")", "   2500 ms the end: Err(Busy)",
        "      0 ms the end: Err(Forbidden)",
    ];
    select_cancel: [
        "    30 ms the quick one is done", "the slow one puts its tools away",
        "   130 ms too late for the slow one", "   100 ms it stops after 2 steps",
        "   200 ms still at work", "   250 ms done", "   180 ms it is quiet",
        "   340 ms the last sender is dropped",
    ];
    ctrl_c: [
        "Cleo: at work", "^C", "main: that was Ctrl-C", "Ada: all is tidy", "Bob: all is tidy",
        "^C", "main: Ctrl-C again, so 1 task is cut off",
    ];
    graceful_shutdown: [
        "Ada: the server says: done", "^C", "server: Ctrl-C, 3 connections are open",
        "Bob: the server says: done", "Bob: the server says: goodbye",
        "server: 1 would not end, good night",
    ];

    cpu_work: [
        "before: the heart beats: true", "9592 primes, counted in a task, in",
        "meanwhile 0 beats", "counted in a task that gives way",
        "9592 primes, counted on the blocking pool", "the largest of them is 99991",
    ];
    scoped: [
        "words in each line: [10, 8, 7, 9], letters in all: 133",
        "[\"question:\", \"Whether\", \"outrageous\", \"troubles\"]",
        "the scope panicked: true, the other task finished: true",
    ];

    tcp_echo: ["Ada hears: hello", "Ada hears: is anybody there?", "Ada hears: goodbye"];
    udp_echo: [
        "Ada: \"hello\" came back", "server: datagram 3 is lost on purpose",
        "Ada: no answer to \"\"", "Ada: \"\" came back", "Bob: \"goodbye\" came back",
    ];
    chat_server: [
        "Ada reads:      Welcome, Ada.", "Ada reads:      * Bob has come",
        "Ada says:  hello, both of you", "Bob reads:      Ada: hello, both of you",
        "Cleo reads:      Bob: hello, Ada", "Bob reads:      * Cleo has gone",
    ];
    http_hello: [
        "one request: 200 OK", "three at once: 200 OK, 200 OK, 200 OK", "an old client: 200 OK",
        "another page: 404", "something else: 405", "not HTTP: 400", "too large: 431",
        "never finished: 408", "2000 hellos to 40 clients",
    ];
    http_get: [
        "/hello: 200 OK, 14 bytes", "/missing: 404 Not Found, 23 bytes",
        "/asleep: failed: deadline has elapsed", "/mail: failed: no HTTP",
        "/flood: failed: more than we want to keep", "/nobody: failed: connection refused",
        "all of them took",
    ];
    copy_file: [
        "written: 188894 bytes", "100 % and more", "copied: 188894 bytes",
        "read: 10000 lines, the last is \"This is line 10000.\"", "the same in both: true",
        "NotFound", "the folder is gone: true",
    ];

    claim_memory: [
        "a task that waits", "a task that sleeps and keeps 2 KB", "a thread that waits",
        "sleeping tasks fit where one thread does",
    ];
    claim_switch: [
        "two tasks give way in turn", "a token round 100 tasks on two workers",
        "a token round 20 threads", "times as fast as a thread does",
    ];
    claim_blocking: [
        "one thread     a task blocks", "one thread     spawn_blocking", "two workers    two tasks block",
        "holds the others up for",
    ];
    claim_lock_over_await: [
        "no          not in 1s      cannot be", "yes              20 ms          20 ms",
        "yes              40 ms         400 ms", "20 times as long as a lock let go before",
    ];
    claim_forgotten_await: [
        "and no `.await`                           0       0        0 ms",
        "the handle dropped                  1       1        0 ms",
        "aborted at half time                1       0       50 ms",
        "what was only called 0 began, of what was spawned and forgotten 1 ended",
    ];
    claim_unbounded: [
        "bounded, room for 100", "            100 ", "unbounded", "as many messages in line",
    ];
}

/// Runs the example without arguments and input, and looks for the lines in its output.
fn says(name: &'static str, lines: &[&str]) {
    let mut example = example(name);
    let output = ends(move || example.output().unwrap());
    let said = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {}\n{said}\n{errors}", output.status);
    let mut rest = &*said;
    for line in lines {
        let at = rest.find(line);
        let at = at.unwrap_or_else(|| panic!("{name} does not say {line:?} there:\n{said}"));
        rest = &rest[at + line.len()..];
    }
}

/// The names in `examples/`: files, and folders with a `main.rs`.
fn examples() -> BTreeSet<String> {
    let folder = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/examples")).unwrap();
    let paths = folder.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| {
            path.extension().is_some_and(|ext| ext == "rs") || path.join("main.rs").exists()
        })
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect()
}

fn text(path: &str) -> String {
    let path = format!("{}/examples/{path}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn every_example_is_tried() {
    let tried = TRIED.iter().copied().map(str::to_owned).collect();
    assert_eq!(examples(), tried, "what is in examples/, and what is tried here");
}

#[test]
fn every_example_opens_with_what_it_shows_and_how_to_run_it() {
    for name in examples() {
        let text = text(&format!("{name}.rs"));
        let opening: Vec<_> = text.lines().take_while(|line| line.starts_with("//!")).collect();
        assert!(opening.len() > 3, "{name} says nothing about itself");
        let command = format!("cargo run --example {name}");
        let release = format!("cargo run --release --example {name}");
        assert!(
            opening.iter().any(|line| line.contains(&command) || line.contains(&release)),
            "{name} does not say how to run it"
        );
    }
}

#[test]
fn the_list_of_examples_is_complete_and_names_nothing_else() {
    let list = text("README.md");
    let linked = list.split("](").skip(1).filter_map(|link| link.split_once(".rs)"));
    let listed: BTreeSet<_> = linked.map(|(name, _)| name.to_owned()).collect();
    assert_eq!(examples(), listed, "what is in examples/, and what examples/README.md lists");
}
