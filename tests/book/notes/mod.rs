//! Do the notes still say the truth about the code?
//!
//! Notes that name lines of code are wrong from the first edit above those lines, unless something
//! catches it. So here stale means red. Three kinds of link in `NOTES.md` and `README.md` are held
//! to what they say:
//!
//! ```text
//! [`Sleep::poll`](src/time/sleep.rs#L40)     line 40 defines that item, in an impl of that type;
//!                                            in a file that is not Rust, it contains these words
//! [src/park.rs#L7-L9](src/park.rs#L7-L9)     with a code block right below: these very lines, less
//!                                            the indentation that they share
//! [a sketch](tests/laws.rs), [§2](#idle)     the file, folder or heading exists
//! ```
//!
//! An edit that only moves lines is mended by `NOTES=fix cargo test --test book notes`. It rewrites
//! numbers, never words: where an item is gone or an excerpt has changed, the author must look.
//!
//! And what they tell their reader to type is tried, or there is a reason why not; where they show what
//! is printed then, that is compared. The rules for this are told in `commands.rs`, and a command for which
//! none of them will do has its place in `list.rs`. A breakpoint in the engine is a function there,
//! a file or a test that they name is there, and no stroke of their pictures leads to nothing.
//!
//! `page.rs` finds the links, `check.rs` judges them. Here are our own pages, and small ones that
//! are wrong on purpose, so that the checker is known to be able to fail.

mod check;
mod commands;
mod list;
mod page;

use crate::common::{ends, example};
use check::{Target, check, loose_ends, mend, unknown_breakpoints, unknown_names};
use commands::{Command, commands, first_difference, is_tried, run};
use list::{LIST, Rule};
use page::Page;
use std::{env, fs, path::Path};

/// Our pages, and how many lines of code each names at least: fewer would mean that we miss them.
const PAGES: [(&str, usize); 2] = [("NOTES.md", 10), ("README.md", 0)];

