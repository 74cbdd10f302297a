//! Which file does a path lead to, and is that file above?
//!
//! The files stand in the order in which a walk through the `mod` lines meets them, depth first, a
//! parent before its children. A path is first counted from the crate's root, then cut where its
//! modules end. What is left names an item of that module, and if the module only re-exports it
//! from a child, the child is where it leads.
//!
//! ```text
//! in engine/task.rs   super::Heap ── absolute ──> engine::Heap ── resolve ──> engine/timer.rs
//! ```
//!
//! Re-exports are followed downwards only: so it ends, and a file cannot reach something below by
//! way of something above. What a path means to the compiler beyond that (traits, associated items,
//! names that shadow each other) does not matter here.

use super::paths::{Names, Written, written};
use crate::source::{Item, items, tokens};
use std::collections::BTreeMap;

/// Path → text.
pub type Tree = BTreeMap<String, String>;

/// A file of the crate.
pub struct Module {
    pub file: String,
    pub code: String,
    pub items: Vec<Item>,
    path: Names,
    written: Vec<Written>,
    imports: Vec<Import>,
}

/// What a `use` line binds in its file.
struct Import {
    name: String,
    path: Names,
}

/// The files in reading order.
pub struct House {
    pub modules: Vec<Module>,
}

impl House {
    /// `code` says how much of a file's text counts.
    pub fn read(tree: &Tree, code: fn(&str) -> String) -> House {
        let mut house = House { modules: Vec::new() };
        house.enter(tree, code, Vec::new());
        for at in 0..house.modules.len() {
            house.modules[at].imports = house.imports(at);
        }
        house
    }

    /// Appends the module, then its children in the order of their `mod` lines.
    fn enter(&mut self, tree: &Tree, code: fn(&str) -> String, path: Names) {
        let stem = path.join("/");
        let places = match path.is_empty() {
            true => vec!["src/lib.rs".to_owned()],
            false => vec![format!("src/{stem}.rs"), format!("src/{stem}/mod.rs")],
        };
        let Some((file, text)) = places.iter().find_map(|place| tree.get_key_value(place)) else {
            panic!("a mod line promises one of {places:?}");
        };
        let module = Module::new(file, code(text), path.clone());
        let children = module.children();
        self.modules.push(module);
        for child in children {
            self.enter(tree, code, join(&path, [child]));
        }
    }

    fn imports(&self, user: usize) -> Vec<Import> {
        let import =
            |w: &Written| Some(Import { path: self.absolute(user, w)?, name: w.binds.clone()? });
        self.modules[user].written.iter().filter_map(import).collect()
    }

    /// The path from the crate's root, or `None` if it leads out of the crate.
    fn absolute(&self, user: usize, written: &Written) -> Option<Names> {
        let module = &self.modules[user];
        let mut base = join(&module.path, module.inline_modules(written.line));
        let mut names = written.names.as_slice();
        match names.first()?.as_str() {
            "crate" | "$crate" => (base, names) = (Vec::new(), &names[1..]),
            "self" | "super" => {}
            name if self.find(&join(&base, [name])).is_some() => {}
            name => {
                let mut imports = module.imports.iter().filter(|import| import.name == name);
                base = imports.find(|import| self.find(&import.path).is_some())?.path.clone();
                names = &names[1..];
            }
        }
        while let Some("self" | "super") = names.first().map(String::as_str) {
            if names[0] == "super" {
                base.pop();
            }
            names = &names[1..];
        }
        Some(join(&base, names))
    }

    fn find(&self, path: &[String]) -> Option<usize> {
        self.modules.iter().position(|module| module.path == path)
    }

