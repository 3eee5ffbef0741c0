//! Who may import whom, read from the manifests.
//!
//! Dev-dependencies are free: a test may drive anything.

use toml::{Table, Value};

use super::finding::Finding;
use super::tables::{IMPORTS, Imports};
use super::tree::SourceFile;

/// Checks the manifest of every crate in the table; a manifest that is missing is a finding.
pub fn check(files: &[SourceFile], findings: &mut Vec<Finding>) {
    let siblings = package_names(files);
    for imports in IMPORTS {
        let path = format!("{}/Cargo.toml", imports.krate);
        match files.iter().find(|file| file.path == path) {
            Some(file) => check_manifest(file, imports, &siblings, findings),
            None => {
                findings.push(finding(&path, 1, "no such manifest: correct the table".to_owned()))
            }
        }
    }
}

fn check_manifest(
    file: &SourceFile,
    imports: &Imports,
    siblings: &[String],
    findings: &mut Vec<Finding>,
) {
    let table = match file.text.parse::<Table>() {
        Ok(table) => table,
        Err(e) => return findings.push(finding(&file.path, 1, format!("cannot be parsed: {e}"))),
    };
    for (key, package) in dependencies(&table) {
        let sibling = siblings.contains(&package);
        let refused =
            imports.siblings.is_some_and(|may| sibling && !may.contains(&package.as_str()));
        if refused || imports.banned.contains(&package.as_str()) {
            let line = file.text.lines().position(|line| {
                line.trim_start().trim_start_matches("[dependencies.").starts_with(&key)
            });
            let advice = format!("must not depend on {package}: {}", imports.instead);
            findings.push(finding(&file.path, line.unwrap_or(0) + 1, advice));
        }
    }
}

fn finding(path: &str, line: usize, advice: String) -> Finding {
    Finding { path: path.to_owned(), line, rule: "who imports whom", advice }
}

fn package_names(files: &[SourceFile]) -> Vec<String> {
    let manifests = files.iter().filter(|file| file.path.ends_with("/Cargo.toml"));
    let tables = manifests.filter_map(|file| file.text.parse::<Table>().ok());
    tables
        .filter_map(|table| Some(table.get("package")?.get("name")?.as_str()?.to_owned()))
        .collect()
}

/// Key and package name of every normal and build dependency, those for one target included.
fn dependencies(manifest: &Table) -> Vec<(String, String)> {
    let targets = manifest.get("target").and_then(Value::as_table);
    let per_target = targets.into_iter().flat_map(Table::values).filter_map(Value::as_table);
    let mut found = Vec::new();
    for owner in std::iter::once(manifest).chain(per_target) {
        for section in ["dependencies", "build-dependencies"] {
            for (key, value) in owner.get(section).and_then(Value::as_table).into_iter().flatten() {
                let package = value.get("package").and_then(Value::as_str).unwrap_or(key);
                found.push((key.clone(), package.to_owned()));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole table's crates, empty but for `krate`, which has `manifest` as well.
    fn findings(krate: &str, manifest: &str) -> Vec<Finding> {
        let mut files = Vec::new();
        for imports in IMPORTS {
            let name = imports.krate.trim_start_matches("crates/");
            let more = if imports.krate == krate { manifest } else { "" };
            let text = format!("[package]\nname = \"{name}\"\n{more}");
            files.push(SourceFile::new(&format!("{}/Cargo.toml", imports.krate), &text));
        }
        let mut findings = Vec::new();
        check(&files, &mut findings);
        findings
    }

    #[track_caller]
    fn caught(krate: &str, manifest: &str) {
        let found = findings(krate, manifest);
        assert_eq!(found.len(), 1, "{krate}: {manifest}: {found:?}");
        assert_eq!((found[0].rule, found[0].line), ("who imports whom", 4), "{found:?}");
    }

    #[test]
    fn wire_with_a_runtime_is_caught() {
        for package in ["tokio", "glommio", "flume", "io-uring", "netring", "logic"] {
            caught("crates/wire", &format!("[dependencies]\n{package}.workspace = true\n"));
        }
    }

    #[test]
    fn netring_that_knows_longline_is_caught() {
        for package in ["wire", "logic", "gateway"] {
            caught("crates/netring", &format!("[dependencies]\n{package}.workspace = true\n"));
        }
    }

    #[test]
    fn logic_with_sockets_of_its_own_or_above_itself_is_caught() {
        for package in ["io-uring", "fjall", "gateway", "client"] {
            caught("logic", &format!("[dependencies]\n{package}.workspace = true\n"));
        }
    }

    #[test]
    fn a_store_in_the_gateway_is_caught() {
        caught("gateway", "[dependencies]\nscylla = \"1\"\n");
        caught("gateway", "[dependencies]\nredis = \"1\"\n");
        caught("gateway", "[dependencies]\nlogic.workspace = true\n");
    }

    #[test]
    fn a_shard_that_knows_links_or_a_runtime_is_caught() {
        for package in ["link", "service", "tokio", "scylla"] {
            caught("crates/shard", &format!("[dependencies]\n{package}.workspace = true\n"));
        }
        for package in ["logic", "service", "tokio", "fjall"] {
            caught("crates/link", &format!("[dependencies]\n{package}.workspace = true\n"));
        }
    }

    #[test]
    fn a_judge_that_knows_the_server_is_caught() {
        caught("loadgen", "[dependencies]\nlogic.workspace = true\n");
        caught("loadgen", "[dependencies]\ngateway = { path = \"../gateway\" }\n");
        caught("crates/client", "[dependencies]\nlogic.workspace = true\n");
    }

    #[test]
    fn a_renamed_a_build_and_a_target_dependency_are_caught() {
        caught("crates/sim", "[dependencies]\nrt = { package = \"tokio\", version = \"1\" }\n");
        caught("crates/sim", "[build-dependencies]\ntokio = \"1\"\n");
        caught("crates/sim", "[target.'cfg(unix)'.dependencies]\ntokio = \"1\"\n");
    }

    #[test]
    fn what_is_allowed_passes() {
        assert_eq!(findings("gateway", "[dependencies]\nshard.workspace = true\n"), []);
        assert_eq!(findings("logic", "[dependencies]\nlink.workspace = true\n"), []);
        assert_eq!(findings("gateway", "[dev-dependencies]\nclient.workspace = true\n"), []);
        assert_eq!(findings("loadgen", "[dependencies]\nclient.workspace = true\n"), []);
    }

    #[test]
    fn a_manifest_that_is_missing_or_broken_is_caught() {
        let mut found = Vec::new();
        check(&[], &mut found);
        assert_eq!(found.len(), IMPORTS.len());
        assert_eq!(findings("logic", "[dependencies\n").len(), 1);
    }
}
