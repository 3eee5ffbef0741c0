//! loadgen deletes and replaces nothing that it did not make: it is run on directories that hold
//! something.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod fake;

use fake::Planted;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// Exit code of a run that cannot be.
const PREFLIGHT: i32 = 2;

/// A short run, its files in `out`.
fn run(out: &Path, more: &[&str]) -> Output {
    let keys = tempfile::tempdir().unwrap();
    let key = fake::key_file(keys.path());
    let target = fake::start(Planted::Nothing).to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
    command.args(["run", "--target", &target, "--users", "4", "--friends", "2", "--rate", "100"]);
    command.args(["--warmup", "0s", "--duration", "300ms"]).args(more);
    command.arg("--key-file").arg(&key).arg("--out").arg(out).output().unwrap()
}

#[test]
fn a_directory_that_is_not_empty_is_refused() {
    let out = tempfile::tempdir().unwrap();
    fs::write(out.path().join("summary.json"), "mine").unwrap();
    let output = run(out.path(), &[]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(PREFLIGHT), "{told}");
    assert!(told.contains("is not empty") && told.contains("--force"), "{told}");
    assert_eq!(fs::read_to_string(out.path().join("summary.json")).unwrap(), "mine");
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 1);
}

#[test]
fn force_replaces_the_files_of_a_result_and_nothing_else() {
    let out = tempfile::tempdir().unwrap();
    fs::write(out.path().join("summary.json"), "an earlier run's").unwrap();
    fs::write(out.path().join("notes"), "mine").unwrap();
    let output = run(out.path(), &["--force"]);
    let summary = fs::read_to_string(out.path().join("summary.json")).unwrap();
    assert!(summary.starts_with('{'), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(fs::read_to_string(out.path().join("notes")).unwrap(), "mine");
}

#[test]
fn a_server_of_its_own_leaves_a_folder_named_server_alone() {
    let out = tempfile::tempdir().unwrap();
    let mine = out.path().join("server");
    fs::create_dir(&mine).unwrap();
    fs::write(mine.join("work"), "of years").unwrap();
    for command in ["run", "idle", "storm"] {
        let mut loadgen = Command::new(env!("CARGO_BIN_EXE_loadgen"));
        // It gets as far as a server that ends at once.
        loadgen.args([command, "--serve", "--serve-binary", "false", "--force", "--out"]);
        let output = loadgen.arg(out.path()).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains("the server ended"), "{told}");
    }
    assert_eq!(fs::read_to_string(mine.join("work")).unwrap(), "of years");
    let left = fs::read_dir(out.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let mut left: Vec<_> = left.map(|name| name.into_string().unwrap()).collect();
    left.sort();
    assert_eq!(left, ["server", "server.log"], "and takes its own folder away");
}
