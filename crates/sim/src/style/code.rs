//! Blanks out what is not code, so that a rule about code does not fire on a comment or a text.
//!
//! It knows just enough of Rust's lexer for that, and nothing of its grammar. Lines keep their numbers.

/// What the blanker stands in.
enum Mode {
    Code,
    LineComment,
    BlockComment { depth: usize },
    Text,
    RawText { hashes: usize },
}

/// `source` with every comment and the inside of every string and char literal turned into spaces.
pub fn blank(source: &str) -> String {
    let chars: Vec<char> = source.chars().collect();
    let mut out = String::with_capacity(source.len());
    let mut mode = Mode::Code;
    let mut at = 0;
    while at < chars.len() {
        let (taken, next) = match mode {
            Mode::Code => {
                let (taken, next) = enter(&chars, at);
                if matches!(next, Mode::Code) && taken == 1 {
                    out.push(chars[at]);
                    at += 1;
                    continue;
                }
                (taken, next)
            }
            Mode::LineComment => {
                (1, if chars[at] == '\n' { Mode::Code } else { Mode::LineComment })
            }
            Mode::BlockComment { depth } => in_block_comment(&chars[at..], depth),
            Mode::Text => match chars[at] {
                '\\' => (2, Mode::Text),
                '"' => (1, Mode::Code),
                _ => (1, Mode::Text),
            },
            Mode::RawText { hashes } => {
                let closes = chars[at] == '"'
                    && chars[at + 1..].iter().take_while(|c| **c == '#').count() >= hashes;
                if closes { (1 + hashes, Mode::Code) } else { (1, Mode::RawText { hashes }) }
            }
        };
        let end = (at + taken).min(chars.len());
        out.extend(chars[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
        mode = next;
        at = end;
    }
    out
}

/// In code at `at`: how many chars the next token takes, and what follows it. One char and `Code` is code.
fn enter(chars: &[char], at: usize) -> (usize, Mode) {
    let rest = &chars[at..];
    let after_word = at > 0 && is_word(chars[at - 1]);
    match rest {
        ['/', '/', ..] => (2, Mode::LineComment),
        ['/', '*', ..] => (2, Mode::BlockComment { depth: 1 }),
        ['"', ..] => (1, Mode::Text),
        ['r', ..] if !after_word => raw_text(rest, 1),
        ['b' | 'c', 'r', ..] if !after_word => raw_text(rest, 2),
        ['\'', '\\', _, tail @ ..] => {
            (4 + tail.iter().position(|c| *c == '\'').unwrap_or(0), Mode::Code)
        }
        ['\'', _, '\'', ..] => (3, Mode::Code),
        _ => (1, Mode::Code),
    }
}

fn raw_text(rest: &[char], prefix: usize) -> (usize, Mode) {
    let hashes = rest[prefix..].iter().take_while(|c| **c == '#').count();
    match rest.get(prefix + hashes) {
        Some('"') => (prefix + hashes + 1, Mode::RawText { hashes }),
        Some(_) | None => (1, Mode::Code),
    }
}

fn in_block_comment(rest: &[char], depth: usize) -> (usize, Mode) {
    match rest {
        ['/', '*', ..] => (2, Mode::BlockComment { depth: depth + 1 }),
        ['*', '/', ..] if depth == 1 => (2, Mode::Code),
        ['*', '/', ..] => (2, Mode::BlockComment { depth: depth - 1 }),
        _ => (1, Mode::BlockComment { depth }),
    }
}

/// Whether `c` can stand inside a Rust name.
pub fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::blank;

    fn check(source: &str, kept: &str) {
        let blanked = blank(source);
        assert_eq!(blanked.split_whitespace().collect::<Vec<_>>().join(" "), kept, "{source}");
        assert_eq!(blanked.lines().count(), source.lines().count(), "lines move: {source}");
    }

    #[test]
    fn comments_go() {
        check("a // b\nc", "a c");
        check("a /* b /* c */ d\n */ e", "a e");
        check("//! doc \"\nx", "x");
    }

    #[test]
    fn texts_go() {
        check(r#"f("b \" // c") + d"#, "f( ) + d");
        check("f(r#\"b \" c\"#) + d", "f( ) + d");
        check("f(br\"\\\") + d", "f( ) + d");
        check("\"a\nb\" c", "c");
    }

    #[test]
    fn chars_go_and_lifetimes_stay() {
        check("f('\"') + d", "f( ) + d");
        check(r"f('\'') + d", "f( ) + d");
        check(r"f('\u{7f}') + d", "f( ) + d");
        check("fn f<'a>(x: &'a str, y: &'a str)", "fn f<'a>(x: &'a str, y: &'a str)");
        check("for r in number { r#type }", "for r in number { r#type }");
    }
}
