//! The modules of a crate, and which of them takes what of which.
//!
//! It knows as much of Rust's names as the tree uses: a path begins with `crate`, `self`, `super`, a module below, or a
//! module that a `use` brought. What a module only hands on is taken from where it is defined. Macros are not
//! expanded, and what is for tests only does not count.

use super::tokens::{tokens, without_tests};
use super::tree::SourceFile;
use super::uses::{Names, names};
use std::collections::{BTreeMap, BTreeSet};

/// A module's name, from the crate's root: none.
pub type Path = Vec<String>;

/// One module takes something of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taking {
    /// Who.
    pub from: Path,
    /// Of whom.
    pub to: Path,
    /// As it is written.
    pub what: String,
    /// Where.
    pub line: usize,
}

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    Module(Path),
    /// Something that this module defines.
    Of(Path),
}

/// Ends a search for names that hand each other on.
const HANDED_ON_MAX: usize = 8;

/// The modules of one crate.
#[derive(Debug, Default)]
pub struct Modules {
    files: BTreeMap<Path, (String, Names)>,
}

impl Modules {
    /// Of the crate in a directory: of its library, or of its program if it has none.
    pub fn read(files: &[SourceFile], krate: &str) -> Self {
        let src = format!("{krate}/src/");
        let sources = files.iter().filter(|file| file.path.ends_with(".rs"));
        let inside: Vec<_> = sources
            .filter_map(|file| Some((file.path.strip_prefix(&src)?.strip_suffix(".rs")?, file)))
            .collect();
        let root = if inside.iter().any(|(path, _)| *path == "lib") { "lib" } else { "main" };
        let mut modules = Self::default();
        let mut of_tests = BTreeSet::new();
        for (path, file) in inside {
            let Some(module) = module(path, root) else { continue };
            let all = tokens(&file.code);
            let (kept, tests) = without_tests(&all);
            for name in tests {
                of_tests.insert([module.as_slice(), &[name.to_owned()]].concat());
            }
            modules.files.insert(module, (file.path.clone(), names(&kept)));
        }
        modules.files.retain(|module, _| !of_tests.iter().any(|test| module.starts_with(test)));
        modules
    }

    /// Every module.
    pub fn all(&self) -> impl Iterator<Item = &Path> {
        self.files.keys()
    }

    /// A module's file.
    pub fn file(&self, module: &[String]) -> &str {
        self.files.get(module).map_or("", |file| &file.0)
    }

    /// What each takes of others.
    pub fn takings(&self) -> Vec<Taking> {
        self.files.keys().flat_map(|module| self.takings_of(module)).collect()
    }

    fn takings_of(&self, from: &Path) -> Vec<Taking> {
        let names = &self.files[from].1;
        let (mut takings, mut brought) = (Vec::new(), BTreeMap::new());
        let mut take = |to: Path, path: &[String], line| {
            if to != *from {
                takings.push(Taking { from: from.clone(), to, what: path.join("::"), line });
            }
        };
        for it in &names.uses {
            let (path, is_all) = match it.path.split_last() {
                Some((last, path)) if last == "*" => (path, true),
                _ => (it.path.as_slice(), false),
            };
            match self.find(from, path, 0) {
                // Of what is only handed on nothing is taken.
                _ if it.is_handed_on && (is_all || !names.words.contains(&it.name)) => {}
                Some(Target::Module(module)) if is_all => take(module, &it.path, it.line),
                Some(Target::Module(module)) => {
                    brought.insert(it.name.clone(), module);
                }
                Some(Target::Of(module)) => take(module, &it.path, it.line),
                None => {}
            }
        }
        for (path, line) in &names.paths {
            let found = match brought.get(&path[0]) {
                Some(module) => Some(self.walk(module.clone(), &path[1..], 0)),
                None => self.find(from, path, 0),
            };
            if let Some(Target::Of(module)) = found {
                take(module, path, *line);
            }
        }
        takings
    }

    /// What a path leads to that is written in a module; `None`: out of the crate.
    fn find(&self, from: &[String], path: &[String], depth: usize) -> Option<Target> {
        let mut at = from.to_vec();
        let mut rest = path;
        match path.first()?.as_str() {
            "crate" => (at, rest) = (Vec::new(), &path[1..]),
            "self" => rest = &path[1..],
            "super" => {
                while let Some((first, behind)) = rest.split_first()
                    && first == "super"
                {
                    at.pop();
                    rest = behind;
                }
            }
            first => {
                let below = [from, &[first.to_owned()]].concat();
                self.files.get(&below)?;
            }
        }
        Some(self.walk(at, rest, depth))
    }

