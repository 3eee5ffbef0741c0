//! What is answered to whom. Requests are as front hands them over.

use super::*;
use wire::Uid;

const NOW_MS: u64 = 1_800_000_000_000;

fn pages(set: impl FnOnce(&mut Config)) -> (Option<Pages>, Arc<Auth>, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.data_dir = dir.path().to_owned();
    set(&mut config);
    let auth = Arc::new(Auth::open(&config).unwrap());
    (Pages::of(&config, &auth), auth, dir)
}

fn asked(pages: &Pages, (method, path): (Method, &str), host: &str, body: &str) -> (u16, String) {
    let mut out = vec![];
    let body = body.as_bytes();
    pages.answer(&Asked { method, path, host, body }, NOW_MS, &mut out);
    let answer = String::from_utf8(out).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    for line in ["Content-Security-Policy: default-src 'none';", "Connection: close"] {
        assert!(head.contains(line), "{head}");
    }
    assert!(!head.contains("Access-Control"), "no other origin reads it: {head}");
    let length = format!("Content-Length: {}\r\n", body.len());
    assert!(method == Method::Head || head.contains(&length), "{head}");
    (head["HTTP/1.1 ".len()..][..3].parse().unwrap(), body.to_owned())
}

const POST: (Method, &str) = (Method::Post, TOKEN_PATH);

#[test]
fn a_file_is_there_for_get_and_head() {
    let (pages, ..) = pages(|_| {});
    let pages = pages.unwrap();
    for file in &files::FILES {
        let body = String::from_utf8(file.bytes.to_vec()).unwrap();
        assert_eq!(asked(&pages, (Method::Get, file.path), "x", ""), (200, body));
        assert_eq!(asked(&pages, (Method::Head, file.path), "x", ""), (200, String::new()));
        assert_eq!(asked(&pages, (Method::Post, file.path), "x", "{}").0, 405);
    }
    for path in ["", "/?x=1", "/../app.js", "/app.js/", "//", "*", "http://x/", "/v1/dev-token?"] {
        assert_eq!(asked(&pages, (Method::Get, path), "localhost", "").0, 404, "{path}");
    }
    assert_eq!(asked(&pages, (Method::Get, TOKEN_PATH), "localhost", "").0, 405);
}

#[test]
fn a_token_for_trying_out_speaks_for_the_user() {
    let (pages, auth, _dir) = pages(|_| {});
    let pages = pages.unwrap();
    for host in ["localhost", "LOCALHOST:7400", "127.0.0.1:7400", "[::1]:7400", "[::1]"] {
        let (status, body) = asked(&pages, POST, host, r#"{"uid":"7"}"#);
        assert_eq!(status, 200, "{host}");
        let made: serde_json::Value = serde_json::from_str(&body).unwrap();
        let token = made["token"].as_str().unwrap();
        let claims = auth.verify(token.as_bytes(), NOW_MS / 1_000).unwrap();
        assert_eq!(claims.uid, Uid(7));
        assert_eq!(made["until_ms"], claims.expires_unix_s * 1_000);
    }
}

#[test]
fn a_name_that_others_may_have_gets_no_token() {
    let (pages, ..) = pages(|_| {});
    let pages = pages.unwrap();
    for host in [
        "evil.example",
        "evil.example:7400",
        "localhost.evil.example",
        "a.localhost",
        "127.0.0.1.nip.example",
        "localhost:x",
        "localhost:",
        "localhost:1:2",
        "127.0.0.1@evil.example",
        "0.0.0.0:7400",
        "",
        ":7400",
        "::1",
    ] {
        let (status, body) = asked(&pages, POST, host, r#"{"uid":"7"}"#);
        assert_eq!(status, 403, "{host}");
        assert!(!body.contains("ey"), "{body}");
    }
}

#[test]
fn a_body_names_a_user_who_may_log_in() {
    let (pages, ..) = pages(|_| {});
    let pages = pages.unwrap();
    let reserved = format!(r#"{{"uid":"{}"}}"#, u64::MAX);
    for body in [
        "",
        "{}",
        r#"{"uid":7}"#,
        r#"{"uid":""}"#,
        r#"{"uid":"0"}"#,
        r#"{"uid":"07"}"#,
        r#"{"uid":"+7"}"#,
        r#"{"uid":"7","ttl":1}"#,
        r#"{"uid":"18446744073709551616"}"#,
        "\u{fffd}",
        &reserved,
    ] {
        assert_eq!(asked(&pages, POST, "localhost", body).0, 400, "{body}");
    }
}

#[test]
fn tokens_are_made_by_the_key_for_trying_out_and_where_only_this_machine_connects() {
    let post = |pages: &Pages| asked(pages, POST, "localhost", r#"{"uid":"7"}"#).0;
    assert_eq!(post(&pages(|_| {}).0.unwrap()), 200);
    let remote = pages(|config| config.listen = "0.0.0.0:7400".parse().unwrap());
    assert_eq!(post(&remote.0.unwrap()), 404);
    let keys = tempfile::tempdir().unwrap();
    let path = keys.path().join("secret");
    std::fs::write(&path, [b'k'; 32]).unwrap();
    let with_key = |pages: Option<bool>| {
        self::pages(|config| {
            config.jwt_hs256_key_file = Some(path.clone());
            config.pages = pages;
        })
    };
    assert!(with_key(None).0.is_none(), "no pages beside a key");
    assert_eq!(post(&with_key(Some(true)).0.unwrap()), 404);
    assert!(pages(|config| config.pages = Some(false)).0.is_none());
}
