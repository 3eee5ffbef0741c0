//! SIGHUP does not end a gateway: it reads the keys of tokens again. A key that cannot be read changes nothing. Real
//! processes, real signals.

use crate::process::{Gateway, block_on, command};
use client::{Client, Config, Position};
use rustix::process::Signal;
use std::fs;
use std::path::Path;
use wire::DeviceId;

/// A token that the `token` command makes with the key that is in the file now.
fn token(data_dir: &Path, key: &Path) -> String {
    let mut command = command(data_dir);
    let output = command.args(["token", "--uid", "7", "--jwt-hs256-key-file"]).arg(key).output();
    String::from_utf8(output.unwrap().stdout).unwrap().trim_end().to_owned()
}

fn is_believed(gateway: &Gateway, token: &str) -> bool {
    block_on(async {
        let (addresses, token) = (vec![gateway.listen.to_string()], token.to_owned());
        let device = DeviceId(1);
        let config = Config { addresses, token, device, position: Position::default(), tls: None };
        Client::connect(config).await.is_ok()
    })
}

#[test]
fn a_hangup_replaces_the_key_and_ends_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("key");
    let data_dir = dir.path().join("data");
    fs::write(&key, [b'a'; 32]).unwrap();
    let gateway = Gateway::start(&data_dir, &["--jwt-hs256-key-file", key.to_str().unwrap()]);
    let old = token(&data_dir, &key);
    assert!(is_believed(&gateway, &old));
    fs::write(&key, [b'b'; 32]).unwrap();
    let new = token(&data_dir, &key);
    assert!(!is_believed(&gateway, &new), "nobody told it");
    gateway.signal(Signal::HUP);
    gateway.until_told("the keys of tokens were read again");
    assert!(is_believed(&gateway, &new) && !is_believed(&gateway, &old));
    fs::write(&key, "short").unwrap();
    gateway.signal(Signal::HUP);
    gateway.until_told("the keys of tokens stay as they were");
    assert!(is_believed(&gateway, &new));
    gateway.signal(Signal::TERM);
    assert_eq!(gateway.wait().code, Some(0));
}
