//! What the commands say when they cannot work: one line, which says what to do.

use std::path::Path;

use crate::gdb::{Build, build, fixture, has_gdb, run};

/// What a command prints.
fn says(program: &Path, start: &[&str], command: &str, what: &str) {
    let session = run(program, &["one", "waits"], &[start, &[command]].concat());
    let printed = session.of(command).trim();
    assert!(printed.contains(what), "{session}");
    assert_eq!(printed.lines().count(), 1, "{session}");
}

const UNKNOWN_LAYOUT: &str =
    "this version of the queue's crate has a layout that the script does not know";

const STOPPED: [&str; 2] = ["break debugger_fixture::look_now", "run"];

#[test]
fn a_command_that_cannot_work_says_what_to_do_in_one_line() {
    if !has_gdb() {
        return;
    }
    let program = fixture();
    says(program, &[], "async tasks", "there is no process: `run` the program, or load a core");
    says(program, &["break debugger_fixture::main", "run"], "async tasks", "no runtime exists");
    says(program, &STOPPED, "async bt 4711", "there is no task 4711");
    says(program, &STOPPED, "async bt", "a task's id is needed, such as 7 or `root`");
    says(
        program,
        &["break debugger_fixture::main", "run"],
        "async next",
        "not within an `async fn` or block",
    );
    says(program, &STOPPED, "print $async_task(4711)", "there is no task 4711");
    says(program, &STOPPED, "print $async_task($pc)", "$async_task takes a number, such as 7; for");
    says(program, &STOPPED, "async tasks foo", "unknown state \"foo\": it is idle, scheduled or");
    let layout = [&STOPPED[..], &["python LAYOUT_VERSION = 4711"]].concat();
    says(program, &layout, "async workers", "the program has layout 1 of openwork's types");
}

#[test]
fn a_queue_with_an_unknown_layout_is_said_to_have_one() {
    if !has_gdb() {
        return;
    }
    // The script then looks for a field that the type does not have, as if the queue's crate had renamed it; at last
    // for one that has another type.
    let rename = "python def rename(function, old, new): function.__code__ = function.__code__.replace(\
        co_consts=tuple(new if each == old else each for each in function.__code__.co_consts))";
    let injector = ["index", "block", "slots"].map(|field| ("injector", field, "absent"));
    let fifo = ["inner", "data", "ptr", "cap"].map(|field| ("fifo", field, "absent"));
    let fields = [&fifo[..], &injector, &[("injector", "slots", "next")]].concat();
    let looks = fields.iter().flat_map(|(queue, field, other)| {
        let renamed = |old, new| format!("python rename(Queues.{queue}, '{old}', '{new}')");
        [renamed(*field, *other), "async queues".to_owned(), renamed(*other, *field)]
    });
    let looks: Vec<_> = looks.collect();
    let mut commands = [&STOPPED[..], &[rename, "async queues"]].concat();
    commands.extend(looks.iter().map(String::as_str));
    let session = run(fixture(), &["two", "queues"], &commands);
    let mut shown = session.each("async queues").into_iter().map(|each| each.trim().lines());
    let known: Vec<_> = shown.next().unwrap().collect();
    assert!(known.len() == 4 && !known.concat().contains("layout"), "{session}");
    assert_eq!(shown.len(), fields.len(), "{session}");
    for ((queue, ..), lines) in fields.iter().zip(shown) {
        let lines: Vec<_> = lines.collect();
        assert_eq!(lines.len(), known.len(), "{session}");
        for (line, known) in lines.iter().zip(&known) {
            let start = if *queue == "fifo" { "; local queue: " } else { "  injector: " };
            let expected = match known.split_once(start) {
                Some((before, _)) => format!("{before}{start}{UNKNOWN_LAYOUT}"),
                None => known.to_string(),
            };
            assert_eq!(*line, expected, "{session}");
        }
    }
}

#[test]
fn the_help_names_every_command_and_each_has_its_own() {
    if !has_gdb() {
        return;
    }
    let list = "help async";
    let names = [
        "tasks",
        "tree",
        "bt",
        "timers",
        "sources",
        "queues",
        "workers",
        "locks",
        "next",
        "step",
        "finish",
        "break poll",
        "break wake",
        "break spawn",
    ];
    let each = names.map(|name| format!("help async {name}"));
    let commands: Vec<_> = [list].into_iter().chain(each.iter().map(String::as_str)).collect();
    let session = run(fixture(), &[], &commands);
    for (name, command) in names.iter().zip(&each) {
        let first = name.split(' ').next().unwrap();
        assert!(session.of(list).contains(&format!("async {first}")), "{session}");
        session.has_line(command, &[": async ", name]);
    }
    session.has_line(list, &["break f::{async_fn#0}"]);
    session.has_lines(list, &["async tasks [STATE]", "async locks", "async bt ID|all [-l]"]);
}

#[test]
#[ignore = "it builds the fixture once more"]
fn a_program_without_debug_information_is_said_to_be_one() {
    if has_gdb() {
        let script = concat!("source ", env!("CARGO_MANIFEST_DIR"), "/src/debugger/openwork.py");
        let stopped = [script, "break pause", "start", "async tasks"];
        says(&build("debugger_fixture", Build::Bare), &stopped[..3], "async tasks", "debug = 2");
    }
}

#[test]
#[ignore = "it builds the fixture once more"]
fn without_the_lines_of_awaits_the_chain_is_shown_and_that_is_said() {
    if !has_gdb() {
        return;
    }
    let program = build("debugger_fixture", Build::Split);
    let commands = [&STOPPED[..], &["async bt 1", "async tasks"]].concat();
    let session = run(&program, &["one", "waits"], &commands);
    let chain =
        ["is its debug information split off?", "outer at ?", "middle at ?", "inner at ?", "sleep"];
    session.has_lines("async bt 1", &chain);
    session.has_line("async tasks", &["5 ", "idle", "?", "the mutex 0x", "held by task 4"]);
}
