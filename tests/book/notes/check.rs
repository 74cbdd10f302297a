//! Does a link lead to what it says, and if not, where would it?
//!
//! A reference is right if the item that it names is defined on its line, an excerpt if its lines
//! read as the block below it. If not, we look for the item, or the lines, in the whole file:
//!
//! ```text
//! found once     the number is stale, and can be mended
//! found nowhere  the item is gone, or the excerpt has changed: the author must look
//! found often    only the author knows which was meant
//! ```
//!
//! What is found more than once is right all the same while its line is one of the places. Only the
//! file that a link names is searched: what moved to another file has changed its meaning too.

use super::page::{Link, Page};
use crate::source::{blank, items};

/// The text of a file of the repository (of a folder, nothing), if there is one.
pub type Repository<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Something wrong with a link.
pub struct Fault {
    pub link: Link,
    message: String,
    /// The target to write instead, if all that is wrong is the number.
    pub moved_to: Option<String>,
}

impl Fault {
    pub fn report(&self, page: &str) -> String {
        let cure = match self.moved_to {
            Some(_) => "; `NOTES=fix cargo test --test book notes` rewrites the number",
            None => "; this needs a hand",
        };
        format!("{page}:{}: {}{cure}", self.link.line, self.message)
    }
}

/// The page with every fault mended that can be.
pub fn mend(text: &str, faults: &[Fault]) -> String {
    let mut mended = text.to_owned();
    // From the end, so that the places still to come do not shift.
    for Fault { link, moved_to, .. } in faults.iter().rev() {
        if let Some(target) = moved_to {
            // A caption has the target as its text too.
            let link_now = text[link.at.clone()].replace(&link.target, target);
            mended.replace_range(link.at.clone(), &link_now);
        }
    }
    mended
}

/// `path#fragment`; an empty path is the page itself.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    path: &'a str,
    fragment: Option<&'a str>,
    lines: Option<(usize, usize)>,
}

