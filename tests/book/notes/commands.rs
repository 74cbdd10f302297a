//! Which commands does a page tell its reader to type, and have they been tried?
//!
//! A command is a line of a block fenced as `sh` or `console`, or a code span of more than one word
//! that begins with a program such as `cargo` or `gdb`. Nothing is asked of one that is tried anyway:
//!
//! ```text
//! the gate, .ci/run, has a line with all its words
//! cargo run --example NAME        there is such an example: tests/book/examples.rs runs them all
//! cargo test --test NAME filter   there is such a test program, and a test in it that the filter means
//! ```
//!
//! Whatever else a page says must be in `list.rs`, and is run by its rule or has a reason why not. And a block
//! whose first line begins with `$ ` is a **transcript**: each `$ ` line is run, and what it prints must be the
//! lines below it. There `…` stands for anything within a line, and alone for any lines, or none.
//!
//! Programs that are not installed cannot be tried; that is said, and is no fault.

use std::path::Path;
use std::process::{Command as Process, Stdio};

use super::check::Repository;
use super::page::{Block, Page};
use crate::common::{target_folder, without_cargo_variables};

/// What a reader would type to run or to watch something.
const PROGRAMS: &[&str] = &[
    "cargo", "rustc", "gdb", "rust-gdb", "lldb", "strace", "ltrace", "perf", "valgrind", "taskset",
];

/// A command, and what it is said to print, if that is told.
#[derive(Debug, PartialEq)]
pub struct Command {
    pub line: usize,
    pub text: String,
    pub prints: Option<Vec<String>>,
}

pub fn commands(text: &str) -> Vec<Command> {
    let page = Page::read(text);
    let spans = page.spans.iter().filter(|(_, span)| is_command(span)).map(|(line, span)| {
        let text = span.split_whitespace().collect::<Vec<_>>().join(" ");
        Command { line: *line, text, prints: None }
    });
    let mut commands: Vec<_> = page.blocks.iter().flat_map(in_block).chain(spans).collect();
    commands.sort_by_key(|command| command.line);
    commands
}

/// More than the name of a program, and of one that we know.
fn is_command(span: &str) -> bool {
    let words = words(span);
    words.len() > 1 && PROGRAMS.contains(&words[0])
}

/// Without variables that are set for it in front.
fn words(command: &str) -> Vec<&str> {
    let mut rest = command.trim();
    while let Some((name, value)) = rest.split_once('=') {
        if !name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_') {
            break;
        }
        let end = match value.strip_prefix('"') {
            Some(quoted) => quoted.find('"').map(|end| end + 2),
            None => value.find(' '),
        };
        rest = value[end.unwrap_or(value.len())..].trim();
    }
    rest.split_whitespace().collect()
}

fn in_block(block: &Block) -> Vec<Command> {
    let transcript = block.body.first().is_some_and(|line| line.starts_with("$ "));
    if !transcript && !matches!(&*block.info, "sh" | "bash" | "console") {
        return Vec::new();
    }
    let mut commands: Vec<Command> = Vec::new();
    let mut goes_on = false;
    for (line, text) in (block.line + 1..).zip(&block.body) {
        let (text, more) = match text.strip_suffix('\\') {
            Some(text) => (text.trim(), true),
            None => (text.trim_end(), false),
        };
        match commands.last_mut() {
            Some(command) if goes_on => command.text = format!("{} {}", command.text, text.trim()),
            Some(Command { prints: Some(prints), .. }) if !text.starts_with("$ ") => {
                prints.push(text.to_owned());
                continue;
            }
            _ if text.trim().is_empty() || text.starts_with('#') => continue,
            _ => {
                let text = text.strip_prefix("$ ").unwrap_or(text).trim().to_owned();
                commands.push(Command { line, text, prints: transcript.then(Vec::new) });
            }
        }
        goes_on = more;
    }
    commands
}