    /// The deepest module on the path, and what the path names in it.
    fn deepest<'a>(&self, path: &'a [String]) -> (usize, Option<&'a str>) {
        let name = |at: usize| path.get(at).map(String::as_str);
        let mut prefixes = (0..=path.len()).rev();
        let found = prefixes.find_map(|len| Some((self.find(&path[..len])?, name(len))));
        found.expect("the root is the start of every path")
    }

    /// The file that defines what the path names.
    fn resolve(&self, path: &[String]) -> usize {
        let (module, name) = self.deepest(path);
        let Some(name) = name else { return module };
        let mut imports = self.modules[module].imports.iter();
        let root_macro = self.exported_macro(name).filter(|_| module == 0);
        let child = || imports.find_map(|import| self.follow(module, import, name));
        root_macro.or_else(child).unwrap_or(module)
    }

    /// Wherever it is written, `#[macro_export]` puts a macro at the root.
    fn exported_macro(&self, name: &str) -> Option<usize> {
        self.modules.iter().position(|module| module.defines("macro_rules", name))
    }

    /// The file behind a parent's re-export of the name.
    fn follow(&self, parent: usize, import: &Import, name: &str) -> Option<usize> {
        let glob = import.name == "*";
        let below = self.is_within(self.deepest(&import.path).0, parent);
        if !below || !glob && import.name != name {
            return None;
        }
        if !glob {
            return Some(self.resolve(&import.path));
        }
        let path = join(&import.path[..import.path.len() - 1], [name]);
        Some(self.resolve(&path)).filter(|child| self.modules[*child].defines("", name))
    }

    /// Whether the module is a child of the parent, or a child's child.
    fn is_within(&self, module: usize, parent: usize) -> bool {
        module != parent && self.modules[module].path.starts_with(&self.modules[parent].path)
    }

    /// Every breach of the law, as `file:line uses …`.
    pub fn violations(&self) -> Vec<String> {
        let users = self.modules.iter().enumerate();
        let all = users.flat_map(|(user, m)| m.written.iter().map(move |written| (user, written)));
        all.filter_map(|(user, written)| self.violation(user, written)).collect()
    }

    fn violation(&self, user: usize, written: &Written) -> Option<String> {
        let path = self.absolute(user, written)?;
        let used = self.resolve(&path);
        if used == user || self.is_within(used, user) {
            return None;
        }
        let (by, of) = (&self.modules[user].file, &self.modules[used].file);
        let who = format!("{by}:{} uses crate::{}", written.line, path.join("::"));
        if used > user {
            let order = format!("reading order: {} {by}, {} {of}", user + 1, used + 1);
            return Some(format!("{who}, which stands below it ({order})"));
        }
        // A macro of ours expands in the user's crate, where only the root's names can be seen.
        (written.names[0] != "$crate" && self.is_root_export(&path))
            .then(|| format!("{who}, a name at the root: name the file where it is defined, {of}"))
    }

    /// Whether the path is a name at the root for something that is not defined there.
    fn is_root_export(&self, path: &[String]) -> bool {
        let (module, Some(name)) = self.deepest(path) else { return false };
        module == 0 && !self.modules[0].defines("", name) && self.exported_macro(name).is_none()
    }
}

impl Module {
    fn new(file: &str, code: String, path: Names) -> Module {
        let (items, written) = (items(&code), written(&tokens(&code)));
        Module { file: file.to_owned(), code, items, path, written, imports: Vec::new() }
    }

    /// The modules that it declares and that live in files of their own. With `#[path]` the file is elsewhere: the
    /// models' stand-ins are.
    fn children(&self) -> Vec<String> {
        let tokens = tokens(&self.code);
        let declared = tokens.windows(3).filter(|t| t[0].text == "mod" && t[2].text == ";");
        let lines: Vec<_> = self.code.lines().map(str::trim).collect();
        let is_elsewhere = |name: &str| {
            lines.windows(2).any(|lines| {
                lines[0].starts_with("#[path") && lines[1].ends_with(&format!("mod {name};"))
            })
        };
        let here = declared.filter(|tokens| !is_elsewhere(tokens[1].text));
        here.map(|tokens| tokens[1].text.to_owned()).collect()
    }

    /// The modules whose braces are around the line.
    fn inline_modules(&self, line: usize) -> Names {
        let around = |i: &&Item| i.keyword == "mod" && (i.line + 1..=i.end).contains(&line);
        self.items.iter().filter(around).filter_map(|item| item.path.last().cloned()).collect()
    }

    /// Whether the item is defined at the top of this file; an empty keyword is any keyword.
    fn defines(&self, keyword: &str, name: &str) -> bool {
        let is_it = |i: &Item| i.path == [name] && (keyword.is_empty() || i.keyword == keyword);
        self.items.iter().any(is_it)
    }
}

fn join<S: ToString>(path: &[String], names: impl IntoIterator<Item = S>) -> Names {
    path.iter().cloned().chain(names.into_iter().map(|name| name.to_string())).collect()
}
