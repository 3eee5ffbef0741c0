//! How a source file begins, and how long it and some pages may be.

use super::finding::Finding;
use super::tables::{FILE_LINES_MAX, PAGE_LINES_MAX};
use super::tree::SourceFile;

/// Module docs first, and not too long.
pub fn check(file: &SourceFile, findings: &mut Vec<Finding>) {
    let mut add = |line, rule, advice: String| {
        findings.push(Finding { path: file.path.clone(), line, rule, advice });
    };
    let lines = file.text.lines().count();
    if let Some((_, max)) = PAGE_LINES_MAX.iter().find(|page| page.0 == file.path && lines > page.1)
    {
        let advice = format!("{lines} lines, at most {max}: move the rest to docs/");
        add(max + 1, "page length", advice);
    }
    if !file.path.ends_with(".rs") {
        return;
    }
    if !file.text.starts_with("//! ") {
        let advice = if file.path.split('/').any(|part| part == "tests") {
            "begin with `//! ` and say which property this file proves, and how"
        } else {
            "begin with `//! ` and say what this is, and what it does not know about"
        };
        add(1, "module docs", advice.to_owned());
    }
    if lines > FILE_LINES_MAX {
        let advice =
            format!("{lines} lines, at most {FILE_LINES_MAX}: split it by step or by noun");
        add(FILE_LINES_MAX + 1, "file length", advice);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_rules(path: &str, text: &str, rules: &[&str]) {
        let mut findings = Vec::new();
        check(&SourceFile::new(path, text), &mut findings);
        assert_eq!(findings.iter().map(|f| f.rule).collect::<Vec<_>>(), rules, "{findings:?}");
    }

    #[test]
    fn a_module_without_docs_is_caught() {
        check_rules("logic/src/a.rs", "//! A thing.\nfn f() {}\n", &[]);
        check_rules("logic/src/a.rs", "/// Not the module's.\nfn f() {}\n", &["module docs"]);
        check_rules("logic/src/a.rs", "", &["module docs"]);
        check_rules("logic/README.md", "# A page\n", &[]);
    }

    #[test]
    fn a_test_file_without_docs_is_told_to_name_its_property() {
        let mut findings = Vec::new();
        check(&SourceFile::new("logic/tests/once.rs", "fn f() {}\n"), &mut findings);
        assert!(findings[0].advice.contains("property"), "{findings:?}");
    }

    #[test]
    fn a_long_readme_is_caught() {
        check_rules("README.md", &"\n".repeat(150), &[]);
        check_rules("README.md", &"\n".repeat(151), &["page length"]);
        check_rules("docs/measured.md", &"\n".repeat(151), &[]);
    }

    #[test]
    fn a_long_file_is_caught() {
        let exact = format!("//! A.\n{}", "\n".repeat(FILE_LINES_MAX - 1));
        check_rules("logic/src/a.rs", &exact, &[]);
        check_rules("logic/src/a.rs", &format!("{exact}\n"), &["file length"]);
    }
}