    fn walk(&self, mut at: Path, path: &[String], depth: usize) -> Target {
        for (index, name) in path.iter().enumerate() {
            at.push(name.clone());
            if self.files.contains_key(&at) {
                continue;
            }
            at.pop();
            return match self.handed_on(&at, name, depth) {
                Some(Target::Module(module)) => self.walk(module, &path[index + 1..], depth + 1),
                Some(found) => found,
                None => Target::Of(at),
            };
        }
        Target::Module(at)
    }

    /// Where a name is defined that a module has by `use`.
    fn handed_on(&self, at: &[String], name: &str, depth: usize) -> Option<Target> {
        if depth == HANDED_ON_MAX {
            return None;
        }
        let uses = &self.files.get(at)?.1.uses;
        if let Some(it) = uses.iter().find(|it| it.name == name && it.name != "*") {
            return self.find(at, &it.path, depth + 1);
        }
        let all = uses.iter().filter(|it| it.is_handed_on && it.name == "*");
        all.filter_map(|it| {
            let (_, path) = it.path.split_last()?;
            let Some(Target::Module(module)) = self.find(at, path, depth + 1) else { return None };
            self.files.get(&module)?.1.defined.contains(name).then_some(Target::Of(module))
        })
        .next()
    }
}

/// The module that a file is, by its path below `src` without the ending; `None`: it is of another program.
fn module(path: &str, root: &str) -> Option<Path> {
    let mut parts: Path = path.split('/').map(str::to_owned).collect();
    match path {
        _ if path == root => return Some(Vec::new()),
        "lib" | "main" => return None,
        _ if parts[0] == "bin" => return None,
        _ => {}
    }
    if parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `from` takes, of the files of a crate: each a path below `src` and its text.
    #[track_caller]
    fn check(files: &[(&str, &str)], from: &str, takings: &[&str]) {
        let files: Vec<SourceFile> = files
            .iter()
            .map(|(path, text)| SourceFile::new(&format!("krate/src/{path}"), text))
            .collect();
        let found = Modules::read(&files, "krate").takings();
        let of = found.iter().filter(|it| it.from.join("::") == from);
        let shown = of.map(|it| format!("{} by {}", it.to.join("::"), it.what));
        assert_eq!(shown.collect::<Vec<_>>(), takings, "{files:?}");
    }

    #[test]
    fn uses_and_paths_lead_to_the_module_that_defines() {
        let files = &[
            ("lib.rs", "mod a; mod b;"),
            ("a/mod.rs", "mod c; pub struct A;"),
            ("a/c.rs", "use super::A; use crate::b::{B, f}; fn g() { crate::b::h(); }"),
            ("b.rs", "use crate::a; fn f() { a::c::g(); std::mem::drop(1); }"),
        ];
        check(
            files,
            "a::c",
            &["a by super::A", "b by crate::b::B", "b by crate::b::f", "b by crate::b::h"],
        );
        check(files, "b", &["a::c by a::c::g"]);
        check(files, "a", &[]);
    }

    #[test]
    fn what_is_handed_on_is_taken_from_its_own_module() {
        let files = &[
            ("lib.rs", "mod a; mod b; pub use a::A; pub use b::*;"),
            ("a.rs", "pub struct A; use crate::B;"),
            ("b.rs", "pub struct B; use crate::A;"),
        ];
        check(files, "a", &["b by crate::B"]);
        check(files, "b", &["a by crate::A"]);
        check(files, "", &[]);
    }

    #[test]
    fn what_a_module_hands_on_and_uses_itself_it_takes() {
        let files = &[
            ("lib.rs", "mod a; pub use a::A; pub struct B(A);"),
            ("a.rs", "pub struct A; use super::B;"),
        ];
        check(files, "", &["a by a::A"]);
        check(files, "a", &[" by super::B"]);
    }

    #[test]
    fn tests_and_other_programs_do_not_count() {
        let files = &[
            ("lib.rs", "mod a; #[cfg(test)] mod tests { use super::a::A; } #[cfg(test)] mod far;"),
            ("far.rs", "use crate::a::A;"),
            ("main.rs", "use krate::a::A;"),
            ("bin/x.rs", "use krate::a::A;"),
            ("a.rs", "pub struct A;"),
        ];
        check(files, "", &[]);
        check(files, "far", &[]);
    }
}
