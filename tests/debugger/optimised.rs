//! Programs that the compiler has optimised; and many tasks.

use crate::gdb::{Build, build, fixture, has_gdb, here, run};
use crate::waits::live_and_core;

#[test]
#[ignore = "it builds the fixture twice more"]
fn chains_and_locals_are_shown_in_release_builds_and_with_fat_lto() {
    if !has_gdb() {
        return;
    }
    for optimised in [Build::Release, Build::FatLto] {
        let program = build("debugger_fixture", optimised);
        for flavour in ["one", "two"] {
            for session in live_and_core(&program, flavour) {
                session.has_line("async tasks", &["1 ", "idle", &here("inner"), "sleep"]);
                session.has_line("async tasks", &["5 ", &here("wants"), "held by task 4"]);
                session.has_line("async tasks", &["2 ", &here("reads"), "readable"]);
                session.has_line("async tasks", &["running", "runs on thread"]);
                let chain = [&here("outer"), &here("middle"), &here("inner"), "sleep", "task 2"];
                session.has_lines("async bt all", &chain);
                let selects = [&here("selects"), "select!", &here("middle"), "sleep", "message"];
                session.has_lines("async bt all", &selects);
                session.has_lines("async bt all", &[&here("asks"), &here("speak"), &here("inner")]);
                session.has_lines("async bt 1 -l", &["level = 1", "doubled = 4"]);
                session.has_line("async locks", &["deadlock: task 7 -> task 8 -> task 7"]);
                session.has_line("async workers", &["thread ", "runs task "]);
            }
        }
    }
}

#[test]
fn five_thousand_tasks_are_listed_in_five_seconds() {
    if !has_gdb() {
        return;
    }
    let stop = [
        "break debugger_fixture::look_now",
        "run",
        "python import time; start = time.process_time()",
    ];
    let commands =
        [&stop[..], &["async tasks", "python print(time.process_time() - start)"]].concat();
    let session = run(fixture(), &["two", "sleeps"], &commands);
    assert_eq!(session.of("async tasks").matches(&here("inner")).count(), 5000);
    let seconds: f64 =
        session.of("python print(time.process_time() - start)").trim().parse().unwrap();
    // Of the processor, as other tests run beside this one.
    assert!(seconds < 5.0, "it took {seconds} s");
}
