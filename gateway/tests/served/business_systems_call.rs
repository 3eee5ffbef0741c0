//! A business system calls over HTTP with a key: what it says is said once, whatever is repeated and whoever dies meanwhile;
//! without a good key it gets nothing.

use super::caller::{Answer, Caller};
use super::process::{End, Gateway, block_on, command, messages};
use rustix::process::Signal;
use serde_json::{Value, json};
use service::clock::unix_ms;
use std::path::Path;
use std::time::Duration;

const API: &[&str] = &["--api-listen", "127.0.0.1:0"];
const UUID: &str = "-0000-7000-8000-0000000000ab";

/// A new key.
fn key(data_dir: &Path, name: &str, more: &[&str]) -> String {
    let output = command(data_dir).args(["api-key", "--name", name]).args(more).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// A gateway in a directory of its own, and a key that is good for everything.
fn start() -> (Gateway, String, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let key = key(dir.path(), "all", &["--scope", "read,send,system,devices,kick,groups"]);
    (Gateway::start(dir.path(), API), key, dir)
}

/// An id that is made now.
fn id() -> String {
    let ms = unix_ms();
    format!("{:08x}-{:04x}{}", ms >> 16, ms & 0xffff, &UUID[5..])
}

fn post(gateway: &Gateway, key: &str, path: &str, body: &Value) -> Answer {
    let mut caller = Caller::connect_to(gateway.api.unwrap());
    caller.call((key, &format!("POST {path}")), &body.to_string())
}

fn get(gateway: &Gateway, key: &str, path: &str) -> Answer {
    let mut caller = Caller::connect_to(gateway.api.unwrap());
    caller.call((key, &format!("GET {path}")), "")
}

/// It was done, and this is the answer.
#[track_caller]
fn done(answer: Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

/// It was refused with this status and code.
#[track_caller]
fn refused(answer: &Answer, status: u16, name: &str) {
    assert_eq!(
        (answer.status, &answer.body["refusal"]["name"]),
        (status, &json!(name)),
        "{answer:?}"
    );
}

#[test]
fn what_is_said_again_is_one_message_also_after_a_restart() {
    let (gateway, key, dir) = start();
    let body = json!({"to": "8", "text": "your order is on its way", "client_msg_id": id()});
    let send = |gateway: &Gateway| {
        let acked = done(post(gateway, &key, "/v1/users/7/messages", &body));
        let [message_id, seq, time_ms] =
            ["message_id", "seq", "time_ms"].map(|key| acked["send_ack"][key].clone());
        // Where it is in the sender's inbox is not told again.
        (message_id, seq, time_ms)
    };
    let first = send(&gateway);
    assert_eq!(first, send(&gateway));
    let told =
        json!({"to": ["8", "9", "8"], "account": 5, "text": "a sale", "client_msg_id": id()});
    let first_told = done(post(&gateway, &key, "/v1/system/messages", &told));
    assert_eq!(first_told["told"].as_array().unwrap().len(), 2, "nobody is told twice");
    assert!(first_told["told"][1]["message_id"].is_string());
    gateway.kill();
    let gateway = Gateway::start(dir.path(), API);
    assert_eq!(send(&gateway), first);
    assert_eq!(done(post(&gateway, &key, "/v1/system/messages", &told)), first_told);
    let other = json!({"to": "8", "text": "another", "client_msg_id": body["client_msg_id"]});
    refused(&post(&gateway, &key, "/v1/users/7/messages", &other), 409, "IdConflict");
    let page = done(get(&gateway, &key, "/v1/users/8/inbox"));
    let rows = page["sync_page"]["messages"].as_array().unwrap();
    let texts: Vec<&Value> = rows.iter().map(|row| &row["text"]).collect();
    assert_eq!(texts, [&json!("your order is on its way"), &json!("a sale")]);
    assert_eq!(rows[1]["sender"], ((1_u64 << 63) + 5).to_string());
    assert_eq!(rows[1]["conversation"], json!({"kind": 3, "a": "8"}));
}

#[test]
fn a_device_is_pushed_what_is_sent_on_behalf_and_what_the_system_tells() {
    let (gateway, key, _dir) = start();
    block_on(async {
        let (_client, mut inbox) = gateway.connect(8, 1).await;
        let body = json!({"to": "8", "text": "one", "client_msg_id": id()});
        let acked = done(post(&gateway, &key, "/v1/users/7/messages", &body));
        let told = json!({"to": ["8"], "account": 1, "text": "two", "client_msg_id": id()});
        done(post(&gateway, &key, "/v1/system/messages", &told));
        let heard = messages(&mut inbox, 2).await;
        assert_eq!((heard[0].2.as_str(), heard[1].2.as_str()), ("one", "two"));
        let unread = done(get(&gateway, &key, "/v1/users/8/unread"));
        assert_eq!(unread, json!({"unread": 2, "chats": 2, "is_whole": true}));
        let online = done(post(&gateway, &key, "/v1/online", &json!({"uids": ["7", "8"]})));
        assert_eq!(
            online["users"],
            json!([{"uid": "7", "devices": 0}, {"uid": "8", "devices": 1}])
        );
        let path = "/v1/users/8/conversations/user-7/messages/1";
        let mut trace = done(get(&gateway, &key, path));
        // The acknowledgement of a push may be on its way.
        while trace["devices"][0]["has_it"] != json!(true) {
            tokio::time::sleep(Duration::from_millis(5)).await;
            trace = done(get(&gateway, &key, path));
        }
        assert_eq!(trace["message_id"], acked["send_ack"]["message_id"]);
        assert_eq!((&trace["inbox_seq"], &trace["devices"][0]["device"]), (&json!(1), &json!("1")));
        let ended = done(post(&gateway, &key, "/v1/users/8/kick", &json!({"device": "1"})));
        assert_eq!(ended, json!({"ended": 1}));
    });
}

#[test]
fn a_key_is_good_for_its_scopes_until_it_ends() {
    let (gateway, all, dir) = start();
    let read = key(dir.path(), "read", &["--scope", "read"]);
    let short = key(dir.path(), "short", &["--scope", "read", "--expires", "2s"]);
    let path = "/v1/users/7/chats";
    refused(&get(&gateway, &read, path), 401, "BadToken");
    gateway.signal(Signal::HUP);
    gateway.until_told("the keys of business systems were read again");
    done(get(&gateway, &read, path));
    refused(&get(&gateway, &read, "/v1/users/7/devices"), 403, "NotAllowed");
    let mut unkeyed = Caller::connect_to(gateway.api.unwrap());
    unkeyed.say("GET /v1/health HTTP/1.1\r\nHost: x\r\n\r\n");
    refused(&unkeyed.answer().unwrap(), 401, "BadToken");
    let mut caller = Caller::connect_to(gateway.api.unwrap());
    assert_eq!(caller.call((&read, "GET /v1/health"), "").status, 200);
    key(dir.path(), "read", &["--end"]);
    gateway.signal(Signal::HUP);
    // At a busy time it may be over its rate first.
    while caller.call((&read, "GET /v1/health"), "").status != 401 {}
    refused(&caller.call((&read, "GET /v1/health"), ""), 401, "BadToken");
    while get(&gateway, &short, path).status != 401 {}
    refused(&get(&gateway, &short, path), 401, "TokenExpired");
    done(get(&gateway, &all, path));
    for _ in 0..20 {
        get(&gateway, "nobody", path);
    }
    gateway.signal(Signal::TERM);
    let End { told, .. } = gateway.wait();
    assert!(told.contains("longline::audit") && told.contains("call=\"chats\""), "{told}");
    assert!(told.matches("without a good key").count() < 20, "a flood of them is not logged");
    assert!(!told.contains(&all) && !told.contains(&read), "a key is in the log");
}

#[test]
fn nothing_of_a_body_is_read_without_a_key() {
    let (gateway, key, _dir) = start();
    let mut caller = Caller::connect_to(gateway.api.unwrap());
    caller.say(
        "POST /v1/users/7/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n{",
    );
    refused(&caller.answer().unwrap(), 401, "BadToken");
    let mut caller = Caller::connect_to(gateway.api.unwrap());
    caller.say(&format!(
        "POST /v1/users/7/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Length: 1000000000\r\n\r\n{}",
        "x".repeat(200_000)
    ));
    refused(&caller.answer().unwrap(), 413, "BodyTooLarge");
    let mut caller = Caller::connect_to(gateway.api.unwrap());
    caller.say(&format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(100_000)));
    assert!(caller.answer().is_none_or(|answer| matches!(answer.status, 414 | 431)));
}

#[test]
fn a_door_is_not_opened_without_keys() {
    let dir = tempfile::tempdir().unwrap();
    let end = super::process::refused(dir.path(), API);
    assert_eq!(end.code, Some(2), "{}", end.told);
    assert!(end.told.contains("gateway api-key"), "{}", end.told);
    let end = super::process::refused(dir.path(), &["--api-listen", "0.0.0.0:0"]);
    assert!(end.code == Some(2) && end.told.contains("api_listen"), "{}", end.told);
}