/// Whether a test or the gate runs it; an error if it cannot be run.
pub fn is_tried(command: &str, repository: Repository<'_>) -> Result<bool, String> {
    let gate = repository(".ci/run").unwrap_or_default();
    let all: Vec<_> = command.split_whitespace().collect();
    let has_all = |line: &str| all.iter().all(|word| line.split_whitespace().any(|w| w == *word));
    if gate.lines().any(|line| !line.starts_with('#') && has_all(line)) {
        return Ok(true);
    }
    let words = words(command);
    let after = |option: &str| {
        let at = words.iter().position(|word| *word == option)?;
        words.get(at + 1).copied()
    };
    if all.len() != words.len() || words[0] != "cargo" || after("--manifest-path").is_some() {
        return Ok(false);
    }
    match (words[1], after("--example"), after("--test")) {
        ("run" | "build", Some(name), None) => {
            // By its place, or by name.
            let manifest = repository("Cargo.toml").unwrap_or_default();
            let found = repository(&format!("examples/{name}.rs")).is_some()
                || manifest.contains(&format!("[[example]]\nname = \"{name}\"\n"));
            if found { Ok(true) } else { Err(format!("there is no example {name}")) }
        }
        ("test", None, Some(name)) => {
            let Some(tests) = tests_of(name, repository) else {
                return Err(format!("there is no test {name}"));
            };
            let options = |word: &&&str| !word.starts_with('-') && **word != name;
            let filter = words[2..].iter().take_while(|word| **word != "--").find(options);
            match filter {
                Some(filter) if !tests.iter().any(|test| test.contains(filter)) => {
                    Err(format!("no test in tests/{name} has {filter} in its name"))
                }
                _ => Ok(true),
            }
        }
        _ => Ok(false),
    }
}

/// The functions of a test program, each with its modules before it.
fn tests_of(name: &str, repository: Repository<'_>) -> Option<Vec<String>> {
    let mut tests = Vec::new();
    // The folder of a module's own modules, and the module's path.
    let mut modules = vec![(format!("tests/{name}"), String::new())];
    while let Some((folder, path)) = modules.pop() {
        let files = ["/main.rs", "/mod.rs", ".rs"].map(|end| format!("{folder}{end}"));
        let text = match files.iter().find_map(|file| repository(file)) {
            Some(text) => text,
            None if path.is_empty() => return None,
            // A module that another folder lends.
            None => continue,
        };
        for line in text.lines() {
            if let Some((name, _)) = line.trim_start().strip_prefix("fn ").and_then(name_of) {
                tests.push(format!("{path}{name}"));
            }
            if let Some((module, ";")) = line.strip_prefix("mod ").and_then(name_of) {
                modules.push((format!("{folder}/{module}"), format!("{path}{module}::")));
            }
        }
    }
    Some(tests)
}

/// The name with which a text begins, and what follows it.
fn name_of(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    Some(text.split_at(end))
}

/// What it prints, to both streams; none if there is no such program here. The pages name cargo's usual
/// folder, `target`; the command gets the one in use.
pub fn run(command: &str, folder: &Path) -> Option<Result<String, String>> {
    let target = target_folder();
    let command = command.replace(" target/", &format!(" {}/", target.display()));
    let program = words(&command)[0].to_owned();
    let known = Process::new("sh").args(["-c", &format!("command -v {program}")]).output();
    if !known.expect("there is a shell").status.success() {
        eprintln!("not tried, as there is no {program} here: {command}");
        return None;
    }
    let mut shell = Process::new("sh");
    without_cargo_variables(&mut shell);
    let output = shell
        .args(["-c", &format!("({command}) 2>&1")])
        .current_dir(folder)
        .stdin(Stdio::null())
        .envs([
            ("CARGO_TERM_COLOR", "never"),
            ("CARGO_TERM_QUIET", "true"),
            ("RUST_BACKTRACE", "0"),
        ])
        .env("CARGO_TARGET_DIR", target)
        .output()
        .expect("there is a shell");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    Some(if output.status.success() {
        Ok(printed)
    } else {
        Err(format!("`{command}`: {}\n{printed}", output.status))
    })
}

/// The first line of the page that what was printed does not have there.
pub fn first_difference(prints: &[String], printed: &str) -> Option<String> {
    let printed: Vec<_> = printed.trim_end().lines().map(str::trim_end).collect();
    let prints: Vec<_> = prints.iter().map(String::as_str).collect();
    let prints = prints.join("\n");
    let prints: Vec<_> = prints.trim_end().lines().collect();
    if lines_match(&prints, &printed) {
        return None;
    }
    let shown = (1..=prints.len()).find(|count| {
        let beginning = &prints[..*count];
        !(0..=printed.len()).any(|end| lines_match(beginning, &printed[..end]))
    });
    Some(match shown {
        Some(count) => format!("`{}` is not what is printed there", prints[count - 1]),
        None => "more is printed than the page has".to_owned(),
    })
}

fn lines_match(pattern: &[&str], lines: &[&str]) -> bool {
    match (pattern, lines) {
        ([], []) => true,
        (["…", rest @ ..], _) => {
            (0..=lines.len()).any(|skipped| lines_match(rest, &lines[skipped..]))
        }
        ([first, rest @ ..], [line, lines @ ..]) => {
            line_matches(first, line) && lines_match(rest, lines)
        }
        _ => false,
    }
}

fn line_matches(pattern: &str, line: &str) -> bool {
    let mut parts = pattern.split('…');
    let first = parts.next().unwrap_or("");
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    let parts: Vec<_> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}
