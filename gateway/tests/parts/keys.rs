//! Keys: the one for trying out is made once, private and whole; a configured one is checked at the start.

use crate::tokens::{PRIVATE_PEM, PUBLIC_PEM, SECRET, config, file};
use gateway::auth::{Auth, DEV_KEY_FILE, dev_key, sign};
use gateway::config::Config;
use std::collections::HashSet;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Barrier;
use std::time::{SystemTime, UNIX_EPOCH};
use wire::Uid;

#[test]
fn the_key_for_trying_out_is_made_once_and_is_private() {
    let dir = tempfile::tempdir().unwrap();
    let data_dir = dir.path().join("new/data");
    let (secret, path) = dev_key(&data_dir).unwrap();
    assert_eq!(dev_key(&data_dir).unwrap().0, secret);
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.trim_end().as_bytes(), secret);
    assert!(text.len() == 65 && text.trim_end().bytes().all(|b| b.is_ascii_hexdigit()), "{text:?}");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(&data_dir).unwrap().count(), 1, "no draft is left");
}

#[test]
fn processes_that_start_at_once_agree_on_one_key() {
    let dir = tempfile::tempdir().unwrap();
    let start = Barrier::new(8);
    let secrets: HashSet<Vec<u8>> = std::thread::scope(|scope| {
        let racer = || {
            start.wait();
            dev_key(dir.path()).unwrap().0
        };
        let racers: Vec<_> = (0..8).map(|_| scope.spawn(racer)).collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).collect()
    });
    assert_eq!(secrets.len(), 1);
}

#[test]
fn the_token_command_makes_what_the_gateway_believes() {
    let dir = tempfile::tempdir().unwrap();
    let data_dir = dir.path().to_str().unwrap();
    let args = ["token", "--uid", "7", "--ttl", "2h", "--data-dir", data_dir];
    let out = Command::new(env!("CARGO_BIN_EXE_gateway")).env_clear().args(args).output().unwrap();
    assert!(out.status.success(), "{out:?}");
    let token = String::from_utf8(out.stdout).unwrap();
    let auth = Auth::open(&config(|config| config.data_dir = data_dir.into())).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = auth.verify(token.trim_end().as_bytes(), now).unwrap();
    assert_eq!(claims.uid, Uid(7));
    assert!(claims.expires_unix_s.abs_diff(now + 7_200) < 600);
}

#[test]
fn a_configured_key_leaves_no_key_for_trying_out() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(|config| {
        config.data_dir = dir.path().to_owned();
        config.jwt_eddsa_public_key_file = file(dir.path(), "public", PUBLIC_PEM.as_bytes());
    });
    Auth::open(&config).unwrap();
    let error = sign(&config, Uid(7), 0, 1).unwrap_err().to_string();
    assert!(error.contains("private key"), "{error}");
    assert!(!dir.path().join(DEV_KEY_FILE).exists());
}

#[test]
fn a_key_file_that_cannot_be_used_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let check = |set: fn(&mut Config, Option<PathBuf>), bytes: &[u8], part: &str| {
        let path = file(dir.path(), "key", bytes);
        let error = Auth::open(&config(|config| set(config, path))).unwrap_err().to_string();
        assert!(error.contains(part) && error.contains("/key"), "{part:?} is not in {error}");
    };
    let secret: fn(&mut Config, _) = |config, path| config.jwt_hs256_key_file = path;
    check(secret, b"", "has 0 bytes");
    check(secret, &SECRET[..31], "openssl rand -hex 32");
    check(secret, &[b"short".as_slice(), &[b'\n'; 60]].concat(), "has 5 bytes");
    check(secret, PUBLIC_PEM.as_bytes(), "jwt_eddsa_public_key_file");
    check(secret, &[b'x'; 70_000], "small regular file");
    let public: fn(&mut Config, _) = |config, path| config.jwt_eddsa_public_key_file = path;
    // The public key cut to 31 bytes, well-formed as DER.
    let short = "-----BEGIN PUBLIC KEY-----\nMCkwBQYDK2VwAyAAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZg==\n\
                 -----END PUBLIC KEY-----\n";
    for bytes in [b"".as_slice(), SECRET, PRIVATE_PEM.as_bytes(), short.as_bytes()] {
        check(public, bytes, "no Ed25519 public key");
    }
    let config = config(|config| config.jwt_hs256_key_file = Some(dir.path().to_owned()));
    assert!(Auth::open(&config).unwrap_err().to_string().contains("regular file"));
}
