//! A user that is away is told through the receiver of `examples/push-receiver/`, which checks the signature. Real processes.

use crate::process::{Gateway, between, block_on, refused};
use client::ClientError;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use wire::RefusalCode;

const SECRETS: &str = "k1 0123456789abcdef0123456789abcdef\n";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/push-receiver")
}

/// The receiver; killed when dropped.
struct Receiver {
    child: Child,
    told: BufReader<std::process::ChildStdout>,
    address: String,
}

impl Receiver {
    fn start(secrets: &Path) -> Self {
        let mut command = Command::new("python3");
        command.arg(folder().join("receiver.py")).args(["--listen", "127.0.0.1:0", "--secrets"]);
        command.arg(secrets).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("listening on ").unwrap().to_owned();
        let told = BufReader::new(child.stdout.take().unwrap());
        Self { child, told, address }
    }

    /// The next event that it tells.
    fn next(&mut self) -> serde_json::Value {
        let mut line = String::new();
        self.told.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_receiver_takes_the_vector() {
    let mut command = Command::new("python3");
    command.arg(folder().join("receiver.py")).arg("--test").arg(folder().join("vector.txt"));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn through_the_receiver() {
    let dir = tempfile::tempdir().unwrap();
    let secrets = dir.path().join("secrets");
    std::fs::write(&secrets, SECRETS).unwrap();
    let mut receiver = Receiver::start(&secrets);
    let endpoint = format!("http://{}/longline", receiver.address);
    let settings = [
        "--push-endpoint",
        &endpoint,
        "--push-secret-file",
        secrets.to_str().unwrap(),
        "--push-preview",
        "true",
        "--heartbeat-ms",
        "1000",
    ];
    let gateway = Gateway::start(&dir.path().join("data"), &settings);
    block_on(async {
        let (bob, _inbox) = gateway.connect(8, 3).await;
        bob.set_push_token(2, "c9f1:APA91bE").await.unwrap();
        bob.close().await;
        let (alice, _inbox) = gateway.connect(7, 1).await;
        alice.send(between(7, 8), "are you there?").await.unwrap();
        let event = receiver.next();
        assert_eq!(event["uid"], "8");
        assert_eq!((&event["after"], &event["through"]), (&0.into(), &1.into()));
        assert_eq!((&event["badge"], &event["sender"]), (&1.into(), &"7".into()));
        assert_eq!(event["preview"], "are you there?");
        assert_eq!(event["tokens"][0]["token"], "c9f1:APA91bE");
        assert_eq!(event["tokens"][0]["device"], "3");
        while gateway.metric("longline_push_taken_total") == 0 {
            std::thread::yield_now();
        }
        assert!(gateway.page("/push/dead").ends_with("[]\n"));
        assert!(gateway.post("/push/replay/8").ends_with("{\"replayed\":0}\n"));
        assert!(gateway.page("/status").contains("\"broken_shards\":0"));
        // Whoever takes its token back is told nothing.
        let (bob, _inbox) = gateway.connect(8, 3).await;
        bob.forget_push_token().await.unwrap();
    });
}

#[test]
fn without_a_receiver_tokens_are_refused() {
    let (gateway, _dir) = Gateway::in_new_dir(&[]);
    block_on(async {
        let (bob, _inbox) = gateway.connect(8, 3).await;
        let refusal = bob.set_push_token(2, "c9f1:APA91bE").await;
        let code = RefusalCode::Unsupported;
        let is_it =
            matches!(&refusal, Err(ClientError::Refused { code: Some(it), .. }) if *it == code);
        assert!(is_it, "{refusal:?}");
    });
}

#[test]
fn what_cannot_be_meant_is_refused_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let secrets = dir.path().join("secrets");
    std::fs::write(&secrets, SECRETS).unwrap();
    let secrets = secrets.to_str().unwrap();
    let endpoint = ["--push-endpoint", "http://127.0.0.1:9/x"];
    for (settings, part) in [
        (&endpoint[..], "needs push_secret_file"),
        (&[&endpoint[..], &["--push-secret-file", "/none"]].concat(), "could not be read"),
        (&["--push-endpoint", "127.0.0.1:9", "--push-secret-file", secrets], "is no URL"),
        (
            &[&endpoint[..], &["--push-secret-file", secrets, "--logic", "127.0.0.1:7500"]]
                .concat(),
            "embedded store only",
        ),
    ] {
        let end = refused(&dir.path().join("data"), settings);
        assert!(end.code == Some(2) && end.told.contains(part), "{part}: {}", end.told);
    }
}
