//! The README's code map and the tree say the same; so do other lists of paths in pages.
//!
//! A path in a list stands in backticks and has a `/` or a `.` in it; other words in backticks are
//! names.

use std::path::Path;

use super::finding::Finding;
use super::tables::MAPS;
use super::tree::SourceFile;

const RULE: &str = "code map";

/// Every path in every map exists, and every crate is in the first.
pub fn check(root: &Path, files: &[SourceFile], findings: &mut Vec<Finding>) {
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

/// Line number and path of every path in the section of that title.
fn section<'a>(page: &'a str, title: &str) -> Vec<(usize, &'a str)> {
    let mut level = None;
    let mut fenced = false;
    let mut paths = Vec::new();
    for (index, line) in page.lines().enumerate() {
        fenced ^= line.trim_start().starts_with("```");
        let hashes = line.chars().take_while(|c| *c == '#').count();
        if hashes > 0 && !fenced {
            let begins = line[hashes..].trim().eq_ignore_ascii_case(title);
            let inside = level.is_some_and(|level| hashes > level);
            level = if begins { Some(hashes) } else { level.filter(|_| inside) };
        } else if level.is_some() {
            let quoted = line.split('`').skip(1).step_by(2);
            let is_path = |word: &&str| word.contains(['/', '.']) && !word.contains([' ', ':']);
            paths.extend(quoted.filter(is_path).map(|word| (index + 1, word)));
        }
    }
    paths
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
    fn a_crate_that_is_not_in_the_map_is_caught() {
        assert_eq!(lines(Some("## Code map\n`tests/`\n")), [2]);
    }
}