#[test]
fn the_pages_point_where_they_say() {
    let fix = env::var("NOTES").is_ok_and(|value| value == "fix");
    let mut complaints = Vec::new();
    for (page, fewest) in PAGES {
        let text = our_repository(page).unwrap_or_else(|| panic!("{page} is missing"));
        let mut faults = check(&text, &our_repository);
        if fix && !faults.is_empty() {
            fs::write(root().join(page), mend(&text, &faults)).expect("the page can be written");
            faults.retain(|fault| fault.moved_to.is_none());
        }
        complaints.extend(faults.iter().map(|fault| fault.report(page)));
        let named = lines_named(&text);
        if named < fewest {
            complaints.push(format!("{page}: only {named} lines of code are named"));
        }
    }
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn every_command_is_tried_or_there_is_a_reason_why_not() {
    let (mut complaints, mut said) = (Vec::new(), Vec::new());
    for (page, _) in PAGES {
        for command in commands(&our_repository(page).unwrap_or_default()) {
            let Command { line, text, prints } = command;
            let listed = LIST.iter().any(|(known, _)| *known == text);
            match is_tried(&text, &our_repository) {
                Ok(tried) if tried || listed || prints.is_some() => {}
                Ok(_) => complaints.push(format!("{page}:{line}: `{text}` must be in list.rs")),
                Err(what) => complaints.push(format!("{page}:{line}: `{text}`: {what}")),
            }
            said.push(text);
        }
    }
    let unsaid = LIST.iter().filter(|(known, _)| !said.iter().any(|text| text == known));
    complaints.extend(unsaid.map(|(known, _)| format!("list.rs: no page says `{known}`")));
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn one_can_stop_where_the_pages_say() {
    let folder = fs::read_dir(root().join("src/engine")).expect("the engine");
    let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let engine = names.map(|name| format!("src/engine/{name}"));
    let engine: Vec<_> =
        engine.map(|path| (path.clone(), our_repository(&path).unwrap_or_default())).collect();
    for (page, _) in PAGES {
        let text = our_repository(page).unwrap_or_default();
        assert_eq!(unknown_breakpoints(&Page::read(&text), &engine), [], "{page}");
    }
    let small = "`break openwork::engine::timer::Timer::new`\n`openwork::engine::timer::Heap::new`\n\
        ```sh\ngdb -ex 'break openwork::engine::timer::stop'\n```\n";
    let timer = "src/engine/timer.rs".to_owned();
    let source = [(timer, small_repository("src/timer.rs").unwrap())];
    let unknown = unknown_breakpoints(&Page::read(small), &source);
    assert_eq!(unknown, [(2, "timer::Heap::new".to_owned()), (4, "timer::stop".to_owned())]);
}

#[test]
fn no_stroke_of_a_picture_leads_to_nothing() {
    let mut complaints = Vec::new();
    for (file, text) in files_of(&["src", "examples"]) {
        let docs = text.lines().map(|line| {
            let line = line.trim_start();
            let doc = line.strip_prefix("//!").or_else(|| line.strip_prefix("///"));
            doc.map_or("", |doc| doc.strip_prefix(' ').unwrap_or(doc))
        });
        let docs = docs.collect::<Vec<_>>().join("\n");
        complaints
            .extend(loose_ends(&Page::read(&docs)).into_iter().map(|end| (file.clone(), end)));
    }
    for (page, _) in PAGES {
        let text = our_repository(page).unwrap_or_default();
        complaints
            .extend(loose_ends(&Page::read(&text)).into_iter().map(|end| (page.to_owned(), end)));
    }
    assert_eq!(complaints, []);
    let whole = "```text\n a ──▶ b\n │     ▲\n ▼     │ c\n d ────┘\n```\n";
    assert_eq!(loose_ends(&Page::read(whole)), []);
    let joined = whole.replace(" b\n", " b          ");
    assert_eq!(loose_ends(&Page::read(&joined)), [(2, '│'), (2, '▲')]);
}

#[test]
fn what_the_pages_name_is_there() {
    let files = files_of(&["src", "tests", "benches/src"]);
    let is_code = |name: &str| files.iter().any(|(_, text)| text.contains(name));
    for (page, _) in PAGES {
        let text = our_repository(page).unwrap_or_default();
        let unknown = unknown_names(&Page::read(&text), &our_repository, is_code);
        assert_eq!(unknown, [], "{page}");
    }
    let small = "`src/timer.rs` `src/` `src/gone.rs`\n`a_law_of_ours` `a_law_of_theirs` `a_law`\n";
    let is_code = |name: &str| name == "a_law_of_ours";
    let unknown = unknown_names(&Page::read(small), &small_repository, is_code);
    let expected = [(1, "src/gone.rs".to_owned()), (2, "a_law_of_theirs".to_owned())];
    assert_eq!(unknown, expected);
}

#[test]
fn what_is_run_prints_what_it_should() {
    // Builds them all, if need be, before the clock of each command ticks.
    let _ = example("tour");
    let mut complaints = Vec::new();
    for (command, rule) in LIST {
        let expected = match rule {
            Rule::Prints(expected) => expected,
            Rule::Not(reason) => {
                println!("not run, as {reason}: {command}");
                continue;
            }
        };
        match ends(|| run(command, root())) {
            Some(Ok(printed)) => complaints.extend(missing(expected, &printed).map(|part| {
                format!("list.rs: `{command}` does not print {part:?} there:\n{printed}")
            })),
            Some(Err(failed)) => complaints.push(failed),
            None => {}
        }
    }
    for (page, _) in PAGES {
        for command in commands(&our_repository(page).unwrap_or_default()) {
            let Command { line, text, prints: Some(prints) } = command else { continue };
            let fault = match ends(move || run(&text, root())) {
                Some(Ok(printed)) => first_difference(&prints, &printed)
                    .map(|difference| format!("{difference}, which is:\n{printed}")),
                Some(Err(failed)) => Some(failed),
                None => None,
            };
            complaints.extend(fault.map(|fault| format!("{page}:{line}: {fault}")));
        }
    }
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

/// The first of the parts that does not come where it should.
fn missing<'a>(parts: &[&'a str], printed: &str) -> Option<&'a str> {
    let mut rest = printed;
    parts.iter().copied().find(|part| match rest.split_once(part) {
        Some((_, after)) => {
            rest = after;
            false
        }
        None => true,
    })
}

fn lines_named(text: &str) -> usize {
    Page::read(text).links.iter().filter(|link| Target::of(link).is_lines()).count()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn our_repository(path: &str) -> Option<String> {
    let path = root().join(path);
    path.exists().then(|| fs::read_to_string(path).unwrap_or_default())
}

/// All files of these folders, with their text.
fn files_of(folders: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders: Vec<_> = folders.iter().map(|folder| root().join(folder)).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = fs::read_to_string(&path) {
                found.push((path.display().to_string(), text));
            }
        }
    }
    found
}

/// A repository of one Rust file, and a few to link to.
fn small_repository(path: &str) -> Option<String> {
    let timer = "\
struct Timer {
    due: u64,
}

impl<T> Timer<T> {
    pub(crate) const fn new() -> Self {
        Self { due: 0 }
    }
}

impl Drop for Heap {
    fn drop(&mut self) {}
}

