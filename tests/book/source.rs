//! What does a line of source define, and where does the definition end?
//!
//! Two tests ask that: `notes`, whether a page of prose still points at the item it names, and
//! `reading_order`, which file uses which. Neither needs a parser of Rust. It is enough to
//!
//! ```text
//! text ── blank ──> code ── tokens ──> words and marks ── items ──> definitions
//! ```
//!
//! *blank* what is not code (comments become spaces, literals become quotes, every line stays where
//! it was), then to follow the braces and to remember whose they are: a `fn poll` inside the braces
//! of `impl Future for Sleep` is `Sleep::poll`. Macros get no special treatment. What stands in
//! their braces is read as if it were plain code, so the struct inside a `pin_project!` is found,
//! and what a macro would paste together is not.
//!
//! It knows nothing of types or imports, and takes the text as `rustfmt` leaves it.

/// The text with comments as spaces and literals as quotes, line for line.
pub fn blank(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let (len, fill) = lexeme(rest);
        let (lexeme, tail) = rest.split_at(len);
        match fill {
            Some(fill) => code.extend(lexeme.chars().map(|c| if c == '\n' { c } else { fill })),
            None => code.push_str(lexeme),
        }
        rest = tail;
    }
    code
}

/// The length of what `rest` begins with, and what to fill it with if it is not code.
fn lexeme(rest: &str) -> (usize, Option<char>) {
    const COMMENT: Option<char> = Some(' ');
    const LITERAL: Option<char> = Some('"');
    if rest.starts_with("//") {
        (rest.find('\n').unwrap_or(rest.len()), COMMENT)
    } else if rest.starts_with("/*") {
        (block_comment(rest), COMMENT)
    } else if let Some(len) = raw_string(rest).or_else(|| string(rest)).or_else(|| character(rest))
    {
        (len, LITERAL)
    } else {
        (token_len(rest), None)
    }
}

/// Block comments nest.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while let Some(step) = rest[at..].find(['/', '*']) {
        at += step;
        let mark = rest.get(at..at + 2).unwrap_or("");
        depth += i32::from(mark == "/*") - i32::from(mark == "*/");
        at += if mark == "/*" || mark == "*/" { 2 } else { 1 };
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn raw_string(rest: &str) -> Option<usize> {
    let hashes = rest.trim_start_matches(['b', 'c']).strip_prefix('r')?;
    let body = hashes.trim_start_matches('#');
    let close = format!("\"{}", "#".repeat(hashes.len() - body.len()));
    let end = body.strip_prefix('"')?.find(&close)?;
    Some(rest.len() - body.len() + 1 + end + close.len())
}

fn string(rest: &str) -> Option<usize> {
    let body = rest.strip_prefix('"')?;
    let mut escaped = false;
    let end = body.find(|c| {
        let closes = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        closes
    });
    Some(end.map_or(rest.len(), |end| end + 2))
}

/// `'x'` and `'\n'`, but not the lifetime `'x`.
fn character(rest: &str) -> Option<usize> {
    let body = rest.strip_prefix('\'')?;
    let first = body.chars().next()?.len_utf8();
    let close = match body.starts_with('\\') {
        true => 2 + body.get(2..)?.find('\'')?,
        false => first,
    };
    body[close..].starts_with('\'').then_some(close + 2)
}

/// A word or a mark of the code, and the line where it stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Token<'a> {
    pub text: &'a str,
    pub line: usize,
}

impl Token<'_> {
    /// A keyword counts as a name: where it matters, the neighbours tell them apart.
    pub fn is_name(&self) -> bool {
        self.text.starts_with(|c: char| c.is_alphabetic() || c == '_')
    }
}

/// The code cut into tokens. Expects it blanked.
pub fn tokens(code: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    for (line, mut rest) in (1..).zip(code.lines()) {
        loop {
            rest = rest.trim_start();
            if rest.is_empty() {
                break;
            }
            let (text, tail) = rest.split_at(token_len(rest));
            tokens.push(Token { text, line });
            rest = tail;
        }
    }
    tokens
}

fn token_len(rest: &str) -> usize {
    let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    let whole = ["::", "->", "=>", "$crate"].into_iter().find(|mark| rest.starts_with(mark));
    match (word, whole) {
        (0, Some(mark)) => mark.len(),
        (0, None) => rest.chars().next().map_or(0, char::len_utf8),
        (word, _) => word,
    }
}

/// A definition: a `fn`, `struct`, `const`, `mod` …, a `variant` or a `field`.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    pub keyword: String,
    /// The names around it, its own last: `["Sleep", "poll"]`.
    pub path: Vec<String>,
    /// Where its name stands.
    pub line: usize,
    /// Where its body or its semicolon ends.
    pub end: usize,
}