impl<'a> Target<'a> {
    pub fn of(link: &'a Link) -> Target<'a> {
        let (path, fragment) = match link.target.split_once('#') {
            Some((path, fragment)) => (path, Some(fragment)),
            None => (link.target.as_str(), None),
        };
        Target { path, fragment, lines: fragment.and_then(line_range) }
    }

    pub fn is_lines(&self) -> bool {
        self.lines.is_some() && !self.is_elsewhere()
    }

    fn is_elsewhere(&self) -> bool {
        self.path.contains("://") || self.path.starts_with("mailto:")
    }
}

/// `L40` or `L40-L52`.
fn line_range(fragment: &str) -> Option<(usize, usize)> {
    let line = |text: &str| text.strip_prefix('L')?.parse().ok().filter(|line| *line > 0);
    match fragment.split_once('-') {
        Some((first, last)) => Some((line(first)?, line(last)?)),
        None => Some((line(fragment)?, line(fragment)?)),
    }
}

/// What is wrong, and the target to write instead if that would mend it.
type Complaint = (String, Option<String>);

pub fn check(text: &str, repository: Repository<'_>) -> Vec<Fault> {
    let page = Page::read(text);
    let file = |path: &str| if path.is_empty() { Some(text.to_owned()) } else { repository(path) };
    let mut faults = Vec::new();
    for link in &page.links {
        if let Some((message, moved_to)) = check_link(link, &page, &file) {
            faults.push(Fault { link: link.clone(), message, moved_to });
        }
    }
    faults
}

fn check_link(link: &Link, page: &Page, file: Repository<'_>) -> Option<Complaint> {
    let target @ Target { path, .. } = Target::of(link);
    if target.is_elsewhere() {
        return None;
    }
    let Some(text) = file(path) else {
        return Some((format!("there is no {path}"), None));
    };
    match (target.lines, target.fragment) {
        (Some((first, last)), _) if first != last || link.text == link.target => {
            check_excerpt(link, page, path, &text, (first, last))
        }
        (Some((line, _)), _) => check_reference(link, path, &text, line),
        (None, Some(anchor)) => {
            let known = Page::read(&text).anchors.iter().any(|known| known == anchor);
            (!known).then(|| (format!("no heading makes the anchor of {}", link.target), None))
        }
        (None, None) => None,
    }
}

/// One line, which must define the item that the link's text names.
fn check_reference(link: &Link, path: &str, text: &str, line: usize) -> Option<Complaint> {
    let Some(name) = code_span(&link.text) else {
        let message = format!("the link to {} names no item in backticks", link.target);
        return Some((message, None));
    };
    let lines = definitions(path, text, name);
    match lines[..] {
        _ if lines.contains(&line) => None,
        [] => Some((format!("`{name}` is not defined in {path}"), None)),
        [only] => {
            let message = format!("`{name}` is not at {path}:{line} but at line {only}");
            Some((message, Some(format!("{path}#L{only}"))))
        }
        _ => {
            let message = format!("`{name}` is not at {path}:{line} but at one of {lines:?}");
            Some((format!("{message}: name its type too"), None))
        }
    }
}

/// The only code span of a link's text.
fn code_span(text: &str) -> Option<&str> {
    match text.split('`').collect::<Vec<_>>()[..] {
        [_, name, _] => Some(name),
        _ => None,
    }
}

/// The lines that define the name. `Sleep::poll`, `Header.state`, `pin!` and `time::Sleep<T>` will
/// all do: what counts is the end of the item's full path, which begins with its file's modules.
fn definitions(path: &str, text: &str, name: &str) -> Vec<usize> {
    let Some(stem) = path.strip_suffix(".rs") else {
        let lines = (1..).zip(text.lines());
        return lines.filter(|(_, text)| text.contains(name)).map(|(line, _)| line).collect();
    };
    let modules = stem.split('/').filter(|part| !matches!(*part, "src" | "lib" | "mod"));
    let modules: Vec<_> = modules.map(str::to_owned).collect();
    let name: Vec<_> = without_generics(name).split("::").map(str::to_owned).collect();
    let items = items(&blank(text)).into_iter();
    let named = items.filter(|item| [&modules[..], &item.path].concat().ends_with(&name));
    named.map(|item| item.line).collect()
}

/// The names of functions at which one can stop, such as `openwork::engine::timer::Timers::expire`, that
/// the page has in code, and that no file of the source defines; each with its line.
pub fn unknown_breakpoints(page: &Page, source: &[(String, String)]) -> Vec<(usize, String)> {
    let in_blocks =
        page.blocks.iter().filter(|block| block.info == "sh" || block.info == "console");
    let lines = in_blocks.flat_map(|block| (block.line + 1..).zip(block.body.iter().cloned()));
    let code = page.spans.iter().cloned().chain(lines);
    let names = code.flat_map(|(line, code)| {
        let words = code.split(|c: char| !c.is_alphanumeric() && !"_:".contains(c));
        let inside = words.filter_map(|word| word.strip_prefix("openwork::engine::"));
        inside.map(|name| (line, name.to_owned())).collect::<Vec<_>>()
    });
    let known = |name: &str| {
        let name = format!("engine::{name}");
        source.iter().any(|(path, text)| !definitions(path, text, &name).is_empty())
    };
    names.filter(|(_, name)| !known(name)).collect()
}

/// The strokes and arrows of the page's pictures that lead to nothing, each with its line: so they do where two
/// rows were joined into one, or a row was shifted.
pub fn loose_ends(page: &Page) -> Vec<(usize, char)> {
    let pictures = page.blocks.iter().filter(|block| block.info == "text");
    let ends = pictures.flat_map(|block| {
        let rows: Vec<Vec<char>> = block.body.iter().map(|row| row.chars().collect()).collect();
        let is_drawn = |row: Option<usize>, column: usize| {
            let mark = row.and_then(|row| rows.get(row)?.get(column));
            mark.is_some_and(|mark| *mark != ' ')
        };
        let mut ends = Vec::new();
        for (row, marks) in rows.iter().enumerate() {
            for (column, mark) in marks.iter().enumerate() {
                let above = is_drawn(row.checked_sub(1), column);
                let below = is_drawn(Some(row + 1), column);
                let is_loose = match mark {
                    '▼' => !above,
                    '▲' => !below,
                    '│' => !above && !below,
                    _ => false,
                };
                ends.extend(is_loose.then_some((block.line + 1 + row, *mark)));
            }
        }
        ends
    });
    ends.collect()
}

/// The files and the tests that the page names in code without a link, and that are not there, each with its line:
/// a path from the root, such as `tests/laws`, or a name of four words or more, such as `a_wake_is_not_lost`.
pub fn unknown_names(
    page: &Page,
    repository: Repository<'_>,
    is_code: impl Fn(&str) -> bool,
) -> Vec<(usize, String)> {
    let is_path = |name: &str| {
        let folders = ["src/", "tests/", "examples/", "benches/"];
        folders.iter().any(|folder| name.starts_with(folder)) && !name.contains([' ', '…'])
    };
    let is_name = |name: &str| {
        let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        name.chars().all(is_word) && name.matches('_').count() > 2
    };
    let unknown = page.spans.iter().filter(|(_, name)| {
        is_path(name) && repository(name).is_none() || is_name(name) && !is_code(name)
    });
    unknown.cloned().collect()
}

fn without_generics(name: &str) -> String {
    let mut depth = 0;
    let mut kept = String::new();
    for c in name.trim_end_matches("()").trim_end_matches('!').replace('.', "::").chars() {
        depth += i32::from(c == '<');
        if depth == 0 {
            kept.push(c);
        }
        depth -= i32::from(c == '>');
    }
    kept
}

/// A range of lines, which must read as the code block right below the link.
fn check_excerpt(
    link: &Link,
    page: &Page,
    path: &str,
    text: &str,
    (first, last): (usize, usize),
) -> Option<Complaint> {
    let Some(block) = page.blocks.iter().find(|block| block.line == link.line + 1) else {
        return Some((format!("no code block stands right below {}", link.target), None));
    };
    let lines: Vec<_> = text.lines().collect();
    let len = block.body.len();
    let reads = |lines: &[&str]| without_indentation(lines) == block.body;
    let places: Vec<_> =
        (1..).zip(lines.windows(len.max(1))).filter(|(_, lines)| reads(lines)).collect();
    match places[..] {
        _ if last + 1 == first + len && places.iter().any(|(place, _)| *place == first) => None,
        [] => {
            let now = lines.get(first - 1..last.min(lines.len())).unwrap_or(&[]);
            let message = difference(&without_indentation(now), &block.body);
            Some((format!("the excerpt is no longer to be found in {path}{message}"), None))
        }
        [(place, _)] => {
            let end = place + len - 1;
            let message = format!("the excerpt is not at {} but at line {place}", link.target);
            let range = if len == 1 { format!("L{place}") } else { format!("L{place}-L{end}") };
            Some((message, Some(format!("{path}#{range}"))))
        }
        _ => Some((format!("the excerpt is not at {} but in several places", link.target), None)),
    }
}

fn without_indentation(lines: &[&str]) -> Vec<String> {
    let indentation = |line: &&str| line.len() - line.trim_start().len();
    let filled = lines.iter().filter(|line| !line.trim().is_empty());
    let shared = filled.map(indentation).min().unwrap_or(0);
    lines.iter().map(|line| line.get(shared..).unwrap_or("").to_owned()).collect()
}

/// The first line that differs, both ways.
fn difference(code: &[String], excerpt: &[String]) -> String {
    let mut pairs = code.iter().zip(excerpt);
    match pairs.find(|(code, excerpt)| code != excerpt) {
        Some((code, excerpt)) => format!(": it says `{excerpt}`, the code `{code}`"),
        None => String::new(),
    }
}
