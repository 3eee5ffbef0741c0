//! The style test: which rules there are, and one call that runs them all over a tree.
//!
//! To change what is allowed where, edit [`tables`]. The rules read text, not types: they catch the
//! honest mistake, not somebody who hides it behind a macro.

pub mod tables;
pub mod code;
pub mod tree;
pub mod bans;
pub mod layout;
pub mod imports;
pub mod code_map;

use std::fmt;
use std::io;
use std::path::Path;

/// One place that breaks one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Path from the root of the tree, with `/`.
    pub path: String,
    /// Counted from 1.
    pub line: usize,
    /// The rule's short name.
    pub rule: &'static str,
    /// What is wrong and what to do instead.
    pub advice: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.path, self.line, self.rule, self.advice)
    }
}

/// Runs every rule over the tree at `root`, the directory of the workspace manifest.
///
/// # Errors
/// When a directory or file of the tree cannot be read.
pub fn check_tree(root: &Path) -> io::Result<Vec<Finding>> {
    let files = tree::read(root)?;
    let mut findings = Vec::new();
    for file in &files {
        layout::check(file, &mut findings);
        bans::check(file, &mut findings);
    }
    for path in bans::missing_paths(root) {
        findings.push(path);
    }
    imports::check(&files, &mut findings);
    code_map::check(root, &files, &mut findings);
    Ok(findings)
}
