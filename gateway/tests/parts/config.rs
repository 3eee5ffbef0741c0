//! A configuration means one thing, or says what is wrong: layers, bad inputs, the example, and what is printed.

use gateway::config::Config;
use service::config::{Settings, example, load as load_settings, table};
use service::exit::Fatal;
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Output};

/// The flags, as typed.
type Flags<'a> = &'a [(&'static str, &'a str)];

fn load(file: Option<&str>, env: &[(&str, &str)], flags: Flags<'_>) -> Result<Config, Fatal> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("gateway.toml");
    if let Some(text) = file {
        std::fs::write(&path, text).unwrap();
    }
    let env = env.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    let flags: Vec<_> = flags.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
    load_settings(file.map(|_| path.as_path()), env, &flags)
}

fn problems(file: Option<&str>, env: &[(&str, &str)], flags: Flags<'_>) -> Vec<String> {
    let text = load(file, env, flags).expect_err("there are problems").to_string();
    let mut lines = text.lines().map(str::to_owned);
    assert_eq!(lines.next().as_deref(), Some("configuration:"));
    lines.collect()
}

/// The one problem of a file has all these parts.
#[track_caller]
fn refused(file: &str, parts: &[&str]) {
    let problems = problems(Some(file), &[], &[]);
    let [text] = &problems[..] else { panic!("{problems:?}") };
    for part in parts.iter().chain(&["(file ", "gateway.toml)"]) {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
}

#[test]
fn the_example_is_the_defaults_and_documents_every_setting() {
    let committed = include_str!("../../gateway.example.toml");
    let expected = example::<Config>();
    assert!(committed == expected, "gateway.example.toml should be:\n{expected}");
    let read = load(Some(committed), &[], &[]).unwrap();
    assert_eq!(read.values(), Config::default().values());
}

#[test]
fn the_docs_have_every_setting_with_its_range() {
    let expected = table::<Config>();
    let docs = include_str!("../../../docs/operations.md");
    assert!(docs.contains(&expected), "docs/operations.md should have:\n{expected}");
}

#[test]
fn each_layer_is_stronger_than_the_one_before() {
    let flag = [("devices_max", "4")];
    let file = Some("devices_max = 2");
    let env = [
        ("LONGLINE_DEVICES_MAX", "3"),
        ("PATH", "/bin"),
        ("LONGLINE_CONFIG", "elsewhere"),
        ("LONGLINE_CQL", "127.0.0.1:9042"),
        ("LONGLINE_LOGIC_NODE", "1"),
    ];
    for (config, devices_max, source) in [
        (load(None, &[], &[]), 8, "default"),
        (load(file, &[], &[]), 2, "file /"),
        (load(file, &env, &[]), 3, "environment LONGLINE_DEVICES_MAX"),
        (load(file, &env, &flag), 4, "flag --devices-max"),
    ] {
        let config = config.unwrap();
        assert_eq!(config.devices_max, devices_max);
        let line = format!("\ndevices_max = {devices_max} # {source}");
        assert!(config.to_string().contains(&line), "{line:?} is not in {config}");
    }
}

#[test]
fn what_is_printed_means_the_same() {
    let file = "listen = \"[::1]:0\"\nlog = \"info,gateway::auth=debug\"\nlog_format = \"json\"\n\
                jwt_issuer = \"a \\\"quoted\\\" # issuer\"\ncores = 2\nuser_rate = 1_000\n\
                data_dir = \"a b\"\nready_file = 'r\\x'\nadmin_allow_remote = true\nadmin = \"0.0.0.0:1\"";
    let config = load(Some(file), &[], &[]).unwrap();
    let again = load(Some(&config.to_string()), &[], &[]).unwrap();
    assert_eq!(again.values(), config.values());
}

#[test]
fn bad_values_name_key_value_source_and_what_to_do() {
    for (file, parts) in [
        ("listen = \"7400\"", ["listen = \"7400\"", "an address and a port"]),
        ("listen = 7400", ["listen = \"7400\"", "an address and a port"]),
        ("listen = \"localhost:7400\"", ["listen", "127.0.0.1:7400"]),
        ("listen = \"\"", ["listen = \"\"", "an address and a port"]),
        ("heartbeat_ms = -1", ["heartbeat_ms = \"-1\"", "a whole number"]),
        ("heartbeat_ms = 999", ["heartbeat_ms = \"999\"", "give 1000 to 86400000"]),
        ("heartbeat_ms = \"60s\"", ["heartbeat_ms = \"60s\"", "without a sign or unit"]),
        ("heartbeat_ms = \"+60000\"", ["heartbeat_ms = \"+60000\"", "without a sign or unit"]),
        ("heartbeat_ms = 6e4", ["heartbeat_ms", "give a text, a whole number, true or false"]),
        ("cores = 70000", ["cores = \"70000\"", "0 to 512, as a whole number"]),
        ("cores = 513", ["cores = \"513\"", "give 0 to 512"]),
        ("devices_max = 0", ["devices_max = \"0\"", "give 1 to 64"]),
        ("connections_max = \"\"", ["connections_max = \"\"", "a whole number"]),
        ("admin_allow_remote = 1", ["admin_allow_remote = \"1\"", "true or false"]),
        ("admin = \"0.0.0.0:7401\"", ["admin = \"0.0.0.0:7401\"", "admin_allow_remote = true"]),
        ("admin = \"[::]:7401\"", ["admin = \"[::]:7401\"", "admin_allow_remote = true"]),
        ("admin = \"127.0.0.1:7400\"", ["admin = \"127.0.0.1:7400\"", "another port"]),
        ("cores = 2\nshards = 3", ["shards = 3", "only one of the two"]),
        ("data_dir = \"\"", ["data_dir = \"\"", "a path"]),
        ("log = \"verbose\"", ["log = \"verbose\"", "off, error, warn"]),
        ("log = \"info,=\"", ["log = \"info,=\"", "off, error, warn"]),
        ("log_format = \"JSON\"", ["log_format = \"JSON\"", "text or json"]),
        ("store_reserve_bytes = 99999999999999999", ["store_reserve_bytes", "out of range"]),
        ("jwt_leeway_s = 3601", ["jwt_leeway_s = \"3601\"", "give 0 to 3600"]),
        ("heartbeat = 5", ["heartbeat = \"5\"", "did you mean heartbeat_ms"]),
        ("frobnicate = 5", ["frobnicate = \"5\"", "gateway --help"]),
        ("[jwt]\nissuer = \"x\"", ["jwt = ", "no sections"]),
        ("devices_max = [1]", ["devices_max = \"[1]\"", "whole number"]),
    ] {
        refused(file, &parts);
    }
}

#[test]
fn every_problem_is_told_at_once_with_its_source() {
    let env = [("LONGLINE_DEVICES_MAX", "0")];
    let text = problems(Some("log = \"\""), &env, &[("cores", "many")]).join("\n");
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(text.contains("cores = \"many\" (flag --cores)"), "{text}");
    assert!(text.contains("devices_max = \"0\" (environment LONGLINE_DEVICES_MAX)"), "{text}");
    let env = [("LONGLINE_PORT", "tcp://10.0.0.1:7400")];
    let text = problems(None, &env, &[]).join("\n");
    assert!(text.contains("LONGLINE_PORT") && text.contains("enableServiceLinks"), "{text}");
}

#[test]
fn a_file_that_is_none_is_named() {
    let missing = load_settings::<Config>(Some(Path::new("no/such.toml")), [].into_iter(), &[]);
    assert!(missing.unwrap_err().to_string().contains("no/such.toml"));
    for file in ["listen", "listen = 1\nlisten = 2", "\u{0}"] {
        let text = problems(Some(file), &[], &[]).join("\n");
        assert!(text.contains("is no TOML: line "), "{text}");
    }
}

fn gateway(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
    command.env_clear().args(args).output().unwrap()
}

#[test]
fn check_config_prints_it_or_exits_with_2() {
    let good = gateway(&["--check-config", "--cores", "3"]);
    assert_eq!(good.status.code(), Some(0));
    let printed = String::from_utf8(good.stdout).unwrap();
    assert_eq!(load(Some(&printed), &[], &[]).unwrap().cores, 3);
    for args in [
        &["--check-config", "--cores", "many"][..],
        &["run", "--check-config", "--admin", "1.2.3.4:1"],
        &["--check-config", "--config", "no/such.toml"],
        &["--check-config", "--jwt-hs256-key-file", "no/such.key"],
        &["--frobnicate"],
        &["token", "--uid", "0"],
    ] {
        let bad = gateway(args);
        assert_eq!(bad.status.code(), Some(2), "{args:?}: {bad:?}");
        assert!(bad.stdout.is_empty() && !bad.stderr.is_empty(), "{args:?}: {bad:?}");
    }
}
