//! Words that may not stand in some places: applies the ban table to files.

use std::path::Path;

use super::code::is_word;
use super::finding::Finding;
use super::tables::{BANS, Ban, Look, REQUIRED};
use super::tree::{SourceFile, is_in};

/// Applies every ban to one file.
pub fn check(file: &SourceFile, findings: &mut Vec<Finding>) {
    for ban in BANS.iter().filter(|ban| holds(ban, &file.path)) {
        let searched = match ban.look {
            Look::Code => &file.code,
            Look::Text => &file.text,
        };
        for (index, line) in searched.lines().enumerate() {
            if let Some(word) = ban.words.iter().find(|word| has_word(line, word)) {
                findings.push(Finding {
                    path: file.path.clone(),
                    line: index + 1,
                    rule: ban.rule,
                    advice: format!("`{word}`: {}", ban.instead),
                });
            }
        }
    }
}

/// A finding for every path in the tables that is not in the tree: it is required, or a ban watches
/// nothing.
pub fn missing_paths(root: &Path) -> Vec<Finding> {
    let listed = BANS.iter().flat_map(|ban| ban.places.iter().chain(ban.except));
    listed
        .chain(REQUIRED)
        .filter(|place| !root.join(place).exists() && !root.join(format!("{place}.rs")).exists())
        .map(|place| Finding {
            path: (*place).to_owned(),
            line: 1,
            rule: "listed paths exist",
            advice: "not in the tree: correct it in crates/sim/src/style/tables.rs".to_owned(),
        })
        .collect()
}

fn holds(ban: &Ban, path: &str) -> bool {
    let placed = ban.places.is_empty() || ban.places.iter().any(|place| is_in(path, place));
    placed && !ban.except.iter().any(|place| is_in(path, place))
}

