//! Stepping through one task among a hundred that run the same function.

use crate::gdb::{Session, fixture, has_gdb, here, line_of, run};

/// The lines of the fixture at which gdb has stopped after each of these commands.
fn stops(session: &Session, start: &str) -> Vec<usize> {
    let stop = |printed: &&str| {
        let (_, rest) = printed.rsplit_once("tests/debugger/fixture.rs:")?;
        rest.lines().next()?.parse().ok()
    };
    session.each(start).iter().map(|printed| stop(printed).unwrap_or(0)).collect()
}

fn fixture_line(remark: &str) -> usize {
    line_of(include_str!("fixture.rs"), remark)
}

const START: [&str; 2] = ["tbreak debugger_fixture::ten_awaits::{async_fn#0}", "run"];

fn session(flavour: &str, commands: &[&str]) -> Session {
    run(fixture(), &[flavour, "steps"], &[&START, commands].concat())
}

/// The value that gdb prints as `$1 = 5`.
fn printed(text: &str) -> u32 {
    let (_, value) = text.split_once(" = ").unwrap_or_else(|| panic!("no value: {text}"));
    value.trim().parse().unwrap()
}

#[test]
fn next_goes_over_ten_awaits_in_one_task_of_a_hundred() {
    if !has_gdb() {
        return;
    }
    for flavour in ["one", "two"] {
        let lines: Vec<_> = (fixture_line("first")..=fixture_line("last")).collect();
        let mut commands = vec!["async next"; lines.len()];
        // In which of the tasks it is, before and after the awaits.
        commands.insert(2, "print sum");
        commands.extend(["print sum + 0", "async next"]);
        let session = session(flavour, &commands);
        assert_eq!(stops(&session, "async next")[..lines.len()], lines, "{session}");
        assert_eq!(
            printed(session.of("print sum")) + 15,
            printed(session.of("print sum + 0")),
            "{session}"
        );
        let last = session.each("async next").pop().unwrap();
        assert!(last.contains("the outermost future is ready"), "{session}");
    }
}

#[test]
fn step_goes_into_an_awaited_function_and_finish_out_of_it() {
    if !has_gdb() {
        return;
    }
    for flavour in ["one", "two"] {
        let (second, add) = (fixture_line("second"), fixture_line("add"));
        let (boxed, inside) = (fixture_line("boxed_add"), fixture_line("in boxed_add"));
        let next = "async next";
        let to_second = [next, next, next, "async step", "async finish"];
        let to_boxed = [next, next, next, "async step", next, next];
        let session = session(flavour, &[&to_second[..], &to_boxed[..]].concat());
        let lines = stops(&session, "async ");
        assert_eq!(lines[2..5], [second, add, second + 1], "{session}");
        session.has_line("async finish", &["debugger_fixture::add is ready"]);
        assert_eq!(lines[7..11], [boxed, inside, inside + 1, inside + 2], "{session}");
    }
}

#[test]
fn next_says_if_the_future_is_dropped_while_it_waits() {
    if !has_gdb() {
        return;
    }
    let next = "async next";
    let start = ["tbreak debugger_fixture::waits_for_ever::{async_fn#0}", "run"];
    let commands = [&start[..], &[next, next, next]].concat();
    let session = run(fixture(), &["one", "steps"], &commands);
    let lines = [fixture_line("before_ever"), fixture_line("ever")];
    assert_eq!(stops(&session, next)[..2], lines, "{session}");
    let last = session.each(next).pop().unwrap();
    assert!(last.contains("waits_for_ever is dropped before it is ready"), "{session}");
}

#[test]
fn a_breakpoint_stops_where_a_task_is_spawned_polled_and_woken() {
    if !has_gdb() {
        return;
    }
    let spawn = format!("async break spawn fixture.rs:{}", fixture_line("hundred"));
    let body = "tbreak debugger_fixture::steps::{async_fn#0}";
    // The last task that is spawned: then the hundred have begun, and 101 waits for this one.
    let tells = "tbreak debugger_fixture::tells::{async_fn#0}";
    let teller = format!("task 101 is woken by task 102, at {}", here("tells"));
    for flavour in ["one", "two"] {
        let session = |commands: &[&str]| run(fixture(), &[flavour, "steps"], commands);
        let spawned = session(&[body, "run", &spawn, "continue"]);
        spawned.has_line("continue", &["task 1 is spawned at ", &here("hundred")]);
        let polled = session(&[tells, "run", "async break poll 20", "continue"]);
        polled.has_line("continue", &["task 20 is polled"]);
        let timer = session(&[tells, "run", "async break wake 20", "continue"]);
        timer.has_line("continue", &["task 20 is woken by a timer"]);
        let told = session(&[tells, "run", "async break wake 101", "continue", "async bt 102"]);
        told.has_line("continue", &[&teller]);
        // It is in the midst of that wake, deep in the engine.
        let frames = ["it runs on thread", "debugger_fixture::tells at ", "wake_task at "];
        told.has_lines("async bt 102", &frames);
    }
}
