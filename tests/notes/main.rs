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
//! An edit that only moves lines is mended by `NOTES=fix cargo test --test notes`. It rewrites
//! numbers, never words: where an item is gone or an excerpt has changed, somebody has to look.
//!
//! `page.rs` finds the links, `check.rs` judges them. Here are our own pages, and small ones that
//! are wrong on purpose, so that the checker is known to be able to fail.

mod check;
mod page;
#[path = "../source/mod.rs"]
mod source;

use check::{Target, check, mend};
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
        "GUIDE.md" => Some("# Where to begin\n".to_owned()),
        _ => None,
    }
}

/// The reports on a small page, and the page after mending.
fn checked(page: &str) -> (Vec<String>, String) {
    let faults = check(page, &small_repository);
    (faults.iter().map(|fault| fault.report("N")).collect(), mend(page, &faults))
}

const MENDABLE: &str = "; `NOTES=fix cargo test --test notes` rewrites the number";
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
