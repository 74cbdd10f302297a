//! Which names does a file mention?
//!
//! A file can lean on another only by a path: `use a::{b, c as d};` or `a::b` in the middle of its
//! code. This finds both kinds, each leaf of a `use` as a path of its own, and says nothing about
//! where they lead. A method call is not a path, and is not seen: code that has the value has
//! named its type, or a trait of it, somewhere.
//!
//! Next: `house.rs`, which follows the paths.

use crate::source::Token;

/// A module path from the crate's root, which is the empty one.
pub type Names = Vec<String>;

/// A path as it stands in the code.
pub struct Written {
    pub line: usize,
    pub names: Names,
    /// The name that it binds in its file, if it stands in a `use`; `*` binds them all.
    pub binds: Option<String>,
}

/// Every path of the code, in order.
pub fn written(tokens: &[Token<'_>]) -> Vec<Written> {
    let (mut found, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        at = match (tokens[at].text, tokens.get(at + 1)) {
            // Not the `use<'a>` of a return type.
            ("use", Some(next)) if next.text != "<" => use_tree(tokens, at + 1, &[], &mut found),
            _ => inline_path(tokens, at, &mut found),
        };
    }
    found
}

/// Reads `a`, `a::b`, `a::b::c` … from `at` on, and answers where it ends. A lone name is no path.
fn inline_path(tokens: &[Token<'_>], at: usize, found: &mut Vec<Written>) -> usize {
    let more = tokens[at + 1..].chunks_exact(2);
    let more = more.take_while(|pair| pair[0].text == "::" && pair[1].is_name());
    let mut names = vec![tokens[at].text.to_owned()];
    names.extend(more.map(|pair| pair[1].text.to_owned()));
    let end = at + 2 * names.len() - 1;
    if names.len() > 1 {
        found.push(Written { line: tokens[at].line, names, binds: None });
    }
    end
}

/// Reads `a::b`, `a as b`, `a::*` or `a::{…}` from `at` on, and answers where it ends.
fn use_tree(
    tokens: &[Token<'_>],
    mut at: usize,
    prefix: &[String],
    found: &mut Vec<Written>,
) -> usize {
    let (mut names, mut binds) = (prefix.to_vec(), None);
    let start = at;
    while let Some(token) = tokens.get(at) {
        match token.text {
            "," | "}" | ";" => break,
            "{" => return use_list(tokens, at, &names, found),
            "::" | "as" => {}
            // `a::{self}` is `a`.
            "self" if !prefix.is_empty() => {}
            name if tokens[at - 1].text == "as" => binds = Some(name.to_owned()),
            name => names.push(name.to_owned()),
        }
        at += 1;
    }
    if at > start {
        let binds = binds.or_else(|| names.last().cloned());
        found.push(Written { line: tokens[start].line, names, binds });
    }
    at
}

/// Reads `{…, …}` from its brace on, and answers where it ends.
fn use_list(
    tokens: &[Token<'_>],
    brace: usize,
    prefix: &[String],
    found: &mut Vec<Written>,
) -> usize {
    let mut at = brace;
    while tokens.get(at).is_some_and(|token| token.text != "}") {
        at = use_tree(tokens, at + 1, prefix, found);
    }
    at + 1
}
