//! A node's configuration means one thing, or says what is wrong; what it prints names its source and no password. The
//! layers themselves are tested with the gateway's settings. Real processes.

use logic::node::settings::Config;
use service::config::{example, table};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};

/// Ends it with the test.
struct Node(Child);

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn node() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_logic"));
    command.env_clear().arg("serve");
    command
}

fn check(args: &[&str]) -> Output {
    node().arg("--check-config").args(args).output().expect("it runs")
}

/// Each of these is refused, with a text that has the part.
#[track_caller]
fn refused(args: &[&str], part: &str) -> String {
    let bad = check(args);
    assert_eq!(bad.status.code(), Some(2), "{args:?}: {bad:?}");
    assert!(bad.stdout.is_empty(), "{args:?}: {bad:?}");
    let text = String::from_utf8(bad.stderr).expect("text");
    assert!(text.contains(part), "{part:?} is not in {text}");
    text
}

#[test]
fn the_example_and_the_docs_have_every_setting() {
    let (committed, expected) = (include_str!("../logic.example.toml"), example::<Config>());
    assert!(committed == expected, "logic.example.toml should be:\n{expected}");
    let (docs, expected) = (include_str!("../../docs/operations.md"), table::<Config>());
    assert!(docs.contains(&expected), "docs/operations.md should have:\n{expected}");
}

#[test]
fn a_file_a_variable_and_a_flag_are_taken_and_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("node.toml");
    fs::write(&file, "node = 3\nlease_ms = 2_000\ncql = \"127.0.0.1:9042\"").unwrap();
    let mut command = node();
    command.envs([("LONGLINE_LOGIC_LEASE_MS", "3000"), ("LONGLINE_LOGIC_CORES", "2")]);
    command.env("LONGLINE_LOGIC_CONFIG", &file);
    let output = command.args(["--check-config", "--cores", "1", "--log-json"]).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let path = file.display();
    for line in [
        format!("node = 3 # file {path}"),
        "lease_ms = 3000 # environment LONGLINE_LOGIC_LEASE_MS".into(),
        "cores = 1 # flag --cores".into(),
        "log_json = true # flag --log-json".into(),
        "keyspace = \"longline\" # default".into(),
    ] {
        assert!(printed.lines().any(|it| it == line), "{line:?} is not in {printed}");
    }
}

/// With what a node cannot be without.
fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["--cql", "127.0.0.1:9042"][..], more].concat()
}

#[test]
fn bad_values_name_key_value_source_and_range() {
    refused(&with(&["--lease-ms", "499"]), "lease_ms = \"499\" (flag --lease-ms): is out of range");
    refused(&with(&["--lease-ms", "499"]), "give 500 to 60000");
    refused(&with(&["--devices-max", "0"]), "give 1 to 64");
    refused(&with(&["--cores", "65"]), "give 0 to 64");
    refused(&with(&["--cluster", &"x".repeat(999)]), "cluster");
    refused(&with(&["--advertise", "a:1,b:2"]), "advertise");
    refused(&with(&["--data-dir", "x"]), "data_dir = \"x\" (flag --data-dir): excludes cql");
    refused(&with(&["--secret-file", "no/such"]), "secret_file = \"no/such\" (flag --secret-file)");
    refused(&with(&["--listen", "0.0.0.0:7500"]), "advertise = \"\" (the default): is empty");
    let open = ["--listen", "0.0.0.0:7500", "--advertise", "127.0.0.1:7500"];
    refused(&with(&open), "secret_file");
    refused(&with(&["--redis", "http://127.0.0.1"]), "redis = ");
    refused(&[], "cql = \"\" (the default): is empty");
}

#[test]
fn no_text_has_a_password() {
    let hides = |text: &str| assert!(!text.contains("s3cret"), "{text}");
    hides(&refused(&["--cql", "me:s3cret,s3cret@127.0.0.1:9042"], "***@127.0.0.1:9042"));
    hides(&refused(&["--redis", "redis//:s3cret@s3cret@127.0.0.1"], "***@127.0.0.1"));
    hides(&refused(&["--redis", "http://:s3cret@127.0.0.1"], "http://***@127.0.0.1"));
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("node.toml");
    fs::write(&file, "node = 3\nredis = \"redis://:s3cret@127.0.0.1:6379").unwrap();
    hides(&refused(&["--config", file.to_str().unwrap()], "is no TOML: line 2"));

    let log = dir.path().join("log");
    let mut command = node();
    command.args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--cores", "1"]);
    command.arg("--data-dir").arg(dir.path().join("data"));
    command.args(["--redis", "redis://me:s3cret@s3cret@127.0.0.1:6379/1?pass=s3cret"]);
    command.stdout(Stdio::piped()).stderr(fs::File::create(&log).unwrap());
    let mut node = Node(command.spawn().unwrap());
    let mut line = String::new();
    BufReader::new(node.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let admin = line.trim_end().rsplit(' ').next().unwrap();
    let mut stream = TcpStream::connect(admin).unwrap();
    write!(stream, "GET /config HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    for text in [page, fs::read_to_string(&log).unwrap()] {
        assert!(text.contains("redis = \"redis://***@127.0.0.1:6379/1?***\""), "{text}");
        hides(&text);
    }
}
