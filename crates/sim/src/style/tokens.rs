//! Rust code as words and marks, each with its line; and what of it is there for tests only.
//!
//! It knows no grammar. The code was blanked before: it has no comments and no texts.

use super::code::is_word;

/// A word, `::`, or a mark of one character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// As it stands there.
    pub text: &'a str,
    /// Counted from 1.
    pub line: usize,
}

/// Everything of `code` but spaces.
pub fn tokens(code: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let (mut rest, mut line) = (code, 1);
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let length = match word {
            0 if rest.starts_with("::") => 2,
            0 => first.len_utf8(),
            word => word,
        };
        let (text, behind) = rest.split_at(length);
        if !first.is_whitespace() {
            found.push(Token { text, line });
        }
        line += usize::from(first == '\n');
        rest = behind;
    }
    found
}

const FOR_TESTS: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];

/// What is not for tests only, and the names of modules in other files that are.
pub fn without_tests<'a>(tokens: &[Token<'a>]) -> (Vec<Token<'a>>, Vec<&'a str>) {
    let (mut kept, mut modules) = (Vec::new(), Vec::new());
    let mut rest = tokens;
    while let Some(first) = rest.first() {
        let mark = rest.iter().take(FOR_TESTS.len()).map(|token| token.text);
        if !mark.eq(FOR_TESTS) {
            kept.push(*first);
            rest = &rest[1..];
            continue;
        }
        let item = &rest[FOR_TESTS.len()..];
        let end = item.iter().position(|token| [";", "{"].contains(&token.text));
        let end = end.unwrap_or(item.len());
        if item.get(end).is_some_and(|token| token.text == ";") {
            let name = item[..end].iter().rev().take(2).map(|token| token.text);
            if let [name, "mod"] = name.collect::<Vec<_>>()[..] {
                modules.push(name);
            }
        }
        rest = &item[block(&item[end..]) + end..];
    }
    (kept, modules)
}

/// How many tokens a block has, which begins here, or one if none does.
fn block(tokens: &[Token<'_>]) -> usize {
    let mut depth = 0usize;
    for (at, token) in tokens.iter().enumerate() {
        match token.text {
            "{" => depth += 1,
            "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts<'a>(tokens: &[Token<'a>]) -> Vec<&'a str> {
        tokens.iter().map(|token| token.text).collect()
    }

    #[test]
    fn words_and_marks_have_lines() {
        let found = tokens("use a::b;\n f(x_1)");
        assert_eq!(texts(&found), ["use", "a", "::", "b", ";", "f", "(", "x_1", ")"]);
        assert_eq!((found[0].line, found[5].line), (1, 2));
    }

    #[test]
    fn what_is_for_tests_goes() {
        let code = "a #[cfg(test)] mod tests { x { y } } b #[cfg(test)] mod far; c #[cfg(test)] fn f() { g() } d";
        let (kept, modules) = without_tests(&tokens(code));
        assert_eq!(texts(&kept), ["a", "b", "c", "d"]);
        assert_eq!(modules, ["far"]);
    }
}
