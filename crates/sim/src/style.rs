//! The style test: which rules there are, and one call that runs them all over a tree.
//!
//! To change what is allowed where, edit [`tables`]. The rules read text, not types: they catch the
//! honest mistake, not somebody who hides it behind a macro.

pub mod finding;
pub mod tables;
pub mod code;
pub mod tree;
pub mod bans;
pub mod layout;
pub mod imports;
pub mod tokens;
pub mod uses;
pub mod modules;
pub mod circles;
pub mod code_map;

pub use finding::Finding;

use std::io;
use std::path::Path;

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
    circles::check(&files, &mut findings);
    code_map::check(root, &files, &mut findings);
    Ok(findings)
}