/// Whether `word` stands in `line`, not as a part of a longer word.
fn has_word(line: &str, word: &str) -> bool {
    let begins = word.starts_with(|c| is_word(c) || c == '/');
    let ends = word.ends_with(is_word);
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let longer = begins && before.is_some_and(is_word) || ends && after.is_some_and(is_word);
        !longer
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ban's rule, a path where it holds, a line it must catch there, and one that it must leave
    /// alone.
    const CASES: &[(&str, &str, &str, &str)] = &[
        (
            "unsafe only where listed",
            "logic/src/a.rs",
            "let x = unsafe { f() };",
            "#![deny(unsafe_code)] // unsafe",
        ),
        (
            "pure cores stay pure",
            "crates/shard/src/shard/a.rs",
            "let now = std::time::Instant::now();",
            "fn f(now: Instant) {}",
        ),
        (
            "pure cores stay pure",
            "crates/client/src/machine/b.rs",
            "let now = SystemTime::now();",
            "// SystemTime::now is the driver's",
        ),
        ("pure cores stay pure", "crates/shard/src/shard.rs", "f().await;", "let awaited = 1;"),
        (
            "pure cores stay pure",
            "crates/client/src/machine/a.rs",
            "use std::{net::TcpStream, rc::Rc};",
            "mod subnet;",
        ),
        ("pure cores stay pure", "crates/wire/src/a.rs", "use std::net;", "use std::mem;"),
        (
            "pure cores stay pure",
            "crates/shard/src/shard/a.rs",
            "std::thread::spawn(f);",
            "threads += 1;",
        ),
        (
            "no locks on the path",
            "gateway/src/a.rs",
            "use std::sync::{Arc, Mutex};",
            "use std::sync::Arc;",
        ),
        (
            "queues are bounded",
            "gateway/src/a.rs",
            "let (tx, rx) = flume::unbounded();",
            "let (tx, rx) = flume::bounded(QUEUE_MAX);",
        ),
        ("gateway names no store", "gateway/Cargo.toml", "redis = \"1\"", "rand = \"1\""),
        ("gateway names no store", "gateway/src/a.rs", "// as scylla does", "// redistribute"),
        (
            "a transport knows no session",
            "gateway/src/transport/a.rs",
            "use crate::entry::SessionKey;",
            "let kind = 1;",
        ),
        (
            "the entry knows no ring",
            "gateway/src/entry/a.rs",
            "use netring::ConnId as Id;",
            "// a NetRing is the core's",
        ),
        (
            "a request decides and no more",
            "gateway/src/entry/requests/a.rs",
            "use crate::metrics::CloseReason;",
            "// the entry's metrics count it",
        ),
        (
            "a backend knows no client",
            "gateway/src/backend/a.rs",
            "use wire::frames::Push;",
            "let entry = delivery.to.session.entry;",
        ),
        (
            "a shard knows no store",
            "crates/shard/src/shard/a.rs",
            "use crate::store::Store;",
            "use crate::rows::StoreError;",
        ),
        (
            "a link knows no socket",
            "crates/link/src/a.rs",
            "use netring::ConnId;",
            "// what a net ring received",
        ),
        (
            "ownership knows no store",
            "logic/src/cluster/a.rs",
            "use crate::cql::Statement;",
            "use shard::owner::NodeId;",
        ),
        (
            "stores and routes know no process",
            "logic/src/cql/a.rs",
            "use crate::node::slots::Slots;",
            "use crate::cluster::Position;",
        ),
        (
            "no leftover markers",
            "xtask/src/a.rs",
            concat!("// FIX", "ME later"),
            "// a fix for me, MATODOR",
        ),
        ("no leftover markers", "logic/src/a.rs", concat!("to", "do!()"), "let todo = 1;"),
        (
            "no paths of one machine",
            "README.md",
            concat!("see `/wo", "rk/x`"),
            concat!("see out/wo", "rk/x"),
        ),
        (
            "one wall clock",
            "logic/src/a.rs",
            "use std::time::SystemTime;",
            "let now_ms = unix_ms(); // as SystemTime has it",
        ),
        ("no paths of one machine", "fuzz/a.rs", concat!("\"/ho", "me/me\""), "\"/tmp/home\""),
    ];

    fn rules(path: &str, text: &str) -> Vec<&'static str> {
        let mut findings = Vec::new();
        check(&SourceFile::new(path, text), &mut findings);
        assert!(findings.iter().all(|f| f.line == 2), "wrong line: {findings:?}");
        findings.iter().map(|f| f.rule).collect()
    }

    #[test]
    fn every_ban_catches_its_bad_line_and_no_other() {
        for (rule, path, bad, good) in CASES {
            assert_eq!(rules(path, &format!("\n{bad}\n")), [*rule], "{path}: {bad}");
            assert!(rules(path, &format!("\n{good}\n")).is_empty(), "{path}: {good}");
        }
    }

    #[test]
    fn every_ban_has_a_case() {
        for ban in BANS {
            assert!(CASES.iter().any(|case| case.0 == ban.rule), "no case for {}", ban.rule);
        }
    }

    #[test]
    fn every_word_of_every_ban_is_caught() {
        for ban in BANS {
            let place = ban.places.first().copied().unwrap_or("xtask");
            let path = if place.ends_with(".rs") { place } else { &format!("{place}/a.rs") };
            for word in ban.words {
                let found = rules(path, &format!("\n{word} \n"));
                assert!(found.contains(&ban.rule), "{}: {word}: {found:?}", ban.rule);
            }
        }
    }

    #[test]
    fn an_exception_is_left_alone() {
        assert!(rules("crates/netring/src/a.rs", "\nunsafe { f() }\n").is_empty());
        assert!(rules("xtask/src/a.rs", "\nlet now = Instant::now();\n").is_empty());
        assert!(rules("crates/link/src/dial.rs", "\nuse std::fs;\n").is_empty());
    }

    #[test]
    fn a_listed_path_that_is_gone_is_caught() {
        let nowhere = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let findings = missing_paths(&nowhere);
        for path in ["crates/shard/src/shard", "LICENSE-MIT"] {
            assert!(findings.iter().any(|f| f.path == path), "{path}: {findings:?}");
        }
    }
}
