//! Can the source be read from the first page to the last, with nothing taken on trust?
//!
//! Only if no file leans on one that the reader has not met yet. So the order of the `mod` lines is
//! the reading order, and it is law: a file uses only files above it.
//!
//! ```text
//! src/lib.rs ── mod engine; ──> src/engine/mod.rs ── mod clock; ──> src/engine/clock.rs
//!                                       │                                  ▲ may use
//!                                       └─────────── mod timer; ──> src/engine/timer.rs
//! ```
//!
//! A parent may name its own children: it is their map. The names at the crate's root are for its
//! users; inside, they would hide where a thing lives, so a file names the module that defines it.
//! Tests may use what they like. That the engine knows nothing of the library which stands on it
//! needs no rule of its own: it follows.
//!
//! `paths.rs` finds the names that a file mentions, `house.rs` the files that they lead to. Here
//! are the laws, and small houses that break them. One law keeps files and functions to a size; another sees
//! to it that each file shows the way to the next.

mod house;
mod paths;

use crate::source::{Item, blank, without_tests};
use house::{House, Module, Tree};
use std::collections::BTreeSet;
use std::{env, fs, path::Path};

/// The design guide's bound on a file: lines that are neither blank, nor comment, nor test.
const LINES_OF_A_FILE: usize = 300;

/// The design guide's bound on a function, counted alike, from its `fn` to its closing brace.
const LINES_OF_A_FN: usize = 50;

#[test]
fn a_file_uses_only_what_stands_above_it() {
    assert_none(&House::read(&our_tree(), production).violations());
}

#[test]
fn every_file_has_its_place_in_the_order() {
    let tree = our_tree();
    let house = House::read(&tree, blank);
    let placed = BTreeSet::from_iter(house.modules.iter().map(|module| &module.file));
    let lost: Vec<_> = tree.keys().filter(|file| !placed.contains(file)).collect();
    assert!(lost.is_empty(), "no mod line leads to {lost:?}");
}

#[test]
fn files_and_functions_keep_to_their_size() {
    let house = House::read(&our_tree(), production);
    assert_none(&oversized(&house, LINES_OF_A_FILE, LINES_OF_A_FN));
}

#[test]
fn each_file_says_which_comes_next() {
    let tree = our_tree();
    assert_none(&wrong_ways(&House::read(&tree, blank), &tree));
}

fn assert_none(found: &[String]) {
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

/// The code that the laws are for.
fn production(text: &str) -> String {
    without_tests(&blank(text))
}

/// Every file and every function above its bound.
fn oversized(house: &House, of_a_file: usize, of_a_fn: usize) -> Vec<String> {
    let mut found = Vec::new();
    for Module { file, code, items, .. } in &house.modules {
        let lines = lines_of_code(code, 1, usize::MAX);
        if lines > of_a_file {
            found.push(format!("{file} has {lines} lines of code, of {of_a_file}"));
        }
        for Item { path, line, end, .. } in items.iter().filter(|item| item.keyword == "fn") {
            let lines = lines_of_code(code, *line, *end);
            if lines > of_a_fn {
                let name = path.join("::");
                found.push(format!("{file}:{line} fn {name} has {lines} lines, of {of_a_fn}"));
            }
        }
    }
    found
}

/// Every file whose opening does not say ``Next: `…` `` of the one that follows. A `mod.rs` is itself a list
/// of what comes next.
fn wrong_ways(house: &House, tree: &Tree) -> Vec<String> {
    let pairs = house.modules.windows(2).map(|pair| (&pair[0].file, &pair[1].file));
    let pages = pairs.filter(|(file, _)| !file.ends_with("/mod.rs") && *file != "src/lib.rs");
    let wrong = pages.filter_map(|(file, next)| {
        let name = next.strip_suffix("/mod.rs").unwrap_or(next).rsplit('/').next()?;
        let says = format!("Next: `{name}`");
        let mut opening = tree[file].lines().take_while(|line| line.starts_with("//!"));
        (!opening.any(|line| line.contains(&says))).then(|| format!("{file} does not say {says}"))
    });
    wrong.collect()
}

fn lines_of_code(code: &str, first: usize, last: usize) -> usize {
    let lines = code.lines().take(last).skip(first - 1);
    lines.filter(|line| !line.trim().is_empty()).count()
}

/// Everything under `src`.
fn our_tree() -> Tree {
    let mut tree = Tree::new();
    gather(Path::new(env!("CARGO_MANIFEST_DIR")), "src", &mut tree);
    tree
}

fn gather(root: &Path, folder: &str, tree: &mut Tree) {
    for entry in fs::read_dir(root.join(folder)).expect("a folder of the source") {
        let entry = entry.expect("an entry of the folder");
        let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            gather(root, &name, tree);
        } else if name.ends_with(".rs") {
            let text = fs::read_to_string(entry.path()).expect("a source file");
            tree.insert(name, text);
        }
    }
}

fn small_tree(files: &[(&str, &str)]) -> Tree {
    files.iter().map(|(path, text)| (path.to_string(), text.to_string())).collect()
}