/// Every definition in the code, in order. Expects it blanked.
pub fn items(code: &str) -> Vec<Item> {
    let tokens = tokens(code);
    let mut walk = Walk::default();
    for at in 0..tokens.len() {
        walk.step(&tokens, at);
    }
    // An impl block lends its name to what stands in it, but it does not define the type.
    walk.items.retain(|item| item.keyword != "impl");
    walk.items
}

/// Follows the braces through the tokens.
#[derive(Default)]
struct Walk {
    items: Vec<Item>,
    /// The braces that are open: whose they are, and how many brackets were open around them.
    scopes: Vec<(Option<usize>, usize)>,
    /// Round and square brackets open since the last brace.
    brackets: usize,
    /// The item whose body or semicolon is still to come.
    header: Option<usize>,
}

impl Walk {
    fn step(&mut self, tokens: &[Token<'_>], at: usize) {
        match tokens[at].text {
            "(" | "[" => self.brackets += 1,
            ")" | "]" => self.brackets = self.brackets.saturating_sub(1),
            "{" => self.scopes.push((self.header.take(), std::mem::take(&mut self.brackets))),
            "}" => {
                let (owner, brackets) = self.scopes.pop().unwrap_or_default();
                self.brackets = brackets;
                self.end(owner, tokens[at].line);
            }
            ";" if self.brackets == 0 => {
                let header = self.header.take();
                self.end(header, tokens[at].line);
            }
            _ => {
                if let Some((keyword, name)) = definition(tokens, at) {
                    self.header = Some(self.define(keyword, name));
                } else if let Some(keyword) = self.member(tokens, at) {
                    self.define(keyword, tokens[at]);
                }
            }
        }
    }

    fn define(&mut self, keyword: &str, name: Token<'_>) -> usize {
        let owner = self.scopes.iter().rev().find_map(|(owner, _)| *owner);
        let mut path = owner.map_or(Vec::new(), |owner| self.items[owner].path.clone());
        path.push(name.text.to_owned());
        self.items.push(Item {
            keyword: keyword.to_owned(),
            path,
            line: name.line,
            end: name.line,
        });
        self.items.len() - 1
    }

    fn end(&mut self, item: Option<usize>, line: usize) {
        if let Some(item) = item {
            self.items[item].end = line;
        }
    }

    /// A variant of the enum, or a field of the struct, whose braces are the innermost ones.
    fn member(&self, tokens: &[Token<'_>], at: usize) -> Option<&'static str> {
        let (owner, _) = self.scopes.last()?;
        let before = tokens[at - 1].text;
        let starts = matches!(before, "{" | "," | "]");
        if self.brackets > 0 || !tokens[at].is_name() {
            return None;
        }
        match self.items[(*owner)?].keyword.as_str() {
            "enum" if starts => Some("variant"),
            "struct" | "union" if starts || matches!(before, "pub" | ")") => {
                (tokens.get(at + 1)?.text == ":").then_some("field")
            }
            _ => None,
        }
    }
}

/// The keyword and the name, if the token at `at` is the keyword of a definition.
fn definition<'a>(tokens: &[Token<'a>], at: usize) -> Option<(&'a str, Token<'a>)> {
    const MAY_STAND_BEFORE: [&str; 8] = ["{", "}", ";", "]", ")", "pub", "unsafe", "default"];
    let before = at.checked_sub(1).map_or(";", |before| tokens[before].text);
    let name = match tokens[at].text {
        "fn" => *tokens.get(at + 1)?,
        "macro_rules" => *tokens.get(at + 2)?,
        // Else it is `*const T`, `<const N: usize>`, `-> impl Future` …
        _ if !MAY_STAND_BEFORE.contains(&before) => return None,
        "impl" => self_type(&tokens[at + 1..])?,
        "static" if tokens.get(at + 1)?.text == "mut" => *tokens.get(at + 2)?,
        "struct" | "enum" | "union" | "trait" | "type" | "mod" | "const" | "static" => {
            *tokens.get(at + 1)?
        }
        _ => return None,
    };
    let modifier = matches!(name.text, "fn" | "async" | "unsafe" | "extern");
    (name.is_name() && !modifier).then_some((tokens[at].text, name))
}

/// `Sleep`, given what follows the `impl` of `impl<'a> Future for time::Sleep<'a> { … }`.
fn self_type<'a>(header: &[Token<'a>]) -> Option<Token<'a>> {
    let (mut name, mut depth) = (None, 0);
    for (at, token) in header.iter().enumerate() {
        let before = at.checked_sub(1).map_or("", |before| header[before].text);
        match token.text {
            "<" => depth += 1,
            ">" => depth -= 1,
            "{" | "where" => break,
            _ if depth > 0 => {}
            "for" => name = None,
            "dyn" | "mut" => {}
            _ if token.is_name() && before != "'" && (name.is_none() || before == "::") => {
                name = Some(*token);
            }
            _ => {}
        }
    }
    name
}