fn new() {}
";
    match path {
        "src/timer.rs" => Some(timer.to_owned()),
        "Cargo.toml" => Some("[package]\nedition = \"2024\"\n".to_owned()),
        "src/" => Some(String::new()),
        ".ci/run" => Some("step test\nRUSTFLAGS=x cargo test --test a --test b\n".to_owned()),
        "examples/tour.rs" => Some(String::new()),
        "tests/many/main.rs" => Some("mod inner;\nmod lent;\n".to_owned()),
        "tests/many/inner.rs" => Some("fn a_law_of_many() {}\n".to_owned()),
        "tests/laws.rs" => Some("    fn a_law_of_ours() {}\n".to_owned()),
        "GUIDE.md" => Some("# Where to begin\n".to_owned()),
        _ => None,
    }
}

/// The reports on a small page, and the page after mending.
fn checked(page: &str) -> (Vec<String>, String) {
    let faults = check(page, &small_repository);
    (faults.iter().map(|fault| fault.report("N")).collect(), mend(page, &faults))
}

const MENDABLE: &str = "; `NOTES=fix cargo test --test book notes` rewrites the number";
const NOT_MENDABLE: &str = "; this needs a hand";

#[test]
fn what_is_true_is_green() {
    let page = "# Idle, and *busy*\n## Idle and busy\n\
        [`Timer`](src/timer.rs#L1) [`Timer.due`](src/timer.rs#L2) [`new`](src/timer.rs#L6)\n\
        [`new`](src/timer.rs#L15) [`timer::Timer<T>::new()`](src/timer.rs#L6), and\n\
        [the end of a `Heap::drop`](src/timer.rs#L12 \"a title\") [src](src/)\n\
        [`edition`](Cargo.toml#L2) [there](GUIDE.md#where-to-begin) [a](https://b.c/d#L1)\n\
        [b](#idle-and-busy) [c](#idle-and-busy-1) `[x](y)` [![d](src/)](Cargo.toml)\n\
        ```md\n[x](y)\n```\n\n[`Heap::drop`]: src/timer.rs#L12\n\n\
        [src/timer.rs#L6-L8](src/timer.rs#L6-L8)\n```rust\n\
        pub(crate) const fn new() -> Self {\n    Self { due: 0 }\n}\n```\n\
        [src/timer.rs#L15](src/timer.rs#L15)\n```rust\nfn new() {}\n```\n";
    assert_eq!(checked(page), (vec![], page.to_owned()));
    assert_eq!((Page::read(page).links.len(), lines_named(page)), (17, 10));
}

#[test]
fn a_stale_number_is_red_and_mended() {
    let page = "\n[`Timer::new`](src/timer.rs#L5), [`Heap::drop`](src/timer.rs#L13) and\n\
                [`edition`]: Cargo.toml#L1\n";
    let (reports, mended) = checked(page);
    let expected = [
        "N:2: `Timer::new` is not at src/timer.rs:5 but at line 6",
        "N:2: `Heap::drop` is not at src/timer.rs:13 but at line 12",
        "N:3: `edition` is not at Cargo.toml:1 but at line 2",
    ];
    assert_eq!(reports, expected.map(|report| format!("{report}{MENDABLE}")));
    assert_eq!(mended, page.replace("L5", "L6").replace("L13", "L12").replace("L1\n", "L2\n"));
    assert_eq!(checked(&mended).0, [""; 0]);
}

#[test]
fn an_excerpt_that_moved_is_mended() {
    let page = "[src/timer.rs#L1-L9](src/timer.rs#L1-L9)\n```rust\nSelf { due: 0 }\n```\n";
    let (reports, mended) = checked(page);
    assert_eq!(
        reports,
        [format!("N:1: the excerpt is not at src/timer.rs#L1-L9 but at line 7{MENDABLE}")]
    );
    assert_eq!(mended, page.replace("#L1-L9", "#L7"));
    assert_eq!(checked(&mended).0, [""; 0]);
}

#[test]
fn an_excerpt_that_changed_is_refused() {
    let page = "[src/timer.rs#L6-L7](src/timer.rs#L6-L7)\n```rust\n\
                pub(crate) const fn new() -> Self {\n    Self { due: 1 }\n```\n";
    let (reports, mended) = checked(page);
    let expected = "N:1: the excerpt is no longer to be found in src/timer.rs: \
                    it says `    Self { due: 1 }`, the code `    Self { due: 0 }`";
    assert_eq!(reports, [format!("{expected}{NOT_MENDABLE}")]);
    assert_eq!(mended, page);
}

