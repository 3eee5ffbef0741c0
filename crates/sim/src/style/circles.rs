//! No modules of a crate import each other in a circle: not two files, and not two modules with all below them.

use super::finding::Finding;
use super::modules::{Modules, Path, Taking};
use super::tree::SourceFile;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Checks every crate.
pub fn check(files: &[SourceFile], findings: &mut Vec<Finding>) {
    for file in files {
        if let Some(krate) = file.path.strip_suffix("/Cargo.toml") {
            check_crate(&Modules::read(files, krate), findings);
        }
    }
}

/// What stands beside what in one module: its own file (no name), and the modules right below it, each with all below.
type Rooms<'a> = BTreeMap<&'a [String], BTreeMap<&'a [String], &'a Taking>>;

fn check_crate(modules: &Modules, findings: &mut Vec<Finding>) {
    let takings = modules.takings();
    for parent in modules.all() {
        let inside = takings.iter().filter(|it| it.from.starts_with(parent));
        let mut rooms = Rooms::new();
        for taking in inside.filter(|it| it.to.starts_with(parent)) {
            let (from, to) = (room(&taking.from, parent), room(&taking.to, parent));
            if from != to {
                rooms.entry(from).or_default().entry(to).or_insert(taking);
            }
        }
        for circle in circles(&rooms) {
            findings.push(finding(modules, &circle));
        }
    }
}

/// The part of a module's name that says in which room below `parent` it is.
fn room<'a>(module: &'a [String], parent: &Path) -> &'a [String] {
    &module[..module.len().min(parent.len() + 1)]
}

/// The shortest circle through each room that is in one, each circle once.
fn circles<'a>(rooms: &Rooms<'a>) -> Vec<Vec<&'a Taking>> {
    let mut known = BTreeSet::new();
    let shortest = rooms.keys().filter_map(|room| circle(rooms, room));
    let mut found: Vec<_> = shortest.collect();
    found.sort_by_key(Vec::len);
    found.retain(|circle| {
        let members: BTreeSet<&[String]> = circle.iter().map(|it| it.from.as_slice()).collect();
        known.insert(members)
    });
    found
}

/// The shortest way from a room back to it.
fn circle<'a>(rooms: &Rooms<'a>, start: &[String]) -> Option<Vec<&'a Taking>> {
    let mut ways = VecDeque::from([(start, Vec::new())]);
    let mut seen = BTreeSet::new();
    while let Some((at, way)) = ways.pop_front() {
        for (next, taking) in rooms.get(at).into_iter().flatten() {
            let way = [way.as_slice(), &[*taking]].concat();
            if *next == start {
                return Some(way);
            }
            if seen.insert(*next) {
                ways.push_back((next, way));
            }
        }
    }
    None
}

fn finding(modules: &Modules, circle: &[&Taking]) -> Finding {
    let name = |module: &[String]| {
        if module.is_empty() { "the root".to_owned() } else { module.join("::") }
    };
    let steps = circle.iter().map(|it| {
        let (from, file) = (name(&it.from), modules.file(&it.from));
        format!("{from} takes `{}` of {} ({file}:{})", it.what, name(&it.to), it.line)
    });
    Finding {
        path: modules.file(&circle[0].from).to_owned(),
        line: circle[0].line,
        rule: "no circles",
        advice: format!(
            "modules import each other in a circle: {}; move what both need into a module of its own",
            steps.collect::<Vec<_>>().join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which files are said to begin a circle, in a crate of these files.
    #[track_caller]
    fn check_circles(files: &[(&str, &str)], begins: &[&str]) {
        let manifest = SourceFile::new("krate/Cargo.toml", "");
        let sources =
            files.iter().map(|(path, text)| SourceFile::new(&format!("krate/src/{path}"), text));
        let files: Vec<SourceFile> = std::iter::once(manifest).chain(sources).collect();
        let mut findings = Vec::new();
        check(&files, &mut findings);
        let found: Vec<&str> =
            findings.iter().map(|it| it.path.trim_start_matches("krate/src/")).collect();
        assert_eq!(found, begins, "{findings:?}");
        assert!(findings.iter().all(|it| it.rule == "no circles"));
    }

    #[test]
    fn two_files_that_import_each_other_are_caught() {
        check_circles(
            &[
                ("lib.rs", "mod a; mod b;"),
                ("a.rs", "use crate::b::B; pub struct A;"),
                ("b.rs", "use super::a::A; pub struct B;"),
            ],
            &["a.rs"],
        );
    }

    #[test]
    fn a_circle_of_three_is_caught_once() {
        check_circles(
            &[
                ("lib.rs", "mod a; mod b; mod c;"),
                ("a.rs", "fn f() { crate::b::f(); }"),
                ("b.rs", "fn f() { super::c::f(); }"),
                ("c.rs", "use super::a; fn f() { a::f(); }"),
            ],
            &["a.rs"],
        );
    }

    #[test]
    fn a_module_and_one_below_it_are_caught() {
        check_circles(
            &[
                ("lib.rs", "mod a;"),
                ("a/mod.rs", "mod b; use b::B; pub struct A(B);"),
                ("a/b.rs", "use super::A; pub struct B;"),
            ],
            &["a/mod.rs"],
        );
    }

    #[test]
    fn two_modules_are_caught_by_files_below_them() {
        check_circles(
            &[
                ("lib.rs", "mod a; mod b;"),
                ("a/mod.rs", "pub mod up; pub mod down;"),
                ("a/up.rs", "use crate::b::B;"),
                ("a/down.rs", "pub struct Down;"),
                ("b.rs", "use crate::a::down::Down; pub struct B;"),
            ],
            &["a/up.rs"],
        );
    }

    #[test]
    fn imports_that_go_down_pass() {
        check_circles(
            &[
                ("lib.rs", "mod a; mod b; pub use a::A; pub use b::B;"),
                ("a.rs", "use crate::B; pub struct A(B); #[cfg(test)] mod tests { use super::*; }"),
                ("b/mod.rs", "mod c; pub use c::B;"),
                ("b/c.rs", "pub struct B;"),
            ],
            &[],
        );
    }
}
