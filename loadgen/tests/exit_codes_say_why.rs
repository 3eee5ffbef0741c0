//! A run that cannot be ends with the code that its documentation names, and says what to do: the program is started
//! with what is wrong, and nothing else.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

/// Starts loadgen; its code must be `code`, and its words have `word`.
#[track_caller]
fn check(arguments: &[&str], code: i32, word: &str) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_loadgen")).args(arguments).output().expect("it starts");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{told}");
    assert!(told.contains(word), "{told}");
}

fn key(directory: &Path) -> String {
    let key = directory.join("key");
    std::fs::write(&key, "a secret of enough bytes for nobody\\n").expect("the directory is there");
    key.display().to_string()
}

/// An address where nobody listens: it was free a moment ago.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it is bound").to_string()
}

#[test]
fn usage_is_1() {
    check(&["walk"], 1, "walk");
    check(&["run"], 1, "--target");
    check(&["run", "--serve", "--target", "127.0.0.1:1"], 1, "--target");
    check(&["run", "--serve", "--duration", "20"], 1, "such as 20s");
    check(&["run", "--serve", "--users", "1"], 1, "--users must be at least 2");
    check(&["run", "--serve", "--payload", "8"], 1, "--payload must be 48 to");
    check(&["run", "--serve", "--devices", "9"], 1, "--devices must be 1 to 4");
    check(&["run", "--serve", "--threads", "0"], 1, "--threads must be at least 1");
    check(&["run", "--serve", "--friends", "0"], 1, "--friends at least 1");
    let pairs = ["run", "--serve", "--users", "70000", "--friends", "69999"];
    check(&pairs, 1, "--users times --friends must be at most 16000000");
    check(&["run", "--serve", "--at", "10s", "true"], 1, "before the end of the measured time");
    check(&["run", "--serve", "--at", "soon", "true"], 1, "--at soon: give a number");
    check(&["run", "--serve", "--slo", "e2e<1ms"], 1, "e2e.p99<20ms");
    check(&["run", "--serve", "--shard", "4/4", "--run", "1"], 1, "write 0/4");
    check(&["run", "--serve", "--shard", "0/4"], 1, "--run");
    check(&["compare", "--serve"], 1, "--against");
    check(&["search", "--serve", "--run", "1"], 1, "leave out --uid-base, --run");
    check(&["search", "--serve", "--window", "8"], 1, "leave out --window");
    check(&["run", "--scenario", "nowhere.toml"], 1, "nowhere.toml");
    check(&["plan", "--serve", "--rate", "0"], 1, "--rate must be above 0");
    check(&["search", "--serve", "--stage", "1s:5"], 1, "leave out --window and --stage");
    check(&["run", "--serve", "--stage", "1s"], 1, "30s:1000");
    check(&["run", "--serve", "--stage", "1s:2M"], 1, "the rates of a --stage must be");
    check(&["run", "--serve", "--stage", "1s:5", "--duration", "1s"], 1, "--duration");
    check(&["run", "--serve", "--users", "many"], 1, "such as 500, 20k");
    check(&["run", "--serve", "--rate", "1e8"], 1, "--rate must be above 0 and at most 1000000");
}

#[test]
fn preflight_is_2() {
    check(
        &["run", "--target", "127.0.0.1:1", "--key-file", "nowhere/key"],
        2,
        "start the gateway once",
    );
    check(
        &["run", "--serve", "--serve-binary", "nowhere/gateway"],
        2,
        "could not start nowhere/gateway",
    );
    check(&["run", "--serve", "--serve-binary", "false"], 2, "the server ended");
    check(&["idle", "--target", "nonsense", "--connections", "10"], 2, "give host:port");
    check(&["idle", "--serve", "--connections", "100000000"], 2, "source addresses");
}

#[test]
fn a_target_that_is_not_there_is_6() {
    let directory = tempfile::tempdir().expect("a directory");
    let key = key(directory.path());
    for command in ["run", "idle", "storm"] {
        check(&[command, "--target", &nobody(), "--key-file", &key], 6, "could not connect");
    }
}

#[test]
fn a_plan_is_printed_and_nothing_is_run() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let file = directory.path().join("scenario.toml");
    std::fs::write(&file, "target = \"127.0.0.1:1\"\nstage = [\"10s:1k-3k\"]\n")
        .expect("it is there");
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
    command.args(["plan", "--users", "2k", "--warmup", "0s", "--scenario"]).arg(&file);
    let output = command.output().expect("it starts");
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.contains("2000 users"), "{told}");
    assert!(told.contains("about 20000 messages at 2000/s on average"), "{told}");
}