#[test]
fn what_is_gone_or_in_doubt_is_refused() {
    for (page, expected) in [
        ("[`Timer::drop`](src/timer.rs#L12)", "`Timer::drop` is not defined in src/timer.rs"),
        (
            "[`new`](src/timer.rs#L7)",
            "`new` is not at src/timer.rs:7 but at one of [6, 15]: name its type too",
        ),
        ("[it](src/timer.rs#L6)", "the link to src/timer.rs#L6 names no item in backticks"),
        ("[`new`](src/heap.rs#L6)", "there is no src/heap.rs"),
        ("[it](#idle)", "no heading makes the anchor of #idle"),
        ("[it](GUIDE.md#idle)", "no heading makes the anchor of GUIDE.md#idle"),
        ("[it](src/timer.rs#6)", "no heading makes the anchor of src/timer.rs#6"),
        ("[it](src/timer.rs#L6-L8)", "no code block stands right below src/timer.rs#L6-L8"),
        (
            "[x](src/timer.rs#L9-L8)\n```rust\n}\n```",
            "the excerpt is not at src/timer.rs#L9-L8 but in several places",
        ),
    ] {
        let (reports, mended) = checked(page);
        assert_eq!(reports, [format!("N:1: {expected}{NOT_MENDABLE}")]);
        assert_eq!(mended, page);
    }
}

fn command(line: usize, text: &str, prints: Option<&[&str]>) -> Command {
    let prints = prints.map(|lines| lines.iter().copied().map(str::to_owned).collect());
    Command { line, text: text.to_owned(), prints }
}

#[test]
fn commands_are_found_where_a_reader_finds_them() {
    let page = "Type `cargo\nrun  --example tour`, or `A=1 B=\"x y\" gdb -x z`; `cargo` and `a = b` \
        are none.\n\n```sh\n# first\ncargo test\n\ngdb -ex run \\\n    target/tour\n```\n\n\
        ```rust\ncargo test\n```\n\n```text\n$ echo one \\\n  two\none two\n…\n$ true\n```\n";
    let expected = [
        command(1, "cargo run --example tour", None),
        command(2, "A=1 B=\"x y\" gdb -x z", None),
        command(6, "cargo test", None),
        command(8, "gdb -ex run target/tour", None),
        command(17, "echo one two", Some(&["one two", "…"])),
        command(21, "true", Some(&[])),
    ];
    assert_eq!(commands(page), expected);
}

#[test]
fn a_command_is_tried_if_the_gate_or_a_test_does() {
    for (command, expected) in [
        ("RUSTFLAGS=x cargo test --test b", Ok(true)),
        ("cargo run --release --example tour", Ok(true)),
        ("cargo run --example tower", Err("there is no example tower")),
        ("cargo test --test laws", Ok(true)),
        ("cargo test --release --test laws of_ours -- --nocapture", Ok(true)),
        (
            "cargo test --test laws of_theirs",
            Err("no test in tests/laws has of_theirs in its name"),
        ),
        ("cargo test --test many a_law_of_many", Ok(true)),
        ("cargo test --test many inner::a_law", Ok(true)),
        (
            "cargo test --test many a_law_of_ours",
            Err("no test in tests/many has a_law_of_ours in its name"),
        ),
        ("cargo test --test lawless", Err("there is no test lawless")),
        ("RUSTFLAGS=y cargo test --test laws", Ok(false)),
        ("cargo run --manifest-path benches/Cargo.toml --example tour", Ok(false)),
        ("strace cargo run --example tour", Ok(false)),
    ] {
        let tried = is_tried(command, &small_repository);
        assert_eq!(tried, expected.map_err(str::to_owned), "{command}");
    }
}

#[test]
fn a_transcript_is_compared_line_by_line() {
    let more = "more is printed than the page has";
    let not_there = |line: &str| format!("`{line}` is not what is printed there");
    for (page, printed, expected) in [
        ("", "", None),
        ("one\ntwo", "one\ntwo\n", None),
        ("one\n\n", "one", None),
        ("a … d …", "a b c d e", None),
        ("…\nlast", "one\ntwo\nlast", None),
        ("one\n…", "one", None),
        ("one", "one\ntwo", Some(more.to_owned())),
        ("one\ntwo", "one", Some(not_there("two"))),
        ("one\n…\ntwo\nthree", "one\ntwo\nthree!", Some(not_there("three"))),
        ("a … c", "a b", Some(not_there("a … c"))),
        ("a", "a b", Some(not_there("a"))),
    ] {
        let lines: Vec<_> = page.lines().map(str::to_owned).collect();
        assert_eq!(first_difference(&lines, printed), expected, "{page:?} and {printed:?}");
    }
}

#[test]
fn a_command_that_fails_is_red_and_one_that_is_not_here_is_not() {
    let tried = |command: &str| run(command, root());
    assert_eq!(tried("echo one; echo two >&2"), Some(Ok("one\ntwo\n".to_owned())));
    assert_eq!(tried("cat < /nowhere-to-be-found").map(|it| it.is_err()), Some(true));
    assert_eq!(tried("no-such-program-here --help"), None);
    assert_eq!(missing(&["a", "b"], "xaxb"), None);
    assert_eq!(missing(&["b", "a"], "xaxb"), Some("a"));
}
