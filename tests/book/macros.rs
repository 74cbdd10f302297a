//! Each name that a macro binds begins with `__openwork_`, and each name that it uses is a full path.
//!
//! A variable that a macro writes cannot be confused with a variable of the caller's, but a pattern such as
//! `let future` means the caller's `const future`, if there is one, and the names of types, traits and macros are
//! looked up where the macro is called. `tests/future/macro_names.rs` has such callers; here the sources are read,
//! so that no name is forgotten there.

use std::fs;
use std::path::{Path, PathBuf};

use crate::source::{Token, blank, tokens};

/// Words of the language, and of a macro's own syntax, which name nothing of the caller's.
const NOT_NAMES: &[&str] = &[
    "_",
    "as",
    "async",
    "await",
    "biased",
    "break",
    "const",
    "continue",
    "else",
    "false",
    "fn",
    "for",
    "if",
    "in",
    "let",
    "loop",
    "match",
    "move",
    "mut",
    "ref",
    "return",
    "static",
    "true",
    "while",
    // Functions that `join!` and `try_join!` hand on to `__join!`, which writes the path before them; and a field of
    // `LocalKey`.
    "keep",
    "keep_value",
    "cell",
];

fn has_our_prefix(name: &str) -> bool {
    name.to_lowercase().starts_with("__openwork_")
}

/// The names that the macros of this text write without a path before them, and that a caller might have too.
/// With each is its macro's.
fn bare_names(text: &str) -> Vec<(String, String)> {
    let code = blank(text);
    let tokens = tokens(&code);
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(step) = tokens[at..].iter().position(|token| token.text == "macro_rules") {
        let name = tokens[at + step + 2].text;
        let start = at + step + 3;
        let end = start + group_len(&tokens[start..]);
        let exported = tokens[..at + step].ends_with_texts(&["#", "[", "macro_export", "]"]);
        let mut rules = &tokens[start + 1..end - 1];
        // A rule is `(what is matched) => { what is written };`.
        while exported && !rules.is_empty() {
            let matched = group_len(rules) + 1;
            let written = matched + group_len(&rules[matched..]);
            let names = bare_names_of(&rules[matched..written]);
            found.extend(names.map(|bare| (name.to_owned(), bare.to_owned())));
            rules = &rules[(written + 1).min(rules.len())..];
        }
        at = end;
    }
    found
}

trait EndsWith {
    fn ends_with_texts(&self, texts: &[&str]) -> bool;
}

impl EndsWith for [Token<'_>] {
    fn ends_with_texts(&self, texts: &[&str]) -> bool {
        let last = &self[self.len().saturating_sub(texts.len())..];
        last.iter().map(|token| token.text).eq(texts.iter().copied())
    }
}

/// How many tokens the group has that begins here.
fn group_len(tokens: &[Token<'_>]) -> usize {
    let mut depth = 0;
    let last = tokens.iter().position(|token| {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        depth == 0
    });
    last.expect("each bracket is closed") + 1
}

fn bare_names_of<'a>(written: &'a [Token<'a>]) -> impl Iterator<Item = &'a str> {
    let attribute = |at: usize| {
        let open = written[..at].iter().rposition(|token| token.text == "#");
        open.is_some_and(|open| at < open + 1 + group_len(&written[open + 1..]))
    };
    let bare = move |at: &usize| {
        let token = written[*at];
        let before = written[..*at].last().map_or("", |before| before.text);
        token.is_name() && !["$", "::", ".", "'"].contains(&before) && !attribute(*at)
    };
    let names = (0..written.len()).filter(bare).map(|at| written[at].text);
    names.filter(|name| !NOT_NAMES.contains(name) && !has_our_prefix(name))
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn every_name_that_a_macro_writes_has_a_path_or_our_prefix() {
    let (mut exported, mut bare) = (0, Vec::new());
    for path in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let text = fs::read_to_string(path).unwrap();
        exported += text.matches("\n#[macro_export]\nmacro_rules!").count();
        bare.extend(bare_names(&text));
    }
    assert_eq!(bare, []);
    assert_eq!(exported, 8, "join, try_join, select, pin, task_local, and the steps of three");
}

#[test]
fn a_name_without_a_path_or_our_prefix_is_found() {
    let text = "
        macro_rules! private { () => { let future = 1; } }
        #[macro_export]
        macro_rules! public {
            (future) => { let __openwork_future = $crate::f(::std::vec![]); /* future */ };
            ($name:ident $(, if $x:expr)?) => {{
                #[allow(unused)]
                static CELL: u8 = Some($name.future).unwrap();
                |mut output| { $(x)? \"future\"; $crate::__steps!({ out [] } 'label) }
            }}
        }";
    let names: Vec<_> = bare_names(text).into_iter().map(|(_, name)| name).collect();
    assert_eq!(names, ["CELL", "u8", "Some", "output", "x", "out"]);
}
