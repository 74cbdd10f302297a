//! The tour of NOTES.md: what it says that gdb prints is what gdb prints.

use crate::gdb::{Build, build, has_gdb, run};

/// The commands behind `(gdb) ` in the page's blocks, with the lines below each.
fn transcript(page: &str) -> Vec<(&str, Vec<&str>)> {
    let mut commands: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut within = false;
    for line in page.lines() {
        match line.strip_prefix("(gdb) ") {
            Some(command) => {
                within = true;
                commands.push((command, Vec::new()));
            }
            None if line == "```" => within = false,
            None if within => commands.last_mut().unwrap().1.push(line),
            None => {}
        }
    }
    commands
}

/// Whether these lines are what was printed. `…` stands for anything in a line, and alone for any lines.
fn matches(expected: &[&str], printed: &[&str]) -> bool {
    match (expected, printed) {
        ([], []) => true,
        (["…", rest @ ..], _) => (0..=printed.len()).any(|skip| matches(rest, &printed[skip..])),
        ([first, rest @ ..], [line, lines @ ..]) => is_line(first, line) && matches(rest, lines),
        _ => false,
    }
}

fn is_line(expected: &str, line: &str) -> bool {
    let parts: Vec<_> = expected.split('…').collect();
    let [first, middle @ .., last] = &parts[..] else { return expected == line };
    line.strip_prefix(first).and_then(|rest| rest.strip_suffix(last)).is_some_and(|rest| {
        let mut rest = rest;
        middle.iter().all(|part| match rest.split_once(part) {
            Some((_, after)) => {
                rest = after;
                true
            }
            None => false,
        })
    })
}

#[test]
fn the_tour_of_the_notes_shows_what_gdb_prints() {
    if !has_gdb() {
        return;
    }
    let transcript = transcript(include_str!("../../NOTES.md"));
    assert!(transcript.len() >= 10, "the tour is gone: {transcript:?}");
    let commands: Vec<_> = transcript.iter().map(|(command, _)| *command).collect();
    let session = run(&build("debug_me", Build::Debug), &[], &commands);
    let mut shown = session.each("").into_iter();
    for (command, expected) in &transcript {
        let printed = shown.next().unwrap_or_else(|| panic!("gdb did not come so far:\n{session}"));
        let printed: Vec<_> = printed.trim_end().lines().filter(|line| !is_noise(line)).collect();
        let expected: Vec<_> = expected.to_vec();
        assert!(matches(&expected, &printed), "`{command}` prints otherwise:\n{session}");
    }
}

fn is_noise(line: &str) -> bool {
    line.contains("libthread_db")
}
