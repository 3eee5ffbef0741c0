//! The README's code map and the tree say the same; so do other lists of paths in pages.
//!
//! A path in a list stands in backticks and has a `/` or a `.` in it; other words in backticks are
//! names.

use std::path::Path;

use super::finding::Finding;
use super::tables::{MAPS, NEW_REQUEST, ShortList};
use super::tree::SourceFile;

const RULE: &str = "code map";

/// Every path in every map exists, and every crate is in the first; a list that is to be short is.
pub fn check(root: &Path, files: &[SourceFile], findings: &mut Vec<Finding>) {
    let page = files.iter().find(|file| file.path == NEW_REQUEST.page);
    findings.extend(page.and_then(|page| too_long(&page.text, &NEW_REQUEST)));
    for (page, title) in MAPS {
        let text = files.iter().find(|file| file.path == *page).map_or("", |file| &file.text);
        let map = section(text, title);
        let mut add = |line, advice| {
            findings.push(Finding { path: (*page).to_owned(), line, rule: RULE, advice });
        };
        if map.is_empty() {
            add(1, format!("write a section `## {title}` with paths in backticks"));
            continue;
        }
        for (line, path) in &map {
            if !root.join(path).exists() {
                add(*line, format!("`{path}` is not in the tree: correct the list"));
            }
        }
        let crates = files.iter().filter_map(|file| file.path.strip_suffix("/Cargo.toml"));
        for krate in crates.filter(|_| *page == MAPS[0].0) {
            let known = map.iter().any(|(_, path)| {
                path.trim_end_matches('/') == krate || path.starts_with(&format!("{krate}/"))
            });
            if !known {
                add(map[0].0, format!("`{krate}/` is a crate and not in the map: add it"));
            }
        }
    }
}

/// Whether more rows of a table have numbers than a list may have.
fn too_long(page: &str, list: &ShortList) -> Option<Finding> {
    let is_row = |line: &&(usize, &str)| {
        let cell = line.1.strip_prefix("| ").and_then(|rest| rest.split(' ').next());
        cell.is_some_and(|cell| cell.parse::<usize>().is_ok())
    };
    let lines = lines(page, list.title);
    let (line, _) = lines.iter().filter(is_row).nth(list.rows_max)?;
    let advice = format!("more than {} rows: let one file say what two do", list.rows_max);
    Some(Finding { path: list.page.to_owned(), line: *line, rule: RULE, advice })
}

/// Line number and path of every path in the section of that title.
fn section<'a>(page: &'a str, title: &str) -> Vec<(usize, &'a str)> {
    let is_path = |word: &&str| word.contains(['/', '.']) && !word.contains([' ', ':']);
    let quoted = |(line, text): (usize, &'a str)| {
        text.split('`').skip(1).step_by(2).filter(is_path).map(move |word| (line, word))
    };
    lines(page, title).into_iter().flat_map(quoted).collect()
}

/// The lines of the section of that title, with their numbers.
fn lines<'a>(page: &'a str, title: &str) -> Vec<(usize, &'a str)> {
    let mut level = None;
    let mut fenced = false;
    let mut lines = Vec::new();
    for (index, line) in page.lines().enumerate() {
        fenced ^= line.trim_start().starts_with("```");
        let hashes = line.chars().take_while(|c| *c == '#').count();
        if hashes > 0 && !fenced {
            let begins = line[hashes..].trim().eq_ignore_ascii_case(title);
            let inside = level.is_some_and(|level| hashes > level);
            level = if begins { Some(hashes) } else { level.filter(|_| inside) };
        } else if level.is_some() {
            lines.push((index + 1, line));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines at which the map of this very crate is found wrong.
    fn lines(readme: Option<&str>) -> Vec<usize> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut files = vec![SourceFile::new("src/Cargo.toml", "")];
        files.extend(readme.map(|text| SourceFile::new(MAPS[0].0, text)));
        let mut findings = Vec::new();
        check(root, &files, &mut findings);
        findings.iter().filter(|f| f.path == MAPS[0].0).map(|f| f.line).collect()
    }

    #[test]
    fn a_missing_readme_or_map_is_caught() {
        assert_eq!(lines(None), [1]);
        assert_eq!(lines(Some("# It\n\nNo map, `src/lib.rs`.\n")), [1]);
        assert_eq!(lines(Some("# It\n## Code map\nIn words only.\n")), [1]);
    }

    #[test]
    fn a_path_that_is_gone_is_caught() {
        assert_eq!(
            lines(Some("## Code map\n`src/`, `src/lib.rs`: `Finding`\n## More\n`x/y`\n")),
            [0; 0]
        );
        assert_eq!(lines(Some("## Code map\n- `src/`\n- `src/gone.rs`\n")), [3]);
        assert_eq!(lines(Some("## Code map\n`src/`\n### Deeper\n`gone/`\n")), [4]);
    }

    #[test]
    fn a_page_beside_the_readme_is_looked_at() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let (page, title) = MAPS[1];
        let text = format!("## {title}\n### Deeper\n`src/`\n`src/gone.rs`\n");
        let mut findings = Vec::new();
        check(root, &[SourceFile::new(page, &text)], &mut findings);
        let found: Vec<_> = findings.iter().filter(|f| f.path == page).map(|f| f.line).collect();
        assert_eq!(found, [4]);
    }

    #[test]
    fn a_list_that_grows_too_long_is_caught() {
        let list = ShortList { page: "P.md", title: "A list", rows_max: 2 };
        let page =
            |rows: &str| format!("## A list\n| | file |\n|---|---|\n{rows}## More\n| 3 | x |\n");
        assert_eq!(too_long(&page("| 1 | a |\n| 2 | b |\n"), &list), None);
        let found = too_long(&page("| 1 | a |\n| 2 | b |\n| 3 | c |\n"), &list).unwrap();
        assert_eq!((found.path.as_str(), found.line), ("P.md", 6));
    }

    #[test]
    fn a_crate_that_is_not_in_the_map_is_caught() {
        assert_eq!(lines(Some("## Code map\n`tests/`\n")), [2]);
    }
}
