//! What is asked, in order, and what is answered. In paths and bodies `{id}` is an id made now, `{same}` one that stays the
//! same, `{group}` the group that was made last, `{large}` more text than a message has.

use std::collections::HashMap;

use anyhow::{Result, ensure};
use serde_json::Value;

use super::ask::{Ask, Tally};
use super::document::Document;
use super::place::{Place, id};

/// A call, and its answer.
pub struct Row {
    pub call: &'static str,
    pub path: &'static str,
    pub body: &'static str,
    /// The status and, of a refusal, the name of its code.
    pub answer: (u16, &'static str),
    /// The Idempotency-Key.
    key: Option<&'static str>,
}

const fn get(call: &'static str, path: &'static str, answer: (u16, &'static str)) -> Row {
    Row { call, path, body: "", answer, key: None }
}

const fn post(
    call: &'static str,
    path: &'static str,
    body: &'static str,
    answer: (u16, &'static str),
) -> Row {
    Row { call, path, body, answer, key: None }
}

const DONE: (u16, &str) = (200, "");
const BAD: (u16, &str) = (400, "OutOfRange");
const NO_ID: (u16, &str) = (400, "BadId");
const NOBODY: (u16, &str) = (404, "BadRecipient");
const NO_MEMBER: (u16, &str) = (403, "NotMember");

/// Every row. The first of each call is one that is done.
pub const ROWS: &[Row] = &[
    get("document", "/openapi.json", DONE),
    get("health", "/v1/health", DONE),
    post("send", "/v1/users/7/messages", r#"{"to":"8","text":"hi","client_msg_id":"{id}"}"#, DONE),
    post(
        "send",
        "/v1/users/8/messages",
        r#"{"to":"7","body":"aGk=","client_msg_id":"{id}"}"#,
        DONE,
    ),
    post(
        "send",
        "/v1/users/7/messages",
        r#"{"to":"8","text":"hi","client_msg_id":"{same}"}"#,
        DONE,
    ),
    post(
        "send",
        "/v1/users/7/messages",
        r#"{"to":"8","text":"hi","client_msg_id":"{same}"}"#,
        DONE,
    ),
    post(
        "send",
        "/v1/users/7/messages",
        r#"{"to":"8","text":"ho","client_msg_id":"{same}"}"#,
        (409, "IdConflict"),
    ),
    Row {
        key: Some("order 5"),
        ..post("send", "/v1/users/7/messages", r#"{"to":"8","text":"hi","created_ms":{now}}"#, DONE)
    },
    Row {
        key: Some("order 5"),
        ..post("send", "/v1/users/7/messages", r#"{"to":"8","text":"hi"}"#, NO_ID)
    },
    post("send", "/v1/users/7/messages", r#"{"to":"8","text":"hi"}"#, NO_ID),
    post("send", "/v1/users/7/messages", r#"{"to":"8","client_msg_id":"{id}"}"#, BAD),
    post("send", "/v1/users/7/messages", r#"{"text":"hi","client_msg_id":"{id}"}"#, BAD),
    post("send", "/v1/users/7/messages", r#"{"to":"8","text":"hi","to_all":true}"#, BAD),
    post("send", "/v1/users/7/messages", r#"{"to":8,"text":"hi"}"#, BAD),
    post("send", "/v1/users/x/messages", r#"{"to":"8","text":"hi"}"#, BAD),
    post("send", "/v1/users/7/messages", r#"["to"]"#, (400, "Malformed")),
    post(
        "send",
        "/v1/users/7/messages",
        r#"{"to":"8","text":"{large}","client_msg_id":"{id}"}"#,
        (413, "BodyTooLarge"),
    ),
    post(
        "send",
        "/v1/users/7/messages",
        r#"{"to":"7","text":"hi","client_msg_id":"{id}"}"#,
        NOBODY,
    ),
    post(
        "send",
        "/v1/users/7/messages",
        r#"{"to":"18446744073709551615","text":"hi","client_msg_id":"{id}"}"#,
        NOBODY,
    ),
    post(
        "send",
        "/v1/users/7/messages",
        r#"{"group":"55","text":"hi","client_msg_id":"{id}"}"#,
        NO_MEMBER,
    ),
    post(
        "send",
        "/v1/users/7/messages",
        r#"{"to":"8","text":"hi","client_msg_id":"{later}"}"#,
        (409, "IdInFuture"),
    ),
    post(
        "tell",
        "/v1/system/messages",
        r#"{"to":["8","9"],"account":1,"text":"hi","client_msg_id":"{id}"}"#,
        DONE,
    ),
    post(
        "tell",
        "/v1/system/messages",
        r#"{"to":["18446744073709551615"],"account":1,"text":"hi","client_msg_id":"{id}"}"#,
        DONE,
    ),
    post(
        "tell",
        "/v1/system/messages",
        r#"{"to":["8"],"account":0,"text":"hi","client_msg_id":"{id}"}"#,
        BAD,
    ),
    post(
        "tell",
        "/v1/system/messages",
        r#"{"to":[],"account":1,"text":"hi","client_msg_id":"{id}"}"#,
        BAD,
    ),
    post("tell", "/v1/system/messages", r#"{"to":["8"],"account":1,"text":"hi"}"#, NO_ID),
    get("chats", "/v1/users/8/chats", DONE),
    get("chats", "/v1/users/8/chats?limit=1&after=user-7", DONE),
    get("chats", "/v1/users/8/chats?limit=0", BAD),
    get("chats", "/v1/users/8/chats?limit=257", BAD),
    get("chats", "/v1/users/8/chats?after=user-8", NOBODY),
    get("unread", "/v1/users/8/unread", DONE),
    get("inbox", "/v1/users/8/inbox", DONE),
    get("inbox", "/v1/users/8/inbox?cursor=1&limit=1", DONE),
    get("inbox", "/v1/users/8/inbox?cursor=-1", BAD),
    get("inbox", "/v1/users/8/inbox?cursor=1&cursor=1", BAD),
    get("history", "/v1/users/8/conversations/user-7/messages", DONE),
    get("history", "/v1/users/8/conversations/1:8:7/messages?before_seq=2&limit=1", DONE),
    get("history", "/v1/users/8/conversations/system/messages", DONE),
    get("history", "/v1/users/8/conversations/user-8/messages", NOBODY),
    get("history", "/v1/users/8/conversations/1:7:6/messages", NOBODY),
    get("history", "/v1/users/8/conversations/everybody/messages", BAD),
    get("history", "/v1/users/8/conversations/group-55/messages", NO_MEMBER),
    get("trace", "/v1/users/8/conversations/user-7/messages/1", DONE),
    get("trace", "/v1/users/8/conversations/system/messages/1", DONE),
    get("trace", "/v1/users/8/conversations/user-7/messages/999", NOBODY),
    get("trace", "/v1/users/8/conversations/group-55/messages/1", NO_MEMBER),
    get("devices", "/v1/users/8/devices", DONE),
    post("online", "/v1/online", r#"{"uids":["7","8","18446744073709551615"]}"#, DONE),
    post("online", "/v1/online", r#"{"uids":[]}"#, BAD),
    post("kick", "/v1/users/8/kick", "{}", DONE),
    post("kick", "/v1/users/8/kick", "", DONE),
    post("kick", "/v1/users/8/kick", r#"{"device":"5"}"#, DONE),
    post("revoke", "/v1/users/8/revoke", "{}", DONE),
    post("revoke", "/v1/users/8/revoke", r#"{"tokens_s":1}"#, DONE),
    post("revoke", "/v1/users/8/revoke", r#"{"tokens_s":9007199254740000}"#, BAD),
    post(
        "create_group",
        "/v1/users/7/groups",
        r#"{"uids":["8","9"],"client_msg_id":"{id}"}"#,
        DONE,
    ),
    post(
        "create_group",
        "/v1/users/7/groups",
        r#"{"uids":["18446744073709551615"],"client_msg_id":"{id}"}"#,
        BAD,
    ),
    post(
        "send",
        "/v1/users/8/messages",
        r#"{"group":"{group}","text":"hi","client_msg_id":"{id}"}"#,
        DONE,
    ),
    get("history", "/v1/users/9/conversations/group-{group}/messages", DONE),
    get("trace", "/v1/users/9/conversations/group-{group}/messages/2", DONE),
    get("group", "/v1/users/7/groups/{group}", DONE),
    get("group", "/v1/users/6/groups/{group}", NO_MEMBER),
    get("members", "/v1/users/7/groups/{group}/members?limit=2&after=7", DONE),
    get("members", "/v1/users/7/groups/{group}/members?limit=0", BAD),
    get("members", "/v1/users/6/groups/{group}/members", NO_MEMBER),
    post(
        "add_members",
        "/v1/users/7/groups/{group}/add",
        r#"{"uids":["10"],"client_msg_id":"{id}"}"#,
        DONE,
    ),
    post(
        "add_members",
        "/v1/users/7/groups/{group}/add",
        r#"{"uids":["10"],"client_msg_id":"{id}"}"#,
        (409, "AlreadyMember"),
    ),
    post("add_members", "/v1/users/7/groups/{group}/add", r#"{"client_msg_id":"{id}"}"#, BAD),
    post(
        "remove_members",
        "/v1/users/7/groups/{group}/remove",
        r#"{"uids":["10"],"client_msg_id":"{id}"}"#,
        DONE,
    ),
    post(
        "remove_members",
        "/v1/users/8/groups/{group}/remove",
        r#"{"uids":["7"],"client_msg_id":"{id}"}"#,
        (403, "NotAllowed"),
    ),
    post(
        "set_role",
        "/v1/users/7/groups/{group}/role",
        r#"{"uids":["8"],"role":"admin","client_msg_id":"{id}"}"#,
        DONE,
    ),
    post(
        "set_role",
        "/v1/users/7/groups/{group}/role",
        r#"{"uids":["8"],"role":"king","client_msg_id":"{id}"}"#,
        BAD,
    ),
    post(
        "set_role",
        "/v1/users/7/groups/{group}/role",
        r#"{"uids":["8","9"],"role":"owner","client_msg_id":"{id}"}"#,
        BAD,
    ),
    post(
        "mute",
        "/v1/users/7/groups/{group}/mute",
        r#"{"uids":["9"],"until_ms":9007199254740000,"client_msg_id":"{id}"}"#,
        DONE,
    ),
    post(
        "send",
        "/v1/users/9/messages",
        r#"{"group":"{group}","text":"hi","client_msg_id":"{id}"}"#,
        (403, "Muted"),
    ),
    post(
        "mute",
        "/v1/users/7/groups/{group}/mute",
        r#"{"uids":["9"],"until_ms":0,"client_msg_id":"{id}"}"#,
        DONE,
    ),
    post(
        "rename",
        "/v1/users/7/groups/{group}/title",
        r#"{"text":"walks","client_msg_id":"{id}"}"#,
        DONE,
    ),
    post(
        "rename",
        "/v1/users/9/groups/{group}/title",
        r#"{"text":"runs","client_msg_id":"{id}"}"#,
        (403, "NotAllowed"),
    ),
    post(
        "announce",
        "/v1/users/7/groups/{group}/notice",
        r#"{"text":"at nine","client_msg_id":"{id}"}"#,
        DONE,
    ),
    post("leave_group", "/v1/users/9/groups/{group}/leave", r#"{"client_msg_id":"{id}"}"#, DONE),
    post(
        "dissolve",
        "/v1/users/8/groups/{group}/dissolve",
        r#"{"client_msg_id":"{id}"}"#,
        (403, "NotAllowed"),
    ),
    post("dissolve", "/v1/users/7/groups/{group}/dissolve", r#"{"client_msg_id":"{id}"}"#, DONE),
];

/// What stands for what in rows.
pub struct Words(HashMap<&'static str, String>);

impl Words {
    pub fn new() -> Self {
        let now = u64::from_str_radix(&id(0).replace('-', "")[..12], 16).expect("hex");
        let words = [
            ("{same}", id(0)),
            ("{group}", "55".to_owned()),
            ("{large}", "x".repeat(33_000)),
            ("{now}", now.to_string()),
        ];
        Self(words.into_iter().collect())
    }

    pub fn put(&self, text: &str) -> String {
        let text = text.replace("{id}", &id(0)).replace("{later}", &id(3_600_000));
        self.0.iter().fold(text, |text, (name, word)| text.replace(name, word))
    }
}

/// What a row asks, with a key.
pub fn ask(row: &Row, key: Option<String>, (words, method): (&Words, &str)) -> Ask {
    let body = (method == "POST").then(|| words.put(row.body));
    let (path, method) = (words.put(row.path), method.to_owned());
    Ask { method, path, key, idempotency_key: row.key, body, is_slow: false }
}

/// Asks every row, in order.
pub fn run(place: &Place, document: &Document, tally: &mut Tally) -> Result<()> {
    let (mut words, mut first) = (Words::new(), None);
    for row in ROWS {
        let operation = document.operation(row.call);
        let ask = ask(row, Some(place.key("all")), (&words, &operation.method));
        let answer = ask.at(&place.api)?;
        if let Some(Value::String(group)) = answer.body.get("group") {
            words.0.insert("{group}", group.clone());
        }
        let mut judged = || {
            document.judge(operation, &answer, tally)?;
            let name = answer.body["refusal"]["name"].as_str().unwrap_or_default();
            ensure!(
                (answer.status, name) == row.answer,
                "{:?} is expected: {answer:?}",
                row.answer
            );
            if row.body.contains("{same}") && answer.status == 200 {
                let id = answer.body["send_ack"]["message_id"].clone();
                let before = first.get_or_insert_with(|| id.clone());
                ensure!(*before == id, "said again it is another message: {answer:?}");
            }
            Ok(())
        };
        let judged = judged();
        tally.count(&format!("{} {} {}", row.call, row.path, row.body), judged);
    }
    Ok(())
}

/// The first row of a call, which is done.
pub fn good(call: &str) -> &'static Row {
    ROWS.iter().find(|row| row.call == call).unwrap_or_else(|| panic!("the table has no {call}"))
}
