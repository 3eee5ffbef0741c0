//! The whole tree keeps the style: runs every rule of `sim::style` over the workspace and lists each place that breaks
//! one. That each rule can fail is proved beside the rule.

use std::path::Path;

#[test]
fn the_tree_keeps_the_style() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let findings = sim::style::check_tree(&root).expect("could not read the tree");
    let list: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(list.is_empty(), "{} places break the style:\n{}", list.len(), list.join("\n"));
}