/// What is wrong with a small house that has `line` in `src/engine/clock.rs`, mid-way.
fn violations_of(line: &str) -> Vec<String> {
    let engine =
        "mod prim;\nmod clock;\nmod timer;\npub use self::timer::*;\npub trait Schedule {}";
    let files = [
        ("src/lib.rs", "mod engine;\nmod time;\npub use engine::prim::Cell;\npub struct Map;"),
        ("src/engine/mod.rs", engine),
        ("src/engine/prim.rs", "pub struct Cell;\nmacro_rules! pin { () => {} }"),
        ("src/engine/clock.rs", line),
        ("src/engine/timer.rs", "pub struct Heap;"),
        ("src/time/mod.rs", "mod sleep;\npub use sleep::sleep;"),
        ("src/time/sleep.rs", "pub fn sleep() {}\nmacro_rules! late { () => {} }"),
    ];
    let house = House::read(&small_tree(&files), production);
    let order: Vec<_> = house.modules.iter().map(|module| module.file.as_str()).collect();
    assert_eq!(order, files.map(|(path, _)| path), "depth first, as the mod lines say");
    house.violations()
}

#[test]
fn what_stands_above_may_be_used() {
    for line in [
        "use super::prim::Cell;",
        "use crate::engine::{Schedule, prim::{self, Cell as C}};",
        "use crate::Map;",
        "use std::{time::Duration, sync::{Arc, Mutex}}; // not crate::time",
        "fn f(_: super::prim::Cell) -> impl Send + use<> { crate::pin!() }",
        "mod inner {\n    use super::super::prim::Cell;\n}",
        "macro_rules! m { () => { $crate::Cell } }",
        "/// See [`crate::time::sleep`].\nconst NAME: &str = \"crate::time\";",
        "#[cfg(test)]\nmod tests {\n    use crate::time::sleep;\n}",
    ] {
        assert_eq!(violations_of(line), [""; 0], "{line}");
    }
}

#[test]
fn what_stands_below_may_not() {
    for (line, path, file) in [
        ("use super::timer::Heap;", "engine::timer::Heap", "timer"),
        ("use super::Heap;", "engine::Heap", "timer"),
        ("use crate::{engine::{prim::Cell, timer}};", "engine::timer", "timer"),
        ("fn f() { super::timer::run::<u8>() }", "engine::timer::run", "timer"),
        ("mod inner {\n    use super::super::timer::*;\n}", "engine::timer::*", "timer"),
        ("use crate::engine as e;\nfn f() { e::timer::run() }", "engine::timer::run", "timer"),
        ("fn f() { crate::late!() }", "late", "sleep"),
        ("macro_rules! m { () => { $crate::time::sleep() } }", "time::sleep", "sleep"),
    ] {
        let found = violations_of(line);
        assert_eq!(found.len(), 1, "{line}: {found:?}");
        assert!(found[0].contains(&format!("uses crate::{path}, which")), "{found:?}");
        assert!(found[0].ends_with(&format!("/{file}.rs)")), "{found:?}");
    }
}

#[test]
fn a_violation_names_the_line_and_the_order() {
    let found = violations_of("\nuse crate::time::Instant;");
    let expected = "src/engine/clock.rs:2 uses crate::time::Instant, which stands below it \
                    (reading order: 4 src/engine/clock.rs, 6 src/time/mod.rs)";
    assert_eq!(found, [expected]);
}

#[test]
fn a_name_at_the_root_is_for_users() {
    let found = violations_of("use crate::Cell;");
    let expected = "src/engine/clock.rs:1 uses crate::Cell, a name at the root: \
                    name the file where it is defined, src/engine/prim.rs";
    assert_eq!(found, [expected]);
}

#[test]
fn a_wrong_way_is_found() {
    let tree = small_tree(&[
        ("src/lib.rs", "mod a;\nmod b;\nmod c;\nmod d;"),
        ("src/a.rs", "//! A.\n//!\n//! Next: `b`, and so on."),
        ("src/b/mod.rs", "mod leaf;"),
        ("src/b/leaf.rs", "//! Next: `d.rs`.\n\nfn f() {} //! Next: `c.rs`."),
        ("src/c.rs", "//! Something else."),
        ("src/d.rs", "//! The end."),
    ]);
    let found = wrong_ways(&House::read(&tree, blank), &tree);
    let expected =
        ["src/b/leaf.rs does not say Next: `c.rs`", "src/c.rs does not say Next: `d.rs`"];
    assert_eq!(found, expected);
}

#[test]
fn what_is_too_long_is_found() {
    let text = "//! Map.\nimpl A {\n    fn f() {\n        // why\n\n        g();\n    }\n}";
    let house = House::read(&small_tree(&[("src/lib.rs", text)]), production);
    assert_eq!(oversized(&house, 5, 3), [""; 0]);
    let expected =
        ["src/lib.rs has 5 lines of code, of 4", "src/lib.rs:3 fn A::f has 3 lines, of 2"];
    assert_eq!(oversized(&house, 4, 2), expected);
}
