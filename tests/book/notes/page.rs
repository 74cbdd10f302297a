//! What does a page of Markdown point at?
//!
//! Found are links, `[text](target)` and `[label]: target`, fenced code blocks, code spans, and the
//! anchors that headings make. A link inside a code span or a code block is an example of a link, so it is
//! none. Everything keeps its place in the page, for `main.rs` says where something is wrong and
//! rewrites it there, and leaves every other byte alone.
//!
//! This is the Markdown that our two pages are written in, and no more: no HTML, no headings
//! underlined with dashes, and a link's text ends where its paragraph does.

use std::ops::Range;

/// A link, and the bytes of the page that it takes up.
#[derive(Clone)]
pub struct Link {
    pub text: String,
    pub target: String,
    pub line: usize,
    pub at: Range<usize>,
}

/// A fenced code block. Its line is that of the opening fence, and its info what stands there, such as `sh`.
pub struct Block {
    pub line: usize,
    pub info: String,
    pub body: Vec<String>,
}

/// What we know of a page.
pub struct Page {
    pub links: Vec<Link>,
    pub blocks: Vec<Block>,
    /// The code spans of the prose, each with its line.
    pub spans: Vec<(usize, String)>,
    pub anchors: Vec<String>,
}

impl Page {
    pub fn read(text: &str) -> Page {
        let (prose, blocks) = split(text);
        Page { links: links(&prose), blocks, spans: spans(&prose), anchors: anchors(&prose) }
    }
}

/// The text with its blocks as spaces, byte for byte, and the blocks.
fn split(text: &str) -> (String, Vec<Block>) {
    let (mut prose, mut blocks) = (String::new(), Vec::new());
    let mut fence: Option<&str> = None;
    for (line, raw) in (1..).zip(text.split_inclusive('\n')) {
        let ticks = raw.trim_start();
        let ticks = &ticks[..ticks.len() - ticks.trim_start_matches('`').len()];
        let is_prose = fence.is_none() && ticks.len() < 3;
        match fence {
            None if is_prose => prose.push_str(raw),
            None => {
                fence = Some(ticks);
                let info = raw.trim().trim_start_matches('`').trim().to_owned();
                blocks.push(Block { line, info, body: Vec::new() });
            }
            Some(open) if raw.trim() == ticks && ticks.len() >= open.len() => fence = None,
            Some(_) => {
                let block = blocks.last_mut().expect("a fence opens a block");
                block.body.push(raw.trim_end_matches('\n').to_owned());
            }
        }
        if !is_prose {
            prose.extend(raw.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
        }
    }
    (prose, blocks)
}

fn links(prose: &str) -> Vec<Link> {
    let (mut links, mut at) = (Vec::new(), 0);
    while let Some(step) = prose[at..].find(['[', '`']) {
        at += step;
        let paragraph = prose[at..].split("\n\n").next().unwrap_or("");
        if paragraph.starts_with('`') {
            at += code_span(paragraph);
            continue;
        }
        if let Some((text, target, len)) = link(paragraph) {
            let line = prose[..at].matches('\n').count() + 1;
            links.push(Link { text: text.into(), target: target.into(), line, at: at..at + len });
        }
        // An image may stand in the text, with a target of its own.
        at += 1;
    }
    links
}

/// The text, the target and the length of the link that the paragraph begins with.
fn link(paragraph: &str) -> Option<(&str, &str, usize)> {
    let close = closing_bracket(paragraph)?;
    let (text, after) = (&paragraph[1..close], &paragraph[close + 1..]);
    let (inside, end) = match after.strip_prefix('(') {
        Some(inside) => (inside, inside.find(')')?),
        None if text.starts_with('^') => return None,
        None => {
            let inside = after.strip_prefix(':')?;
            (inside, inside.find('\n').unwrap_or(inside.len()))
        }
    };
    // What may follow the target is a title.
    let target = inside[..end].split_whitespace().next()?;
    Some((
        text,
        target.trim_matches(['<', '>']),
        close + 2 + end + usize::from(after.starts_with('(')),
    ))
}

fn closing_bracket(paragraph: &str) -> Option<usize> {
    let (mut at, mut depth) = (0, 0);
    while let Some(step) = paragraph[at..].find(['[', ']', '`']) {
        at += step;
        match paragraph.as_bytes()[at] {
            b'`' => {
                at += code_span(&paragraph[at..]);
                continue;
            }
            b'[' => depth += 1,
            _ => depth -= 1,
        }
        if depth == 0 {
            return Some(at);
        }
        at += 1;
    }
    None
}

fn spans(prose: &str) -> Vec<(usize, String)> {
    let (mut spans, mut at) = (Vec::new(), 0);
    while let Some(step) = prose[at..].find('`') {
        at += step;
        let paragraph = prose[at..].split("\n\n").next().unwrap_or("");
        let len = code_span(paragraph);
        let line = prose[..at].matches('\n').count() + 1;
        spans.push((line, paragraph[..len].trim_matches('`').to_owned()));
        at += len;
    }
    spans
}

/// The length of the code span that the paragraph begins with, or of its ticks if none closes it.
fn code_span(paragraph: &str) -> usize {
    let ticks = |text: &str| text.len() - text.trim_start_matches('`').len();
    let open = ticks(paragraph);
    let mut at = open;
    while let Some(step) = paragraph[at..].find('`') {
        at += step;
        let close = ticks(&paragraph[at..]);
        at += close;
        if close == open {
            return at;
        }
    }
    open
}

/// The anchors of the headings, made as GitHub makes them.
fn anchors(prose: &str) -> Vec<String> {
    let mut anchors: Vec<String> = Vec::new();
    let mut slugs: Vec<String> = Vec::new();
    for line in prose.lines() {
        let title = line.trim_start_matches('#');
        if title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        let kept = title.trim().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        let slug = kept.collect::<String>().to_lowercase().replace(' ', "-");
        let again = slugs.iter().filter(|other| **other == slug).count();
        anchors.push(if again == 0 { slug.clone() } else { format!("{slug}-{again}") });
        slugs.push(slug);
    }
    anchors
}