/// The code without the items that only a test build has, line for line.
pub fn without_tests(code: &str) -> String {
    let tokens = tokens(code);
    let mut hidden = vec![false; code.lines().count() + 1];
    for (at, token) in tokens.iter().enumerate() {
        if is_test_attribute(&tokens[at..]) {
            hidden[token.line..=last_line(&tokens[at..])].fill(true);
        }
    }
    let shown = |(line, text)| if hidden[line] { "" } else { text };
    (1..).zip(code.lines()).map(shown).collect::<Vec<_>>().join("\n")
}

/// `#[cfg(test)]`, `#[cfg(all(test, …))]`; not what `not` or `any` let into the other builds.
fn is_test_attribute(tokens: &[Token<'_>]) -> bool {
    let inside: Vec<_> = tokens.iter().map(|t| t.text).take_while(|text| *text != "]").collect();
    inside.starts_with(&["#", "[", "cfg", "("])
        && inside.contains(&"test")
        && !inside.contains(&"not")
        && !inside.contains(&"any")
}

/// Where the item ends that begins, attributes first, with these tokens.
fn last_line(tokens: &[Token<'_>]) -> usize {
    let mut depth = 0;
    for token in tokens {
        depth += match token.text {
            "(" | "[" | "{" => 1,
            ")" | "]" | "}" => -1,
            _ => 0,
        };
        if token.text == ";" && depth == 0 || token.text == "}" && depth <= 0 {
            return token.line;
        }
    }
    tokens.last().map_or(0, |token| token.line)
}

#[test]
fn comments_and_literals_are_not_code() {
    let text =
        "a // fn\n/* { /* \" */ } */ b\n\"\\\"{\\n\nx\" c r#\"}\"# d '{' '\\'' &'a e b'\\n' r#fn";
    let code = blank(text);
    assert_eq!(text.lines().count(), code.lines().count());
    let words = tokens(&code).into_iter().filter(|token| token.is_name());
    let words: Vec<_> = words.map(|token| (token.line, token.text)).collect();
    let last = ["c", "d", "a", "e", "b", "r", "fn"].map(|word| (4, word));
    assert_eq!(words, [&[(1, "a"), (2, "b")][..], &last].concat());
}

#[test]
fn an_item_knows_its_owner_and_its_lines() {
    let text = "\
pub(crate) enum Life { #[default] Idle, Woken { by: u32 }, Done(u8) }
pin_project! {
    struct Sleep<const N: usize> { #[pin] due: [u8; 2], pub map: Map<u8, fn(a: u8)> }
}
impl<'a, F: for<'b> Fn(&'b u8) -> u8> Future for time::Sleep<'a, F>
where
    F: Send,
{
    type Output = *const u8;
    fn poll(self) -> impl Sized {
        const BUDGET: u8 = 1;
    }
}
trait Schedule {
    unsafe fn schedule(&self, f: [u8; 3]);
}
macro_rules! pin { ($x:ident) => { fn $x() {} } }
static mut LAST: u8 = 0;";
    let found: Vec<_> = items(text)
        .iter()
        .map(|i| format!("{} {} {}-{}", i.keyword, i.path.join("::"), i.line, i.end))
        .collect();
    let expected = [
        "enum Life 1-1",
        "variant Life::Idle 1-1",
        "variant Life::Woken 1-1",
        "variant Life::Done 1-1",
        "struct Sleep 3-3",
        "field Sleep::due 3-3",
        "field Sleep::map 3-3",
        "type Sleep::Output 9-9",
        "fn Sleep::poll 10-12",
        "const Sleep::poll::BUDGET 11-11",
        "trait Schedule 14-16",
        "fn Schedule::schedule 15-15",
        "macro_rules pin 17-17",
        "static LAST 18-18",
    ];
    assert_eq!(found, expected);
}

#[test]
fn what_only_tests_have_is_hidden() {
    let text = "a\n#[cfg(test)]\n#[rustfmt::skip]\nmod tests {\n  x { }\n}\nb\n\
        #[cfg(all(test, unix))]\nuse x::{\n  y,\n};\nc";
    let shown = without_tests(text);
    assert_eq!(shown.split_whitespace().collect::<String>(), "abc");
    assert_eq!(shown.lines().count(), text.lines().count());
    assert!(without_tests("#[cfg(not(test))]\nuse x;").contains("use x;"));
}
