//! What a file's code names of other modules: its `use`s, one by one, and the paths in the rest of it.

use super::tokens::Token;
use std::collections::{BTreeMap, BTreeSet};

/// One name that a `use` brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// As written, but one name at a time; the last is `*` for all.
    pub path: Vec<String>,
    /// What it is called here.
    pub name: String,
    /// Others may take it from here.
    pub is_handed_on: bool,
    /// Where.
    pub line: usize,
}

/// What a file names.
#[derive(Debug, Default)]
pub struct Names {
    /// By `use`.
    pub uses: Vec<Use>,
    /// Paths of two names or more in the rest, and the line of the first such.
    pub paths: BTreeMap<Vec<String>, usize>,
    /// Words in the rest: those with which a path begins, or that are none.
    pub words: BTreeSet<String>,
    /// What is defined in the rest.
    pub defined: BTreeSet<String>,
}

/// What stands before the name of what is defined.
const DEFINING: [&str; 8] = ["struct", "enum", "fn", "const", "static", "type", "trait", "union"];

/// Reads a file's tokens.
pub fn names(tokens: &[Token<'_>]) -> Names {
    let mut names = Names::default();
    let (mut at, mut before) = (0, "");
    while let Some(token) = tokens.get(at) {
        let next = tokens.get(at + 1).map_or("", |next| next.text);
        if token.text == "use" && next != "<" {
            let length = tokens[at..].iter().position(|token| token.text == ";");
            let end = at + length.unwrap_or(tokens.len() - at);
            let is_handed_on = before == "pub" || before == ")";
            let mut tree = Tree { tokens: &tokens[at + 1..end], is_handed_on, line: token.line };
            tree.read(&[], &mut names.uses);
            (at, before) = (end, ";");
            continue;
        }
        let length = path(&tokens[at..]);
        let words: Vec<String> =
            tokens[at..at + length].iter().step_by(2).map(|token| token.text.to_owned()).collect();
        if length > 1 && before != "." {
            names.paths.entry(words.clone()).or_insert(token.line);
        }
        if DEFINING.contains(&before) {
            names.defined.extend(words.first().cloned());
        }
        names.words.extend(words.into_iter().next());
        at += length.max(1);
        before = tokens[at - 1].text;
    }
    names
}

/// How many tokens the path has that begins here: words with `::` between.
fn path(tokens: &[Token<'_>]) -> usize {
    let is_word = |at: usize| {
        let first = tokens.get(at).and_then(|token| token.text.chars().next());
        first.is_some_and(|c| c.is_alphabetic() || c == '_')
    };
    if !is_word(0) {
        return 0;
    }
    let mut length = 1;
    while tokens.get(length).is_some_and(|token| token.text == "::") && is_word(length + 1) {
        length += 2;
    }
    length
}

/// The tree of a `use`, as far as it is not read yet.
struct Tree<'a> {
    tokens: &'a [Token<'a>],
    is_handed_on: bool,
    line: usize,
}

impl<'a> Tree<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let (first, rest) = self.tokens.split_first()?;
        (self.tokens, self.line) = (rest, first.line);
        Some(first.text)
    }

    /// Reads one branch below `prefix`.
    fn read(&mut self, prefix: &[String], uses: &mut Vec<Use>) {
        let mut path = prefix.to_vec();
        let mut name = None;
        while let Some(token) = self.next() {
            match token {
                "::" => {}
                "as" => name = self.next().map(str::to_owned),
                "{" => {
                    self.read_group(&path, uses);
                    return;
                }
                "}" | "," => break,
                word => path.push(word.to_owned()),
            }
            if self.tokens.first().is_some_and(|token| ["}", ","].contains(&token.text)) {
                break;
            }
        }
        if path.last().is_some_and(|last| last == "self") && path.len() > 1 {
            path.pop();
        }
        let Some(last) = path.last() else { return };
        let name = name.unwrap_or_else(|| last.clone());
        let (is_handed_on, line) = (self.is_handed_on, self.line);
        uses.push(Use { path, name, is_handed_on, line });
    }

    fn read_group(&mut self, prefix: &[String], uses: &mut Vec<Use>) {
        loop {
            match self.tokens.first().map(|token| token.text) {
                None => return,
                Some("}") => {
                    self.next();
                    return;
                }
                Some(",") => {
                    self.next();
                }
                Some(_) => self.read(prefix, uses),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tokens::tokens;
    use super::*;

    fn check(code: &str, uses: &[&str]) {
        let found = names(&tokens(code));
        let shown = found.uses.iter().map(|it| {
            let hands = if it.is_handed_on { "pub " } else { "" };
            format!("{hands}{} as {}", it.path.join("::"), it.name)
        });
        assert_eq!(shown.collect::<Vec<_>>(), uses, "{code}");
    }

    #[test]
    fn each_name_of_a_use_stands_for_itself() {
        check("use a::B;", &["a::B as B"]);
        check("pub use a::B as C;", &["pub a::B as C"]);
        check(
            "pub(super) use a::{B, c::{self, D}, e::*};",
            &["pub a::B as B", "pub a::c as c", "pub a::c::D as D", "pub a::e::* as *"],
        );
        check("use {a::B, c::D};", &["a::B as B", "c::D as D"]);
        check("fn f() -> impl Fn() + use<'_> {}", &[]);
    }

    #[test]
    fn paths_in_the_rest_are_found() {
        let found = names(&tokens("use a::B;\nfn f(x: c::D) { x.e(); super::g::h::<u8>() }"));
        let paths: Vec<String> = found.paths.keys().map(|path| path.join("::")).collect();
        assert_eq!(paths, ["c::D", "super::g::h"]);
        assert_eq!(found.paths.values().copied().collect::<Vec<_>>(), [2, 2]);
        assert!(found.defined.contains("f") && !found.defined.contains("x"));
    }
}
